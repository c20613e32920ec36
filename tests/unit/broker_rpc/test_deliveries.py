# SPDX-License-Identifier: Apache-2.0
"""A delivery joined from bytes is the message that protobuf would have written."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tocsin.v1 import core_pb2, subscriber_service_pb2

from broker.domain.deliveries import Delivered, Form, StoredFrame, Withheld, WithheldReason
from broker.domain.receipts import LogRef
from broker.rpc.deliveries import DeliveryBytes, embedded, varint
from broker.rpc.messages import event_bytes
from keys.envelope import SealedNotice
from keys.merkle import inclusion_path
from tests.integration.broker.standins import delivered
from tests.simulator.federation import build_federation

REASONS = {reason: core_pb2.WithheldReason.ValueType(reason) for reason in WithheldReason}
FEDERATION = build_federation()
FRAME = FEDERATION.seal("gr-pol", [b"one", b"two", b"three"])
FULL = delivered(FRAME, 300, "ro-pol")
HASHES = [notice.leaf_hash for notice in FRAME.notices]
PARTIAL = replace(
    FULL,
    form=Form.PARTIAL,
    shown=(0, 2),
    paths=tuple(tuple(inclusion_path(HASHES, index)) for index in (0, 2)),
    withheld=(Withheld(index=1, reason=WithheldReason.EXPIRED),),
)
STUB = replace(FULL, form=Form.STUB, shown=(), wrap=b"")
KEPT = tuple(Withheld(index=index, reason=WithheldReason.POLICY) for index in range(3))
WITHHELD = replace(FULL, form=Form.WITHHELD, shown=(), wrap=b"", withheld=KEPT)


def reference(log: LogRef) -> core_pb2.LogReference:
    return core_pb2.LogReference(index=log.index, salt=log.salt, time_ms=log.time_ms)


def message(one: Delivered) -> core_pb2.Delivery:
    frame = one.frame
    paths = one.paths or ((),) * len(one.shown)
    return core_pb2.Delivery(
        frame_header=frame.header,
        statement=frame.statement,
        signature=frame.signature,
        notices=[
            core_pb2.SealedNotice(
                index=index,
                header=frame.notices[index].header,
                body=frame.notices[index].body,
                path=path,
            )
            for index, path in zip(one.shown, paths, strict=True)
        ],
        topic=frame.topic,
        sequence=frame.sequence,
        publish_log=reference(frame.publish_log),
        recipient=one.recipient,
        wrap=one.wrap,
        recipient_index=one.recipient_index,
        recipient_path=one.recipient_path,
        delivery_log=reference(one.log),
        stub=one.is_stub,
        withheld=[
            core_pb2.Withheld(
                index=kept.index, reason=core_pb2.WithheldReason.ValueType(kept.reason)
            )
            for kept in one.withheld
        ],
    )


@pytest.mark.parametrize("one", [FULL, PARTIAL, STUB, WITHHELD], ids=lambda one: one.form.value)
def test_joined_bytes_parse_to_the_same_message(one: Delivered) -> None:
    deliveries = DeliveryBytes()
    for _ in range(2):  # written, then from what is kept
        data = event_bytes(one, deliveries)
        expected = subscriber_service_pb2.SubscribeResponse(delivery=message(one))
        assert subscriber_service_pb2.SubscribeResponse.FromString(data) == expected
        assert len(data) == expected.ByteSize()


def test_a_stub_carries_no_notice_and_no_wrap() -> None:
    sent = core_pb2.Delivery.FromString(DeliveryBytes().encode(STUB))
    assert (len(sent.notices), sent.wrap, sent.stub) == (0, b"", True)


def test_recipients_of_one_frame_share_what_is_serialised() -> None:
    deliveries = DeliveryBytes()
    deliveries.encode(FULL)
    kept = deliveries.kept_bytes
    deliveries.encode(delivered(FRAME, 300, "hr-ngo"))
    assert deliveries.kept_bytes == kept


def test_what_is_kept_is_bounded() -> None:
    size = len(DeliveryBytes().encode(FULL))
    deliveries = DeliveryBytes(max_bytes=2 * size)
    for sequence in range(1, 20):
        deliveries.encode(replace(FULL, frame=frame_at(FULL.frame, sequence)))
    assert deliveries.kept_bytes <= 2 * size


def test_a_frame_larger_than_what_may_be_kept_is_still_sent() -> None:
    deliveries = DeliveryBytes(max_bytes=10)
    assert core_pb2.Delivery.FromString(deliveries.encode(FULL)) == message(FULL)
    assert deliveries.kept_bytes == 0


def frame_at(frame: StoredFrame, sequence: int) -> StoredFrame:
    return replace(frame, sequence=sequence)


@given(st.integers(0, 2**64 - 1))
def test_a_varint_is_what_protobuf_reads(value: int) -> None:
    assert core_pb2.Cursor.FromString(b"\x10" + varint(value)).sequence == value


@given(st.binary(max_size=300))
def test_an_embedded_message_is_what_protobuf_reads(body: bytes) -> None:
    notice = core_pb2.SealedNotice(body=body).SerializeToString()
    read = core_pb2.Delivery.FromString(embedded(4, notice))
    assert read.notices[0].body == body


def test_a_changed_notice_is_seen_in_the_bytes() -> None:
    other = replace(FULL.frame, notices=(SealedNotice(header=b"h", body=b"b"),) * 3, sequence=301)
    sent = core_pb2.Delivery.FromString(DeliveryBytes().encode(replace(FULL, frame=other)))
    assert [notice.body for notice in sent.notices] == [b"b"] * 3
