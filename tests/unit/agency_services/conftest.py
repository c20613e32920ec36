# SPDX-License-Identifier: Apache-2.0
"""A federation, a broker in memory, and agencies with real stores in a folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.simulator.agency import ManualClock, SimulatedAgency, open_agency, working_federation
from tests.simulator.broker import MemoryBroker
from tests.simulator.federation import Federation, Member

Opening = Callable[[str], SimulatedAgency]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def federation() -> Federation:
    return working_federation(
        (
            "gr-pol",
            "ro-pol",
            Member(agency="bg-pol", asserts_roles=("ANALYST", "LIAISON")),
            "hr-ngo",
            Member(agency="eu-audit", role="auditor"),
        )
    )


@pytest.fixture
def broker(federation: Federation, clock: ManualClock) -> MemoryBroker:
    return MemoryBroker(federation, clock)


@pytest.fixture
def open_profile(
    federation: Federation, broker: MemoryBroker, clock: ManualClock, tmp_path: Path
) -> Iterator[Opening]:
    opened: list[SimulatedAgency] = []

    def opening(name: str) -> SimulatedAgency:
        opened.append(open_agency(federation, broker, name, tmp_path / name, clock))
        return opened[-1]

    yield opening
    for one in opened:
        one.store.close()


@pytest.fixture
def gr(open_profile: Opening) -> SimulatedAgency:
    return open_profile("gr-pol")


@pytest.fixture
def ro(open_profile: Opening) -> SimulatedAgency:
    return open_profile("ro-pol")
