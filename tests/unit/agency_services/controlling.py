# SPDX-License-Identifier: Apache-2.0
"""What tests of originator control share: a published notice, two officers, a recall."""

from agency_client.domain.onward import RecallView
from agency_client.domain.views import NoticeView
from tests.simulator.agency import VIEWER, Draft, SimulatedAgency
from tests.simulator.mail import OPEN_MARKING
from tests.unit.agency_services.people import enter, looking

LIAISON, SUPERVISOR = looking("liaison"), looking("supervisor")


async def published(
    originator: SimulatedAgency, *holders: SimulatedAgency, draft: Draft | None = None
) -> str:
    """Publish a notice, have everybody receive it, and return its reference."""
    report = await originator.publish(draft or Draft(marking=OPEN_MARKING))
    for agency in (originator, *holders):
        await agency.receive()
    (one,) = report.notices
    return f"{originator.id}/{one.notice_id.hex()}"


async def with_two(agency: SimulatedAgency) -> SimulatedAgency:
    """Register a liaison officer and a supervisor."""
    await enter(agency, "liaison", "LIAISON")
    await enter(agency, "supervisor", "SUPERVISOR", "LIAISON")
    return agency


async def recalled(
    agency: SimulatedAgency, reference: str, reason: str = "SOURCE_AT_RISK"
) -> RecallView:
    """Have two officers take a notice back."""
    act = await agency.recalls.ask(reference, reason, LIAISON)
    await agency.approvals.approve(act.digest.hex(), SUPERVISOR, b"supervisor")
    return await agency.recalls.carry_out(act.act)


async def shown(agency: SimulatedAgency, reference: str) -> NoticeView:
    return await agency.viewing.show(reference, VIEWER)
