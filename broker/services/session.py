# SPDX-License-Identifier: Apache-2.0
"""One live subscriber: catch-up, then each frame as it is stored, as far as its credit reaches.

Nothing is buffered but the frames of one batch, which are read only when there is credit for them;
a subscriber that does not take them holds nothing back but itself. What waits is told apart from
what is lost: a session says when it has caught up and never keeps silent for long.

A session that another stream of the same subscription takes the place of ends with
SUBSCRIPTION_BUSY, and takes no acknowledgement from then on.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass

from broker.domain.credit import Credit
from broker.domain.cursors import Cursor
from broker.domain.deliveries import Addressed, Delivered
from broker.domain.events import (
    Acknowledged,
    CaughtUp,
    CheckpointNote,
    Draining,
    Event,
    Heartbeat,
    Opened,
    PolicyChanged,
    Waiting,
)
from broker.domain.limits import Settings
from broker.errors import BrokerError, Reason, invalid
from broker.ports.clock import Clock
from broker.ports.store import Store
from broker.services.choosing import Choosing
from broker.services.delivering import (
    FRESH_MS,
    Decided,
    Delivering,
    Subscriber,
    largest_size,
)
from broker.services.directory_keeping import DirectoryKeeping
from broker.services.federation import Federation
from broker.services.feeds import Feed
from broker.services.logs import Logs
from broker.services.wakeups import Listener


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all sessions of a broker share."""

    store: Store
    clock: Clock
    directory: DirectoryKeeping
    choosing: Choosing
    delivering: Delivering
    logs: Logs
    settings: Settings


class Session:
    """One live subscriber; `broker.services.subscriptions` opens it."""

    def __init__(
        self,
        around: Surroundings,
        subscriber: Subscriber,
        credit: Credit,
        listener: Listener,
        on_close: Callable[["Session"], None],
    ) -> None:
        self._around = around
        self.subscriber = subscriber
        self._credit = credit
        self._listener = listener
        self._on_close = on_close
        self._feed = Feed()
        self._places: dict[str, int] = {}
        self._federation: Federation = around.directory.federation
        self._ready: deque[Decided] = deque()
        self._decided = (self._federation, 0)
        self._owed = 0
        self._acknowledging = asyncio.Lock()
        self._answers: dict[str, Cursor] = {}
        self._is_taken_over = False
        self._is_draining = False
        self._has_caught_up = False
        self._spoke_at = 0.0
        self._note = ""
        self._noted_at: float | None = None
        self._log_grew = True

    # What the caller does.

    def add_credit(self, grant: Credit) -> None:
        """Let that much more be delivered.

        Raises:
            BrokerError: INVALID_ARGUMENT for more than makes sense.
        """
        self._credit = self._credit.plus(grant)
        self._listener.wake()

    def charge(self, size: int) -> None:
        """Say how many bytes the delivery taken last is; else the size of its frame counts."""
        self._owed = size

    async def acknowledge(self, cursor: Cursor) -> None:
        """Move a cursor forward; it is on stable storage on return, and an event will say so.

        Raises:
            BrokerError: INVALID_ARGUMENT for a topic that is not followed or a frame that was not
                delivered; SUBSCRIPTION_BUSY; or of the store.
        """
        subscriber = self.subscriber
        async with self._acknowledging:
            self._check_held()
            if cursor.topic not in self._feed.topics:
                raise invalid("topic")
            stand = await self._around.store.acknowledge(
                subscriber.agency, subscriber.subscription, [cursor]
            )
        self.skip(stand)
        self._answers.update({one.topic: one for one in stand})
        self._listener.wake()

    def close(self) -> None:
        """Let go of the subscription; a session that was closed may be closed again."""
        self._ready.clear()
        self._on_close(self)

    # What the other sessions and calls of the same subscription do.

    def skip(self, cursors: Iterable[Cursor]) -> None:
        """Deliver nothing more of what was acknowledged."""
        for cursor in cursors:
            self._feed.acknowledge(cursor)

    async def take_over(self) -> None:
        """End the session for another in its place; return when its acknowledgements are stored."""
        self._is_taken_over = True
        self._ready.clear()
        self._listener.wake()
        async with self._acknowledging:
            pass

    def drain(self) -> None:
        """End the session with a word."""
        self._is_draining = True
        self._listener.wake()

    # The session itself.

    async def begin(self) -> None:
        """Find out where the subscription stands.

        Raises:
            BrokerError: TOPIC_UNKNOWN, SUBSCRIPTION_BUSY, or of the store.
        """
        subscriber = self.subscriber
        places = await self._around.store.places(subscriber.agency, subscriber.subscription)
        self._places = {topic: place.acknowledged for topic, place in places.items()}
        await self._follow(self._federation)
        self._check_held()

    async def events(self) -> AsyncGenerator[Event, None]:
        """Yield what the subscriber is to be told, in order.

        Raises:
            BrokerError: AGENCY_LOCKED, UNAUTHENTICATED, SUBSCRIPTION_BUSY, or of the store.
        """
        loop = asyncio.get_running_loop()
        self._spoke_at = loop.time()
        yield Opened(cursors=self._feed.cursors(), heads=self._feed.heads())
        while not self._is_draining:
            event = await self._next()
            if event is None:
                await self._listener.wait(self._deadline())
                continue
            self._spoke_at = loop.time()
            if isinstance(event, Delivered):
                self._owed = event.frame.size
                yield event
                self._credit = self._credit.minus(self._owed)
            else:
                yield event
        yield Draining()

    async def _next(self) -> Event | None:
        """Return what is to be said next; None where there is nothing to say."""
        self._check_held()
        await self._hear()
        federation = self._around.directory.standing(self.subscriber.agency)
        if federation is not self._federation:
            await self._follow(federation)
            return PolicyChanged(
                directory_size=federation.directory.size,
                rule_book_version=federation.rule_book_version,
            )
        if self._answers:
            return Acknowledged(cursor=self._answers.pop(next(iter(self._answers))))
        return await self._checkpoint() or await self._delivery() or self._state()

    def _state(self) -> Event | None:
        """Return what there is to say when nothing is delivered."""
        if not self._has_caught_up and not self._ready and self._feed.is_caught_up:
            self._has_caught_up = True
            return CaughtUp()
        if asyncio.get_running_loop().time() < self._silent_until():
            return None
        waits_for_credit = not self._credit.is_open and (self._feed.has_more or self._ready)
        waiting = Waiting.CREDIT if waits_for_credit else Waiting.NOTHING_NEW
        return Heartbeat(waiting=waiting, heads=self._feed.heads())

    async def _hear(self) -> None:
        """Take note of what was stored; a topic may come into being for us by it."""
        for topic, sequence in self._listener.take().items():
            self._log_grew = True
            if not self._feed.stored(topic, sequence) and self.subscriber.wanted.chooses([topic]):
                await self._follow(self._federation)

    async def _follow(self, federation: Federation) -> None:
        """Follow the topics that are ours under a federation."""
        subscriber = self.subscriber
        heads = await self._around.choosing.heads(subscriber.agency, federation, subscriber.wanted)
        self._feed.follow(heads, self._places)
        self._federation = federation

    async def _checkpoint(self) -> CheckpointNote | None:
        """Return a checkpoint if one is due and says something new."""
        now = asyncio.get_running_loop().time()
        if not self._log_grew or now < self._checkpoint_due():
            return None
        self._noted_at, self._log_grew = now, False
        try:
            note = await self._around.logs.shared_checkpoint(self._around.settings.checkpoint_ms)
        except BrokerError:
            # A store that takes no writes ends no session that has nothing to be written about.
            return None
        if note == self._note:
            return None
        self._note = note
        return CheckpointNote(note=note)

    async def _delivery(self) -> Delivered | None:
        """Return the next frame, decided about at this moment."""
        while self._credit.is_open:
            if not self._ready and not await self._fill():
                return None
            await self._freshen()
            self._check_held()
            while self._ready:
                decided = self._ready.popleft()
                if not self._feed.is_acknowledged(decided.cursor):
                    return decided.delivered()
        return None

    async def _fill(self) -> bool:
        """Read, decide and log a batch that the credit is enough for; False when none is left."""
        topic = self._feed.next_topic()
        if topic is None:
            return False
        around, agency, credit = self._around, self.subscriber.agency, self._credit
        frames = await around.store.read(
            agency,
            topic,
            self._feed.reached(topic),
            min(around.settings.batch_frames, credit.frames),
            min(around.settings.batch_bytes, credit.bytes),
        )
        if not frames:
            self._feed.exhaust(topic)
            return True
        chosen = _affordable(frames, credit)
        self._decided = around.directory.standing(agency), around.clock.now()
        self._ready.extend(
            await around.delivering.decide(self.subscriber, self._decided[0], chosen)
        )
        self._feed.reach(topic, chosen[-1].frame.sequence)
        self._log_grew = True
        return True

    async def _freshen(self) -> None:
        """Decide again about frames that had to wait."""
        around = self._around
        while self._ready:
            federation, now = around.directory.standing(self.subscriber.agency), around.clock.now()
            is_fresh = federation is self._decided[0] and 0 <= now - self._decided[1] < FRESH_MS
            if is_fresh and not around.delivering.is_outdated(self._ready):
                return
            self._decided = federation, now
            waiting = [*self._ready]
            again = await around.delivering.decide_again(self.subscriber, federation, waiting)
            self._ready = deque(again)

    def _check_held(self) -> None:
        if self._is_taken_over:
            raise BrokerError(Reason.SUBSCRIPTION_BUSY)

    def _deadline(self) -> float:
        """Return when the session has something to say at the latest."""
        if self._log_grew:
            return min(self._silent_until(), self._checkpoint_due())
        return self._silent_until()

    def _silent_until(self) -> float:
        return self._spoke_at + self._around.settings.heartbeat_ms / 1000

    def _checkpoint_due(self) -> float:
        if self._noted_at is None:
            return 0.0
        return self._noted_at + self._around.settings.checkpoint_ms / 1000


def _affordable(frames: list[Addressed], credit: Credit) -> list[Addressed]:
    """Return the first of `frames` that a credit is enough for, whatever of them is shown."""
    chosen: list[Addressed] = []
    for one in frames:
        if not credit.is_open:
            break
        credit = credit.minus(largest_size(one))
        chosen.append(one)
    return chosen
