# SPDX-License-Identifier: Apache-2.0
"""Reading the agency's own log: who looked at what, and what else it tells of our people.

It names notices that whoever reads it may not see, so that takes an auditor or a supervisor where
officers are registered; and that it was read stands in it too. Whether it is whole is not asked
here (`services.own_log`).
"""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice

from agency_client.domain.openings import OpeningKind
from agency_client.domain.records import Opening
from agency_client.domain.views import Viewer
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.approvals import who_acts
from agency_client.services.officers import OfficerRegister
from officers.people import AUDITOR, SUPERVISOR

BLOCK = 512
"""Rows read at once."""


class OwnLogReading:
    """Reads the log of one profile, newest first."""

    def __init__(self, *, store: Store, register: OfficerRegister, clock: Clock) -> None:
        self._store = store
        self._register = register
        self._clock = clock

    async def read(
        self, viewer: Viewer, *, limit: int, about: str = ""
    ) -> Sequence[tuple[int, Opening]]:
        """Return the newest entries with their places.

        Args:
            viewer: who reads it.
            limit: how many at most.
            about: only those that name this notice: its reference, or the beginning of its id.

        Raises:
            AgencyError: OFFICER_NEEDED, OFFICER_UNKNOWN, OFFICER_REFUSED; STORE_FAILED where it
                cannot be written down that it was read: nothing is shown then.
        """
        return await asyncio.to_thread(self._read, viewer, limit, about)

    def _read(self, viewer: Viewer, limit: int, about: str) -> Sequence[tuple[int, Opening]]:
        record = self._register.acting(viewer)
        if record is not None:
            record = self._register.officer(viewer, AUDITOR, SUPERVISOR)
        size, _ = self._store.openings.head()
        self._store.openings.append(
            Opening(
                kind=OpeningKind.LOG,
                at_ms=self._clock.now_ms(),
                who=who_acts(record, viewer),
                purpose=viewer.purpose,
                case=viewer.case,
                notices=(),
            )
        )
        found = (one for one in self._newest(size) if not about or _names(one[1], about))
        return tuple(islice(found, limit))

    def _newest(self, size: int) -> Iterator[tuple[int, Opening]]:
        for start in reversed(range(0, size, BLOCK)):
            rows = self._store.openings.leaves(start, min(BLOCK, size - start))
            for place in reversed(range(len(rows))):
                yield start + place, rows[place][2]


def _names(opening: Opening, about: str) -> bool:
    return any(
        reference == about or reference.partition("/")[2].startswith(about.lower())
        for reference in opening.notices
    )
