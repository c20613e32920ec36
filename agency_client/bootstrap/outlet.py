# SPDX-License-Identifier: Apache-2.0
"""Whose turn it is to publish from a profile: one process at a time, and each only for a moment.

Within this process whoever needs the outlet shares it; numbering and sending are ordered by the
services and by `Courier`. Another process that holds it, a `tocsin watch` that is sending, is
waited for, because it lets go soon.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from agency_client.errors import AgencyError, Reason
from agency_client.ports.clock import Clock
from agency_client.ports.store import Locks

PATIENCE_MS = 15_000
"""Longer than another process of the profile takes for one attempt to send."""
LOOK_MS = 50


class Outlet:
    """The outlet's lock, shared within one process."""

    def __init__(self, locks: Locks, clock: Clock) -> None:
        self._locks = locks
        self._clock = clock
        self._taking = asyncio.Lock()
        self._users = 0
        self._held = ExitStack()

    @asynccontextmanager
    async def held(self, patience_ms: int = PATIENCE_MS) -> AsyncIterator[None]:
        """Hold the outlet.

        Raises:
            AgencyError: PROFILE_IN_USE; another process does not let go of it.
        """
        async with self._taking:
            if not self._users:
                await self._take(self._clock.now_ms() + patience_ms)
            self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._held.close()

    async def _take(self, until_ms: int) -> None:
        while True:
            try:
                self._held.enter_context(self._locks.outlet())
            except AgencyError as error:
                if error.reason is not Reason.PROFILE_IN_USE or self._clock.now_ms() >= until_ms:
                    raise
            else:
                return
            await self._clock.sleep(LOOK_MS)
