# SPDX-License-Identifier: Apache-2.0
"""Following topics for as long as somebody listens: through restarts of the broker and bad lines.

Notices are verified, stored and acknowledged by `services.receiving`, written into our own log of
openings by `services.viewing`, and only then handed out. What was stored while nobody listened is
in the inbox. All of the topics is received, whatever of it is asked for: a listener for one type
must not cost the agency its copy of the others. Before a stream, encryption keys that are over are
destroyed, once everything was received that they open.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from agency_client.bootstrap.upkeep import Upkeep
from agency_client.domain.delivery import Filter
from agency_client.domain.outbox import pause_ms
from agency_client.domain.patterns import matches
from agency_client.domain.views import NoticeView, Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.ports.clock import Clock, Entropy
from agency_client.ports.store import Store
from agency_client.services.key_ending import EVERYTHING, KeyEnding
from agency_client.services.receiving import Receiver
from agency_client.services.viewing import ViewingService

SHOWN_AT_ONCE = 16
"""Notices under one leaf of the own log: it names hardly more than were looked at."""

WELL_MS = 10_000
"""A stream that lasted so long, or brought a notice, was well: the next pause is a first one."""

PASSING = frozenset(
    {
        Reason.BROKER_UNREACHABLE,
        Reason.DEADLINE_EXCEEDED,
        Reason.DRAINING,
        Reason.OUTCOME_UNKNOWN,
        Reason.STORAGE_FULL,
        Reason.READ_ONLY,
        Reason.INTERNAL,
        Reason.LIMIT_EXCEEDED,
        Reason.MALFORMED,
        Reason.AGENCY_LOCKED,
        Reason.CLOCK_SKEW,
    }
)
"""What may be over when the stream is opened again. An agency that is locked listens for the day
on which it is not."""

Troubled = Callable[[AgencyError], None]
Recovered = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """Follows topics for one profile."""

    receiver: Receiver
    viewing: ViewingService
    key_ending: KeyEnding
    upkeep: Upkeep
    granted: asyncio.Queue[int]
    store: Store
    clock: Clock
    entropy: Entropy

    async def notices(
        self,
        wanted: Filter,
        viewer: Viewer,
        troubled: Troubled | None,
        recovered: Recovered | None,
    ) -> AsyncGenerator[NoticeView, None]:
        """Yield notices as they are stored; ends only with an error.

        Args:
            wanted: topics to follow, types and originators to hand out.
            viewer: who looks.
            troubled: told of each problem that is waited out.
            recovered: told when the broker has opened the stream after one.

        Raises:
            AgencyError: PROFILE_IN_USE; the broker refuses for good; or of the store.
        """
        with self.store.locks.receiver():
            self.upkeep.start()
            try:
                failed, is_troubled, is_open = 0, False, False

                def opened() -> None:
                    nonlocal is_troubled, is_open
                    if is_troubled and recovered is not None:
                        recovered()
                    is_troubled, is_open = False, True

                while True:
                    self.upkeep.check()
                    began, is_open = self.clock.now_ms(), False
                    try:
                        session = self._session(wanted, viewer, opened, troubled)
                        async with aclosing(session):
                            async for view in session:
                                failed = 0
                                yield view
                    except AgencyError as error:
                        if error.reason not in PASSING and not (is_open and _is_renewed(error)):
                            raise
                        if troubled is not None:
                            troubled(error)
                        failed, is_troubled = failed + 1, True
                    if self.clock.now_ms() - began >= WELL_MS:
                        failed = 0
                    await self.clock.sleep(pause_ms(failed, self.entropy.jitter()))
            finally:
                await self.upkeep.stop()

    async def _session(
        self,
        wanted: Filter,
        viewer: Viewer,
        opened: Callable[[], None],
        troubled: Troubled | None,
    ) -> AsyncGenerator[NoticeView, None]:
        """Yield the notices of one stream and of what is granted meanwhile; keys are ended before.

        What comes when keys are ended is yielded too.
        """
        whole = self.receiver.session(Filter(topics=wanted.topics), opened=opened)
        async with aclosing(whole):
            stored = (batch.rows async for batch in whole)
            for arriving in (self._ending_keys(wanted, troubled), beside(stored, self.granted)):
                async with aclosing(self._shown(arriving, wanted, viewer)) as views:
                    async for view in views:
                        yield view

    async def _ending_keys(
        self, wanted: Filter, troubled: Troubled | None
    ) -> AsyncGenerator[tuple[int, ...], None]:
        """Destroy what encryption keys of ours are over; yield what was received for that before.

        Trouble with it is no reason to stop receiving: it is tried again before the next stream.
        """
        due, all_came = self.key_ending.due(), asyncio.Event()
        if not due:
            return
        stream = self.receiver.session(EVERYTHING, until_caught_up=True, caught_up=all_came.set)
        async with aclosing(stream) as batches:
            async for batch in batches:
                yield await asyncio.to_thread(self._followed, batch.rows, wanted)
        try:
            await self.key_ending.end(due if all_came.is_set() else ())
        except AgencyError as error:
            if troubled is not None:
                troubled(error)

    def _followed(self, rows: tuple[int, ...], wanted: Filter) -> tuple[int, ...]:
        """Return those rows whose topic is followed."""
        return tuple(
            row.id
            for row in self.store.inbox.rows(rows)
            if any(matches(pattern, row.topic) for pattern in wanted.topics)
        )

    async def _shown(
        self, arriving: AsyncGenerator[tuple[int, ...], None], wanted: Filter, viewer: Viewer
    ) -> AsyncGenerator[NoticeView, None]:
        """Yield the notices that are wanted, a few at once; whatever arrives wakes the upkeep."""
        async with aclosing(arriving) as arrived:
            async for rows in arrived:
                self.upkeep.check()
                self.upkeep.wake()
                for start in range(0, len(rows), SHOWN_AT_ONCE):
                    some = rows[start : start + SHOWN_AT_ONCE]
                    for view in await self.viewing.stream(some, viewer, wanted):
                        yield view


async def beside(
    stored: AsyncGenerator[tuple[int, ...], None], granted: asyncio.Queue[int]
) -> AsyncGenerator[tuple[int, ...], None]:
    """Yield what either brings, as it comes, until `stored` ends."""
    batch = asyncio.ensure_future(anext(stored))
    grant = asyncio.ensure_future(granted.get())
    try:
        while True:
            await asyncio.wait((batch, grant), return_when=asyncio.FIRST_COMPLETED)
            if grant.done():
                row, grant = grant.result(), asyncio.ensure_future(granted.get())
                yield (row,)
            if batch.done():
                try:
                    yield batch.result()
                except StopAsyncIteration:
                    return
                batch = asyncio.ensure_future(anext(stored))
    finally:
        if grant.done() and not grant.cancelled():
            granted.put_nowait(grant.result())
        for task in (batch, grant):
            task.cancel()
        await asyncio.gather(batch, grant, return_exceptions=True)


def _is_renewed(error: AgencyError) -> bool:
    """Whether an open stream may have ended for its certificate alone: the next has a newer one."""
    return error.reason is Reason.UNAUTHENTICATED
