# SPDX-License-Identifier: Apache-2.0
"""A member that takes all it can get: the broker's memory stays bounded, and others are served."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest

from broker.rpc.deliveries import embedded
from tests.integration.attacks.frames import (
    PUBLISH,
    Told,
    call,
    first,
    publish,
    request,
)
from tests.integration.attacks.served import SECONDS, Served, crowded, serving
from tests.integration.broker.calling import told

pytestmark = pytest.mark.e2e

SUBSCRIBE = "/tocsin.v1.SubscriberService/Subscribe"
PULL = "/tocsin.v1.SubscriberService/Pull"
ACKNOWLEDGE = "/tocsin.v1.SubscriberService/Acknowledge"
STREAM = "/tocsin.v1.PublisherService/PublishStream"
WATCH = "/grpc.health.v1.Health/Watch"
LIST_ROOTS = "/tocsin.v1.DirectoryService/ListRoots"
MEMORY_MIB = 480
"""Three times what a broker takes that has nothing to do, and a seventh of what it once took."""
MESSAGE = 4 << 20
WAITING_PULL = b"\x0a\x04desk" + b"\x12\x03\x0a\x01#" + b"\x20\xb0\xea\x01"
"""Subscription "desk", filter "#", 30000 ms."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(crowded(tmp_path_factory.mktemp("crowded"))) as served:
        yield served
        assert served.peak_mib() < MEMORY_MIB
        assert not [event for event in served.events() if event["event"] == "incident"]


async def check_served(broker: Served) -> None:
    """Others are served meanwhile."""
    async with broker.address.agency("it-pol") as italian:
        frame = first(broker.federation, originator="it-pol")
        assert (await publish(italian, frame)).sequence > 0


def large(broker: Served, kind: str) -> bytes:
    if kind == "garbage":
        return embedded(1, embedded(1, os.urandom(MESSAGE - 100)))
    whole = bytearray(request(first(broker.federation, [os.urandom(1_900_000)])))
    whole[-1] ^= 1
    return bytes(whole)


@pytest.mark.parametrize(
    ("kind", "reason"), [("garbage", "LIMIT_EXCEEDED"), ("signed", "SIGNATURE_INVALID")]
)
async def test_many_large_requests_at_once(
    broker: Served, greek: grpc.aio.Channel, kind: str, reason: str
) -> None:
    data = large(broker, kind)
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(call(greek, PUBLISH, data)) for _ in range(150)]
        await check_served(broker)
    assert {one.result().reason for one in calls} == {reason}
    assert broker.peak_mib() < MEMORY_MIB


async def test_many_large_frames_on_many_streams(broker: Served, greek: grpc.aio.Channel) -> None:
    publication = large(broker, "signed").removeprefix(b"\x0a")

    def frames() -> Iterator[bytes]:
        for number in range(1, 9):
            yield bytes([8, number, 0x12]) + publication

    async def flood() -> None:
        call_of: Any = greek.stream_stream(STREAM)
        stream = call_of(frames())
        async for _ in stream:
            pass

    async with asyncio.TaskGroup() as group:
        for _ in range(16):
            group.create_task(flood())
        await check_served(broker)
    assert broker.peak_mib() < MEMORY_MIB


PARTS = {
    "notices": embedded(1, b"\x22\x00" * (MESSAGE // 2 - 100)),
    "recipients": embedded(1, b"\x12\x00" * (MESSAGE // 2 - 100)),
    "wraps": embedded(1, b"\x12\x00" + b"\x1a\x00" * (MESSAGE // 2 - 100)),
}


@pytest.mark.parametrize("limit", PARTS)
async def test_a_frame_of_a_million_parts_is_refused_by_their_number(
    broker: Served, greek: grpc.aio.Channel, limit: str
) -> None:
    one_recipient = embedded(1, b"\x12\x00\x1a\x00") if limit == "notices" else b""
    answer = await call(greek, PUBLISH, one_recipient + PARTS[limit])
    assert (answer.reason, answer.metadata["limit"]) == ("LIMIT_EXCEEDED", limit)


async def test_a_million_cursors_are_refused_by_their_number(
    broker: Served, greek: grpc.aio.Channel
) -> None:
    impossible = embedded(2, b"\x10" + b"\xff" * 9 + b"\x01")
    data = b"\x0a\x04desk" + impossible + b"\x12\x00" * (MESSAGE // 2 - 100)
    assert await call(greek, ACKNOWLEDGE, data) == Told("INVALID_ARGUMENT", {"field": "cursors"})


async def first_answer(channel: grpc.aio.Channel, method: str) -> Any:
    """Open a stream with an empty request and return it, or what it was refused with."""
    opened: Any = channel.unary_stream(method)
    stream = opened(b"")
    try:
        async with asyncio.timeout(SECONDS):
            await stream.read()
    except grpc.aio.AioRpcError as error:
        return told(error)[2]
    return stream


async def test_calls_beyond_a_partys_share_are_refused_and_others_are_served(
    broker: Served,
) -> None:
    async with AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(broker.address.agency("gr-pol")) for _ in range(3)
        ]
        opened = await asyncio.gather(
            *(first_answer(channels[number % 3], WATCH) for number in range(600))
        )
        refused = [one for one in opened if isinstance(one, dict)]
        assert len(refused) == 600 - 576
        assert refused[0] == {"limit": "calls", "allowed": "576", "got": "577"}
        await check_served(broker)
        assert (await call(channels[0], LIST_ROOTS, b"")).reason == "LIMIT_EXCEEDED"
    async with broker.address.agency("gr-pol") as channel:
        await until_served(channel)


async def until_served(channel: grpc.aio.Channel) -> None:
    """Wait until calls that were given up are forgotten."""
    async with asyncio.timeout(SECONDS):
        while (await call(channel, LIST_ROOTS, b"")).reason != "OK":
            pass


async def test_publish_streams_of_a_party_are_bounded(
    broker: Served, greek: grpc.aio.Channel
) -> None:
    opened: Any = greek.stream_stream(STREAM)
    streams = [opened() for _ in range(33)]
    answers = await asyncio.gather(*(one.read() for one in streams), return_exceptions=True)
    refused = [told(one)[2] for one in answers if isinstance(one, grpc.aio.AioRpcError)]
    assert refused == [{"limit": "calls_of_method", "allowed": "32", "got": "33"}]
    await check_served(broker)


async def test_long_polls_of_a_party_are_bounded(broker: Served, greek: grpc.aio.Channel) -> None:
    polls = [asyncio.create_task(call(greek, PULL, WAITING_PULL)) for _ in range(65)]
    done, waiting = await asyncio.wait(polls, timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
    await check_served(broker)
    for poll in waiting:
        poll.cancel()
    assert [one.result().metadata for one in done] == [
        {"limit": "calls_of_method", "allowed": "64", "got": "65"}
    ]
