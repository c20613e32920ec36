# SPDX-License-Identifier: Apache-2.0
"""Publishers that break the rules of a publish stream; what they sent rightly is stored once."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import grpc
import pytest
from tocsin.v1 import publisher_service_pb2 as pb

from keys.envelope import Frame
from tests.integration.attacks.frames import SECONDS, Told, first, leaf_kinds, publish
from tests.integration.attacks.served import Served
from tests.integration.broker.calling import told
from tests.integration.broker.test_publishing import publication

pytestmark = pytest.mark.e2e

STREAM = "/tocsin.v1.PublisherService/PublishStream"


def numbered(number: int, frame: Frame) -> bytes:
    message = pb.PublishStreamRequest(number=number, publication=publication(frame))
    return message.SerializeToString()


class Stream:
    """A publish stream of bytes.

    gRPC's client forgets why a stream ended when it was still writing; what is to be told why
    must be the last that is written, and not be followed by an end.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        opened: Any = channel.stream_stream(STREAM)
        self.call = opened(timeout=SECONDS)
        self.results: list[str] = []

    async def send(self, *messages: bytes) -> None:
        for message in messages:
            await self.call.write(message)

    async def flood(self, messages: Iterable[bytes]) -> None:
        """Write until the broker ends the stream, or all and an end."""
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            await self.send(*messages)
            await self.call.done_writing()

    async def take(self) -> None:
        """Take all results, by number and reason, until the stream ends."""
        while (data := await self.call.read()) is not grpc.aio.EOF:
            for result in pb.PublishStreamResponse.FromString(data).results.results:
                self.results.append(result.refusal.reason or "OK")

    async def end(self) -> Told:
        """Take all results and return what the stream ends with."""
        try:
            await self.take()
        except grpc.aio.AioRpcError as error:
            return Told(*told(error)[1:])
        return Told("OK", {})


async def test_wrong_frames_between_right_ones_are_refused_each_by_itself(
    broker: Served, greek: grpc.aio.Channel
) -> None:
    right = [first(broker.federation) for _ in range(3)]
    stream = Stream(greek)
    await stream.send(
        numbered(1, right[0]),
        pb.PublishStreamRequest(number=2).SerializeToString(),
        numbered(3, right[1]),
        numbered(4, first(broker.federation, to=["us-pol"])),
        numbered(5, right[0]),
        numbered(6, right[2]),
    )
    await stream.call.done_writing()
    assert await stream.end() == Told("OK", {})
    assert stream.results == ["OK", "LIMIT_EXCEEDED", "OK", "DENIED", "OK", "OK"]


@pytest.mark.parametrize("numbers", [(0,), (2,), (1, 1), (1, 3), ((1 << 64) - 1,)])
async def test_numbers_that_do_not_follow_end_the_stream(
    broker: Served, greek: grpc.aio.Channel, numbers: tuple[int, ...]
) -> None:
    stream = Stream(greek)
    await stream.send(*(numbered(number, first(broker.federation)) for number in numbers))
    assert await stream.end() == Told("INVALID_ARGUMENT", {"field": "number"})


async def test_garbage_behind_a_frame_ends_the_stream_and_the_frame_is_stored_once(
    broker: Served, greek: grpc.aio.Channel
) -> None:
    frame = first(broker.federation)
    stream = Stream(greek)
    await stream.send(numbered(1, frame), b"\xff\xff")
    assert await stream.end() == Told("MALFORMED", {})
    receipts = [await publish(greek, frame) for _ in range(2)]
    assert receipts[1].duplicate
    assert receipts[0].sequence == receipts[1].sequence


async def test_thousands_of_tiny_messages_are_refused_one_by_one_or_all_at_once(
    broker: Served, greek: grpc.aio.Channel, auditor: grpc.aio.Channel
) -> None:
    before = await leaf_kinds(auditor)
    tiny = (pb.PublishStreamRequest(number=n).SerializeToString() for n in range(1, 5001))
    stream = Stream(greek)
    with suppress(grpc.aio.AioRpcError):  # where the window was too small for it
        await asyncio.gather(stream.flood(tiny), stream.take())
    # None of them may be heard: a stream that ended while we wrote takes its answers with it.
    assert set(stream.results) <= {"LIMIT_EXCEEDED"}
    assert (await publish(greek, first(broker.federation))).sequence > 0
    assert (await leaf_kinds(auditor))[len(before) :].count("refuse") < 200


async def test_a_stream_that_says_nothing_ends_well(greek: grpc.aio.Channel) -> None:
    stream = Stream(greek)
    await stream.call.done_writing()
    assert await stream.end() == Told("OK", {})
