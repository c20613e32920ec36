# SPDX-License-Identifier: Apache-2.0
"""Peers that send slowly, read nothing or stand still harm themselves alone."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tocsin.v1 import directory_service_pb2
from tocsin.v1 import subscriber_service_pb2 as subscriber
from tocsin.v1.directory_service_pb2_grpc import DirectoryServiceStub
from tocsin.v1.subscriber_service_pb2_grpc import SubscriberServiceStub

from tests.integration.attacks.frames import PUBLISH, call, first, publish
from tests.integration.attacks.http2 import line, message
from tests.integration.attacks.served import SECONDS, Served, crowded, serving

pytestmark = pytest.mark.e2e

SUBSCRIBE = "/tocsin.v1.SubscriberService/Subscribe"
WATCH = "/grpc.health.v1.Health/Watch"
LIST_ROOTS = "/tocsin.v1.DirectoryService/ListRoots"
LIST_LEAVES = "/tocsin.v1.LogService/ListLeaves"
MUCH = subscriber.Credit(frames=1 << 20, bytes=1 << 40)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(crowded(tmp_path_factory.mktemp("slow"))) as served:
        yield served
        assert not [event for event in served.events() if event["event"] == "incident"]


def opening(name: str, credit: subscriber.Credit = MUCH) -> subscriber.SubscribeRequest:
    everything = subscriber.Filter(topics=["#"])
    opened = subscriber.SubscribeRequest.Open(subscription=name, filter=everything, credit=credit)
    return subscriber.SubscribeRequest(open=opened)


async def check_served(broker: Served, to: str = "ro-pol") -> None:
    """Others publish and receive meanwhile."""
    async with broker.address.agency("it-pol") as italian:
        stream: Any = SubscriberServiceStub(italian).Subscribe(timeout=SECONDS)
        await stream.write(opening(f"check-{os.urandom(8).hex()}"))
        frame = first(broker.federation, originator="it-pol", to=[to])
        await publish(italian, frame)
        async for event in stream:
            if event.delivery.statement == frame.statement:
                return


async def test_a_call_without_a_request_is_refused_at_once(broker: Served, tmp_path: Path) -> None:
    greek = broker.federation.agencies["gr-pol"].tls_leaf
    async with line(broker.address, greek, tmp_path) as peer:
        answer = await peer.answer(peer.call(LIST_ROOTS, None))
    assert b"the bytes are not what this protocol writes" in answer


async def test_requests_that_never_end_hold_up_nobody_else(
    broker: Served, greek: grpc.aio.Channel, tmp_path: Path
) -> None:
    identity = broker.federation.agencies["gr-pol"].tls_leaf
    async with line(broker.address, identity, tmp_path) as peer:
        for _ in range(200):
            peer.call(PUBLISH, message(b"\x0a" + bytes(100), stated=4_000_000))
        await check_served(broker)
        # Its own calls wait behind them, and are not refused.
        waiting = asyncio.create_task(call(greek, LIST_ROOTS, b""))
        await check_served(broker)
        assert not waiting.done()
    assert (await waiting).reason == "OK"


async def test_answers_that_are_not_read_hold_up_nobody_else(
    broker: Served, greek: grpc.aio.Channel, tmp_path: Path
) -> None:
    identity = broker.federation.agencies["gr-pol"].tls_leaf
    async with line(broker.address, identity, tmp_path, window=0) as peer:
        for _ in range(200):
            peer.call(LIST_LEAVES, message(b""))
        await check_served(broker)
    assert (await call(greek, LIST_LEAVES, b"")).reason == "OK"


async def test_a_watcher_of_health_who_does_not_read_keeps_nothing_from_the_others(
    broker: Served, romanian: grpc.aio.Channel, tmp_path: Path
) -> None:
    identity = broker.federation.agencies["gr-pol"].tls_leaf
    async with line(broker.address, identity, tmp_path, window=0) as peer:
        peer.call(WATCH, message(b""))
        await check_served(broker)
        stub: Any = health_pb2_grpc.HealthStub(romanian)
        watching = stub.Watch(health_pb2.HealthCheckRequest(), timeout=SECONDS)
        assert (await watching.read()).status == health_pb2.HealthCheckResponse.SERVING
        watching.cancel()


async def test_subscribers_that_never_read_hold_up_nobody_else(
    broker: Served, greek: grpc.aio.Channel, tmp_path: Path
) -> None:
    for _ in range(3):
        await publish(greek, first(broker.federation, [os.urandom(500_000)]))
    identity = broker.federation.agencies["ro-pol"].tls_leaf
    async with line(broker.address, identity, tmp_path, window=0) as peer:
        for number in range(60):
            peer.call(SUBSCRIBE, message(opening(f"deaf-{number}").SerializeToString()))
        await check_served(broker)
    assert broker.peak_mib() < 480


async def test_a_subscriber_that_never_reads_is_locked_and_the_broker_ends_all_the_same(
    own: Served, tmp_path: Path
) -> None:
    federation = own.federation
    identity = federation.agencies["ro-pol"].tls_leaf
    async with line(own.address, identity, tmp_path, window=0) as peer:
        async with own.address.agency("gr-pol") as greek:
            await publish(greek, first(federation, [os.urandom(500_000)]))
        peer.call(SUBSCRIBE, message(opening("deaf").SerializeToString()))
        entry = directory_service_pb2.SubmitEntryRequest(entry=federation.lock("ro-pol").encode())
        async with own.address.steward() as steward:
            await DirectoryServiceStub(steward).SubmitEntry(entry, timeout=SECONDS)
        async with own.address.agency("ro-pol") as romanian:
            assert (await call(romanian, LIST_ROOTS, b"")).reason == "AGENCY_LOCKED"
        await check_served(own, to="gr-pol")
        assert await asyncio.to_thread(own.end) == 0


async def test_a_watcher_that_does_not_read_does_not_keep_the_broker_from_ending(
    own: Served, tmp_path: Path
) -> None:
    identity = own.federation.agencies["ro-pol"].tls_leaf
    async with line(own.address, identity, tmp_path, window=0) as peer:
        peer.call(WATCH, message(b""))
        await check_served(own)
        assert await asyncio.to_thread(own.end) == 0
