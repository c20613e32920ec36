# SPDX-License-Identifier: Apache-2.0
"""Dates and instants are read as RFC 3339 has them, and only where the calendar has them."""

from datetime import date

import pytest

from agency_client.domain.moments import (
    DAY_MS,
    day_of,
    first_day,
    is_surely_under_age,
    read_day,
    read_instant,
    show_instant,
)
from keys.fields import LAST_MILLISECOND


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T00:00Z", 0),
        ("1970-01-02T00:00:00.001Z", DAY_MS + 1),
        ("1970-01-01T02:00:00+02:00", 0),
        ("1969-12-31T23:00:00-01:00", 0),
        ("1970-01-01T00:00:00.5Z", 500),
        ("9999-12-31T23:59:59.999Z", LAST_MILLISECOND),
        ("2026-11-24T06:40:00Z", 1_795_502_400_000),
    ],
)
def test_an_instant_is_milliseconds_since_1970(text: str, expected: int) -> None:
    assert read_instant(text) == expected


def test_a_day_as_an_end_lasts_until_its_last_millisecond() -> None:
    assert read_instant("1970-01-01", end_of_day=True) == DAY_MS - 1
    assert read_instant("1970-01-01T00:00Z", end_of_day=True) == 0


@pytest.mark.parametrize(
    "text",
    [
        "1969-12-31",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-00:01",
        "10000-01-01",
        "0000-01-01",
        "2026-02-29",
        "2026-13-01",
        "2026-00-01",
        "2026-11-24T24:00:00Z",
        "2026-11-24T23:60:00Z",
        "2026-11-24T23:59:60Z",
        "2026-11-24T06:40:00",
        "2026-11-24T06:40:00+24:00",
        "2026-11-24 06:40:00Z",
        "\u0662\u0660\u0662\u0666-11-24",
        "",
    ],
)
def test_what_is_no_instant_between_1970_and_9999_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_instant(text)


@pytest.mark.parametrize("text", ["2023-02-29", "2026-04-31", "2026-1-1", "2026-01-01\n", "x"])
def test_a_day_that_the_calendar_lacks_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_day(text)


def test_a_partial_date_begins_with_its_first_day() -> None:
    assert first_day("2024") == date(2024, 1, 1)
    assert first_day("2024-02") == date(2024, 2, 1)
    assert first_day("2024-02-29") == date(2024, 2, 29)


@pytest.mark.parametrize("text", ["2024-13", "0000", "24", "2024-02-30"])
def test_a_partial_date_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        first_day(text)


@pytest.mark.parametrize(
    ("born", "expected"),
    [
        ("2008-11-25", True),
        ("2008-11-24", False),
        ("2008-12", True),
        ("2008-11", False),
        ("2009", True),
        ("2008", False),
        ("2008-02-29", False),
    ],
)
def test_somebody_is_surely_under_age_only_if_every_reading_says_so(
    born: str, expected: bool
) -> None:
    assert is_surely_under_age(born, date(2026, 11, 24)) is expected


def test_instants_are_shown_to_the_minute() -> None:
    assert show_instant(1_795_502_400_000) == "2026-11-24 06:40 UTC"
    assert day_of(1_795_502_400_000) == date(2026, 11, 24)
