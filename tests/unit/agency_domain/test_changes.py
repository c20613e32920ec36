# SPDX-License-Identifier: Apache-2.0
"""What a correction says otherwise is told field by field, and nothing else is."""

from typing import Any

import pytest

from agency_client.domain.changes import MOST, Change, changes


def told(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(one.path, one.before, one.after) for one in changes(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, []),
        ({"title": "a"}, {"title": "a"}, []),
        ({"title": "a"}, {"title": "b"}, [("title", "a", "b")]),
        ({"title": "a"}, {}, [("title", "a", None)]),
        ({}, {"title": "a"}, [("title", None, "a")]),
        ({"n": 1}, {"n": True}, [("n", 1, True)]),
        (
            {"persons": [{"name": "A", "born": "2009"}]},
            {"persons": [{"name": "A", "born": "2010"}, {"name": "B"}]},
            [("persons[0].born", "2009", "2010"), ("persons[1]", None, {"name": "B"})],
        ),
        ({"event": {"place": "Patras"}}, {"event": "x"}, [("event", {"place": "Patras"}, "x")]),
        ({"a": [1, 2]}, {"a": [2]}, [("a[0]", 1, 2), ("a[1]", 2, None)]),
    ],
)
def test_each_field_that_differs_is_told(
    before: dict[str, Any], after: dict[str, Any], expected: list[tuple[str, Any, Any]]
) -> None:
    assert told(before, after) == expected


def test_there_is_an_end_to_it() -> None:
    many = {str(number): number for number in range(2 * MOST)}
    assert len(changes({}, many)) == MOST
    assert changes({}, {"0": 0}) == (Change(path="0", before=None, after=0),)
