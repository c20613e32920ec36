# SPDX-License-Identifier: Apache-2.0
"""The parts of a book, asked apart and merged, answer as the whole; each agency has its part.

That they do for any book and directory is shown in `tests/differential`.
"""

import pytest

from policy import standard_book
from policy.book import RuleBook
from policy.evaluation import Outcome
from policy.slicing import GROUP, merged
from tests.differential.oracle import overlays

SCHEMA, POLICIES = standard_book()
NAMES = [f"agency-{number}" for number in range(GROUP + 1)]
BOOK = RuleBook.load(SCHEMA, POLICIES + overlays(NAMES)[0])
DENIED = Outcome(allow=False, determining=(), errors=())
P01, P02 = "P01-topic-member-delivery", "P02-named-recipient-delivery"
F01, OUT = "F01-tlp-red-named-only", "OUT-agency-0-GREEN"


def permitted(*rules: str) -> Outcome:
    return Outcome(allow=True, determining=rules, errors=())


def forbidden(*rules: str) -> Outcome:
    return Outcome(allow=False, determining=rules, errors=())


def test_agencies_with_rules_of_their_own_are_asked_about_in_groups() -> None:
    slices = BOOK.sections["deliver"].slices
    assert [slices.group_of(name) for name in NAMES] == [1] * GROUP + [2]
    assert slices.group_of("agency-99") == 0
    assert len(slices.groups) == 3
    assert set(slices.outgoing) == set(NAMES)


def test_an_act_about_which_no_agency_made_a_rule_is_asked_whole() -> None:
    slices = BOOK.sections["publish"].slices
    assert len(slices.groups) == 1
    assert slices.outgoing == {}


@pytest.mark.parametrize(
    ("one", "other", "whole"),
    [
        (DENIED, DENIED, DENIED),
        (permitted(P01), DENIED, permitted(P01)),
        (DENIED, permitted(P02), permitted(P02)),
        (permitted(P02), permitted(P01), permitted(P01, P02)),
        (permitted(P01), forbidden(OUT), forbidden(OUT)),
        (forbidden(F01), permitted(P01), forbidden(F01)),
        (forbidden(OUT), forbidden(F01), forbidden(F01, OUT)),
        (forbidden(F01), DENIED, forbidden(F01)),
    ],
)
def test_a_forbid_in_either_part_wins_and_permits_add_up(
    one: Outcome, other: Outcome, whole: Outcome
) -> None:
    assert merged(one, other, BOOK.rules) == whole


@pytest.mark.parametrize("failed_first", [True, False])
def test_an_error_in_either_part_denies(failed_first: bool) -> None:
    failed = Outcome(allow=False, determining=(), errors=("engine: broken",))
    parts = (failed, permitted(P01)) if failed_first else (permitted(P01), failed)
    assert merged(*parts, BOOK.rules) == failed


@pytest.mark.parametrize(
    ("head", "principal", "originator"),
    [
        ('principal == Tocsin::Agency::"a", action, resource', "a", None),
        ('principal in Tocsin::Agency::"a", action, resource', "a", None),
        ('principal is Tocsin::Agency in Tocsin::Agency::"a", action, resource', "a", None),
        ('principal in Tocsin::Circle::"a", action, resource', None, None),
        ("principal is Tocsin::Agency, action, resource", None, None),
        ("principal, action, resource", None, None),
        ('principal, action, resource in Tocsin::Agency::"b"', None, "b"),
        ('principal, action, resource is Tocsin::Notice in Tocsin::Agency::"b"', None, "b"),
        ('principal, action, resource in Tocsin::Topic::"b"', None, None),
    ],
)
def test_a_rule_is_about_one_agency_only_where_its_head_names_it(
    head: str, principal: str | None, originator: str | None
) -> None:
    text = f'@id("X") @says("Not.") forbid ({head}) when {{ false }};'
    rule = RuleBook.load(SCHEMA, POLICIES + text).rules["X"]
    assert (rule.principal, rule.originator) == (principal, originator)
