# SPDX-License-Identifier: Apache-2.0
"""Floods below gRPC: streams opened and dropped, endless headers, pings and settings."""

import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.attacks.frames import first, publish
from tests.integration.attacks.http2 import Line, line, message
from tests.integration.attacks.served import Served
from tests.integration.broker.test_peers import http2, literal

pytestmark = pytest.mark.e2e

HEADERS, RESET, SETTINGS, PING, CONTINUATION = 1, 3, 4, 6, 9
CANCEL = struct.pack(">I", 8)
TIMES = 5000
MORE_MIB = 64


def dropped(method: str, body: bytes) -> Callable[[Line, int], None]:
    def flood(peer: Line, _: int) -> None:
        peer.writer.write(http2(RESET, 0, peer.call(method, body), CANCEL))

    return flood


def headers_without_end(peer: Line, number: int) -> None:
    block = b"".join(literal(f"x{place}", "v" * 50) for place in range(20))
    peer.writer.write(http2(CONTINUATION if number else HEADERS, 0, 1, block))


def pings(peer: Line, _: int) -> None:
    peer.writer.write(http2(PING, 0, 0, bytes(8)))


def settings(peer: Line, number: int) -> None:
    peer.writer.write(http2(SETTINGS, 0, 0, struct.pack(">HI", 4, number)))


FLOODS = {
    "publications dropped": dropped("/tocsin.v1.PublisherService/Publish", message(b"", stated=9)),
    "watches dropped": dropped("/grpc.health.v1.Health/Watch", message(b"")),
    "headers without end": headers_without_end,
    "pings": pings,
    "settings": settings,
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_below_grpc_takes_no_memory_and_keeps_nobody_out(
    broker: Served, tmp_path: Path, kind: str
) -> None:
    before = broker.peak_mib()
    identity = broker.federation.agencies["gr-pol"].tls_leaf
    with suppress(ConnectionError):  # which is one way to answer
        async with line(broker.address, identity, tmp_path) as peer:
            for number in range(TIMES):
                FLOODS[kind](peer, number)
                if number % 100 == 0:
                    await peer.writer.drain()
            await check_served(broker)
    await check_served(broker)
    assert broker.peak_mib() - before < MORE_MIB


async def check_served(broker: Served) -> None:
    async with broker.address.agency("it-pol") as italian:
        frame = first(broker.federation, originator="it-pol")
        assert (await publish(italian, frame)).sequence > 0
