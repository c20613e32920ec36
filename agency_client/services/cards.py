# SPDX-License-Identifier: Apache-2.0
"""Our contact card, and with it our counter-signature: we agree to our entry as it stands.

Signed only where every key of the entry is ours. Stewards who were deceived, or who mixed up two
requests, are found out here by the one who must know. Source: docs/protocol.md section 10.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agency_client.domain.partners import Asked, differing
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import Broker
from agency_client.ports.clock import Clock
from agency_client.services.directory import DirectoryService
from agency_client.services.steward import proposing
from keys.directory import (
    CardEntry,
    Directory,
    SignedEntry,
    encode_entry,
    sign_card,
)
from keys.entries import encode_content
from keys.framing import sha256
from keys.signers import Signing

ATTEMPTS = 3
"""Others add entries meanwhile; whoever is overtaken thrice tries again later."""

Change = Callable[[CardEntry], CardEntry]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardService:
    """The card of one profile; `asked` returns what we ask the stewards to publish of us now."""

    agency: str
    asked: Asked
    signing: Signing = field(repr=False)
    directory: DirectoryService
    broker: Broker
    clock: Clock

    def own(self) -> CardEntry | None:
        """Return our card as the directory has it."""
        return self.directory.current.directory.card(self.agency)

    async def publish(self, change: Change) -> CardEntry:
        """Sign our card, changed, and with it our entry as it now stands; the broker takes it in.

        Args:
            change: makes the new card of the one that is there; its version is set here.

        Raises:
            AgencyError: NOT_ENROLLED, we are not in the directory; ADMISSION_DIFFERS, the entry
                is not what we asked for; INVALID_ARGUMENT, the card cannot stand; or the broker
                refuses it. Nothing is changed then.
        """
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._attempt(change)
            except AgencyError as error:
                if error.reason is not Reason.DIRECTORY_CONFLICT:
                    raise
        return await self._attempt(change)

    async def _attempt(self, change: Change) -> CardEntry:
        await self.directory.sync()
        card = self._next(change)
        await self.broker.submit_entry(await asyncio.to_thread(self._signed, card))
        await self.directory.sync()
        return card

    def _next(self, change: Change) -> CardEntry:
        directory, agency = self.directory.current.directory, self.agency
        entry = directory.agency(agency)
        if entry is None:
            raise AgencyError(Reason.NOT_ENROLLED, f"the stewards have not admitted {agency} yet")
        foreign = differing(entry, self.asked(), self.clock.now_ms())
        if foreign:
            raise AgencyError(
                Reason.ADMISSION_DIFFERS, f"the directory has {agency} with {foreign}"
            )
        before, admitted = directory.card(agency), sha256(encode_content(entry))
        with proposing():
            base = before or CardEntry(agency=agency, version=1, admitted=admitted)
            card = change(base)
            version = before.version + 1 if before else 1
            card = replace(card, agency=agency, version=version, admitted=admitted)
        _check_time_zone(card.time_zone)
        return card

    def _signed(self, card: CardEntry) -> bytes:
        directory: Directory = self.directory.current.directory
        issued_at = max(self.clock.now_ms(), directory.issued_at)
        body = encode_entry(directory.federation, directory.size, issued_at, card)
        return sign_card(SignedEntry(body=body), self.signing()).encode()


def _check_time_zone(name: str) -> None:
    if not name:
        return
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise AgencyError(
            Reason.INVALID_ARGUMENT, f"there is no time zone {name!r:.60}; one is Europe/Athens"
        ) from None
