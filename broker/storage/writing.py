# SPDX-License-Identifier: Apache-2.0
"""The writer's thread and the bounded queue before it.

Callers wait, in order, while the queue is full; whatever waits when the writer gets to it becomes
one commit. A caller that is cancelled while its operation is still outside the queue has not
written; one that is cancelled later has, and only does not hear of it.
"""

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from broker.errors import BrokerError
from broker.ports.store import StoreHealth, StoreState
from broker.storage.committing import Committer, Need, Outcome, Work
from broker.storage.faults import closed
from broker.storage.limits import IDLE_SECONDS, StoreLimits
from broker.storage.transaction import Operation

_OVERHEAD_BYTES = 1024
"""What an operation takes besides its own bytes: its leaf, its objects."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Job:
    work: Work
    future: asyncio.Future[Any]


class Writer:
    """Takes operations from one event loop and commits them in a thread."""

    def __init__(self, committer: Committer, limits: StoreLimits) -> None:
        """Start the thread. Called in the event loop that operations come from."""
        self._committer = committer
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._failed = asyncio.Event()
        self._closing = False
        self._waiting: deque[_Job] = deque()
        self._items = 0
        self._bytes = 0
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def health(self) -> StoreHealth:
        """How the store is."""
        return self._committer.health

    async def wait_failed(self) -> None:
        """Return when an outcome was unknown."""
        await self._failed.wait()

    async def submit(self, operation: Operation[T], size: int = 0, need: Need = Need.USUAL) -> T:
        """Run an operation; it is on stable storage on return.

        Raises:
            BrokerError: it was refused, or the store is closed, full, read-only or failed.
        """
        if self._closing:
            raise closed()
        work = Work(operation=operation, size=size + _OVERHEAD_BYTES, need=need)
        job = _Job(work=work, future=self._loop.create_future())
        self._waiting.append(job)
        self._fill()
        outcome: T = await job.future
        return outcome

    async def close(self) -> None:
        """Finish what was submitted and end the thread."""
        if not self._closing:
            self._closing = True
            self._fill()
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _fill(self) -> None:
        """Move jobs into the queue while there is room; those cancelled meanwhile fall out."""
        while self._waiting and (self._closing or self._fits(self._waiting[0].work)):
            job = self._waiting.popleft()
            if not job.future.done():
                self._items += 1
                self._bytes += job.work.size
                self._queue.put(job)

    def _fits(self, work: Work) -> bool:
        within = self._items < self._limits.queue_items
        return self._items == 0 or (within and self._bytes + work.size <= self._limits.queue_bytes)

    def _settle(self, jobs: Sequence[_Job], outcomes: Sequence[Outcome]) -> None:
        for job, outcome in zip(jobs, outcomes, strict=True):
            self._items -= 1
            self._bytes -= job.work.size
            if job.future.done():
                continue
            if isinstance(outcome, BrokerError):
                job.future.set_exception(outcome)
            else:
                job.future.set_result(outcome)
        self._note_failure()
        self._fill()

    def _note_failure(self) -> None:
        if self.health.state is StoreState.FAILED:
            self._failed.set()

    # In the writer's thread from here on.

    def _run(self) -> None:
        untidy, going_on = self._committer.is_unerased, True
        while going_on:
            jobs, going_on = self._take(IDLE_SECONDS if untidy else None)
            if jobs:
                outcomes = self._committer.commit([job.work for job in jobs])
                self._tell(self._settle, jobs, outcomes)
            untidy = self._committer.tidy(idle=not jobs)
            if self.health.state is StoreState.FAILED:
                self._tell(self._note_failure)

    def _take(self, seconds: float | None) -> tuple[list[_Job], bool]:
        """Return what waits, up to one batch, and whether more may come."""
        try:
            job = self._queue.get(timeout=seconds)
        except queue.Empty:
            return [], True
        jobs: list[_Job] = []
        size = 0
        while job is not None:
            jobs.append(job)
            size += job.work.size
            if len(jobs) >= self._limits.batch_items or size >= self._limits.batch_bytes:
                return jobs, True
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return jobs, True
        return jobs, False

    def _tell(self, callback: Any, *args: object) -> None:
        # The loop is gone where a program ended without closing the store; nobody waits then.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *args)
