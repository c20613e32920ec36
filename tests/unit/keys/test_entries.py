# SPDX-License-Identifier: Apache-2.0
"""Contents of directory entries: each kind reads back, nothing else is read."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from keys.entries import (
    MAX_KEYS,
    MAX_RULE_BOOK_BYTES,
    AgencyEntry,
    Entry,
    LockEntry,
    RetireEntry,
    RuleBookEntry,
    TopicEntry,
    UnlockEntry,
    decode_content,
    encode_content,
    rule_book_digest,
)
from keys.errors import DirectoryError, Reason
from keys.framing import framed, listed, u64, unlisted
from tests.simulator.federation import DAY, NOW, Federation, build_federation

TOPIC = TopicEntry(
    topic="trafficking/labour",
    title="Labour exploitation",
    readers=("eu", "asia"),
    publishers=("eu",),
    victim_assistance=True,
    min_clearance="SECRET",
)
LOCK = LockEntry(agency="ro-pol", reason="stolen key")
BOOK = RuleBookEntry(version=1, schema="namespace Tocsin {}", policies="permit(a, b, c);")


@pytest.fixture(scope="module")
def agency(federation: Federation) -> AgencyEntry:
    """An agency with every attribute set."""
    entry = federation.agencies["gr-pol"].entry
    return replace(
        entry,
        circles=("members", "eu"),
        operations=(("OP-B", NOW), ("OP-A", NOW + 1)),
        signing=(*entry.signing, replace(entry.signing[0], keyset_id="2026-12-sign")),
        encryption=(*entry.encryption, replace(entry.encryption[0], key_id="2026-12-enc")),
        tls_roots=(*entry.tls_roots, b"next root"),
    )


@pytest.mark.parametrize(
    "entry",
    [
        TOPIC,
        replace(TOPIC, min_clearance="", readers=(), publishers=()),
        LOCK,
        UnlockEntry(agency="ro-pol", reason="cleared"),
        RetireEntry(agency="ro-pol", reason="left"),
        BOOK,
        replace(BOOK, version=2**63 - 1, schema="", policies=""),
    ],
    ids=["topic", "bare topic", "lock", "unlock", "retire", "rule book", "empty rule book"],
)
def test_each_kind_reads_back(entry: Entry) -> None:
    assert decode_content(encode_content(entry)) == entry


def test_an_agency_reads_back(agency: AgencyEntry) -> None:
    assert decode_content(encode_content(agency)) == agency
    assert agency.circles == ("eu", "members")
    assert agency.operations == (("OP-A", NOW + 1), ("OP-B", NOW))


def test_a_lock_an_unlock_and_a_retirement_differ_in_their_bytes() -> None:
    kinds = {encode_content(kind(agency="ro-pol", reason="x")) for kind in ABOUT_AGENCY}
    assert len(kinds) == 3


ABOUT_AGENCY = (LockEntry, UnlockEntry, RetireEntry)


@pytest.mark.parametrize(
    "changes",
    [
        {"agency": "GR"},
        {"agency": "steward-gr"},
        {"name": ""},
        {"name": "a\nb"},
        {"country": "gr"},
        {"country": "GRC"},
        {"kind": ""},
        {"role": "admin"},
        {"circles": ("a", " b")},
        {"agreement_until": -1},
        {"operations": (("OP", 1), ("OP", 2))},
        {"operations": (("", 1),)},
        {"operations": (("OP", -1),)},
        {"tls_roots": (b"a", b"a")},
        {"tls_roots": (b"",)},
        {"tls_roots": (bytes(16 * 1024 + 1),)},
        {"tls_key_pin": bytes(31)},
        {"contact": "a\u2066b"},
        {"contact": "x" * 201},
    ],
)
def test_a_malformed_agency_does_not_exist(agency: AgencyEntry, changes: dict[str, Any]) -> None:
    with pytest.raises(DirectoryError) as refused:
        replace(agency, **changes)
    assert refused.value.reason is Reason.MALFORMED


MANY: dict[str, Callable[[AgencyEntry], tuple[object, ...]]] = {
    "signing": lambda agency: tuple(
        replace(agency.signing[0], keyset_id=f"k{number}") for number in range(MAX_KEYS + 1)
    ),
    "encryption": lambda agency: tuple(
        replace(agency.encryption[0], key_id=f"k{number}") for number in range(MAX_KEYS + 1)
    ),
    "tls_roots": lambda _: tuple(b"root %d" % number for number in range(MAX_KEYS + 1)),
}


@pytest.mark.parametrize("name", MANY)
def test_an_agency_has_no_key_twice_and_a_bounded_number(agency: AgencyEntry, name: str) -> None:
    twice = getattr(agency, name)[:1] * 2
    for wrong in (twice, MANY[name](agency)):
        with pytest.raises(DirectoryError, match="occurs twice"):
            replace(agency, **{name: wrong})  # type: ignore[arg-type]
    replace(agency, **{name: MANY[name](agency)[1:]})  # type: ignore[arg-type]


def test_an_agency_belongs_to_a_bounded_number_of_circles(agency: AgencyEntry) -> None:
    with pytest.raises(DirectoryError) as refused:
        replace(agency, circles=tuple(f"c{number}" for number in range(65)))
    assert refused.value.reason is Reason.LIMIT_EXCEEDED


def test_the_newest_valid_key_is_the_one_to_seal_to(agency: AgencyEntry) -> None:
    key = agency.encryption[0]
    old = replace(key, key_id="old", valid_from=NOW - 9 * DAY, valid_until=NOW + DAY)
    new = replace(key, key_id="new", valid_from=NOW, valid_until=NOW + 9 * DAY)
    next_one = replace(key, key_id="next", valid_from=NOW + DAY, valid_until=NOW + 9 * DAY)
    entry = replace(agency, encryption=(new, next_one, old))
    assert entry.encryption_key(NOW - 1) == old
    assert entry.encryption_key(NOW) == new
    assert entry.encryption_key(NOW + DAY) == next_one
    assert entry.encryption_key(NOW + 9 * DAY) is None
    assert entry.encryption_key(NOW - 9 * DAY - 1) is None


def test_a_keyset_is_found_by_its_id_alone(agency: AgencyEntry) -> None:
    assert agency.keyset("2026-12-sign") == agency.signing[1]
    assert agency.keyset("2026-13-sign") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"topic": "a/#"},
        {"topic": ""},
        {"title": ""},
        {"title": "a\u2028b"},
        {"title": "a\ud800b"},
        {"readers": ("",)},
        {"publishers": ("a\tb",)},
        {"min_clearance": " "},
    ],
)
def test_a_malformed_topic_does_not_exist(changes: dict[str, Any]) -> None:
    with pytest.raises(DirectoryError):
        replace(TOPIC, **changes)


@pytest.mark.parametrize("kind", ABOUT_AGENCY)
@pytest.mark.parametrize(
    ("agency", "reason"), [("R", "x"), ("ro-pol", ""), ("ro-pol", "a\x1bb"), ("ro-pol", "x" * 201)]
)
def test_what_is_said_about_an_agency_has_a_reason(
    kind: type[LockEntry | UnlockEntry | RetireEntry], agency: str, reason: str
) -> None:
    with pytest.raises(DirectoryError):
        kind(agency=agency, reason=reason)


@pytest.mark.parametrize("version", [0, -1, 2**63])
def test_a_rule_book_counts_from_1(version: int) -> None:
    with pytest.raises(DirectoryError, match="out of range"):
        replace(BOOK, version=version)


def test_a_rule_book_is_bounded_and_is_text() -> None:
    full = replace(BOOK, schema="", policies="x" * MAX_RULE_BOOK_BYTES)
    assert decode_content(encode_content(full)) == full
    with pytest.raises(DirectoryError) as refused:
        replace(full, schema="x")
    assert refused.value.reason is Reason.LIMIT_EXCEEDED
    with pytest.raises(DirectoryError) as refused:
        replace(BOOK, policies="\ud800")
    assert refused.value.reason is Reason.MALFORMED


def test_a_rule_book_is_named_by_both_its_texts() -> None:
    assert BOOK.digest == rule_book_digest(BOOK.schema, BOOK.policies)
    others = {
        rule_book_digest("ab", "c"),
        rule_book_digest("a", "bc"),
        rule_book_digest("", "abc"),
        BOOK.digest,
    }
    assert len(others) == 4


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x00\x00",
        framed("tocsin/agency/v2"),
        framed("tocsin/frame/v1"),
        framed("tocsin/lock/v1", b"ro-pol"),
        framed("tocsin/lock/v1", b"ro-pol", b"x", b""),
        framed("tocsin/lock/v1", b"ro-pol", b"\xff"),
        framed("tocsin/lock/v1", b"ro-pol", b"x") + b"\x00",
        framed("tocsin/lock/v1", b"ro-pol", b"x")[:-1],
        framed("tocsin/rule-book-entry/v1", u64(0), b"", b""),
        framed("tocsin/rule-book-entry/v1", b"\x01", b"", b""),
        framed("tocsin/topic/v1", b"t", b"T", listed((b"b", b"a")), b"", b"\x00", b""),
        framed("tocsin/topic/v1", b"t", b"T", listed((b"a", b"a")), b"", b"\x00", b""),
        framed("tocsin/topic/v1", b"t", b"T", b"", b"", b"\x02", b""),
        framed("tocsin/topic/v1", b"t", b"T", b"\x00", b"", b"\x00", b""),
    ],
)
def test_content_that_encode_would_not_write_is_refused(data: bytes) -> None:
    with pytest.raises(DirectoryError):
        decode_content(data)


def test_an_unknown_kind_is_refused_and_not_passed_over() -> None:
    with pytest.raises(DirectoryError, match="unknown kind") as refused:
        decode_content(framed("tocsin/grant/v1", b"x"))
    assert refused.value.reason is Reason.ENTRY_INVALID


def test_each_item_of_an_agency_is_checked(agency: AgencyEntry) -> None:
    for place in range(1, 15):
        items = unlisted(encode_content(agency))
        items[place] += b"\x00"
        with pytest.raises(DirectoryError):
            decode_content(listed(items))


@pytest.mark.parametrize("place", [6, 9])
def test_lists_of_an_agency_are_read_in_one_order_only(agency: AgencyEntry, place: int) -> None:
    items = unlisted(encode_content(agency))
    items[place] = listed(reversed(unlisted(items[place])))
    with pytest.raises(DirectoryError, match="canonical form"):
        decode_content(listed(items))


def test_an_operation_is_a_pair(agency: AgencyEntry) -> None:
    items = unlisted(encode_content(agency))
    for wrong in ((b"OP",), (b"OP", u64(1), b"")):
        items[9] = listed((listed(wrong),))
        with pytest.raises(DirectoryError, match="not a pair"):
            decode_content(listed(items))


@pytest.mark.parametrize("place", [12, 13])
def test_an_agency_with_a_malformed_key_is_refused_as_an_entry(
    agency: AgencyEntry, place: int
) -> None:
    items = unlisted(encode_content(agency))
    items[place] = listed((b"key",))
    with pytest.raises(DirectoryError) as refused:
        decode_content(listed(items))
    assert refused.value.reason is Reason.MALFORMED


def test_an_auditor_is_an_agency_of_another_role() -> None:
    world = build_federation(["gr-pol"])
    entry = replace(world.agencies["gr-pol"].entry, role="auditor", encryption=())
    assert decode_content(encode_content(entry)) == entry
    assert entry.encryption_key(NOW) is None
