# SPDX-License-Identifier: Apache-2.0
"""Somebody in a hurry goes by the newest directory that can be had, and by the one held else."""

from typing import Any, cast

import pytest

from agency_client.bootstrap.people import People
from agency_client.domain.views import Viewer
from agency_client.errors import AgencyError, Reason
from keys.errors import DirectoryError, TrustError
from keys.errors import Reason as TrustReason

DUTY = Viewer(name="duty")
AWAY = AgencyError(Reason.BROKER_UNREACHABLE, "the broker is away")
FORGED = DirectoryError(TrustReason.ENTRY_INVALID, "an entry is not signed")


class Recorded:
    """Break-glass and post that only say that they were asked."""

    def __init__(self, trouble: AgencyError | TrustError | None = None) -> None:
        self.asked: list[str] = []
        self._trouble = trouble

    async def fetch(self) -> None:
        self.asked.append("fetch")
        if self._trouble is not None:
            raise self._trouble

    async def open(self, reference: str, viewer: Viewer, *, reason: str, ticket: str) -> str:
        self.asked.append("open")
        return f"{reference} {viewer.name} {reason} {ticket}"

    async def try_send(self) -> None:
        self.asked.append("send")


@pytest.mark.parametrize("trouble", [None, AWAY, FORGED])
async def test_the_directory_is_fetched_first_and_its_absence_stops_nobody(
    trouble: AgencyError | TrustError | None,
) -> None:
    recorded = Recorded(trouble)
    stand_in = cast("Any", recorded)
    people = People(
        register=stand_in,
        approvals=stand_in,
        break_glass=stand_in,
        releases=stand_in,
        recalls=stand_in,
        post=stand_in,
        fetch=recorded.fetch,
    )
    opened = await people.open_in_danger("a/b", DUTY, reason="danger", ticket="4711")
    assert str(opened) == "a/b duty danger 4711"
    assert recorded.asked == ["fetch", "open", "send"]
