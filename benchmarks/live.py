# SPDX-License-Identifier: Apache-2.0
"""Live delivery: how long one notice is on its way, and how many deliveries a broker process makes.

The delay is from before `Agency.publish` in this process to the notice in the hands of a live
subscriber in another, one notice at a time: sealed, signed, written to the outbox, sent, checked,
stored, logged, delivered, verified, opened, stored, logged at the reader. Fan-out is without the
agencies' part: frames sealed beforehand, from another process, to raw streams in this one, where
protobuf parses what comes and nobody looks at it.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

from tocsin.v1 import subscriber_service_pb2 as pb

from agency_client.bootstrap import Agency
from agency_client.domain.notices import Draft
from agency_client.domain.views import PublishState
from agency_client.intake import read_records
from agency_client.services.receiving import CREDIT_BYTES, CREDIT_FRAMES
from agency_client.transport.calls import Conversation, conversing
from benchmarks.figures import Figure, delays, report
from benchmarks.ingest import NOTICE_BYTES
from benchmarks.parties import BULK_TOPIC, SINGLE_TOPIC, Party, line_of, served
from tests.faults.world import PASSPHRASE, World

ALERTS = 200
SUBSCRIBERS = 8
FRAME = 256
PACED_FRAMES = 40
RUSH_FRAMES = 100
WARM_UP = 5
PATIENCE_SECONDS = 60.0
SUBSCRIBE = "/tocsin.v1.SubscriberService/Subscribe"


def run() -> list[Figure]:
    return asyncio.run(_run())


async def _run() -> list[Figure]:
    async with served(SUBSCRIBERS) as world:
        return [*await _alerts(world), *await _fan_out(world)]


async def _alerts(world: World) -> list[Figure]:
    """Publish one notice after the other, each when the one before has arrived."""
    taken: list[float] = []
    accepted: list[float] = []
    profile = world.profile(world.publishers[0].name)
    async with (
        Party.started("listener", world, world.subscriber.name) as listener,
        Agency.connect(profile, PASSPHRASE) as agency,
    ):
        for number in range(WARM_UP + ALERTS):
            draft = _alert(number)
            begun = time.monotonic_ns()
            published = await agency.publish(draft, wait_s=PATIENCE_SECONDS)
            done = time.monotonic_ns()
            (outcome,) = published.notices
            if outcome.state is not PublishState.ACCEPTED:
                raise RuntimeError(f"an alert is {outcome.state}: {outcome.message}")
            said = await listener.said()
            if said["notice"] != outcome.notice_id.hex():
                raise RuntimeError("another notice arrived than was published")
            taken.append((said["at"] - begun) / 1e6)
            accepted.append((done - begun) / 1e6)
    under = f"{ALERTS} single notices, {SUBSCRIBERS + 1} agencies, one after the other"
    return [
        *delays("publish to opened at a live reader", taken[WARM_UP:], under),
        *delays("publish to its receipt", accepted[WARM_UP:], under),
    ]


def _alert(number: int) -> Draft:
    record = {
        "type": "CASE_SUMMARY",
        "tlp": "AMBER",
        "mode": "TEST",
        "title": f"Alert {number}",
        "summary": "A lorry with people locked in left the ferry twenty minutes ago. " * 4,
    }
    return read_records(json.dumps(record).encode(), topic=SINGLE_TOPIC, to=()).drafts[0].draft


class _Raw:
    """A subscriber that notes when frames come and makes nothing of them."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    async def open(self) -> None:
        """Subscribe, and take what there is to be told first."""
        credit = pb.Credit(frames=CREDIT_FRAMES, bytes=CREDIT_BYTES)
        wanted = pb.Filter(topics=[BULK_TOPIC])
        opening = pb.SubscribeRequest.Open(subscription="figures", filter=wanted, credit=credit)
        await self._conversation.write(pb.SubscribeRequest(open=opening))
        while not (await self._next())[0].HasField("caught_up"):
            pass

    async def arrivals(self, frames: int) -> list[int]:
        """Return when each of the next frames was here."""
        found: list[int] = []
        while len(found) < frames:
            message, size = await self._next()
            if message.HasField("delivery"):
                found.append(time.monotonic_ns())
                if len(message.delivery.notices) != FRAME:
                    raise RuntimeError(f"{len(message.delivery.notices)} notices of {FRAME} came")
                credit = pb.Credit(frames=1, bytes=size)
                await self._conversation.write(pb.SubscribeRequest(credit=credit))
        return found

    async def _next(self) -> tuple[pb.SubscribeResponse, int]:
        data = await self._conversation.read()
        if data is None:
            raise RuntimeError("the broker ended a stream")
        return pb.SubscribeResponse.FromString(data), len(data)


async def _fan_out(world: World) -> list[Figure]:
    """Frames to eight live streams: one at a time, then as fast as the broker takes them."""
    async with AsyncExitStack() as stack:
        publisher = await stack.enter_async_context(
            Party.started("publisher", world, world.subscriber.name)
        )
        frames = WARM_UP + PACED_FRAMES + RUSH_FRAMES
        order = {"topic": BULK_TOPIC, "frames": frames, "notices": FRAME, "size": NOTICE_BYTES}
        await publisher.order("seal", **order)
        readers = [await _reader(stack, world, client.name) for client in world.publishers]
        for _ in range(WARM_UP):
            await _sent(publisher, readers, 1)
        paced = [await _sent(publisher, readers, 1) for _ in range(PACED_FRAMES)]
        rush = await _sent(publisher, readers, RUSH_FRAMES)
    under = f"frames of {FRAME}, {SUBSCRIBERS} streams"
    begun, arrivals = rush
    last = max(max(each) for each in arrivals)
    rate = RUSH_FRAMES * FRAME * SUBSCRIBERS / ((last - begun) / 1e9)
    spread = [_spread([each[0] for each in found]) for _, found in paced]
    whole = [(max(each[0] for each in found) - start) / 1e6 for start, found in paced]
    return [
        Figure(what="live fan-out", value=rate, unit="deliveries/s", under=under),
        *delays("first to last of the streams", spread, f"{under}, one frame at a time"),
        *delays("frame sent to last stream", whole, f"{under}, one frame at a time"),
    ]


async def _reader(stack: AsyncExitStack, world: World, name: str) -> _Raw:
    line = await asyncio.to_thread(line_of, world, name)
    stack.push_async_callback(line.close)
    raw = _Raw(await stack.enter_async_context(conversing(line, SUBSCRIBE)))
    await raw.open()
    return raw


async def _sent(
    publisher: Party, readers: Sequence[_Raw], frames: int
) -> tuple[int, list[list[int]]]:
    """Have frames published; return when that began, and when each reader had each of them."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        sent, *arrivals = await asyncio.gather(
            publisher.order("send", frames=frames), *(one.arrivals(frames) for one in readers)
        )
    return sent["begun"], arrivals


def _spread(moments: Sequence[int]) -> float:
    return (max(moments) - min(moments)) / 1e6


if __name__ == "__main__":
    report("live", run)
