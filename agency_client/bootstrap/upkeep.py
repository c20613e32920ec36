# SPDX-License-Identifier: Apache-2.0
"""What goes on behind an open subscription: frames and mail go out, mail comes in, notices end.

Trouble with one of these is no reason to stop the others, or to stop receiving: it is tried again,
later each time.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from agency_client.bootstrap.courier import Courier
from agency_client.bootstrap.exchange import Exchange
from agency_client.domain.outbox import pause_ms
from agency_client.errors import AgencyError
from agency_client.ports.clock import Clock, Entropy
from agency_client.ports.store import Store

INDEX_AT_ONCE = 256
"""Notices in one transaction of the index: receiving waits for it some ten milliseconds."""
LOOK_SECONDS = 2.0
"""How often it is looked whether another process of the profile left something to do."""
WAIT_MS = 20_000
"""How long the broker is asked to wait for mail before it answers that there is none."""
HASTE_MS = 1_000
"""A broker that does not wait is not asked again at once."""


class Upkeep:
    """The background work of one profile in this process; shared by its subscriptions."""

    def __init__(
        self,
        *,
        courier: Courier,
        exchange: Exchange,
        store: Store,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._courier = courier
        self._exchange = exchange
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._sending = asyncio.Event()
        self._indexing = asyncio.Event()
        self._tidying = asyncio.Event()
        self._posting = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin, if it is not under way."""
        if not self._tasks:
            works = (
                self._send(),
                self._again(self._fetch),
                self._again(self._tidy),
                self._again(self._post),
                self._again(self._index),
            )
            self._tasks = {asyncio.create_task(work, name="upkeep") for work in works}

    async def stop(self) -> None:
        """End it and wait until it has ended."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def check(self) -> None:
        """Raise what ended it, if something did that nobody expected."""
        for task in self._tasks:
            if task.done():
                task.result()

    def wake(self) -> None:
        """Look now whether there is something to do."""
        for event in (self._sending, self._indexing, self._tidying, self._posting):
            event.set()

    async def _send(self) -> None:
        failed = 0
        while True:
            waiting = await self._sent()
            failed = failed + 1 if waiting else 0
            if waiting:
                await self._clock.sleep(pause_ms(failed, self._entropy.jitter()))
            else:
                await _told(self._sending)

    async def _sent(self) -> bool:
        """Make one attempt if there is anything to send; return whether it has to be made again."""
        try:
            frames, _ = await asyncio.to_thread(self._store.outbox.count)
            if not frames:
                return False
            report = await self._courier.attempt(self._clock.now_ms())
        except AgencyError:
            return True
        return bool(report.waiting) and not report.accepted

    async def _again(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do a work over and over; after trouble with a pause, which grows."""
        failed = 0
        while True:
            try:
                await work()
                failed = 0
            except AgencyError:
                failed += 1
                await self._clock.sleep(pause_ms(failed, self._entropy.jitter()))

    async def _fetch(self) -> None:
        """Wait for mail and keep it; what it asks is done at once."""
        asked = self._clock.now_ms()
        mail, _ = await self._exchange.fetch(WAIT_MS)
        if mail:
            self._tidying.set()
        elif self._clock.now_ms() - asked < HASTE_MS:
            await self._clock.sleep(HASTE_MS)

    async def _tidy(self) -> None:
        await self._exchange.tidy()
        self._posting.set()
        await _told(self._tidying)

    async def _post(self) -> None:
        await self._exchange.post.send()
        await _told(self._posting)

    async def _index(self) -> None:
        if not await asyncio.to_thread(self._store.search.index, INDEX_AT_ONCE):
            await _told(self._indexing)


async def _told(event: asyncio.Event) -> None:
    """Wait until told, or a while."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOOK_SECONDS):
            await event.wait()
    event.clear()
