# SPDX-License-Identifier: Apache-2.0
"""Who may have a draft, and each reason why it is not published."""

from dataclasses import replace

import pytest

from agency_client.domain.plans import PlannedNotice
from agency_client.errors import AgencyError, Reason
from agency_client.services.directory import federation_of
from agency_client.services.federation import Federation as Verified
from agency_client.services.planning import Planned, audience_of, plan, preview
from keys.entries import TopicEntry
from keys.envelope import NoticeRef
from tests.simulator.agency import Draft
from tests.simulator.federation import DAY, MARKING, NOW, Federation, notice_draft

HELD = NoticeRef(
    originator="gr-pol", notice_id=notice_draft().header.notice_id, leaf_hash=bytes(32)
)


def resolve(reference: str) -> NoticeRef:
    if reference != "held":
        raise AgencyError(Reason.UNKNOWN_NOTICE, "no such notice")
    return HELD


@pytest.fixture
def verified(federation: Federation) -> Verified:
    return federation_of("gr-pol", federation.directory)


def plan_one(draft: Draft, verified: Verified) -> Planned:
    (planned,) = plan([draft], verified, resolve, {}, NOW)
    return planned


def refusal(draft: Draft, verified: Verified) -> AgencyError:
    planned = plan_one(draft, verified)
    assert planned.notice is None
    assert planned.audience is None
    assert planned.refusal is not None
    return planned.refusal


def notice(draft: Draft, verified: Verified) -> PlannedNotice:
    planned = plan_one(draft, verified)
    assert planned.refusal is None
    assert planned.notice is not None
    return planned.notice


def test_a_draft_goes_to_the_readers_of_its_topic_and_to_ourselves(verified: Verified) -> None:
    assert audience_of(Draft(), verified, NOW).admitted == ("bg-pol", "gr-pol", "ro-pol")


def test_an_excluded_country_is_left_out(verified: Verified) -> None:
    draft = Draft(marking=replace(MARKING, not_for=("BG",)))
    assert audience_of(draft, verified, NOW).admitted == ("gr-pol", "ro-pol")


def test_tlp_red_goes_to_the_named_agency_alone(verified: Verified) -> None:
    audience = audience_of(
        Draft(marking=replace(MARKING, tlp="RED"), to=("ro-pol",)), verified, NOW
    )
    assert audience.admitted == ("gr-pol", "ro-pol")
    assert audience.named == {"ro-pol"}


def test_a_header_says_what_the_draft_supersedes_and_when_it_is_valid(verified: Verified) -> None:
    header = notice(Draft(supersedes=("held",)), verified).header
    assert header.supersedes == (HELD,)
    assert (header.valid_from, header.expires_at) == (NOW, NOW + 30 * DAY)


def test_an_unknown_topic_is_refused(verified: Verified) -> None:
    error = refusal(Draft(topic="no/such"), verified)
    assert error.reason is Reason.TOPIC_UNKNOWN
    assert error.message == "there is no topic no/such"


def test_an_unknown_named_agency_is_refused(verified: Verified) -> None:
    error = refusal(Draft(to=("xx-pol",)), verified)
    assert error.reason is Reason.UNKNOWN_RECIPIENT
    assert error.metadata == {"agency": "xx-pol"}


def test_a_retired_named_agency_is_refused(federation: Federation) -> None:
    federation.retire("bg-pol")
    error = refusal(Draft(to=("bg-pol",)), federation_of("gr-pol", federation.directory))
    assert error.reason is Reason.RETIRED_RECIPIENT


def test_a_named_agency_that_the_rules_exclude_is_refused_with_the_rule(
    verified: Verified,
) -> None:
    error = refusal(Draft(to=("hr-ngo",)), verified)
    assert error.reason is Reason.RECIPIENT_REFUSED
    assert "sanitised" in error.message


def test_a_locked_named_agency_is_refused(federation: Federation) -> None:
    federation.lock("ro-pol")
    error = refusal(Draft(to=("ro-pol",)), federation_of("gr-pol", federation.directory))
    assert error.reason is Reason.RECIPIENT_REFUSED


def test_a_topic_where_we_do_not_publish_is_refused(federation: Federation) -> None:
    federation.add(
        TopicEntry(topic="orders", title="Orders", readers=("members",), publishers=("courts",))
    )
    error = refusal(Draft(topic="orders"), federation_of("gr-pol", federation.directory))
    assert error.reason is Reason.DENIED
    assert "we may not publish this on orders" in error.message


def test_a_draft_that_nobody_else_may_have_is_refused(verified: Verified) -> None:
    error = refusal(Draft(marking=replace(MARKING, tlp="RED")), verified)
    assert error.reason is Reason.EMPTY_AUDIENCE


def test_a_notice_larger_than_a_frame_is_refused(verified: Verified) -> None:
    error = refusal(Draft(text="x" * (3 << 20)), verified)
    assert error.reason is Reason.LIMIT_EXCEEDED
    assert error.metadata == {"limit": "notice_bytes"}


def test_a_draft_that_expires_before_it_is_valid_is_refused(verified: Verified) -> None:
    error = refusal(Draft(valid_from=NOW, expires_at=NOW), verified)
    assert error.reason is Reason.MALFORMED
    assert error.message == "notice expires before it is valid"


def test_a_draft_that_supersedes_what_is_not_held_is_refused(verified: Verified) -> None:
    assert refusal(Draft(supersedes=("gone",)), verified).reason is Reason.UNKNOWN_NOTICE


def test_without_a_rule_book_nothing_is_published(federation: Federation) -> None:
    verified = federation_of("gr-pol", replace(federation.directory, rule_book=None))
    assert refusal(Draft(), verified).reason is Reason.NOT_ENROLLED


def test_a_refused_draft_does_not_hold_up_the_others(verified: Verified) -> None:
    planned = plan([Draft(topic="no/such"), Draft()], verified, resolve, {}, NOW)
    assert [one.position for one in planned] == [0, 1]
    assert [one.refusal is None for one in planned] == [False, True]


def test_a_preview_says_who_would_get_it_and_why_the_others_would_not(verified: Verified) -> None:
    view = preview(Draft(), verified, NOW)
    assert view.admitted == ("bg-pol", "ro-pol")
    assert "sanitised" in view.refused["hr-ngo"]
