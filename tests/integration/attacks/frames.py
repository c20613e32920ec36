# SPDX-License-Identifier: Apache-2.0
"""Frames to publish, each first in chains of its own, and calls with bytes as they are."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from tocsin.v1 import core_pb2, log_service_pb2, publisher_service_pb2
from tocsin.v1.log_service_pb2_grpc import LogServiceStub
from tocsin.v1.publisher_service_pb2_grpc import PublisherServiceStub

from keys.envelope import NO_PREVIOUS, Frame
from keys.logleaf import LeafBody
from keys.sealing import NoticeDraft
from tests.integration.broker.calling import told
from tests.integration.broker.installed import MARKING
from tests.integration.broker.test_publishing import publication
from tests.simulator.federation import Federation

PUBLISH = "/tocsin.v1.PublisherService/Publish"
SECONDS = 30


def first(
    federation: Federation,
    contents: Iterable[bytes | NoticeDraft] = (b"invented text",),
    *,
    originator: str = "gr-pol",
    to: Sequence[str] = ("ro-pol",),
    **more: Any,
) -> Frame:
    """Seal a frame that is the first of a new outlet, so that it follows no other."""
    chain = dict.fromkeys({originator, *to, *more.get("named", ())}, (1, NO_PREVIOUS))
    given = {"marking": MARKING, "outlet": secrets.token_bytes(16), "chain": chain, **more}
    return federation.seal(originator, contents, to=to, **given)


def request(frame: Frame) -> bytes:
    """Return the bytes of a PublishRequest."""
    message = publisher_service_pb2.PublishRequest(publication=publication(frame))
    return message.SerializeToString()


async def publish(channel: grpc.aio.Channel, frame: Frame) -> publisher_service_pb2.PublishReceipt:
    message = publisher_service_pb2.PublishRequest(publication=publication(frame))
    answer = await PublisherServiceStub(channel).Publish(message, timeout=SECONDS)
    return answer.receipt


@dataclass(frozen=True)
class Told:
    """How a call ended."""

    reason: str
    metadata: Mapping[str, str]
    answer: bytes = b""


async def call(channel: grpc.aio.Channel, method: str, data: bytes, **options: Any) -> Told:
    """Call a unary method with bytes and return "OK", or the reason in the refusal's ErrorInfo."""
    unary: Any = channel.unary_unary(method)
    try:
        answer = await unary(data, timeout=SECONDS, **options)
    except grpc.aio.AioRpcError as error:
        _, reason, metadata = told(error)
        return Told(reason, metadata)
    return Told("OK", {}, answer)


async def refused(channel: grpc.aio.Channel, frame: Frame) -> Told:
    """Return why a frame is refused."""
    return await call(channel, PUBLISH, request(frame))


async def leaf_kinds(channel: grpc.aio.Channel) -> list[str]:
    """Return the kinds of all leaves of the acts log; reading them is an act, too."""
    kinds: list[str] = []
    while True:
        asked = log_service_pb2.ListLeavesRequest(start=len(kinds), page_size=10_000)
        page = (await LogServiceStub(channel).ListLeaves(asked, timeout=SECONDS)).leaves
        kinds += [LeafBody.decode(leaf).kind for leaf in page]
        if len(page) <= 1:
            return kinds


def cursor(topic: str, sequence: int) -> core_pb2.Cursor:
    return core_pb2.Cursor(topic=topic, sequence=sequence)
