# SPDX-License-Identifier: Apache-2.0
"""What the operator reads: enough to find a fault again, and nothing that is anybody's secret."""

import asyncio
import base64
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2
from tocsin.v1 import subscriber_service_pb2 as pb

from keys.envelope import Frame
from tests.e2e.plaintext import needles
from tests.integration.attacks.frames import PUBLISH, Told, call, first, publish, refused, request
from tests.integration.attacks.served import Served, crowded, serving

pytestmark = pytest.mark.e2e

PULL = "/tocsin.v1.SubscriberService/Pull"
LIST_TOPICS = "/tocsin.v1.SubscriberService/ListTopics"
GET_NOTICE = "/tocsin.v1.SubscriberService/GetNotice"
EVERYTHING = pb.PullRequest(subscription="desk", filter=pb.Filter(topics=["#"])).SerializeToString()


def forms(secret: bytes) -> Iterator[bytes]:
    """Yield what bytes look like when somebody prints them."""
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    yield base64.b64encode(secret)[:-4]
    yield repr(secret)[2:-1].encode()


def secrets_of(broker: Served, frame: Frame) -> set[bytes]:
    """Return all that must not be written, in every form."""
    federation = broker.federation
    held: list[bytes] = [frame.signature[:48], *(wrap[:48] for wrap in frame.wraps)]
    held += [one.body[:48] for one in frame.notices]
    held += [broker.installed.federation.broker.log_seed, federation.broker.tls_root.key]
    for agency in federation.agencies.values():
        held += [agency.decryption.seed, agency.tls_leaf.key, agency.tls_leaf.certificate]
    passphrase = (broker.installed.folder.keys / "passphrase").read_bytes().strip()
    return {form for secret in held for form in forms(secret)} | {passphrase, b"-----BEGIN"}


def damage_frames(broker: Served) -> None:
    """Let all stored frames rot, behind the broker's back."""
    connection = dbapi2.connect(str(broker.installed.folder.database), timeout=30)
    connection.execute("UPDATE frames SET content = zeroblob(length(content))")
    connection.commit()
    connection.close()


async def test_a_fault_is_an_incident_whose_number_the_operator_finds(tmp_path: Path) -> None:
    made = await asyncio.to_thread(crowded, tmp_path)
    with serving(made) as broker:
        async with broker.address.agency("gr-pol") as greek:
            frame = first(broker.federation)
            await publish(greek, frame)
        broker.end()
    with serving(made) as broker:
        damage_frames(broker)
        async with broker.address.agency("ro-pol") as romanian:
            told = await call(romanian, PULL, EVERYTHING)
            # It is a fault of that frame alone.
            assert (await call(romanian, LIST_TOPICS, b"")).reason == "OK"
        (incident,) = [event for event in broker.events() if event["event"] == "incident"]
        written = broker.log.read_bytes()
    assert told == Told("INTERNAL", {"incident": incident["incident"]})
    assert incident["method"] == PULL
    assert "is damaged" in incident["exception"]
    assert [secret for secret in secrets_of(broker, frame) if secret in written] == []


async def test_a_log_holds_no_content_no_key_and_no_certificate(tmp_path: Path) -> None:
    made = await asyncio.to_thread(crowded, tmp_path)
    texts = [f"Κρυφό όνομα {secrets.token_hex(12)} 王芳" for _ in range(3)]
    settings = {"TOCSIN_BROKER_LOG_LEVEL": "debug", "TOCSIN_BROKER_DRAIN_SECONDS": "0"}
    with serving(made, settings=settings) as broker:
        frame = first(broker.federation, [text.encode() for text in texts])
        async with broker.address.agency("gr-pol") as greek:
            await publish(greek, frame)
            for wrong in (
                replace(frame, signature=frame.signature[::-1]),
                replace(frame, statement=frame.statement[:-1]),
                replace(frame, header=frame.header + texts[0].encode()),
                replace(frame, notices=frame.notices * 257),
            ):
                assert (await refused(greek, wrong)).reason != "OK"
            for garbage in (texts[0].encode(), request(frame)[:-1], frame.notices[0].body):
                assert (await call(greek, PUBLISH, garbage)).reason == "MALFORMED"
        async with broker.address.agency("ro-pol") as romanian:
            assert (await call(romanian, PULL, EVERYTHING)).reason == "OK"
            named = pb.GetNoticeRequest(originator=texts[0], notice_id=frame.notices[0].body)
            assert (await call(romanian, GET_NOTICE, named.SerializeToString())).reason == (
                "NOT_FOUND"
            )
        async with broker.address.agency("mt-pol") as locked:
            assert (await call(locked, PULL, EVERYTHING)).reason == "AGENCY_LOCKED"
        assert broker.end() == 0
        events, written = broker.events(), broker.log.read_bytes()
    assert len([event for event in events if event["event"] == "refused"]) == 9
    searched = secrets_of(broker, frame) | needles(texts)
    assert [secret for secret in searched if secret in written] == []
    assert {event["area"] for event in events} <= {"serve", "rpc", "refusals", "upkeep"}


async def test_a_flood_of_refusals_is_written_sparingly_and_counted(
    own: Served,
) -> None:
    async with own.address.agency("gr-pol") as greek:

        async def some() -> None:
            for _ in range(100):
                await call(greek, PUBLISH, b"\xff")

        await asyncio.gather(*(some() for _ in range(12)))
        assert (await call(greek, LIST_TOPICS, b"")).reason == "OK"
    refusals = [event for event in own.events() if event["event"] == "refused"]
    assert 500 <= len(refusals) < 1000
    assert len(refusals) + sum(event.get("unshown", 0) for event in refusals) <= 1200
