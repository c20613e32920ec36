# SPDX-License-Identifier: Apache-2.0
"""Requests by chance: messages of every kind with values that are likely to hurt, and bits turned.

The draw is always the same, so that what fails once fails for everybody.
"""

import random
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from broker.rpc.access import ACCESS
from tests.integration.attacks.frames import SECONDS, Told, call, first
from tests.integration.attacks.served import Served
from tests.integration.attacks.test_requests import MAX32, MAX63, MAX64, METHODS, STREAMING
from tests.integration.broker.calling import told
from tests.simulator.federation import TOPIC

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TEXTS = ["", "desk", "#", "a\0b", "\u202egnp", TOPIC, "gr-pol", "x" * 5000, "\U0010ffff", "%s{0}"]
NUMBERS = [0, 1, 2, 63, 64, 65, 255, 256, 1000, 1001, 30_000, MAX32, 1 << 53, MAX63, 1 << 63, MAX64]


def drawn(kind: Descriptor, luck: random.Random, blobs: list[bytes], depth: int = 0) -> Any:
    """Return a message of a kind with values that are likely to hurt."""
    made = GetMessageClass(kind)()
    for field in kind.fields:
        if luck.random() < 0.3:
            continue
        count = luck.choice((0, 1, 2, 65)) if field.is_repeated and depth < 2 else 1
        values = [_value(field, luck, blobs, depth) for _ in range(count)]
        if field.is_repeated:
            getattr(made, field.name).extend(values)
        elif field.message_type:
            getattr(made, field.name).CopyFrom(values[0])
        else:
            setattr(made, field.name, values[0])
    return made


def _value(field: FieldDescriptor, luck: random.Random, blobs: list[bytes], depth: int) -> Any:
    if field.message_type:
        return drawn(field.message_type, luck, blobs, depth + 1)
    if field.enum_type:
        return luck.choice((-(1 << 31), -1, 0, 1, 2, 99))
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        is_text = field.type == FieldDescriptor.TYPE_STRING
        return luck.choice(TEXTS) if is_text else luck.choice(blobs)
    if field.name == "wait_ms":
        return luck.choice((0, 1, MAX32))
    most = {FieldDescriptor.CPPTYPE_BOOL: 1, FieldDescriptor.CPPTYPE_INT32: (1 << 31) - 1}
    allowed = most.get(kind, MAX32 if kind == FieldDescriptor.CPPTYPE_UINT32 else MAX64)
    return luck.choice([number for number in NUMBERS if number <= allowed])


def mutated(data: bytes, luck: random.Random) -> bytes:
    """Return bytes with a few bits turned, half of the time."""
    changed = bytearray(data)
    for _ in range(luck.choice((0, 0, 1, 3)) if data else 0):
        changed[luck.randrange(len(changed))] ^= 1 << luck.randrange(8)
    return bytes(changed)


def fuzz(broker: Served, kinds: dict[str, Descriptor], rounds: int) -> Iterator[tuple[str, bytes]]:
    luck = random.Random(13)
    frame = first(broker.federation)
    blobs = [b"", b"\0", bytes(16), bytes(32), bytes(70_000), frame.header, frame.statement]
    blobs += [frame.signature, frame.recipients[0], frame.wraps[0], frame.notices[0].header]
    for _ in range(rounds):
        for path, kind in kinds.items():
            data = drawn(kind, luck, blobs).SerializeToString()
            if len(data) < 4 << 20:
                # A turned bit could make a call wait for as long as it may, which is no fault.
                may_wait = "wait_ms" in kind.fields_by_name
                yield path, data if may_wait else mutated(data, luck)


@pytest.mark.parametrize("who", ["gr-pol", "steward"])
async def test_a_thousand_requests_by_chance_find_no_fault(broker: Served, who: str) -> None:
    kinds: dict[str, Any] = {path: method.input_type for path, method in METHODS.items()}
    kinds["/grpc.health.v1.Health/Check"] = health_pb2.HealthCheckRequest.DESCRIPTOR
    reflection = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    kinds[reflection] = reflection_pb2.ServerReflectionRequest.DESCRIPTOR
    assert kinds.keys() <= ACCESS.keys()
    channel = broker.address.steward() if who == "steward" else broker.address.agency(who)
    reasons = set()
    async with channel:
        for path, data in fuzz(broker, kinds, 25):
            is_stream = path in STREAMING or path == reflection
            told_by = await (stream_end if is_stream else call)(channel, path, data)
            reasons.add(told_by.reason)
    assert "INTERNAL" not in reasons
    assert {"MALFORMED", "INVALID_ARGUMENT" if who == "gr-pol" else "DENIED"} < reasons


async def stream_end(channel: grpc.aio.Channel, path: str, data: bytes) -> Told:
    """Send a request on a stream; return its first refusal, or that it was answered."""
    asked: Any = channel.unary_stream(path)
    opened = asked(data, timeout=SECONDS)
    try:
        for _ in range(2):
            if await opened.read() is grpc.aio.EOF:
                break
    except grpc.aio.AioRpcError as error:
        return Told(*told(error)[1:])
    opened.cancel()
    return Told("OK", {})
