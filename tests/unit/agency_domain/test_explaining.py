# SPDX-License-Identifier: Apache-2.0
"""Each kind of fault is told with its place, a stable reason and help, and without the content."""

from typing import Any

import pytest

from agency_client.domain.flaws import FlawReason, excerpt, field_name, nearest
from agency_client.domain.notice_types import NOTICE_TYPES
from tests.unit.agency_domain.samples import record, refusal

_SECRET = "Anna Invented"
_PERSON = {"status": "MISSING", "name": _SECRET}


def _with(person: dict[str, Any]) -> dict[str, Any]:
    return {"persons": [{**_PERSON}, {**_PERSON, **person}]}


@pytest.mark.parametrize(
    ("fields", "field", "reason", "words"),
    [
        ({"tilte": "x"}, "tilte", FlawReason.UNKNOWN_FIELD, 'did you mean "title"?'),
        ({"date_of_birth": 1}, "date_of_birth", FlawReason.UNKNOWN_FIELD, "there is no field"),
        ({"tlp": "AMBRE"}, "tlp", FlawReason.UNKNOWN_CODE, 'did you mean "AMBER"?'),
        ({"tlp": 5}, "tlp", FlawReason.WRONG_TYPE, "got a number"),
        ({"summary": ["x"]}, "summary", FlawReason.WRONG_TYPE, "expected text, got a list"),
        ({"title": {"a": 1}}, "title", FlawReason.WRONG_TYPE, "expected text, got an object"),
        ({"sanitised": "yes"}, "sanitised", FlawReason.WRONG_TYPE, "expected true or false"),
        ({"handling": "H1"}, "handling", FlawReason.WRONG_TYPE, "expected a list, got text"),
        ({"handling": ["H4"]}, "handling[0]", FlawReason.UNKNOWN_CODE, "H0, H1, H2, H3"),
        ({"not_for": ["NO", "NO"]}, "not_for", FlawReason.REPEATED_VALUE, "twice"),
        ({"not_for": ["UK"]}, "not_for[0]", FlawReason.UNKNOWN_CODE, 'did you mean "GB"?'),
        ({"not_for": ["EL"]}, "not_for[0]", FlawReason.UNKNOWN_CODE, 'did you mean "GR"?'),
        ({"not_for": ["Norway"]}, "not_for[0]", FlawReason.UNKNOWN_CODE, 'did you mean "NO"?'),
        ({"not_for": ["XX"]}, "not_for[0]", FlawReason.UNKNOWN_CODE, "250 codes"),
        ({"not_for": [False]}, "not_for[0]", FlawReason.WRONG_TYPE, "true or false"),
        ({"title": ""}, "title", FlawReason.TOO_SHORT, "is empty"),
        ({"title": "a\nb"}, "title", FlawReason.WRONG_FORMAT, "one line"),
        ({"title": "x" * 301}, "title", FlawReason.TOO_LONG, "301 characters, at most 300"),
        ({"to": ["ab"] * 1001}, "to", FlawReason.TOO_LONG, "1001 entries, at most 1000"),
        ({"review_on": "2026-02-30"}, "review_on", FlawReason.IMPOSSIBLE_DATE, "2026-02-30"),
        ({"review_on": "30.2.2026"}, "review_on", FlawReason.WRONG_FORMAT, "YYYY-MM-DD"),
        ({"expires_at": "1969-12-31"}, "expires_at", FlawReason.IMPOSSIBLE_DATE, "1970"),
        ({"expires_at": "10000-01-01"}, "expires_at", FlawReason.WRONG_FORMAT, "1970 to 9999"),
        ({"supersedes": ["GR/1"]}, "supersedes[0]", FlawReason.WRONG_FORMAT, "hexadecimal"),
        ({"attachments": ["x"]}, "attachments", FlawReason.UNKNOWN_FIELD, "attachments"),
        ({"language": "EL"}, "language", FlawReason.UNKNOWN_CODE, "codes"),
        ({"vehicles": [{"kind": "CAR"}]}, "vehicles[0]", FlawReason.TOO_SHORT, "too little"),
        ({"event": {}}, "event", FlawReason.TOO_SHORT, "is empty"),
    ],
)
def test_a_fault_is_told_with_place_and_reason(
    fields: dict[str, Any], field: str, reason: FlawReason, words: str
) -> None:
    flaw = refusal("CASE_SUMMARY", **fields)
    assert (flaw.field, flaw.reason) == (field, reason)
    assert words in flaw.message
    assert flaw.advice


@pytest.mark.parametrize(
    ("person", "field", "reason"),
    [
        ({"status": "SUSPICIOUS"}, "persons[1].status", FlawReason.UNKNOWN_CODE),
        ({"born": "1990-13"}, "persons[1].born", FlawReason.IMPOSSIBLE_DATE),
        ({"born": "31.1.1990"}, "persons[1].born", FlawReason.WRONG_FORMAT),
        ({"born": 1990}, "persons[1].born", FlawReason.WRONG_TYPE),
        ({"height_cm": 1.8}, "persons[1].height_cm", FlawReason.OUT_OF_RANGE),
        ({"estimated_age": 20.5}, "persons[1].estimated_age", FlawReason.WRONG_TYPE),
        ({"sex": "W"}, "persons[1].sex", FlawReason.UNKNOWN_CODE),
        ({"languages": ["EN"]}, "persons[1].languages[0]", FlawReason.UNKNOWN_CODE),
        ({"hair": ["brown"]}, "persons[1].hair[0]", FlawReason.WRONG_FORMAT),
        ({"surname": _SECRET}, "persons[1].surname", FlawReason.UNKNOWN_FIELD),
        ({"phones": [{"number": "x"}]}, "persons[1].phones[0].number", FlawReason.WRONG_FORMAT),
        (
            {"phones": [{"number": "210 000"}]},
            "persons[1].phones[0].country",
            FlawReason.MISSING_FIELD,
        ),
        (
            {"documents": [{"number": "1"}]},
            "persons[1].documents[0].kind",
            FlawReason.MISSING_FIELD,
        ),
        ({"accounts": [{"kind": "EMAIL"}]}, "persons[1].accounts[0]", FlawReason.TOO_SHORT),
    ],
)
def test_the_place_of_a_fault_is_told_to_the_last_step(
    person: dict[str, Any], field: str, reason: FlawReason
) -> None:
    flaw = refusal("YELLOW", **_with(person))
    assert (flaw.field, flaw.reason) == (field, reason)
    assert _SECRET not in flaw.message + flaw.advice + flaw.field


@pytest.mark.parametrize("name", NOTICE_TYPES)
def test_every_missing_field_is_named(name: str) -> None:
    for field in NOTICE_TYPES[name].required:
        flaw = refusal(name, **{field: None})
        assert (flaw.field, flaw.reason) == (field, FlawReason.MISSING_FIELD)
        assert f"`tocsin schema {name}`" in flaw.advice


@pytest.mark.parametrize(
    ("name", "status"),
    [("RED", "WITNESS"), ("YELLOW", "SUSPECT"), ("BLACK", "MISSING"), ("VICTIM_REFERRAL", "OTHER")],
)
def test_a_notice_is_about_somebody_of_its_kind(name: str, status: str) -> None:
    flaw = refusal(name, persons=[{"status": status, "name": _SECRET}])
    assert (flaw.field, flaw.reason) == ("persons", FlawReason.MISSING_FIELD)
    assert "at least one person with status" in flaw.message


def test_a_wanted_person_has_a_name() -> None:
    assert "and a name" in refusal("RED", persons=[{"status": "WANTED"}]).message


@pytest.mark.parametrize(
    ("grading", "field"),
    [
        ({"scheme": "4x4", "source": "E", "information": "1"}, "grading.source"),
        ({"scheme": "4x4", "source": "A", "information": "5"}, "grading.information"),
        ({"scheme": "4x4", "source": "A", "information": "1", "handling": "1"}, "grading"),
        ({"scheme": "5x5x5", "source": "X", "information": "1", "handling": "1"}, "grading.source"),
        ({"scheme": "5x5x5", "source": "A", "information": "1"}, "grading.handling"),
        (
            {"scheme": "5x5x5", "source": "A", "information": "1", "handling": "4"},
            "grading.handling",
        ),
        ({"scheme": "6x6", "source": "A", "information": "1"}, "grading.scheme"),
    ],
)
def test_a_grade_fits_its_scheme(grading: dict[str, str], field: str) -> None:
    assert refusal("CASE_SUMMARY", grading=grading).field == field


@pytest.mark.parametrize(
    ("name", "fields", "field"),
    [
        ("MISSING_PERSON", {"risk": "HIGH"}, "risk_reason"),
        ("REPLY", {"outcome": "REFUSED"}, "refusal_reason"),
    ],
)
def test_what_one_field_asks_of_another_is_missed(
    name: str, fields: dict[str, str], field: str
) -> None:
    flaw = refusal(name, **fields)
    assert (flaw.field, flaw.reason) == (field, FlawReason.MISSING_FIELD)


def test_of_several_faults_the_unknown_field_is_told_and_the_rest_counted() -> None:
    lacking = record("CASE_SUMMARY", tilte="Farm work", tlp="x", title=None)
    flaw = refusal("CASE_SUMMARY", **lacking)
    assert flaw.field == "tilte"
    assert "(and 2 more in this record)" in flaw.message
    rubbish = refusal("CASE_SUMMARY", countries=["x"] + [str(n) for n in range(60)])
    assert "many more" in rubbish.message


@pytest.mark.parametrize("key", ["\x1b[2J", "a\u202eb", "x" * 500, "", "a.b", "\ud800"])
def test_an_odd_field_name_cannot_mislead(key: str) -> None:
    flaw = refusal("CASE_SUMMARY", **{key: 1})
    assert flaw.reason is FlawReason.UNKNOWN_FIELD
    assert (flaw.field + flaw.message).isprintable()
    assert len(flaw.field) < 100


def test_an_excerpt_is_short_and_printable() -> None:
    assert excerpt("short") == "short"
    assert excerpt("x" * 25) == "x" * 24 + "…"
    assert excerpt("\x1b[0m\u202e") == "\\x1b[0m\\u202e"


def test_a_place_is_told_in_words() -> None:
    assert field_name(["persons", 0, "phones", 2, "number"]) == "persons[0].phones[2].number"
    assert field_name([]) == ""


def test_the_nearest_word_is_found_or_none() -> None:
    assert nearest("ambr", ["AMBER", "RED"]) == "AMBER"
    assert nearest("x" * 100_000, ["AMBER"]) == ""
