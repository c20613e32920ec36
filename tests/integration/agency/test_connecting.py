# SPDX-License-Identifier: Apache-2.0
"""Before a call: who answers, with which certificate, over which TLS, or not at all."""

import asyncio
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tocsin.v1 import directory_service_pb2 as directory

from agency_client.errors import AgencyError, Reason
from agency_client.transport.broker import GrpcBroker
from broker.rpc.server import RpcServer
from keys.tls import BROKER_NAME, CertifiedKey, issue_leaf, make_root
from tests.integration.agency.conftest import edge_of
from tests.integration.agency.rogue import Rogue, identity_of
from tests.integration.broker.standins import StandInServices
from tests.simulator.federation import DAY, NOW, YEARS, Federation

ROOT = Path(__file__).parents[3]


async def failure(broker: GrpcBroker) -> AgencyError:
    with pytest.raises(AgencyError) as caught:
        await broker.roots()
    await broker.close()
    return caught.value


def reached_at(address: str, federation: Federation) -> GrpcBroker:
    identity = identity_of(federation, "gr-pol")
    return GrpcBroker(address, lambda: identity)


@asynccontextmanager
async def listening(saying: bytes = b"") -> AsyncIterator[str]:
    """Take connections, say something that is not TLS, and hang up."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(saying)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def test_a_broker_that_is_away_is_unreachable(federation: Federation) -> None:
    async with listening() as address:
        pass
    error = await failure(reached_at(address, federation))
    assert (error.reason, error.message) == (
        Reason.BROKER_UNREACHABLE,
        f"nothing listens at {address}",
    )


async def test_a_server_without_tls_is_not_spoken_to(federation: Federation) -> None:
    async with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as address:
        error = await failure(reached_at(address, federation))
    assert error.reason is Reason.BROKER_UNREACHABLE
    assert "does not speak TLS" in error.message


async def test_a_server_that_hangs_up_is_unreachable(federation: Federation) -> None:
    async with listening() as address:
        error = await failure(reached_at(address, federation))
    assert error.reason is Reason.BROKER_UNREACHABLE


async def test_a_name_that_nobody_knows_is_unreachable(federation: Federation) -> None:
    error = await failure(reached_at("no-such-host.invalid:7443", federation))
    assert error.reason is Reason.BROKER_UNREACHABLE


def leaf_of(federation: Federation, **changed: object) -> CertifiedKey:
    fields = {
        "names": (BROKER_NAME,),
        "not_before": NOW - DAY,
        "not_after": NOW + YEARS,
        **changed,
    }
    return issue_leaf(federation.broker.tls_root, **fields)  # type: ignore[arg-type]


@pytest.mark.must("TLS-7")
async def test_a_server_under_another_root_is_not_the_broker(federation: Federation) -> None:
    other = make_root("broker", not_before=NOW - DAY, not_after=NOW + YEARS)
    leaf = issue_leaf(other, names=(BROKER_NAME,), not_before=NOW - DAY, not_after=NOW + YEARS)
    async with Rogue.listening(federation, leaf) as rogue:
        error = await failure(reached_at(rogue.address, federation))
    assert error.reason is Reason.BROKER_UNREACHABLE
    assert "another root" in error.message
    assert rogue.heard == []


@pytest.mark.must("TLS-7")
async def test_a_server_of_another_name_is_not_the_broker(federation: Federation) -> None:
    leaf = leaf_of(federation, names=("localhost", "127.0.0.1"))
    async with Rogue.listening(federation, leaf) as rogue:
        error = await failure(reached_at(rogue.address, federation))
    assert error.reason is Reason.BROKER_UNREACHABLE
    assert "names another" in error.message


@pytest.mark.parametrize(
    "dates",
    [
        {"not_before": NOW - 9 * DAY, "not_after": NOW - 8 * DAY},
        {"not_before": NOW + YEARS - DAY, "not_after": NOW + YEARS},
    ],
    ids=["expired", "not-yet"],
)
async def test_a_certificate_outside_its_time_points_to_the_clocks(
    federation: Federation, dates: dict[str, int]
) -> None:
    async with Rogue.listening(federation, leaf_of(federation, **dates)) as rogue:
        error = await failure(reached_at(rogue.address, federation))
    assert error.reason is Reason.CLOCK_SKEW
    assert "clock" in error.message


async def test_an_agency_that_nobody_admitted_is_turned_away(
    server: RpcServer, federation: Federation
) -> None:
    stranger = make_root("xx-pol", not_before=NOW - DAY, not_after=NOW + YEARS)
    leaf = issue_leaf(
        stranger,
        uri="spiffe://xx-pol.tocsin/gateway",
        not_before=NOW - DAY,
        not_after=NOW + YEARS,
    )
    known = identity_of(federation, "gr-pol")
    shown = replace(known, certificate=leaf.certificate_pem, key=leaf.key_pem)
    error = await failure(GrpcBroker(f"127.0.0.1:{server.port}", lambda: shown))
    assert error.reason is Reason.BROKER_UNREACHABLE


@pytest.mark.slow
async def test_a_host_that_says_nothing_is_given_up(federation: Federation) -> None:
    silent = asyncio.Event()

    async def wait(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    server = await asyncio.start_server(wait, "127.0.0.1", 0)
    async with asyncio.timeout(20):
        port = server.sockets[0].getsockname()[1]
        error = await failure(reached_at(f"127.0.0.1:{port}", federation))
    silent.set()
    server.close()
    assert error.reason is Reason.BROKER_UNREACHABLE
    assert "does not finish" in error.message


async def test_a_broker_that_comes_back_is_reached_at_the_next_call(
    services: StandInServices, federation: Federation
) -> None:
    first = edge_of(services)
    port = await first.start("127.0.0.1", 0)
    broker = reached_at(f"127.0.0.1:{port}", federation)
    assert len(await broker.roots()) == 1
    await first.stop(0)
    with pytest.raises(AgencyError):
        await broker.roots()
    second = edge_of(services)
    await second.start("127.0.0.1", port)
    assert len(await broker.roots()) == 1
    await broker.close()
    await second.stop(0)


async def test_a_renewed_identity_is_shown_on_the_next_call(
    server: RpcServer, federation: Federation
) -> None:
    current = [identity_of(federation, "gr-pol")]
    broker = GrpcBroker(f"127.0.0.1:{server.port}", lambda: current[0])
    await broker.roots()
    current[0] = identity_of(federation, "ro-pol")
    federation.lock("gr-pol")
    assert len(await broker.roots()) == 1
    await broker.close()


async def test_a_stream_outlives_the_renewal_of_the_identity(
    server: RpcServer, federation: Federation, services: StandInServices
) -> None:
    current = [identity_of(federation, "gr-pol")]
    broker = GrpcBroker(f"127.0.0.1:{server.port}", lambda: current[0])
    async with broker.publish_stream() as stream:
        current[0] = replace(current[0])
        await broker.roots()
        await stream.send(1, federation.seal("gr-pol"))
        assert len(await anext(stream.outcomes())) == 1
    await broker.close()


async def test_an_identity_that_cannot_be_had_fails_the_call_and_nothing_is_sent(
    federation: Federation,
) -> None:
    def none() -> object:
        raise AgencyError(Reason.CLOCK_SKEW, "no certificate")

    async with Rogue.listening(federation) as rogue:
        rogue.says["ListRoots"] = [directory.ListRootsResponse()]
        error = await failure(GrpcBroker(rogue.address, none))  # type: ignore[arg-type]
    assert error.reason is Reason.CLOCK_SKEW
    assert rogue.heard == []


_ASK = """
import asyncio, sys
from pathlib import Path
from agency_client.transport.tls import TlsIdentity, require_tls_1_3
require_tls_1_3()
from agency_client.errors import AgencyError
from agency_client.transport.broker import GrpcBroker

async def ask():
    parts = [Path(name).read_bytes() for name in sys.argv[2:]]
    identity = TlsIdentity(certificate=parts[0], key=parts[1], broker_root=parts[2])
    broker = GrpcBroker(sys.argv[1], lambda: identity)
    try:
        await broker.roots()
    except AgencyError as error:
        print(error.reason, error.message)
    await broker.close()

asyncio.run(ask())
"""


@pytest.mark.parametrize(
    ("version", "shakes_hands"),
    [(ssl.TLSVersion.TLSv1_2, False), (ssl.TLSVersion.TLSv1_3, True)],
    ids=["1.2", "1.3"],
)
async def test_a_program_that_requires_tls_1_3_shakes_hands_with_nothing_below(
    federation: Federation, tmp_path: Path, version: ssl.TLSVersion, shakes_hands: bool
) -> None:
    identity, leaf = identity_of(federation, "gr-pol"), federation.broker.tls_leaf
    files = {
        "certificate": identity.certificate,
        "key": identity.key,
        "root": identity.broker_root,
        "server": leaf.certificate_pem + leaf.key_pem,
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = version
    context.load_cert_chain(tmp_path / "server")
    context.set_alpn_protocols(["h2"])

    shaken = asyncio.Event()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shaken.set()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    names = [str(tmp_path / name) for name in ("certificate", "key", "root")]
    clean = {name: text for name, text in os.environ.items() if not name.startswith("GRPC_")}
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _ASK, address, *names],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    server.close()
    assert ran.stderr == ""
    assert ran.stdout.startswith("BROKER_UNREACHABLE")
    assert shaken.is_set() is shakes_hands
