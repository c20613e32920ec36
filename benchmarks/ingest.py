# SPDX-License-Identifier: Apache-2.0
"""Durable ingest: frames sealed beforehand, from several agencies' processes into a broker process.

Counted is what came back with a receipt: over TLS 1.3, signature, limits and rules checked, frame,
chains and log leaf on stable storage. The publishers share the machine with the broker; sealing is
not in it, building the protobuf messages is. Memory is the broker's own.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from itertools import chain
from typing import Any

from benchmarks.figures import Figure, delays, report
from benchmarks.parties import BULK_TOPIC, SINGLE_TOPIC, Footprint, Party, served
from tests.faults.world import World

PUBLISHERS = 4
NOTICE_BYTES = 1020
"""What is padded to 1 KiB."""
AGENCIES = PUBLISHERS + 1
WARM_UP = 4
"""Frames of each publisher before the figures: decisions are kept, pages are there."""


def run() -> list[Figure]:
    return asyncio.run(_run())


async def _run() -> list[Figure]:
    async with served(PUBLISHERS) as world, AsyncExitStack() as stack:
        idle = Footprint.of(world.broker.pid)
        publishers = [
            await stack.enter_async_context(Party.started("publisher", world, client.name))
            for client in world.publishers
        ]
        figures = await _ingest(world, publishers, BULK_TOPIC, frames=100, size=256)
        figures += await _ingest(world, publishers, SINGLE_TOPIC, frames=300, size=1)
        peak = Footprint.of(world.broker.pid).peak
    under = f"{PUBLISHERS} streams"
    return [
        *figures,
        _memory("broker's memory, idle", idle.resident, "resident"),
        _memory("broker's memory, ingest", peak, f"peak resident, {under}"),
    ]


async def _ingest(
    world: World, publishers: Sequence[Party], topic: str, *, frames: int, size: int
) -> list[Figure]:
    """Publish frames of `size` notices from all publishers at once."""
    sealed = await asyncio.gather(
        *(
            one.order("seal", topic=topic, frames=WARM_UP + frames, notices=size, size=NOTICE_BYTES)
            for one in publishers
        )
    )
    await asyncio.gather(*(one.order("send", frames=WARM_UP) for one in publishers))
    before = Footprint.of(world.broker.pid).seconds
    sent = await asyncio.gather(*(one.order("send", frames=frames) for one in publishers))
    busy = Footprint.of(world.broker.pid).seconds - before
    under = (
        f"1 KiB notices ({sealed[0]['notice_bytes']:,.0f} sealed), frames of {size}, "
        f"{len(publishers)} publishers, {AGENCIES} agencies"
    )
    return _figures(sent, frames * len(publishers), size, busy, under)


def _figures(
    sent: Sequence[dict[str, Any]], frames: int, size: int, busy: float, under: str
) -> list[Figure]:
    seconds = (max(one["ended"] for one in sent) - min(one["begun"] for one in sent)) / 1e9
    waits = [one / 1e6 for one in chain.from_iterable(each["delays"] for each in sent)]
    clients = sum(one["processor"] for one in sent)
    figure = partial(Figure, under=under)
    return [
        figure(what="ingest", value=frames * size / seconds, unit="notices/s"),
        figure(what="ingest", value=frames / seconds, unit="frames/s"),
        figure(what="ingest, the broker's processor", value=busy / frames * 1e3, unit="ms/frame"),
        figure(what="ingest, the publishers'", value=clients / frames * 1e3, unit="ms/frame"),
        *delays("ingest, wait for the receipt", waits, under),
    ]


def _memory(what: str, size: int, under: str) -> Figure:
    return Figure(what=what, value=size / (1 << 20), unit="MiB", under=under)


if __name__ == "__main__":
    report("ingest", run)
