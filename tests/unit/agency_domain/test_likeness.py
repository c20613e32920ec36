# SPDX-License-Identifier: Apache-2.0
"""Two notices are alike where they say the same, or are about one person or document."""

from typing import Any

import pytest

from agency_client.domain.likeness import MOST_COMPARED, Likeness, Subject, queries
from agency_client.domain.searching import LONGEST_QUERY, parse_query


def person(name: str = "Παπαδόπουλος", forename: str = "Δέσποινα", **more: Any) -> dict[str, Any]:
    return {"status": "MISSING", "name": name, "forename": forename, **more}


def about(*persons: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"title": "invented", "persons": list(persons), **more}


def likeness(one: dict[str, Any], other: dict[str, Any]) -> Likeness:
    found = Subject.of(one).likeness(Subject.of(other))
    assert Subject.of(other).likeness(Subject.of(one)) == found
    return found


def test_the_same_document_in_another_order_is_the_same_content() -> None:
    one, other = {"title": "a", "text": "b"}, {"text": "b", "title": "a"}
    assert likeness(one, other) == Likeness(content=True)
    assert not likeness(one, {**other, "text": "c"})


@pytest.mark.parametrize(
    "other",
    [
        person("ΠΑΠΑΔΟΠΟΥΛΟΣ", "ΔΕΣΠΟΙΝΑ"),
        person("Δέσποινα", "Παπαδόπουλος"),
        person(born="2009-05-01"),
    ],
)
def test_a_person_is_recognised_by_folded_names(other: dict[str, Any]) -> None:
    assert likeness(about(person()), about(other, title="else")).person


@pytest.mark.parametrize(
    "other",
    [
        person("Παπαδόπουλος", "Μαρία"),
        person("Παπαδοπούλου"),
        {"status": "MISSING", "name": "Παπαδόπουλος"},
        {"status": "MISSING", "forename": "Δέσποινα"},
        {"status": "MISSING"},
    ],
)
def test_another_or_half_a_name_is_nobody(other: dict[str, Any]) -> None:
    assert not likeness(about(person()), about(other, title="else"))


def test_another_date_of_birth_is_another_person_and_a_partial_one_may_be_the_same() -> None:
    born = about(person(born="2009-05"))
    assert likeness(born, about(person(born="2009-05-07"), title="else")).person
    assert likeness(born, about(person(born="2009"), title="else")).person
    assert not likeness(born, about(person(born="2010-05"), title="else"))


@pytest.mark.parametrize("number", ["ZZ 0000-123", "zz0000123", "ZZ.0000.123"])
def test_a_document_is_recognised_however_its_number_is_written(number: str) -> None:
    passport = {"documents": [{"kind": "PASSPORT", "number": number}]}
    held = about(person(documents=[{"kind": "PASSPORT", "number": "ZZ0000123"}]))
    assert likeness(passport, held) == Likeness(document=True)


def test_a_short_number_is_no_likeness() -> None:
    assert not likeness(
        {"title": "a", "documents": [{"kind": "OTHER", "number": "12"}]},
        {"title": "b", "documents": [{"kind": "OTHER", "number": "12"}]},
    )


def test_what_to_search_for_is_names_numbers_and_all_there_is() -> None:
    notice = about(person(documents=[{"kind": "PASSPORT", "number": "ZZ 0000-123"}]))
    assert queries(notice) == [
        "δεσποινα παπαδοπουλοσ",
        "zz0000123",
        "invented missing παπαδοπουλοσ δεσποινα passport zz 0000 123",
    ]


@pytest.mark.parametrize(
    "notice",
    [
        {},
        {"title": "!?"},
        {"title": "x" * 5000},
        {"text": "word " * 5000},
        {"texts": [{"a": [["x"] * 100] * 10}]},
        about(*[person(forename=f"Anna{number}") for number in range(100)]),
    ],
)
def test_what_is_searched_for_is_bounded_and_can_be_searched_for(notice: dict[str, Any]) -> None:
    asked = queries(notice)
    assert len(asked) <= 2 * MOST_COMPARED + 1
    assert all(len(words) <= LONGEST_QUERY and parse_query(words) for words in asked)


@pytest.mark.parametrize(
    "odd", [{"persons": "x"}, {"persons": [1]}, {"documents": [{"number": 3}]}, {"documents": 1}]
)
def test_what_another_agency_wrote_may_be_anything(odd: dict[str, Any]) -> None:
    assert not likeness(odd, about(person()))
