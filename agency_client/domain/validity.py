# SPDX-License-Identifier: Apache-2.0
"""From when until when a notice is valid, and whether its other dates fit in.

The time is passed in. Source: retention in INTERPOL's Rules on the Processing of Data: at most five
years at first, less where the purpose needs less.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agency_client.domain.flaws import Flaw, FlawReason, RecordError
from agency_client.domain.moments import DAY_MS, day_of, read_instant, show_instant
from agency_client.domain.notice_types import NoticeType
from keys.fields import LAST_MILLISECOND

CLOCK_LEEWAY_MS = 15 * 60_000
"""A notice begins so long ago at least: a broker whose clock is behind would keep it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """Milliseconds since 1970; the end is exclusive."""

    valid_from: int
    expires_at: int


def validity_of(record: Mapping[str, Any], kind: NoticeType, now: int) -> Validity:
    """Return when a conforming record is valid.

    Raises:
        RecordError: it is over, ends before it begins, is kept too long, or a date lies outside.
    """
    valid_from = read_instant(record["valid_from"]) if "valid_from" in record else now
    if valid_from > now:
        raise _error(
            "valid_from",
            FlawReason.OUT_OF_RANGE,
            "lies ahead, and a notice that is not valid yet is not delivered later by itself",
            "publish the notice when it begins to be valid",
        )
    expires_at = min(now + kind.days * DAY_MS, LAST_MILLISECOND)
    if "expires_at" in record:
        expires_at = read_instant(record["expires_at"], end_of_day=True)
    _check_end(expires_at, now + kind.most_days * DAY_MS, now)
    valid_from = max(0, min(valid_from, now - CLOCK_LEEWAY_MS))
    validity = Validity(valid_from=valid_from, expires_at=expires_at)
    _check_dates(record, validity, now)
    return validity


def _check_end(expires_at: int, latest: int, now: int) -> None:
    if expires_at <= now:
        raise _error(
            "expires_at", FlawReason.ALREADY_EXPIRED, f"ended at {show_instant(expires_at)}"
        )
    if expires_at >= latest + DAY_MS:
        raise _error(
            "expires_at",
            FlawReason.KEPT_TOO_LONG,
            f"this type is kept until {day_of(latest)} at most",
            "publish a new notice, which supersedes this one, when it is still needed then",
        )


def _check_dates(record: Mapping[str, Any], validity: Validity, now: int) -> None:
    if "review_on" in record:
        review = read_instant(record["review_on"], end_of_day=True)
        if not now <= review <= validity.expires_at + DAY_MS:
            raise _error(
                "review_on", FlawReason.WRONG_ORDER, "lies in the past or after the notice's end"
            )
    if "reply_by" in record:
        reply = read_instant(record["reply_by"], end_of_day=True)
        if not now < reply <= validity.expires_at:
            raise _error(
                "reply_by", FlawReason.WRONG_ORDER, "lies in the past or after the notice's end"
            )


def _error(field: str, reason: FlawReason, message: str, advice: str = "") -> RecordError:
    return RecordError(Flaw(field=field, reason=reason, message=message, advice=advice))
