# SPDX-License-Identifier: Apache-2.0
"""How much a live subscriber is sent, and what it acknowledges."""

import asyncio

import pytest

from broker.domain.credit import Credit
from broker.domain.cursors import Cursor
from broker.domain.deliveries import Delivered
from broker.domain.events import (
    Acknowledged,
    CaughtUp,
    Heartbeat,
    Opened,
    Waiting,
)
from broker.errors import BrokerError
from tests.simulator.federation import TOPIC, Federation
from tests.unit.broker_services.world import World

# Credit.


async def test_no_more_frames_come_than_there_is_credit_for(world: World) -> None:
    for _ in range(5):
        await world.publish()
    follower = await world.follow(credit=Credit(frames=2, bytes=1 << 30))
    await follower.opened()
    assert await follower.sequences(2) == [1, 2]
    assert await follower.waits() is Waiting.CREDIT
    assert world.kinds().count("deliver") == 2
    follower.session.add_credit(Credit(frames=2))
    assert await follower.sequences(2) == [3, 4]
    assert await follower.waits() is Waiting.CREDIT


async def test_bytes_run_out_with_the_frame_that_takes_the_last_of_them(world: World) -> None:
    for _ in range(3):
        await world.publish(contents=[bytes(5000)])
    follower = await world.follow(credit=Credit(frames=100, bytes=6000))
    assert await follower.sequences(1) == [1]
    assert await follower.waits() is Waiting.CREDIT
    assert world.kinds().count("deliver") == 1


async def test_a_frame_larger_than_any_credit_is_delivered_alone(world: World) -> None:
    await world.publish(contents=[bytes(100_000)])
    follower = await world.follow(credit=Credit(frames=1, bytes=1))
    assert await follower.sequences(1) == [1]


async def test_what_a_delivery_is_on_the_wire_is_what_it_takes(world: World) -> None:
    for _ in range(3):
        await world.publish()
    follower = await world.follow(credit=Credit(frames=100, bytes=1 << 20))
    await follower.sequences(1)
    follower.session.charge(1 << 20)
    assert await follower.waits() is Waiting.CREDIT


async def test_no_leaf_tells_of_what_was_not_sent_for_want_of_credit(world: World) -> None:
    for _ in range(10):
        await world.publish()
    size = (await world.pull(frames=1))[0].frame.size
    follower = await world.follow(credit=Credit(frames=10, bytes=10 * size))
    logged = world.kinds().count("deliver")
    received = 0
    while isinstance(event := await follower.event(), (Delivered, Opened)):
        if isinstance(event, Delivered):
            follower.session.charge(event.frame.size + len(event.wrap))
            received += 1
    assert isinstance(event, Heartbeat)
    assert world.kinds().count("deliver") - logged == received < 10


async def test_a_subscriber_without_credit_gets_nothing_and_loses_nothing(world: World) -> None:
    follower = await world.follow(credit=Credit())
    await follower.opened()
    await world.publish()
    assert await follower.waits() is Waiting.CREDIT
    assert "deliver" not in world.kinds()


async def test_credit_beyond_all_sense_is_refused(world: World) -> None:
    follower = await world.follow()
    with pytest.raises(BrokerError) as caught:
        follower.session.add_credit(Credit(frames=1 << 21))
    assert caught.value.metadata == {"field": "credit"}


@pytest.mark.parametrize("setting", [{"batch_frames": 3}, {"batch_bytes": 20_000}])
async def test_a_slow_subscriber_holds_a_batch_and_no_more(
    federation: Federation, setting: dict[str, int]
) -> None:
    world = await World.of(federation, **setting)
    follower = await world.follow()
    for _ in range(20):
        await world.publish()
    await follower.delivered()
    assert world.kinds().count("deliver") <= 4
    assert len(follower.session._ready) <= 3
    assert await follower.sequences(19) == list(range(2, 21))


# Acknowledgements and places.


async def test_what_was_acknowledged_is_never_delivered_again(world: World) -> None:
    for _ in range(3):
        await world.publish()
    first = await world.follow()
    await first.sequences(3)
    await first.session.acknowledge(Cursor(topic=TOPIC, sequence=2))
    await first.close()
    second = await world.follow()
    assert Cursor(topic=TOPIC, sequence=2) in (await second.opened()).cursors
    assert await second.sequences(1) == [3]


async def test_an_acknowledgement_is_answered_once_it_is_stored(world: World) -> None:
    await world.publish()
    follower = await world.follow()
    await follower.sequences(1)
    world.store.hold()
    acknowledging = asyncio.create_task(
        follower.session.acknowledge(Cursor(topic=TOPIC, sequence=1))
    )
    await world.store.wait_held()
    await follower.expect(CaughtUp)
    assert await follower.waits() is Waiting.NOTHING_NEW
    world.store.release()
    await acknowledging
    assert (await follower.expect(Acknowledged)).cursor.sequence == 1


async def test_what_was_not_acknowledged_comes_again_after_a_restart(world: World) -> None:
    for _ in range(2):
        await world.publish()
    follower = await world.follow()
    await follower.sequences(2)
    await follower.session.acknowledge(Cursor(topic=TOPIC, sequence=1))
    again = await (await world.restarted()).follow()
    assert await again.sequences(1) == [2]


@pytest.mark.parametrize(
    ("cursor", "field"),
    [
        (Cursor(topic=TOPIC, sequence=2), "sequence"),
        (Cursor(topic="trafficking/nothing", sequence=0), "topic"),
    ],
)
async def test_what_was_not_delivered_cannot_be_acknowledged(
    world: World, cursor: Cursor, field: str
) -> None:
    await world.publish()
    follower = await world.follow()
    await follower.sequences(1)
    with pytest.raises(BrokerError) as caught:
        await follower.session.acknowledge(cursor)
    assert caught.value.metadata == {"field": field}
    assert (await world.pull())[0].frame.sequence == 1


@pytest.mark.parametrize("batch", [2, 64])
async def test_what_another_call_acknowledges_is_not_delivered_on_the_stream(
    federation: Federation, batch: int
) -> None:
    world = await World.of(federation, batch_frames=batch, heartbeat_ms=60_000)
    for _ in range(4):
        await world.publish()
    await world.pull()
    follower = await world.follow()
    assert await follower.sequences(1) == [1]
    subscriptions = world.services.subscriptions
    await subscriptions.acknowledge("ro-pol", "desk", [Cursor(topic=TOPIC, sequence=3)])
    assert await follower.sequences(1) == [4]
    if batch == 2:
        logged = [act.fields["sequence"] for act in world.acts("deliver")]
        assert logged == [1, 2, 3, 4, 1, 2, 4]


async def test_acknowledgements_of_a_topic_are_answered_with_the_last(world: World) -> None:
    for _ in range(3):
        await world.publish()
    follower = await world.follow()
    await follower.sequences(3)
    for sequence in (1, 2, 3):
        await follower.session.acknowledge(Cursor(topic=TOPIC, sequence=sequence))
    assert (await follower.expect(Acknowledged)).cursor.sequence == 3
    await follower.expect(CaughtUp)
