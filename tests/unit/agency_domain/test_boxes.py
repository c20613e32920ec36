# SPDX-License-Identifier: Apache-2.0
"""Boxes hold exactly the cases that were given."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from agency_client.domain.boxes import boxes

CASES = st.sets(st.tuples(*[st.sampled_from("abc")] * 3))


def test_cases_that_differ_in_one_thing_become_one() -> None:
    assert boxes([("ro", "RED"), ("ro", "AMBER"), ("gr", "RED"), ("gr", "AMBER")]) == [
        (frozenset({"gr", "ro"}), frozenset({"AMBER", "RED"}))
    ]


def test_a_case_alone_stays_alone() -> None:
    found = boxes([("ro", "RED"), ("ro", "AMBER"), ("gr", "RED")])
    assert found == [
        (frozenset({"gr"}), frozenset({"RED"})),
        (frozenset({"ro"}), frozenset({"AMBER", "RED"})),
    ]


def test_nothing_is_no_box() -> None:
    assert boxes([]) == []


@given(CASES)
def test_the_boxes_hold_each_case_once_and_no_other(cases: set[tuple[str, ...]]) -> None:
    held = [case for box in boxes(cases) for case in product(*box)]
    assert len(held) == len(cases)
    assert {*held} == cases
