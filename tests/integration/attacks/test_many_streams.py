# SPDX-License-Identifier: Apache-2.0
"""Many streams with nothing to say, and a subscriber's process that stands still."""

import asyncio
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from tocsin.v1 import subscriber_service_pb2 as pb
from tocsin.v1.subscriber_service_pb2_grpc import SubscriberServiceStub

from keys.tls import to_pem
from tests.integration.attacks.frames import first, publish
from tests.integration.attacks.served import SECONDS, Served, crowded, serving

pytestmark = pytest.mark.e2e

STREAMS = 200
EVERYTHING = pb.Filter(topics=["#"])
CREDIT = pb.Credit(frames=1000, bytes=1 << 30)

SUBSCRIBER = """
import sys, json, grpc
from tocsin.v1 import subscriber_service_pb2 as pb
from tocsin.v1.subscriber_service_pb2_grpc import SubscriberServiceStub
held = json.load(sys.stdin)
root, key, leaf = (held[name].encode() for name in ("root", "key", "leaf"))
credentials = grpc.ssl_channel_credentials(root, key, leaf)
options = (("grpc.ssl_target_name_override", "broker.tocsin"),)
opening = pb.SubscribeRequest.Open(
    subscription="frozen",
    filter=pb.Filter(topics=["#"]),
    credit=pb.Credit(frames=99, bytes=1 << 30),
)
with grpc.secure_channel(held["address"], credentials, options) as channel:
    requests = iter([pb.SubscribeRequest(open=opening)])
    for event in SubscriberServiceStub(channel).Subscribe(requests):
        print(event.WhichOneof("event"), event.delivery.sequence, flush=True)
"""
"""Says what it receives, in a process that can be stopped."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = {"TOCSIN_BROKER_MAX_SESSIONS_PER_AGENCY": "1000"}
    made = crowded(tmp_path_factory.mktemp("streams"))
    with serving(made, settings=settings) as served:
        yield served
        assert not [event for event in served.events() if event["event"] == "incident"]


async def opened(channel: grpc.aio.Channel, name: str) -> Any:
    stream: Any = SubscriberServiceStub(channel).Subscribe()
    opening = pb.SubscribeRequest.Open(subscription=name, filter=EVERYTHING, credit=CREDIT)
    await stream.write(pb.SubscribeRequest(open=opening))
    assert (await stream.read()).HasField("opened")
    return stream


async def delivered(stream: Any) -> int:
    async with asyncio.timeout(SECONDS):
        while not (event := await stream.read()).HasField("delivery"):
            pass
    sequence: int = event.delivery.sequence
    return sequence


async def test_hundreds_of_idle_streams_cost_little_and_all_hear_of_a_frame(
    broker: Served, greek: grpc.aio.Channel, romanian: grpc.aio.Channel
) -> None:
    before = broker.peak_mib()
    streams = await asyncio.gather(
        *(opened(romanian, f"idle-{number}") for number in range(STREAMS))
    )
    assert broker.peak_mib() - before < 64
    receipt = await publish(greek, first(broker.federation))
    heard = await asyncio.gather(*(delivered(stream) for stream in streams))
    assert set(heard) == {receipt.sequence}
    for stream in streams:
        stream.cancel()


async def test_as_many_files_as_the_machine_allows_may_be_open(broker: Served) -> None:
    allowed, most = resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE)
    assert allowed == (65_536 if most == resource.RLIM_INFINITY else min(most, 65_536))


async def begun(broker: Served, name: str) -> asyncio.subprocess.Process:
    """Start a subscriber's process and return it when its stream stands."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SUBSCRIBER,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ},
    )
    identity = broker.federation.agencies[name].tls_leaf
    held = {
        "address": f"127.0.0.1:{broker.address.port}",
        "root": to_pem(broker.address.root).decode(),
        "key": identity.key_pem.decode(),
        "leaf": identity.certificate_pem.decode(),
    }
    assert process.stdin is not None
    process.stdin.write(json.dumps(held).encode())
    process.stdin.write_eof()
    await said(process, "opened")
    await said(process, "caught_up")
    return process


async def said(process: asyncio.subprocess.Process, kind: str) -> int:
    """Return the number behind the next event of a kind that a subscriber tells."""
    assert process.stdout is not None
    async with asyncio.timeout(SECONDS):
        while True:
            told, sequence = (await process.stdout.readline()).split()
            if told.decode() == kind:
                return int(sequence)


async def test_a_subscriber_that_stands_still_slows_nobody_and_misses_nothing(
    broker: Served, greek: grpc.aio.Channel
) -> None:
    process = await begun(broker, "ro-pol")
    try:
        process.send_signal(signal.SIGSTOP)
        async with broker.address.agency("it-pol") as italian:
            live = await opened(italian, "live")
            sequences = []
            for _ in range(20):
                frame = first(broker.federation, [os.urandom(200_000)], to=["ro-pol", "it-pol"])
                sequences.append((await publish(greek, frame)).sequence)
                assert await delivered(live) == sequences[-1]
            live.cancel()
        process.send_signal(signal.SIGCONT)
        assert [await said(process, "delivery") for _ in sequences] == sequences
    finally:
        process.kill()
        await process.wait()
