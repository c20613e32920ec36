# SPDX-License-Identifier: Apache-2.0
"""Bounds how often something may happen: so many at once, and one more after each while."""

from collections.abc import Hashable


class Buckets:
    """A bucket of tokens for each key; a key that was never seen has a full one."""

    def __init__(self, burst: int, refill_ms: int) -> None:
        self._burst = burst
        self._refill_ms = refill_ms
        self._left: dict[Hashable, tuple[float, int]] = {}

    def take(self, key: Hashable, now: int) -> bool:
        """Take a token at `now`, in milliseconds, if there is one."""
        left, since = self._left.get(key, (float(self._burst), now))
        left = min(self._burst, left + max(0, now - since) / self._refill_ms)
        has_one = left >= 1
        self._left[key] = (left - 1 if has_one else left, now)
        return has_one
