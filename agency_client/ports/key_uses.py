# SPDX-License-Identifier: Apache-2.0
"""Which keys our frames were signed and sealed with, as the services see it; as `ports.store`."""

from collections.abc import Sequence
from typing import Protocol

from agency_client.domain.key_uses import FrameUse


class KeyUses(Protocol):
    """The frames that we hold, by the keys that they name."""

    def frames(self, after: int, limit: int) -> Sequence[FrameUse]:
        """Return frames by id above `after`, ascending."""
        ...
