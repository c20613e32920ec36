# SPDX-License-Identifier: Apache-2.0
"""A broker that lies, breaks off and babbles, behind a certificate that is in order."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from agency_client.transport.tls import TlsIdentity
from keys.tls import CertifiedKey, to_pem
from tests.simulator.federation import Federation

Context = grpc.aio.ServicerContext[Any, Any]


def identity_of(federation: Federation, agency: str, *, root: bytes | None = None) -> TlsIdentity:
    leaf = federation.agencies[agency].tls_leaf
    trusted = federation.broker.tls_root.certificate if root is None else root
    return TlsIdentity(
        certificate=leaf.certificate_pem, key=leaf.key_pem, broker_root=to_pem(trusted)
    )


@dataclass(frozen=True)
class Refusal:
    """A status to end a call with."""

    code: grpc.StatusCode
    reason: str = ""
    message: str = "told by the peer"
    metadata: dict[str, str] = field(default_factory=dict)
    domain: str = "tocsin"
    raw_details: bytes | None = None

    async def end(self, context: Context) -> None:
        details = self._details() if self.raw_details is None else self.raw_details
        trailing = (("grpc-status-details-bin", details),) if details else ()
        await context.abort(self.code, self.message, trailing)

    def _details(self) -> bytes:
        if not self.reason:
            return b""
        packed = any_pb2.Any()
        packed.Pack(
            error_details_pb2.ErrorInfo(
                reason=self.reason, domain=self.domain, metadata=self.metadata
            )
        )
        number = self.code.value[0]
        status = status_pb2.Status(code=number, message=self.message, details=[packed])
        data: bytes = status.SerializeToString()
        return data


Said = Message | bytes | Refusal


class Rogue:
    """Answers a method with what `says` has for its name; streams say all of it, one by one.

    A subscription's opening is heard first, as brokers do: gRPC's client forgets why a stream ended
    while it was writing to it.
    """

    def __init__(self) -> None:
        self.says: dict[str, Iterable[Said]] = {}
        self.heard: list[tuple[str, bytes]] = []
        self.on_call: Callable[[str, Context], None] | None = None
        self.stays_open = False
        self.address = ""

    @classmethod
    @asynccontextmanager
    async def listening(
        cls, federation: Federation, leaf: CertifiedKey | None = None
    ) -> AsyncIterator[Self]:
        rogue, shown = cls(), leaf or federation.broker.tls_leaf
        options = (("grpc.so_reuseport", 0), ("grpc.max_send_message_length", -1))
        server = grpc.aio.server(options=options)
        server.add_generic_rpc_handlers((_Handlers(rogue),))
        credentials = grpc.ssl_server_credentials([(shown.key_pem, shown.certificate_pem)])
        port = server.add_secure_port("127.0.0.1:0", credentials)
        rogue.address = f"127.0.0.1:{port}"
        await server.start()
        try:
            yield rogue
        finally:
            await server.stop(0)

    async def unary(self, name: str, data: bytes, context: Context) -> bytes:
        self.heard.append((name, data))
        (said,) = self.says[name]
        if isinstance(said, Refusal):
            await said.end(context)
        return _bytes(said)

    async def stream(self, name: str, context: Context) -> None:
        if name == "Subscribe":
            self.heard.append((name, await context.read()))
        for said in self.says[name]:
            if isinstance(said, Refusal):
                await said.end(context)
            await context.write(_bytes(said))
        while self.stays_open and (data := await context.read()) is not grpc.aio.EOF:
            self.heard.append((name, data))


def _bytes(said: Said) -> bytes:
    return said.SerializeToString() if isinstance(said, Message) else bytes(said)  # type: ignore[arg-type]


STREAMS = ("PublishStream", "Subscribe")


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, rogue: Rogue) -> None:
        self._rogue = rogue

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        name = details.method.rpartition("/")[2]
        if name not in self._rogue.says:
            return None
        if name in STREAMS:

            async def converse(_: object, context: Context) -> None:
                await self._rogue.stream(name, context)

            return grpc.stream_stream_rpc_method_handler(converse)

        async def answer(data: bytes, context: Context) -> bytes:
            return await self._rogue.unary(name, data, context)

        return grpc.unary_unary_rpc_method_handler(answer)
