# SPDX-License-Identifier: Apache-2.0
"""The code tables agree with the rule book, with the wire's marking and with what was published."""

import re
from pathlib import Path

import pytest

from agency_client.domain import codes
from agency_client.domain.countries import COUNTRIES, NOT_KNOWN
from agency_client.domain.languages import LANGUAGES
from keys.fields import check_code, check_country
from keys.marking import MODES, PRIORITIES, REGRANTS
from policy.facts import NOTICE_TYPES

BOOK = (Path(__file__).parents[3] / "policy" / "book" / "schema.cedarschema").read_text()


def _in_book(entity: str) -> set[str]:
    found = re.search(rf"entity {entity}\s+enum \[([^\]]*)\]", BOOK)
    assert found is not None
    return set(re.findall(r'"([^"]+)"', found[1]))


def test_the_rule_book_has_a_class_for_every_notice_type() -> None:
    assert set(codes.NOTICE_TYPES) == set(NOTICE_TYPES)


@pytest.mark.parametrize(
    ("entity", "table"),
    [("Tlp", codes.TLP), ("Handling", codes.HANDLING), ("Purpose", codes.PURPOSES)],
)
def test_what_policy_reads_has_the_rule_books_words(entity: str, table: codes.CodeTable) -> None:
    assert set(table) == _in_book(entity)


def test_what_the_marking_holds_has_the_wires_words() -> None:
    assert tuple(codes.MODES) == MODES
    assert tuple(codes.PRIORITIES) == PRIORITIES
    assert tuple(codes.REGRANTS) == REGRANTS


def test_there_are_eight_interpol_colours() -> None:
    colours = {"RED", "YELLOW", "BLUE", "BLACK", "GREEN", "ORANGE", "PURPLE", "SILVER"}
    assert colours <= set(codes.NOTICE_TYPES)


@pytest.mark.parametrize("name", sorted({*codes.TABLES, *codes.OPEN_TABLES}))
def test_every_code_says_something(name: str) -> None:
    table = codes.TABLES.get(name) or codes.OPEN_TABLES[name]
    assert all(words and words == words.strip() for words in table.values())
    for code in table:
        check_code(code)


def test_all_countries_of_iso_3166_are_there() -> None:
    assert len(COUNTRIES) == 250
    for code in ("NO", "GR", "TH", "HR", "SS", "XK"):
        check_country(code)
        assert COUNTRIES[code]
    assert not {"EL", "UK", "EU", "YU"} & set(COUNTRIES)
    assert not set(NOT_KNOWN) & set(COUNTRIES)


def test_languages_have_the_bibliographic_and_the_terminological_code() -> None:
    for one, other in (("FRE", "FRA"), ("GRE", "ELL"), ("RUM", "RON"), ("CHI", "ZHO")):
        assert LANGUAGES[one] == LANGUAGES[other]
    assert len(LANGUAGES) == 506


def test_a_grade_that_keeps_a_notice_at_home_cannot_be_given() -> None:
    assert "4" not in codes.HANDLING_5X5X5
