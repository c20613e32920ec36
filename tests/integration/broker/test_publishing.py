# SPDX-License-Identifier: Apache-2.0
"""Publish and PublishStream over the wire."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from tocsin.v1 import core_pb2
from tocsin.v1 import publisher_service_pb2 as pb
from tocsin.v1.publisher_service_pb2_grpc import PublisherServiceStub

if TYPE_CHECKING:
    from tocsin.v1.publisher_service_pb2_grpc import PublisherServiceAsyncStub

from broker.errors import MESSAGES, BrokerError, Reason
from broker.rpc.publisher_servicer import WINDOW
from broker.rpc.server import RpcServer
from keys.envelope import Frame
from tests.integration.broker.calling import Address, told
from tests.integration.broker.standins import StandInServices
from tests.simulator.federation import TOPIC, Federation


def publication(frame: Frame) -> core_pb2.Publication:
    return core_pb2.Publication(
        frame_header=frame.header,
        recipients=frame.recipients,
        wraps=frame.wraps,
        notices=[
            core_pb2.SealedNotice(index=index, header=notice.header, body=notice.body)
            for index, notice in enumerate(frame.notices)
        ],
        statement=frame.statement,
        signature=frame.signature,
    )


def numbered(frames: list[Frame]) -> list[pb.PublishStreamRequest]:
    return [
        pb.PublishStreamRequest(number=number, publication=publication(frame))
        for number, frame in enumerate(frames, 1)
    ]


async def refusal(call: object) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call  # type: ignore[misc]
    return told(refused.value)


@pytest.fixture
async def stub(broker: Address) -> AsyncIterator["PublisherServiceAsyncStub"]:
    async with broker.agency("gr-pol") as channel:
        yield PublisherServiceStub(channel)


@pytest.fixture
def frames(federation: Federation) -> list[Frame]:
    return [federation.seal("gr-pol", [b"text", b"more"]) for _ in range(4)]


async def test_a_published_frame_arrives_byte_for_byte(
    stub: "PublisherServiceAsyncStub", services: StandInServices, frames: list[Frame]
) -> None:
    answer = await stub.Publish(pb.PublishRequest(publication=publication(frames[0])))
    assert services.publishing.frames == [frames[0]]
    assert (answer.receipt.topic, answer.receipt.sequence) == (TOPIC, 1)
    assert answer.receipt.log.salt == b"s" * 32


@pytest.mark.must("RPC-2")
async def test_a_refusal_carries_reason_metadata_and_the_fixed_sentence(
    stub: "PublisherServiceAsyncStub", services: StandInServices, frames: list[Frame]
) -> None:
    services.publishing.failure = BrokerError(
        Reason.CHAIN_BROKEN, {"agency": "ro-pol", "expected": "4"}, detail="internal detail"
    )
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.Publish(pb.PublishRequest(publication=publication(frames[0])))
    assert told(refused.value) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "CHAIN_BROKEN",
        {"agency": "ro-pol", "expected": "4"},
    )
    assert refused.value.details() == MESSAGES[Reason.CHAIN_BROKEN]


@pytest.mark.must("RPC-3")
async def test_an_unexpected_fault_leaves_as_an_incident_and_nothing_else(
    stub: "PublisherServiceAsyncStub", services: StandInServices, frames: list[Frame]
) -> None:
    services.publishing.failure = RuntimeError("password=hunter2")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.Publish(pb.PublishRequest(publication=publication(frames[0])))
    code, reason, metadata = told(refused.value)
    assert (code, reason, [*metadata]) == (grpc.StatusCode.INTERNAL, "INTERNAL", ["incident"])
    assert "hunter2" not in f"{refused.value.debug_error_string()}{refused.value}"


async def test_a_notice_out_of_its_place_is_malformed(
    stub: "PublisherServiceAsyncStub", services: StandInServices, frames: list[Frame]
) -> None:
    message = publication(frames[0])
    message.notices[0].index = 1
    code, reason, _ = await refusal(stub.Publish(pb.PublishRequest(publication=message)))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED")
    assert services.publishing.frames == []


@pytest.mark.must("RPC-4")
async def test_bytes_that_are_no_request_are_malformed(broker: Address) -> None:
    async with broker.agency("gr-pol") as channel:
        call: Any = channel.unary_unary("/tocsin.v1.PublisherService/Publish")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(b"\x0a\xff\xff")
    assert told(refused.value) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED", {})
    assert refused.value.details() == MESSAGES[Reason.MALFORMED]


@pytest.mark.must("RPC-5")
async def test_a_message_of_five_mebibytes_is_refused_and_the_broker_goes_on(
    stub: "PublisherServiceAsyncStub", services: StandInServices, frames: list[Frame]
) -> None:
    large = core_pb2.Publication(signature=bytes(5 << 20))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.Publish(pb.PublishRequest(publication=large))
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    await stub.Publish(pb.PublishRequest(publication=publication(frames[0])))
    assert len(services.publishing.frames) == 1


async def test_a_method_that_does_not_exist_is_refused(greek: grpc.aio.Channel) -> None:
    unknown: Any = greek.unary_unary("/tocsin.v1.PublisherService/Unpublish")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await unknown(b"")
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.must("PUB-16")
async def test_a_stream_answers_each_frame_in_order(
    stub: "PublisherServiceAsyncStub", services: StandInServices, frames: list[Frame]
) -> None:
    events = [event async for event in stub.PublishStream(iter(numbered(frames)))]
    assert events[0].opened.window == WINDOW
    results = [result for event in events[1:] for result in event.results.results]
    assert [result.number for result in results] == [1, 2, 3, 4]
    assert events[-1].results.through == 4
    assert services.publishing.frames == frames


async def test_a_refused_frame_of_a_stream_is_data_with_the_same_reason(
    stub: "PublisherServiceAsyncStub", services: StandInServices, frames: list[Frame]
) -> None:
    services.publishing.failure = BrokerError(Reason.DENIED, {"rules": "P01"})
    events = [event async for event in stub.PublishStream(iter(numbered(frames[:1])))]
    refused = events[1].results.results[0].refusal
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED.value[0], "DENIED")
    assert dict(refused.metadata) == {"rules": "P01"}
    assert refused.message == MESSAGES[Reason.DENIED]


@pytest.mark.must("RPC-3")
async def test_a_fault_at_one_frame_of_a_stream_is_an_incident_of_that_frame(
    stub: "PublisherServiceAsyncStub", services: StandInServices, frames: list[Frame]
) -> None:
    services.publishing.failure = RuntimeError("password=hunter2")
    events = [event async for event in stub.PublishStream(iter(numbered(frames[:1])))]
    refused = events[1].results.results[0].refusal
    assert (refused.reason, [*refused.metadata]) == ("INTERNAL", ["incident"])
    assert "hunter2" not in str(events)


async def test_numbers_out_of_order_end_the_stream(
    stub: "PublisherServiceAsyncStub", frames: list[Frame]
) -> None:
    async def read() -> None:
        async for _ in stub.PublishStream(iter(numbered(frames)[1:])):
            pass

    code, reason, metadata = await refusal(read())
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    assert metadata == {"field": "number"}


@pytest.mark.must("PUB-16")
async def test_more_frames_than_the_window_end_the_stream(
    stub: "PublisherServiceAsyncStub", services: StandInServices, federation: Federation
) -> None:
    services.publishing.hold = asyncio.Event()
    one = federation.seal("gr-pol")

    async def read() -> None:
        async for _ in stub.PublishStream(iter(numbered([one] * (WINDOW + 1)))):
            pass

    code, reason, metadata = await refusal(read())
    assert (code, reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED")
    assert metadata["limit"] == "window"


async def test_a_stopping_broker_answers_what_it_took_and_says_so(
    stub: "PublisherServiceAsyncStub",
    server: RpcServer,
    services: StandInServices,
    frames: list[Frame],
) -> None:
    services.publishing.hold = asyncio.Event()
    call: Any = stub.PublishStream()
    await call.write(numbered(frames)[0])
    assert (await call.read()).HasField("opened")
    await services.publishing.arrived.wait()
    draining = asyncio.create_task(server.drain(5))
    services.publishing.hold.set()
    assert (await call.read()).results.results[0].HasField("receipt")
    assert (await call.read()).HasField("draining")
    await draining
    assert await call.code() is grpc.StatusCode.OK


async def test_locking_an_agency_cuts_its_publish_stream_while_it_is_silent(
    stub: "PublisherServiceAsyncStub", federation: Federation
) -> None:
    call: Any = stub.PublishStream()
    assert (await call.read()).HasField("opened")
    federation.lock("gr-pol")
    async with asyncio.timeout(1):
        code, reason, _ = await refusal(call.read())
    assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, "AGENCY_LOCKED")
