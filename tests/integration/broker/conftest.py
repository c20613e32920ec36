# SPDX-License-Identifier: Apache-2.0
"""A broker's edge on loopback with real TLS, over stand-in services."""

from collections.abc import AsyncIterator

import grpc
import pytest

from broker.ports.entropy import SystemEntropy
from broker.rpc.certificates import Certificates
from broker.rpc.server import RpcServer
from broker.telemetry import Metrics
from tests.integration.broker.calling import Address
from tests.integration.broker.standins import StandInServices
from tests.simulator.federation import Federation, Member, build_federation


@pytest.fixture
def federation() -> Federation:
    auditor = Member(agency="eu-aud", role="auditor", country="DE")
    return build_federation(["gr-pol", "ro-pol", "hr-ngo", auditor])


@pytest.fixture
def services(federation: Federation) -> StandInServices:
    return StandInServices(federation)


@pytest.fixture
async def server(services: StandInServices) -> AsyncIterator[RpcServer]:
    broker = services.federation.broker
    server = RpcServer(
        services=services,
        certificates=Certificates(
            lambda: broker.tls_leaf, broker.tls_root.certificate, services.directory
        ),
        entropy=SystemEntropy(),
        metrics=Metrics(),
    )
    await server.start("127.0.0.1", 0)
    yield server
    await server.stop(grace=0)


@pytest.fixture
def broker(server: RpcServer, federation: Federation) -> Address:
    return Address(federation=federation, port=server.port)


@pytest.fixture
async def greek(broker: Address) -> AsyncIterator[grpc.aio.Channel]:
    """A channel of gr-pol."""
    async with broker.agency("gr-pol") as channel:
        yield channel
