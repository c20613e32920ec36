# SPDX-License-Identifier: Apache-2.0
"""Judging mail: who signed it, is it for us, is it about a notice that we know, what does it say.

No I/O but looking up in the store what the mail is about. What does not verify becomes a finding
and never an item; what is signed with a key that our directory lacks asks for a newer one first.
Source: docs/protocol.md section 21.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agency_client.domain.findings import Finding, FindingKind
from agency_client.domain.letter_contents import (
    BreakGlass,
    LetterContent,
    OnwardDecision,
    OnwardRequest,
    decode_letter,
)
from agency_client.domain.mail import Mail, Removed
from agency_client.domain.post import Arrived, PostItem, PostKind, PostState
from agency_client.domain.records import Evidence, KnownPlace
from agency_client.services.federation import Federation
from keys.errors import EnvelopeError, OpenError, TrustError
from keys.errors import Reason as TrustReason
from keys.framing import framed, sha256
from keys.grants import Grant, SignedGrant, verify_grant
from keys.identities import DecryptionKey
from keys.letters import DECISION, Letter, LetterHeader, SignedLetter, verify_letter
from keys.opening_letters import open_letter
from keys.places import NoticePlace
from keys.recalls import Recall, SignedRecall, verify_recall

Known = Callable[[NoticePlace], KnownPlace | None]
"""Says what is known here of the notice at a place."""

_EVIDENCE = "tocsin/mail-evidence/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What came of a part of our mailbox; `behind` asks for a newer directory before it counts."""

    arrived: Arrived
    behind: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Judges for `federation.agency`; `keys` are our decryption keys by id."""

    federation: Federation
    keys: Mapping[str, DecryptionKey]
    known: Known
    now: int

    def judge(self, mail: Sequence[Mail]) -> Judged:
        """Return what to keep of mail, in order; there is at least one item of it."""
        items: list[PostItem] = []
        findings: list[Finding | Evidence] = []
        behind = False
        for one in mail:
            try:
                item = self._item(one)
            except TrustError as error:
                findings.append(self._finding(one, error))
                behind = behind or error.reason is TrustReason.UNKNOWN_KEYSET
                continue
            if item is not None:
                items.append(item)
                findings += self._told(item)
        arrived = Arrived(after=mail[-1].sequence, items=tuple(items), findings=tuple(findings))
        return Judged(arrived=arrived, behind=behind)

    def _item(self, mail: Mail) -> PostItem | None:
        match mail.item:
            case SignedLetter():
                return self._letter(mail, mail.item)
            case SignedGrant():
                return self._grant(mail, mail.item)
            case SignedRecall():
                return self._recall(mail, mail.item)
            case Removed():
                return None

    def _letter(self, mail: Mail, signed: SignedLetter) -> PostItem:
        claimed = Letter.decode(signed.letter).header
        keyset = self.federation.keyset(claimed.sender, claimed.keyset_id, mail.log)
        letter = verify_letter(signed, keyset, self.federation.id)
        header = letter.header
        self._check_ours(header.recipient)
        content = open_letter(letter, signed.sealed, self._key(header.key_id))
        said = _said(header.kind, content)
        notice_id = self._check_known(header)
        return PostItem(
            kind=PostKind(header.kind),
            name=header.letter_id,
            sender=header.sender,
            recipient=header.recipient,
            originator=header.originator,
            notice_id=notice_id,
            place=header.place,
            created_at=header.created_at,
            target=_target(said),
            until=said.until if isinstance(said, OnwardDecision) else 0,
            answers=header.answers,
            content=content,
            signed=signed.letter,
            signature=signed.signature,
            state=PostState.RECEIVED,
            settled_at=self.now,
            log=mail.log,
        )

    def _check_known(self, header: LetterHeader) -> bytes:
        """Return the id of the notice that a letter is about; refuse one about any other's.

        What is decided about a notice that was released to us may come before the notice.
        """
        known = self.known(header.place)
        if known is not None and known.originator != header.originator:
            raise EnvelopeError(TrustReason.STATEMENT_MISMATCH, "notice is not that agency's")
        if known is None and header.kind != DECISION:
            raise EnvelopeError(TrustReason.STATEMENT_MISMATCH, "letter is about no notice of ours")
        return known.notice_id if known is not None else b""

    def _grant(self, mail: Mail, signed: SignedGrant) -> PostItem:
        claimed = Grant.decode(signed.grant)
        keyset = self.federation.keyset(claimed.grantor, claimed.keyset_id, mail.log)
        grant = verify_grant(signed, keyset, self.federation.id)
        self._check_ours(grant.grantee)
        self._key(grant.key_id)
        return PostItem(
            kind=PostKind.GRANT,
            name=sha256(signed.grant),
            sender=grant.grantor,
            recipient=grant.grantee,
            originator=grant.grantor,
            notice_id=grant.notice_id,
            place=grant.place,
            created_at=grant.granted_at,
            target=grant.grantee,
            until=grant.expires_at,
            signed=signed.grant,
            cargo=signed.wrap,
            signature=signed.signature,
            state=PostState.RECEIVED,
            settled_at=self.now,
            log=mail.log,
        )

    def _recall(self, mail: Mail, signed: SignedRecall) -> PostItem:
        claimed = Recall.decode(signed.recall)
        keyset = self.federation.keyset(claimed.originator, claimed.keyset_id, mail.log)
        recall = verify_recall(signed, keyset, self.federation.id)
        known = self.known(recall.place)
        if known is not None and known.originator != recall.originator:
            raise EnvelopeError(
                TrustReason.STATEMENT_MISMATCH, f"{recall.originator} recalls another's notice"
            )
        return PostItem(
            kind=PostKind.RECALL,
            name=sha256(signed.recall),
            sender=recall.originator,
            recipient="",
            originator=recall.originator,
            notice_id=known.notice_id if known is not None else b"",
            place=recall.place,
            created_at=recall.recalled_at,
            until=recall.answer_by,
            signed=signed.recall,
            signature=signed.signature,
            state=PostState.RECEIVED,
            settled_at=self.now,
            reason=recall.reason,
            log=mail.log,
        )

    def _check_ours(self, agency: str) -> None:
        if agency != self.federation.agency:
            raise EnvelopeError(TrustReason.NOT_A_RECIPIENT, f"mail is for {agency}")

    def _key(self, key_id: str) -> DecryptionKey:
        key = self.keys.get(key_id)
        if key is None:
            raise OpenError(TrustReason.WRAP_INVALID, f"we have no key {key_id}")
        return key

    def _told(self, item: PostItem) -> list[Finding]:
        """Return what our people are to be told of at once."""
        if item.kind is not PostKind.BREAK_GLASS:
            return []
        return [
            Finding(
                kind=FindingKind.BREAK_GLASS,
                reason="told",
                detail=f"{item.sender} opened a notice of ours for danger to life",
                at_ms=self.now,
                originator=item.originator,
            )
        ]

    def _finding(self, mail: Mail, error: TrustError) -> Evidence:
        finding = Finding(
            kind=FindingKind.BAD_MAIL,
            reason=error.reason.value,
            detail=error.detail,
            at_ms=self.now,
            sequence=mail.sequence,
        )
        return Evidence(finding=finding, data=_evidence(mail))


def _said(kind: str, content: bytes) -> LetterContent:
    try:
        return decode_letter(kind, content)
    except ValueError as error:
        raise OpenError(TrustReason.BODY_INVALID, str(error)) from None


def _target(said: LetterContent) -> str:
    match said:
        case OnwardRequest() | OnwardDecision():
            return said.target
        case BreakGlass():
            return said.officer
        case _:
            return ""


def _evidence(mail: Mail) -> bytes:
    """Return what was signed as one string, without what is sealed."""
    match mail.item:
        case SignedLetter(letter=signed, signature=signature):
            return framed(_EVIDENCE, signed, signature)
        case SignedGrant(grant=signed, signature=signature):
            return framed(_EVIDENCE, signed, signature)
        case SignedRecall(recall=signed, signature=signature):
            return framed(_EVIDENCE, signed, signature)
        case Removed():
            return b""
