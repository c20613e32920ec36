# SPDX-License-Identifier: Apache-2.0
"""The two conversations with a broker as the services know them: publishing, and subscribing."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self

from tocsin.v1 import publisher_service_pb2, subscriber_service_pb2

from agency_client.domain.delivery import Cursor, Filter, SubscriptionEvent
from agency_client.domain.outbox import PublishOutcome
from agency_client.errors import AgencyError, Reason
from agency_client.transport.calls import Conversation, conversing, path_of
from agency_client.transport.events import event_of
from agency_client.transport.failures import malformed
from agency_client.transport.line import Line
from agency_client.transport.messages import (
    cursor_message,
    filter_message,
    number,
    outcome,
    parse,
    publication,
)
from keys.envelope import Frame

MAX_WINDOW = 1024
"""Frames under way that we keep; a broker that offers more gets as many."""
MAX_CREDIT_FRAMES = (1 << 32) - 1

_PUBLISH = path_of(
    publisher_service_pb2.DESCRIPTOR.services_by_name["PublisherService"], "PublishStream"
)
_SUBSCRIBE = path_of(
    subscriber_service_pb2.DESCRIPTOR.services_by_name["SubscriberService"], "Subscribe"
)
_Sent = publisher_service_pb2.PublishStreamResponse
_Command = subscriber_service_pb2.SubscribeRequest


class GrpcPublishStream:
    """An open publish stream."""

    def __init__(self, conversation: Conversation, window: int) -> None:
        self._conversation = conversation
        self._answered = 0
        self._sent = 0
        self._ended = False
        self.window = window

    async def send(self, number: int, frame: Frame) -> None:
        """Send one frame; where the broker has ended the stream in order, it stays unanswered.

        Raises:
            AgencyError: the broker's reason, or why nothing can be sent.
        """
        if self._ended:
            return
        self._sent = number
        await self._conversation.write(
            publisher_service_pb2.PublishStreamRequest(
                number=number, publication=publication(frame)
            )
        )

    def outcomes(self) -> AsyncIterator[Sequence[PublishOutcome]]:
        """Yield outcomes in order of number, as many at once as the broker sent."""
        return _Outcomes(self)

    async def next_outcomes(self) -> Sequence[PublishOutcome] | None:
        """Return the next outcomes; None where the broker drains or ended the stream.

        Raises:
            AgencyError: the broker's reason, or why nothing comes; MALFORMED.
        """
        data = await self._conversation.read()
        if data is None:
            self._ended = True
            return None
        message = parse(_Sent, data)
        match message.WhichOneof("event"):
            case "results":
                return self._results(message.results)
            case "draining":
                self._ended = True
                return None
            case _:
                raise malformed("neither results nor draining on a publish stream")

    def _results(self, message: _Sent.Results) -> Sequence[PublishOutcome]:
        found = tuple(map(outcome, message.results))
        expected = range(self._answered + 1, message.through + 1)
        if [one.number for one in found] != list(expected) or message.through > self._sent:
            raise malformed("results that do not answer what was sent, in order")
        self._answered = message.through
        return found


class _Outcomes:
    """Iterates a publish stream. No generator: nothing is left running where it is dropped."""

    def __init__(self, stream: GrpcPublishStream) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[PublishOutcome]:
        found = await self._stream.next_outcomes()
        if found is None:
            raise StopAsyncIteration
        return found


@asynccontextmanager
async def publishing(line: Line) -> AsyncIterator[GrpcPublishStream]:
    """Open a publish stream.

    Raises:
        AgencyError: the broker's reason, or why there is no answer.
    """
    async with conversing(line, _PUBLISH) as conversation:
        data = await conversation.first()
        message = parse(_Sent, data)
        if message.WhichOneof("event") != "opened":
            raise malformed("a publish stream that does not begin with its window")
        window = number(message.opened.window, "a window", least=1)
        yield GrpcPublishStream(conversation, min(window, MAX_WINDOW))
        await conversation.finish()


class GrpcSubscriptionStream:
    """An open subscription."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def events(self) -> AsyncIterator[SubscriptionEvent]:
        """Yield events; ends where the broker ends the stream."""
        return _Events(self._conversation)

    async def add_credit(self, frames: int, size: int) -> None:
        """Let the broker send more.

        Raises:
            AgencyError: the broker's reason, or why nothing can be sent.
        """
        await self._conversation.write(_Command(credit=_credit(frames, size)))

    async def acknowledge(self, cursor: Cursor) -> None:
        """Acknowledge everything up to and including the cursor.

        Raises:
            AgencyError: the broker's reason, or why nothing can be sent.
        """
        await self._conversation.write(_Command(ack=cursor_message(cursor)))


class _Events:
    """Iterates a subscription. No generator: nothing is left running where it is dropped."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SubscriptionEvent:
        data = await self._conversation.read()
        if data is None:
            raise StopAsyncIteration
        return event_of(data)


@asynccontextmanager
async def subscribing(
    line: Line, subscription: str, wanted: Filter, *, frames: int, size: int
) -> AsyncIterator[GrpcSubscriptionStream]:
    """Open a subscription with its first credit."""
    async with conversing(line, _SUBSCRIBE) as conversation:
        opening = _Command.Open(
            subscription=subscription, filter=filter_message(wanted), credit=_credit(frames, size)
        )
        await conversation.write(_Command(open=opening))
        yield GrpcSubscriptionStream(conversation)


def _credit(frames: int, size: int) -> subscriber_service_pb2.Credit:
    if not 0 <= frames <= MAX_CREDIT_FRAMES or size < 0:
        raise AgencyError(Reason.INVALID_ARGUMENT, f"credit for {frames} frames of {size} bytes")
    return subscriber_service_pb2.Credit(frames=frames, bytes=size)
