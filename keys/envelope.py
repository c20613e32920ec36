# SPDX-License-Identifier: Apache-2.0
"""The parts of a frame as values, with the exact bytes that are hashed and signed.

A value that exists is well formed; `decode` refuses bytes that `encode` would not write. Holds no
secret and opens nothing; `keys.checking` says whether the parts belong together.
Source: docs/protocol.md section 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from keys.errors import EnvelopeError, FramingError, Reason
from keys.fields import (
    check_agency,
    check_bytes,
    check_key_id,
    check_time,
    check_topic,
    check_uuid7,
)
from keys.framing import (
    HASH_BYTES,
    framed,
    listed,
    read_flag,
    read_text,
    read_uint,
    refusing,
    sha256,
    u8,
    u16,
    u32,
    u64,
    unframe,
    unlisted,
)
from keys.marking import Marking
from keys.merkle import hash_leaf

__all__ = [
    "AttachmentRef",
    "Frame",
    "FrameHeader",
    "Marking",
    "NoticeHeader",
    "NoticeRef",
    "Recipient",
    "RuleBookRef",
    "SealedNotice",
    "Statement",
    "TreeHead",
]

SUITE = 1
"""The one suite: every algorithm of docs/protocol.md section 1. A change of any is a new number."""
ID_BYTES = 16
NO_PREVIOUS = bytes(HASH_BYTES)
"""`prev` of an outlet's first frame on a topic to an agency."""

MAX_NOTICES = 256
MAX_RECIPIENTS = 1000
MAX_NOTICE_BYTES = 2 * 1024 * 1024
"""Headers and bodies of all notices of a frame together."""
MAX_WRAP_BYTES = 3 * 512 * 1024
"""All wraps of a frame together."""
MAX_REFERENCES = 64
"""Entries of `supersedes`, and of `recalls`, of one notice."""
MAX_ATTACHMENTS = 64
MAX_ATTACHMENT_BYTES = 1 << 40
"""Ciphertext of one attachment: far above any use, and safe in every integer type."""

_FRAME_HEADER = "tocsin/frame-header/v1"
_NOTICE_HEADER = "tocsin/notice-header/v1"
_NOTICE = "tocsin/notice/v1"
_RECIPIENT = "tocsin/recipient/v1"
_STATEMENT = "tocsin/frame/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeHead:
    """Size and root of a log as the originator had seen it."""

    size: int
    root: bytes

    @refusing(EnvelopeError)
    def __post_init__(self) -> None:
        check_bytes(self.root, HASH_BYTES, "tree root")
        if not 0 <= self.size < 1 << 63:
            raise FramingError(Reason.MALFORMED, f"tree size {self.size} is out of range")

    def encode(self) -> bytes:
        """Return size and root as a list."""
        return listed((u64(self.size), self.root))

    @classmethod
    @refusing(EnvelopeError)
    def decode(cls, data: bytes) -> Self:
        """Read what `encode` writes."""
        size, root = _exactly(unlisted(data), 2)
        return cls(size=read_uint(size, 8), root=root)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBookRef:
    """Version and digest of the rule book that the originator decided under."""

    version: int
    digest: bytes

    @refusing(EnvelopeError)
    def __post_init__(self) -> None:
        check_bytes(self.digest, HASH_BYTES, "rule book digest")
        if not 0 <= self.version < 1 << 63:
            raise FramingError(Reason.MALFORMED, f"rule book {self.version} is out of range")

    def encode(self) -> bytes:
        """Return version and digest as a list."""
        return listed((u64(self.version), self.digest))

    @classmethod
    @refusing(EnvelopeError)
    def decode(cls, data: bytes) -> Self:
        """Read what `encode` writes."""
        version, digest = _exactly(unlisted(data), 2)
        return cls(version=read_uint(version, 8), digest=digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameHeader:
    """FRAME_HEADER: what holds for every notice of a frame.

    Attributes:
        federation: 32 bytes (`keys.root.federation_id`).
        seal_id: 16 random bytes, new for every sealing.
        outlet: 16 random bytes: the outbox that numbers the frame.
        topic: where it is published.
        created_at: milliseconds since 1970.
        marking: its handling.
        key_commitment: 32 bytes that commit to the seal key.
        rule_book: what the originator decided under.
        directory: the directory that the originator took keys from.
        log: the highest checkpoint of the broker's log that the originator had verified.
        originator: who sealed it. The wraps and bodies hang on this header, so nobody can sign
            another's ciphertext as its own.
        suite: always `SUITE`.
    """

    federation: bytes
    seal_id: bytes
    outlet: bytes
    topic: str
    created_at: int
    marking: Marking
    key_commitment: bytes
    rule_book: RuleBookRef
    directory: TreeHead
    log: TreeHead
    originator: str
    suite: int = SUITE

    @refusing(EnvelopeError)
    def __post_init__(self) -> None:
        if self.suite != SUITE:
            raise FramingError(Reason.MALFORMED, f"suite {self.suite} is unknown")
        check_bytes(self.federation, HASH_BYTES, "federation")
        check_bytes(self.seal_id, ID_BYTES, "seal id")
        check_bytes(self.outlet, ID_BYTES, "outlet")
        check_bytes(self.key_commitment, HASH_BYTES, "key commitment")
        check_topic(self.topic)
        check_time(self.created_at)
        check_agency(self.originator)

    def encode(self) -> bytes:
        """Return the FRAME_HEADER bytes."""
        return framed(
            _FRAME_HEADER,
            u16(self.suite),
            self.federation,
            self.seal_id,
            self.outlet,
            self.topic.encode(),
            u64(self.created_at),
            self.marking.encode(),
            self.key_commitment,
            self.rule_book.encode(),
            self.directory.encode(),
            self.log.encode(),
            self.originator.encode(),
        )

    @classmethod
    @refusing(EnvelopeError)
    def decode(cls, data: bytes) -> Self:
        """Read FRAME_HEADER bytes; raises `EnvelopeError` for any `encode` would not write."""
        items = unframe(_FRAME_HEADER, data, 12)
        suite, federation, seal_id, outlet, topic, created_at, marking, commitment = items[:8]
        rule_book, directory, log, originator = items[8:]
        return cls(
            suite=read_uint(suite, 2),
            federation=federation,
            seal_id=seal_id,
            outlet=outlet,
            topic=read_text(topic),
            created_at=read_uint(created_at, 8),
            marking=Marking.decode(marking),
            key_commitment=commitment,
            rule_book=RuleBookRef.decode(rule_book),
            directory=TreeHead.decode(directory),
            log=TreeHead.decode(log),
            originator=read_text(originator),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentRef:
    """One attachment of a notice: 16-byte id, SHA-256 and length in bytes of its ciphertext."""

    id: bytes
    digest: bytes
    length: int

    @refusing(EnvelopeError)
    def __post_init__(self) -> None:
        check_bytes(self.id, ID_BYTES, "attachment id")
        check_bytes(self.digest, HASH_BYTES, "attachment digest")
        if not 0 < self.length <= MAX_ATTACHMENT_BYTES:
            raise FramingError(Reason.MALFORMED, f"attachment of {self.length} bytes")

    def encode(self) -> bytes:
        """Return id, digest and length as a list."""
        return listed((self.id, self.digest, u64(self.length)))

    @classmethod
    @refusing(EnvelopeError)
    def decode(cls, data: bytes) -> Self:
        """Read what `encode` writes."""
        id_, digest, length = _exactly(unlisted(data), 3)
        return cls(id=id_, digest=digest, length=read_uint(length, 8))


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRef:
    """Names another notice by its originator, id and 32-byte leaf hash."""

    originator: str
    notice_id: bytes
    leaf_hash: bytes

    @refusing(EnvelopeError)
    def __post_init__(self) -> None:
        check_agency(self.originator)
        check_uuid7(self.notice_id)
        check_bytes(self.leaf_hash, HASH_BYTES, "leaf hash")

    def encode(self) -> bytes:
        """Return originator, id and leaf hash as a list."""
        return listed((self.originator.encode(), self.notice_id, self.leaf_hash))

    @classmethod
    @refusing(EnvelopeError)
    def decode(cls, data: bytes) -> Self:
        """Read what `encode` writes."""
        originator, notice_id, leaf_hash = _exactly(unlisted(data), 3)
        return cls(originator=read_text(originator), notice_id=notice_id, leaf_hash=leaf_hash)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeHeader:
    """HEADER_i: what is in clear about one notice.

    Attributes:
        notice_id: UUID of version 7 as 16 bytes (`keys.fields.new_uuid7`).
        valid_from: milliseconds since 1970.
        expires_at: milliseconds since 1970; later than `valid_from`.
        supersedes: notices that this one replaces.
        recalls: notices that this one takes back.
        attachments: what was uploaded for it.
    """

    notice_id: bytes
    valid_from: int
    expires_at: int
    supersedes: tuple[NoticeRef, ...] = ()
    recalls: tuple[NoticeRef, ...] = ()
    attachments: tuple[AttachmentRef, ...] = ()

    @refusing(EnvelopeError)
    def __post_init__(self) -> None:
        check_uuid7(self.notice_id)
        check_time(self.valid_from)
        check_time(self.expires_at)
        if self.valid_from >= self.expires_at:
            raise FramingError(Reason.MALFORMED, "notice expires before it is valid")
        for refs in (self.supersedes, self.recalls):
            _check_named([(ref.originator, ref.notice_id) for ref in refs], MAX_REFERENCES)
        _check_named([ref.id for ref in self.attachments], MAX_ATTACHMENTS)

    def encode(self) -> bytes:
        """Return the HEADER_i bytes."""
        return framed(
            _NOTICE_HEADER,
            self.notice_id,
            u64(self.valid_from),
            u64(self.expires_at),
            listed(ref.encode() for ref in self.supersedes),
            listed(ref.encode() for ref in self.recalls),
            listed(ref.encode() for ref in self.attachments),
        )

    @classmethod
    @refusing(EnvelopeError)
    def decode(cls, data: bytes) -> Self:
        """Read HEADER_i bytes; raises `EnvelopeError` for any that `encode` would not write."""
        items = unframe(_NOTICE_HEADER, data, 6)
        notice_id, valid_from, expires_at, supersedes, recalls, attachments = items
        return cls(
            notice_id=notice_id,
            valid_from=read_uint(valid_from, 8),
            expires_at=read_uint(expires_at, 8),
            supersedes=tuple(map(NoticeRef.decode, unlisted(supersedes))),
            recalls=tuple(map(NoticeRef.decode, unlisted(recalls))),
            attachments=tuple(map(AttachmentRef.decode, unlisted(attachments))),
        )


def _check_named(names: Sequence[object], limit: int) -> None:
    """Refuse too many references, and two to one thing, whatever they say about it."""
    if not names:
        return
    if len(names) > limit:
        raise FramingError(Reason.LIMIT_EXCEEDED, f"{len(names)} references, at most {limit}")
    if len(set(names)) != len(names):
        raise FramingError(Reason.REPEATED_ID, "a reference occurs twice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """RECIPIENT_r: one agency that a frame is sealed to, and its place in that agency's chain.

    Attributes:
        agency: to whom.
        key_id: which encryption key of the agency.
        named: whether the originator named the agency itself as addressee.
        seq: from 1: how many frames of this outlet on this topic went to the agency.
        prev: SHA-256 of the STATEMENT of the one before; `NO_PREVIOUS` for the first.
        wrap_digest: SHA-256 of the wrap.
    """

    agency: str
    key_id: str
    named: bool
    seq: int
    prev: bytes
    wrap_digest: bytes

    @refusing(EnvelopeError)
    def __post_init__(self) -> None:
        check_agency(self.agency)
        check_key_id(self.key_id)
        check_bytes(self.prev, HASH_BYTES, "previous statement")
        check_bytes(self.wrap_digest, HASH_BYTES, "wrap digest")
        if not 0 < self.seq < 1 << 63:
            raise FramingError(Reason.MALFORMED, f"sequence {self.seq} is out of range")
        if (self.seq == 1) != (self.prev == NO_PREVIOUS):
            raise FramingError(Reason.MALFORMED, "first of a chain has no previous, others have")

    def encode(self) -> bytes:
        """Return the RECIPIENT bytes."""
        return framed(
            _RECIPIENT,
            self.agency.encode(),
            self.key_id.encode(),
            u8(self.named),
            u64(self.seq),
            self.prev,
            self.wrap_digest,
        )

    @classmethod
    @refusing(EnvelopeError)
    def decode(cls, data: bytes) -> Self:
        """Read RECIPIENT bytes; raises `EnvelopeError` for any that `encode` would not write."""
        agency, key_id, named, seq, prev, wrap_digest = unframe(_RECIPIENT, data, 6)
        return cls(
            agency=read_text(agency),
            key_id=read_text(key_id),
            named=read_flag(named),
            seq=read_uint(seq, 8),
            prev=prev,
            wrap_digest=wrap_digest,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """STATEMENT: what the originator signs. Everything else of a frame hangs on it by hash.

    Attributes:
        originator: the agency that sealed the frame.
        keyset_id: which of its keysets signed.
        header_digest: SHA-256 of the FRAME_HEADER.
        recipient_count: 1 to 1000.
        recipient_root: RFC 9162 root over the RECIPIENT bytes, ascending by agency.
        notice_count: 1 to 256.
        notice_root: RFC 9162 root over the notices' leaves.
    """

    originator: str
    keyset_id: str
    header_digest: bytes
    recipient_count: int
    recipient_root: bytes
    notice_count: int
    notice_root: bytes

    @refusing(EnvelopeError)
    def __post_init__(self) -> None:
        check_agency(self.originator)
        check_key_id(self.keyset_id)
        check_bytes(self.header_digest, HASH_BYTES, "header digest")
        check_bytes(self.recipient_root, HASH_BYTES, "recipient root")
        check_bytes(self.notice_root, HASH_BYTES, "notice root")
        check_counts(self.recipient_count, self.notice_count)

    def encode(self) -> bytes:
        """Return the STATEMENT bytes."""
        return framed(
            _STATEMENT,
            self.originator.encode(),
            self.keyset_id.encode(),
            self.header_digest,
            u32(self.recipient_count),
            self.recipient_root,
            u32(self.notice_count),
            self.notice_root,
        )

    @classmethod
    @refusing(EnvelopeError)
    def decode(cls, data: bytes) -> Self:
        """Read STATEMENT bytes; raises `EnvelopeError` for any that `encode` would not write."""
        items = unframe(_STATEMENT, data, 7)
        originator, keyset_id, header_digest, recipients, recipient_root, notices, root = items
        return cls(
            originator=read_text(originator),
            keyset_id=read_text(keyset_id),
            header_digest=header_digest,
            recipient_count=read_uint(recipients, 4),
            recipient_root=recipient_root,
            notice_count=read_uint(notices, 4),
            notice_root=root,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedNotice:
    """One notice as it travels: HEADER_i and BODY_i, untrusted until checked."""

    header: bytes
    body: bytes

    @property
    def leaf_hash(self) -> bytes:
        """The notice's leaf hash in the frame's notice tree."""
        return hash_leaf(framed(_NOTICE, self.header, sha256(self.body)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A whole frame as its originator sealed it, untrusted until checked.

    Attributes:
        header: FRAME_HEADER bytes.
        recipients: RECIPIENT bytes, ascending by agency.
        wraps: the wrap for each of `recipients`, in the same order.
        notices: all notices, in order.
        statement: STATEMENT bytes.
        signature: hybrid signature over the statement.
    """

    header: bytes
    recipients: tuple[bytes, ...]
    wraps: tuple[bytes, ...]
    notices: tuple[SealedNotice, ...]
    statement: bytes
    signature: bytes


def check_counts(recipients: int, notices: int) -> None:
    """Refuse a frame to nobody, with nothing, to too many or with too much.

    Raises:
        FramingError: with reason LIMIT_EXCEEDED.
    """
    if not 1 <= recipients <= MAX_RECIPIENTS:
        raise FramingError(
            Reason.LIMIT_EXCEEDED, f"{recipients} recipients, expected 1 to {MAX_RECIPIENTS}"
        )
    if not 1 <= notices <= MAX_NOTICES:
        raise FramingError(Reason.LIMIT_EXCEEDED, f"{notices} notices, expected 1 to {MAX_NOTICES}")


def _exactly(items: list[bytes], count: int) -> list[bytes]:
    if len(items) != count:
        raise FramingError(Reason.MALFORMED, f"list has {len(items)} items, expected {count}")
    return items
