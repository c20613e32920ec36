# SPDX-License-Identifier: Apache-2.0
"""Texts come into one form, nothing can hide in them, and nothing else is changed."""

import math
import unicodedata
from datetime import date
from typing import Any

import pytest

from agency_client.domain.flaws import Flaw, FlawReason, RecordError
from agency_client.domain.tidying import MOST_DEPTH, tidy


def _flaw(record: object) -> Flaw:
    with pytest.raises(RecordError) as caught:
        tidy(record)
    return caught.value.flaw


def test_texts_become_nfc_with_lf_and_without_white_space_at_their_ends() -> None:
    decomposed = unicodedata.normalize("NFD", "Ánna Παπαδόπουλος")
    tidied = tidy({"name": f"  {decomposed}\n", "text": "one\r\ntwo\rthree\n\tfour\n"})
    assert tidied == {"name": "Ánna Παπαδόπουλος", "text": "one\ntwo\nthree\n\tfour"}


def test_what_is_null_or_an_empty_list_counts_as_not_given() -> None:
    assert tidy({"a": None, "b": [], "c": {"d": None}, "e": False, "f": 0, "g": ""}) == {
        "c": {},
        "e": False,
        "f": 0,
        "g": "",
    }


@pytest.mark.parametrize("value", [1, -1.5, True, "text", ["a", 1, {"b": [2]}], 2**53 - 1])
def test_all_else_stays_as_it_came(value: Any) -> None:
    given = {"field": value}
    assert tidy(given) == given


@pytest.mark.parametrize("name", ["Zwönitz-Ł", "محمّد", "สิริรัตน์", "张慧", "می‌خواهم", "👩‍🔬"])
def test_names_of_any_script_stay_as_they_came(name: str) -> None:
    assert tidy({"name": name}) == {"name": name}


@pytest.mark.parametrize(
    "character",
    [
        "\x00",
        "\x07",
        "\x1b",
        "\x7f",
        "\x85",
        "\x9b",
        "\u200e",
        "\u200f",
        "\u061c",
        "\u202a",
        "\u202e",
        "\u2066",
        "\u2069",
        "\u2028",
        "\ufeff",
        "\ud800",
        "\ufdd0",
        "\ufffe",
        "\U0001ffff",
        "\U0010fffe",
        "\U000e0041",
    ],
)
def test_a_character_that_hides_or_turns_text_is_refused_and_named(character: str) -> None:
    flaw = _flaw({"persons": [{"name": f"An{character}na"}]})
    assert flaw.reason is FlawReason.FORBIDDEN_CHARACTER
    assert flaw.field == "persons[0].name"
    assert f"U+{ord(character):04X}" in flaw.message
    assert "na" not in flaw.message.replace("character that is", "").split()


@pytest.mark.parametrize("number", [2**53, -(2**53), 1e300, math.inf, -math.inf, math.nan])
def test_a_number_that_readers_would_not_agree_on_is_refused(number: float) -> None:
    flaw = _flaw({"assets": [{"value": number}]})
    assert flaw.reason is FlawReason.NUMBER_OUT_OF_RANGE
    assert flaw.field == "assets[0].value"


def _nested(depth: int, kind: type) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = {"a": value} if kind is dict else [value]
    return value


@pytest.mark.parametrize("kind", [dict, list])
def test_nesting_is_bounded(kind: type) -> None:
    assert tidy({"field": _nested(MOST_DEPTH, kind)})
    flaw = _flaw({"field": _nested(MOST_DEPTH + 1, kind)})
    assert flaw.reason is FlawReason.TOO_DEEP
    assert _flaw({"field": _nested(900, kind)}).reason is FlawReason.TOO_DEEP


@pytest.mark.parametrize("record", [None, True, 1, "text", ["list"], b"bytes"])
def test_a_record_that_is_no_object_is_refused(record: object) -> None:
    assert _flaw(record).reason is FlawReason.NOT_AN_OBJECT


@pytest.mark.parametrize("value", [b"bytes", date(2026, 1, 1), {1, 2}, object()])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    flaw = _flaw({"field": value})
    assert (flaw.field, flaw.reason) == ("field", FlawReason.WRONG_TYPE)


def test_a_field_whose_name_is_not_text_is_refused() -> None:
    assert _flaw({"a": {1: 2}}).field == "a"
