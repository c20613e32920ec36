# SPDX-License-Identifier: Apache-2.0
"""The mailboxes of a broker: takes letters, grants and recalls, and hands mail to whom it is for.

What is handed out is logged before it goes; what is refused is logged as every refusal. What was
begun to be taken in is brought to its end whoever stops waiting. Mail stays: each machine of an
agency reads from where it stands. Source: docs/protocol.md section 21.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from broker.domain.acts import Refusal, mail_reading
from broker.domain.cursors import MAX_SEQUENCE
from broker.domain.limits import MAX_MAIL, MAX_MAIL_BYTES, MAX_WAIT_MS
from broker.domain.mail import HolderState, MailPage, Posted
from broker.errors import BrokerError, Reason, invalid
from broker.services.finishing import Finishing
from broker.services.granting import Granting
from broker.services.letters import Letters
from broker.services.mailroom import Mailroom
from broker.services.recalling import Recalling
from broker.services.refusals import Refusals
from keys.envelope import ID_BYTES
from keys.grants import SignedGrant
from keys.letters import SignedLetter
from keys.recalls import SignedRecall

LETTER, GRANT, RECALL, READ_MAIL, RECIPIENTS = (
    "letter",
    "grant",
    "recall",
    "read-mail",
    "recipients",
)

T = TypeVar("T")


class Mailbox:
    """The mailboxes of one broker."""

    def __init__(self, room: Mailroom, refusals: Refusals) -> None:
        self._room = room
        self._refusals = refusals
        self._letters = Letters(room)
        self._granting = Granting(room)
        self._recalling = Recalling(room)
        self._finishing = Finishing()
        self._is_draining = False

    def drain(self) -> None:
        """Let nobody wait any longer."""
        self._is_draining = True
        self._room.wakeups.wake_all()

    async def submit_letter(self, agency: str, letter: SignedLetter) -> Posted:
        """Put a letter into its recipient's mailbox (`broker.services.letters`)."""
        work = self._finishing.finish(self._letters.submit(agency, letter))
        return await self._noted(LETTER, agency, work)

    async def submit_grant(self, agency: str, grant: SignedGrant) -> Posted:
        """Admit one more agency to a notice (`broker.services.granting`)."""
        work = self._finishing.finish(self._granting.submit(agency, grant))
        return await self._noted(GRANT, agency, work)

    async def submit_recall(
        self, agency: str, recall: SignedRecall, assertions: Sequence[str], certificate: bytes = b""
    ) -> Posted:
        """Take a notice back (`broker.services.recalling`); without a certificate none is."""
        taking = self._recalling.submit(agency, recall, assertions, certificate)
        work = self._finishing.finish(taking)
        return await self._noted(RECALL, agency, work)

    async def mail(self, agency: str, after: int, count: int, wait_ms: int) -> MailPage:
        """Return an agency's mail behind a place, or wait for a first item.

        Raises:
            BrokerError: INVALID_ARGUMENT, AGENCY_LOCKED, UNAUTHENTICATED, or of the store.
        """
        return await self._noted(READ_MAIL, agency, self._mail(agency, after, count, wait_ms))

    async def recipients(self, agency: str, notice_id: bytes) -> Sequence[HolderState]:
        """Return who could open a notice of `agency` itself.

        Raises:
            BrokerError: NOT_FOUND for what is not its own, or not there.
        """
        return await self._noted(RECIPIENTS, agency, self._recipients(agency, notice_id))

    async def _noted(self, act: str, agency: str, work: Coroutine[Any, Any, T]) -> T:
        """Do `work`; write into the log if it is refused."""
        try:
            return await work
        except BrokerError as error:
            await self._refusals.note(Refusal(act=act, agency=agency, reason=""), error)
            raise

    async def _mail(self, agency: str, after: int, count: int, wait_ms: int) -> MailPage:
        if not 0 <= after <= MAX_SEQUENCE:
            raise invalid("after")
        if not 0 < count <= MAX_MAIL:
            raise invalid("page_size")
        if not 0 <= wait_ms <= MAX_WAIT_MS:
            raise invalid("wait_ms")
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_ms / 1000
        with self._room.wakeups.listening(agency) as listener:
            while True:
                page = await self._page(agency, after, count)
                if page.items or loop.time() >= until or self._is_draining:
                    return page
                await listener.wait(until)

    async def _page(self, agency: str, after: int, count: int) -> MailPage:
        """Return what is there, after the leaf was written that says so."""
        room = self._room
        room.directory.standing(agency)
        page = await room.store.mail(agency, after, count, MAX_MAIL_BYTES)
        if page.items:
            first, time_ms = page.items[0].sequence, room.clock.now()
            act = mail_reading(agency, first, len(page.items), time_ms=time_ms, salt=room.salt())
            await room.store.record([act])
            room.directory.standing(agency)
        return page

    async def _recipients(self, agency: str, notice_id: bytes) -> Sequence[HolderState]:
        if len(notice_id) != ID_BYTES:
            raise invalid("notice_id")
        self._room.directory.standing(agency)
        found = await self._room.store.holders(agency, notice_id)
        if found is None:
            raise BrokerError(Reason.NOT_FOUND)
        return found
