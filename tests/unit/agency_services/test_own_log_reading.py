# SPDX-License-Identifier: Apache-2.0
"""An agency's own log is read by its auditors and supervisors, and that stands in it too."""

import pytest

from agency_client.domain.records import Opening
from agency_client.domain.views import Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.services import own_log_reading
from agency_client.services.own_log_reading import OwnLogReading
from tests.simulator.agency import SimulatedAgency
from tests.simulator.federation import NOW
from tests.unit.agency_services.people import enter, looking

ONE = "gr-pol/0193a7c2f4e87d1c9a4b5e6f70819203"
OTHER = "gr-pol/0193b0000000700080000000000000aa"
SYSTEM = Viewer(name="system")


@pytest.fixture
def log(ro: SimulatedAgency) -> OwnLogReading:
    return OwnLogReading(store=ro.store, register=ro.register, clock=ro.clock)


def look(agency: SimulatedAgency, *notices: str, who: str = "maria", kind: str = "show") -> None:
    agency.store.openings.append(
        Opening(kind=kind, at_ms=NOW, who=who, purpose="INVESTIGATION", case="114", notices=notices)
    )


async def seen(log: OwnLogReading, viewer: Viewer, about: str = "", limit: int = 10) -> list[str]:
    found = await log.read(viewer, limit=limit, about=about)
    return [f"{place} {one.kind} {one.who}" for place, one in found]


async def test_the_newest_come_first_with_their_places(
    ro: SimulatedAgency, log: OwnLogReading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_log_reading, "BLOCK", 2)
    for who in ("a", "b", "c", "d", "e"):
        look(ro, ONE, who=who)
    assert await seen(log, SYSTEM, limit=3) == ["4 show e", "3 show d", "2 show c"]


async def test_that_it_was_read_stands_in_it(ro: SimulatedAgency, log: OwnLogReading) -> None:
    look(ro, ONE)
    assert await seen(log, SYSTEM) == ["0 show maria"]
    assert await seen(log, SYSTEM) == ["1 log system", "0 show maria"]


async def test_one_notice_is_asked_for_by_reference_or_beginning(
    ro: SimulatedAgency, log: OwnLogReading
) -> None:
    look(ro, ONE, OTHER, who="both")
    look(ro, OTHER, who="other")
    look(ro, who="nothing")
    assert await seen(log, SYSTEM, about=ONE) == ["0 show both"]
    assert await seen(log, SYSTEM, about="0193A7C2") == ["0 show both"]
    assert await seen(log, SYSTEM, about="0193b") == ["1 show other", "0 show both"]
    assert await seen(log, SYSTEM, about="ffff") == []


@pytest.mark.parametrize("role", ["AUDITOR", "SUPERVISOR"])
async def test_an_auditor_or_a_supervisor_reads_it(
    role: str, ro: SimulatedAgency, log: OwnLogReading
) -> None:
    await enter(ro, "eleni", role)
    assert await seen(log, looking("eleni"), limit=1) == ["0 officer administrator"]


@pytest.mark.parametrize("role", ["ANALYST", "LIAISON", "DUTY_247", "ADMIN"])
async def test_nobody_else_reads_it_and_nothing_is_written(
    role: str, ro: SimulatedAgency, log: OwnLogReading
) -> None:
    await enter(ro, "maria", role)
    before = ro.store.openings.head()
    with pytest.raises(AgencyError) as caught:
        await log.read(looking("maria"), limit=1)
    assert caught.value.reason is Reason.OFFICER_REFUSED
    assert ro.store.openings.head() == before


async def test_a_suspended_auditor_reads_nothing(ro: SimulatedAgency, log: OwnLogReading) -> None:
    await enter(ro, "eleni", "AUDITOR")
    await ro.register.suspend("eleni", "administrator")
    with pytest.raises(AgencyError) as caught:
        await log.read(looking("eleni"), limit=1)
    assert caught.value.reason is Reason.OFFICER_REFUSED


async def test_an_auditor_whose_vetting_has_ended_reads_nothing(
    ro: SimulatedAgency, log: OwnLogReading
) -> None:
    await enter(ro, "eleni", "AUDITOR", vetted_until=NOW + 1)
    ro.clock.now += 10
    with pytest.raises(AgencyError) as caught:
        await log.read(looking("eleni"), limit=1)
    assert caught.value.reason is Reason.OFFICER_REFUSED


async def test_what_cannot_be_written_down_is_not_shown(
    ro: SimulatedAgency, log: OwnLogReading, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(ro, ONE)

    def full(_opening: Opening) -> None:
        raise AgencyError(Reason.STORE_FAILED, "the disk is full")

    monkeypatch.setattr(ro.store.openings, "append", full)
    with pytest.raises(AgencyError) as caught:
        await log.read(SYSTEM, limit=1)
    assert caught.value.reason is Reason.STORE_FAILED
