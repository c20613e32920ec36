# SPDX-License-Identifier: Apache-2.0
"""A published frame in which one bit is another is refused, wherever the bit is.

The request has 62,584 bits, all of which were tried once; here a sample is, spread over all of it,
and every bit of the short parts. `tests/property/keys/test_bit_flips.py` tries every bit.
"""

import asyncio
import random
from collections import Counter

import grpc
import pytest

from tests.integration.attacks.frames import PUBLISH, call, first, leaf_kinds, publish, request
from tests.integration.attacks.served import Served
from tests.integration.attacks.test_frames import heads

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SAMPLE = 1500
AT_ONCE = 16
REASONS = {
    "MALFORMED",
    "LIMIT_EXCEEDED",
    "NOT_ORIGINATOR",
    "SIGNATURE_INVALID",
    "STATEMENT_MISMATCH",
}
"""What is wrong with a frame by itself. Nothing of it may depend on what the broker has stored."""


def with_bit(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


async def test_every_bit_of_a_published_frame_counts(
    broker: Served, greek: grpc.aio.Channel, auditor: grpc.aio.Channel
) -> None:
    frame = first(broker.federation, [b"short"])
    good = request(frame)
    start = good.index(frame.statement)
    bits = {*range(8 * start, 8 * (start + len(frame.statement)))}
    bits |= {*random.Random(13).sample(range(8 * len(good)), SAMPLE)}
    stood, before = await heads(greek), await leaf_kinds(auditor)
    told: Counter[str] = Counter()
    waiting = iter(sorted(bits))

    async def some() -> None:
        for bit in waiting:
            told[(await call(greek, PUBLISH, with_bit(good, bit))).reason] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(some())
    assert told.keys() <= REASONS, told
    assert told.total() == len(bits) > SAMPLE
    assert await heads(greek) == stood
    after = (await leaf_kinds(auditor))[len(before) :]
    assert set(after) <= {"refuse", "read-log"}
    assert after.count("refuse") < 200, "a flood of refusals is to be counted"
    assert not (await publish(greek, frame)).duplicate
