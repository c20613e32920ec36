# SPDX-License-Identifier: Apache-2.0
"""Leaves of the log: they say nothing without the salt, and one thing with it."""

import hashlib
import hmac
from typing import Any

import pytest

from keys.errors import LeafError, Reason
from keys.framing import framed, listed, u64, unframe
from keys.logleaf import LeafBody, Value, check_leaf, encode_leaf, field_hash

NOW = 1_795_500_000_000
SALT = b"s" * 32
FIELDS: dict[str, Value] = {"topic": "trafficking/labour", "sequence": 7, "statement": b"d" * 32}
LEAF = encode_leaf("publish", NOW, FIELDS, SALT)
LABEL = "tocsin/log-leaf/v1"


def refusal(
    leaf: bytes = LEAF,
    salt: bytes = SALT,
    kind: str = "publish",
    fields: dict[str, Value] = FIELDS,
) -> LeafError:
    with pytest.raises(LeafError) as refused:
        check_leaf(leaf, salt, kind, fields)
    return refused.value


def test_a_leaf_says_what_was_recorded_to_who_has_its_salt() -> None:
    body = check_leaf(LEAF, SALT, "publish", FIELDS)
    assert (body.kind, body.time_ms) == ("publish", NOW)
    assert [name for name, _ in body.fields] == ["sequence", "statement", "topic"]


def test_a_leaf_shows_no_value() -> None:
    for value in (b"trafficking", b"d" * 8, u64(7)):
        assert value not in LEAF


def test_two_leaves_of_the_same_act_have_nothing_in_common_but_names() -> None:
    other = dict(LeafBody.decode(encode_leaf("publish", NOW, FIELDS, b"t" * 32)).fields)
    own = dict(LeafBody.decode(LEAF).fields)
    assert own.keys() == other.keys()
    assert not set(own.values()) & set(other.values())


def test_a_field_is_hashed_with_its_name_under_the_salt() -> None:
    expected = hmac.new(SALT, framed("tocsin/leaf/v1", b"topic", b"x"), hashlib.sha256).digest()
    assert field_hash(SALT, "topic", "x") == expected
    assert field_hash(SALT, "title", "x") != expected


@pytest.mark.parametrize(
    "fields",
    [
        {**FIELDS, "topic": "trafficking/online"},
        {**FIELDS, "sequence": 8},
        {**FIELDS, "statement": b"e" * 32},
        {**FIELDS, "more": ""},
        {"topic": FIELDS["topic"], "sequence": 7},
        {},
    ],
    ids=["text", "number", "bytes", "a field more", "a field less", "no field"],
)
def test_a_leaf_that_says_something_else_is_refused(fields: dict[str, Value]) -> None:
    assert refusal(fields=fields).reason is Reason.LEAF_MISMATCH


def test_a_leaf_of_another_kind_or_salt_is_refused() -> None:
    assert refusal(kind="deliver").detail == "leaf is about publish, expected deliver"
    assert refusal(salt=b"t" * 32).reason is Reason.LEAF_MISMATCH


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_salt_has_32_bytes(length: int) -> None:
    assert refusal(salt=bytes(length)).reason is Reason.MALFORMED
    with pytest.raises(LeafError):
        encode_leaf("publish", NOW, FIELDS, bytes(length))


def test_a_refusal_shows_no_value() -> None:
    refused = refusal(fields={**FIELDS, "topic": "secret/operation"})
    assert refused.detail == "leaf says something else about topic"


@pytest.mark.parametrize(
    ("kind", "time_ms", "fields"),
    [
        ("", NOW, {}),
        ("two words", NOW, {}),
        ("publish", -1, {}),
        ("publish", 2**60, {}),
        ("publish", NOW, {"": 1}),
        ("publish", NOW, {"a b": 1}),
        ("publish", NOW, {"a": -1}),
        ("publish", NOW, {"a": 2**64}),
        ("publish", NOW, {"a": "\ud800"}),
    ],
)
def test_what_is_malformed_is_not_written(kind: str, time_ms: int, fields: dict[str, Any]) -> None:
    with pytest.raises(LeafError) as refused:
        encode_leaf(kind, time_ms, fields, SALT)
    assert refused.value.reason is Reason.MALFORMED


def test_a_leaf_without_fields_reads_back() -> None:
    leaf = encode_leaf("beat", NOW, {}, SALT)
    assert LeafBody.decode(leaf) == LeafBody(kind="beat", time_ms=NOW, fields=())
    assert check_leaf(leaf, SALT, "beat", {}).kind == "beat"


def changed(place: int, item: bytes) -> bytes:
    items = unframe(LABEL, LEAF, 3)
    items[place] = item
    return framed(LABEL, *items)


PAIR = listed((b"a", bytes(32)))


@pytest.mark.parametrize(
    "leaf",
    [
        b"",
        LEAF[:-1],
        LEAF + b"\x00",
        framed("tocsin/log-leaf/v2", *unframe(LABEL, LEAF, 3)),
        changed(0, b"\xff"),
        changed(1, b"\x00"),
        changed(1, u64(2**63)),
        changed(2, b"\x00"),
        changed(2, listed((b"",))),
        changed(2, listed((listed((b"a",)),))),
        changed(2, listed((listed((b"a", bytes(31))),))),
        changed(2, listed((listed((b"a", bytes(32), b"")),))),
        changed(2, listed((PAIR, PAIR))),
        changed(2, listed((listed((b"b", bytes(32))), PAIR))),
    ],
    ids=[
        "empty",
        "truncated",
        "extended",
        "another version",
        "kind not text",
        "time too short",
        "time too late",
        "fields truncated",
        "empty field",
        "half a pair",
        "short hash",
        "three in a pair",
        "a field twice",
        "fields descending",
    ],
)
def test_bytes_that_encode_would_not_write_are_refused(leaf: bytes) -> None:
    with pytest.raises(LeafError) as refused:
        LeafBody.decode(leaf)
    assert refused.value.reason is Reason.MALFORMED
