# SPDX-License-Identifier: Apache-2.0
"""A broker's services with a federation of four agencies under the standard rule book."""

import pytest

from tests.simulator.federation import Federation
from tests.unit.broker_services.world import World, build, fresh


@pytest.fixture(scope="session")
def first_federation() -> Federation:
    return build()


@pytest.fixture
def federation(first_federation: Federation) -> Federation:
    return fresh(first_federation)


@pytest.fixture
async def world(federation: Federation) -> World:
    return await World.of(federation)
