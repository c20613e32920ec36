# SPDX-License-Identifier: Apache-2.0
"""The mailbox of a broker in memory: puts letters, grants and recalls where they belong.

It verifies as the real one does and destroys on a recall; it asks neither the rule book about a
grant nor whether a letter's sender is a party to the notice.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from agency_client.domain.delivery import LogReference
from agency_client.domain.mail import Mail, MailItem, RecipientState, Removed
from agency_client.errors import AgencyError, Reason
from agency_client.ports.clock import Clock
from broker.domain.acts import Act
from keys.envelope import Frame, FrameHeader
from keys.errors import TrustError
from keys.framing import sha256
from keys.grants import Grant, SignedGrant, check_grantor, verify_grant
from keys.letters import Letter, SignedLetter, verify_letter
from keys.logleaf import Value
from keys.places import NoticePlace
from keys.recalls import Recall, SignedRecall, verify_recall
from keys.signing import Keyset
from tests.simulator.federation import Federation
from tests.simulator.memory_log import MemoryLog

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Held:
    """A published frame as the mailbox needs it."""

    originator: str
    frame: Frame
    agencies: tuple[str, ...]


@dataclass(kw_only=True)
class MemoryMailbox:
    """Mail of all agencies; `frame_of` finds what was published, by the digest of its STATEMENT."""

    federation: Federation
    clock: Clock
    log: MemoryLog
    frame_of: Callable[[bytes], Held | None]
    mail: dict[str, list[Mail]] = field(default_factory=dict)
    grants: dict[NoticePlace, dict[str, Grant]] = field(default_factory=dict)
    recalled: dict[NoticePlace, Recall] = field(default_factory=dict)
    _answers: dict[bytes, LogReference] = field(default_factory=dict)

    def letter(self, agency: str, signed: SignedLetter) -> LogReference:
        """Put a letter into its recipient's mailbox."""
        header = _ours(lambda: Letter.decode(signed.letter)).header
        keyset = self._keyset(agency, header.sender, header.keyset_id)
        _ours(lambda: verify_letter(signed, keyset, self.federation.id))
        said: dict[str, Value] = {"sender": agency, "recipient": header.recipient}
        return self._kept("letter", signed.letter, said, (header.recipient,), signed)

    def grant(self, agency: str, signed: SignedGrant) -> LogReference:
        """Admit an agency to a notice."""
        grant = _ours(lambda: Grant.decode(signed.grant))
        keyset = self._keyset(agency, grant.grantor, grant.keyset_id)
        _ours(lambda: verify_grant(signed, keyset, self.federation.id))
        held = self._live(grant.place)
        _ours(lambda: check_grantor(grant, FrameHeader.decode(held.frame.header)))
        self.grants.setdefault(grant.place, {})[grant.grantee] = grant
        said: dict[str, Value] = {"grantor": agency, "grantee": grant.grantee}
        return self._kept("grant", signed.grant, said, (grant.grantee,), signed)

    def recall(self, agency: str, signed: SignedRecall) -> LogReference:
        """Take a notice back: destroy the mail about it, and tell who could open it."""
        if known := self._answers.get(sha256(signed.recall)):
            return known
        recall = _ours(lambda: Recall.decode(signed.recall))
        keyset = self._keyset(agency, recall.originator, recall.keyset_id)
        _ours(lambda: verify_recall(signed, keyset, self.federation.id))
        held = self._live(recall.place)
        if held.originator != agency:
            raise AgencyError(Reason.NOT_FOUND, "no such notice")
        told = {*held.agencies, *self.grants.pop(recall.place, {})} - {agency}
        self.recalled[recall.place] = recall
        self._remove(recall.place)
        said: dict[str, Value] = {"originator": agency, "addressees": len(told)}
        return self._kept("recall", signed.recall, said, sorted(told), signed)

    def states(
        self, held: Held, place: NoticePlace, delivered: Iterable[str]
    ) -> tuple[RecipientState, ...]:
        """Return who could open a notice, its originator left out."""
        sealed = {*held.agencies} - {held.originator}
        return tuple(
            RecipientState(
                agency=agency, delivered=agency in delivered, grantee=agency not in sealed
            )
            for agency in sorted({*sealed, *self.grants.get(place, {})})
        )

    def _keyset(self, agency: str, signer: str, keyset_id: str) -> Keyset:
        keyset = self.federation.directory.keyset(signer, keyset_id)
        if signer != agency or keyset is None:
            raise AgencyError(Reason.SIGNATURE_INVALID, "no such keyset")
        return keyset

    def _live(self, place: NoticePlace) -> Held:
        held = self.frame_of(place.statement)
        if held is None or place in self.recalled:
            raise AgencyError(Reason.NOT_FOUND, "no such notice")
        return held

    def _kept(
        self,
        kind: str,
        data: bytes,
        said: dict[str, Value],
        addressees: Iterable[str],
        item: MailItem,
    ) -> LogReference:
        """Log an object and put it into mailboxes, once."""
        digest = sha256(data)
        if known := self._answers.get(digest):
            return known
        act = Act(
            kind=kind,
            time_ms=self.clock.now_ms(),
            fields={**said, kind: digest},
            salt=secrets.token_bytes(32),
        )
        reference = self._answers[digest] = self.log.append(act)
        for agency in addressees:
            held = self.mail.setdefault(agency, [])
            held.append(Mail(sequence=len(held) + 1, item=item, log=reference))
        return reference

    def _remove(self, place: NoticePlace) -> None:
        for agency, held in self.mail.items():
            self.mail[agency] = [
                replace(one, item=Removed()) if _place(one.item) == place else one for one in held
            ]


def _place(item: MailItem) -> NoticePlace | None:
    match item:
        case SignedLetter():
            return Letter.decode(item.letter).header.place
        case SignedGrant():
            return Grant.decode(item.grant).place
        case _:
            return None


def _ours(check: Callable[[], T]) -> T:
    """Return what a check returns; what it refuses is refused as the broker would say it."""
    try:
        return check()
    except TrustError as error:
        raise AgencyError(Reason.SIGNATURE_INVALID, error.detail) from None
