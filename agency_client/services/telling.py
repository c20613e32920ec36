# SPDX-License-Identifier: Apache-2.0
"""Letters that tell an originator what was done here with its notice: kept first, sent until taken.

Sealed when they are first tried, and the same bytes are tried again after an unknown outcome; a
definite refusal that a newer key or date cures has them sealed anew. Nothing is asked or answered
here. Source: docs/protocol.md section 21.3.
"""

import asyncio

from agency_client.domain.findings import Finding, FindingKind
from agency_client.domain.letter_contents import BreakGlass
from agency_client.domain.people import WaitingLetter
from agency_client.domain.records import Evidence, NoticeRow
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import Broker
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.directory import DirectoryService
from keys.fields import new_uuid7
from keys.letters import LetterHeader, SignedLetter, seal_letter
from keys.places import NoticePlace
from keys.signers import Signing

KIND = "break_glass"
AT_ONCE = 100
_STALE = frozenset({Reason.RESEAL_REQUIRED, Reason.CLOCK_SKEW})
"""Refusals of bytes that are too old."""
_FINAL = frozenset(
    {
        Reason.MALFORMED,
        Reason.SIGNATURE_INVALID,
        Reason.WRONG_FEDERATION,
        Reason.NOT_ORIGINATOR,
        Reason.ALREADY_EXISTS,
        Reason.DENIED,
        Reason.NOT_FOUND,
    }
)
"""Refusals that the same letter would meet again, however it is sealed."""


class Telling:
    """Tells originators, for one agency; implements `services.break_glass.Teller`."""

    def __init__(
        self,
        *,
        agency: str,
        store: Store,
        broker: Broker,
        directory: DirectoryService,
        signing: Signing,
        clock: Clock,
    ) -> None:
        self._agency = agency
        self._store = store
        self._broker = broker
        self._directory = directory
        self._signing = signing
        self._clock = clock

    def tell(self, row: NoticeRow, letter: BreakGlass) -> None:
        """Keep a letter to the originator of a notice; none where the notice is ours.

        Raises:
            AgencyError: of the store.
        """
        if row.originator != self._agency:
            self._store.people.add_letter(row.id, letter.encode())

    async def send(self) -> None:
        """Send what was not taken yet, oldest first.

        One that nobody will ever take becomes a finding, and the next are sent.

        Raises:
            AgencyError: the broker's reason, where trying again later may help; or of the store.
        """
        for waiting in await asyncio.to_thread(self._store.people.letters, AT_ONCE):
            try:
                sealed = await asyncio.to_thread(self._sealed, waiting)
                await self._broker.submit_letter(sealed)
            except AgencyError as error:
                await asyncio.to_thread(self._refused, waiting, error)
            await asyncio.to_thread(self._done, waiting)

    def _sealed(self, waiting: WaitingLetter) -> SignedLetter:
        """Return the bytes to send; they are durable before they are tried."""
        if waiting.sealed is not None:
            return waiting.sealed
        return self._store.people.set_sealed(waiting.number, self._seal(waiting))

    def _seal(self, waiting: WaitingLetter) -> SignedLetter:
        now, current, signer = self._clock.now_ms(), self._directory.current, self._signing()
        originator, place = self._place(waiting)
        key = current.directory.encryption_key(originator, now)
        if key is None:
            raise AgencyError(Reason.DENIED, f"{originator} has no key to write to it with")
        header = LetterHeader(
            kind=KIND,
            federation=current.id,
            letter_id=new_uuid7(now),
            sender=self._agency,
            keyset_id=signer.keyset_id,
            recipient=originator,
            key_id=key.key_id,
            created_at=now,
            originator=originator,
            place=place,
        )
        return seal_letter(waiting.content, header=header, key=key, signer=signer)

    def _place(self, waiting: WaitingLetter) -> tuple[str, NoticePlace]:
        rows = self._store.inbox.rows((waiting.row_id,))
        place = self._store.endings.places([waiting.row_id]).get(waiting.row_id)
        if not rows or place is None:
            raise AgencyError(Reason.NOT_FOUND, f"row {waiting.row_id} is in no frame")
        return rows[0].originator, place

    def _refused(self, waiting: WaitingLetter, error: AgencyError) -> None:
        """Keep a finding of what is refused for good; raise what may yet be taken."""
        if error.reason in _STALE:
            self._store.people.forget_sealed(waiting.number)
        if error.reason not in _FINAL:
            raise error
        finding = Finding(
            kind=FindingKind.UNTOLD,
            reason=error.reason,
            detail=f"an originator could not be told of a break-glass: {error.message}",
            at_ms=self._clock.now_ms(),
        )
        self._store.inbox.add_findings([Evidence(finding=finding)])

    def _done(self, waiting: WaitingLetter) -> None:
        self._store.people.set_letter_done(waiting.number, self._clock.now_ms())
