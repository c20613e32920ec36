# SPDX-License-Identifier: Apache-2.0
"""Subscribe and the unary twins over the wire."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from tocsin.v1 import core_pb2
from tocsin.v1 import subscriber_service_pb2 as pb
from tocsin.v1.log_service_pb2 import GetCheckpointRequest, ListLeavesRequest
from tocsin.v1.log_service_pb2_grpc import LogServiceStub
from tocsin.v1.subscriber_service_pb2_grpc import SubscriberServiceStub

from broker.rpc.server import RpcServer
from tests.integration.broker.calling import Address, told
from tests.integration.broker.standins import StandInServices
from tests.simulator.federation import TOPIC, Federation

if TYPE_CHECKING:
    from tocsin.v1.subscriber_service_pb2_grpc import SubscriberServiceAsyncStub

FILTER = pb.Filter(topics=["trafficking/#"])


def opening(frames: int) -> pb.SubscribeRequest:
    credit = pb.Credit(frames=frames, bytes=1 << 20)
    return pb.SubscribeRequest(
        open=pb.SubscribeRequest.Open(subscription="desk", filter=FILTER, credit=credit)
    )


@pytest.fixture
async def stub(broker: Address) -> AsyncIterator["SubscriberServiceAsyncStub"]:
    async with broker.agency("ro-pol") as channel:
        yield SubscriberServiceStub(channel)


@pytest.fixture
def published(services: StandInServices, federation: Federation) -> None:
    frames = [federation.seal("gr-pol", [b"text", b"more"]) for _ in range(3)]
    services.publishing.frames.extend(frames)


async def kinds(call: Any, count: int) -> list[str]:
    return [(await call.read()).WhichOneof("event") for _ in range(count)]


async def refusal(call: Any) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return told(refused.value)


@pytest.mark.usefixtures("published")
async def test_a_subscriber_gets_what_its_credit_allows_and_more_when_it_gives_more(
    stub: "SubscriberServiceAsyncStub",
) -> None:
    call: Any = stub.Subscribe()
    await call.write(opening(frames=2))
    assert await kinds(call, 3) == ["opened", "delivery", "delivery"]
    await call.write(pb.SubscribeRequest(credit=pb.Credit(frames=1)))
    assert await kinds(call, 2) == ["delivery", "caught_up"]
    call.cancel()


@pytest.mark.usefixtures("published")
async def test_a_delivery_takes_from_the_credit_what_it_is_on_the_wire(
    stub: "SubscriberServiceAsyncStub", services: StandInServices
) -> None:
    call: Any = stub.Subscribe()
    await call.write(opening(frames=2))
    received = [await call.read() for _ in range(3)]
    sizes = [event.delivery.ByteSize() for event in received[1:]]
    assert services.subscriptions.sessions[0].charged == sizes
    call.cancel()


@pytest.mark.usefixtures("published")
async def test_an_acknowledgement_is_answered_on_the_stream(
    stub: "SubscriberServiceAsyncStub",
) -> None:
    call: Any = stub.Subscribe()
    await call.write(opening(frames=1))
    await kinds(call, 2)
    await call.write(pb.SubscribeRequest(ack=core_pb2.Cursor(topic=TOPIC, sequence=1)))
    assert (await call.read()).acknowledged.sequence == 1
    call.cancel()


@pytest.mark.usefixtures("published")
async def test_a_delivery_carries_the_frame_byte_for_byte(
    stub: "SubscriberServiceAsyncStub", services: StandInServices
) -> None:
    answer = await stub.Pull(pb.PullRequest(subscription="desk", filter=FILTER))
    first, frame = answer.deliveries[0], services.publishing.frames[0]
    assert len(answer.deliveries) == 3
    assert (first.frame_header, first.statement) == (frame.header, frame.statement)
    assert [notice.body for notice in first.notices] == [notice.body for notice in frame.notices]
    assert first.recipient == frame.recipients[first.recipient_index]


@pytest.mark.usefixtures("published")
async def test_what_was_acknowledged_is_not_pulled_again(
    stub: "SubscriberServiceAsyncStub",
) -> None:
    cursor = core_pb2.Cursor(topic=TOPIC, sequence=2)
    answer = await stub.Acknowledge(pb.AcknowledgeRequest(subscription="desk", cursors=[cursor]))
    assert [*answer.cursors] == [cursor]
    pulled = await stub.Pull(pb.PullRequest(subscription="desk", filter=FILTER))
    assert [delivery.sequence for delivery in pulled.deliveries] == [3]


async def test_a_first_command_other_than_open_is_refused(
    stub: "SubscriberServiceAsyncStub",
) -> None:
    call: Any = stub.Subscribe()
    await call.write(pb.SubscribeRequest(credit=pb.Credit(frames=1)))
    code, reason, metadata = await refusal(call.read())
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    assert metadata == {"field": "open"}


async def test_a_second_open_ends_the_stream_and_closes_the_session(
    stub: "SubscriberServiceAsyncStub", services: StandInServices
) -> None:
    call: Any = stub.Subscribe()
    await call.write(opening(frames=1))
    await call.read()
    await call.write(opening(frames=1))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await kinds(call, 4)
    assert told(refused.value)[2] == {"field": "command"}
    assert services.subscriptions.sessions[0].closed


@pytest.mark.must("RPC-4")
async def test_bytes_that_are_no_command_end_the_stream_as_malformed(broker: Address) -> None:
    async with broker.agency("ro-pol") as channel:
        call: Any = channel.stream_stream("/tocsin.v1.SubscriberService/Subscribe")()
        await call.write(b"\x0a\xff\xff")
        code, reason, _ = await refusal(call.read())
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED")


async def test_a_subscriber_that_says_no_more_still_receives(
    stub: "SubscriberServiceAsyncStub", services: StandInServices
) -> None:
    call: Any = stub.Subscribe()
    await call.write(opening(frames=1))
    await call.done_writing()
    assert await kinds(call, 2) == ["opened", "caught_up"]
    assert not services.subscriptions.sessions[0].closed
    call.cancel()


@pytest.mark.must("SUB-16")
async def test_a_stopping_broker_ends_the_stream_with_a_word(
    stub: "SubscriberServiceAsyncStub", server: RpcServer
) -> None:
    call: Any = stub.Subscribe()
    await call.write(opening(frames=1))
    await kinds(call, 2)
    await server.drain(5)
    assert await kinds(call, 1) == ["draining"]
    assert await call.code() is grpc.StatusCode.OK


@pytest.mark.must("SUB-14")
async def test_locking_an_agency_cuts_its_silent_subscription_within_a_second(
    stub: "SubscriberServiceAsyncStub", services: StandInServices, federation: Federation
) -> None:
    call: Any = stub.Subscribe()
    await call.write(opening(frames=1))
    await kinds(call, 2)
    federation.lock("ro-pol")
    async with asyncio.timeout(1):
        code, reason, _ = await refusal(call.read())
    assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, "AGENCY_LOCKED")
    assert services.subscriptions.sessions[0].closed


async def test_a_lock_of_another_agency_leaves_the_stream_alone(
    stub: "SubscriberServiceAsyncStub", services: StandInServices, federation: Federation
) -> None:
    call: Any = stub.Subscribe()
    await call.write(opening(frames=1))
    await kinds(call, 2)
    federation.lock("hr-ngo")
    await call.write(pb.SubscribeRequest(ack=core_pb2.Cursor(topic=TOPIC, sequence=0)))
    assert await kinds(call, 1) == ["acknowledged"]
    call.cancel()


async def test_a_notice_unknown_or_denied_is_not_found(
    stub: "SubscriberServiceAsyncStub",
) -> None:
    asked = pb.GetNoticeRequest(originator="gr-pol", notice_id=bytes(16))
    code, reason, _ = await refusal(stub.GetNotice(asked))
    assert (code, reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.PullRequest(subscription="desk", filter=FILTER, max_frames=101), "max_frames"),
        (pb.PullRequest(subscription="desk", filter=FILTER, wait_ms=30_001), "wait_ms"),
        (pb.PullRequest(subscription="desk"), "topics"),
    ],
)
async def test_a_pull_outside_its_bounds_is_refused(
    stub: "SubscriberServiceAsyncStub", request_: pb.PullRequest, field: str
) -> None:
    assert (await refusal(stub.Pull(request_)))[1:] == ("INVALID_ARGUMENT", {"field": field})


async def test_topics_come_in_pages(stub: "SubscriberServiceAsyncStub") -> None:
    names: list[str] = []
    token = ""
    while True:
        page = await stub.ListTopics(pb.ListTopicsRequest(page_size=2, page_token=token))
        names.extend(topic.name for topic in page.topics)
        token = page.next_page_token
        if not token:
            break
    assert names == ["t/0", "t/1", "t/2", "t/3", "t/4"]


@pytest.mark.must("RPC-5")
async def test_a_list_of_leaves_ends_below_what_a_client_takes(greek: grpc.aio.Channel) -> None:
    answer = await LogServiceStub(greek).ListLeaves(ListLeavesRequest(page_size=10))
    assert len(answer.leaves) == 3


async def test_a_log_that_does_not_exist_is_refused(greek: grpc.aio.Channel) -> None:
    unknown = GetCheckpointRequest.FromString(b"\x08\x09")
    answer = await refusal(LogServiceStub(greek).GetCheckpoint(unknown))
    assert answer[1:] == ("INVALID_ARGUMENT", {"field": "log"})
