# SPDX-License-Identifier: Apache-2.0
"""A standing grant admits to later notices of its case, until its end, and to nothing else."""

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from agency_client.domain.views import InboxQuery
from agency_client.errors import AgencyError, Reason
from keys.envelope import Marking
from tests.simulator.agency import EVERYTHING, VIEWER, Draft, SimulatedAgency, working_federation
from tests.simulator.federation import DAY, NOW, Federation, Member
from tests.simulator.mail import OPEN_MARKING
from tests.unit.agency_services.conftest import Opening
from tests.unit.agency_services.people import enter, looking

LAB, CASE = "it-pol", "2026/114"
LATER = NOW + 9 * DAY


@dataclass(frozen=True, kw_only=True)
class OfCase(Draft):
    """A draft that carries a case reference."""

    marking: Marking = OPEN_MARKING
    case: str = CASE

    @property
    def notice(self) -> dict[str, Any]:
        return {"type": self.marking.type, "title": self.text, "reference": self.case}


@pytest.fixture
def federation() -> Federation:
    return working_federation(("gr-pol", "ro-pol", Member(agency=LAB, circles=("labs",))))


@pytest.fixture
def lab(open_profile: Opening) -> SimulatedAgency:
    return open_profile(LAB)


async def refusal(work: Awaitable[object]) -> Reason:
    with pytest.raises(AgencyError) as refused:
        await work
    return refused.value.reason


async def sent(gr: SimulatedAgency, lab: SimulatedAgency, *drafts: Draft) -> list[str]:
    """Publish, and return the titles that the lab holds then."""
    gr.clock.now += 1
    await gr.publish(*drafts)
    for agency in (gr, lab):
        await agency.receive()
    return sorted(lab.titles())


async def test_later_notices_of_the_case_are_granted_as_they_come_back(
    gr: SimulatedAgency, lab: SimulatedAgency
) -> None:
    await sent(gr, lab, OfCase(text="before"))
    made = await gr.standing.add(CASE, LAB, LATER, VIEWER)
    drafts = (OfCase(text="a"), OfCase(text="other", case="2026/115"), OfCase(text="b"), Draft())
    assert await sent(gr, lab, *drafts) == ["a", "b"]
    (standing,) = await gr.standing.live()
    assert (standing.number, standing.admitted, standing.made_by) == (made.number, 2, VIEWER.name)


async def test_what_it_granted_ends_with_it(gr: SimulatedAgency, lab: SimulatedAgency) -> None:
    await gr.standing.add(CASE, LAB, LATER, VIEWER)
    await sent(gr, lab, OfCase())
    (row,) = lab.store.inbox.rows((1,))
    assert row.granted_until == LATER
    gr.clock.now = LATER
    assert await gr.standing.live() == []
    await gr.publish(OfCase(text="too late", valid_from=LATER, expires_at=LATER + DAY))
    for agency in (gr, lab):
        await agency.receive()
    kept = await lab.viewing.inbox(InboxQuery(), VIEWER)
    assert [view.content for view in kept] == [{}]


async def test_one_that_was_ended_admits_no_more(gr: SimulatedAgency, lab: SimulatedAgency) -> None:
    made = await gr.standing.add(CASE, LAB, LATER, VIEWER)
    assert await sent(gr, lab, OfCase(text="a")) == ["a"]
    await gr.standing.end(made.number, VIEWER)
    assert await sent(gr, lab, OfCase(text="b")) == ["a"]
    assert await refusal(gr.standing.end(made.number, VIEWER)) is Reason.NOT_FOUND


async def test_it_admits_to_nothing_that_a_grant_could_not(
    gr: SimulatedAgency, lab: SimulatedAgency
) -> None:
    await gr.standing.add(CASE, LAB, LATER, VIEWER)
    closed = replace(OPEN_MARKING, regrant="none")
    foreign = replace(OPEN_MARKING, not_for=("IT",))
    drafts = (OfCase(marking=closed), OfCase(marking=foreign), OfCase(text="may"))
    assert await sent(gr, lab, *drafts) == ["may"]


async def test_two_for_one_case_and_agency_grant_once(
    gr: SimulatedAgency, lab: SimulatedAgency
) -> None:
    for _ in range(2):
        await gr.standing.add(CASE, LAB, LATER, VIEWER)
    assert await sent(gr, lab, OfCase(text="a")) == ["a"]
    assert [one.admitted for one in await gr.standing.live()] == [1, 0]


async def test_a_crash_before_they_were_applied_loses_none(
    gr: SimulatedAgency, lab: SimulatedAgency
) -> None:
    await gr.standing.add(CASE, LAB, LATER, VIEWER)
    gr.clock.now += 1
    await gr.publish(OfCase(text="a"))
    await gr.receiver.catch_up(EVERYTHING)
    again = gr.reopen()
    for agency in (again, lab):
        await agency.exchange()
    assert lab.titles() == ["a"]
    again.store.close()


@pytest.mark.parametrize(
    ("case", "target", "until", "reason"),
    [
        ("", LAB, LATER, Reason.INVALID_ARGUMENT),
        ("a\nb", LAB, LATER, Reason.INVALID_ARGUMENT),
        (CASE, LAB, NOW, Reason.INVALID_ARGUMENT),
        (CASE, "gr-pol", LATER, Reason.INVALID_ARGUMENT),
        (CASE, "xx-none", LATER, Reason.UNKNOWN_RECIPIENT),
    ],
)
async def test_one_that_makes_no_sense(
    case: str, target: str, until: int, reason: Reason, gr: SimulatedAgency
) -> None:
    assert await refusal(gr.standing.add(case, target, until, VIEWER)) is reason
    assert await gr.standing.live() == []


async def test_it_takes_a_liaison_officer(gr: SimulatedAgency) -> None:
    await enter(gr, "ana", "ANALYST")
    added = gr.standing.add(CASE, LAB, LATER, looking("ana"))
    assert await refusal(added) is Reason.OFFICER_REFUSED
