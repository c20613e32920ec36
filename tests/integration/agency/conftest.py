# SPDX-License-Identifier: Apache-2.0
"""A broker's real edge on loopback over stand-in services, and an agency's line to it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agency_client.bootstrap.system import SystemEntropy as AgencyEntropy
from agency_client.transport.broker import GrpcBroker
from broker.ports.entropy import SystemEntropy
from broker.rpc.certificates import Certificates
from broker.rpc.server import RpcServer
from broker.telemetry import Metrics
from tests.integration.agency.rogue import Rogue, identity_of
from tests.integration.agency.world import World
from tests.integration.broker.standins import StandInServices
from tests.simulator.federation import Federation, build_federation


@pytest.fixture
def federation() -> Federation:
    return build_federation(["gr-pol", "ro-pol", "hr-ngo"])


@pytest.fixture
def services(federation: Federation) -> StandInServices:
    return StandInServices(federation)


def edge_of(services: StandInServices) -> RpcServer:
    broker = services.federation.broker
    return RpcServer(
        services=services,
        certificates=Certificates(
            lambda: broker.tls_leaf, broker.tls_root.certificate, services.directory
        ),
        entropy=SystemEntropy(),
        metrics=Metrics(),
    )


@pytest.fixture
async def server(services: StandInServices) -> AsyncIterator[RpcServer]:
    server = edge_of(services)
    await server.start("127.0.0.1", 0)
    yield server
    await server.stop(grace=0)


@pytest.fixture
async def greek(server: RpcServer, federation: Federation) -> AsyncIterator[GrpcBroker]:
    """The broker as gr-pol reaches it."""
    identity = identity_of(federation, "gr-pol")
    broker = GrpcBroker(f"127.0.0.1:{server.port}", lambda: identity)
    yield broker
    await broker.close()


@pytest.fixture
async def rogue(federation: Federation) -> AsyncIterator[Rogue]:
    """A server with the broker's certificate that answers whatever a test tells it to."""
    async with Rogue.listening(federation) as rogue:
        yield rogue


@pytest.fixture
async def misled(rogue: Rogue, federation: Federation) -> AsyncIterator[GrpcBroker]:
    """The rogue as gr-pol reaches it."""
    identity = identity_of(federation, "gr-pol")
    broker = GrpcBroker(rogue.address, lambda: identity)
    yield broker
    await broker.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """gr-pol and ro-pol, enrolled, and a broker in process that serves them."""
    world = await World.make(tmp_path)
    world.add("gr-pol", "ro-pol")
    await world.start()
    world.enrol("gr-pol", "ro-pol")
    yield world
    await world.stop()


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the lower half of each pause: a test is no herd."""
    monkeypatch.setattr(AgencyEntropy, "jitter", lambda _: 0.0)
