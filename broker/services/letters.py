# SPDX-License-Identifier: Apache-2.0
"""Takes letters: from a party of a notice to its originator, or from the originator to a party.

What a letter says is sealed. Whose notice it is about, and that both sides are parties to it, is
checked here; about a notice that is not the caller's to write about the answer is that of one that
is not there. Source: docs/protocol.md section 21.3.
"""

import asyncio

from broker.domain.acts import letter_posting
from broker.domain.deliveries import StoredFrame
from broker.domain.mail import Mail, MailKind, Posted, Posting
from broker.errors import BrokerError, Reason
from broker.services.faults import refused
from broker.services.federation import Federation
from broker.services.mailroom import Mailroom
from broker.services.signed_checks import check_clock, check_key, check_keyset, keyset_of
from keys.errors import TrustError
from keys.framing import sha256
from keys.letters import DECISION, Letter, LetterHeader, SignedLetter, verify_letter

REQUEST_ONWARD = "request_onward"
_OF_THE_NOTICE = frozenset({REQUEST_ONWARD, DECISION})
"""Kinds that say nothing any more once the notice is destroyed, and are destroyed with it."""


class Letters:
    """Takes letters for one broker."""

    def __init__(self, room: Mailroom) -> None:
        self._room = room

    async def submit(self, agency: str, signed: SignedLetter) -> Posted:
        """Put a letter of `agency` into its recipient's mailbox; it is stored on return.

        Raises:
            BrokerError: NOT_FOUND where one of the two is no party to the notice; NOT_ORIGINATOR,
                SIGNATURE_INVALID, MALFORMED, CLOCK_SKEW, RESEAL_REQUIRED, ALREADY_EXISTS,
                LIMIT_EXCEEDED; or of the store.
        """
        room = self._room
        federation = room.directory.standing(agency)
        header = (await asyncio.to_thread(_authentic, agency, signed, federation)).header
        name, digest = header.letter_id, sha256(signed.letter)
        known = await room.store.find_posted(agency, MailKind.LETTER, name, digest)
        if known is not None:
            return known
        federation, now = room.directory.standing(agency), room.clock.now()
        check_clock(header.created_at, room.settings, now)
        check_keyset(federation, agency, header.keyset_id, now)
        frame = await self._frame(header)
        check_key(federation, header.recipient, header.key_id, now)
        room.check_share(agency, header.recipient, now)
        posted = await room.store.post(self._posting(signed, header, frame, now))
        room.wakeups.wake(header.recipient)
        return posted

    async def _frame(self, header: LetterHeader) -> StoredFrame:
        """Return the frame of the notice that a letter is about, if it may be about that."""
        frame = await self._room.frame(header.sender, header.place)
        if frame.originator != header.originator:
            raise BrokerError(Reason.NOT_FOUND)
        if header.kind == DECISION:
            await self._room.frame(header.recipient, header.place)
        return frame

    def _posting(
        self, signed: SignedLetter, header: LetterHeader, frame: StoredFrame, now: int
    ) -> Posting:
        mail = Mail(
            kind=MailKind.LETTER,
            signed=signed.letter,
            sealed=signed.sealed,
            signature=signed.signature,
        )
        digest = sha256(signed.letter)
        return Posting(
            mail=mail,
            sender=header.sender,
            name=header.letter_id,
            digest=digest,
            topic=frame.topic,
            sequence=frame.sequence,
            index=header.place.index,
            recipient=header.recipient,
            needs_notice=header.kind == REQUEST_ONWARD,
            outlives=header.kind not in _OF_THE_NOTICE,
            act=letter_posting(header, digest, now, self._room.salt()),
        )


def _authentic(agency: str, signed: SignedLetter, federation: Federation) -> Letter:
    try:
        claimed = Letter.decode(signed.letter).header
        keyset = keyset_of(federation, agency, claimed.sender, claimed.keyset_id)
        return verify_letter(signed, keyset, federation.id)
    except TrustError as error:
        raise refused(error) from None
