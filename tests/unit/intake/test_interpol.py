# SPDX-License-Identifier: Apache-2.0
"""Notices in INTERPOL's shape: the 400 examples without loss, and nothing unknown gets in."""

import json
from typing import Any

import pytest

from agency_client.domain.notices import Draft
from agency_client.intake import Batch
from agency_client.intake.interpol_shape import COLOURS
from tests.unit.intake.inputs import EXAMPLES, RECORDS, read

RED: dict[str, Any] = {
    "notice": "red",
    "entity_id": "2026/00001",
    "tlp": "AMBER",
    "exercise": True,
    "name": "Invented",
    "date_of_birth": "1991/12/27",
    "height": 1.84,
    "arrest_warrants": [{"issuing_country_id": "GR", "charge": "x", "charge_translation": None}],
}
YELLOW: dict[str, Any] = {
    "notice": "yellow",
    "entity_id": "2026/00002",
    "tlp": "AMBER",
    "name": "Invented",
    "date_of_birth": "2012/05/06",
    "minor": True,
}


@pytest.fixture(scope="module")
def batch() -> Batch:
    return read(EXAMPLES.read_bytes(), to=("hr-pro",))


def _one(record: dict[str, Any], **more: Any) -> Draft:
    (found,) = read(json.dumps({**record, **more}), to=("hr-pro",)).drafts
    return found.draft


def _refusal(record: dict[str, Any], **more: Any) -> tuple[str, str, str]:
    (found,) = read(json.dumps({**record, **more}), to=("hr-pro",)).refused
    return found.field, found.reason, found.message


def test_all_400_examples_become_drafts_in_their_order(batch: Batch) -> None:
    assert batch.refused == ()
    assert [one.line for one in batch.drafts] == list(range(1, 401))
    assert [one.draft.notice["reference"] for one in batch.drafts] == [
        record["entity_id"] for record in RECORDS
    ]
    assert {one.draft.marking.type for one in batch.drafts} == {one.upper() for one in COLOURS}


def test_the_examples_keep_their_marking(batch: Batch) -> None:
    for one, record in zip(batch.drafts, RECORDS, strict=True):
        marking = one.draft.marking
        assert marking.type == record["notice"].upper()
        assert marking.tlp == record["tlp"]
        assert marking.mode == "EXERCISE"
        assert marking.not_for == tuple(sorted(record.get("not_for", ())))
        assert not marking.sanitised


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]


def _code(leaf: object) -> str:
    return str(leaf).replace(" ", "_").upper()


_ELSEWHERE = ("notice", "tlp", "exercise", "not_for")
_WRITTEN_OTHERWISE = ("date_of_birth", "date_of_event", "height")


def test_no_value_of_an_example_is_lost_or_changed(batch: Batch) -> None:
    for one, record in zip(batch.drafts, RECORDS, strict=True):
        kept = _leaves(one.draft.notice)
        for field, value in record.items():
            if field in (*_ELSEWHERE, *_WRITTEN_OTHERWISE):
                continue
            for leaf in _leaves(value):
                assert leaf in ("", None) or leaf in kept or _code(leaf) in kept, field


def test_dates_and_heights_of_the_examples_are_the_same_in_our_form(batch: Batch) -> None:
    for one, record in zip(batch.drafts, RECORDS, strict=True):
        person = one.draft.notice.get("persons", [{}])[0]
        event = one.draft.notice.get("event", {})
        assert person.get("born") == _dashed(record.get("date_of_birth"))
        assert event.get("on") == _dashed(record.get("date_of_event"))
        if "height" in record:
            assert person["height_cm"] / 100 == record["height"]


def _dashed(date: str | None) -> str | None:
    return date and date.replace("/", "-")


def test_names_stay_as_they_were_given(batch: Batch) -> None:
    for one, record in zip(batch.drafts, RECORDS, strict=True):
        if "name" in record:
            person = one.draft.notice["persons"][0]
            assert (person["name"], person["forename"]) == (record["name"], record["forename"])


def test_without_named_recipients_only_tlp_red_is_refused() -> None:
    found = read(EXAMPLES.read_bytes())
    red = [line for line, record in enumerate(RECORDS, 1) if record["tlp"] == "RED"]
    assert [one.line for one in found.refused] == red
    assert {one.reason for one in found.refused} == {"EMPTY_AUDIENCE"}
    assert len(found.drafts) == 400 - len(red)


@pytest.mark.parametrize(
    ("colour", "status"),
    [("red", "WANTED"), ("yellow", "MISSING"), ("blue", "PERSON_OF_INTEREST")],
)
def test_the_colour_says_what_the_person_is(colour: str, status: str) -> None:
    record = next(one for one in RECORDS if one["notice"] == colour)
    assert _one(record).notice["persons"][0]["status"] == status


def test_a_notice_that_is_no_exercise_is_actual() -> None:
    assert _one(RED, exercise=False).marking.mode == "ACTUAL"
    assert _one(YELLOW).marking.mode == "ACTUAL"


def test_a_minor_is_a_child() -> None:
    assert _one(YELLOW).notice["persons"][0]["child"] is True
    field, reason, _ = _refusal(YELLOW, minor=False)
    assert (field, reason) == ("minor", "CONTRADICTION")


@pytest.mark.parametrize("date", ["1990", "1990/05", "1990/05/06"])
def test_a_date_may_be_known_in_part(date: str) -> None:
    assert _one(RED, date_of_birth=date).notice["persons"][0]["born"] == date.replace("/", "-")


@pytest.mark.parametrize(
    ("more", "field", "reason"),
    [
        ({"nmae": "x"}, "nmae", "UNKNOWN_FIELD"),
        ({"_links": {}}, "_links", "UNKNOWN_FIELD"),
        ({"minor": True}, "minor", "UNKNOWN_FIELD"),
        ({"tlp": None}, "tlp", "MISSING_FIELD"),
        ({"name": ""}, "name", "MISSING_FIELD"),
        ({"entity_id": None}, "entity_id", "MISSING_FIELD"),
        ({"arrest_warrants": []}, "arrest_warrants", "MISSING_FIELD"),
        ({"arrest_warrants": [{"charge": "x"}]}, "arrest_warrants[0].issuing_country_id", ""),
        ({"date_of_birth": "1991-12-27"}, "date_of_birth", "WRONG_FORMAT"),
        ({"date_of_birth": "1991/02/30"}, "date_of_birth", "IMPOSSIBLE_DATE"),
        ({"date_of_birth": "2030/01/01"}, "date_of_birth", "IMPOSSIBLE_DATE"),
        ({"height": 184}, "height", "OUT_OF_RANGE"),
        ({"height": 1.23456789}, "height", "WRONG_FORMAT"),
        ({"nationalities": ["GRC"]}, "nationalities[0]", "UNKNOWN_CODE"),
        ({"not_for": ["ZZ"]}, "not_for[0]", "UNKNOWN_CODE"),
        ({"exercise": "true"}, "exercise", "WRONG_TYPE"),
        ({"name": "a\u202eb"}, "name", "FORBIDDEN_CHARACTER"),
        ({"notice": "un"}, "notice", "UNKNOWN_TYPE"),
        ({"notice": "rde"}, "notice", "UNKNOWN_TYPE"),
        ({"notice": ["red"]}, "notice", "UNKNOWN_TYPE"),
    ],
)
def test_a_fault_is_told_in_the_records_own_words(
    more: dict[str, Any], field: str, reason: str
) -> None:
    told, why, message = _refusal(RED, **more)
    assert told == field
    assert why == reason or not reason
    assert "Invented" not in message


def test_a_mistyped_colour_is_told_with_the_one_that_was_meant() -> None:
    assert 'did you mean "yellow"' in _refusal(RED, notice="yelow")[2]
    assert "UN special" in _refusal(RED, notice="un")[2]


def test_a_kind_of_asset_that_is_not_known_is_refused() -> None:
    silver = next(one for one in RECORDS if one["notice"] == "silver")
    field, reason, message = _refusal(silver, assets=[{"kind": "yacht", "reference": "x"}])
    assert (field, reason) == ("assets[0].kind", "UNKNOWN_CODE")
    assert "vessel" in message


def test_a_record_that_names_a_type_is_in_our_form() -> None:
    assert _refusal(RED, type="RED")[:2] == ("notice", "UNKNOWN_FIELD")
