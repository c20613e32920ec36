# SPDX-License-Identifier: Apache-2.0
"""SubscriberService: frames to those they were sealed to, live or by asking."""

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from tocsin.v1 import subscriber_service_pb2 as pb

from broker.domain.deliveries import Delivered
from broker.domain.events import Event
from broker.domain.peers import Peer
from broker.domain.topics import TopicView
from broker.errors import invalid
from broker.rpc.deliveries import DeliveryBytes, embedded
from broker.rpc.gate import Stream
from broker.rpc.messages import (
    credit_of,
    cursor_message,
    cursor_messages,
    cursor_of,
    cursors_of,
    event_bytes,
    filter_of,
    fitting,
    page_size,
)
from broker.rpc.services import Session, Subscriptions

OPEN_SECONDS = 10.0
"""A stream whose peer says nothing at all is not kept."""
DEFAULT_TOPICS, MAX_TOPICS = 100, 1000
MAX_PULL_FRAMES, DEFAULT_PULL_FRAMES = 100, 10
MAX_WAIT_MS = 30_000

_LIVE_FIELD = pb.SubscribeResponse.DELIVERY_FIELD_NUMBER
_PULLED_FIELD = pb.PullResponse.DELIVERIES_FIELD_NUMBER
_FETCHED_FIELD = pb.GetNoticeResponse.DELIVERY_FIELD_NUMBER


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberServicer:
    """Hands out frames.

    Attributes:
        subscriptions: decides what and when.
        deliveries: turns it into bytes.
    """

    subscriptions: Subscriptions
    deliveries: DeliveryBytes

    async def Subscribe(self, stream: Stream[pb.SubscribeRequest], peer: Peer) -> None:
        """Deliver live; commands are obeyed while events are written."""
        session = await self._opened(stream, peer)
        try:
            async with asyncio.TaskGroup() as group, aclosing(session.events()) as events:
                obeying = group.create_task(_obey(stream, session))
                async for event in events:
                    await stream.write(self._event_bytes(event, session))
                obeying.cancel()
        finally:
            session.close()

    def _event_bytes(self, event: Event, session: Session) -> bytes:
        """Return an event's bytes; a delivery takes from the credit what it is on the wire."""
        if not isinstance(event, Delivered):
            return event_bytes(event, self.deliveries)
        delivery = self.deliveries.encode(event)
        session.charge(len(delivery))
        return embedded(_LIVE_FIELD, delivery)

    async def _opened(self, stream: Stream[pb.SubscribeRequest], peer: Peer) -> Session:
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                first = await stream.read()
        except TimeoutError:
            raise invalid("open", "the peer opened nothing in time") from None
        if first is None or first.WhichOneof("command") != "open":
            raise invalid("open", "the first command is not open")
        opening = first.open
        return await self.subscriptions.open(
            peer.name, opening.subscription, filter_of(opening.filter), credit_of(opening.credit)
        )

    async def Pull(self, request: pb.PullRequest, peer: Peer) -> bytes:
        """Deliver what is waiting."""
        if request.max_frames > MAX_PULL_FRAMES:
            raise invalid("max_frames")
        if request.wait_ms > MAX_WAIT_MS:
            raise invalid("wait_ms")
        pulled = await self.subscriptions.pull(
            peer.name,
            request.subscription,
            filter_of(request.filter),
            request.max_frames or DEFAULT_PULL_FRAMES,
            request.wait_ms,
        )
        return b"".join(fitting([self._embedded(_PULLED_FIELD, one) for one in pulled]))

    def _embedded(self, field: int, delivered: Delivered) -> bytes:
        return embedded(field, self.deliveries.encode(delivered))

    async def Acknowledge(
        self, request: pb.AcknowledgeRequest, peer: Peer
    ) -> pb.AcknowledgeResponse:
        """Move cursors forward."""
        cursors = cursors_of(request.cursors)
        stand = await self.subscriptions.acknowledge(peer.name, request.subscription, cursors)
        return pb.AcknowledgeResponse(cursors=cursor_messages(stand))

    async def Seek(self, request: pb.SeekRequest, peer: Peer) -> pb.SeekResponse:
        """Set a cursor."""
        cursor = await self.subscriptions.seek(
            peer.name, request.subscription, request.topic, request.sequence
        )
        return pb.SeekResponse(cursor=cursor_message(cursor))

    async def GetNotice(self, request: pb.GetNoticeRequest, peer: Peer) -> bytes:
        """Fetch one notice."""
        delivered = await self.subscriptions.get_notice(
            peer.name, request.originator, request.notice_id
        )
        return self._embedded(_FETCHED_FIELD, delivered)

    async def ListTopics(self, request: pb.ListTopicsRequest, peer: Peer) -> pb.ListTopicsResponse:
        """List the caller's topics."""
        topics = await self.subscriptions.topics(peer.name)
        size = page_size(request.page_size, DEFAULT_TOPICS, MAX_TOPICS)
        return _page(topics, size, request.page_token)


async def _obey(stream: Stream[pb.SubscribeRequest], session: Session) -> None:
    """Follow the peer's commands until it says no more; deliveries go on for the credit it gave."""
    async for request in stream:
        match request.WhichOneof("command"):
            case "credit":
                session.add_credit(credit_of(request.credit))
            case "ack":
                await session.acknowledge(cursor_of(request.ack))
            case _:
                raise invalid("command", "neither credit nor ack")


def _page(topics: Sequence[TopicView], size: int, token: str) -> pb.ListTopicsResponse:
    """Return the topics behind the one that `token` names."""
    start = bisect_right([topic.name for topic in topics], token)
    page = topics[start : start + size]
    return pb.ListTopicsResponse(
        topics=[_topic(topic) for topic in page],
        next_page_token=page[-1].name if start + size < len(topics) else "",
    )


def _topic(topic: TopicView) -> pb.TopicView:
    return pb.TopicView(
        name=topic.name,
        title=topic.title,
        may_publish=topic.may_publish,
        may_subscribe=topic.may_subscribe,
        head=topic.head,
    )
