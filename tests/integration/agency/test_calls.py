# SPDX-License-Identifier: Apache-2.0
"""Unary calls against a broker's real edge, and against one that answers what it should not."""

import asyncio

import grpc
import pytest
from google.protobuf.message import Message
from tocsin.v1 import attachment_service_pb2 as attachment
from tocsin.v1 import core_pb2
from tocsin.v1 import directory_service_pb2 as directory
from tocsin.v1 import log_service_pb2 as log
from tocsin.v1 import subscriber_service_pb2 as subscriber

from agency_client.domain.delivery import Cursor, Filter
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import LogKind
from agency_client.transport.broker import GrpcBroker
from agency_client.transport.failures import BROKER_REASONS
from broker.errors import Reason as BrokerReason
from broker.rpc.status import CODES
from tests.integration.agency.rogue import Refusal, Rogue
from tests.integration.broker.standins import StandInServices
from tests.simulator.federation import TOPIC, Federation

FILTER = Filter(topics=("trafficking/#",))
_CODE = grpc.StatusCode


async def refused(call: object) -> AgencyError:
    with pytest.raises(AgencyError) as caught:
        await call  # type: ignore[misc]
    return caught.value


async def test_the_directory_is_fetched_as_it_was_signed(
    greek: GrpcBroker, federation: Federation
) -> None:
    entries, size, note = await greek.entries(0)
    assert list(await greek.roots()) == [one.encode() for one in federation.signed_roots]
    assert list(entries) == [one.encode() for one in federation.signed_entries]
    assert size == federation.directory.size
    assert note.startswith(federation.broker.origin)


async def test_a_frame_is_pulled_byte_for_byte(
    greek: GrpcBroker, services: StandInServices, federation: Federation
) -> None:
    frame = federation.seal("ro-pol", [b"one", b"two"])
    services.publishing.frames.append(frame)
    (delivery,) = await greek.pull("desk", FILTER, max_frames=5, wait_ms=0)
    assert (delivery.header, delivery.statement) == (frame.header, frame.statement)
    assert [one.body for one in delivery.notices] == [one.body for one in frame.notices]
    assert delivery.recipient in frame.recipients
    assert delivery.publish_log is not None
    assert delivery.size > sum(len(one.body) for one in frame.notices)


async def test_what_is_acknowledged_is_behind_the_cursor(
    greek: GrpcBroker, services: StandInServices
) -> None:
    await greek.acknowledge("desk", [Cursor(topic=TOPIC, sequence=3)])
    await greek.seek("desk", Cursor(topic=TOPIC, sequence=1))
    assert [one.sequence for one in services.subscriptions.acknowledged] == [3]


async def test_all_pages_of_topics_are_read(greek: GrpcBroker) -> None:
    assert [one.name for one in await greek.topics()] == [f"t/{n}" for n in range(5)]


async def test_proofs_and_leaves_come_as_they_are(greek: GrpcBroker) -> None:
    assert await greek.inclusion(LogKind.ACTS, 0, 1) == ((bytes(32),), b"leaf")
    assert await greek.consistency(LogKind.ACTS, 1, 2) == (bytes(32),)
    assert len(await greek.leaves(LogKind.DIRECTORY, 0, 2)) == 2
    assert "\n" in await greek.checkpoint(LogKind.ACTS)


async def test_attachments_go_up_and_come_down_in_chunks(greek: GrpcBroker) -> None:
    put = await greek.put_attachment_chunk(
        attachment_id=bytes(16), length=4, digest=bytes(32), offset=0, data=b"four"
    )
    got = await greek.get_attachment_chunk(
        originator="gr-pol", notice_id=bytes(16), attachment_id=bytes(16), offset=0, max_bytes=8
    )
    assert put == (4, True)
    assert got == (bytes(8), 8)


async def test_a_refusal_keeps_its_reason_and_what_it_names(greek: GrpcBroker) -> None:
    error = await refused(
        greek.put_attachment_chunk(
            attachment_id=bytes(16), length=4, digest=bytes(32), offset=2, data=b"ur"
        )
    )
    assert error.reason is Reason.OFFSET_MISMATCH
    assert error.metadata == {"stored": "0"}
    assert error.message == "the chunk does not follow what is stored (stored 0)"


async def test_a_steward_s_act_by_an_agency_is_denied(greek: GrpcBroker) -> None:
    assert (await refused(greek.submit_root(b"root"))).reason is Reason.DENIED


async def test_an_unknown_notice_is_not_found(greek: GrpcBroker) -> None:
    assert (await refused(greek.get_notice("gr-pol", bytes(16)))).reason is Reason.NOT_FOUND


async def test_a_locked_agency_learns_that_it_is(greek: GrpcBroker, federation: Federation) -> None:
    federation.lock("gr-pol")
    error = await refused(greek.roots())
    assert error.reason is Reason.AGENCY_LOCKED
    assert "steward" in error.message


def test_every_reason_of_the_broker_is_known_here() -> None:
    assert set(BROKER_REASONS) == {one.value for one in BrokerReason}


@pytest.mark.parametrize("reason", list(BrokerReason))
async def test_each_reason_arrives_as_it_was_said(
    misled: GrpcBroker, rogue: Rogue, reason: BrokerReason
) -> None:
    rogue.says["ListRoots"] = [Refusal(CODES[reason], reason.value)]
    error = await refused(misled.roots())
    assert (error.reason, error.message) == (Reason(reason.value), "told by the peer")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (_CODE.PERMISSION_DENIED, Reason.DENIED),
        (_CODE.UNAVAILABLE, Reason.OUTCOME_UNKNOWN),
        (_CODE.FAILED_PRECONDITION, Reason.INTERNAL),
    ],
)
@pytest.mark.parametrize("name", ["INVENTED_LATER", "PROFILE_EXISTS", "BROKER_UNREACHABLE"])
async def test_a_reason_that_is_not_the_broker_s_is_read_off_the_code(
    misled: GrpcBroker, rogue: Rogue, name: str, code: grpc.StatusCode, expected: Reason
) -> None:
    rogue.says["ListRoots"] = [Refusal(code, name)]
    assert (await refused(misled.roots())).reason is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (_CODE.UNAVAILABLE, Reason.BROKER_UNREACHABLE),
        (_CODE.CANCELLED, Reason.BROKER_UNREACHABLE),
        (_CODE.DEADLINE_EXCEEDED, Reason.DEADLINE_EXCEEDED),
        (_CODE.RESOURCE_EXHAUSTED, Reason.LIMIT_EXCEEDED),
        (_CODE.UNAUTHENTICATED, Reason.UNAUTHENTICATED),
        (_CODE.INTERNAL, Reason.INTERNAL),
        (_CODE.UNKNOWN, Reason.INTERNAL),
        (_CODE.PERMISSION_DENIED, Reason.INTERNAL),
    ],
)
async def test_a_status_without_a_reason_of_ours_has_a_meaning(
    misled: GrpcBroker, rogue: Rogue, code: grpc.StatusCode, expected: Reason
) -> None:
    rogue.says["ListRoots"] = [Refusal(code, message="Exception: secret")]
    error = await refused(misled.roots())
    assert error.reason is expected
    assert "secret" not in error.message


@pytest.mark.parametrize(
    "said",
    [
        Refusal(_CODE.NOT_FOUND, "NOT_FOUND", domain="example.org"),
        Refusal(_CODE.NOT_FOUND, raw_details=b"\xff\xff"),
        Refusal(_CODE.NOT_FOUND, raw_details=b"\x1a\x04\x12\x02\xff\xff"),
    ],
    ids=["another-domain", "no-status", "no-detail"],
)
async def test_details_that_are_not_ours_say_nothing(
    misled: GrpcBroker, rogue: Rogue, said: Refusal
) -> None:
    rogue.says["ListRoots"] = [said]
    assert (await refused(misled.roots())).reason is Reason.INTERNAL


async def test_a_peer_s_words_are_cut_and_cleaned(misled: GrpcBroker, rogue: Rogue) -> None:
    hostile = {"reason": "x", "message": "y", "self": "z", "k\u202e": "\x1b[2J" + "a" * 5000}
    rogue.says["ListRoots"] = [
        Refusal(_CODE.NOT_FOUND, "NOT_FOUND", message="a\x07b\u202ec", metadata=hostile)
    ]
    error = await refused(misled.roots())
    assert error.message.startswith("abc (")
    assert error.message.isprintable()
    assert len(error.message) < 1000
    assert error.metadata["self"] == "z"


async def test_a_method_that_the_broker_does_not_know_is_its_fault(misled: GrpcBroker) -> None:
    assert (await refused(misled.roots())).reason is Reason.INTERNAL


async def test_an_answer_that_is_no_message_is_malformed(misled: GrpcBroker, rogue: Rogue) -> None:
    rogue.says["ListRoots"] = [b"\x0a\xff\xff\xff"]
    error = await refused(misled.roots())
    assert error.reason is Reason.MALFORMED
    assert "ListRootsResponse" in error.message


async def test_an_answer_larger_than_allowed_is_malformed(misled: GrpcBroker, rogue: Rogue) -> None:
    rogue.says["ListRoots"] = [bytes(5 << 20)]
    assert (await refused(misled.roots())).reason is Reason.MALFORMED


async def test_a_request_larger_than_a_broker_takes_is_not_sent(
    misled: GrpcBroker, rogue: Rogue
) -> None:
    rogue.says["SubmitRoot"] = [directory.SubmitRootResponse(version=1)]
    assert (await refused(misled.submit_root(bytes(5 << 20)))).reason is Reason.LIMIT_EXCEEDED
    assert rogue.heard == []


def _delivery(**changed: object) -> core_pb2.Delivery:
    log_reference = core_pb2.LogReference(salt=bytes(32))
    fields = {"topic": TOPIC, "sequence": 1, "publish_log": log_reference, **changed}
    return core_pb2.Delivery(**fields)  # type: ignore[arg-type]


def _pulled(**changed: object) -> subscriber.PullResponse:
    return subscriber.PullResponse(deliveries=[_delivery(**changed)])


async def test_a_delivery_within_all_bounds_is_taken(misled: GrpcBroker, rogue: Rogue) -> None:
    rogue.says["Pull"] = [_pulled(withheld=[core_pb2.Withheld(index=0, reason=99)])]  # type: ignore[arg-type]
    (delivery,) = await misled.pull("desk", FILTER, max_frames=1, wait_ms=0)
    assert [one.reason.value for one in delivery.withheld] == ["unknown"]


BAD_DELIVERIES = {
    "no-sequence": _pulled(sequence=0),
    "sequence-beyond-the-store": _pulled(sequence=1 << 63),
    "no-topic": _pulled(topic="Not A Topic"),
    "short-salt": _pulled(publish_log=core_pb2.LogReference(salt=b"short")),
    "no-such-year": _pulled(
        delivery_log=core_pb2.LogReference(salt=bytes(32), time_ms=253_402_300_800_000)
    ),
    "short-hash": _pulled(recipient_path=[bytes(31)]),
    "long-path": _pulled(recipient_path=[bytes(32)] * 64),
    "too-many-notices": _pulled(notices=[core_pb2.SealedNotice()] * 257),
    "too-many-withheld": _pulled(withheld=[core_pb2.Withheld()] * 257),
    "notice-out-of-range": _pulled(notices=[core_pb2.SealedNotice(index=1 << 31)]),
    "more-frames-than-asked-for": subscriber.PullResponse(deliveries=[_delivery()] * 2),
}


@pytest.mark.parametrize("said", BAD_DELIVERIES.values(), ids=BAD_DELIVERIES)
async def test_a_delivery_out_of_bounds_is_malformed(
    misled: GrpcBroker, rogue: Rogue, said: subscriber.PullResponse
) -> None:
    rogue.says["Pull"] = [said]
    error = await refused(misled.pull("desk", FILTER, max_frames=1, wait_ms=0))
    assert error.reason is Reason.MALFORMED


BAD_LISTS: dict[str, tuple[str, Message]] = {
    "more-leaves-than-asked-for": ("ListLeaves", log.ListLeavesResponse(leaves=[b"1", b"2"])),
    "short-hash-in-a-proof": ("GetInclusionProof", log.GetInclusionProofResponse(path=[b"1"])),
    "endless-proof": (
        "GetConsistencyProof",
        log.GetConsistencyProofResponse(path=[bytes(32)] * 127),
    ),
    "long-note": ("GetCheckpoint", log.GetCheckpointResponse(note="n" * (1 << 17))),
    "entries-beyond-the-size": (
        "ListEntries",
        directory.ListEntriesResponse(entries=[b"1"], size=0),
    ),
    "size-beyond-the-store": ("ListEntries", directory.ListEntriesResponse(size=1 << 63)),
    "root-without-version": ("SubmitRoot", directory.SubmitRootResponse()),
    "entry-beyond-the-store": ("SubmitEntry", directory.SubmitEntryResponse(index=1 << 63)),
    "more-stored-than-there-is": (
        "PutAttachmentChunk",
        attachment.PutAttachmentChunkResponse(stored=5),
    ),
    "a-larger-chunk-than-asked-for": (
        "GetAttachmentChunk",
        attachment.GetAttachmentChunkResponse(data=bytes(5), length=5),
    ),
    "endless-topics": ("ListTopics", subscriber.ListTopicsResponse(next_page_token="more")),
    "a-topic-that-is-none": (
        "ListTopics",
        subscriber.ListTopicsResponse(topics=[subscriber.TopicView(name="../etc")]),
    ),
}


@pytest.mark.parametrize(("name", "said"), BAD_LISTS.values(), ids=BAD_LISTS)
async def test_an_answer_out_of_bounds_is_malformed(
    misled: GrpcBroker, rogue: Rogue, name: str, said: Message
) -> None:
    rogue.says[name] = [said]
    calls = {
        "ListLeaves": misled.leaves(LogKind.ACTS, 0, 1),
        "GetInclusionProof": misled.inclusion(LogKind.ACTS, 0, 1),
        "GetConsistencyProof": misled.consistency(LogKind.ACTS, 1, 2),
        "GetCheckpoint": misled.checkpoint(LogKind.ACTS),
        "ListEntries": misled.entries(0),
        "SubmitRoot": misled.submit_root(b"root"),
        "SubmitEntry": misled.submit_entry(b"entry"),
        "PutAttachmentChunk": misled.put_attachment_chunk(
            attachment_id=bytes(16), length=4, digest=bytes(32), offset=0, data=b"four"
        ),
        "GetAttachmentChunk": misled.get_attachment_chunk(
            originator="gr-pol",
            notice_id=bytes(16),
            attachment_id=bytes(16),
            offset=0,
            max_bytes=4,
        ),
        "ListTopics": misled.topics(),
    }
    chosen = calls.pop(name)
    for other in calls.values():
        other.close()
    assert (await refused(chosen)).reason is Reason.MALFORMED


async def test_closing_under_a_call_is_an_error_and_no_cancellation(
    greek: GrpcBroker, services: StandInServices
) -> None:
    reached = asyncio.Event()

    async def pull(*_: object) -> list[object]:
        reached.set()
        await asyncio.Event().wait()
        return []

    services.subscriptions.pull = pull  # type: ignore[method-assign, assignment]
    pulling = asyncio.ensure_future(greek.pull("desk", FILTER, max_frames=1, wait_ms=30_000))
    await reached.wait()
    await greek.close()
    assert (await refused(pulling)).reason is Reason.BROKER_UNREACHABLE
    assert (await refused(greek.roots())).reason is Reason.BROKER_UNREACHABLE


async def test_a_cancelled_task_stays_cancelled(
    greek: GrpcBroker, services: StandInServices
) -> None:
    reached = asyncio.Event()

    async def pull(*_: object) -> list[object]:
        reached.set()
        await asyncio.Event().wait()
        return []

    services.subscriptions.pull = pull  # type: ignore[method-assign, assignment]
    pulling = asyncio.ensure_future(greek.pull("desk", FILTER, max_frames=1, wait_ms=30_000))
    await reached.wait()
    pulling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pulling
    assert len(await greek.roots()) == 1
