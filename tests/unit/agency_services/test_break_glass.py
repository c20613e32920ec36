# SPDX-License-Identifier: Apache-2.0
"""Break-glass opens what the book lets, is told and found; unreviewed, it blocks the next."""

from collections.abc import Awaitable, Sequence
from dataclasses import replace

import pytest

from agency_client.domain.findings import FindingKind
from agency_client.domain.letter_contents import BreakGlass, decode_letter
from agency_client.domain.openings import OpeningKind
from agency_client.domain.people import REVIEW_WITHIN_MS
from agency_client.domain.records import Opening
from agency_client.domain.views import NoticeView, Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.services.break_glass import BreakGlassService
from tests.simulator.agency import EVERYTHING, Draft, SimulatedAgency
from tests.simulator.federation import DAY, MARKING, NOW
from tests.unit.agency_services.conftest import Opening as Open
from tests.unit.agency_services.people import enter, looking

SEALED_OFF = replace(MARKING, purposes=("PREVENTION",))
DUTY, SUPER = looking("duty"), looking("super")
ABSENT = "gr-pol/0193a7c2f4e87d1c9a4b5e6f70819203"


def told(agency: SimulatedAgency) -> list[tuple[str, BreakGlass]]:
    """Return to whom and what we have to say about break-glass."""
    letters = []
    for item in agency.store.post.waiting(99):
        said = decode_letter(item.kind, item.content)
        assert isinstance(said, BreakGlass)
        letters.append((item.recipient, said))
    return letters


def glass_of(agency: SimulatedAgency) -> BreakGlassService:
    return BreakGlassService(
        agency=agency.id,
        store=agency.store,
        register=agency.register,
        rights=agency.rights,
        viewing=agency.viewing,
        clock=agency.clock,
    )


@pytest.fixture
async def glass(ro: SimulatedAgency) -> BreakGlassService:
    await enter(ro, "duty", "DUTY_247", clearance=0)
    await enter(ro, "super", "SUPERVISOR", "DUTY_247")
    await enter(ro, "ana", "ANALYST")
    return glass_of(ro)


async def kept(gr: SimulatedAgency, ro: SimulatedAgency, draft: Draft) -> str:
    (outcome,) = (await gr.publish(draft)).notices
    await ro.receiver.catch_up(EVERYTHING)
    return f"gr-pol/{outcome.notice_id.hex()}"


@pytest.fixture
async def reference(gr: SimulatedAgency, ro: SimulatedAgency) -> str:
    """A notice that no duty officer may read for a threat to life as it is."""
    return await kept(gr, ro, Draft(text="a blue van", marking=SEALED_OFF))


async def refusal(work: Awaitable[object]) -> Reason:
    with pytest.raises(AgencyError) as refused:
        await work
    return refused.value.reason


def broken(
    glass: BreakGlassService, reference: str, viewer: Viewer = DUTY, **more: str
) -> Awaitable[NoticeView]:
    said = {"reason": "a child in danger", "ticket": "T-4711", **more}
    return glass.open(reference, viewer, reason=said["reason"], ticket=said["ticket"])


def openings(agency: SimulatedAgency, kind: OpeningKind) -> list[Opening]:
    every = [opening for _, _, opening in agency.store.openings.leaves(0, 99)]
    return [one for one in every if one.kind == kind]


async def test_a_duty_officer_opens_it_at_once(glass: BreakGlassService, reference: str) -> None:
    view = await broken(glass, reference)
    assert view.content["title"] == "a blue van"
    (use,) = glass.uses(unreviewed=True)
    assert (use.notice, use.opened_by, use.reason, use.ticket, use.rules) == (
        reference,
        "duty",
        "a child in danger",
        "T-4711",
        ("P11-break-glass",),
    )


async def test_the_originator_is_told_with_a_pseudonym(
    glass: BreakGlassService, reference: str, ro: SimulatedAgency
) -> None:
    await broken(glass, reference)
    ((originator, letter),) = told(ro)
    assert originator == "gr-pol"
    assert (letter.reason, letter.ticket, letter.at) == ("a child in danger", "T-4711", NOW)
    assert letter.officer.startswith("officer-")


async def test_it_is_in_our_own_log_and_among_the_findings(
    glass: BreakGlassService, reference: str, ro: SimulatedAgency
) -> None:
    await broken(glass, reference)
    (opening,) = openings(ro, OpeningKind.BREAK_GLASS)
    assert (opening.who, opening.purpose, opening.case, opening.notices) == (
        "duty",
        "THREAT_TO_LIFE",
        "T-4711",
        (reference,),
    )
    (finding,) = ro.store.inbox.findings(9)
    assert (finding.kind, finding.reason) == (FindingKind.BREAK_GLASS, "review_due")


async def test_nothing_is_shown_where_the_originator_cannot_be_told(
    glass: BreakGlassService,
    reference: str,
    ro: SimulatedAgency,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(_: object) -> Sequence[int]:
        raise AgencyError(Reason.STORE_FAILED, "the disk is full")

    monkeypatch.setattr(ro.store.post, "add", full)
    assert await refusal(broken(glass, reference)) is Reason.STORE_FAILED
    assert len(glass.uses(unreviewed=True)) == 1


async def test_red_stays_shut_and_looks_like_what_is_not_there(
    gr: SimulatedAgency, ro: SimulatedAgency, glass: BreakGlassService
) -> None:
    red = replace(SEALED_OFF, tlp="RED")
    reference = await kept(gr, ro, Draft(text="a blue van", marking=red, to=("ro-pol",)))
    assert await refusal(broken(glass, reference)) is Reason.UNKNOWN_NOTICE
    assert await refusal(broken(glass, ABSENT)) is Reason.UNKNOWN_NOTICE
    assert (list(glass.uses()), told(ro)) == ([], [])
    (opening,) = openings(ro, OpeningKind.REFUSED)
    assert opening.notices == (reference,)


@pytest.mark.parametrize(
    ("viewer", "more", "reason"),
    [
        (looking("ana"), {}, Reason.OFFICER_REFUSED),
        (looking("nobody"), {}, Reason.OFFICER_NEEDED),
        (Viewer(name="x", officer="nobody"), {}, Reason.OFFICER_UNKNOWN),
        (DUTY, {"reason": ""}, Reason.INVALID_ARGUMENT),
        (DUTY, {"reason": "two\nlines"}, Reason.INVALID_ARGUMENT),
        (DUTY, {"ticket": " "}, Reason.INVALID_ARGUMENT),
    ],
)
async def test_the_glass_does_not_break(
    *,
    viewer: Viewer,
    more: dict[str, str],
    reason: Reason,
    glass: BreakGlassService,
    reference: str,
    ro: SimulatedAgency,
) -> None:
    assert await refusal(broken(glass, reference, viewer, **more)) is reason
    assert (list(glass.uses()), told(ro)) == ([], [])


async def test_a_suspended_duty_officer_breaks_nothing(
    ro: SimulatedAgency, glass: BreakGlassService, reference: str
) -> None:
    await ro.register.suspend("duty", "administrator")
    assert await refusal(broken(glass, reference)) is Reason.OFFICER_REFUSED
    assert list(glass.uses()) == []


async def test_an_agency_without_a_desk_day_and_night_breaks_nothing(
    gr: SimulatedAgency, open_profile: Open
) -> None:
    gr.federation.replace_agency("ro-pol", contact247=False)
    await gr.directory.sync()
    sleepy = open_profile("ro-pol")
    reference = await kept(gr, sleepy, Draft(marking=SEALED_OFF))
    await enter(sleepy, "duty", "DUTY_247")
    assert await refusal(broken(glass_of(sleepy), reference)) is Reason.UNKNOWN_NOTICE


async def test_what_may_be_read_as_it_is_needs_no_broken_glass(
    gr: SimulatedAgency, ro: SimulatedAgency, glass: BreakGlassService
) -> None:
    open_to_all = replace(MARKING, purposes=("THREAT_TO_LIFE",))
    reference = await kept(gr, ro, Draft(marking=open_to_all))
    assert await refusal(broken(glass, reference)) is Reason.INVALID_ARGUMENT
    assert told(ro) == []


# Reviews.


async def test_a_supervisor_who_is_somebody_else_reviews_it(
    glass: BreakGlassService, reference: str, ro: SimulatedAgency
) -> None:
    await broken(glass, reference)
    reviewed = await glass.review(1, "justified: the child was found", SUPER)
    assert (reviewed.reviewed_by, reviewed.outcome) == ("super", "justified: the child was found")
    assert list(glass.uses(unreviewed=True)) == []
    (opening,) = openings(ro, OpeningKind.REVIEW)
    assert (opening.who, opening.notices) == ("super", (reference,))


@pytest.mark.parametrize(
    ("number", "outcome", "viewer", "reason"),
    [
        (1, "fine", SUPER, Reason.OFFICER_REFUSED),
        (1, "fine", looking("ana"), Reason.OFFICER_REFUSED),
        (1, "", looking("chief"), Reason.INVALID_ARGUMENT),
        (2, "fine", looking("chief"), Reason.ACT_UNKNOWN),
    ],
)
async def test_a_review_is_refused(
    *,
    number: int,
    outcome: str,
    viewer: Viewer,
    reason: Reason,
    glass: BreakGlassService,
    reference: str,
    ro: SimulatedAgency,
) -> None:
    await enter(ro, "chief", "SUPERVISOR")
    await broken(glass, reference, SUPER)
    assert await refusal(glass.review(number, outcome, viewer)) is reason
    assert len(glass.uses(unreviewed=True)) == 1


async def test_a_use_is_reviewed_once(glass: BreakGlassService, reference: str) -> None:
    await broken(glass, reference)
    await glass.review(1, "justified", SUPER)
    assert await refusal(glass.review(1, "not justified", SUPER)) is Reason.ALREADY_EXISTS
    assert glass.uses()[0].outcome == "justified"


async def test_a_use_that_nobody_reviewed_in_time_blocks_the_next(
    glass: BreakGlassService, reference: str, ro: SimulatedAgency
) -> None:
    await broken(glass, reference)
    ro.clock.now += REVIEW_WITHIN_MS - 1
    await broken(glass, reference)
    ro.clock.now += 1
    assert await refusal(broken(glass, reference)) is Reason.REVIEW_OVERDUE
    assert await refusal(broken(glass, reference, SUPER)) is Reason.REVIEW_OVERDUE
    assert len(told(ro)) == 2
    await glass.review(1, "justified, and late", SUPER)
    await broken(glass, reference)


async def test_what_is_overdue_stays_so_over_a_restart(
    glass: BreakGlassService, reference: str, ro: SimulatedAgency
) -> None:
    await broken(glass, reference)
    ro.clock.now += 4 * DAY
    (use,) = ro.reopen().store.people.break_glass_uses(unreviewed=True)
    assert use.is_overdue(ro.clock.now)
