# SPDX-License-Identifier: Apache-2.0
"""PublisherService: one frame, or many over one stream with cumulative answers."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from tocsin.v1 import core_pb2, publisher_service_pb2

from broker.domain.peers import Peer
from broker.domain.receipts import Receipt
from broker.errors import BrokerError, Reason, invalid, over_limit
from broker.rpc.gate import Stream
from broker.rpc.messages import frame_of, receipt_message
from broker.rpc.services import Publishing
from broker.rpc.status import publish_refusal

WINDOW = 16
"""Unanswered frames of a stream: enough for one group commit. Large ones wait for their place."""

_Request = publisher_service_pb2.PublishStreamRequest
_Response = publisher_service_pb2.PublishStreamResponse
_Result = publisher_service_pb2.PublishResult
_Task = asyncio.Task[_Result]

_ENDS_THE_STREAM = frozenset({Reason.AGENCY_LOCKED, Reason.UNAUTHENTICATED})
_METHOD = "/tocsin.v1.PublisherService/PublishStream"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherServicer:
    """Hands frames to the publishing service.

    Attributes:
        publishing: stores them.
        refusal: what a peer is told of an error; makes incidents of unexpected ones.
        draining: set when the broker is about to stop.
    """

    publishing: Publishing
    refusal: Callable[[str, Exception], BrokerError]
    draining: asyncio.Event

    async def Publish(
        self, request: publisher_service_pb2.PublishRequest, peer: Peer
    ) -> publisher_service_pb2.PublishResponse:
        """Store one frame."""
        receipt = await self._published(request.publication, peer)
        return publisher_service_pb2.PublishResponse(receipt=receipt_message(receipt))

    async def _published(self, publication: core_pb2.Publication, peer: Peer) -> Receipt:
        try:
            frame = frame_of(publication)
        except BrokerError as error:
            await self.publishing.refuse(peer.name, error)
            raise
        return await self.publishing.publish(peer.name, frame)

    async def PublishStream(self, stream: Stream[_Request], peer: Peer) -> None:
        """Store many frames; each is answered, in order of number."""
        await stream.write(_Response(opened=_Response.Opened(window=WINDOW)))
        window = _Window(stream=stream)
        async with asyncio.TaskGroup() as group:
            taking = group.create_task(self._take(window, peer, group))
            stopping = group.create_task(self._stop(window, taking))
            await window.answer()
            stopping.cancel()
        if self.draining.is_set():
            await stream.write(_Response(draining=_Response.Draining()))

    async def _take(self, window: "_Window", peer: Peer, group: asyncio.TaskGroup) -> None:
        """Begin to store each frame as it comes, in order, while the window allows."""
        number = 0
        async for request in window.stream:
            number += 1
            if request.number != number:
                raise invalid("number", f"frame {request.number} came as number {number}")
            window.check()
            leave = await window.stream.place()
            storing = group.create_task(self._store(number, request.publication, peer))
            storing.add_done_callback(leave)
            window.add(storing)
        window.end()

    async def _stop(self, window: "_Window", taking: asyncio.Task[None]) -> None:
        """Take no more once the broker is about to stop; what was taken is still answered."""
        await self.draining.wait()
        if taking.cancel():
            window.end()

    async def _store(self, number: int, publication: core_pb2.Publication, peer: Peer) -> _Result:
        try:
            receipt = await self._published(publication, peer)
        except Exception as error:
            if isinstance(error, BrokerError) and error.reason in _ENDS_THE_STREAM:
                raise
            refusal = publish_refusal(self.refusal(_METHOD, error))
            return _Result(number=number, refusal=refusal)
        return _Result(number=number, receipt=receipt_message(receipt))


@dataclass(slots=True, kw_only=True)
class _Window:
    """The unanswered frames of one stream, in order of number."""

    stream: Stream[_Request]
    unanswered: int = 0
    _tasks: asyncio.Queue[_Task | None] = field(default_factory=asyncio.Queue)

    def check(self) -> None:
        """Refuse a frame beyond the window."""
        if self.unanswered >= WINDOW:
            raise over_limit("window", WINDOW, self.unanswered + 1)

    def add(self, task: _Task) -> None:
        self.unanswered += 1
        self._tasks.put_nowait(task)

    def end(self) -> None:
        """Let `answer` return behind what was added."""
        self._tasks.put_nowait(None)

    async def answer(self) -> None:
        """Write results in order, as many at once as are there, until the end."""
        ready: list[_Result] = []
        while (task := await self._tasks.get()) is not None:
            if not task.done():
                await self._write(ready)
            ready.append(await task)
            if self._tasks.empty():
                await self._write(ready)
        await self._write(ready)

    async def _write(self, ready: list[_Result]) -> None:
        if not ready:
            return
        results = _Response.Results(through=ready[-1].number, results=ready)
        self.unanswered -= len(ready)
        ready.clear()
        await self.stream.write(_Response(results=results))
