# SPDX-License-Identifier: Apache-2.0
"""A broker's services, or a broker in memory with its agencies, for each test that asks for one."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.simulator.agency import (
    ManualClock,
    SimulatedAgency,
    open_agency,
    working_federation,
)
from tests.simulator.broker import MemoryBroker
from tests.simulator.federation import Federation
from tests.unit.protocol.desk import Desk, opened
from tests.unit.protocol.material import ORIGINATOR, READER
from tests.unit.protocol.receiving import Opening


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as desk:
        yield desk


@pytest.fixture
def held() -> Federation:
    return working_federation()


@pytest.fixture
def broker(held: Federation) -> MemoryBroker:
    return MemoryBroker(held, ManualClock())


@pytest.fixture
def profile(held: Federation, broker: MemoryBroker, tmp_path: Path) -> Iterator[Opening]:
    open_ones: list[SimulatedAgency] = []

    def opening(name: str) -> SimulatedAgency:
        open_ones.append(open_agency(held, broker, name, tmp_path / name, ManualClock()))
        return open_ones[-1]

    yield opening
    for one in open_ones:
        one.store.close()


@pytest.fixture
def gr(profile: Opening) -> SimulatedAgency:
    return profile(ORIGINATOR)


@pytest.fixture
def ro(profile: Opening) -> SimulatedAgency:
    return profile(READER)
