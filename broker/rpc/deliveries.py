# SPDX-License-Identifier: Apache-2.0
"""Deliveries as bytes: what all recipients of a frame share is serialised once.

Protobuf messages concatenate, so a delivery is the common part (header, statement, signature,
place, publish leaf), the notices, and the recipient's own part, joined as bytes. Source: protobuf
encoding, "Last One Wins" and embedded messages.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from tocsin.v1 import core_pb2

from broker.domain.deliveries import Delivered, Form, StoredFrame
from broker.domain.receipts import LogRef

MAX_KEPT_BYTES = 32 << 20
"""At least eight frames of the largest size; live fan-out reads the newest few again and again."""

_LENGTH_DELIMITED = 2
_LOW_BITS, _MORE = 0x7F, 0x80


def varint(value: int) -> bytes:
    """Return an unsigned integer in protobuf's base-128 form."""
    out = bytearray()
    while value > _LOW_BITS:
        out.append(value & _LOW_BITS | _MORE)
        value >>= 7
    out.append(value)
    return bytes(out)


def embedded(number: int, message: bytes) -> bytes:
    """Return `message` as field `number` of the message around it."""
    return varint(number << 3 | _LENGTH_DELIMITED) + varint(len(message)) + message


def log_reference(log: LogRef) -> core_pb2.LogReference:
    """Return a reference to a leaf."""
    return core_pb2.LogReference(index=log.index, salt=log.salt, time_ms=log.time_ms)


@dataclass(frozen=True, slots=True)
class _Common:
    """The shared bytes of a frame: without its notices, and the notices; how many are gone."""

    head: bytes
    notices: bytes
    gone: int


class DeliveryBytes:
    """Serialises deliveries; keeps the common parts of the frames used last, bounded in bytes."""

    def __init__(self, max_bytes: int = MAX_KEPT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[tuple[str, int], _Common] = OrderedDict()
        self._bytes = 0

    @property
    def kept_bytes(self) -> int:
        """How much is kept."""
        return self._bytes

    def encode(self, delivered: Delivered) -> bytes:
        """Return the bytes of `tocsin.v1.Delivery`."""
        common = self._common(delivered.frame)
        if delivered.form is Form.FULL:
            notices = common.notices
        elif delivered.shown:
            notices = _some_notices(delivered)
        else:
            notices = b""
        return b"".join((common.head, notices, _own(delivered)))

    def drop(self, keys: Iterable[tuple[str, int]]) -> None:
        """Let go of frames, by topic and sequence, of which something was destroyed."""
        for key in keys:
            dropped = self._kept.pop(key, None)
            if dropped is not None:
                self._bytes -= len(dropped.head) + len(dropped.notices)

    def _common(self, frame: StoredFrame) -> _Common:
        common = self._kept.get(frame.key)
        if common is not None and common.gone == len(frame.gone):
            self._kept.move_to_end(frame.key)
            return common
        self.drop([frame.key])
        common = _Common(_head(frame), _all_notices(frame), len(frame.gone))
        self._kept[frame.key] = common
        self._bytes += len(common.head) + len(common.notices)
        while self._bytes > self._max_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= len(dropped.head) + len(dropped.notices)
        return common


def _head(frame: StoredFrame) -> bytes:
    return core_pb2.Delivery(
        frame_header=frame.header,
        statement=frame.statement,
        signature=frame.signature,
        topic=frame.topic,
        sequence=frame.sequence,
        publish_log=log_reference(frame.publish_log),
    ).SerializeToString()


def _all_notices(frame: StoredFrame) -> bytes:
    return core_pb2.Delivery(
        notices=[
            core_pb2.SealedNotice(index=index, header=notice.header, body=notice.body)
            for index, notice in enumerate(frame.notices)
        ]
    ).SerializeToString()


def _some_notices(delivered: Delivered) -> bytes:
    paths = delivered.paths or ((),) * len(delivered.shown)
    notices = delivered.frame.notices
    return core_pb2.Delivery(
        notices=[
            core_pb2.SealedNotice(
                index=index, header=notices[index].header, body=notices[index].body, path=path
            )
            for index, path in zip(delivered.shown, paths, strict=True)
        ]
    ).SerializeToString()


def _own(delivered: Delivered) -> bytes:
    return core_pb2.Delivery(
        recipient=delivered.recipient,
        wrap=delivered.wrap,
        recipient_index=delivered.recipient_index,
        recipient_path=delivered.recipient_path,
        delivery_log=log_reference(delivered.log),
        stub=delivered.is_stub,
        withheld=[
            core_pb2.Withheld(index=one.index, reason=core_pb2.WithheldReason.ValueType(one.reason))
            for one in delivered.withheld
        ],
    ).SerializeToString()
