# SPDX-License-Identifier: Apache-2.0
"""How long a notice is valid: by default, at most, and never before 1970 or backwards."""

import pytest

from agency_client.domain.flaws import FlawReason
from agency_client.domain.notice_types import NOTICE_TYPES
from tests.unit.agency_domain.samples import (
    DAY,
    NOW,
    drafted,
    flaw_of,
    is_accepted,
    record,
    refusal,
)


def test_a_notice_without_a_beginning_is_valid_for_a_broker_whose_clock_is_behind() -> None:
    draft = drafted()
    assert NOW - DAY < draft.valid_from <= NOW - 10 * 60_000


def test_nothing_begins_before_1970() -> None:
    assert drafted(now=1000).valid_from == 0


def test_a_day_as_an_end_is_its_end() -> None:
    assert drafted(expires_at="2026-11-24").expires_at == NOW - NOW % DAY + DAY - 1


def test_a_notice_lasts_its_time_from_now() -> None:
    draft = drafted("FREE_TEXT", valid_from="2026-11-01")
    assert draft.expires_at - NOW == NOTICE_TYPES["FREE_TEXT"].days * DAY


def test_a_notice_that_begins_later_is_refused_because_nothing_would_deliver_it_then() -> None:
    flaw = refusal("REQUEST", valid_from="2026-12-02")
    assert (flaw.field, flaw.reason) == ("valid_from", FlawReason.OUT_OF_RANGE)
    assert flaw.advice == "publish the notice when it begins to be valid"


@pytest.mark.parametrize("name", NOTICE_TYPES)
def test_no_type_is_kept_longer_than_five_years(name: str) -> None:
    kind = NOTICE_TYPES[name]
    assert kind.days <= kind.most_days <= 5 * 365 + 1
    assert is_accepted(name, expires_at="2027-01-01")
    flaw = refusal(name, expires_at="2031-12-01")
    assert (flaw.field, flaw.reason) == ("expires_at", FlawReason.KEPT_TOO_LONG)
    assert "supersedes" in flaw.advice


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"expires_at": "2026-11-23"}, "expires_at", FlawReason.ALREADY_EXPIRED),
        ({"expires_at": "2026-11-24T06:00:00Z"}, "expires_at", FlawReason.ALREADY_EXPIRED),
        ({"review_on": "2026-11-23"}, "review_on", FlawReason.WRONG_ORDER),
        ({"review_on": "2029-01-01"}, "review_on", FlawReason.WRONG_ORDER),
        ({"reply_by": "2026-11-24T05:59:59Z"}, "reply_by", FlawReason.WRONG_ORDER),
        ({"reply_by": "2029-01-01"}, "reply_by", FlawReason.WRONG_ORDER),
    ],
)
def test_dates_that_do_not_fit_are_refused(
    fields: dict[str, str], field: str, reason: FlawReason
) -> None:
    flaw = refusal("REQUEST", **fields)
    assert (flaw.field, flaw.reason) == (field, reason)


def test_a_clock_at_the_end_of_time_refuses_and_does_not_fail() -> None:
    last = 253_402_300_799_999
    assert flaw_of(record(), now=last).reason is FlawReason.ALREADY_EXPIRED
