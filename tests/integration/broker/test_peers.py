# SPDX-License-Identifier: Apache-2.0
"""Who gets as far as a call, and what each kind of peer may call."""

import asyncio
import ssl
import struct
from itertools import starmap
from pathlib import Path

import grpc
import pytest
from tocsin.v1 import directory_service_pb2, publisher_service_pb2, subscriber_service_pb2
from tocsin.v1.directory_service_pb2_grpc import DirectoryServiceStub
from tocsin.v1.log_service_pb2 import GetCheckpointRequest
from tocsin.v1.log_service_pb2_grpc import LogServiceStub
from tocsin.v1.publisher_service_pb2_grpc import PublisherServiceStub
from tocsin.v1.subscriber_service_pb2_grpc import SubscriberServiceStub

from keys.tls import agency_spiffe_id, issue_leaf, make_root, to_pem
from tests.integration.broker.calling import Address, told
from tests.integration.broker.standins import StandInServices
from tests.simulator.federation import DAY, NOW, YEARS, Federation

ROOTS = directory_service_pb2.ListRootsRequest()
ENTRY = directory_service_pb2.SubmitEntryRequest(entry=b"entry")
ROOT = directory_service_pb2.SubmitRootRequest(root=b"root")
TOPICS = subscriber_service_pb2.ListTopicsRequest()
FRAME = publisher_service_pb2.PublishRequest()


async def refusal(call: object) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call  # type: ignore[misc]
    code, reason, _ = told(refused.value)
    return code, reason


async def ask_by_hand(
    broker: Address, federation: Federation, folder: Path, version: ssl.TLSVersion
) -> bytes:
    """Call ListRoots in bare HTTP/2, as gRPC's own client cannot be kept below TLS 1.3."""
    leaf = federation.agencies["gr-pol"].tls_leaf
    (folder / "leaf.pem").write_bytes(leaf.certificate_pem + leaf.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=to_pem(broker.root).decode())
    context.load_cert_chain(folder / "leaf.pem")
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", broker.port, ssl=context, server_hostname="broker.tocsin"
    )
    headers = {
        ":method": "POST",
        ":scheme": "https",
        ":path": "/tocsin.v1.DirectoryService/ListRoots",
        ":authority": "broker.tocsin",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + http2(4, 0, 0))
    writer.write(http2(1, 4, 1, b"".join(starmap(literal, headers.items()))))
    writer.write(http2(0, 1, 1, bytes(5)))
    received = b""
    while b"grpc-status" not in received:
        received += await reader.read(65536)
    writer.transport.abort()
    return received


def http2(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name: str, value: str) -> bytes:
    """A header field never indexed, without Huffman coding (RFC 7541 section 6.2.3)."""
    return b"\x10" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


async def connection_code(channel: grpc.aio.Channel) -> grpc.StatusCode:
    async with channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await DirectoryServiceStub(channel).ListRoots(ROOTS, timeout=5)
    return refused.value.code()


async def test_an_enrolled_agency_is_served(greek: grpc.aio.Channel) -> None:
    answer = await DirectoryServiceStub(greek).ListRoots(ROOTS)
    assert len(answer.roots) == 1


@pytest.mark.must("TLS-1")
async def test_a_peer_without_certificate_is_refused(broker: Address) -> None:
    assert await connection_code(broker.channel(None)) is grpc.StatusCode.UNAVAILABLE


@pytest.mark.must("TLS-1")
async def test_plaintext_is_refused(broker: Address) -> None:
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{broker.port}")
    assert await connection_code(channel) is grpc.StatusCode.UNAVAILABLE


async def test_a_certificate_of_a_root_nobody_enrolled_is_refused(broker: Address) -> None:
    root = make_root("foreign", not_before=NOW - DAY, not_after=NOW + YEARS)
    leaf = issue_leaf(
        root, uri=agency_spiffe_id("gr-pol"), not_before=NOW - DAY, not_after=NOW + YEARS
    )
    assert await connection_code(broker.channel(leaf)) is grpc.StatusCode.UNAVAILABLE


@pytest.mark.must("TLS-3")
async def test_an_enrolled_root_cannot_name_another_agency(
    broker: Address, federation: Federation
) -> None:
    leaf = issue_leaf(
        federation.agencies["ro-pol"].tls_root,
        uri=agency_spiffe_id("gr-pol"),
        not_before=NOW - DAY,
        not_after=NOW + YEARS,
    )
    async with broker.channel(leaf) as channel:
        answer = await refusal(DirectoryServiceStub(channel).ListRoots(ROOTS))
    assert answer == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


async def test_the_brokers_own_certificate_is_no_peer(
    broker: Address, federation: Federation
) -> None:
    assert (
        await connection_code(broker.channel(federation.broker.tls_leaf))
        is grpc.StatusCode.UNAVAILABLE
    )


@pytest.mark.must("TLS-1")
async def test_tls_1_2_is_refused(broker: Address, federation: Federation, tmp_path: Path) -> None:
    answer = await ask_by_hand(broker, federation, tmp_path, ssl.TLSVersion.TLSv1_2)
    assert b"the peer is not an enrolled party" in answer


async def test_the_same_bytes_over_tls_1_3_are_served(
    broker: Address, federation: Federation, tmp_path: Path
) -> None:
    answer = await ask_by_hand(broker, federation, tmp_path, ssl.TLSVersion.TLSv1_3)
    assert federation.signed_roots[0].body in answer


async def test_an_agency_enrolled_a_moment_ago_gets_in_without_a_restart(
    broker: Address, federation: Federation
) -> None:
    federation.add_agency("cy-pol")
    async with broker.agency("cy-pol") as channel:
        answer = await DirectoryServiceStub(channel).ListRoots(ROOTS)
    assert len(answer.roots) == 1


@pytest.mark.must("TLS-6")
async def test_a_locked_agency_is_refused_at_its_next_call(
    greek: grpc.aio.Channel, federation: Federation
) -> None:
    await DirectoryServiceStub(greek).ListRoots(ROOTS)
    federation.lock("gr-pol")
    answer = await refusal(DirectoryServiceStub(greek).ListRoots(ROOTS))
    assert answer == (grpc.StatusCode.PERMISSION_DENIED, "AGENCY_LOCKED")


@pytest.mark.must("RPC-1")
async def test_a_steward_may_submit_but_not_publish(broker: Address) -> None:
    async with broker.steward() as channel:
        submitted = await refusal(DirectoryServiceStub(channel).SubmitEntry(ENTRY))
        published = await refusal(PublisherServiceStub(channel).Publish(FRAME))
    assert submitted == (grpc.StatusCode.FAILED_PRECONDITION, "NOT_ENOUGH_SIGNATURES")
    assert published == (grpc.StatusCode.PERMISSION_DENIED, "DENIED")


@pytest.mark.must("RPC-1")
async def test_an_agency_may_not_submit_a_root(greek: grpc.aio.Channel) -> None:
    answer = await refusal(DirectoryServiceStub(greek).SubmitRoot(ROOT))
    assert answer == (grpc.StatusCode.PERMISSION_DENIED, "DENIED")


async def test_of_an_agency_only_its_own_card_may_be_taken(
    greek: grpc.aio.Channel, broker: Address, services: StandInServices
) -> None:
    await refusal(DirectoryServiceStub(greek).SubmitEntry(ENTRY))
    async with broker.steward() as steward:
        await refusal(DirectoryServiceStub(steward).SubmitEntry(ENTRY))
    assert services.directory.cards_of == ["gr-pol", ""]


async def test_an_auditor_reads_the_log_and_no_topic(broker: Address) -> None:
    async with broker.agency("eu-aud") as channel:
        answer = await LogServiceStub(channel).GetCheckpoint(GetCheckpointRequest())
        topics = await refusal(SubscriberServiceStub(channel).ListTopics(TOPICS))
    assert answer.note.startswith("broker.tocsin/log\n")
    assert topics == (grpc.StatusCode.PERMISSION_DENIED, "DENIED")
