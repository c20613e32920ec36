# SPDX-License-Identifier: Apache-2.0
"""A generic client, as grpcurl is: everything it knows it learns through reflection.

No code generated from our protos is imported here.
"""

import base64
from typing import Any, cast

import grpc
import pytest
from google.protobuf import descriptor_pb2, json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from tests.integration.broker.calling import Address, told
from tests.simulator.federation import TOPIC, Federation

REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


class GenericClient:
    """Calls any unary method with a JSON-like request."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.pool = DescriptorPool()
        self.known: set[str] = set()

    async def _ask(self, **question: str) -> reflection_pb2.ServerReflectionResponse:
        call: Any = self.channel.stream_stream(
            REFLECTION,
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )()
        await call.write(reflection_pb2.ServerReflectionRequest(**cast("dict[str, Any]", question)))
        await call.done_writing()
        answer: reflection_pb2.ServerReflectionResponse = await call.read()
        return answer

    async def services(self) -> list[str]:
        answer = await self._ask(list_services="")
        return [service.name for service in answer.list_services_response.service]

    async def _learn(self, files: list[bytes]) -> None:
        parsed = [descriptor_pb2.FileDescriptorProto.FromString(data) for data in files]
        for file in parsed:
            for needed in file.dependency:
                if needed not in self.known:
                    answer = await self._ask(file_by_filename=needed)
                    await self._learn([*answer.file_descriptor_response.file_descriptor_proto])
            if file.name not in self.known:
                self.known.add(file.name)
                self.pool.Add(file)

    async def call(self, service: str, method: str, request: dict[str, Any]) -> Any:
        answer = await self._ask(file_containing_symbol=service)
        await self._learn([*answer.file_descriptor_response.file_descriptor_proto])
        found = self.pool.FindServiceByName(service).methods_by_name[method]
        message = json_format.ParseDict(request, GetMessageClass(found.input_type)())
        unary: Any = self.channel.unary_unary(
            f"/{service}/{method}",
            request_serializer=lambda one: one.SerializeToString(),
            response_deserializer=GetMessageClass(found.output_type).FromString,
        )
        return await unary(message)


@pytest.fixture
def client(greek: grpc.aio.Channel) -> GenericClient:
    return GenericClient(greek)


def health_stub(channel: grpc.aio.Channel) -> Any:
    """Return the library's stub, whose methods its type stubs leave out."""
    return health_pb2_grpc.HealthStub(channel)


async def test_a_generic_client_lists_every_service(client: GenericClient) -> None:
    assert sorted(await client.services()) == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "tocsin.v1.AttachmentService",
        "tocsin.v1.DirectoryService",
        "tocsin.v1.LogService",
        "tocsin.v1.MailboxService",
        "tocsin.v1.PublisherService",
        "tocsin.v1.SubscriberService",
    ]


async def test_a_generic_client_publishes_pulls_and_acknowledges(
    client: GenericClient, federation: Federation
) -> None:
    frame = federation.seal("gr-pol", [b"text"])
    b64 = base64.b64encode
    publication = {
        "frameHeader": b64(frame.header).decode(),
        "recipients": [b64(one).decode() for one in frame.recipients],
        "wraps": [b64(one).decode() for one in frame.wraps],
        "notices": [
            {"header": b64(one.header).decode(), "body": b64(one.body).decode()}
            for one in frame.notices
        ],
        "statement": b64(frame.statement).decode(),
        "signature": b64(frame.signature).decode(),
    }
    published = await client.call(
        "tocsin.v1.PublisherService", "Publish", {"publication": publication}
    )
    wanted = {"subscription": "desk", "filter": {"topics": ["#"]}}
    pulled = await client.call("tocsin.v1.SubscriberService", "Pull", wanted)
    assert pulled.deliveries[0].sequence == published.receipt.sequence
    assert pulled.deliveries[0].notices[0].body == frame.notices[0].body
    cursor = {"topic": TOPIC, "sequence": published.receipt.sequence}
    done = {"subscription": "desk", "cursors": [cursor]}
    await client.call("tocsin.v1.SubscriberService", "Acknowledge", done)
    assert not (await client.call("tocsin.v1.SubscriberService", "Pull", wanted)).deliveries


async def test_reflection_answers_nobody_who_is_locked(
    client: GenericClient, federation: Federation
) -> None:
    await client.services()
    federation.lock("gr-pol")
    # Nothing is written: gRPC may reset a stream that is written to before it has read why.
    call: Any = client.channel.stream_stream(REFLECTION)()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call.read()
    assert told(refused.value)[1] == "AGENCY_LOCKED"


async def test_a_malformed_reflection_request_is_refused(greek: grpc.aio.Channel) -> None:
    call: Any = greek.stream_stream(REFLECTION)()
    await call.write(b"\x0a\xff\xff")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call.read()
    assert told(refused.value)[1] == "MALFORMED"


async def test_health_is_told_for_each_service(greek: grpc.aio.Channel) -> None:
    check = health_stub(greek).Check
    request = health_pb2.HealthCheckRequest(service="tocsin.v1.PublisherService")
    assert (await check(request)).status == health_pb2.HealthCheckResponse.SERVING


async def test_health_of_an_unknown_service_is_not_found(greek: grpc.aio.Channel) -> None:
    check = health_stub(greek).Check
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await check(health_pb2.HealthCheckRequest(service="tocsin.v1.Nothing"))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_whoever_watches_health_hears_that_writes_are_not_taken(
    greek: grpc.aio.Channel, server: Any
) -> None:
    call: Any = health_stub(greek).Watch(
        health_pb2.HealthCheckRequest(service="tocsin.v1.PublisherService")
    )
    assert (await call.read()).status == health_pb2.HealthCheckResponse.SERVING
    server.set_writable(writable=False)
    assert (await call.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
    call.cancel()


async def test_reflection_asks_for_a_certificate(broker: Address) -> None:
    async with broker.channel(None) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await GenericClient(channel).services()
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
