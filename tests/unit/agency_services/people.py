# SPDX-License-Identifier: Apache-2.0
"""Officers for tests: entered in an agency's register, each with a passphrase of their own."""

from agency_client.domain.people import OfficerRecord
from agency_client.domain.views import Viewer
from tests.simulator.agency import SimulatedAgency
from tests.simulator.federation import DAY, NOW

VETTED_UNTIL = NOW + 300 * DAY


async def enter(
    agency: SimulatedAgency,
    name: str,
    *roles: str,
    clearance: int = 2,
    vetted_until: int = VETTED_UNTIL,
) -> OfficerRecord:
    """Enter an officer whose passphrase is the name."""
    return await agency.register.add(
        name,
        roles=roles or ("ANALYST",),
        clearance=clearance,
        vetted_until=vetted_until,
        passphrase=name.encode(),
        by="administrator",
    )


def looking(name: str, purpose: str = "INVESTIGATION", case: str = "2026/114") -> Viewer:
    """Return an officer who looks."""
    return Viewer(name=name, purpose=purpose, case=case)
