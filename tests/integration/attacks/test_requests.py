# SPDX-License-Identifier: Apache-2.0
"""Requests that no client of ours makes: each is answered with a reason, none with a fault."""

import asyncio
import gzip
from typing import Any

import grpc
import pytest
from tocsin.v1 import attachment_service_pb2 as attachment
from tocsin.v1 import directory_service_pb2 as directory
from tocsin.v1 import log_service_pb2 as log
from tocsin.v1 import subscriber_service_pb2 as subscriber

from broker.rpc.server import FILES
from keys.entries import LockEntry
from tests.integration.attacks.frames import SECONDS, Told, call, cursor, first, request
from tests.integration.attacks.served import Served
from tests.integration.broker.calling import told
from tests.simulator.federation import TOPIC

pytestmark = pytest.mark.e2e

SERVICES = [service for file in FILES for service in file.services_by_name.values()]
METHODS = {
    f"/{service.full_name}/{method.name}": method
    for service in SERVICES
    for method in service.methods
}
UNARY = [path for path, method in METHODS.items() if not method.client_streaming]
STREAMING = [path for path, method in METHODS.items() if method.client_streaming]
FOR_ALL = {"DirectoryService", "LogService"}
STEWARDS = {"/tocsin.v1.DirectoryService/SubmitEntry", "/tocsin.v1.DirectoryService/SubmitRoot"}

NOT_PROTOBUF = [b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x05abc", b"\x0b" * 1000, b"\x07\x00"]
MAX32, MAX63, MAX64 = (1 << 32) - 1, (1 << 63) - 1, (1 << 64) - 1


async def ask(channel: grpc.aio.Channel, path: str, data: bytes) -> Told:
    """Send one request and no more; of a stream return what it ends with.

    All in one go, so that a refusal that comes before the request is read is not missed.
    """
    if path in UNARY:
        return await call(channel, path, data)
    asked: Any = channel.unary_stream(path)
    try:
        async for _ in asked(data, timeout=SECONDS):
            pass
    except grpc.aio.AioRpcError as error:
        return Told(*told(error)[1:])
    return Told("OK", {})


def service_of(path: str) -> str:
    return path.split("/")[1].removeprefix("tocsin.v1.")


def caller_of(broker: Served, path: str) -> grpc.aio.Channel:
    return broker.address.steward() if path in STEWARDS else broker.address.agency("gr-pol")


@pytest.mark.parametrize("path", METHODS)
async def test_bytes_that_are_no_request_are_malformed(broker: Served, path: str) -> None:
    async with caller_of(broker, path) as channel:
        answers = [await ask(channel, path, data) for data in NOT_PROTOBUF]
    assert answers == [Told("MALFORMED", {})] * len(NOT_PROTOBUF)


@pytest.mark.parametrize("path", [path for path in METHODS if path not in STEWARDS])
async def test_a_steward_may_read_directory_and_log_alone(broker: Served, path: str) -> None:
    async with broker.address.steward() as channel:
        answer = await ask(channel, path, b"")
    assert (answer == Told("DENIED", {})) is (service_of(path) not in FOR_ALL)


@pytest.mark.parametrize("path", METHODS)
async def test_an_auditor_may_read_directory_and_log_alone(
    auditor: grpc.aio.Channel, path: str
) -> None:
    answer = await ask(auditor, path, b"")
    allowed = service_of(path) in FOR_ALL and path not in STEWARDS
    assert (answer == Told("DENIED", {})) is not allowed


async def test_an_agency_may_not_submit_a_root(greek: grpc.aio.Channel) -> None:
    assert await ask(greek, "/tocsin.v1.DirectoryService/SubmitRoot", b"") == Told("DENIED", {})


async def test_an_agency_may_not_submit_what_stewards_signed(
    broker: Served, greek: grpc.aio.Channel
) -> None:
    signed = broker.federation.propose(LockEntry(agency="ro-pol", reason="out of envy"))
    request = directory.SubmitEntryRequest(entry=signed.encode()).SerializeToString()
    answer = await ask(greek, "/tocsin.v1.DirectoryService/SubmitEntry", request)
    assert answer == Told("DENIED", {})


@pytest.mark.parametrize("name", ["mt-pol", "lu-pol"])
@pytest.mark.parametrize("path", METHODS)
async def test_who_is_locked_or_retired_may_call_nothing(
    broker: Served, path: str, name: str
) -> None:
    async with broker.address.agency(name) as channel:
        answer = await ask(channel, path, b"")
    assert answer.reason == {"mt-pol": "AGENCY_LOCKED", "lu-pol": "UNAUTHENTICATED"}[name]


def leaves(start: int, page_size: int) -> bytes:
    return log.ListLeavesRequest(start=start, page_size=page_size).SerializeToString()


def included(index: int, size: int) -> bytes:
    return log.GetInclusionProofRequest(index=index, size=size).SerializeToString()


def consistent(old: int, new: int) -> bytes:
    return log.GetConsistencyProofRequest(old_size=old, new_size=new).SerializeToString()


def chunk(**changes: Any) -> bytes:
    given: dict[str, Any] = {
        "attachment_id": bytes(16),
        "length": 10,
        "digest": bytes(32),
        "data": b"x",
    }
    return attachment.PutAttachmentChunkRequest(**given | changes).SerializeToString()


def fetched(**changes: Any) -> bytes:
    given = {"originator": "gr-pol", "notice_id": bytes(16), "attachment_id": bytes(16)}
    return attachment.GetAttachmentChunkRequest(**given | changes).SerializeToString()


def sought(subscription: str, topic: str, sequence: int) -> bytes:
    asked = subscriber.SeekRequest(subscription=subscription, topic=topic, sequence=sequence)
    return asked.SerializeToString()


def acknowledged(subscription: str, *cursors: tuple[str, int]) -> bytes:
    asked = subscriber.AcknowledgeRequest(
        subscription=subscription, cursors=[cursor(*one) for one in cursors]
    )
    return asked.SerializeToString()


def pulled(subscription: str = "desk", *topics: str, **more: Any) -> bytes:
    wanted = subscriber.Filter(topics=topics or ["#"], types=more.pop("types", []))
    return subscriber.PullRequest(
        subscription=subscription, filter=wanted, **more
    ).SerializeToString()


_LOG, _SUBSCRIBER = "/tocsin.v1.LogService", "/tocsin.v1.SubscriberService"
_ATTACHMENT, _DIRECTORY = "/tocsin.v1.AttachmentService", "/tocsin.v1.DirectoryService"
NOT_FOUND, TOPIC_UNKNOWN, OK = Told("NOT_FOUND", {}), Told("TOPIC_UNKNOWN", {}), Told("OK", {})


def invalid(field: str) -> Told:
    return Told("INVALID_ARGUMENT", {"field": field})


def beyond(limit: str, allowed: int, got: int) -> Told:
    return Told("LIMIT_EXCEEDED", {"limit": limit, "allowed": str(allowed), "got": str(got)})


EXTREMES: dict[str, tuple[str, bytes, Told]] = {
    "leaves behind the end": (f"{_LOG}/ListLeaves", leaves(MAX64, MAX32), OK),
    "leaves from 2^63": (f"{_LOG}/ListLeaves", leaves(1 << 63, 1), OK),
    "an unknown log": (f"{_LOG}/GetCheckpoint", b"\x08\x63", invalid("log")),
    "a negative log": (f"{_LOG}/GetCheckpoint", b"\x08" + b"\xff" * 9 + b"\x01", invalid("log")),
    "an empty tree": (f"{_LOG}/GetInclusionProof", included(0, 0), NOT_FOUND),
    "a leaf behind its tree": (f"{_LOG}/GetInclusionProof", included(1, 1), NOT_FOUND),
    "a tree of 2^63": (f"{_LOG}/GetInclusionProof", included(0, 1 << 63), NOT_FOUND),
    "a leaf 2^64 - 1": (f"{_LOG}/GetInclusionProof", included(MAX64, MAX64), NOT_FOUND),
    "from no tree": (f"{_LOG}/GetConsistencyProof", consistent(0, 1), NOT_FOUND),
    "to a smaller tree": (f"{_LOG}/GetConsistencyProof", consistent(2, 1), NOT_FOUND),
    "to a tree of 2^64 - 1": (f"{_LOG}/GetConsistencyProof", consistent(1, MAX64), NOT_FOUND),
    "entries behind the end": (
        f"{_DIRECTORY}/ListEntries",
        directory.ListEntriesRequest(start=MAX64, page_size=MAX32).SerializeToString(),
        OK,
    ),
    "topics behind the last": (
        f"{_SUBSCRIBER}/ListTopics",
        subscriber.ListTopicsRequest(page_size=MAX32, page_token="\U0010ffff").SerializeToString(),
        OK,
    ),
    "an attachment of 2^64 - 1": (
        f"{_ATTACHMENT}/PutAttachmentChunk",
        chunk(length=MAX64),
        beyond("attachment_bytes", 256 << 20, MAX64),
    ),
    "an attachment of nothing": (
        f"{_ATTACHMENT}/PutAttachmentChunk",
        chunk(length=0, data=b""),
        invalid("length"),
    ),
    "a chunk at 2^64 - 1": (
        f"{_ATTACHMENT}/PutAttachmentChunk",
        chunk(offset=MAX64),
        invalid("offset"),
    ),
    "a chunk beyond the length": (
        f"{_ATTACHMENT}/PutAttachmentChunk",
        chunk(data=bytes(11)),
        invalid("offset"),
    ),
    "a chunk of more than 1 MiB": (
        f"{_ATTACHMENT}/PutAttachmentChunk",
        chunk(length=2 << 20, data=bytes((1 << 20) + 1)),
        beyond("chunk_bytes", 1 << 20, (1 << 20) + 1),
    ),
    "an attachment id of 15 bytes": (
        f"{_ATTACHMENT}/PutAttachmentChunk",
        chunk(attachment_id=bytes(15)),
        invalid("attachment_id"),
    ),
    "a digest of 33 bytes": (
        f"{_ATTACHMENT}/PutAttachmentChunk",
        chunk(digest=bytes(33)),
        invalid("digest"),
    ),
    "a chunk from 2^64 - 1": (
        f"{_ATTACHMENT}/GetAttachmentChunk",
        fetched(offset=MAX64),
        invalid("offset"),
    ),
    "a chunk of 2^32 - 1": (
        f"{_ATTACHMENT}/GetAttachmentChunk",
        fetched(max_bytes=MAX32),
        invalid("max_bytes"),
    ),
    "a place at 2^64 - 1": (
        f"{_SUBSCRIBER}/Seek",
        sought("desk", TOPIC, MAX64),
        invalid("sequence"),
    ),
    "a place at 2^63 - 1": (
        f"{_SUBSCRIBER}/Seek",
        sought("desk", TOPIC, MAX63),
        invalid("sequence"),
    ),
    "a place in no topic": (f"{_SUBSCRIBER}/Seek", sought("desk", "none", 0), TOPIC_UNKNOWN),
    "a place in a topic with a NUL": (
        f"{_SUBSCRIBER}/Seek",
        sought("desk", "a\0b", 0),
        TOPIC_UNKNOWN,
    ),
    "a subscription with a NUL": (f"{_SUBSCRIBER}/Pull", pulled("de\0sk"), invalid("subscription")),
    "a subscription of 65": (f"{_SUBSCRIBER}/Pull", pulled("d" * 65), invalid("subscription")),
    "a subscription that turns text": (
        f"{_SUBSCRIBER}/Pull",
        pulled("desk\u202e"),
        invalid("subscription"),
    ),
    "no subscription": (f"{_SUBSCRIBER}/Pull", pulled(""), invalid("subscription")),
    "no pattern": (f"{_SUBSCRIBER}/Pull", b"\x0a\x04desk", invalid("topics")),
    "an empty pattern": (f"{_SUBSCRIBER}/Pull", pulled("desk", ""), invalid("topics")),
    "a pattern with a NUL": (f"{_SUBSCRIBER}/Pull", pulled("desk", "a\0"), invalid("topics")),
    "a pattern of nine": (
        f"{_SUBSCRIBER}/Pull",
        pulled("desk", "/".join("a" * 9)),
        invalid("topics"),
    ),
    "65 patterns": (f"{_SUBSCRIBER}/Pull", pulled("desk", *["#"] * 65), invalid("topics")),
    "# in the middle": (f"{_SUBSCRIBER}/Pull", pulled("desk", "#/a"), invalid("topics")),
    "a type with a NUL": (f"{_SUBSCRIBER}/Pull", pulled(types=["\0"]), invalid("types")),
    "2^32 - 1 frames": (f"{_SUBSCRIBER}/Pull", pulled(max_frames=MAX32), invalid("max_frames")),
    "a wait of 2^32 - 1": (f"{_SUBSCRIBER}/Pull", pulled(wait_ms=MAX32), invalid("wait_ms")),
    "no cursors": (f"{_SUBSCRIBER}/Acknowledge", acknowledged("desk"), invalid("cursors")),
    "1001 cursors": (
        f"{_SUBSCRIBER}/Acknowledge",
        acknowledged("desk", *[(TOPIC, 0)] * 1001),
        invalid("cursors"),
    ),
    "an acknowledgement of 2^64 - 1": (
        f"{_SUBSCRIBER}/Acknowledge",
        acknowledged("desk", (TOPIC, MAX64)),
        invalid("sequence"),
    ),
    "an acknowledgement of what was not delivered": (
        f"{_SUBSCRIBER}/Acknowledge",
        acknowledged("never-used", (TOPIC, 1)),
        invalid("sequence"),
    ),
    "a notice of a name with a NUL": (
        f"{_SUBSCRIBER}/GetNotice",
        subscriber.GetNoticeRequest(originator="gr\0pol", notice_id=b"").SerializeToString(),
        NOT_FOUND,
    ),
    "a notice id of 1 MiB": (
        f"{_SUBSCRIBER}/GetNotice",
        subscriber.GetNoticeRequest(
            originator="gr-pol", notice_id=bytes(1 << 20)
        ).SerializeToString(),
        NOT_FOUND,
    ),
}


@pytest.mark.parametrize("name", EXTREMES)
async def test_values_at_their_limits_are_answered(greek: grpc.aio.Channel, name: str) -> None:
    path, data, expected = EXTREMES[name]
    answer = await call(greek, path, data)
    assert (answer.reason, answer.metadata) == (expected.reason, expected.metadata)


async def test_a_string_that_is_not_utf8_is_malformed(greek: grpc.aio.Channel) -> None:
    assert await call(greek, f"{_SUBSCRIBER}/Pull", b"\x0a\x02\xff\xfe") == Told("MALFORMED", {})


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (b"\xc0\x3e\x01", "OK"),  # field 1000
        (b"\xfa\xff\xff\xff\x0f\x02hi", "OK"),  # the highest number a field can have
        (b"\x00\x00", "MALFORMED"),  # field 0
    ],
)
async def test_fields_that_nobody_knows_are_passed_over(
    greek: grpc.aio.Channel, more: bytes, reason: str
) -> None:
    assert (await call(greek, f"{_LOG}/GetCheckpoint", more)).reason == reason


async def plain(
    channel: grpc.aio.Channel, path: str, data: bytes, **options: Any
) -> grpc.StatusCode:
    """Return the status with which gRPC itself refuses."""
    asked: Any = channel.unary_unary(path)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asked(data, timeout=SECONDS, **options)
    assert "grpc-status-details-bin" not in dict(caught.value.trailing_metadata() or ())
    return caught.value.code()


async def test_what_grpc_itself_refuses_never_reaches_a_method(
    broker: Served, greek: grpc.aio.Channel
) -> None:
    publish = "/tocsin.v1.PublisherService/Publish"
    exhausted, unknown = grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNIMPLEMENTED
    assert await plain(greek, publish, bytes(5 << 20)) is exhausted
    assert await plain(greek, publish, b"", metadata=(("k", "v" * 20_000),)) is exhausted
    for path in ("/tocsin.v1.PublisherService/Burn", "/a/b", "/grpc.health.v1.Health/List"):
        assert await plain(greek, path, b"") is unknown


async def test_a_small_message_that_unpacks_to_much_is_refused(broker: Served) -> None:
    async with broker.address.agency("gr-pol") as channel:
        asked: Any = channel.unary_unary("/tocsin.v1.PublisherService/Publish")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await asked(bytes(15 << 20), timeout=SECONDS, compression=grpc.Compression.Gzip)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert len(gzip.compress(bytes(15 << 20))) < 20_000


async def test_a_call_that_gives_no_time_leaves_nothing_behind(
    broker: Served, greek: grpc.aio.Channel
) -> None:
    asked: Any = greek.unary_unary("/tocsin.v1.PublisherService/Publish")
    frames = [request(first(broker.federation)) for _ in range(20)]
    ended = await asyncio.gather(
        *(asked(frame, timeout=0.0005 * number) for number, frame in enumerate(frames)),
        return_exceptions=True,
    )
    # Whatever became of each, the same bytes again give its one receipt.
    again = [await call(greek, "/tocsin.v1.PublisherService/Publish", frame) for frame in frames]
    assert len(ended) == len(again)
    assert {one.reason for one in again} == {"OK"}
