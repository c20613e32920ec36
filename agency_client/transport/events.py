# SPDX-License-Identifier: Apache-2.0
"""What a subscriber's stream carries, from bytes to the agency's values. Nothing is verified."""

from collections.abc import Callable, Mapping

from tocsin.v1 import core_pb2
from tocsin.v1 import subscriber_service_pb2 as pb

from agency_client.domain.delivery import (
    WITHHELD_NUMBERS,
    Acknowledged,
    CarriedNotice,
    CaughtUp,
    CheckpointSeen,
    Delivered,
    Delivery,
    Draining,
    Heartbeat,
    HistoryGone,
    Opened,
    PolicyChanged,
    SubscriptionEvent,
    Withheld,
    WithheldReason,
)
from agency_client.transport.failures import malformed
from agency_client.transport.messages import (
    cursor_of,
    cursors_of,
    hashes,
    log_reference,
    note,
    number,
    parse,
    topic_name,
)
from keys.envelope import MAX_NOTICES

_Event = pb.SubscribeResponse
_MAX_INDEX = (1 << 31) - 1


def event_of(data: bytes) -> SubscriptionEvent:
    """Return the event in a `SubscribeResponse`.

    Raises:
        AgencyError: MALFORMED.
    """
    message = parse(_Event, data)
    read = _READERS.get(message.WhichOneof("event") or "")
    if read is None:
        raise malformed("an event of an unknown kind")
    return read(message, len(data))


def delivery_of(message: core_pb2.Delivery, size: int) -> Delivery:
    """Return a delivery; `size` is its size on the wire.

    Raises:
        AgencyError: MALFORMED.
    """
    if len(message.notices) > MAX_NOTICES or len(message.withheld) > MAX_NOTICES:
        raise malformed(f"more than {MAX_NOTICES} notices in a delivery")
    return Delivery(
        header=message.frame_header,
        statement=message.statement,
        signature=message.signature,
        notices=tuple(map(_carried, message.notices)),
        topic=topic_name(message.topic),
        sequence=number(message.sequence, "a sequence", least=1),
        publish_log=log_reference(message.publish_log) if message.HasField("publish_log") else None,
        recipient=message.recipient,
        wrap=message.wrap,
        recipient_index=number(message.recipient_index, "an index", most=_MAX_INDEX),
        recipient_path=hashes(message.recipient_path),
        delivery_log=(
            log_reference(message.delivery_log) if message.HasField("delivery_log") else None
        ),
        stub=message.stub,
        withheld=tuple(map(_withheld, message.withheld)),
        size=size,
    )


def _carried(message: core_pb2.SealedNotice) -> CarriedNotice:
    return CarriedNotice(
        index=number(message.index, "an index", most=_MAX_INDEX),
        header=message.header,
        body=message.body,
        path=hashes(message.path),
    )


def _withheld(message: core_pb2.Withheld) -> Withheld:
    """Return what is kept back; a reason that a newer broker made up is an unknown one."""
    known = 0 <= message.reason < len(WITHHELD_NUMBERS)
    return Withheld(
        index=number(message.index, "an index", most=_MAX_INDEX),
        reason=WITHHELD_NUMBERS[message.reason] if known else WithheldReason.UNKNOWN,
    )


def _opened(message: pb.SubscribeResponse, _size: int) -> Opened:
    return Opened(
        cursors=cursors_of(message.opened.cursors), heads=cursors_of(message.opened.heads)
    )


def _delivered(message: pb.SubscribeResponse, size: int) -> Delivered:
    return Delivered(delivery=delivery_of(message.delivery, size))


def _heartbeat(message: pb.SubscribeResponse, _size: int) -> Heartbeat:
    return Heartbeat(
        waiting_for_credit=message.heartbeat.waiting == _Event.Heartbeat.WAITING_CREDIT,
        heads=cursors_of(message.heartbeat.heads),
    )


def _gap(message: pb.SubscribeResponse, _size: int) -> HistoryGone:
    return HistoryGone(
        topic=topic_name(message.gap.topic),
        first_available=number(message.gap.first_available, "a sequence"),
    )


def _policy_changed(message: pb.SubscribeResponse, _size: int) -> PolicyChanged:
    changed = message.policy_changed
    return PolicyChanged(
        directory_size=number(changed.directory_size, "a directory's size"),
        rule_book_version=number(changed.rule_book_version, "a rule book's version"),
    )


_READERS: Mapping[str, Callable[[pb.SubscribeResponse, int], SubscriptionEvent]] = {
    "opened": _opened,
    "delivery": _delivered,
    "acknowledged": lambda message, _: Acknowledged(cursor=cursor_of(message.acknowledged)),
    "caught_up": lambda _message, _: CaughtUp(),
    "checkpoint": lambda message, _: CheckpointSeen(note=note(message.checkpoint.note)),
    "heartbeat": _heartbeat,
    "gap": _gap,
    "policy_changed": _policy_changed,
    "draining": lambda _message, _: Draining(),
}
