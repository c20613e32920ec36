# SPDX-License-Identifier: Apache-2.0
"""What every method passes: who calls, may they, are the bytes a request, what leaves on failure.

Bytes are parsed here and not by gRPC, and every exception is caught here, because gRPC would send
the text of either failure to the peer (research/reliability.md 0.9). Handlers of libraries (health,
reflection) pass the same gate. A cancelled call stays cancelled.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from broker.domain.peers import Peer
from broker.errors import BrokerError, Reason
from broker.ports.entropy import Entropy
from broker.rpc.access import check_access
from broker.rpc.cuts import Cuts
from broker.rpc.services import Peers
from broker.rpc.status import CODES, abort
from broker.telemetry import Metrics, log_for

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Wire: TypeAlias = Message | bytes
T = TypeVar("T")
M = TypeVar("M", bound=Message)

TLS_VERSION = "TLSv1.3"

_log = log_for("rpc")


def to_wire(message: Wire) -> bytes:
    """Return a message's bytes; bytes are taken to be a message already."""
    return message if isinstance(message, bytes) else message.SerializeToString()


def parse(kind: type[M], data: bytes) -> M:
    """Return the request that `data` holds.

    Raises:
        BrokerError: MALFORMED.
    """
    try:
        return kind.FromString(data)
    except DecodeError:
        raise BrokerError(Reason.MALFORMED, detail=f"not a {kind.DESCRIPTOR.full_name}") from None


class Stream(Generic[M]):
    """A streaming call as its servicer sees it: requests in, messages out."""

    def __init__(self, context: Context, kind: type[M]) -> None:
        self._context = context
        self._kind = kind

    async def read(self) -> M | None:
        """Return the next request, or None where the peer has said its last."""
        data = await self._context.read()
        return None if data is grpc.aio.EOF else parse(self._kind, data)

    async def write(self, message: Wire) -> None:
        """Send a message; waits while the peer does not take what was sent before."""
        await self._context.write(to_wire(message))

    async def __aiter__(self) -> AsyncIterator[M]:
        while (request := await self.read()) is not None:
            yield request


Unary: TypeAlias = Callable[[Any, Peer], Awaitable[Wire]]
Streaming: TypeAlias = Callable[[Stream[Any], Peer], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Wraps handlers.

    Attributes:
        peers: knows who is calling.
        cuts: ends the streams of those who may no longer be served.
        entropy: of incident ids.
        metrics: counts.
    """

    peers: Peers
    cuts: Cuts
    entropy: Entropy
    metrics: Metrics

    def unary(self, method: str, kind: type[Message], call: Unary) -> Handler:
        """Return the handler of a unary method of ours."""

        async def handle(data: bytes, context: Context) -> bytes:
            async def answer() -> bytes:
                peer = self._admit(method, context)
                return to_wire(await call(parse(kind, data), peer))

            return await self.guarded(method, context, answer())

        return grpc.unary_unary_rpc_method_handler(handle)

    def streaming(self, method: str, kind: type[Message], call: Streaming) -> Handler:
        """Return the handler of a bidirectional method of ours."""

        async def handle(_: object, context: Context) -> None:
            async def converse() -> None:
                peer = self._admit(method, context)
                await self._until_cut(peer, call(Stream(context, kind), peer))

            with self.metrics.streams.labels(method).track_inprogress():
                await self.guarded(method, context, converse())

        return grpc.stream_stream_rpc_method_handler(handle)

    def foreign(self, method: str, handler: Any) -> Handler:
        """Return a library's handler behind the gate."""
        if handler.request_streaming:
            return self._foreign_stream(method, handler)

        async def handle(data: bytes, context: Context) -> bytes | None:
            async def answer() -> bytes | None:
                peer = self._admit(method, context)
                request = _library_parse(handler, data)
                if handler.response_streaming:
                    await self._until_cut(peer, handler.unary_stream(request, context))
                    return None
                return to_wire(await handler.unary_unary(request, context))

            return await self.guarded(method, context, answer())

        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(handle, response_serializer=to_wire)
        return grpc.unary_unary_rpc_method_handler(handle)

    def _foreign_stream(self, method: str, handler: Any) -> Handler:
        async def requests(context: Context) -> AsyncIterator[Message]:
            while (data := await context.read()) is not grpc.aio.EOF:
                yield _library_parse(handler, data)

        async def converse(context: Context) -> None:
            async for response in handler.stream_stream(requests(context), context):
                await context.write(to_wire(response))

        async def handle(_: object, context: Context) -> None:
            async def admitted() -> None:
                await self._until_cut(self._admit(method, context), converse(context))

            await self.guarded(method, context, admitted())

        return grpc.stream_stream_rpc_method_handler(handle)

    def _admit(self, method: str, context: Context) -> Peer:
        """Return who calls, if they may."""
        held = context.auth_context()
        version = _first(held, "ssl_tls_version").decode("ascii", "replace")
        if version != TLS_VERSION:
            raise BrokerError(Reason.UNAUTHENTICATED, detail=f"peer speaks {version or 'no TLS'}")
        leaf, chain = _first(held, "x509_pem_cert"), _first(held, "x509_pem_cert_chain")
        if not leaf:
            raise BrokerError(Reason.UNAUTHENTICATED, detail="peer shows no certificate")
        peer = self.peers.authenticate(leaf, chain, version)
        check_access(method, peer.kind)
        return peer

    async def _until_cut(self, peer: Peer, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` until it ends or the peer's streams are cut."""
        with self.cuts.watching(peer) as cut:
            task = asyncio.ensure_future(work)
            try:
                await asyncio.wait((task, cut), return_when=asyncio.FIRST_COMPLETED)
            finally:
                ended = task.done()
                task.cancel()
                await asyncio.wait((task,))
            if ended:
                return task.result()
            if not task.cancelled():
                task.exception()
            raise cut.result()

    async def guarded(self, method: str, context: Context, work: Awaitable[T]) -> T:
        """Return what `work` gives; of whatever it raises only a status leaves the broker."""
        try:
            result = await work
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001 - the outermost edge
            refusal = self.refusal(method, error)
            self.metrics.calls.labels(method, CODES[refusal.reason].name).inc()
        else:
            self.metrics.calls.labels(method, "OK").inc()
            return result
        return await abort(context, refusal)

    def refusal(self, method: str, error: Exception) -> BrokerError:
        """Return what the peer is told of an error; what nobody expected becomes an incident."""
        cause = _leading(error)
        if isinstance(cause, BrokerError) and cause.reason is not Reason.INTERNAL:
            self.metrics.refusals.labels(cause.reason.value).inc()
            _log.info("refused", method=method, reason=cause.reason.value, detail=cause.detail)
            return cause
        incident = self.entropy.random(8).hex()
        self.metrics.incidents.inc()
        _log.error("incident", method=method, incident=incident, exc_info=error)
        return BrokerError(Reason.INTERNAL, {"incident": incident})


def _leading(error: Exception) -> Exception:
    """Return the error that a group of tasks failed with: a fault before a refusal."""
    if not isinstance(error, ExceptionGroup):
        return error
    causes = [_leading(cause) for cause in error.exceptions]
    faults = [cause for cause in causes if not isinstance(cause, BrokerError)]
    return (faults or causes)[0]


def _library_parse(handler: Any, data: bytes) -> Message:
    try:
        request: Message = handler.request_deserializer(data)
    except DecodeError:
        raise BrokerError(Reason.MALFORMED, detail="not a request of the library") from None
    return request


def _first(held: Mapping[str, Any], name: str) -> bytes:
    values = held.get(name) or (b"",)
    value: bytes = values[0]
    return value
