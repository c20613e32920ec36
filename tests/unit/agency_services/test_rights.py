# SPDX-License-Identifier: Apache-2.0
"""An officer sees what the rule book lets that officer see for that purpose; the rest is not there.

Without any officer in the register the profile is a system's, and shows what the agency may have.
"""

from collections.abc import Awaitable
from dataclasses import dataclass, replace

import pytest

from agency_client.domain.openings import OpeningKind
from agency_client.domain.records import Opening
from agency_client.domain.views import InboxQuery, Viewer
from agency_client.errors import AgencyError, Reason
from tests.simulator.agency import EVERYTHING, Draft, SimulatedAgency
from tests.simulator.federation import MARKING, NOW
from tests.unit.agency_services.people import enter, looking

PREVENTION = replace(MARKING, purposes=("PREVENTION",))
RED = replace(MARKING, tlp="RED")
ANA, ION = looking("ana"), looking("ion")


@dataclass(frozen=True, kw_only=True)
class ForOfficers(Draft):
    """A draft that says whose eyes it is for."""

    officers: tuple[str, ...] = ()

    @property
    def notice(self) -> dict[str, object]:
        return {**super().notice, "officers": list(self.officers)}


@pytest.fixture
async def kept(gr: SimulatedAgency, ro: SimulatedAgency) -> list[str]:
    """Two notices that ro-pol keeps: for investigation, and for prevention alone."""
    drafts = Draft(text="a blue van"), Draft(text="a blue bus", marking=PREVENTION)
    report = await gr.publish(*drafts)
    await ro.receiver.catch_up(EVERYTHING)
    return [f"gr-pol/{one.notice_id.hex()}" for one in report.notices]


async def refusal(work: Awaitable[object]) -> Reason:
    with pytest.raises(AgencyError) as refused:
        await work
    return refused.value.reason


def openings(agency: SimulatedAgency) -> list[Opening]:
    every = [opening for _, _, opening in agency.store.openings.leaves(0, 99)]
    return [one for one in every if one.kind != OpeningKind.OFFICER]


async def listed(agency: SimulatedAgency, viewer: Viewer, limit: int = 50) -> list[str]:
    return [one.reference for one in await agency.viewing.inbox(InboxQuery(limit=limit), viewer)]


async def found(agency: SimulatedAgency, viewer: Viewer, limit: int = 20) -> set[str]:
    result = await agency.viewing.search("blue", viewer, limit=limit)
    return {one.reference for one in result.notices}


async def test_a_profile_without_officers_shows_its_system_everything(
    ro: SimulatedAgency, kept: list[str]
) -> None:
    system = Viewer(name="case system")
    assert await listed(ro, system) == [*reversed(kept)]
    assert await found(ro, system) == set(kept)


async def test_an_officer_sees_what_fits_the_purpose(ro: SimulatedAgency, kept: list[str]) -> None:
    await enter(ro, "ana")
    assert await listed(ro, ANA) == kept[:1]
    assert await found(ro, ANA) == {kept[0]}
    assert (await ro.viewing.show(kept[0], ANA)).reference == kept[0]
    prevention = looking("ana", purpose="PREVENTION")
    assert await listed(ro, prevention) == kept[1:]
    rows = [one.id for one in ro.store.inbox.browse(InboxQuery(), "ro-pol", NOW)]
    assert [one.reference for one in await ro.viewing.stream(rows, prevention)] == kept[1:]


async def test_what_the_rules_keep_from_an_officer_looks_like_what_is_not_there(
    ro: SimulatedAgency, kept: list[str]
) -> None:
    await enter(ro, "ana")
    with pytest.raises(AgencyError) as kept_back:
        await ro.viewing.show(kept[1], ANA)
    absent = kept[1][:-4] + "0000"
    with pytest.raises(AgencyError) as not_there:
        await ro.viewing.show(absent, ANA)
    assert kept_back.value.reason is not_there.value.reason is Reason.UNKNOWN_NOTICE
    assert kept_back.value.message.replace(kept[1], "") == not_there.value.message.replace(
        absent, ""
    )
    assert await refusal(ro.viewing.acknowledge(kept[1], ANA)) is Reason.UNKNOWN_NOTICE


async def test_that_somebody_asked_for_it_is_in_our_own_log(
    ro: SimulatedAgency, kept: list[str]
) -> None:
    await enter(ro, "ana")
    await refusal(ro.viewing.show(kept[1], ANA))
    (opening,) = openings(ro)
    assert (opening.kind, opening.who, opening.notices) == (
        OpeningKind.REFUSED,
        "ana",
        (kept[1],),
    )


async def test_a_look_names_the_officer_and_the_login(ro: SimulatedAgency, kept: list[str]) -> None:
    await enter(ro, "ana")
    await ro.viewing.show(kept[0], replace(ANA, name="desk-3", officer="ana"))
    (opening,) = openings(ro)
    assert opening.who == "ana (login desk-3)"
    assert (opening.purpose, opening.case) == ("INVESTIGATION", "2026/114")


@pytest.mark.parametrize(
    ("viewer", "reason"),
    [
        (looking("ana", purpose=""), Reason.PURPOSE_NEEDED),
        (looking("ana", case=""), Reason.PURPOSE_NEEDED),
        (replace(ANA, officer="nobody"), Reason.OFFICER_UNKNOWN),
        (looking("stranger"), Reason.OFFICER_NEEDED),
        (looking("suspended"), Reason.OFFICER_REFUSED),
        (replace(ANA, name=" "), Reason.INVALID_ARGUMENT),
    ],
)
async def test_nobody_looks_without_a_reason_and_a_name(
    viewer: Viewer, reason: Reason, ro: SimulatedAgency, kept: list[str]
) -> None:
    await enter(ro, "ana")
    await enter(ro, "suspended")
    await ro.register.suspend("suspended", "administrator")
    rows = [one.id for one in ro.store.inbox.browse(InboxQuery(), "ro-pol", NOW)]
    for look in (
        ro.viewing.inbox(InboxQuery(), viewer),
        ro.viewing.show(kept[0], viewer),
        ro.viewing.search("blue", viewer),
        ro.viewing.stream(rows, viewer),
        ro.viewing.acknowledge(kept[0], viewer),
    ):
        assert await refusal(look) is reason
    assert openings(ro) == []


async def test_a_list_is_filled_with_what_is_there_for_the_officer(
    gr: SimulatedAgency, ro: SimulatedAgency, kept: list[str]
) -> None:
    await gr.publish(*(Draft(text=f"blue {place}", marking=PREVENTION) for place in range(9)))
    await ro.receiver.catch_up(EVERYTHING)
    await enter(ro, "ana")
    assert await listed(ro, ANA, limit=2) == kept[:1]
    assert await found(ro, ANA, limit=1) == {kept[0]}


async def test_red_is_for_the_officers_whom_it_names(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    draft = ForOfficers(text="blue", marking=RED, to=("ro-pol",), officers=("ion",))
    (outcome,) = (await gr.publish(draft)).notices
    await ro.receiver.catch_up(EVERYTHING)
    await enter(ro, "ana")
    await enter(ro, "ion")
    reference = f"gr-pol/{outcome.notice_id.hex()}"
    assert await listed(ro, ION) == [reference]
    assert await listed(ro, ANA) == []


async def test_an_agencys_own_notices_are_there_for_its_officers(
    gr: SimulatedAgency, kept: list[str]
) -> None:
    await enter(gr, "maria", clearance=0)
    assert await listed(gr, looking("maria")) == [*reversed(kept)]


async def test_an_auditors_eyes_see_no_content(ro: SimulatedAgency, kept: list[str]) -> None:
    await enter(ro, "ana", "ANALYST", "AUDITOR")
    assert kept
    assert await listed(ro, ANA) == []
