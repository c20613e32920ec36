# SPDX-License-Identifier: Apache-2.0
"""50 SIGKILLs of the broker and 50 of a subscriber under load from 5 publishers.

What the clients wrote down about themselves must show: no acknowledged notice lost, none delivered
again after its acknowledgement, order kept, no gap. `TOCSIN_KILLS` asks for more or fewer kills.
"""

import asyncio
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.checker import check
from tests.faults.history import Did, read_histories
from tests.faults.world import World, a_world

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

KILLS = int(os.environ.get("TOCSIN_KILLS", "50"))
PUBLISHERS = 5
BROKER_LIVES = (0.05, 1.0)
SUBSCRIBER_LIVES = (0.2, 1.7)
"""Seconds, from the middle of the first catch-up to steady load; a subscriber also has to find the
broker, which is away for half of the time."""


async def kill_the_broker(world: World, chance: random.Random) -> None:
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(*BROKER_LIVES))
        await world.broker.kill()
        await world.broker.start()


async def kill_the_subscriber(world: World, chance: random.Random) -> None:
    for _ in range(KILLS):
        await world.subscriber.start("follow")
        await world.subscriber.is_up()
        await asyncio.sleep(chance.uniform(*SUBSCRIBER_LIVES))
        await world.subscriber.kill()


async def test_nothing_is_lost_doubled_reordered_or_skipped(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - shown where the test fails
    async with a_world(tmp_path, PUBLISHERS) as world:
        for publisher in world.publishers:
            await publisher.start()
        await asyncio.gather(*(publisher.is_up() for publisher in world.publishers))
        async with asyncio.TaskGroup() as nemesis:
            nemesis.create_task(kill_the_broker(world, random.Random(seed)))
            nemesis.create_task(kill_the_subscriber(world, random.Random(seed + 1)))
        await asyncio.gather(*(publisher.finish() for publisher in world.publishers))
        await world.subscriber.start("holds")
        await world.subscriber.finish()
        histories = read_histories([client.history for client in world.clients])
    did = Counter(event.did for event in histories)
    assert did[Did.SESSION] > KILLS // 4, "the subscriber hardly ever had a stream"
    assert did[Did.ACCEPTED] > 10 * PUBLISHERS, "there was no load"
    assert did[Did.DELIVERED] >= did[Did.ACCEPTED]
    assert check(histories) == []
