# SPDX-License-Identifier: Apache-2.0
"""MARKING: sets and codes, one encoding of each value."""

from dataclasses import fields, replace
from typing import Any

import pytest

from keys.errors import EnvelopeError, Reason
from keys.framing import framed, listed, unframe
from keys.marking import Marking

LABEL = "tocsin/marking/v1"
MARKING = Marking(
    type="RED",
    tlp="AMBER",
    handling=("H1", "H2"),
    purposes=("INVESTIGATION",),
    not_for=("RO",),
    operation="OP-LANTERN",
)


def with_item(place: int, item: bytes) -> bytes:
    """Return the marking's bytes with one item another."""
    items = unframe(LABEL, MARKING.encode(), 10)
    items[place] = item
    return framed(LABEL, *items)


def test_a_marking_reads_back() -> None:
    assert Marking.decode(MARKING.encode()) == MARKING


def test_what_is_not_said_is_the_least() -> None:
    marking = Marking(type="BLUE", tlp="RED")
    assert (marking.regrant, marking.sanitised, marking.priority) == ("none", False, "ROUTINE")
    assert (marking.handling, marking.purposes, marking.not_for) == ((), (), ())
    assert marking.mode == "ACTUAL"


def test_the_order_in_which_codes_were_given_makes_no_difference() -> None:
    turned = replace(MARKING, handling=("H2", "H1", "H2"))
    assert turned == MARKING
    assert turned.encode() == MARKING.encode()


def test_each_attribute_is_in_the_bytes() -> None:
    changed: dict[str, Any] = {
        "type": "BLUE",
        "tlp": "GREEN",
        "handling": (),
        "purposes": ("PREVENTION",),
        "not_for": ("GR",),
        "regrant": "originator",
        "mode": "TEST",
        "sanitised": True,
        "operation": "",
        "priority": "FLASH",
    }
    assert set(changed) == {field.name for field in fields(Marking)}
    encoded = {replace(MARKING, **{name: value}).encode() for name, value in changed.items()}
    assert len(encoded | {MARKING.encode()}) == 1 + len(changed)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": ""},
        {"type": " RED"},
        {"type": "КРАСНЫЙ"},
        {"tlp": "AM\tBER"},
        {"tlp": "x" * 65},
        {"operation": " "},
        {"handling": ("",)},
        {"purposes": ("a\x00",)},
        {"regrant": "everybody"},
        {"mode": "actual"},
        {"priority": ""},
    ],
)
def test_a_marking_of_other_words_does_not_exist(changes: dict[str, Any]) -> None:
    with pytest.raises(EnvelopeError) as refused:
        replace(MARKING, **changes)
    assert refused.value.reason is Reason.MALFORMED


def test_too_many_codes_are_refused() -> None:
    with pytest.raises(EnvelopeError) as refused:
        replace(MARKING, purposes=tuple(f"p{number}" for number in range(65)))
    assert refused.value.reason is Reason.LIMIT_EXCEEDED


@pytest.mark.parametrize(
    ("place", "item"),
    [
        (0, b"\xff"),
        (2, listed([b"H2", b"H1"])),
        (2, listed([b"H1", b"H1"])),
        (3, b"\x00\x00\x00"),
        (4, listed([b"\xff"])),
        (5, b"NONE"),
        (7, b"\x02"),
        (7, b""),
        (8, b" "),
        (9, b"URGENT"),
    ],
)
def test_bytes_that_encode_would_not_write_are_refused(place: int, item: bytes) -> None:
    with pytest.raises(EnvelopeError) as refused:
        Marking.decode(with_item(place, item))
    assert refused.value.reason is Reason.MALFORMED


def test_a_marking_with_an_item_more_or_less_is_refused() -> None:
    items = unframe(LABEL, MARKING.encode(), 10)
    for wrong in (items[:-1], [*items, b""]):
        with pytest.raises(EnvelopeError, match="expected 10"):
            Marking.decode(framed(LABEL, *wrong))


def test_a_marking_of_another_version_is_refused() -> None:
    items = unframe(LABEL, MARKING.encode(), 10)
    with pytest.raises(EnvelopeError, match="label is not"):
        Marking.decode(framed("tocsin/marking/v2", *items))
