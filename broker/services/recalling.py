# SPDX-License-Identifier: Apache-2.0
"""Takes recalls, from a notice's originator alone, and destroys the notice at once.

To everybody else, parties included, the notice might as well not be there. Everybody who could
open it finds the recall in its mailbox, whatever the rule book says of them now.
Source: design section 4, "Recall"; docs/protocol.md section 21.2.
"""

import asyncio
from collections.abc import Sequence

from broker.domain.acts import recall_posting
from broker.domain.deliveries import StoredFrame
from broker.domain.mail import Mail, MailKind, Posted, Posting
from broker.errors import BrokerError, Reason, over_limit
from broker.services.faults import refused
from broker.services.federation import Federation
from broker.services.mailroom import Mailroom
from broker.services.signed_checks import check_clock, check_keyset, keyset_of
from broker.services.vouching import Vouching
from keys.errors import TrustError
from keys.framing import sha256, u32
from keys.recalls import Recall, SignedRecall, verify_recall

MAX_ASSERTIONS = 8
MAX_ASSERTION_BYTES = 16 << 10
ERASING_ROUNDS = 16
"""Of erasing attachments before the answer, 64 MiB; the rest is upkeep's."""


class Recalling:
    """Takes recalls for one broker."""

    def __init__(self, room: Mailroom) -> None:
        self._room = room
        self._vouching = Vouching()

    async def submit(
        self, agency: str, signed: SignedRecall, assertions: Sequence[str], certificate: bytes
    ) -> Posted:
        """Destroy a notice of `agency` and tell who could open it; both are stored on return.

        Args:
            agency: who calls.
            signed: the recall.
            assertions: of the two persons who stand behind it.
            certificate: SHA-256 of what the caller's gateway shows.

        Raises:
            BrokerError: NOT_FOUND for a notice that is not the caller's; DENIED where two persons
                do not stand behind it; ALREADY_EXISTS for one that another recall took back;
                NOT_ORIGINATOR, SIGNATURE_INVALID, MALFORMED, CLOCK_SKEW, RESEAL_REQUIRED,
                LIMIT_EXCEEDED; or of the store.
        """
        room = self._room
        _check_assertions(assertions)
        federation = room.directory.standing(agency)
        recall = await asyncio.to_thread(_authentic, agency, signed, federation)
        digest = sha256(signed.recall)
        known = await room.store.find_posted(agency, MailKind.RECALL, _name(recall), digest)
        if known is not None:
            return known
        federation, now = room.directory.standing(agency), room.clock.now()
        check_clock(recall.recalled_at, room.settings, now)
        check_keyset(federation, agency, recall.keyset_id, now)
        frame = await room.frame(agency, recall.place)
        if frame.originator != agency:
            raise BrokerError(Reason.NOT_FOUND)
        self._vouching.check_two(
            federation,
            agency=agency,
            certificate=certificate,
            act=signed.recall,
            assertions=assertions,
            now=now,
        )
        posted = await room.store.recall(self._posting(signed, recall, frame, now), frame.size)
        room.destroyed.tell([frame.key])
        room.wakeups.wake_all()
        await self._erase()
        return posted

    async def _erase(self) -> None:
        """Erase attachments as far as the disk lets us; what is left is upkeep's."""
        for _ in range(ERASING_ROUNDS):
            try:
                has_more = await self._room.store.erase()
            except BrokerError:
                return
            if not has_more:
                return

    def _posting(
        self, signed: SignedRecall, recall: Recall, frame: StoredFrame, now: int
    ) -> Posting:
        mail = Mail(
            kind=MailKind.RECALL, signed=signed.recall, sealed=b"", signature=signed.signature
        )
        digest = sha256(signed.recall)
        return Posting(
            mail=mail,
            sender=recall.originator,
            name=_name(recall),
            digest=digest,
            topic=frame.topic,
            sequence=frame.sequence,
            index=recall.place.index,
            recipient="",
            outlives=True,
            act=recall_posting(recall, digest, now, self._room.salt()),
        )


def _name(recall: Recall) -> bytes:
    """Return what names a recall: its notice, which is taken back once."""
    return recall.place.statement + u32(recall.place.index)


def _check_assertions(assertions: Sequence[str]) -> None:
    if len(assertions) > MAX_ASSERTIONS:
        raise over_limit("assertions", MAX_ASSERTIONS, len(assertions))
    longest = max(map(len, assertions), default=0)
    if longest > MAX_ASSERTION_BYTES:
        raise over_limit("assertion_bytes", MAX_ASSERTION_BYTES, longest)


def _authentic(agency: str, signed: SignedRecall, federation: Federation) -> Recall:
    try:
        claimed = Recall.decode(signed.recall)
        keyset = keyset_of(federation, agency, claimed.originator, claimed.keyset_id)
        return verify_recall(signed, keyset, federation.id)
    except TrustError as error:
        raise refused(error) from None
