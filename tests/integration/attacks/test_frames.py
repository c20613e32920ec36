# SPDX-License-Identifier: Apache-2.0
"""Frames that are wrong, each in one way: refused with the reason, and nothing is stored."""

import secrets
from collections.abc import Callable
from dataclasses import replace

import grpc
import pytest
from tocsin.v1 import subscriber_service_pb2

from keys.envelope import NO_PREVIOUS, AttachmentRef, Frame, FrameHeader, SealedNotice
from keys.framing import sha256
from tests.integration.attacks.frames import (
    PUBLISH,
    Told,
    call,
    first,
    leaf_kinds,
    publish,
    refused,
    request,
)
from tests.integration.attacks.served import CLOSED_TOPIC, Served
from tests.simulator.federation import DAY, HOUR, Federation, notice_draft
from tests.unit.keys.frames import header_with, recipient_with, signed_again

pytestmark = pytest.mark.e2e

LIST_TOPICS = "/tocsin.v1.SubscriberService/ListTopics"


def with_recipients(federation: Federation, frame: Frame, places: list[int]) -> Frame:
    """Return the frame signed again with its recipients at these places, in this order."""
    return signed_again(
        federation,
        frame,
        recipients=[frame.recipients[place] for place in places],
        wraps=[frame.wraps[place] for place in places],
    )


def with_recipient(federation: Federation, frame: Frame, **changes: object) -> Frame:
    """Return the frame signed again with its last recipient changed."""
    changed = (*frame.recipients[:-1], recipient_with(frame, -1, **changes))
    return signed_again(federation, frame, recipients=changed)


def with_header(signed_by: Federation, frame: Frame, **changes: object) -> Frame:
    return signed_again(signed_by, frame, header=header_with(frame, **changes))


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def missing_attachment(federation: Federation) -> Frame:
    reference = AttachmentRef(id=secrets.token_bytes(16), digest=bytes(32), length=1)
    return first(federation, [notice_draft(now=federation.now, attachments=(reference,))])


WRONG: dict[str, tuple[Callable[[Federation, Frame], Frame], Told]] = {
    "nobody": (
        lambda _, frame: replace(frame, recipients=(), wraps=()),
        Told("LIMIT_EXCEEDED", {"limit": "recipients", "allowed": "1000", "got": "0"}),
    ),
    "1002 recipients": (
        lambda _, frame: replace(frame, recipients=frame.recipients * 501),
        Told("LIMIT_EXCEEDED", {"limit": "recipients", "allowed": "1000", "got": "1002"}),
    ),
    "nothing": (
        lambda _, frame: replace(frame, notices=()),
        Told("LIMIT_EXCEEDED", {"limit": "notices", "allowed": "256", "got": "0"}),
    ),
    "257 notices": (
        lambda _, frame: replace(frame, notices=frame.notices * 257),
        Told("LIMIT_EXCEEDED", {"limit": "notices", "allowed": "256", "got": "257"}),
    ),
    "bodies of more than 2 MiB": (
        lambda _, frame: replace(frame, notices=(replace(frame.notices[0], body=bytes(2 << 20)),)),
        Told(
            "LIMIT_EXCEEDED",
            {"limit": "notice_bytes", "allowed": str(2 << 20)},
        ),
    ),
    "a statement that ends early": (
        lambda federation, frame: signed_again(federation, frame, statement=frame.statement[:-1]),
        Told("MALFORMED", {}),
    ),
    "a statement with more behind it": (
        lambda federation, frame: signed_again(
            federation, frame, statement=frame.statement + b"\0"
        ),
        Told("MALFORMED", {}),
    ),
    "no statement": (lambda _, frame: replace(frame, statement=b""), Told("MALFORMED", {})),
    "no signature": (lambda _, frame: replace(frame, signature=b""), Told("SIGNATURE_INVALID", {})),
    "the Ed25519 half alone": (
        lambda _, frame: replace(frame, signature=frame.signature[:64]),
        Told("SIGNATURE_INVALID", {}),
    ),
    "a wrong Ed25519 half": (
        lambda _, frame: replace(frame, signature=flipped(frame.signature, 5)),
        Told("SIGNATURE_INVALID", {}),
    ),
    "a wrong ML-DSA half": (
        lambda _, frame: replace(frame, signature=flipped(frame.signature, 500)),
        Told("SIGNATURE_INVALID", {}),
    ),
    "a signature over a directory entry": (
        lambda federation, frame: signed_again(
            federation, frame, payload_type="application/vnd.tocsin.directory-entry.v1"
        ),
        Told("SIGNATURE_INVALID", {}),
    ),
    "the signature of another frame": (
        lambda federation, frame: replace(frame, signature=first(federation).signature),
        Told("SIGNATURE_INVALID", {}),
    ),
    "the header of another frame": (
        lambda federation, frame: replace(frame, header=first(federation).header),
        Told("STATEMENT_MISMATCH", {}),
    ),
    "the notices of another frame": (
        lambda federation, frame: replace(frame, notices=first(federation).notices),
        Told("STATEMENT_MISMATCH", {}),
    ),
    "the wraps of another frame": (
        lambda federation, frame: replace(frame, wraps=first(federation).wraps),
        Told("STATEMENT_MISMATCH", {}),
    ),
    "wraps exchanged": (
        lambda _, frame: replace(frame, wraps=frame.wraps[::-1]),
        Told("STATEMENT_MISMATCH", {}),
    ),
    "a wrap too many": (
        lambda _, frame: replace(frame, wraps=(*frame.wraps, frame.wraps[0])),
        Told("STATEMENT_MISMATCH", {}),
    ),
    "a recipient fewer than signed": (
        lambda _, frame: replace(frame, recipients=frame.recipients[:1], wraps=frame.wraps[:1]),
        Told("STATEMENT_MISMATCH", {}),
    ),
    "a notice more than signed": (
        lambda federation, frame: replace(
            frame, notices=(*frame.notices, *first(federation).notices)
        ),
        Told("STATEMENT_MISMATCH", {}),
    ),
    "recipients out of order": (
        lambda federation, frame: with_recipients(federation, frame, [1, 0]),
        Told("MALFORMED", {}),
    ),
    "a recipient twice": (
        lambda federation, frame: with_recipients(federation, frame, [0, 1, 1]),
        Told("MALFORMED", {}),
    ),
    "the originator not among the recipients": (
        lambda federation, frame: with_recipients(federation, frame, [1]),
        Told("MALFORMED", {}),
    ),
    "a notice id twice": (
        lambda federation, frame: signed_again(federation, frame, notices=frame.notices * 2),
        Told("MALFORMED", {}),
    ),
    "a header that is none": (
        lambda federation, frame: signed_again(federation, frame, header=b"no header"),
        Told("MALFORMED", {}),
    ),
    "a notice header that is none": (
        lambda federation, frame: signed_again(
            federation, frame, notices=[SealedNotice(header=b"no header", body=b"body")]
        ),
        Told("MALFORMED", {}),
    ),
    "a recipient that is none": (
        lambda federation, frame: signed_again(
            federation, frame, recipients=[frame.recipients[0], b"no recipient"]
        ),
        Told("MALFORMED", {}),
    ),
    "another federation": (
        lambda federation, frame: with_header(federation, frame, federation=bytes(32)),
        Told("WRONG_FEDERATION", {}),
    ),
    "made half an hour from now": (
        lambda federation, frame: with_header(
            federation, frame, created_at=federation.now + HOUR // 2
        ),
        Told("CLOCK_SKEW", {}),
    ),
    "made before its keyset signs": (
        lambda federation, frame: with_header(
            federation, frame, created_at=federation.now - 31 * DAY
        ),
        Told("SIGNATURE_INVALID", {}),
    ),
    "another directory than there was": (
        lambda federation, frame: with_header(
            federation,
            frame,
            directory=replace(FrameHeader.decode(frame.header).directory, root=bytes(32)),
        ),
        Told("RESEAL_REQUIRED", {"cause": "directory"}),
    ),
    "an unknown topic": (
        lambda federation, frame: with_header(federation, frame, topic="trafficking/none"),
        Told("TOPIC_UNKNOWN", {"topic": "trafficking/none"}),
    ),
    "a topic that is not the recipient's": (
        lambda federation, frame: with_header(federation, frame, topic=CLOSED_TOPIC),
        Told("DENIED", {"agency": "ro-pol"}),
    ),
    "an unknown recipient": (
        lambda federation, frame: with_recipient(federation, frame, agency="xx-pol"),
        Told("DENIED", {"agency": "xx-pol", "rules": "code:unknown-agency"}),
    ),
    "a locked recipient": (
        lambda federation, _: first(federation, to=["mt-pol"]),
        Told("DENIED", {"agency": "mt-pol", "rules": "code:inactive"}),
    ),
    "a retired recipient": (
        lambda federation, _: first(federation, to=["lu-pol"]),
        Told("DENIED", {"agency": "lu-pol", "rules": "code:inactive"}),
    ),
    "an auditor as recipient": (
        lambda federation, _: first(federation, to=["eu-aud"]),
        Told("DENIED", {"agency": "eu-aud", "rules": "code:auditor"}),
    ),
    "a recipient outside the topic's circles": (
        lambda federation, _: first(federation, to=["us-pol"]),
        Told("DENIED", {"agency": "us-pol"}),
    ),
    "a key that is not the recipient's": (
        lambda federation, frame: with_recipient(federation, frame, key_id="another"),
        Told("RESEAL_REQUIRED", {"cause": "key", "agency": "ro-pol"}),
    ),
    "a second number before the first": (
        lambda federation, frame: with_recipient(federation, frame, seq=2, prev=bytes([7]) * 32),
        Told("CHAIN_BROKEN", {"agency": "ro-pol", "expected": "1"}),
    ),
    "the greatest number": (
        lambda federation, frame: with_recipient(
            federation, frame, seq=(1 << 63) - 1, prev=bytes([7]) * 32
        ),
        Told("CHAIN_BROKEN", {"agency": "ro-pol", "expected": "1"}),
    ),
    "an attachment that is not there": (
        lambda federation, _: missing_attachment(federation),
        Told("ATTACHMENT_MISSING", {}),
    ),
}


async def heads(channel: grpc.aio.Channel) -> dict[str, int]:
    told = await call(channel, LIST_TOPICS, b"")
    listed = subscriber_service_pb2.ListTopicsResponse.FromString(told.answer)
    return {topic.name: topic.head for topic in listed.topics}


@pytest.mark.parametrize("name", WRONG)
async def test_a_frame_that_is_wrong_is_refused_and_leaves_a_refusal_alone(
    broker: Served, greek: grpc.aio.Channel, auditor: grpc.aio.Channel, name: str
) -> None:
    make, expected = WRONG[name]
    frame = make(broker.federation, first(broker.federation))
    before, stood = await leaf_kinds(auditor), await heads(greek)
    answer = await refused(greek, frame)
    assert answer.reason == expected.reason, answer
    assert expected.metadata.items() <= answer.metadata.items()
    assert await heads(greek) == stood
    assert set((await leaf_kinds(auditor))[len(before) :]) <= {"refuse", "read-log"}


@pytest.mark.parametrize("kind", ["denied", "too many notices", "a notice away from its place"])
async def test_a_refusal_is_one_leaf(broker: Served, auditor: grpc.aio.Channel, kind: str) -> None:
    before = await leaf_kinds(auditor)
    frame = first(broker.federation, originator="it-pol", to=["us-pol"])
    data = {
        "denied": request(frame),
        "too many notices": request(replace(frame, notices=frame.notices * 257)),
        "a notice away from its place": request(frame) + b"\x0a\x04\x22\x02\x08\x05",
    }[kind]
    async with broker.address.agency("it-pol") as italian:
        assert (await call(italian, PUBLISH, data)).reason != "OK"
    after = [kind for kind in (await leaf_kinds(auditor))[len(before) :] if kind != "read-log"]
    assert after == ["refuse"]


async def test_the_frame_that_all_others_were_made_from_is_accepted(
    broker: Served, greek: grpc.aio.Channel
) -> None:
    assert (await publish(greek, first(broker.federation))).sequence > 0


async def test_a_frame_of_somebody_else_is_refused(
    broker: Served, romanian: grpc.aio.Channel
) -> None:
    assert (await refused(romanian, first(broker.federation))).reason == "NOT_ORIGINATOR"


async def test_a_notice_away_from_its_place_is_refused(
    broker: Served, greek: grpc.aio.Channel
) -> None:
    whole = request(first(broker.federation))
    for more in (
        b"\x0a\x04\x22\x02\x08\x00",  # index 0 a second time
        b"\x0a\x04\x22\x02\x08\x05",  # index 5 as the second
        b"\x0a\x06\x22\x04\x08\x01\x22\x00",  # with a path
    ):
        assert (await call(greek, PUBLISH, whole + more)).reason == "MALFORMED"


async def test_two_frames_in_one_request_are_refused(
    broker: Served, greek: grpc.aio.Channel
) -> None:
    one, other = first(broker.federation), first(broker.federation, to=["it-pol"])
    assert (await call(greek, PUBLISH, request(one) + request(other))).reason == "MALFORMED"


async def test_a_frame_sent_twice_is_stored_once(broker: Served, greek: grpc.aio.Channel) -> None:
    frame = first(broker.federation)
    once, again = await publish(greek, frame), await publish(greek, frame)
    assert (once.duplicate, again.duplicate) == (False, True)
    assert (once.sequence, once.log) == (again.sequence, again.log)


async def test_other_bytes_under_a_known_seal_id_are_refused(
    broker: Served, greek: grpc.aio.Channel
) -> None:
    seal_id = secrets.token_bytes(16)
    await publish(greek, first(broker.federation, seal_id=seal_id))
    other = first(broker.federation, seal_id=seal_id)
    assert (await refused(greek, other)).reason == "ALREADY_EXISTS"


async def test_other_bytes_under_a_known_notice_id_are_refused(
    broker: Served, greek: grpc.aio.Channel
) -> None:
    draft = notice_draft(now=broker.federation.now)
    await publish(greek, first(broker.federation, [draft]))
    other = await refused(greek, first(broker.federation, [draft]))
    assert other == Told("ALREADY_EXISTS", {"notice": draft.header.notice_id.hex()})


async def test_the_notice_id_of_another_agency_is_free(
    broker: Served, greek: grpc.aio.Channel
) -> None:
    draft = notice_draft(now=broker.federation.now)
    await publish(greek, first(broker.federation, [draft]))
    async with broker.address.agency("it-pol") as italian:
        frame = first(broker.federation, [draft], originator="it-pol")
        assert not (await publish(italian, frame)).duplicate


async def test_a_second_frame_that_does_not_name_the_first_is_refused(
    broker: Served, greek: grpc.aio.Channel
) -> None:
    outlet = secrets.token_bytes(16)
    opening = first(broker.federation, outlet=outlet)
    await publish(greek, opening)
    digest = sha256(opening.statement)
    for chain in (
        {"gr-pol": (2, digest), "ro-pol": (2, bytes([9]) * 32)},
        {"gr-pol": (2, digest), "ro-pol": (3, digest)},
        {"gr-pol": (2, digest), "ro-pol": (1, NO_PREVIOUS)},
    ):
        told = await refused(greek, first(broker.federation, outlet=outlet, chain=chain))
        assert told == Told("CHAIN_BROKEN", {"agency": "ro-pol", "expected": "2"})
    chain = {"gr-pol": (2, digest), "ro-pol": (2, digest)}
    await publish(greek, first(broker.federation, outlet=outlet, chain=chain))
