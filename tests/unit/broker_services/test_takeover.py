# SPDX-License-Identifier: Apache-2.0
"""Two streams of one subscription, and how many an agency may have."""

import asyncio

import pytest

from broker.domain.cursors import Cursor
from broker.domain.events import (
    CheckpointNote,
)
from broker.errors import Reason
from tests.simulator.federation import TOPIC, Federation
from tests.unit.broker_services.world import World, refusal

# Two of one subscription.


async def test_a_second_session_takes_the_place_of_the_first(world: World) -> None:
    await world.publish()
    first = await world.follow()
    await first.opened()
    second = await world.follow()
    assert await first.ended() is Reason.SUBSCRIPTION_BUSY
    assert await second.sequences(1) == [1]


async def test_a_session_that_was_taken_over_acknowledges_nothing_more(world: World) -> None:
    await world.publish()
    first = await world.follow()
    await first.sequences(1)
    second = await world.follow()
    error = await refusal(first.session.acknowledge(Cursor(topic=TOPIC, sequence=1)))
    assert error.reason is Reason.SUBSCRIPTION_BUSY
    assert await second.sequences(1) == [1]


async def test_a_session_begins_behind_what_its_predecessor_was_acknowledging(
    world: World,
) -> None:
    for _ in range(2):
        await world.publish()
    first = await world.follow()
    await first.sequences(2)
    world.store.hold()
    acknowledging = asyncio.create_task(first.session.acknowledge(Cursor(topic=TOPIC, sequence=1)))
    await world.store.wait_held()
    opening = asyncio.create_task(world.follow())
    world.store.release()
    await acknowledging
    assert await (await opening).sequences(1) == [2]


async def test_a_session_that_is_taken_over_while_it_reads_delivers_nothing(world: World) -> None:
    await world.publish()
    first = await world.follow()
    await first.opened()
    assert isinstance(await anext(first.events), CheckpointNote)
    world.store.hold()
    ending = asyncio.create_task(first.ended())
    await world.store.wait_held()
    second = await world.follow()
    world.store.release()
    assert await ending is Reason.SUBSCRIPTION_BUSY
    assert await second.sequences(1) == [1]


async def test_closing_a_session_leaves_its_successor_alone(world: World) -> None:
    first = await world.follow()
    second = await world.follow()
    await first.close()
    await world.publish()
    assert await second.sequences(1) == [1]
    third = await world.follow()
    assert await second.ended() is Reason.SUBSCRIPTION_BUSY
    await third.close()


async def test_other_subscriptions_and_agencies_are_left_alone(world: World) -> None:
    followers = [
        await world.follow("ro-pol", subscription="desk"),
        await world.follow("ro-pol", subscription="other"),
        await world.follow("gr-pol", subscription="desk"),
    ]
    await world.publish()
    assert [await follower.sequences(1) for follower in followers] == [[1], [1], [1]]


async def test_more_sessions_than_an_agency_may_have_are_refused(federation: Federation) -> None:
    world = await World.of(federation, max_sessions_per_agency=2)
    for name in ("one", "two", "two"):
        await world.follow(subscription=name)
    error = await refusal(world.follow(subscription="three"))
    assert error.reason is Reason.LIMIT_EXCEEDED
    assert error.metadata == {"limit": "sessions", "allowed": "2", "got": "3"}
    await world.follow("gr-pol", subscription="three")


@pytest.mark.parametrize("name", ["", "Desk", "a" * 65, "desk\n"])
async def test_a_subscription_without_a_proper_name_is_refused(world: World, name: str) -> None:
    error = await refusal(world.follow(subscription=name))
    assert error.metadata == {"field": "subscription"}
