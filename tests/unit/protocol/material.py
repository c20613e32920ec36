# SPDX-License-Identifier: Apache-2.0
"""What the tests of this folder share: one federation, one frame, and every format with its reader.

Nothing here is changed by a test; one that changes a federation builds its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from keys import entries, logleaf, merkle, recipients, root
from keys.directory import DirectoryEntry, SignedEntry, decode_entry, encode_entry
from keys.entries import LockEntry, RuleBookEntry, TopicEntry, decode_content, encode_content
from keys.envelope import (
    AttachmentRef,
    Frame,
    FrameHeader,
    Marking,
    NoticeHeader,
    NoticeRef,
    Recipient,
    Statement,
)
from keys.errors import TrustError
from keys.fields import new_uuid7
from keys.framing import listed, sha256, unlisted
from keys.grants import Grant
from keys.letters import LetterHeader
from keys.opening import DeliveredFrame, OpenedNotice, open_delivery, verify_delivery
from keys.recalls import Recall
from keys.signing import PAYLOAD_FRAME, Keyset
from tests.simulator import mail
from tests.simulator.federation import (
    KEYSET,
    NOW,
    TOPIC,
    Federation,
    build_federation,
    notice_draft,
)

ORIGINATOR, READER = "gr-pol", "ro-pol"


@cache
def federation() -> Federation:
    return build_federation()


@cache
def frame() -> Frame:
    """Return three notices of gr-pol for everybody, the second superseding one before."""
    leaf_hash = bytes(range(32))
    before = NoticeRef(originator=ORIGINATOR, notice_id=new_uuid7(NOW), leaf_hash=leaf_hash)
    attached = AttachmentRef(id=bytes(16), digest=bytes(32), length=1)
    second = notice_draft(b"second", supersedes=(before,), attachments=(attached,))
    return federation().seal(ORIGINATOR, [b"first", second, b"third"], named=[READER])


def keyset() -> Keyset:
    found = federation().directory.keyset(ORIGINATOR, KEYSET)
    assert found is not None
    return found


def verify_and_open(
    delivered: DeliveredFrame, agency: str = READER, topic: str = TOPIC
) -> tuple[OpenedNotice, ...]:
    checked = verify_delivery(delivered, keyset(), federation().id, agency, topic)
    return open_delivery(checked, delivered, federation().agencies[agency].decryption)


def with_item(data: bytes, index: int, item: bytes) -> bytes:
    """Return framed bytes with one item replaced; the label is item 0."""
    items = unlisted(data)
    items[index] = item
    return listed(items)


def nested(data: bytes, index: int, inner: int, item: bytes) -> bytes:
    """Return framed bytes in which one item of the list at `index` is replaced."""
    return with_item(data, index, with_item(unlisted(data)[index], inner, item))


def refuses(read: Callable[[bytes], object], data: bytes) -> bool:
    """Tell whether reading raises our error; any other error is the test's failure."""
    try:
        read(data)
    except TrustError:
        return True
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format, one good example, and which of its items (from 1) have which type."""

    name: str
    example: bytes
    read: Callable[[bytes], Any]
    write: Callable[[Any], bytes] = lambda value: value.encode()
    fixed: tuple[int, ...] = ()
    flags: tuple[int, ...] = ()
    texts: tuple[int, ...] = ()


def _write_entry(entry: DirectoryEntry) -> bytes:
    return encode_entry(entry.federation, entry.index, entry.issued_at, entry.content)


def _content(name: str, entry: entries.Entry, **types: tuple[int, ...]) -> Format:
    return Format(
        name=name,
        example=encode_content(entry),
        read=decode_content,
        write=encode_content,
        **types,
    )


@cache
def formats() -> tuple[Format, ...]:
    held, sealed = federation(), frame()
    agency = held.agencies[ORIGINATOR].entry
    signed_root, signed_entry = held.signed_roots[0], held.signed_entries[-1]
    header = FrameHeader.decode(sealed.header)
    leaf = logleaf.encode_leaf("publish", NOW, {"sequence": 1, "topic": TOPIC}, bytes(32))
    topic = TopicEntry(topic=TOPIC, title="Cases", readers=("members",), publishers=("members",))
    operating = replace(agency, operations=(("OP-ONE", NOW),), contact="duty desk")
    return (
        Format(
            name="MARKING",
            example=header.marking.encode(),
            read=Marking.decode,
            flags=(8,),
            texts=(1, 2, 6, 7, 9, 10),
        ),
        Format(
            name="FRAME_HEADER",
            example=sealed.header,
            read=FrameHeader.decode,
            fixed=(1, 2, 3, 4, 6, 8),
            texts=(5, 12),
        ),
        Format(
            name="HEADER",
            example=sealed.notices[1].header,
            read=NoticeHeader.decode,
            fixed=(1, 2, 3),
        ),
        Format(
            name="RECIPIENT",
            example=sealed.recipients[0],
            read=Recipient.decode,
            fixed=(4, 5, 6),
            flags=(3,),
            texts=(1, 2),
        ),
        Format(
            name="STATEMENT",
            example=sealed.statement,
            read=Statement.decode,
            fixed=(3, 4, 5, 6, 7),
            texts=(1, 2),
        ),
        Format(
            name="KEYSET",
            example=keyset().encode(),
            read=Keyset.decode,
            fixed=(2, 3, 4, 5),
            texts=(1,),
        ),
        Format(
            name="ENCRYPTION_KEY",
            example=agency.encryption[0].encode(),
            read=recipients.EncryptionKey.decode,
            fixed=(2, 3, 4),
            texts=(1,),
        ),
        Format(
            name="STEWARD",
            example=held.stewards[0].steward.encode(),
            read=root.Steward.decode,
            texts=(1,),
        ),
        Format(
            name="ROOT",
            example=signed_root.body,
            read=root.RootDocument.decode,
            fixed=(1, 3, 6, 8, 9, 10, 11, 12),
            texts=(2, 5),
        ),
        Format(name="SIGNED_ROOT", example=signed_root.encode(), read=root.SignedRoot.decode),
        Format(
            name="DIRECTORY_ENTRY",
            example=signed_entry.body,
            read=decode_entry,
            write=_write_entry,
            fixed=(1, 2, 3),
        ),
        Format(name="SIGNED_ENTRY", example=signed_entry.encode(), read=SignedEntry.decode),
        _content("AGENCY", operating, fixed=(8, 11), flags=(7,), texts=(1, 2, 3, 4, 5, 14)),
        _content("TOPIC", topic, flags=(5,), texts=(1, 2, 6)),
        _content("LOCK", LockEntry(agency=READER, reason="keys stolen"), texts=(1, 2)),
        _content(
            "RULE_BOOK",
            RuleBookEntry(version=1, schema="namespace T {}", policies="// none"),
            fixed=(1,),
            texts=(2, 3),
        ),
        Format(
            name="GRANT",
            example=mail.grant_of(held, sealed, "hr-ngo").grant,
            read=Grant.decode,
            fixed=(1, 2, 3, 4, 9, 10, 11, 12),
            texts=(5, 6, 7, 8),
        ),
        Format(
            name="RECALL",
            example=mail.recall_of(held, sealed).recall,
            read=Recall.decode,
            fixed=(1, 2, 3, 4, 8, 9),
            texts=(5, 6, 7),
        ),
        Format(
            name="LETTER_HEADER",
            example=mail.letter_header(held, sealed, "attestation", READER, ORIGINATOR).encode(),
            read=LetterHeader.decode,
            fixed=(2, 3, 8, 10, 11, 12),
            texts=(1, 4, 5, 6, 7, 9),
        ),
        Format(name="LOG_LEAF", example=leaf, read=logleaf.LeafBody.decode, fixed=(2,), texts=(1,)),
    )


def example(name: str) -> Format:
    return next(one for one in formats() if one.name == name)


def resigned(changed: Frame, **statement: Any) -> Frame:
    """Return the frame with a statement that fits it, signed by its originator.

    So that only checks behind the signature can refuse what was changed.
    """
    fitting = replace(
        Statement.decode(frame().statement),
        header_digest=sha256(changed.header),
        recipient_count=len(changed.recipients),
        recipient_root=merkle.root([merkle.hash_leaf(one) for one in changed.recipients]),
        notice_count=len(changed.notices),
        notice_root=merkle.root([notice.leaf_hash for notice in changed.notices]),
    )
    body = replace(fitting, **statement).encode()
    signature = federation().agencies[ORIGINATOR].signer.sign(PAYLOAD_FRAME, body)
    return replace(changed, statement=body, signature=signature)
