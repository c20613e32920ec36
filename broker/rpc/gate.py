# SPDX-License-Identifier: Apache-2.0
"""What every method passes: who calls, may they, are the bytes a request, what leaves on failure.

Bytes are read and parsed here and not by gRPC, and every exception is caught here. gRPC would read
a request before it is known whether there is room for it, would keep a call without one for ever,
and would send the text of a failure to the peer (research/reliability.md 0.9). For that every
method is a stream to gRPC; on the wire it is what its `.proto` says. A cancelled call stays
cancelled.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NoReturn, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from broker.domain.peers import Peer
from broker.errors import BrokerError, Reason
from broker.ports.entropy import Entropy
from broker.rpc.access import check_access
from broker.rpc.cuts import Cuts
from broker.rpc.services import Peers
from broker.rpc.shares import LARGE_BYTES, Leave, Share, Shares, has_large_answer
from broker.rpc.status import CODES, abort
from broker.telemetry import Metrics, Sparing, log_for

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Wire: TypeAlias = Message | bytes
T = TypeVar("T")
M = TypeVar("M", bound=Message)

TLS_VERSION = "TLSv1.3"
_GONE = grpc.aio.InternalError
"""Of reading from and writing to a peer that has gone away; it comes before the cancellation."""

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

    def __init__(self, context: Context, kind: type[M], share: Share) -> None:
        self._context = context
        self._kind = kind
        self._share = share
        self._is_large = False

    async def read(self) -> M | None:
        """Return the next request, or None where the peer has said its last."""
        data = await self._context.read()
        if data is grpc.aio.EOF:
            return None
        self._is_large = len(data) > LARGE_BYTES
        return parse(self._kind, data)

    async def place(self) -> Leave:
        """Wait until there is room for the request read last; return what gives the room back."""
        return await self._share.place() if self._is_large else _nothing_to_leave

    async def write(self, message: Wire) -> None:
        """Send a message; waits while the peer does not take what was sent before."""
        await self._context.write(to_wire(message))

    async def __aiter__(self) -> AsyncIterator[M]:
        while (request := await self.read()) is not None:
            yield request


def _nothing_to_leave(_: object = None) -> None:
    """Leave no place."""


Unary: TypeAlias = Callable[[Any, Peer], Awaitable[Wire]]
Streaming: TypeAlias = Callable[[Stream[Any], Peer], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Wraps handlers.

    Attributes:
        peers: knows who is calling.
        cuts: ends the streams of those who may no longer be served.
        shares: bounds what each party has under way.
        entropy: of incident ids.
        metrics: counts.
        sparing: bounds what is written about refusals; they are all counted.
    """

    peers: Peers
    cuts: Cuts
    shares: Shares
    entropy: Entropy
    metrics: Metrics
    sparing: Sparing = field(default_factory=Sparing)

    def unary(self, method: str, kind: type[Message], call: Unary) -> Handler:
        """Return the handler of a unary method."""

        async def handle(_: object, context: Context) -> bytes:
            async def answer() -> bytes:
                peer = self._admit(method, context)
                share = self.shares.enter(peer, method, context)
                request = parse(kind, await self._read(method, context, share))
                self.peers.check(peer)  # it may have been locked while its request was on the way
                return to_wire(await call(request, peer))

            return await self.guarded(method, context, answer())

        return grpc.stream_unary_rpc_method_handler(handle)

    def streaming(self, method: str, kind: type[Message], call: Streaming) -> Handler:
        """Return the handler of a method that answers with a stream."""

        async def handle(_: object, context: Context) -> None:
            async def converse() -> None:
                peer = self._admit(method, context)
                stream = Stream(context, kind, self.shares.enter(peer, method, context))
                await self._until_cut(peer, call(stream, peer))

            with self.metrics.streams.labels(method).track_inprogress():
                await self.guarded(method, context, converse())

        return grpc.stream_stream_rpc_method_handler(handle)

    async def _read(self, method: str, context: Context, share: Share) -> bytes:
        """Return the one request of a call.

        A place is kept while the request comes in, and to the end where it or its answer is large.
        """
        leave: Any = await share.place()
        context.add_done_callback(leave)
        data = await context.read()
        if data is grpc.aio.EOF:
            raise BrokerError(Reason.MALFORMED, detail="a call without a request")
        if len(data) <= LARGE_BYTES and not has_large_answer(method):
            leave()
        request: bytes = data
        return request

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
        try:
            check_access(method, peer.kind)
        except BrokerError as error:
            self.peers.count_refusal(peer, error)
            raise
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
            if isinstance(_leading(error), _GONE):
                self._lose(method)
            refusal = self.refusal(method, error)
            self.metrics.calls.labels(method, CODES[refusal.reason].name).inc()
        else:
            self.metrics.calls.labels(method, "OK").inc()
            return result
        try:
            await abort(context, refusal)
        except _GONE:
            self._lose(method)

    def _lose(self, method: str) -> NoReturn:
        """End a call whose peer is gone, as gRPC is about to do: there is nobody to tell."""
        self.metrics.calls.labels(method, "CANCELLED").inc()
        raise asyncio.CancelledError

    def refusal(self, method: str, error: Exception) -> BrokerError:
        """Return what the peer is told of an error; what nobody expected becomes an incident.

        Never the error itself: that has hold of the frames it passed, which hold the request, and
        gRPC keeps hold of what a call is aborted with until the next sweep of the garbage.
        """
        cause = _leading(error)
        if isinstance(cause, BrokerError) and cause.reason is not Reason.INTERNAL:
            self.metrics.refusals.labels(cause.reason.value).inc()
            self._tell(method, cause)
            return BrokerError(cause.reason, cause.metadata)
        incident = self.entropy.random(8).hex()
        self.metrics.incidents.inc()
        _log.error("incident", method=method, incident=incident, exc_info=error)
        return BrokerError(Reason.INTERNAL, {"incident": incident})

    def _tell(self, method: str, error: BrokerError) -> None:
        """Write a refusal into the operator's log, unless there are too many."""
        unshown = self.sparing.admit(time.monotonic())
        if unshown is not None:
            more = {"unshown": unshown} if unshown else {}
            _log.info(
                "refused", method=method, reason=error.reason.value, detail=error.detail, **more
            )


def _leading(error: Exception) -> Exception:
    """Return the error that a group of tasks failed with: a fault before all else."""
    if not isinstance(error, ExceptionGroup):
        return error
    return min(map(_leading, error.exceptions), key=_rank)


def _rank(error: Exception) -> int:
    return 2 if isinstance(error, BrokerError) else int(isinstance(error, _GONE))


def _first(held: Mapping[str, Any], name: str) -> bytes:
    values = held.get(name) or (b"",)
    value: bytes = values[0]
    return value
