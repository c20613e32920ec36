# SPDX-License-Identifier: Apache-2.0
"""What has to be done now and then: forget, destroy, and write what was only counted.

Attachments that nobody used are forgotten, notices that have expired destroyed.
"""

import asyncio

from broker.domain.limits import Settings
from broker.errors import BrokerError
from broker.ports.clock import Clock
from broker.ports.store import Store
from broker.services.expiring import Expiring
from broker.services.refusals import Refusals
from broker.telemetry import log_for

AT_ONCE = 64
"""Attachments deleted in one write, so that publishers do not wait long behind it."""

_log = log_for("upkeep")


class Upkeep:
    """The upkeep of one broker."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        refusals: Refusals,
        expiring: Expiring,
        settings: Settings,
    ) -> None:
        self._store = store
        self._expiring = expiring
        self._clock = clock
        self._refusals = refusals
        self._settings = settings

    async def run(self) -> None:
        """Do it again and again; when cancelled, once more what would be lost."""
        try:
            while True:
                await asyncio.sleep(self._settings.upkeep_ms / 1000)
                await self.do()
        finally:
            await self._write_refusals()

    async def do(self) -> None:
        """Do it once; what the store does not take now is done the next time."""
        await self._write_refusals()
        try:
            await self._collect()
        except BrokerError as error:
            _log.warning("attachments_not_collected", reason=error.reason.value)
        try:
            await self._expire()
        except BrokerError as error:
            _log.warning("notices_not_destroyed", reason=error.reason.value)

    async def _write_refusals(self) -> None:
        try:
            await self._refusals.flush()
        except BrokerError as error:
            _log.warning("refusals_not_written", reason=error.reason.value)

    async def _collect(self) -> None:
        before = self._clock.now() - self._settings.upload_age_ms
        collected = 0
        while (count := await self._store.collect_attachments(before, AT_ONCE)) > 0:
            collected += count
        if collected:
            _log.info("attachments_collected", count=collected)

    async def _expire(self) -> None:
        count = await self._expiring.do()
        if count:
            _log.info("notices_destroyed", frames=count)
