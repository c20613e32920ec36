# SPDX-License-Identifier: Apache-2.0
"""A disk that is full, takes nothing, or fails in a commit, under a broker that serves."""

import asyncio
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tocsin.v1 import directory_service_pb2
from tocsin.v1 import log_service_pb2 as log
from tocsin.v1 import subscriber_service_pb2 as subscriber
from tocsin.v1.publisher_service_pb2 import PublishResponse

from broker.cli.exits import Exit
from tests.integration.attacks.frames import PUBLISH, Told, call, cursor, first, publish, request
from tests.integration.attacks.mounted import (
    IN_NAMESPACE,
    Disk,
    can_mount,
    serving_on_small_disk,
)
from tests.integration.attacks.served import SECONDS, Served, crowded, run, serving
from tests.simulator.federation import TOPIC

pytestmark = pytest.mark.e2e
needs_mounts = pytest.mark.skipif(not can_mount(), reason="this user may not mount")

MIB = 1 << 20
LOG = "/tocsin.v1.LogService"
SUBSCRIBER = "/tocsin.v1.SubscriberService"
SUBMIT = "/tocsin.v1.DirectoryService/SubmitEntry"
SERVING, NOT_SERVING = (
    health_pb2.HealthCheckResponse.SERVING,
    health_pb2.HealthCheckResponse.NOT_SERVING,
)
FULL = Told("STORAGE_FULL", {})
PULL = subscriber.PullRequest(subscription="desk", filter=subscriber.Filter(topics=["#"]))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[tuple[Served, Disk]]:
    with serving_on_small_disk(crowded(tmp_path)) as made:
        yield made


async def until(watching: Any, status: int) -> None:
    """Wait until the health service says so, by itself."""
    async with asyncio.timeout(SECONDS):
        while (await watching.read()).status != status:
            pass


def watch(channel: grpc.aio.Channel, service: str = "tocsin.v1.PublisherService") -> Any:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    return stub.Watch(health_pb2.HealthCheckRequest(service=service))


async def check(channel: grpc.aio.Channel, service: str) -> int:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    asked = health_pb2.HealthCheckRequest(service=service)
    status: int = (await stub.Check(asked, timeout=SECONDS)).status
    return status


@needs_mounts
async def test_a_full_disk_refuses_new_frames_alone_and_the_broker_recovers_with_it(
    small: tuple[Served, Disk],
) -> None:
    broker, disk = small
    address, federation = broker.address, broker.federation
    async with address.agency("gr-pol") as greek, address.agency("ro-pol") as romanian:
        watching = watch(greek)
        await until(watching, SERVING)
        stored = await publish(greek, first(federation))
        disk.fill(leave=12 * MIB)
        frame = first(federation)
        assert await call(greek, PUBLISH, request(frame)) == FULL
        await until(watching, NOT_SERVING)
        assert await check(greek, "tocsin.v1.AttachmentService") == NOT_SERVING
        assert await check(greek, "tocsin.v1.LogService") == SERVING
        # What is stored is still delivered, acknowledged and accounted for.
        pulled = await call(romanian, f"{SUBSCRIBER}/Pull", PULL.SerializeToString())
        deliveries = subscriber.PullResponse.FromString(pulled.answer).deliveries
        assert [one.sequence for one in deliveries] == [stored.sequence]
        acknowledging = subscriber.AcknowledgeRequest(
            subscription="desk", cursors=[cursor(TOPIC, stored.sequence)]
        )
        acknowledged = await call(
            romanian, f"{SUBSCRIBER}/Acknowledge", acknowledging.SerializeToString()
        )
        assert acknowledged.reason == "OK"
        await check_log_is_read(broker)
        disk.empty()
        await until(watching, SERVING)
        again = await publish(greek, frame)
        assert (again.sequence, again.duplicate) == (stored.sequence + 1, False)
        watching.cancel()
    assert not [event for event in broker.events() if event["event"] == "incident"]


async def check_log_is_read(broker: Served) -> None:
    async with broker.address.agency("eu-aud") as auditor:
        for path, data in (
            (f"{LOG}/GetCheckpoint", b""),
            (f"{LOG}/ListLeaves", b""),
            (f"{LOG}/GetInclusionProof", log.GetInclusionProofRequest(size=3).SerializeToString()),
            ("/tocsin.v1.DirectoryService/ListRoots", b""),
            ("/tocsin.v1.DirectoryService/ListEntries", b""),
        ):
            assert (await call(auditor, path, data)).reason == "OK", path


@needs_mounts
async def test_who_has_filled_the_disk_can_be_locked(small: tuple[Served, Disk]) -> None:
    broker, disk = small
    federation = broker.federation
    async with broker.address.agency("ro-pol") as romanian:
        disk.fill(leave=2 * MIB)
        assert await call(romanian, f"{SUBSCRIBER}/Pull", PULL.SerializeToString()) == Told(
            "OK", {}
        )
        frame = first(federation, originator="ro-pol", to=["gr-pol"])
        assert await call(romanian, PUBLISH, request(frame)) == FULL
        entry = directory_service_pb2.SubmitEntryRequest(entry=federation.lock("ro-pol").encode())
        async with broker.address.steward() as steward:
            assert (await call(steward, SUBMIT, entry.SerializeToString())).reason == "OK"
        assert (await call(romanian, PUBLISH, request(frame))).reason == "AGENCY_LOCKED"


@needs_mounts
async def test_a_disk_without_a_byte_still_shows_the_last_checkpoint_and_proofs(
    small: tuple[Served, Disk],
) -> None:
    broker, disk = small
    async with broker.address.agency("gr-pol") as greek:
        before = await call(greek, f"{LOG}/GetCheckpoint", b"")
        await publish(greek, first(broker.federation))
        disk.fill(leave=0)
        for path in (PUBLISH, f"{LOG}/ListLeaves"):
            data = request(first(broker.federation)) if path == PUBLISH else b""
            assert await call(greek, path, data) == FULL
        after = await call(greek, f"{LOG}/GetCheckpoint", b"")
        assert (after.reason, after.answer) == ("OK", before.answer)
        proof = log.GetInclusionProofRequest(size=3).SerializeToString()
        assert (await call(greek, f"{LOG}/GetInclusionProof", proof)).reason == "OK"


def room_for_wal(broker: Served) -> int:
    """Return how large a file may be so that the WAL cannot grow any more."""
    database = broker.installed.folder.database
    return database.with_name("broker.db-wal").stat().st_size


async def first_unknown(broker: Served, channel: grpc.aio.Channel) -> tuple[bytes, Told]:
    """Publish until the outcome of a frame is unknown; return the frame and what was told."""
    while True:
        data = request(first(broker.federation, [bytes(20_000)]))
        answer = await call(channel, PUBLISH, data)
        if answer.reason != "OK":
            return data, answer


async def test_a_commit_that_fails_ends_the_broker_and_the_same_bytes_are_stored_once(
    tmp_path: Path,
) -> None:
    made = await asyncio.to_thread(crowded, tmp_path)
    with serving(made) as broker:
        async with broker.address.agency("gr-pol") as greek:
            stored = await publish(greek, first(broker.federation))
            limit = room_for_wal(broker)
            resource.prlimit(broker.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
            data, told = await first_unknown(broker, greek)
            assert told == Told("OUTCOME_UNKNOWN", {})
        assert await asyncio.to_thread(broker.process.wait, SECONDS) == Exit.FAILED
        ends = [event["event"] for event in broker.events()]
    assert "store_failed" in ends
    assert ends[-1] == "stopped"
    assert not made.folder.address.exists()
    with serving(made) as broker:
        async with broker.address.agency("gr-pol") as greek:
            answers = [await call(greek, PUBLISH, data) for _ in range(2)]
        receipts = [PublishResponse.FromString(one.answer).receipt for one in answers]
        assert receipts[1].duplicate
        assert receipts[0].sequence == receipts[1].sequence > stored.sequence
        assert broker.end() == Exit.DONE
    assert run("doctor", str(made.folder.path)).code == Exit.DONE


@needs_mounts
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    made = crowded(tmp_path)
    path = str(made.folder.path)
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
    before = (*IN_NAMESPACE, "sh", "-c", script, "sh", path)
    refused = run("serve", path, before=before)
    assert refused.code == Exit.FAILED
    assert "read-only file system" in refused.err.splitlines()[0]
    assert "Traceback" not in refused.err
