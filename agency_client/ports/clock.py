# SPDX-License-Identifier: Apache-2.0
"""Time and randomness as the services see them."""

from typing import Protocol


class Clock(Protocol):
    """Wall-clock time and waiting."""

    def now_ms(self) -> int:
        """Return milliseconds since 1970 UTC."""
        ...

    async def sleep(self, milliseconds: int) -> None:
        """Wait."""
        ...


class Entropy(Protocol):
    """Randomness."""

    def token(self, size: int) -> bytes:
        """Return `size` unpredictable bytes."""
        ...

    def jitter(self) -> float:
        """Return a number in [0, 1)."""
        ...
