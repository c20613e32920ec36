# SPDX-License-Identifier: Apache-2.0
"""Random histories of publishers and one restless subscriber, judged by what the clients saw.

The subscriber gives credit as it likes, acknowledges now and then, goes away without a word, comes
back while its old stream is still there, and pulls in between. Each seed is one history.
"""

import asyncio
import random
from dataclasses import dataclass, field

import pytest

from broker.domain.credit import Credit
from broker.domain.cursors import Cursor
from broker.domain.events import CaughtUp, Heartbeat
from broker.errors import BrokerError, Reason
from tests.simulator.federation import TOPIC, Federation
from tests.unit.broker_services.world import LABOUR, Follower, World

FRAMES = 10
PUBLISHERS = ("gr-pol", "cy-pol")


@dataclass(kw_only=True)
class History:
    """What the subscriber saw and did."""

    chance: random.Random
    acknowledged: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def received(self, topic: str, sequence: int, before: dict[str, int]) -> None:
        """Note a delivery on a stream that had delivered up to `before`."""
        if sequence <= self.acknowledged.get(topic, 0):
            self.problems.append(f"{topic} {sequence} came after its acknowledgement")
        expected = max(before.get(topic, 0), self.acknowledged.get(topic, 0)) + 1
        if topic in before and sequence != expected:
            self.problems.append(f"{topic} {sequence} came, expected {expected}")
        before[topic] = sequence


async def publish_all(world: World, agency: str, chance: random.Random) -> None:
    for number in range(FRAMES):
        await world.publish(agency, topic=TOPIC if number % 2 else LABOUR)
        for _ in range(chance.randrange(20)):
            await asyncio.sleep(0)


async def stall(world: World, chance: random.Random) -> None:
    """Let the store wait now and then."""
    while True:
        world.store.hold()
        for _ in range(chance.randrange(10)):
            await asyncio.sleep(0)
        world.store.release()
        for _ in range(chance.randrange(30)):
            await asyncio.sleep(0)


async def stream(world: World, history: History, left: list[Follower]) -> None:
    """Follow for a while, and leave."""
    chance = history.chance
    credit = chance.randrange(1, 4)
    follower = await world.follow(credit=Credit(frames=credit, bytes=1 << 30))
    seen: dict[str, int] = {}
    for _ in range(chance.randrange(1, 15)):
        event = await follower.event()
        if isinstance(event, (CaughtUp, Heartbeat)) or not hasattr(event, "frame"):
            continue
        credit -= 1
        if credit < 0:
            history.problems.append("more came than there was credit for")
        history.received(event.frame.topic, event.frame.sequence, seen)
        if chance.random() < 0.5:
            await acknowledge(follower, history, event.frame.topic, event.frame.sequence)
        if chance.random() < 0.5:
            follower.session.add_credit(Credit(frames=1))
            credit += 1
    if chance.random() < 0.5:
        await follower.close()
    else:
        left.append(follower)


async def acknowledge(follower: Follower, history: History, topic: str, sequence: int) -> None:
    await follower.session.acknowledge(Cursor(topic=topic, sequence=sequence))
    history.acknowledged[topic] = max(sequence, history.acknowledged.get(topic, 0))


async def pull(world: World, history: History) -> None:
    seen: dict[str, int] = {}
    for one in await world.pull(frames=history.chance.randrange(1, 5)):
        history.received(one.frame.topic, one.frame.sequence, seen)
    cursors = [Cursor(topic=topic, sequence=sequence) for topic, sequence in seen.items()]
    if cursors and history.chance.random() < 0.5:
        await world.services.subscriptions.acknowledge("ro-pol", "desk", cursors)
        history.acknowledged.update(
            {
                one.topic: max(one.sequence, history.acknowledged.get(one.topic, 0))
                for one in cursors
            }
        )


async def subscribe(world: World, history: History, left: list[Follower]) -> None:
    """Come back until everything is acknowledged."""
    while sum(history.acknowledged.values()) < FRAMES * len(PUBLISHERS):
        if history.chance.random() < 0.3:
            await pull(world, history)
        else:
            await stream(world, history, left)


@pytest.mark.parametrize("seed", range(12))
async def test_nothing_is_lost_doubled_or_out_of_order(federation: Federation, seed: int) -> None:
    world = await World.of(federation, batch_frames=3, heartbeat_ms=1)
    chance = random.Random(seed)
    left: list[Follower] = []
    history = History(chance=chance)
    stalling = asyncio.create_task(stall(world, chance))
    try:
        async with asyncio.timeout(60):
            await asyncio.gather(
                subscribe(world, history, left),
                *(publish_all(world, agency, chance) for agency in PUBLISHERS),
            )
    finally:
        stalling.cancel()
        world.store.release()
    assert history.problems == []
    assert history.acknowledged == {TOPIC: FRAMES, LABOUR: FRAMES}
    assert await world.pull() == []
    for follower in left[:-1]:
        assert await follower.ended() is Reason.SUBSCRIPTION_BUSY
        with pytest.raises(BrokerError):
            await follower.session.acknowledge(Cursor(topic=TOPIC, sequence=1))
