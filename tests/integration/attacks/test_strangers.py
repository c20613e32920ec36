# SPDX-License-Identifier: Apache-2.0
"""Whoever is not who they should be: without certificate, with an old, foreign or borrowed one."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from tocsin.v1 import directory_service_pb2
from tocsin.v1.directory_service_pb2_grpc import DirectoryServiceStub

from keys.tls import (
    CertifiedKey,
    agency_spiffe_id,
    issue_leaf,
    make_root,
    steward_spiffe_id,
    to_pem,
)
from tests.integration.attacks.frames import SECONDS, Told, call
from tests.integration.attacks.served import Served
from tests.simulator.federation import DAY, HOUR, Federation
from tests.unit.broker_rpc.test_certificates import copied, theirs

pytestmark = pytest.mark.e2e

LIST_ROOTS = "/tocsin.v1.DirectoryService/ListRoots"
NOBODY = Told("UNAUTHENTICATED", {})


def leaf(federation: Federation, of: str, uri: str, **changes: Any) -> CertifiedKey:
    """Issue a certificate under an agency's root."""
    times = {"not_before": federation.now - DAY, "not_after": federation.now + DAY}
    return issue_leaf(federation.agencies[of].tls_root, uri=uri, **{**times, **changes})


async def turned_away(channel: grpc.aio.Channel) -> bool:
    """Whether no call is begun at all."""
    asked: Any = channel.unary_unary(LIST_ROOTS)
    async with channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await asked(b"", timeout=SECONDS)
    return caught.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_nothing_less_than_tls_1_3_is_spoken(
    broker: Served, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    own = broker.federation.agencies["gr-pol"].tls_leaf
    (tmp_path / "leaf.pem").write_bytes(own.certificate_pem + own.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=to_pem(broker.address.root).decode())
    context.load_cert_chain(tmp_path / "leaf.pem")
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"])
    opening = asyncio.open_connection(
        "127.0.0.1", broker.address.port, ssl=context, server_hostname="broker.tocsin"
    )
    if version is ssl.TLSVersion.TLSv1_2:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await opening
    else:
        _, writer = await opening
        writer.transport.abort()


async def test_plaintext_is_turned_away(broker: Served) -> None:
    assert await turned_away(grpc.aio.insecure_channel(f"127.0.0.1:{broker.address.port}"))


async def test_who_shows_no_certificate_is_turned_away(broker: Served) -> None:
    assert await turned_away(broker.address.channel(None))


@pytest.mark.must("TLS-5")
@pytest.mark.parametrize(("begin", "end"), [(-2 * DAY, -HOUR), (HOUR, DAY)])
async def test_a_certificate_outside_its_time_is_turned_away(
    broker: Served, begin: int, end: int
) -> None:
    now = broker.federation.now
    outside = leaf(
        broker.federation,
        "gr-pol",
        agency_spiffe_id("gr-pol"),
        not_before=now + begin,
        not_after=now + end,
        key=broker.federation.agencies["gr-pol"].tls_leaf.key,
    )
    assert await turned_away(broker.address.channel(outside))


async def test_a_root_that_nobody_enrolled_is_turned_away(broker: Served) -> None:
    now = broker.federation.now
    root = make_root("gr-pol", not_before=now - DAY, not_after=now + DAY)
    foreign = issue_leaf(
        root, uri=agency_spiffe_id("gr-pol"), not_before=now - DAY, not_after=now + DAY
    )
    assert await turned_away(broker.address.channel(foreign))


BORROWED: dict[str, Callable[[Federation], CertifiedKey]] = {
    "another agency": lambda one: leaf(one, "ro-pol", agency_spiffe_id("gr-pol")),
    "a steward": lambda one: leaf(one, "ro-pol", steward_spiffe_id("alpha")),
    "an agency that is not enrolled": lambda one: leaf(one, "ro-pol", agency_spiffe_id("xx-pol")),
    "itself with another key": lambda one: leaf(one, "gr-pol", agency_spiffe_id("gr-pol")),
    "nobody": lambda one: leaf(one, "gr-pol", "", names=["gr-pol.tocsin"]),
    "another domain": lambda one: leaf(one, "gr-pol", "spiffe://gr-pol.example/gateway"),
    "another workload": lambda one: leaf(one, "gr-pol", "spiffe://gr-pol.tocsin/admin"),
    "a name with more behind it": lambda one: leaf(
        one, "gr-pol", "spiffe://gr-pol.tocsin/gateway/x"
    ),
    "a name in capitals": lambda one: leaf(one, "gr-pol", "spiffe://GR-POL.tocsin/gateway"),
    "a steward's root for an agency": lambda one: issue_leaf(
        one.stewards[0].tls_root,
        uri=agency_spiffe_id("gr-pol"),
        not_before=one.now - DAY,
        not_after=one.now + DAY,
    ),
}


@pytest.mark.must("TLS-2", "TLS-3", "TLS-4")
@pytest.mark.parametrize("name", BORROWED)
async def test_a_certificate_that_names_what_it_may_not_opens_nothing(
    broker: Served, name: str
) -> None:
    async with broker.address.channel(BORROWED[name](broker.federation)) as channel:
        for path in (
            LIST_ROOTS,
            "/tocsin.v1.PublisherService/Publish",
            "/tocsin.v1.DirectoryService/SubmitEntry",
            "/grpc.health.v1.Health/Check",
        ):
            assert await call(channel, path, b"") == NOBODY


@pytest.mark.must("TLS-8")
async def test_a_root_that_copies_a_stewards_does_not_keep_the_steward_out(own: Served) -> None:
    federation = own.federation
    steward = federation.stewards[0]
    twin = copied(steward.tls_root.certificate, theirs)
    agency = federation.agencies["ro-pol"].entry
    entry = federation.propose(replace(agency, tls_roots=(twin, *agency.tls_roots)))
    submitted = directory_service_pb2.SubmitEntryRequest(entry=entry.encode())
    async with own.address.steward("beta") as channel:
        await DirectoryServiceStub(channel).SubmitEntry(submitted, timeout=SECONDS)
    async with own.address.steward("alpha") as channel:
        assert (await call(channel, LIST_ROOTS, b"")).reason == "OK"
    async with own.address.agency("ro-pol") as channel:
        assert (await call(channel, LIST_ROOTS, b"")).reason == "OK"
