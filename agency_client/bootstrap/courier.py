# SPDX-License-Identifier: Apache-2.0
"""Sending for as long as somebody waits, or in the background, without keeping others out.

`services.sending` knows how a frame is sent; here is for how long, how often, and that the outlet
is let go between attempts.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from agency_client.bootstrap.outlet import Outlet
from agency_client.domain.outbox import pause_ms
from agency_client.domain.views import SendReport
from agency_client.errors import AgencyError, Reason
from agency_client.ports.clock import Clock, Entropy
from agency_client.ports.store import Store
from agency_client.services.directory import DirectoryService
from agency_client.services.sending import Progress, Sender

SLICE_MS = 400
"""Time after which an attempt that goes well is followed by another one only after others had
their turn; less than the first pause, so that one which fails is a slice of its own."""
GRACE_MS = 2_000
"""What an attempt under way may take beyond the time that somebody waits."""

NOTHING = SendReport(accepted=0, refused=0, waiting=0)
Settled = Callable[[], Awaitable[bool]]


class Courier:
    """Sends what waits in the outbox of one profile; one drain at a time."""

    def __init__(
        self,
        *,
        sender: Sender,
        outlet: Outlet,
        directory: DirectoryService,
        store: Store,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._sender = sender
        self.outlet = outlet
        self._directory = directory
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._turn = asyncio.Lock()

    async def send(
        self, until_ms: int, *, settled: Settled | None = None, progress: Progress | None = None
    ) -> SendReport:
        """Send until the outbox is empty, `settled` says so, the time is over, or we may not send.

        Raises:
            AgencyError: PROFILE_IN_USE, or of the store.
        """
        total, failed = NOTHING, 0
        while True:
            report = await self._once_in_time(until_ms, progress)
            total = _added(total, report)
            failed = 0 if report.accepted or report.refused else failed + 1
            now = self._clock.now_ms()
            if not report.waiting or report.held or now >= until_ms:
                return total
            if settled is not None and await settled():
                return total
            pause = pause_ms(failed, self._entropy.jitter()) if failed else 0
            await self._clock.sleep(min(pause, until_ms - now))

    async def _once_in_time(self, until_ms: int, progress: Progress | None) -> SendReport:
        """Make one attempt that ends soon after `until_ms`, whatever the broker does."""
        left = max(0, until_ms - self._clock.now_ms()) + GRACE_MS
        try:
            async with asyncio.timeout(left / 1000):
                return await self.attempt(until_ms, progress)
        except TimeoutError:
            waiting, _ = await asyncio.to_thread(self._store.outbox.count)
            return replace(
                NOTHING,
                waiting=waiting,
                problem="the broker did not answer in time",
                problem_reason=Reason.DEADLINE_EXCEEDED,
            )

    async def attempt(self, until_ms: int, progress: Progress | None = None) -> SendReport:
        """Send for a slice of time; what was refused because we are behind is read up on.

        Raises:
            AgencyError: PROFILE_IN_USE, or of the store.
        """
        async with self._turn, self.outlet.held():
            until = min(until_ms, self._clock.now_ms() + SLICE_MS)
            report = await self._sender.drain(until, progress)
            if report.problem_reason == Reason.RESEAL_REQUIRED:
                await self._catch_up()
            return report

    async def _catch_up(self) -> None:
        """Fetch the directory; where that fails, the next refusal says so again."""
        try:
            await self._directory.sync()
        except AgencyError as error:
            if error.reason is Reason.DIRECTORY_INVALID:
                raise


def _added(total: SendReport, report: SendReport) -> SendReport:
    return replace(
        report,
        accepted=total.accepted + report.accepted,
        refused=total.refused + report.refused,
    )
