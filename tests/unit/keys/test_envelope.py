# SPDX-License-Identifier: Apache-2.0
"""The parts of a frame as values: one encoding each, and every malformed one refused."""

from dataclasses import replace
from typing import Any

import pytest

from keys.envelope import (
    MAX_ATTACHMENT_BYTES,
    MAX_ATTACHMENTS,
    MAX_NOTICES,
    MAX_RECIPIENTS,
    MAX_REFERENCES,
    NO_PREVIOUS,
    AttachmentRef,
    FrameHeader,
    Marking,
    NoticeHeader,
    NoticeRef,
    Recipient,
    RuleBookRef,
    SealedNotice,
    Statement,
    TreeHead,
    check_counts,
)
from keys.errors import EnvelopeError, FramingError, Reason
from keys.fields import new_uuid7
from keys.framing import listed, u16, u32, u64, unlisted
from tests.simulator.federation import NOW

HASH = bytes(range(32))
REF = NoticeRef(originator="ro-pol", notice_id=new_uuid7(NOW), leaf_hash=HASH)
ATTACHMENT = AttachmentRef(id=bytes(16), digest=HASH, length=56)
HEADER = FrameHeader(
    federation=HASH,
    seal_id=bytes(16),
    outlet=b"o" * 16,
    topic="trafficking/cases",
    created_at=NOW,
    marking=Marking(type="BLUE", tlp="AMBER"),
    key_commitment=HASH,
    rule_book=RuleBookRef(version=1, digest=HASH),
    directory=TreeHead(size=5, root=HASH),
    log=TreeHead(size=0, root=HASH),
    originator="gr-pol",
)
NOTICE = NoticeHeader(
    notice_id=new_uuid7(NOW),
    valid_from=NOW,
    expires_at=NOW + 1,
    supersedes=(REF,),
    recalls=(replace(REF, originator="gr-pol"),),
    attachments=(ATTACHMENT,),
)
RECIPIENT = Recipient(agency="ro-pol", key_id="k", named=True, seq=2, prev=HASH, wrap_digest=HASH)
STATEMENT = Statement(
    originator="gr-pol",
    keyset_id="s",
    header_digest=HASH,
    recipient_count=3,
    recipient_root=HASH,
    notice_count=1,
    notice_root=HASH,
)
VALUES: list[Any] = [
    HEADER,
    NOTICE,
    RECIPIENT,
    STATEMENT,
    REF,
    ATTACHMENT,
    HEADER.rule_book,
    HEADER.directory,
]
BY_NAME = {type(value).__name__: value for value in VALUES}


def items_of(value: Any) -> list[bytes]:
    """Return the items of an encoded value, its label among them."""
    return unlisted(value.encode())


@pytest.mark.parametrize("name", BY_NAME)
def test_each_value_reads_back(name: str) -> None:
    value = BY_NAME[name]
    assert type(value).decode(value.encode()) == value


@pytest.mark.parametrize("name", BY_NAME)
def test_no_beginning_of_a_value_reads(name: str) -> None:
    value, encoded = BY_NAME[name], BY_NAME[name].encode()
    for cut in range(len(encoded)):
        with pytest.raises(EnvelopeError):
            type(value).decode(encoded[:cut])


@pytest.mark.parametrize("name", BY_NAME)
def test_a_byte_more_is_refused(name: str) -> None:
    value = BY_NAME[name]
    for tail in (b"\x00", bytes(4), b"\x00\x00\x00\x01x"):
        with pytest.raises(EnvelopeError):
            type(value).decode(value.encode() + tail)


@pytest.mark.parametrize("name", ["FrameHeader", "NoticeHeader", "Recipient", "Statement"])
def test_a_value_is_not_read_as_another_kind(name: str) -> None:
    for other in BY_NAME.values():
        if other is not BY_NAME[name]:
            with pytest.raises(EnvelopeError):
                type(BY_NAME[name]).decode(other.encode())


@pytest.mark.parametrize("name", BY_NAME)
def test_each_item_is_checked_for_its_width(name: str) -> None:
    value, items = BY_NAME[name], items_of(BY_NAME[name])
    for place in range(len(items)):
        wrong = [*items[:place], items[place] + b"\x00", *items[place + 1 :]]
        with pytest.raises(EnvelopeError) as refused:
            type(value).decode(listed(wrong))
        assert refused.value.reason is Reason.MALFORMED


@pytest.mark.parametrize(
    "changes",
    [
        {"suite": 0},
        {"suite": 2},
        {"federation": HASH[:31]},
        {"seal_id": bytes(15)},
        {"outlet": bytes(17)},
        {"topic": "Trafficking"},
        {"topic": "a/#"},
        {"created_at": -1},
        {"created_at": 253_402_300_800_000},
        {"key_commitment": b""},
    ],
)
def test_a_malformed_frame_header_does_not_exist(changes: dict[str, Any]) -> None:
    with pytest.raises(EnvelopeError) as refused:
        replace(HEADER, **changes)
    assert refused.value.reason is Reason.MALFORMED


def test_a_header_of_another_suite_is_not_read() -> None:
    items = items_of(HEADER)
    items[1] = u16(2)
    with pytest.raises(EnvelopeError, match="suite 2 is unknown"):
        FrameHeader.decode(listed(items))


def test_a_tree_head_has_a_root_of_32_bytes_and_a_size_of_63_bits() -> None:
    assert TreeHead(size=2**63 - 1, root=HASH).size == 2**63 - 1
    for size, root in ((2**63, HASH), (-1, HASH), (1, HASH + b"x")):
        with pytest.raises(EnvelopeError):
            TreeHead(size=size, root=root)


def test_a_rule_book_has_a_digest_of_32_bytes_and_a_version_of_63_bits() -> None:
    for version, digest in ((2**63, HASH), (-1, HASH), (1, b"")):
        with pytest.raises(EnvelopeError):
            RuleBookRef(version=version, digest=digest)
    with pytest.raises(EnvelopeError, match="out of range"):
        RuleBookRef.decode(listed((u64(2**64 - 1), HASH)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"notice_id": bytes(16)}, Reason.MALFORMED),
        ({"expires_at": NOW}, Reason.MALFORMED),
        ({"expires_at": 2**60}, Reason.MALFORMED),
        ({"valid_from": -1}, Reason.MALFORMED),
        ({"supersedes": (REF, REF)}, Reason.REPEATED_ID),
        ({"recalls": (REF, REF)}, Reason.REPEATED_ID),
        ({"attachments": (ATTACHMENT, ATTACHMENT)}, Reason.REPEATED_ID),
        ({"supersedes": (REF, replace(REF, leaf_hash=bytes(32)))}, Reason.REPEATED_ID),
        ({"attachments": (ATTACHMENT, replace(ATTACHMENT, length=1))}, Reason.REPEATED_ID),
    ],
)
def test_a_malformed_notice_header_does_not_exist(changes: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(EnvelopeError) as refused:
        replace(NOTICE, **changes)
    assert refused.value.reason is reason


@pytest.mark.parametrize("name", ["supersedes", "recalls"])
def test_a_notice_refers_to_a_bounded_number_of_others(name: str) -> None:
    refs = tuple(
        replace(REF, notice_id=REF.notice_id[:-2] + u16(i)) for i in range(MAX_REFERENCES + 1)
    )
    full = replace(NOTICE, **{name: refs[1:]})  # type: ignore[arg-type]
    assert NoticeHeader.decode(full.encode()) == full
    with pytest.raises(EnvelopeError) as refused:
        replace(NOTICE, **{name: refs})  # type: ignore[arg-type]
    assert refused.value.reason is Reason.LIMIT_EXCEEDED


def test_a_notice_has_a_bounded_number_of_attachments() -> None:
    refs = tuple(replace(ATTACHMENT, id=u16(i) + bytes(14)) for i in range(MAX_ATTACHMENTS + 1))
    assert replace(NOTICE, attachments=refs[1:]).attachments == refs[1:]
    with pytest.raises(EnvelopeError) as refused:
        replace(NOTICE, attachments=refs)
    assert refused.value.reason is Reason.LIMIT_EXCEEDED


@pytest.mark.parametrize(
    "changes",
    [{"id": bytes(15)}, {"digest": b""}, {"length": 0}, {"length": MAX_ATTACHMENT_BYTES + 1}],
)
def test_a_malformed_attachment_does_not_exist(changes: dict[str, Any]) -> None:
    with pytest.raises(EnvelopeError):
        replace(ATTACHMENT, **changes)


@pytest.mark.parametrize(
    "changes", [{"originator": "X"}, {"notice_id": bytes(16)}, {"leaf_hash": HASH * 2}]
)
def test_a_malformed_reference_does_not_exist(changes: dict[str, Any]) -> None:
    with pytest.raises(EnvelopeError):
        replace(REF, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"agency": "RO-POL"},
        {"agency": "steward-ro"},
        {"key_id": ""},
        {"seq": 0},
        {"seq": 2**63},
        {"prev": HASH[:31]},
        {"wrap_digest": b""},
    ],
)
def test_a_malformed_recipient_does_not_exist(changes: dict[str, Any]) -> None:
    with pytest.raises(EnvelopeError) as refused:
        replace(RECIPIENT, **changes)
    assert refused.value.reason is Reason.MALFORMED


def test_only_the_first_of_a_chain_has_nothing_before_it() -> None:
    assert replace(RECIPIENT, seq=1, prev=NO_PREVIOUS).seq == 1
    for seq, prev in ((1, HASH), (2, NO_PREVIOUS)):
        with pytest.raises(EnvelopeError, match="first of a chain"):
            replace(RECIPIENT, seq=seq, prev=prev)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"originator": "g"}, Reason.MALFORMED),
        ({"keyset_id": "a b"}, Reason.MALFORMED),
        ({"header_digest": b""}, Reason.MALFORMED),
        ({"recipient_root": b""}, Reason.MALFORMED),
        ({"notice_root": HASH + HASH}, Reason.MALFORMED),
        ({"recipient_count": 0}, Reason.LIMIT_EXCEEDED),
        ({"recipient_count": MAX_RECIPIENTS + 1}, Reason.LIMIT_EXCEEDED),
        ({"notice_count": 0}, Reason.LIMIT_EXCEEDED),
        ({"notice_count": MAX_NOTICES + 1}, Reason.LIMIT_EXCEEDED),
    ],
)
def test_a_malformed_statement_does_not_exist(changes: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(EnvelopeError) as refused:
        replace(STATEMENT, **changes)
    assert refused.value.reason is reason


def test_a_statement_about_4_billion_notices_is_not_read() -> None:
    items = items_of(STATEMENT)
    items[6] = u32(2**32 - 1)
    with pytest.raises(EnvelopeError) as refused:
        Statement.decode(listed(items))
    assert refused.value.reason is Reason.LIMIT_EXCEEDED


@pytest.mark.parametrize(
    ("recipients", "notices", "passes"),
    [
        (1, 1, True),
        (MAX_RECIPIENTS, MAX_NOTICES, True),
        (0, 1, False),
        (1, 0, False),
        (MAX_RECIPIENTS + 1, 1, False),
        (1, MAX_NOTICES + 1, False),
    ],
)
def test_a_frame_is_to_somebody_and_holds_something(
    recipients: int, notices: int, passes: bool
) -> None:
    if passes:
        check_counts(recipients, notices)
        return
    with pytest.raises(FramingError) as refused:
        check_counts(recipients, notices)
    assert refused.value.reason is Reason.LIMIT_EXCEEDED


def test_a_leaf_changes_with_the_header_and_with_the_body() -> None:
    notices = [
        SealedNotice(header=b"a", body=b"b"),
        SealedNotice(header=b"a", body=b"c"),
        SealedNotice(header=b"c", body=b"b"),
        SealedNotice(header=b"ab", body=b""),
    ]
    assert len({notice.leaf_hash for notice in notices}) == 4


@pytest.mark.parametrize(
    ("place", "item"),
    [
        (0, b"tocsin/recipient/v2"),
        (1, b"\xff\xff"),
        (2, b""),
        (3, b"\x02"),
        (4, u64(0)),
        (5, NO_PREVIOUS),
        (6, b""),
    ],
)
def test_recipient_bytes_that_encode_would_not_write_are_refused(place: int, item: bytes) -> None:
    items = items_of(RECIPIENT)
    items[place] = item
    with pytest.raises(EnvelopeError):
        Recipient.decode(listed(items))
