# SPDX-License-Identifier: Apache-2.0
"""Between the messages of `tocsin.v1` and the broker's own values; deliveries are elsewhere."""

from collections.abc import Iterable, Sequence

from tocsin.v1 import (
    core_pb2,
    log_service_pb2,
    publisher_service_pb2,
    subscriber_service_pb2,
)

from broker.domain import events
from broker.domain.credit import Credit
from broker.domain.cursors import MAX_CURSORS, Cursor
from broker.domain.deliveries import Delivered
from broker.domain.filters import Filter
from broker.domain.logs import LogKind
from broker.domain.receipts import Receipt
from broker.errors import BrokerError, Reason, invalid
from broker.rpc.deliveries import DeliveryBytes, embedded, log_reference
from broker.services.admitting import check_counts
from keys.envelope import Frame, SealedNotice

MAX_ANSWER_BYTES = 3 << 20
"""Lists end below this, so that no client has to raise gRPC's 4 MiB for what it receives."""

_Out = subscriber_service_pb2.SubscribeResponse
_DELIVERY_FIELD = _Out.DELIVERY_FIELD_NUMBER


def frame_of(publication: core_pb2.Publication) -> Frame:
    """Return the frame that a publication carries; nothing of it is checked yet.

    Raises:
        BrokerError: LIMIT_EXCEEDED for too many parts: 4 MiB can hold a million, which must not be
            looked at one by one; MALFORMED where a notice is not at its place, or has a path.
    """
    notices = publication.notices
    check_counts(len(publication.recipients), len(publication.wraps), len(notices))
    if any(notice.index != place or notice.path for place, notice in enumerate(notices)):
        raise BrokerError(Reason.MALFORMED, detail="a notice's index is not its place in the frame")
    return Frame(
        header=publication.frame_header,
        recipients=tuple(publication.recipients),
        wraps=tuple(publication.wraps),
        notices=tuple(SealedNotice(header=one.header, body=one.body) for one in notices),
        statement=publication.statement,
        signature=publication.signature,
    )


def receipt_message(receipt: Receipt) -> publisher_service_pb2.PublishReceipt:
    """Return a receipt's message."""
    return publisher_service_pb2.PublishReceipt(
        topic=receipt.topic,
        sequence=receipt.sequence,
        log=log_reference(receipt.log),
        duplicate=receipt.duplicate,
    )


def filter_of(message: subscriber_service_pb2.Filter) -> Filter:
    """Return a filter, checked."""
    return Filter(
        topics=tuple(message.topics),
        types=tuple(message.types),
        originators=tuple(message.originators),
    )


def credit_of(message: subscriber_service_pb2.Credit) -> Credit:
    """Return a grant of credit."""
    return Credit(frames=message.frames, bytes=message.bytes)


def cursor_of(message: core_pb2.Cursor) -> Cursor:
    """Return a cursor, checked."""
    return Cursor(topic=message.topic, sequence=message.sequence)


def cursors_of(messages: Sequence[core_pb2.Cursor]) -> list[Cursor]:
    """Return the cursors of one request, checked; their number first.

    Raises:
        BrokerError: INVALID_ARGUMENT.
    """
    if len(messages) > MAX_CURSORS:
        raise invalid("cursors")
    return [cursor_of(message) for message in messages]


def cursor_message(cursor: Cursor) -> core_pb2.Cursor:
    """Return a cursor's message."""
    return core_pb2.Cursor(topic=cursor.topic, sequence=cursor.sequence)


def cursor_messages(cursors: Iterable[Cursor]) -> list[core_pb2.Cursor]:
    """Return cursors' messages."""
    return [cursor_message(cursor) for cursor in cursors]


def log_kind(number: int) -> LogKind:
    """Return the log that a request names; none named is the log of acts."""
    if number == log_service_pb2.LOG_KIND_UNSPECIFIED:
        return LogKind.ACTS
    try:
        return LogKind(number)
    except ValueError:
        raise invalid("log") from None


def page_size(asked: int, default: int, largest: int) -> int:
    """Return how many to list: what was asked for, within bounds (AIP-158)."""
    return min(asked or default, largest)


def fitting(items: Sequence[bytes]) -> Sequence[bytes]:
    """Return as many of `items` as fit into one answer, and at least one."""
    total = 0
    for count, item in enumerate(items):
        total += len(item)
        if total > MAX_ANSWER_BYTES:
            return items[: max(count, 1)]
    return items


def event_bytes(event: events.Event, deliveries: DeliveryBytes) -> bytes:
    """Return the bytes of `SubscribeResponse` for an event."""
    if isinstance(event, Delivered):
        return embedded(_DELIVERY_FIELD, deliveries.encode(event))
    return _control(event).SerializeToString()


def _control(event: events.Event) -> subscriber_service_pb2.SubscribeResponse:  # noqa: PLR0911
    match event:
        case events.Opened():
            return _Out(
                opened=_Out.Opened(
                    cursors=cursor_messages(event.cursors), heads=cursor_messages(event.heads)
                )
            )
        case events.Acknowledged():
            return _Out(acknowledged=cursor_message(event.cursor))
        case events.CaughtUp():
            return _Out(caught_up=_Out.CaughtUp())
        case events.CheckpointNote():
            return _Out(checkpoint=_Out.Checkpoint(note=event.note))
        case events.Heartbeat():
            return _Out(heartbeat=_heartbeat(event))
        case events.Gap():
            return _Out(gap=_Out.Gap(topic=event.topic, first_available=event.first_available))
        case events.PolicyChanged():
            return _Out(
                policy_changed=_Out.PolicyChanged(
                    directory_size=event.directory_size, rule_book_version=event.rule_book_version
                )
            )
        case events.Draining():
            return _Out(draining=_Out.Draining())
        case Delivered():
            raise AssertionError


def _heartbeat(event: events.Heartbeat) -> subscriber_service_pb2.SubscribeResponse.Heartbeat:
    waiting = _Out.Heartbeat.Waiting.ValueType(int(event.waiting))
    return _Out.Heartbeat(waiting=waiting, heads=cursor_messages(event.heads))
