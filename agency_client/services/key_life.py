# SPDX-License-Identifier: Apache-2.0
"""What our keys were used for, and which private keys nobody needs any more.

Reads our own store and the directory; what is done with keys is `bootstrap.renewal`'s business.
Source: design section 5; docs/protocol.md section 10.
"""

import asyncio
from collections.abc import Iterable, Iterator
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
DAY_MS = 86_400_000
QUIET_DAYS = 7
"""How long after a key's end it is kept: frames that were sealed to it in its last minutes may lie
in a broker's store until they are fetched."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Private keys that nobody needs any more, by id."""

    keysets: frozenset[str]
    encryption: frozenset[str]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.keysets or self.encryption)


def ended_keys(
    entry: AgencyEntry, held: tuple[Iterable[str], Iterable[str]], behind: int, now: int
) -> Ended:
    """Return which of the private keys that we hold may be destroyed.

    A keyset that has ended signs nothing more. An encryption key that has ended in the directory is
    sealed to by nobody, and every notice that we kept has its own key; it is needed for what we
    have yet to fetch alone.

    Args:
        entry: ours in the directory: where a key ends later than we think, it is still used.
        held: ids of the keysets and of the encryption keys that we hold.
        behind: how many frames we have yet to fetch of the topics that we follow.
        now: milliseconds since 1970.
    """
    keysets, encryption = held
    signing = {one.keyset_id: one.valid_until for one in entry.signing}
    sealed_to = {one.key_id: one.valid_until for one in entry.encryption}
    quiet = now - QUIET_DAYS * DAY_MS
    return Ended(
        keysets=frozenset(one for one in keysets if signing.get(one, now) < now),
        encryption=frozenset(
            one for one in encryption if not behind and sealed_to.get(one, now) < quiet
        ),
    )
