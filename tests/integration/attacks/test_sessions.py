# SPDX-License-Identifier: Apache-2.0
"""Subscribers that break the rules of a subscription: refused with the reason, and nobody else."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from tocsin.v1 import subscriber_service_pb2 as pb

from tests.integration.attacks.frames import SECONDS, Told, call, cursor, first, publish
from tests.integration.attacks.served import CLOSED_TOPIC, Served
from tests.integration.broker.calling import told
from tests.simulator.federation import TOPIC

pytestmark = pytest.mark.e2e

SUBSCRIBE = "/tocsin.v1.SubscriberService/Subscribe"
SEEK = "/tocsin.v1.SubscriberService/Seek"
PULL = "/tocsin.v1.SubscriberService/Pull"
ACKNOWLEDGE = "/tocsin.v1.SubscriberService/Acknowledge"
MUCH = pb.Credit(frames=1000, bytes=1 << 30)
NONE = pb.Credit()


def invalid(field: str) -> Told:
    return Told("INVALID_ARGUMENT", {"field": field})


def fresh() -> str:
    return f"s-{secrets.token_hex(8)}"


def opening(name: str, *topics: str, credit: pb.Credit = MUCH) -> pb.SubscribeRequest:
    wanted = pb.Filter(topics=topics or ["#"])
    return pb.SubscribeRequest(
        open=pb.SubscribeRequest.Open(subscription=name, filter=wanted, credit=credit)
    )


class Line:
    """A stream of bytes to and from the broker."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        opened: Any = channel.stream_stream(SUBSCRIBE)
        self.call = opened(timeout=SECONDS)

    async def send(self, message: Any) -> None:
        data = message if isinstance(message, bytes) else message.SerializeToString()
        await self.call.write(data)

    async def next(self) -> pb.SubscribeResponse:
        data = await self.call.read()
        assert data is not grpc.aio.EOF
        return pb.SubscribeResponse.FromString(data)

    async def until(self, kind: str) -> pb.SubscribeResponse:
        event = await self.next()
        while event.WhichOneof("event") != kind:
            event = await self.next()
        return event

    async def end(self) -> Told:
        """Return what the stream ends with."""
        try:
            while await self.call.read() is not grpc.aio.EOF:
                pass
        except grpc.aio.AioRpcError as error:
            return Told(*told(error)[1:])
        return Told("OK", {})


@asynccontextmanager
async def subscribed(
    channel: grpc.aio.Channel, *topics: str, name: str = "", credit: pb.Credit = MUCH
) -> AsyncIterator[Line]:
    line = Line(channel)
    await line.send(opening(name or fresh(), *topics, credit=credit))
    assert (await line.next()).HasField("opened")
    yield line
    line.call.cancel()


FIRST: dict[str, tuple[bytes, Told]] = {
    "nothing at all": (b"", invalid("open")),
    "credit": (pb.SubscribeRequest(credit=MUCH).SerializeToString(), invalid("open")),
    "an acknowledgement": (
        pb.SubscribeRequest(ack=cursor(TOPIC, 1)).SerializeToString(),
        invalid("open"),
    ),
    "garbage": (b"\xff\xff", Told("MALFORMED", {})),
    "an empty opening": (b"\x0a\x00", invalid("topics")),
    "a nameless one": (opening("").SerializeToString(), invalid("subscription")),
    "too much credit": (
        opening("desk", credit=pb.Credit(frames=(1 << 32) - 1, bytes=1)).SerializeToString(),
        invalid("credit"),
    ),
    "too many bytes of credit": (
        opening("desk", credit=pb.Credit(frames=1, bytes=(1 << 64) - 1)).SerializeToString(),
        invalid("credit"),
    ),
    "a topic that is not there": (
        opening("desk", "none").SerializeToString(),
        Told("TOPIC_UNKNOWN", {"topic": "none"}),
    ),
    "a topic that is not its own": (
        opening("desk", CLOSED_TOPIC).SerializeToString(),
        Told("TOPIC_UNKNOWN", {"topic": CLOSED_TOPIC}),
    ),
}


@pytest.mark.parametrize("name", FIRST)
async def test_a_stream_that_begins_wrong_is_ended(romanian: grpc.aio.Channel, name: str) -> None:
    line = Line(romanian)
    await line.send(FIRST[name][0])
    assert await line.end() == FIRST[name][1]


LATER: dict[str, tuple[Any, Told]] = {
    "garbage": (b"\xff\xff", Told("MALFORMED", {})),
    "nothing": (b"", invalid("command")),
    "a second opening": (opening("other"), invalid("command")),
    "credit beyond all sense": (
        pb.SubscribeRequest(credit=pb.Credit(bytes=(1 << 64) - 1)),
        invalid("credit"),
    ),
    "an acknowledgement of what was not delivered": (
        pb.SubscribeRequest(ack=cursor(TOPIC, (1 << 63) - 1)),
        invalid("sequence"),
    ),
    "an acknowledgement beyond what there can be": (
        pb.SubscribeRequest(ack=cursor(TOPIC, (1 << 64) - 1)),
        invalid("sequence"),
    ),
    "an acknowledgement in another's topic": (
        pb.SubscribeRequest(ack=cursor(CLOSED_TOPIC, 1)),
        invalid("topic"),
    ),
    "an acknowledgement in no topic": (pb.SubscribeRequest(ack=cursor("", 1)), invalid("topic")),
}


@pytest.mark.parametrize("name", LATER)
async def test_a_command_that_is_wrong_ends_the_stream(
    romanian: grpc.aio.Channel, name: str
) -> None:
    async with subscribed(romanian, credit=NONE) as line:
        await line.send(LATER[name][0])
        assert await line.end() == LATER[name][1]


@pytest.mark.must("SUB-10")
async def test_an_acknowledgement_that_is_refused_moves_nothing(
    broker: Served, greek: grpc.aio.Channel, romanian: grpc.aio.Channel
) -> None:
    name, frame = fresh(), first(broker.federation)
    receipt = await publish(greek, frame)
    async with subscribed(romanian, name=name) as line:
        while (await line.until("delivery")).delivery.sequence < receipt.sequence:
            pass
        await line.send(pb.SubscribeRequest(ack=cursor(TOPIC, receipt.sequence + 1)))
        assert await line.end() == invalid("sequence")
    async with subscribed(romanian, name=name, credit=NONE) as line:
        beyond = pb.AcknowledgeRequest(
            subscription=name,
            cursors=[cursor(TOPIC, receipt.sequence), cursor(TOPIC, receipt.sequence + 1)],
        )
        told_by = await call(romanian, ACKNOWLEDGE, beyond.SerializeToString())
    assert told_by == invalid("sequence")
    async with subscribed(romanian, name=name) as line:
        assert (await line.until("delivery")).delivery.sequence <= receipt.sequence


async def test_what_one_agency_acknowledged_moves_nothing_of_another(
    broker: Served, greek: grpc.aio.Channel, romanian: grpc.aio.Channel
) -> None:
    name = fresh()
    receipt = await publish(greek, first(broker.federation))
    async with subscribed(romanian, name=name) as line:
        while (await line.until("delivery")).delivery.sequence < receipt.sequence:
            pass
        await line.send(pb.SubscribeRequest(ack=cursor(TOPIC, receipt.sequence)))
        await line.until("acknowledged")
    acknowledged = pb.AcknowledgeRequest(
        subscription=name, cursors=[cursor(TOPIC, receipt.sequence)]
    )
    assert await call(greek, ACKNOWLEDGE, acknowledged.SerializeToString()) == invalid("sequence")


@pytest.mark.must("SUB-11")
async def test_without_credit_nothing_is_sent_and_nothing_is_lost(
    broker: Served, greek: grpc.aio.Channel, romanian: grpc.aio.Channel
) -> None:
    receipt = await publish(greek, first(broker.federation))
    async with subscribed(romanian, credit=pb.Credit(frames=1000)) as line:
        # Frames without bytes are no credit; what is answered to is all that has come.
        await line.send(pb.SubscribeRequest(ack=cursor(TOPIC, 0)))
        event = await line.next()
        while event.WhichOneof("event") != "acknowledged":
            assert event.WhichOneof("event") != "delivery"
            event = await line.next()
        await line.send(pb.SubscribeRequest(credit=pb.Credit(bytes=1 << 30)))
        while (await line.until("delivery")).delivery.sequence < receipt.sequence:
            pass


@pytest.mark.must("SUB-20")
async def test_a_second_stream_ends_the_first_and_no_other(
    romanian: grpc.aio.Channel, greek: grpc.aio.Channel
) -> None:
    name = fresh()
    async with (
        subscribed(greek, name=name) as theirs,
        subscribed(romanian, name=name) as one,
        subscribed(romanian, name=name),
    ):
        assert await one.end() == Told("SUBSCRIPTION_BUSY", {})
        await theirs.send(pb.SubscribeRequest(ack=cursor(TOPIC, 0)))
        await theirs.until("acknowledged")


async def test_a_subscription_too_many_is_refused(romanian: grpc.aio.Channel) -> None:
    lines = [Line(romanian) for _ in range(65)]
    for line in lines:
        await line.send(opening(fresh(), credit=NONE))
    ends = [asyncio.create_task(line.end()) for line in lines]
    done, waiting = await asyncio.wait(ends, timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
    for end in waiting:
        end.cancel()
    assert [end.result() for end in done] == [
        Told("LIMIT_EXCEEDED", {"limit": "sessions", "allowed": "64", "got": "65"})
    ]


async def test_a_flood_of_commands_is_obeyed_and_keeps_nobody_waiting(
    broker: Served, greek: grpc.aio.Channel, romanian: grpc.aio.Channel
) -> None:
    async def flood(line: Line) -> None:
        for _ in range(3000):
            await line.send(pb.SubscribeRequest(credit=pb.Credit(frames=1)))
        await line.send(pb.SubscribeRequest(ack=cursor(TOPIC, 0)))
        await line.until("acknowledged")

    async with subscribed(romanian, credit=NONE) as line, asyncio.TaskGroup() as group:
        group.create_task(flood(line))
        assert (await publish(greek, first(broker.federation))).sequence > 0


async def test_thousands_of_subscriptions_may_have_a_place(
    broker: Served, romanian: grpc.aio.Channel
) -> None:
    before = broker.peak_mib()
    seeks = [
        pb.SeekRequest(subscription=f"many-{number}", topic=TOPIC).SerializeToString()
        for number in range(2000)
    ]

    async def some(mine: list[bytes]) -> set[str]:
        return {(await call(romanian, SEEK, data)).reason for data in mine}

    told_by = await asyncio.gather(*(some(seeks[place::20]) for place in range(20)))
    assert set.union(*told_by) == {"OK"}
    assert broker.peak_mib() - before < 64


async def test_places_of_one_agency_are_hidden_from_the_next(
    greek: grpc.aio.Channel, romanian: grpc.aio.Channel
) -> None:
    name = fresh()
    asked = pb.PullRequest(
        subscription=name, filter=pb.Filter(topics=[TOPIC]), max_frames=1
    ).SerializeToString()
    await call(romanian, PULL, asked)
    sought = pb.SeekRequest(subscription=name, topic=CLOSED_TOPIC).SerializeToString()
    assert await call(romanian, SEEK, sought) == Told("TOPIC_UNKNOWN", {})
    assert (await call(greek, SEEK, sought)).reason == "OK"
