# SPDX-License-Identifier: Apache-2.0
"""Between the messages of `tocsin.v1` and the agency's own values, for publishing and for lists.

Numbers, lengths and counts that a broker sends are bounded here, so that what the services get fits
what they and the store are made for. Deliveries and events are elsewhere.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from google.protobuf.message import DecodeError, Message
from tocsin.v1 import core_pb2, log_service_pb2, publisher_service_pb2, subscriber_service_pb2

from agency_client.domain.delivery import Cursor, Filter, LogReference, TopicView
from agency_client.domain.outbox import PublishOutcome, PublishReceipt, Refusal
from agency_client.ports.broker import LogKind
from agency_client.transport.failures import clean, malformed, refusal
from keys.envelope import Frame
from keys.errors import FramingError
from keys.fields import LAST_MILLISECOND, check_agency, check_topic

MAX_NUMBER = (1 << 63) - 1
"""The largest integer that the store holds."""
HASH_BYTES = 32
MAX_PATH = 63
"""Hashes of a proof in a tree of at most 2^63 leaves."""
MAX_CONSISTENCY = 2 * MAX_PATH
MAX_NOTE = 64 << 10

M = TypeVar("M", bound=Message)

LOGS = {
    LogKind.ACTS: log_service_pb2.LOG_KIND_ACTS,
    LogKind.DIRECTORY: log_service_pb2.LOG_KIND_DIRECTORY,
}


def parse(kind: type[M], data: bytes) -> M:
    """Return the message that `data` holds.

    Raises:
        AgencyError: MALFORMED.
    """
    try:
        return kind.FromString(data)
    except DecodeError:
        raise malformed(f"not a {kind.DESCRIPTOR.full_name}") from None


def number(value: int, what: str, *, least: int = 0, most: int = MAX_NUMBER) -> int:
    """Return a number that lies between the bounds.

    Raises:
        AgencyError: MALFORMED.
    """
    if not least <= value <= most:
        raise malformed(f"{what} is {value}")
    return value


def topic_name(value: str) -> str:
    """Return a topic's name.

    Raises:
        AgencyError: MALFORMED.
    """
    try:
        check_topic(value)
    except FramingError:
        raise malformed("a topic's name is not one") from None
    return value


def agency_id(value: str) -> str:
    """Return an agency's id.

    Raises:
        AgencyError: MALFORMED.
    """
    try:
        check_agency(value)
    except FramingError:
        raise malformed("an agency's id is not one") from None
    return value


def hashes(values: Iterable[bytes], most: int = MAX_PATH) -> tuple[bytes, ...]:
    """Return the hashes of a proof, of which there are not too many.

    Raises:
        AgencyError: MALFORMED.
    """
    found = tuple(values)
    if len(found) > most or any(len(one) != HASH_BYTES for one in found):
        raise malformed("a proof is too long, or a hash in it is not 32 bytes")
    return found


def note(text: str) -> str:
    """Return a checkpoint's note, if it is not far too long.

    Raises:
        AgencyError: MALFORMED.
    """
    if len(text) > MAX_NOTE:
        raise malformed("a checkpoint is too long")
    return text


def log_reference(message: core_pb2.LogReference) -> LogReference:
    """Return a reference to a leaf.

    Raises:
        AgencyError: MALFORMED.
    """
    if len(message.salt) != HASH_BYTES:
        raise malformed("a leaf's salt is not 32 bytes")
    return LogReference(
        index=number(message.index, "a leaf's index"),
        salt=message.salt,
        time_ms=number(message.time_ms, "a leaf's time", most=LAST_MILLISECOND),
    )


def publication(frame: Frame) -> core_pb2.Publication:
    """Return a frame as it is published."""
    return core_pb2.Publication(
        frame_header=frame.header,
        recipients=frame.recipients,
        wraps=frame.wraps,
        notices=[
            core_pb2.SealedNotice(index=index, header=one.header, body=one.body)
            for index, one in enumerate(frame.notices)
        ],
        statement=frame.statement,
        signature=frame.signature,
    )


def outcome(message: publisher_service_pb2.PublishResult) -> PublishOutcome:
    """Return what became of a frame.

    Raises:
        AgencyError: MALFORMED.
    """
    match message.WhichOneof("outcome"):
        case "receipt":
            return PublishOutcome(number=message.number, outcome=_receipt(message.receipt))
        case "refusal":
            return PublishOutcome(number=message.number, outcome=_refused(message.refusal))
        case _:
            raise malformed("a frame's outcome is neither a receipt nor a refusal")


def _receipt(message: publisher_service_pb2.PublishReceipt) -> PublishReceipt:
    return PublishReceipt(
        topic=topic_name(message.topic),
        sequence=number(message.sequence, "a sequence", least=1),
        log=log_reference(message.log),
        duplicate=message.duplicate,
    )


def _refused(message: publisher_service_pb2.PublishRefusal) -> Refusal:
    told = refusal(message.reason, message.code, message.message, message.metadata)
    return Refusal(
        reason=told.reason, message=told.message, metadata=tuple(sorted(told.metadata.items()))
    )


def filter_message(wanted: Filter) -> subscriber_service_pb2.Filter:
    """Return a filter's message."""
    return subscriber_service_pb2.Filter(
        topics=wanted.topics, types=wanted.types, originators=wanted.originators
    )


def cursor_message(cursor: Cursor) -> core_pb2.Cursor:
    """Return a cursor's message."""
    return core_pb2.Cursor(topic=cursor.topic, sequence=cursor.sequence)


def cursor_of(message: core_pb2.Cursor) -> Cursor:
    """Return a cursor.

    Raises:
        AgencyError: MALFORMED.
    """
    return Cursor(topic=topic_name(message.topic), sequence=number(message.sequence, "a sequence"))


def cursors_of(messages: Iterable[core_pb2.Cursor]) -> tuple[Cursor, ...]:
    """Return cursors, each topic once.

    Raises:
        AgencyError: MALFORMED.
    """
    found = tuple(map(cursor_of, messages))
    if len({one.topic for one in found}) != len(found):
        raise malformed("two cursors for one topic")
    return found


def topic_view(message: subscriber_service_pb2.TopicView) -> TopicView:
    """Return a topic as we may see it.

    Raises:
        AgencyError: MALFORMED.
    """
    return TopicView(
        name=topic_name(message.name),
        title=clean(message.title),
        may_publish=message.may_publish,
        may_subscribe=message.may_subscribe,
        head=number(message.head, "a sequence"),
    )


def at_most(items: Sequence[bytes], most: int, what: str) -> tuple[bytes, ...]:
    """Return items, of which there are not more than were asked for.

    Raises:
        AgencyError: MALFORMED.
    """
    if len(items) > most:
        raise malformed(f"{len(items)} {what}, at most {most} were asked for")
    return tuple(items)
