# SPDX-License-Identifier: Apache-2.0
"""Publish streams and subscriptions over the wire, in order and out of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import grpc
import pytest
from google.protobuf.message import Message
from tocsin.v1 import core_pb2
from tocsin.v1 import publisher_service_pb2 as publisher
from tocsin.v1 import subscriber_service_pb2 as subscriber

from agency_client.domain.delivery import (
    Acknowledged,
    CaughtUp,
    Cursor,
    Delivered,
    Draining,
    Filter,
    Heartbeat,
    HistoryGone,
    Opened,
    PolicyChanged,
    SubscriptionEvent,
)
from agency_client.domain.outbox import PublishOutcome, PublishReceipt, Refusal
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import PublishStream
from agency_client.transport.broker import GrpcBroker
from broker.errors import BrokerError
from broker.errors import Reason as BrokerReason
from broker.rpc.server import RpcServer
from tests.integration.agency.rogue import Refusal as Ending
from tests.integration.agency.rogue import Rogue
from tests.integration.broker.standins import StandInServices
from tests.simulator.federation import TOPIC, Federation

FILTER = Filter(topics=("trafficking/#",))
_Sent = publisher.PublishStreamResponse
_Event = subscriber.SubscribeResponse
LOG = core_pb2.LogReference(index=1, salt=bytes(32))
OPENED = _Sent(opened=_Sent.Opened(window=4))


@pytest.fixture
async def left_over(greek: GrpcBroker) -> Callable[[], Awaitable[None]]:
    """Closes the line; fails where a task stays that the test began."""
    before = asyncio.all_tasks()

    async def nothing() -> None:
        await greek.close()
        left = {task for task in asyncio.all_tasks() - before if "AioServer" not in repr(task)}
        left.discard(asyncio.current_task())
        _, staying = await asyncio.wait(left, timeout=5) if left else (left, left)
        assert not staying

    return nothing


async def answers(stream: PublishStream) -> list[PublishOutcome]:
    return [one async for some in stream.outcomes() for one in some]


async def first(stream: PublishStream) -> Sequence[PublishOutcome]:
    return await anext(stream.outcomes())


def result(number: int, **receipt: object) -> publisher.PublishResult:
    fields = {"topic": TOPIC, "sequence": number, "log": LOG, **receipt}
    return publisher.PublishResult(
        number=number,
        receipt=publisher.PublishReceipt(**fields),  # type: ignore[arg-type]
    )


def results(*found: publisher.PublishResult, through: int = 0) -> _Sent:
    return _Sent(
        results=_Sent.Results(through=through or (found[-1].number if found else 0), results=found)
    )


async def test_frames_are_answered_in_order_of_number(
    greek: GrpcBroker, services: StandInServices, federation: Federation
) -> None:
    frames = [federation.seal("gr-pol") for _ in range(3)]
    async with greek.publish_stream() as stream:
        for number, frame in enumerate(frames, 1):
            await stream.send(number, frame)
        found: list[PublishOutcome] = []
        outcomes = stream.outcomes()
        while len(found) < 3:
            found += await anext(outcomes)
    assert stream.window == 16
    assert [one.number for one in found] == [1, 2, 3]
    assert all(isinstance(one.outcome, PublishReceipt) for one in found)
    assert [one.statement for one in services.publishing.frames] == [
        frame.statement for frame in frames
    ]


async def test_a_refused_frame_leaves_the_stream_open(
    greek: GrpcBroker, services: StandInServices, federation: Federation
) -> None:
    services.publishing.failure = BrokerError(
        BrokerReason.CHAIN_BROKEN, {"agency": "ro-pol", "expected": "4"}
    )
    async with greek.publish_stream() as stream:
        await stream.send(1, federation.seal("gr-pol"))
        (refused,) = await first(stream)
        services.publishing.failure = None
        await stream.send(2, federation.seal("gr-pol"))
        (taken,) = await first(stream)
    assert isinstance(refused.outcome, Refusal)
    assert refused.outcome.reason is Reason.CHAIN_BROKEN
    assert refused.outcome.metadata == (("agency", "ro-pol"), ("expected", "4"))
    assert isinstance(taken.outcome, PublishReceipt)


async def test_a_locked_agency_s_stream_ends_with_the_reason(
    greek: GrpcBroker, services: StandInServices, federation: Federation
) -> None:
    async def publish() -> None:
        async with greek.publish_stream() as stream:
            federation.lock("gr-pol")
            await stream.send(1, federation.seal("ro-pol"))
            await answers(stream)

    with pytest.raises(AgencyError) as refused:
        await publish()
    assert refused.value.reason is Reason.AGENCY_LOCKED


async def test_a_draining_broker_ends_the_stream_and_leaves_the_rest_unanswered(
    greek: GrpcBroker, services: StandInServices, server: RpcServer, federation: Federation
) -> None:
    async with greek.publish_stream() as stream:
        await stream.send(1, federation.seal("gr-pol"))
        await first(stream)
        await server.drain(0)
        assert await answers(stream) == []
        await stream.send(2, federation.seal("gr-pol"))
    assert len(services.publishing.frames) == 1


async def test_a_broker_that_dies_under_a_publish_stream_is_unreachable(
    greek: GrpcBroker,
    services: StandInServices,
    server: RpcServer,
    federation: Federation,
    left_over: Callable[[], Awaitable[None]],
) -> None:
    services.publishing.hold = asyncio.Event()

    async def publish() -> None:
        async with greek.publish_stream() as stream:
            await stream.send(1, federation.seal("gr-pol"))
            await services.publishing.arrived.wait()
            await server.stop(0)
            await answers(stream)

    with pytest.raises(AgencyError) as failed:
        await publish()
    assert failed.value.reason is Reason.BROKER_UNREACHABLE
    await left_over()


async def test_leaving_a_stream_early_leaves_nothing_behind(
    greek: GrpcBroker, services: StandInServices, federation: Federation
) -> None:
    services.publishing.hold = asyncio.Event()

    async def publish() -> None:
        async with greek.publish_stream() as stream:
            await stream.send(1, federation.seal("gr-pol"))
            await services.publishing.arrived.wait()
            raise RuntimeError("the caller's own")

    with pytest.raises(RuntimeError, match="the caller's own"):
        await publish()
    assert services.publishing.frames == []


BAD_PUBLISHING: dict[str, list[Message | bytes]] = {
    "nothing-at-all": [],
    "no-window-first": [results(result(1))],
    "a-window-of-none": [_Sent(opened=_Sent.Opened())],
    "no-message": [b"\x0a\xff\xff"],
    "opened-twice": [OPENED, OPENED],
    "an-event-of-no-kind": [OPENED, b""],
    "a-number-that-was-not-sent": [OPENED, results(result(1), result(2))],
    "a-number-left-out": [OPENED, results(through=1)],
    "a-number-twice": [OPENED, results(result(1)), results(result(1))],
    "through-is-not-the-last": [OPENED, results(result(1), through=9)],
    "no-outcome": [OPENED, results(publisher.PublishResult(number=1))],
    "no-sequence": [OPENED, results(result(1, sequence=0))],
    "sequence-beyond-the-store": [OPENED, results(result(1, sequence=1 << 63))],
    "no-salt": [OPENED, results(result(1, log=core_pb2.LogReference()))],
    "no-topic": [OPENED, results(result(1, topic=""))],
}


@pytest.mark.parametrize("said", BAD_PUBLISHING.values(), ids=BAD_PUBLISHING)
async def test_answers_out_of_order_are_malformed(
    misled: GrpcBroker, rogue: Rogue, federation: Federation, said: list[Message | bytes]
) -> None:
    rogue.says["PublishStream"] = said
    rogue.stays_open = bool(said)

    async def publish() -> None:
        async with misled.publish_stream() as stream:
            await stream.send(1, federation.seal("gr-pol"))
            await answers(stream)

    with pytest.raises(AgencyError) as refused:
        await publish()
    assert refused.value.reason is Reason.MALFORMED


async def test_a_broker_s_window_is_taken_up_to_a_bound(misled: GrpcBroker, rogue: Rogue) -> None:
    rogue.says["PublishStream"] = [_Sent(opened=_Sent.Opened(window=1 << 31))]
    async with misled.publish_stream() as stream:
        assert stream.window == 1024


@pytest.fixture
def published(services: StandInServices, federation: Federation) -> None:
    frames = [federation.seal("ro-pol", [b"text"]) for _ in range(3)]
    services.publishing.frames.extend(frames)


async def take(events: AsyncIterator[SubscriptionEvent], count: int) -> list[SubscriptionEvent]:
    return [await anext(events) for _ in range(count)]


@pytest.mark.usefixtures("published")
async def test_deliveries_come_as_far_as_credit_reaches(greek: GrpcBroker) -> None:
    async with greek.subscribe("desk", FILTER, frames=2, size=1 << 20) as stream:
        events = stream.events()
        before = await take(events, 3)
        await stream.add_credit(1, 1 << 20)
        after = await take(events, 2)
    assert [type(one) for one in before] == [Opened, Delivered, Delivered]
    assert [type(one) for one in after] == [Delivered, CaughtUp]


@pytest.mark.usefixtures("published")
async def test_an_acknowledgement_is_confirmed(
    greek: GrpcBroker, services: StandInServices, left_over: Callable[[], Awaitable[None]]
) -> None:
    cursor = Cursor(topic=TOPIC, sequence=1)
    async with greek.subscribe("desk", FILTER, frames=1, size=1 << 20) as stream:
        events = stream.events()
        await take(events, 2)
        await stream.acknowledge(cursor)
        assert await anext(events) == Acknowledged(cursor=cursor)
    await left_over()


async def test_a_stopping_broker_says_so_and_the_events_end(
    greek: GrpcBroker, server: RpcServer
) -> None:
    async with greek.subscribe("desk", FILTER, frames=1, size=1) as stream:
        events = stream.events()
        await take(events, 2)
        await server.drain(0)
        assert [event async for event in events] == [Draining()]


async def test_a_lock_cuts_the_events_with_its_reason(
    greek: GrpcBroker, federation: Federation
) -> None:
    async with greek.subscribe("desk", FILTER, frames=1, size=1) as stream:
        events = stream.events()
        await take(events, 2)
        federation.lock("gr-pol")
        with pytest.raises(AgencyError) as cut:
            await anext(events)
    assert cut.value.reason is Reason.AGENCY_LOCKED


async def test_a_broker_that_dies_under_a_subscription_is_unreachable(
    greek: GrpcBroker, server: RpcServer
) -> None:
    async with greek.subscribe("desk", FILTER, frames=1, size=1) as stream:
        events = stream.events()
        await take(events, 2)
        await server.stop(0)
        with pytest.raises(AgencyError) as failed:
            await anext(events)
        with pytest.raises(AgencyError):
            await stream.add_credit(1, 1)
    assert failed.value.reason is Reason.BROKER_UNREACHABLE


async def test_a_cancelled_reader_leaves_nothing_running(
    greek: GrpcBroker, left_over: Callable[[], Awaitable[None]]
) -> None:
    opened = asyncio.Event()

    async def follow() -> None:
        async with greek.subscribe("desk", FILTER, frames=1, size=1) as stream:
            async for _ in stream.events():
                opened.set()

    following = asyncio.ensure_future(follow())
    await opened.wait()
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    await left_over()


async def test_control_events_arrive_as_values(misled: GrpcBroker, rogue: Rogue) -> None:
    waiting = _Event.Heartbeat(waiting=_Event.Heartbeat.WAITING_CREDIT)
    rogue.says["Subscribe"] = [
        _Event(heartbeat=waiting),
        _Event(gap=_Event.Gap(topic=TOPIC, first_available=9)),
        _Event(policy_changed=_Event.PolicyChanged(directory_size=7, rule_book_version=2)),
    ]
    async with misled.subscribe("desk", FILTER, frames=1, size=1) as stream:
        found = [event async for event in stream.events()]
    assert found == [
        Heartbeat(waiting_for_credit=True, heads=()),
        HistoryGone(topic=TOPIC, first_available=9),
        PolicyChanged(directory_size=7, rule_book_version=2),
    ]


_TWICE = [core_pb2.Cursor(topic=TOPIC, sequence=1)] * 2
BAD_EVENTS: dict[str, Message | bytes] = {
    "no-message": b"\x12\xff\xff",
    "no-event": b"",
    "two-cursors-for-a-topic": _Event(opened=_Event.Opened(cursors=_TWICE)),
    "no-topic": _Event(acknowledged=core_pb2.Cursor(topic="#", sequence=1)),
    "sequence-beyond-the-store": _Event(
        acknowledged=core_pb2.Cursor(topic=TOPIC, sequence=(1 << 64) - 1)
    ),
    "delivery-without-sequence": _Event(delivery=core_pb2.Delivery(topic=TOPIC)),
    "long-note": _Event(checkpoint=_Event.Checkpoint(note="n" * (1 << 17))),
}


@pytest.mark.parametrize("said", BAD_EVENTS.values(), ids=BAD_EVENTS)
async def test_an_event_out_of_bounds_ends_the_stream_as_malformed(
    misled: GrpcBroker, rogue: Rogue, said: Message | bytes
) -> None:
    rogue.says["Subscribe"] = [said]
    rogue.stays_open = True
    async with misled.subscribe("desk", FILTER, frames=1, size=1) as stream:
        with pytest.raises(AgencyError) as refused:
            await anext(stream.events())
    assert refused.value.reason is Reason.MALFORMED


async def test_a_subscription_that_another_stream_holds_is_refused(
    misled: GrpcBroker, rogue: Rogue
) -> None:
    rogue.says["Subscribe"] = [Ending(grpc.StatusCode.ABORTED, "SUBSCRIPTION_BUSY")]
    async with misled.subscribe("desk", FILTER, frames=1, size=1) as stream:
        with pytest.raises(AgencyError) as refused:
            await anext(stream.events())
    assert refused.value.reason is Reason.SUBSCRIPTION_BUSY


@pytest.mark.parametrize(("frames", "size"), [(-1, 1), (1 << 32, 1), (1, -1)])
async def test_credit_that_cannot_be_given_is_refused_here(
    greek: GrpcBroker, frames: int, size: int
) -> None:
    with pytest.raises(AgencyError) as refused:
        async with greek.subscribe("desk", FILTER, frames=frames, size=size):
            pass
    assert refused.value.reason is Reason.INVALID_ARGUMENT
