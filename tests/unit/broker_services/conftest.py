# SPDX-License-Identifier: Apache-2.0
"""A broker's services with a federation of four agencies under the standard rule book."""

import pytest

from tests.simulator.federation import Federation
from tests.unit.broker_services.world import World, build


@pytest.fixture
def federation() -> Federation:
    return build()


@pytest.fixture
async def world(federation: Federation) -> World:
    return await World.of(federation)
