# SPDX-License-Identifier: Apache-2.0
"""How an agency stands, also where the broker is away or refuses it."""

import pytest

from agency_client.errors import AgencyError, Reason
from tests.simulator.agency import EVERYTHING, Draft, SimulatedAgency
from tests.simulator.broker import MemoryBroker
from tests.simulator.federation import TOPIC


async def test_a_fresh_profile_is_enrolled_and_holds_nothing(ro: SimulatedAgency) -> None:
    report = await ro.status.status()
    assert (report.agency, report.federation) == ("ro-pol", ro.federation.id)
    assert (report.broker, report.broker_reachable, report.broker_problem) == (
        "memory:1",
        True,
        "",
    )
    assert (report.enrolled, report.locked) == (True, False)
    assert (report.kept_notices, report.queued_notices, report.findings) == (0, 0, 0)
    assert report.rule_book_version == 1
    assert report.keys == ro.keys


async def test_what_waits_is_counted(gr: SimulatedAgency, broker: MemoryBroker) -> None:
    broker.away = True
    await gr.publish(Draft(), Draft())
    report = await gr.status.status()
    assert (report.queued_frames, report.queued_notices, report.kept_notices) == (1, 2, 2)
    assert report.index_waiting == 2


async def test_the_lag_is_told_of_topics_that_are_followed(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    await gr.publish(Draft())
    assert (await ro.status.status()).lag == {}
    await ro.receiver.catch_up(EVERYTHING)
    await gr.publish(Draft())
    await gr.publish(Draft())
    assert (await ro.status.status()).lag == {TOPIC: 2}


async def test_a_status_is_as_of_the_newest_directory(ro: SimulatedAgency) -> None:
    ro.federation.lock("ro-pol")
    report = await ro.status.status()
    assert report.locked is True
    assert report.directory_size == ro.federation.directory.size


async def test_the_pinned_checkpoint_and_the_own_log_are_told(
    gr: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.log.fill(7, gr.clock.now)
    report = await gr.status.status()
    assert (report.checkpoint_size, report.own_log_size) == (7, 0)


async def test_a_broker_that_is_away_is_part_of_the_answer(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.away = True
    report = await ro.status.status()
    assert (report.broker_reachable, report.broker_problem) == (False, "nobody answers")
    assert report.enrolled is True


async def test_a_log_that_does_not_follow_is_told(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.log.fill(7, ro.clock.now)
    await ro.status.status()
    broker.log.rewritten_from(3, ro.clock.now)
    report = await ro.status.status()
    assert "not to be trusted" in report.broker_problem
    assert (report.broker_reachable, report.checkpoint_size, report.findings) == (True, 7, 1)


async def test_a_broker_that_serves_a_bad_directory_was_reached(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.entries_served = []
    report = await ro.status.status()
    assert report.broker_reachable is True
    assert "refused" in report.broker_problem
    assert report.findings == 1


async def test_an_agency_that_the_broker_turns_away_as_locked_is_locked(
    ro: SimulatedAgency, broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def turned_away(_name: str) -> None:
        raise AgencyError(Reason.AGENCY_LOCKED, "the agency is locked")

    monkeypatch.setattr(broker, "call", turned_away)
    report = await ro.status.status()
    assert (report.locked, report.broker_reachable) == (True, True)
    assert report.broker_reason is Reason.AGENCY_LOCKED
    assert report.directory_size == ro.federation.directory.size


async def test_why_the_broker_gives_no_good_answer_is_told_for_programs(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    assert (await ro.status.status()).broker_reason is None
    broker.away = True
    assert (await ro.status.status()).broker_reason is Reason.BROKER_UNREACHABLE
