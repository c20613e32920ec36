# SPDX-License-Identifier: Apache-2.0
"""The broker as a process: set up, served, asked, killed, started again."""

import asyncio
import json
import signal
import sqlite3
import ssl
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest
from tocsin.v1 import core_pb2, directory_service_pb2
from tocsin.v1 import publisher_service_pb2 as publisher
from tocsin.v1 import subscriber_service_pb2 as subscriber
from tocsin.v1.directory_service_pb2_grpc import DirectoryServiceStub
from tocsin.v1.publisher_service_pb2_grpc import PublisherServiceStub
from tocsin.v1.subscriber_service_pb2_grpc import SubscriberServiceStub

from keys.tls import to_pem
from tests.integration.broker.calling import told
from tests.integration.broker.installed import MARKING, Installed, install
from tests.integration.broker.test_publishing import publication
from tests.simulator.federation import TOPIC

pytestmark = pytest.mark.e2e

FILTER = subscriber.Filter(topics=["#"])
PULL = subscriber.PullRequest(subscription="desk", filter=FILTER)


@pytest.fixture
async def installed(tmp_path: Path) -> Installed:
    made = install(tmp_path)
    loaded = await made.command("federation", str(made.folder.path), str(made.bundle), "--json")
    assert loaded.code == 0, loaded.err
    assert json.loads(loaded.out)["directory_size"] == made.federation.directory.size
    return made


async def publish(channel: grpc.aio.Channel, made: Installed) -> publisher.PublishReceipt:
    frame = made.federation.seal("gr-pol", [b"text"], marking=MARKING)
    request = publisher.PublishRequest(publication=publication(frame))
    return (await PublisherServiceStub(channel).Publish(request)).receipt


async def rest(call: Any) -> list[str]:
    """Return the kinds of all further events of a subscription."""
    events = []
    while (event := await call.read()) is not grpc.aio.EOF:
        events.append(event.WhichOneof("event"))
    return events


@pytest.mark.must("PUB-3")
async def test_what_was_published_before_a_sigkill_is_delivered_after_it(
    installed: Installed,
) -> None:
    async with installed.serving() as running, running.address.agency("gr-pol") as greek:
        receipts = [await publish(greek, installed) for _ in range(3)]
        await running.end(signal.SIGKILL)
    async with installed.serving() as running, running.address.agency("ro-pol") as romanian:
        pulled = await SubscriberServiceStub(romanian).Pull(PULL)
    assert [one.sequence for one in pulled.deliveries] == [one.sequence for one in receipts]


@pytest.mark.must("SUB-8")
async def test_what_was_acknowledged_before_a_sigkill_is_not_delivered_again(
    installed: Installed,
) -> None:
    async with installed.serving() as running:
        async with running.address.agency("gr-pol") as greek:
            await publish(greek, installed)
            await publish(greek, installed)
        async with running.address.agency("ro-pol") as romanian:
            stub = SubscriberServiceStub(romanian)
            await stub.Pull(PULL)
            cursor = core_pb2.Cursor(topic=TOPIC, sequence=1)
            await stub.Acknowledge(
                subscriber.AcknowledgeRequest(subscription="desk", cursors=[cursor])
            )
        await running.end(signal.SIGKILL)
    async with installed.serving() as running, running.address.agency("ro-pol") as romanian:
        pulled = await SubscriberServiceStub(romanian).Pull(PULL)
    assert [one.sequence for one in pulled.deliveries] == [2]


@pytest.mark.must("SUB-16")
async def test_sigterm_tells_subscribers_and_ends_with_nought(installed: Installed) -> None:
    async with installed.serving() as running, running.address.agency("ro-pol") as romanian:
        call: Any = SubscriberServiceStub(romanian).Subscribe()
        opening = subscriber.SubscribeRequest.Open(
            subscription="desk", filter=FILTER, credit=subscriber.Credit(frames=1, bytes=1 << 20)
        )
        await call.write(subscriber.SubscribeRequest(open=opening))
        assert (await call.read()).HasField("opened")
        ending = asyncio.create_task(running.end(signal.SIGTERM))
        events = await rest(call)
        ended = await ending
    assert events[-1] == "draining"
    assert ended.code == 0
    assert not installed.folder.address.exists()


async def test_ctrl_c_ends_in_order_too(installed: Installed) -> None:
    async with installed.serving() as running:
        ended = await running.end(signal.SIGINT)
    assert ended.code == 130
    assert "Traceback" not in ended.err


async def test_a_second_broker_on_the_same_folder_is_refused(installed: Installed) -> None:
    async with installed.serving():
        second = await installed.command("serve", str(installed.folder.path))
    assert second.code == 6
    assert "another broker is using" in second.err


async def test_a_port_in_use_is_refused(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = install(tmp_path / "other")
    async with installed.serving() as running:
        taken = f"127.0.0.1:{running.address.port}"
        refused = await other.command("serve", str(other.folder.path), "--listen", taken)
    assert refused.code == 6
    assert "cannot be listened on" in refused.err


async def test_status_and_doctor_agree_with_a_serving_broker(installed: Installed) -> None:
    folder = str(installed.folder.path)
    before = await installed.command("status", folder, "--json")
    async with installed.serving():
        during = await installed.command("status", folder, "--json")
        doctor = await installed.command("doctor", folder, "--json")
    assert (before.code, json.loads(before.out)["state"]) == (7, "stopped")
    assert (during.code, json.loads(during.out)["state"]) == (0, "serving")
    assert (doctor.code, doctor.err) == (0, "")


async def test_doctor_says_what_is_not_right(installed: Installed) -> None:
    installed.folder.database.write_bytes(b"not a database" * 1000)
    doctor = await installed.command("doctor", str(installed.folder.path), "--json")
    checks = {check["name"]: check for check in json.loads(doctor.out)["checks"]}
    assert doctor.code == 10
    assert checks["database"]["outcome"] == "bad"


@pytest.mark.parametrize(("named", "table"), [("acts log", "leaves"), ("database", "entries")])
async def test_doctor_finds_a_leaf_that_was_changed_in_the_database(
    installed: Installed, named: str, table: str
) -> None:
    arguments = ("doctor", str(installed.folder.path), "--json")
    before = json.loads((await installed.command(*arguments)).out)["checks"]
    with closing(sqlite3.connect(installed.folder.database)) as database, database:
        change = f"UPDATE {table} SET body = zeroblob(length(body)) WHERE leaf_index = 1"
        assert database.execute(change).rowcount == 1
    after = json.loads((await installed.command(*arguments)).out)["checks"]
    assert {check["name"] for check in before if check["outcome"] == "bad"} == set()
    assert {check["name"] for check in after if check["outcome"] == "bad"} == {named}


async def test_doctor_without_a_federation_could_not_check(tmp_path: Path) -> None:
    made = install(tmp_path)
    assert (await made.command("doctor", str(made.folder.path))).code == 11


async def test_a_federation_of_another_broker_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    made, other = install(tmp_path), install(tmp_path / "other")
    refused = await made.command("federation", str(made.folder.path), str(other.bundle))
    assert refused.code == 10
    assert "Traceback" not in refused.err


@pytest.mark.parametrize("text", ["{}", "[]", '{"roots": [1], "entries": []}', "\x00", "[" * 9999])
async def test_what_is_no_federation_file_is_refused(tmp_path: Path, text: str) -> None:
    made = install(tmp_path)
    made.bundle.write_text(text, "utf-8")
    refused = await made.command("federation", str(made.folder.path), str(made.bundle))
    assert refused.code == 2
    assert "is not a federation file" in refused.err


@pytest.mark.must("TLS-1")
async def test_tls_1_2_does_not_even_shake_hands(installed: Installed) -> None:
    async with installed.serving() as running:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=to_pem(running.address.root).decode())
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2"])
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection(
                "127.0.0.1", running.address.port, ssl=context, server_hostname="broker.tocsin"
            )


@pytest.mark.must("SUB-14")
async def test_a_lock_submitted_by_a_steward_cuts_the_agencys_stream(installed: Installed) -> None:
    async with installed.serving() as running, running.address.agency("ro-pol") as romanian:
        call: Any = SubscriberServiceStub(romanian).Subscribe()
        opening = subscriber.SubscribeRequest.Open(subscription="desk", filter=FILTER)
        await call.write(subscriber.SubscribeRequest(open=opening))
        assert (await call.read()).HasField("opened")
        entry = installed.federation.lock("ro-pol").encode()
        async with running.address.steward() as steward:
            submit = directory_service_pb2.SubmitEntryRequest(entry=entry)
            await DirectoryServiceStub(steward).SubmitEntry(submit)
        async with asyncio.timeout(1):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await rest(call)
    assert told(refused.value)[1] == "AGENCY_LOCKED"
