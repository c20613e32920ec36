# SPDX-License-Identifier: Apache-2.0
"""This machine's clock and randomness, behind `ports.clock`."""

import asyncio
import secrets
import time

_FRACTION_BITS = 53


class SystemClock:
    """The wall clock."""

    def now_ms(self) -> int:
        """Return milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000

    async def sleep(self, milliseconds: int) -> None:
        """Wait."""
        await asyncio.sleep(milliseconds / 1000)


class SystemEntropy:
    """The operating system's randomness."""

    def token(self, size: int) -> bytes:
        """Return `size` unpredictable bytes."""
        return secrets.token_bytes(size)

    def jitter(self) -> float:
        """Return a number in [0, 1)."""
        return secrets.randbits(_FRACTION_BITS) / (1 << _FRACTION_BITS)
