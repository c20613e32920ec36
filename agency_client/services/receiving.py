# SPDX-License-Identifier: Apache-2.0
"""Receiving: deliveries in, verified notices in the store, and only then the acknowledgement.

A batch is verified and opened off the event loop, checked against what the store knows, written in
one transaction and acknowledged after the commit. What does not verify is kept as a finding and
acknowledged too: it must not block the feed.
Source: design sections 2 and 4; broker.md section 2.4 for the stream.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from agency_client.domain.delivery import (
    Acknowledged,
    CaughtUp,
    CheckpointSeen,
    Cursor,
    Delivered,
    Delivery,
    Draining,
    Filter,
    Heartbeat,
    HistoryGone,
    Opened,
    PolicyChanged,
    SubscriptionEvent,
)
from agency_client.domain.findings import Finding, FindingKind
from agency_client.domain.patterns import matches
from agency_client.domain.records import Evidence, KeptFrame
from agency_client.domain.views import ReceiveReport
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import Broker, SubscriptionStream
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.checkpoints import CheckpointService
from agency_client.services.directory import DirectoryService
from agency_client.services.filing import file_batch
from agency_client.services.reading import Read, SetAside, not_subscribed, read_delivery
from keys.identities import DecryptionKey

CREDIT_FRAMES = 128
CREDIT_BYTES = 16 * 1024 * 1024
"""What the broker may send ahead: some ten milliseconds of work, and a bound on memory."""

BATCH_FRAMES = 64
"""Frames in one transaction: enough to spread the cost of its fsync, few enough to show at once."""

MOST_WAITING = 4096
"""Events that may wait to be taken, of whatever kind: a peer must not fill our memory."""

ACKNOWLEDGE_SECONDS = 10
"""How long a catch-up waits for the broker to confirm its last acknowledgement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBatch:
    """What one transaction stored: row ids of its notices, and its frames and findings."""

    rows: tuple[int, ...]
    frames: tuple[KeptFrame, ...]
    findings: tuple[Finding, ...]
    cursors: tuple[Cursor, ...]


class Receiver:
    """Receives for one profile; the caller holds the receiver's lock."""

    def __init__(
        self,
        *,
        broker: Broker,
        store: Store,
        directory: DirectoryService,
        checkpoints: CheckpointService,
        keys: Mapping[str, DecryptionKey],
        clock: Clock,
    ) -> None:
        self._broker = broker
        self._store = store
        self._directory = directory
        self._checkpoints = checkpoints
        self._keys = keys
        self._clock = clock

    async def catch_up(self, wanted: Filter) -> ReceiveReport:
        """Receive until all that was stored when the stream opened has arrived and is acknowledged.

        Raises:
            AgencyError: the broker cannot be reached, or refuses.
        """
        report = ReceiveReport(frames=0, notices=0, stubs=0, withheld=0, findings=())
        all_came = asyncio.Event()
        async for batch in self.session(wanted, until_caught_up=True, caught_up=all_came.set):
            report = _added(report, batch)
        return replace(report, is_complete=all_came.is_set())

    async def session(
        self,
        wanted: Filter,
        *,
        until_caught_up: bool = False,
        opened: Callable[[], None] | None = None,
        caught_up: Callable[[], None] | None = None,
    ) -> AsyncGenerator[StoredBatch, None]:
        """Yield batches of one stream as they are stored; ends where the broker ends the stream.

        Args:
            wanted: what to receive.
            until_caught_up: end when all that was stored before has arrived.
            opened: told when the broker has opened the stream.
            caught_up: told when all has arrived and is stored, of a stream that ends then; not
                where the broker ended it before.

        Raises:
            AgencyError: the broker cannot be reached, or refuses.
        """
        subscription = await asyncio.to_thread(self._store.inbox.subscription)
        session = _Session(
            subscription=subscription,
            wanted=wanted,
            until_caught_up=until_caught_up,
            opened=opened,
            caught_up=caught_up,
        )
        while session.again:
            session.again = False
            async with (
                self._broker.subscribe(
                    subscription, wanted, frames=CREDIT_FRAMES, size=CREDIT_BYTES
                ) as stream,
                _Pump(stream) as pump,
            ):
                async for batch in self._batches(session, stream, pump):
                    yield batch
            for cursor in session.ahead:
                await self._broker.seek(subscription, cursor)

    async def _batches(
        self, session: "_Session", stream: SubscriptionStream, pump: "_Pump"
    ) -> AsyncGenerator[StoredBatch, None]:
        while events := await pump.take(BATCH_FRAMES):
            await self._note_events(session, events)
            if session.ahead:
                return
            deliveries = [event.delivery for event in events if isinstance(event, Delivered)]
            if deliveries:
                batch = await self.store(session.subscription, deliveries, session.wanted)
                broken = await self._acknowledge(stream, batch, deliveries)
                session.sent.update({one.topic: one.sequence for one in batch.cursors})
                yield batch
                if broken is not None:
                    raise broken
            if session.until_caught_up and pump.caught_up and pump.empty:
                if session.caught_up is not None:
                    session.caught_up()
                if session.all_acknowledged:
                    return
                pump.hurry(ACKNOWLEDGE_SECONDS)

    async def _acknowledge(
        self, stream: SubscriptionStream, batch: StoredBatch, deliveries: Sequence[Delivery]
    ) -> AgencyError | None:
        """Tell the broker what is stored; return what went wrong: the batch is ours all the same.

        It would not come as new again, so it is handed on before a broken stream is told of.
        """
        try:
            for cursor in batch.cursors:
                await stream.acknowledge(cursor)
            await stream.add_credit(len(deliveries), sum(one.size for one in deliveries))
        except AgencyError as error:
            return error
        return None

    async def _note_events(self, session: "_Session", events: Sequence[SubscriptionEvent]) -> None:
        if any(isinstance(event, PolicyChanged) for event in events):
            await self._directory.sync()
        for event in events:
            match event:
                case Opened():
                    await self._note_cursors(session, event)
                    if session.opened is not None:
                        session.opened()
                case Acknowledged(cursor=cursor):
                    session.acknowledged[cursor.topic] = cursor.sequence
                case CheckpointSeen(note=note):
                    await self._hold_to(note)
                case HistoryGone():
                    await self._note_gone(event)
                case _:
                    pass

    async def _note_cursors(self, session: "_Session", opened: Opened) -> None:
        """Where the broker's cursors are ahead of the store, which was restored, go back."""
        held = await asyncio.to_thread(self._store.inbox.cursors, session.subscription)
        session.ahead = tuple(
            Cursor(topic=one.topic, sequence=held.get(one.topic, 0))
            for one in opened.cursors
            if one.sequence > held.get(one.topic, 0)
        )
        session.again = bool(session.ahead)

    async def _hold_to(self, note: str) -> None:
        """Check and pin the log's newest checkpoint; one that does not follow becomes a finding."""
        # A log in doubt must not stop what is signed by others, and other trouble meets the feed.
        with contextlib.suppress(AgencyError):
            await self._checkpoints.adopt(note)
            await self._checkpoints.compare_heads()

    async def _note_gone(self, event: HistoryGone) -> None:
        finding = Finding(
            kind=FindingKind.HISTORY_GONE,
            reason="history_gone",
            detail=f"the broker keeps frames from {event.first_available} on only",
            at_ms=self._clock.now_ms(),
            topic=event.topic,
        )
        await asyncio.to_thread(self._store.inbox.add_findings, [Evidence(finding=finding)])

    async def store(
        self, subscription: str, deliveries: Sequence[Delivery], wanted: Filter
    ) -> StoredBatch:
        """Verify, open and store deliveries; the caller acknowledges them afterwards."""
        now = self._clock.now_ms()
        results = await asyncio.to_thread(self._read, deliveries, wanted, now)
        behind = [isinstance(one, SetAside) and one.behind for one in results]
        if any(behind) and await self._directory.sync():
            again = [one for one, is_behind in zip(deliveries, behind, strict=True) if is_behind]
            read = iter(await asyncio.to_thread(self._read, again, wanted, now))
            results = [
                next(read) if is_behind else one
                for one, is_behind in zip(results, behind, strict=True)
            ]
        batch = await asyncio.to_thread(
            file_batch,
            self._store.inbox,
            subscription,
            deliveries,
            results,
            agency=self._agency,
            now=now,
        )
        rows = await asyncio.to_thread(self._store.inbox.record, batch, now)
        return StoredBatch(
            rows=tuple(rows),
            frames=batch.frames,
            findings=tuple(evidence.finding for evidence in batch.findings),
            cursors=batch.cursors,
        )

    @property
    def _agency(self) -> str:
        return self._directory.current.agency

    def _read(
        self, deliveries: Sequence[Delivery], wanted: Filter, now: int
    ) -> list[Read | SetAside]:
        federation = self._directory.current
        return [
            read_delivery(one, federation, self._keys, now, wanted)
            if any(matches(pattern, one.topic) for pattern in wanted.topics)
            else not_subscribed(one, now)
            for one in deliveries
        ]


@dataclass(kw_only=True)
class _Session:
    """What one subscription stream has come to; `ahead` are places to go back to before the next.

    It is opened again where there are any.
    """

    subscription: str
    wanted: Filter
    until_caught_up: bool
    opened: Callable[[], None] | None
    caught_up: Callable[[], None] | None
    again: bool = True
    ahead: tuple[Cursor, ...] = ()
    sent: dict[str, int] = field(default_factory=dict)
    acknowledged: dict[str, int] = field(default_factory=dict)

    @property
    def all_acknowledged(self) -> bool:
        """Whether the broker confirmed every acknowledgement sent."""
        return all(self.acknowledged.get(topic, 0) >= at for topic, at in self.sent.items())


class _Pump:
    """Moves events from a stream into a queue, so that a batch can be taken at once.

    Credit bounds the queue, and a broker that exceeds its credit loses the stream.
    """

    def __init__(self, stream: SubscriptionStream) -> None:
        self._stream = stream
        self._queue: asyncio.Queue[SubscriptionEvent | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._patience: float | None = None
        self._frames = 0
        self._bytes = 0
        self.caught_up = False
        self._ended = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        task = self._task
        if task is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            async for event in self._stream.events():
                if isinstance(event, Heartbeat):
                    continue
                self._admit(event)
                self._queue.put_nowait(event)
                if isinstance(event, Draining):
                    break
        finally:
            self._queue.put_nowait(None)

    def _admit(self, event: SubscriptionEvent) -> None:
        """Refuse what we gave no credit for; of bytes, a last frame may go beyond it."""
        if isinstance(event, Delivered):
            self._frames += 1
            self._bytes += event.delivery.size
        beyond = self._frames > CREDIT_FRAMES or self._bytes > 2 * CREDIT_BYTES
        if beyond or self._queue.qsize() >= MOST_WAITING:
            raise AgencyError(Reason.LIMIT_EXCEEDED, "the broker sends more than it has credit for")

    @property
    def empty(self) -> bool:
        """Whether nothing is waiting to be taken."""
        return self._queue.empty()

    def hurry(self, seconds: float) -> None:
        """Let the next takes give up after `seconds`."""
        self._patience = seconds

    async def take(self, most: int) -> list[SubscriptionEvent]:
        """Return up to `most` events, waiting for the first; none where the stream has ended.

        Raises:
            AgencyError: the stream broke.
        """
        taken: list[SubscriptionEvent] = []
        while not self._ended and len(taken) < most:
            if taken and self._queue.empty():
                break
            event = await self._next()
            if event is None:
                self._ended = True
                break
            if isinstance(event, Delivered):
                self._frames -= 1
                self._bytes -= event.delivery.size
            self.caught_up = self.caught_up or isinstance(event, CaughtUp)
            taken.append(event)
        if not taken and self._task is not None and self._task.done():
            await self._task
        return taken

    async def _next(self) -> SubscriptionEvent | None:
        try:
            async with asyncio.timeout(self._patience):
                return await self._queue.get()
        except TimeoutError:
            return None


def _added(report: ReceiveReport, batch: StoredBatch) -> ReceiveReport:
    forms = [frame.form for frame in batch.frames]
    return ReceiveReport(
        frames=report.frames + len(batch.frames),
        notices=report.notices + len(batch.rows),
        stubs=report.stubs + forms.count("stub"),
        withheld=report.withheld + sum(len(frame.withheld) for frame in batch.frames),
        findings=(*report.findings, *batch.findings),
    )
