# SPDX-License-Identifier: Apache-2.0
"""The gRPC server: options, TLS, our services, health and reflection, and an orderly end."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from tocsin.v1 import (
    attachment_service_pb2,
    directory_service_pb2,
    log_service_pb2,
    mailbox_service_pb2,
    publisher_service_pb2,
    subscriber_service_pb2,
)

from broker.ports.entropy import Entropy
from broker.rpc.access import is_allowed_to_anyone
from broker.rpc.attachment_servicer import AttachmentServicer
from broker.rpc.certificates import Certificates
from broker.rpc.cuts import Cuts
from broker.rpc.deliveries import DeliveryBytes
from broker.rpc.directory_servicer import DirectoryServicer
from broker.rpc.gate import Gate, Handler
from broker.rpc.health_servicer import HealthServicer
from broker.rpc.log_servicer import LogServicer
from broker.rpc.mailbox_servicer import MailboxServicer
from broker.rpc.publisher_servicer import PublisherServicer
from broker.rpc.reflection_servicer import ReflectionServicer, reflection_service
from broker.rpc.services import Services
from broker.rpc.shares import MAX_CALLS as MAX_CALLS_OF_PARTY
from broker.rpc.shares import Shares
from broker.rpc.subscriber_servicer import SubscriberServicer
from broker.telemetry import Metrics

MAX_MESSAGE_BYTES = 4 << 20
"""gRPC's own default for receivers, so that no client has to set an option."""
MAX_CALLS = 4096
"""Streams and calls at once; beyond it new ones are refused before a handler starts."""

FILES: tuple[FileDescriptor, ...] = (
    publisher_service_pb2.DESCRIPTOR,
    subscriber_service_pb2.DESCRIPTOR,
    attachment_service_pb2.DESCRIPTOR,
    directory_service_pb2.DESCRIPTOR,
    log_service_pb2.DESCRIPTOR,
    mailbox_service_pb2.DESCRIPTOR,
)
ALL_FILES: tuple[Any, ...] = (
    *FILES,
    health_pb2.DESCRIPTOR,
    reflection_pb2.DESCRIPTOR,
)
WRITING_SERVICES = ("tocsin.v1.PublisherService", "tocsin.v1.AttachmentService")
"""Not served while the store takes no writes."""

OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.so_reuseport", 0),  # a second broker must not share the port by mistake
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_concurrent_streams", 256),  # of one connection
    ("grpc.max_metadata_size", 8 << 10),
    ("grpc.absolute_max_metadata_size", 16 << 10),
    ("grpc.server_handshake_timeout_ms", 5_000),  # silent connections would hold files for 120 s
    # What may come in unread, for each call: without a bound gRPC lets it grow to megabytes.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 256 << 10),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),  # without it a frozen peer is unseen for 61 s
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 2),
    ("grpc.max_connection_idle_ms", 300_000),  # each connection is a file
    ("grpc.max_connection_age_ms", 900_000),  # roots that left the pool leave the line
    ("grpc.max_connection_age_grace_ms", 60_000),
    ("grpc.enable_channelz", 0),
)


@dataclass(slots=True, kw_only=True)
class RpcServer:
    """A server on its way through start, drain and stop.

    Attributes:
        services: what it serves.
        certificates: its TLS identity and pool.
        entropy: of incident ids.
        metrics: counts.
        max_calls: of one party at once.
    """

    services: Services
    certificates: Certificates
    entropy: Entropy
    metrics: Metrics
    max_calls: int = MAX_CALLS_OF_PARTY
    port: int = 0
    _server: grpc.aio.Server = field(init=False)
    _health: HealthServicer = field(init=False)
    _cuts: Cuts = field(init=False)
    _cutting: asyncio.Task[None] | None = None
    _draining: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._health = HealthServicer(service_names())
        self._cuts = Cuts(self.services.peers, self.services.directory)

    async def start(self, host: str, port: int) -> int:
        """Listen and return the port.

        Raises:
            RuntimeError: the address is taken or not ours.
        """
        self._server = grpc.aio.server(options=OPTIONS, maximum_concurrent_rpcs=MAX_CALLS)
        self._register()
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.port = self._server.add_secure_port(address, self.certificates.credentials())
        self._cutting = asyncio.create_task(self._cuts.run(), name="cuts")
        await self._server.start()
        return self.port

    def set_writable(self, *, writable: bool) -> None:
        """Say through the health service whether writes are taken."""
        self._health.set(("", *WRITING_SERVICES), served=writable)

    async def drain(self, seconds: float) -> None:
        """Tell everyone that the broker stops; wait for open streams, at most so long."""
        self._health.stop()
        self._draining.set()
        self.services.publishing.drain()
        self.services.mailbox.drain()
        await self.services.subscriptions.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._cuts.wait_idle()

    async def stop(self, grace: float) -> None:
        """Let unary calls finish, cancel what is left, and let go of the port."""
        await self._server.stop(grace)
        if self._cutting is not None:
            self._cutting.cancel()
            await asyncio.wait((self._cutting,))

    def _register(self) -> None:
        gate = Gate(
            peers=self.services.peers,
            cuts=self._cuts,
            shares=Shares(self.max_calls),
            entropy=self.entropy,
            metrics=self.metrics,
        )
        servicers = self._servicers(gate)
        for file in ALL_FILES:
            for service in file.services_by_name.values():
                name = service.full_name
                handlers = _handlers(gate, service.methods, servicers[name])
                generic = grpc.method_handlers_generic_handler(name, handlers)
                self._server.add_generic_rpc_handlers((generic,))

    def _servicers(self, gate: Gate) -> Mapping[str, object]:
        services = self.services
        deliveries = DeliveryBytes()
        services.destroyed.listen(deliveries.drop)
        return {
            "tocsin.v1.PublisherService": PublisherServicer(
                publishing=services.publishing, refusal=gate.refusal, draining=self._draining
            ),
            "tocsin.v1.SubscriberService": SubscriberServicer(
                subscriptions=services.subscriptions, deliveries=deliveries
            ),
            "tocsin.v1.AttachmentService": AttachmentServicer(attachments=services.attachments),
            "tocsin.v1.DirectoryService": DirectoryServicer(
                directory=services.directory, logs=services.logs
            ),
            "tocsin.v1.LogService": LogServicer(logs=services.logs),
            "tocsin.v1.MailboxService": MailboxServicer(mailbox=services.mailbox),
            "grpc.health.v1.Health": self._health,
            reflection_service(): ReflectionServicer(service_names()),
        }


def _handlers(
    gate: Gate, methods: Sequence[MethodDescriptor], servicer: object
) -> dict[str, Handler]:
    """Return the handlers of a service; what nobody may call has none."""
    handlers: dict[str, Handler] = {}
    for method in methods:
        path = f"/{method.containing_service.full_name}/{method.name}"
        if is_allowed_to_anyone(path):
            wrap = gate.streaming if method.server_streaming else gate.unary
            kind = GetMessageClass(method.input_type)
            handlers[method.name] = wrap(path, kind, getattr(servicer, method.name))
    return handlers


def service_names() -> list[str]:
    """Return the names of our services and of the health service."""
    ours = [s.full_name for file in FILES for s in file.services_by_name.values()]
    return [*ours, *(s.full_name for s in health_pb2.DESCRIPTOR.services_by_name.values())]
