# SPDX-License-Identifier: Apache-2.0
"""Reads values of the trust library back from the JSON of vector files."""

from collections.abc import Callable, Mapping
from typing import Any

from keys.changes import (
    AssertionKey,
    CardEntry,
    OperationEntry,
    RevokeEntry,
    SuccessorEntry,
)
from keys.entries import (
    AgencyEntry,
    Entry,
    LockEntry,
    RetireEntry,
    RuleBookEntry,
    TopicEntry,
    UnlockEntry,
)
from keys.envelope import (
    AttachmentRef,
    Frame,
    FrameHeader,
    Marking,
    NoticeHeader,
    NoticeRef,
    Recipient,
    RuleBookRef,
    SealedNotice,
    TreeHead,
)
from keys.grants import Grant, SignedGrant
from keys.letters import LetterHeader, SignedLetter
from keys.opening import DeliveredFrame, DeliveredNotice
from keys.places import NoticePlace
from keys.recalls import Recall, SignedRecall
from keys.recipients import EncryptionKey
from keys.root import RootDocument, Steward
from keys.signing import Keyset

raw = bytes.fromhex


def raws(values: list[str]) -> tuple[bytes, ...]:
    """Return a list of bytes."""
    return tuple(map(raw, values))


def _read(value: Mapping[str, Any], **readers: Callable[[Any], object]) -> dict[str, Any]:
    """Return the members of an object, each by its reader; lists become tuples."""
    members = {
        name: tuple(held) if isinstance(held, list) else held for name, held in value.items()
    }
    return {**members, **{name: read(value[name]) for name, read in readers.items()}}


def _each(read: Callable[[Any], object]) -> Callable[[list[Any]], tuple[Any, ...]]:
    return lambda values: tuple(map(read, values))


def marking(value: Mapping[str, Any]) -> Marking:
    """Return a marking."""
    return Marking(**_read(value))


def tree_head(value: Mapping[str, Any]) -> TreeHead:
    """Return a tree head."""
    return TreeHead(**_read(value, root=raw))


def rule_book_ref(value: Mapping[str, Any]) -> RuleBookRef:
    """Return a reference to a rule book."""
    return RuleBookRef(**_read(value, digest=raw))


def frame_header(value: Mapping[str, Any]) -> FrameHeader:
    """Return a frame header."""
    read = _read(
        value,
        federation=raw,
        seal_id=raw,
        outlet=raw,
        marking=marking,
        key_commitment=raw,
        rule_book=rule_book_ref,
        directory=tree_head,
        log=tree_head,
    )
    return FrameHeader(**read)


def attachment_ref(value: Mapping[str, Any]) -> AttachmentRef:
    """Return a reference to an attachment."""
    return AttachmentRef(**_read(value, id=raw, digest=raw))


def notice_ref(value: Mapping[str, Any]) -> NoticeRef:
    """Return a reference to a notice."""
    return NoticeRef(**_read(value, notice_id=raw, leaf_hash=raw))


def notice_header(value: Mapping[str, Any]) -> NoticeHeader:
    """Return a notice header."""
    read = _read(
        value,
        notice_id=raw,
        supersedes=_each(notice_ref),
        recalls=_each(notice_ref),
        attachments=_each(attachment_ref),
    )
    return NoticeHeader(**read)


def recipient(value: Mapping[str, Any]) -> Recipient:
    """Return a recipient's record."""
    return Recipient(**_read(value, prev=raw, wrap_digest=raw))


def sealed_notice(value: Mapping[str, Any]) -> SealedNotice:
    """Return a sealed notice."""
    return SealedNotice(**_read(value, header=raw, body=raw))


def frame(value: Mapping[str, Any]) -> Frame:
    """Return a frame."""
    read = _read(
        value,
        header=raw,
        recipients=raws,
        wraps=raws,
        notices=_each(sealed_notice),
        statement=raw,
        signature=raw,
    )
    return Frame(**read)


def delivered_notice(value: Mapping[str, Any]) -> DeliveredNotice:
    """Return a notice as it is delivered."""
    return DeliveredNotice(**_read(value, header=raw, body=raw, path=raws))


def delivered_frame(value: Mapping[str, Any]) -> DeliveredFrame:
    """Return a frame as it is delivered."""
    read = _read(
        value,
        header=raw,
        statement=raw,
        signature=raw,
        recipient=raw,
        recipient_path=raws,
        wrap=raw,
        notices=_each(delivered_notice),
    )
    return DeliveredFrame(**read)


def place(value: Mapping[str, Any]) -> NoticePlace:
    """Return how a notice is named."""
    return NoticePlace(**_read(value, statement=raw, leaf_hash=raw))


def grant(value: Mapping[str, Any]) -> Grant:
    """Return a grant."""
    return Grant(
        **_read(value, federation=raw, place=place, wrap_digest=raw, rule_book=raw, notice_id=raw)
    )


def recall(value: Mapping[str, Any]) -> Recall:
    """Return a recall."""
    return Recall(**_read(value, federation=raw, place=place))


def letter_header(value: Mapping[str, Any]) -> LetterHeader:
    """Return the header of a letter."""
    return LetterHeader(**_read(value, federation=raw, letter_id=raw, place=place, answers=raw))


def signed_grant(value: Mapping[str, Any]) -> SignedGrant:
    """Return a grant as it travels."""
    return SignedGrant(**_read(value, grant=raw, wrap=raw, signature=raw))


def signed_recall(value: Mapping[str, Any]) -> SignedRecall:
    """Return a recall as it travels."""
    return SignedRecall(**_read(value, recall=raw, signature=raw))


def signed_letter(value: Mapping[str, Any]) -> SignedLetter:
    """Return a letter as it travels."""
    return SignedLetter(**_read(value, letter=raw, sealed=raw, signature=raw))


def keyset(value: Mapping[str, Any]) -> Keyset:
    """Return a keyset."""
    return Keyset(**_read(value, ed25519=raw, mldsa65=raw))


def encryption_key(value: Mapping[str, Any]) -> EncryptionKey:
    """Return an encryption key."""
    return EncryptionKey(**_read(value, public=raw))


def assertion_key(value: Mapping[str, Any]) -> AssertionKey:
    """Return an officer-assertion key."""
    return AssertionKey(**_read(value, public=raw))


def steward(value: Mapping[str, Any]) -> Steward:
    """Return a steward."""
    return Steward(**_read(value, keyset=keyset, tls_root=raw))


def root_document(value: Mapping[str, Any]) -> RootDocument:
    """Return a root document."""
    read = _read(
        value,
        stewards=_each(steward),
        log_key=raw,
        broker_tls_root=raw,
        previous=raw,
        directory_root=raw,
    )
    return RootDocument(**read)


def agency_entry(value: Mapping[str, Any]) -> AgencyEntry:
    """Return an agency's entry."""
    read = _read(
        value,
        operations=_each(tuple),
        tls_roots=raws,
        tls_key_pin=raw,
        signing=_each(keyset),
        encryption=_each(encryption_key),
        assertion_keys=_each(assertion_key),
    )
    return AgencyEntry(**read)


ENTRIES: Mapping[str, Callable[[Mapping[str, Any]], Entry]] = {
    "agency": agency_entry,
    "topic": lambda value: TopicEntry(**_read(value)),
    "rule-book": lambda value: RuleBookEntry(**_read(value)),
    "lock": lambda value: LockEntry(**_read(value)),
    "unlock": lambda value: UnlockEntry(**_read(value)),
    "retire": lambda value: RetireEntry(**_read(value)),
    "operation": lambda value: OperationEntry(**_read(value)),
    "card": lambda value: CardEntry(**_read(value, admitted=raw)),
    "revoke": lambda value: RevokeEntry(**_read(value)),
    "successor": lambda value: SuccessorEntry(**_read(value)),
}
"""Reader of each kind of directory entry."""
