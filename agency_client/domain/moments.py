# SPDX-License-Identifier: Apache-2.0
"""Dates and instants as records write them: ISO 8601 days, and RFC 3339 instants with a zone.

Reads no clock. Times are milliseconds since 1970; the first and last that a notice can bear are
1970-01-01 and 9999-12-31.
"""

import re
from datetime import UTC, date, datetime

from keys.fields import LAST_MILLISECOND

DAY_MS = 86_400_000

_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_PARTIAL = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,3}))?)?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
_EPOCH = date(1970, 1, 1).toordinal()
_FULL_AGE = 18


def read_day(text: str) -> date:
    """Return the day that `text` names.

    Raises:
        ValueError: there is no such day.
    """
    found = _DAY.fullmatch(text)
    if found is None:
        raise ValueError("not a day")
    return date(*map(int, found.groups()))


def first_day(text: str) -> date:
    """Return the first day that a whole or partial date (year, month, day) can mean.

    Raises:
        ValueError: there is no such date.
    """
    found = _PARTIAL.fullmatch(text)
    if found is None:
        raise ValueError("not a date")
    return date(int(found[1]), int(found[2] or 1), int(found[3] or 1))


def read_instant(text: str, *, end_of_day: bool = False) -> int:
    """Return an instant, or the beginning or end of a day in UTC, in milliseconds since 1970.

    Raises:
        ValueError: there is no such instant, or it lies before 1970 or after 9999.
    """
    found = _INSTANT.fullmatch(text)
    if found is None:
        begin = (read_day(text).toordinal() - _EPOCH) * DAY_MS
        time_ms = begin + DAY_MS - 1 if end_of_day else begin
    else:
        time_ms = (read_day(found[1]).toordinal() - _EPOCH) * DAY_MS + _of_day(found)
    if not 0 <= time_ms <= LAST_MILLISECOND:
        raise ValueError("before 1970 or after 9999")
    return time_ms


def _of_day(found: re.Match[str]) -> int:
    hour, minute, second = int(found[2]), int(found[3]), int(found[4] or 0)
    zone_hour, zone_minute = int(found[7] or 0), int(found[8] or 0)
    if max(hour, zone_hour) > 23 or max(minute, second, zone_minute) > 59:  # noqa: PLR2004 - clocks
        raise ValueError("no such time of day")
    east = (zone_hour * 60 + zone_minute) * (-1 if found[6] == "-" else 1)
    minutes = hour * 60 + minute - east
    return (minutes * 60 + second) * 1000 + int((found[5] or "").ljust(3, "0"))


def day_of(time_ms: int) -> date:
    """Return the day in UTC that an instant falls on."""
    return date.fromordinal(_EPOCH + time_ms // DAY_MS)


def show_instant(time_ms: int) -> str:
    """Return an instant to the minute, as people read it."""
    moment = datetime.fromtimestamp(time_ms / 1000, tz=UTC)
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def is_surely_under_age(born: str, on: date) -> bool:
    """Tell whether somebody born then is under 18 on a day, whatever a partial date means.

    Raises:
        ValueError: `born` is no date.
    """
    first = first_day(born)
    return (on.year, on.month, on.day) < (first.year + _FULL_AGE, first.month, first.day)
