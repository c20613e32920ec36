# SPDX-License-Identifier: Apache-2.0
"""What a caller may not have is answered as what does not exist, to the byte.

How long an answer takes is looked at in `test_alike_in_time`.
"""

import hashlib
import secrets
from typing import Any

import grpc
import pytest
from tocsin.v1 import attachment_service_pb2 as attachment
from tocsin.v1 import directory_service_pb2
from tocsin.v1 import subscriber_service_pb2 as subscriber
from tocsin.v1.attachment_service_pb2_grpc import AttachmentServiceStub
from tocsin.v1.directory_service_pb2_grpc import DirectoryServiceStub

from keys.envelope import AttachmentRef, Frame, NoticeHeader
from keys.fields import new_uuid7
from keys.sealing import NoticeDraft
from tests.integration.attacks.frames import SECONDS, call, first, publish
from tests.integration.attacks.served import CLOSED_TOPIC, Served
from tests.simulator.federation import HOUR, TOPIC, notice_draft

pytestmark = pytest.mark.e2e

GET_NOTICE = "/tocsin.v1.SubscriberService/GetNotice"
GET_CHUNK = "/tocsin.v1.AttachmentService/GetAttachmentChunk"
LIST_TOPICS = "/tocsin.v1.SubscriberService/ListTopics"
PULL = "/tocsin.v1.SubscriberService/Pull"
SUBSCRIBE = "/tocsin.v1.SubscriberService/Subscribe"
SEEK = "/tocsin.v1.SubscriberService/Seek"
CONTENT = b"ciphertext, as far as a broker can tell"


async def answer(channel: grpc.aio.Channel, path: str, message: Any) -> tuple[object, ...]:
    """Return all that comes back of a call that is refused."""
    asked: Any = channel.unary_stream(path)
    call_ = asked(message.SerializeToString(), timeout=SECONDS)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in call_:
            pass
    error = caught.value
    leading, trailing = error.initial_metadata(), error.trailing_metadata()
    return error.code(), error.details(), tuple(leading or ()), tuple(trailing or ())


def notice_id(frame: Frame) -> bytes:
    return NoticeHeader.decode(frame.notices[0].header).notice_id


def notice(frame: Frame) -> subscriber.GetNoticeRequest:
    return subscriber.GetNoticeRequest(originator="gr-pol", notice_id=notice_id(frame))


def piece(frame: Frame, attachment_id: bytes) -> attachment.GetAttachmentChunkRequest:
    return attachment.GetAttachmentChunkRequest(
        originator="gr-pol", notice_id=notice_id(frame), attachment_id=attachment_id
    )


async def uploaded(channel: grpc.aio.Channel) -> AttachmentRef:
    """Upload an attachment and return the reference to it."""
    made = AttachmentRef(
        id=secrets.token_bytes(16),
        digest=hashlib.sha256(CONTENT).digest(),
        length=len(CONTENT),
    )
    chunk = attachment.PutAttachmentChunkRequest(
        attachment_id=made.id, length=made.length, digest=made.digest, data=CONTENT
    )
    stub = AttachmentServiceStub(channel)
    assert (await stub.PutAttachmentChunk(chunk, timeout=SECONDS)).complete
    return made


def draft(broker: Served, held: AttachmentRef, **changes: Any) -> NoticeDraft:
    return notice_draft(now=broker.federation.now, attachments=(held,), **changes)


@pytest.mark.must("SUB-15")
async def test_notices_and_attachments_that_are_not_the_callers_are_as_if_they_were_not(
    own: Served,
) -> None:
    federation, now = own.federation, own.federation.now
    address = own.address
    async with address.agency("gr-pol") as greek, address.agency("ro-pol") as romanian:
        held = await uploaded(greek)
        frames = {
            "not addressed": first(federation, [draft(own, held)], to=["it-pol"]),
            "in a closed topic": first(
                federation, [draft(own, held)], to=["it-pol"], topic=CLOSED_TOPIC
            ),
            "expired": first(
                federation,
                [draft(own, held, valid_from=now - 2 * HOUR, expires_at=now - HOUR)],
            ),
            "not yet valid": first(federation, [draft(own, held, valid_from=now + HOUR)]),
            "not allowed any more": first(federation, [draft(own, held)]),
        }
        for frame in frames.values():
            await publish(greek, frame)
        last = frames["not allowed any more"]
        assert (
            await call(romanian, GET_CHUNK, piece(last, held.id).SerializeToString())
        ).reason == ("OK")
        await submit(own, federation.replace_agency("ro-pol", circles=("abroad",)).encode())
        nothing = subscriber.GetNoticeRequest(originator="gr-pol", notice_id=new_uuid7(now))
        absent = await answer(romanian, GET_NOTICE, nothing)
        for why, frame in frames.items():
            assert await answer(romanian, GET_NOTICE, notice(frame)) == absent, why
        for why, frame in frames.items():
            for attachment_id in (held.id, secrets.token_bytes(16)):
                assert await answer(romanian, GET_CHUNK, piece(frame, attachment_id)) == absent, why
        for name in ("ro-pol", "us-pol", "xx-pol", ""):
            other = subscriber.GetNoticeRequest(originator=name, notice_id=notice_id(last))
            assert await answer(romanian, GET_NOTICE, other) == absent


async def submit(broker: Served, entry: bytes) -> None:
    submitted = directory_service_pb2.SubmitEntryRequest(entry=entry)
    async with broker.address.steward() as channel:
        await DirectoryServiceStub(channel).SubmitEntry(submitted, timeout=SECONDS)


def pull(topic: str) -> subscriber.PullRequest:
    return subscriber.PullRequest(subscription="desk", filter=subscriber.Filter(topics=[topic]))


def subscribe(topic: str) -> subscriber.SubscribeRequest:
    wanted = subscriber.Filter(topics=[topic])
    return subscriber.SubscribeRequest(
        open=subscriber.SubscribeRequest.Open(subscription="desk", filter=wanted)
    )


def seek(topic: str) -> subscriber.SeekRequest:
    return subscriber.SeekRequest(subscription="desk", topic=topic)


@pytest.mark.parametrize(("path", "message"), [(PULL, pull), (SUBSCRIBE, subscribe), (SEEK, seek)])
async def test_a_topic_that_is_not_the_callers_is_as_if_it_were_not(
    romanian: grpc.aio.Channel, path: str, message: Any
) -> None:
    absent = "trafficking/absent"
    assert len(absent) == len(CLOSED_TOPIC)
    closed = await answer(romanian, path, message(CLOSED_TOPIC))
    nothing = await answer(romanian, path, message(absent))
    assert repr(closed) == repr(nothing).replace(absent, CLOSED_TOPIC)


async def test_a_list_of_topics_does_not_hint_at_others(
    broker: Served, romanian: grpc.aio.Channel
) -> None:
    asked = subscriber.ListTopicsRequest(page_size=1)
    told = await call(romanian, LIST_TOPICS, asked.SerializeToString())
    listed = subscriber.ListTopicsResponse.FromString(told.answer)
    assert [topic.name for topic in listed.topics] == [TOPIC]
    assert listed.next_page_token == ""
    async with broker.address.agency("us-pol") as american:
        assert (await call(american, LIST_TOPICS, b"")).answer == b""


async def test_a_page_token_that_names_a_topic_of_others_tells_nothing(
    romanian: grpc.aio.Channel,
) -> None:
    answers = [
        (
            await call(
                romanian,
                LIST_TOPICS,
                subscriber.ListTopicsRequest(page_token=token).SerializeToString(),
            )
        ).answer
        for token in (CLOSED_TOPIC, CLOSED_TOPIC[:-1], CLOSED_TOPIC + "x")
    ]
    assert answers == [b""] * 3
