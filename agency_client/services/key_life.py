# SPDX-License-Identifier: Apache-2.0
"""What our keys were used for.

Reads our own store; what is done with keys is `bootstrap.renewal`'s business.
Source: design section 5; docs/protocol.md section 10.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from agency_client.domain.key_uses import (
    Exposure,
    FrameUse,
    KeyUse,
    exposure_of,
    is_use_of,
)
from agency_client.errors import AgencyError, Reason
from agency_client.ports.key_uses import KeyUses
from keys.entries import AgencyEntry

PORTION = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLife:
    """The uses of one profile's keys; `request` is what we ask the stewards to publish of us."""

    request: AgencyEntry
    uses: KeyUses

    async def exposure(self, key_id: str) -> tuple[Exposure, ...]:
        """Return what a key of ours was used for; a keyset and an encryption key may have one id.

        Raises:
            AgencyError: NOT_FOUND; we have no such key.
        """
        found = [use for use, ids in self._ids().items() if key_id in ids]
        if not found:
            known = ", ".join(sorted({one for ids in self._ids().values() for one in ids}))
            raise AgencyError(Reason.NOT_FOUND, f"no key of ours is {key_id}; there are {known}")
        return tuple([await asyncio.to_thread(self._exposure, use, key_id) for use in found])

    def _ids(self) -> dict[KeyUse, set[str]]:
        return {
            KeyUse.KEYSET: {one.keyset_id for one in self.request.signing},
            KeyUse.ENCRYPTION: {one.key_id for one in self.request.encryption},
        }

    def _exposure(self, use: KeyUse, key_id: str) -> Exposure:
        agency = self.request.agency
        used = (one for one in self._frames() if is_use_of(one, agency, use, key_id))
        return exposure_of(use, key_id, used)

    def _frames(self) -> Iterator[FrameUse]:
        after = 0
        while portion := self.uses.frames(after, PORTION):
            yield from portion
            after = portion[-1].id
