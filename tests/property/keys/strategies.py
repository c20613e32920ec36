# SPDX-License-Identifier: Apache-2.0
"""Draws values of the trust library that are well formed."""

from typing import TypeVar

from hypothesis import strategies as st

from keys.entries import (
    AgencyEntry,
    LockEntry,
    RetireEntry,
    RuleBookEntry,
    TopicEntry,
    UnlockEntry,
)
from keys.envelope import (
    AttachmentRef,
    FrameHeader,
    NoticeHeader,
    NoticeRef,
    Recipient,
    RuleBookRef,
    Statement,
    TreeHead,
)
from keys.errors import FramingError
from keys.fields import LAST_MILLISECOND, check_label
from keys.grants import Grant
from keys.letters import DECISION, LETTER_KINDS, Letter, LetterHeader
from keys.logleaf import LeafBody
from keys.marking import MODES, PRIORITIES, REGRANTS, Marking
from keys.places import NoticePlace
from keys.recalls import RECALL_REASONS, Recall
from keys.recipients import PUBLIC_KEY_BYTES, EncryptionKey
from keys.root import NO_PREVIOUS
from keys.signing import ED25519_BYTES, MLDSA65_BYTES, Keyset

T = TypeVar("T")
SMALL = "abz09-"
PRINTABLE = st.characters(min_codepoint=0x21, max_codepoint=0x7E)


def is_label(value: str) -> bool:
    """Whether a text passes as a label."""
    try:
        check_label(value)
    except FramingError:
        return False
    return True


def items_of(length: int) -> st.SearchStrategy[bytes]:
    """Draw bytes of one length."""
    return st.binary(min_size=length, max_size=length)


def tuples_of(one: st.SearchStrategy[T], most: int = 3) -> st.SearchStrategy[tuple[T, ...]]:
    """Draw a few different values."""
    return st.lists(one, max_size=most, unique=True).map(tuple)


HASHES, IDS = items_of(32), items_of(16)
U63 = st.integers(0, 2**63 - 1)
TIMES = st.integers(0, LAST_MILLISECOND)
AGENCIES = st.text(SMALL, min_size=2, max_size=32).filter(lambda one: not one.startswith("stew"))
TOPICS = st.lists(st.text(SMALL, min_size=1, max_size=32), min_size=1, max_size=8).map("/".join)
KEY_IDS = st.text("abzABZ019._-", min_size=1, max_size=64)
CODES = st.text(PRINTABLE, min_size=1, max_size=64)
LABELS = st.text(min_size=1, max_size=40).filter(is_label)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
UUIDS = IDS.map(
    lambda raw: raw[:6] + bytes([0x70 | raw[6] & 15, raw[7], 0x80 | raw[8] & 63]) + raw[9:]
)
PERIODS = st.tuples(TIMES, TIMES).filter(lambda pair: pair[0] < pair[1])

MARKINGS = st.builds(
    Marking,
    type=CODES,
    tlp=CODES,
    handling=tuples_of(CODES),
    purposes=tuples_of(CODES),
    not_for=tuples_of(CODES),
    regrant=st.sampled_from(REGRANTS),
    mode=st.sampled_from(MODES),
    sanitised=st.booleans(),
    operation=st.one_of(st.just(""), CODES),
    priority=st.sampled_from(PRIORITIES),
)
TREE_HEADS = st.builds(TreeHead, size=U63, root=HASHES)
RULE_BOOK_REFS = st.builds(RuleBookRef, version=U63, digest=HASHES)
FRAME_HEADERS = st.builds(
    FrameHeader,
    federation=HASHES,
    seal_id=IDS,
    outlet=IDS,
    topic=TOPICS,
    created_at=TIMES,
    marking=MARKINGS,
    key_commitment=HASHES,
    rule_book=RULE_BOOK_REFS,
    directory=TREE_HEADS,
    log=TREE_HEADS,
    originator=AGENCIES,
)
NOTICE_REFS = st.builds(NoticeRef, originator=AGENCIES, notice_id=UUIDS, leaf_hash=HASHES)
ATTACHMENT_REFS = st.builds(AttachmentRef, id=IDS, digest=HASHES, length=st.integers(1, 1 << 40))
NOTICES_NAMED = st.lists(
    NOTICE_REFS, max_size=3, unique_by=lambda ref: (ref.originator, ref.notice_id)
).map(tuple)
NOTICE_HEADERS = PERIODS.flatmap(
    lambda period: st.builds(
        NoticeHeader,
        notice_id=UUIDS,
        valid_from=st.just(period[0]),
        expires_at=st.just(period[1]),
        supersedes=NOTICES_NAMED,
        recalls=NOTICES_NAMED,
        attachments=st.lists(ATTACHMENT_REFS, max_size=3, unique_by=lambda ref: ref.id).map(tuple),
    )
)
CHAINS = st.one_of(
    st.just((1, NO_PREVIOUS)),
    st.tuples(st.integers(2, 2**63 - 1), HASHES.filter(lambda prev: prev != NO_PREVIOUS)),
)
RECIPIENTS = CHAINS.flatmap(
    lambda place: st.builds(
        Recipient,
        agency=AGENCIES,
        key_id=KEY_IDS,
        named=st.booleans(),
        seq=st.just(place[0]),
        prev=st.just(place[1]),
        wrap_digest=HASHES,
    )
)
STATEMENTS = st.builds(
    Statement,
    originator=AGENCIES,
    keyset_id=KEY_IDS,
    header_digest=HASHES,
    recipient_count=st.integers(1, 1000),
    recipient_root=HASHES,
    notice_count=st.integers(1, 256),
    notice_root=HASHES,
)
PLACES = st.builds(NoticePlace, statement=HASHES, index=st.integers(0, 255), leaf_hash=HASHES)
PAIRS = st.tuples(AGENCIES, AGENCIES).filter(lambda pair: pair[0] != pair[1])
GRANTS = st.tuples(PERIODS, PAIRS).flatmap(
    lambda drawn: st.builds(
        Grant,
        federation=HASHES,
        place=PLACES,
        grantor=st.just(drawn[1][0]),
        keyset_id=KEY_IDS,
        grantee=st.just(drawn[1][1]),
        key_id=KEY_IDS,
        wrap_digest=HASHES,
        rule_book=HASHES,
        granted_at=st.just(drawn[0][0]),
        expires_at=st.just(drawn[0][1]),
        notice_id=UUIDS,
    )
)
RECALLS = PERIODS.flatmap(
    lambda period: st.builds(
        Recall,
        federation=HASHES,
        place=PLACES,
        originator=AGENCIES,
        keyset_id=KEY_IDS,
        reason=st.sampled_from(RECALL_REASONS),
        recalled_at=st.just(period[0]),
        answer_by=st.just(period[1]),
    )
)
LETTER_HEADERS = st.tuples(st.sampled_from(LETTER_KINDS), PAIRS).flatmap(
    lambda drawn: st.builds(
        LetterHeader,
        kind=st.just(drawn[0]),
        federation=HASHES,
        letter_id=UUIDS,
        sender=st.just(drawn[1][0]),
        keyset_id=KEY_IDS,
        recipient=st.just(drawn[1][1]),
        key_id=KEY_IDS,
        created_at=TIMES,
        originator=st.just(drawn[1][0] if drawn[0] == DECISION else drawn[1][1]),
        place=PLACES,
        answers=st.one_of(st.just(b""), UUIDS) if drawn[0] == DECISION else st.just(b""),
    )
)
LETTERS = st.builds(Letter, header=LETTER_HEADERS, sealed_digest=HASHES)
KEYSETS = PERIODS.flatmap(
    lambda period: st.builds(
        Keyset,
        keyset_id=KEY_IDS,
        ed25519=items_of(ED25519_BYTES),
        mldsa65=HASHES.map(lambda part: part * (MLDSA65_BYTES // 32)),
        valid_from=st.just(period[0]),
        valid_until=st.just(period[1]),
    )
)
ENCRYPTION_KEYS = PERIODS.flatmap(
    lambda period: st.builds(
        EncryptionKey,
        key_id=KEY_IDS,
        public=HASHES.map(lambda part: part * (PUBLIC_KEY_BYTES // 32)),
        valid_from=st.just(period[0]),
        valid_until=st.just(period[1]),
    )
)
LEAF_BODIES = st.builds(
    LeafBody,
    kind=KEY_IDS,
    time_ms=TIMES,
    fields=st.dictionaries(KEY_IDS, HASHES, max_size=4).map(
        lambda fields: tuple(sorted(fields.items()))
    ),
)
AGENCY_ENTRIES = st.builds(
    AgencyEntry,
    agency=AGENCIES,
    name=LABELS,
    country=st.text("ABCXYZ", min_size=2, max_size=2),
    kind=CODES,
    role=st.sampled_from(["agency", "auditor"]),
    circles=tuples_of(CODES),
    contact247=st.booleans(),
    agreement_until=TIMES,
    operations=st.dictionaries(CODES, TIMES, max_size=3).map(lambda held: tuple(held.items())),
    tls_roots=tuples_of(st.binary(min_size=1, max_size=40)),
    tls_key_pin=HASHES,
    signing=st.lists(KEYSETS, max_size=2, unique_by=lambda one: one.keyset_id).map(tuple),
    encryption=st.lists(ENCRYPTION_KEYS, max_size=2, unique_by=lambda one: one.key_id).map(tuple),
    contact=st.one_of(st.just(""), LABELS),
)
TOPIC_ENTRIES = st.builds(
    TopicEntry,
    topic=TOPICS,
    title=LABELS,
    readers=tuples_of(CODES),
    publishers=tuples_of(CODES),
    victim_assistance=st.booleans(),
    min_clearance=st.one_of(st.just(""), CODES),
)
RULE_BOOKS = st.builds(
    RuleBookEntry, version=st.integers(1, 2**63 - 1), schema=TEXTS, policies=TEXTS
)
ENTRIES = st.one_of(
    AGENCY_ENTRIES,
    TOPIC_ENTRIES,
    RULE_BOOKS,
    st.builds(LockEntry, agency=AGENCIES, reason=LABELS),
    st.builds(UnlockEntry, agency=AGENCIES, reason=LABELS),
    st.builds(RetireEntry, agency=AGENCIES, reason=LABELS),
)
