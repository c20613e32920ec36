# SPDX-License-Identifier: Apache-2.0
"""Refusals have a leaf each, until they come in a flood."""

import asyncio
from dataclasses import replace

import pytest

from broker.errors import Reason
from keys.framing import sha256
from tests.simulator.federation import TOPIC, Federation
from tests.unit.broker_services.world import MARKING, World


@pytest.fixture
async def flooded(federation: Federation) -> World:
    """A broker that gives each agency three leaves for refusals, and one more each second."""
    return await World.of(federation, refusals_burst=3, refusals_refill_ms=1000)


async def refuse(world: World, count: int, agency: str = "gr-pol") -> None:
    frame = world.seal("cy-pol" if agency == "gr-pol" else "gr-pol")
    for _ in range(count):
        await world.refused(agency, frame)


async def test_a_refusal_says_what_was_refused_to_whom_and_by_which_rules(world: World) -> None:
    frame = world.seal("gr-pol", marking=replace(MARKING, not_for=("RO",)))
    await world.refused("gr-pol", frame)
    assert world.store.acts[-1].fields == {
        "act": "publish",
        "agency": "gr-pol",
        "reason": "DENIED",
        "rules": "F05-national-restriction-deliver",
        "topic": TOPIC,
        "statement": sha256(frame.statement),
        "count": 1,
    }


async def test_a_flood_is_counted_and_the_count_is_written_later(flooded: World) -> None:
    await refuse(flooded, 10)
    assert flooded.kinds().count("refuse") == 3
    await flooded.services.upkeep.do()
    assert flooded.kinds().count("refuse") == 4
    assert flooded.store.acts[-1].fields["count"] == 7


async def test_what_was_counted_is_written_once(flooded: World) -> None:
    await refuse(flooded, 5)
    await flooded.services.upkeep.do()
    size = len(flooded.store.acts)
    await flooded.services.upkeep.do()
    assert len(flooded.store.acts) == size


async def test_leaves_come_back_with_time(flooded: World) -> None:
    await refuse(flooded, 5)
    flooded.clock.time += 2000
    await refuse(flooded, 5)
    assert flooded.kinds().count("refuse") == 5


async def test_a_clock_that_goes_back_gives_no_leaves(flooded: World) -> None:
    await refuse(flooded, 3)
    flooded.clock.time -= 60_000
    await refuse(flooded, 3)
    assert flooded.kinds().count("refuse") == 3


async def test_the_flood_of_one_agency_takes_no_leaf_from_another(flooded: World) -> None:
    await refuse(flooded, 10, "gr-pol")
    await refuse(flooded, 1, "cy-pol")
    assert flooded.store.acts[-1].fields["agency"] == "cy-pol"


async def test_a_refusal_stands_when_its_leaf_cannot_be_written_and_is_written_later(
    world: World,
) -> None:
    frame = world.seal("cy-pol")
    world.store.fail(Reason.STORAGE_FULL)
    assert (await world.refused("gr-pol", frame)).reason is Reason.NOT_ORIGINATOR
    await world.services.upkeep.do()
    world.store.fail(None)
    await world.services.upkeep.do()
    assert world.store.acts[-1].fields["count"] == 1


async def test_what_the_store_could_not_do_is_no_refusal(world: World) -> None:
    frame = world.seal("gr-pol")
    world.store.fail(Reason.STORAGE_FULL)
    await world.refused("gr-pol", frame)
    world.store.fail(None)
    await world.services.upkeep.do()
    assert "refuse" not in world.kinds()


async def test_upkeep_that_is_ended_writes_what_was_counted(flooded: World) -> None:
    await refuse(flooded, 5)
    upkeep = asyncio.create_task(flooded.services.upkeep.run())
    await asyncio.sleep(0)
    upkeep.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upkeep
    assert flooded.store.acts[-1].fields["count"] == 2


async def test_upkeep_runs_again_and_again(federation: Federation) -> None:
    world = await World.of(federation, upkeep_ms=1, refusals_burst=0)
    upkeep = asyncio.create_task(world.services.upkeep.run())
    async with asyncio.timeout(10):
        for written in range(1, 3):
            await refuse(world, 1)
            while world.kinds().count("refuse") < written:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0)
    upkeep.cancel()
    await asyncio.wait((upkeep,))
    assert [act.fields["count"] for act in world.acts("refuse")] == [1, 1]
