# SPDX-License-Identifier: Apache-2.0
"""One call at a time over a line: unary, or a conversation in both directions; our errors only.

Answers are taken as bytes and parsed by us, because gRPC would log and hide what does not parse.
Each conversation is cancelled when its context ends: one that is merely forgotten stays open until
its channel closes (research/broker.md section 2.4).
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from agency_client.errors import AgencyError, Reason
from agency_client.transport.failures import malformed
from agency_client.transport.line import Lease, Line
from agency_client.transport.messages import parse

M = TypeVar("M", bound=Message)

UNARY_SECONDS = 30.0
ENDING_SECONDS = 5.0
"""How long a conversation that ended in order may take to say so; then it is cancelled."""


def path_of(service: ServiceDescriptor, name: str) -> str:
    """Return the path of a service's method."""
    method: MethodDescriptor = service.methods_by_name[name]
    return f"/{service.full_name}/{method.name}"


async def ask(
    line: Line, path: str, request: Message, answer: type[M], *, seconds: float = UNARY_SECONDS
) -> M:
    """Make a unary call.

    Raises:
        AgencyError: the broker's reason, or why there is no answer.
    """
    async with line.lent() as lease:
        method: Any = lease.channel.unary_unary(path)
        call = method(request.SerializeToString(), timeout=seconds)
        try:
            with _ours(call):
                data = await call
        except grpc.aio.AioRpcError as error:
            raise await line.failure(lease, error) from None
        finally:
            call.cancel()
    return parse(answer, data)


@contextmanager
def _ours(call: Any) -> Iterator[None]:
    """Tell a call that was cancelled under us, by closing its channel, from a task that was."""
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if call.cancelled() and task is not None and not task.cancelling():
            raise AgencyError(
                Reason.BROKER_UNREACHABLE, "the connection was closed by ourselves"
            ) from None
        raise


@dataclass(eq=False, slots=True, kw_only=True)
class Conversation:
    """A call in which both sides talk. One task reads; any may write."""

    line: Line
    lease: Lease
    call: Any
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self) -> bytes | None:
        """Return the peer's next message, or None where it ended the call in order.

        Raises:
            AgencyError: the broker's reason, or why nothing comes any more.
        """
        try:
            with _ours(self.call):
                data = await self.call.read()
        except grpc.aio.AioRpcError as error:
            raise await self.line.failure(self.lease, error) from None
        return None if data is grpc.aio.EOF else data

    async def first(self) -> bytes:
        """Return the peer's first message.

        Raises:
            AgencyError: as `read`; DEADLINE_EXCEEDED where it says nothing.
        """
        try:
            async with asyncio.timeout(UNARY_SECONDS):
                data = await self.read()
        except TimeoutError:
            raise AgencyError(
                Reason.DEADLINE_EXCEEDED,
                f"the broker at {self.line.address} did not answer in time",
            ) from None
        if data is None:
            raise malformed("a stream that ends before it begins")
        return data

    async def write(self, message: Message) -> None:
        """Send a message; waits while the peer takes none. Nothing is sent once the peer has ended.

        Raises:
            AgencyError: as `read`.
        """
        data = message.SerializeToString()
        try:
            async with self._writing:
                with _ours(self.call):
                    await self.call.write(data)
        except asyncio.InvalidStateError:
            await self._check_ended_in_order()
        except grpc.aio.AioRpcError as error:
            raise await self.line.failure(self.lease, error) from None

    async def _check_ended_in_order(self) -> None:
        """What the peer said before it ended is still to be read, so an orderly end is no error."""
        code = await self.call.code()
        if code is not grpc.StatusCode.OK:
            error = grpc.aio.AioRpcError(
                code,
                await self.call.initial_metadata(),
                await self.call.trailing_metadata(),
                await self.call.details(),
            )
            raise await self.line.failure(self.lease, error)

    async def finish(self) -> None:
        """Say that nothing more comes from us, and give the peer a moment to end in order."""
        try:
            async with asyncio.timeout(ENDING_SECONDS):
                await self.call.done_writing()
                while await self.read() is not None:
                    pass
        except (TimeoutError, AgencyError, grpc.aio.InternalError):
            return


@asynccontextmanager
async def conversing(line: Line, path: str) -> AsyncIterator[Conversation]:
    """Open a conversation; when the context ends, nothing of it is left."""
    async with line.lent() as lease:
        call: Any = lease.channel.stream_stream(path)()
        try:
            yield Conversation(line=line, lease=lease, call=call)
        finally:
            call.cancel()
            await call.code()
