# SPDX-License-Identifier: Apache-2.0
"""Credit: how much more a subscriber lets the broker send. There is no other buffer.

A delivery is sent while frames and bytes are both above zero; the last one may take the bytes
below zero, so that a large frame cannot wait for ever behind small grants.
"""

from dataclasses import dataclass, replace
from typing import Self

from broker.errors import invalid

MAX_FRAMES = 1 << 20
"""More outstanding frames than any subscriber can want; bounds what an overflow could do."""
MAX_BYTES = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """Frames and bytes that may still be sent."""

    frames: int = 0
    bytes: int = 0

    @property
    def is_open(self) -> bool:
        """Whether another delivery may be sent."""
        return self.frames > 0 and self.bytes > 0

    def plus(self, grant: Self) -> Self:
        """Return the credit after a grant.

        Raises:
            BrokerError: INVALID_ARGUMENT when a grant is negative or the sum is beyond all sense.
        """
        frames, size = self.frames + grant.frames, self.bytes + grant.bytes
        if grant.frames < 0 or grant.bytes < 0 or frames > MAX_FRAMES or size > MAX_BYTES:
            raise invalid("credit")
        return replace(self, frames=frames, bytes=size)

    def minus(self, size: int) -> Self:
        """Return the credit after one delivery of `size` bytes."""
        return replace(self, frames=self.frames - 1, bytes=self.bytes - size)
