# SPDX-License-Identifier: Apache-2.0
"""Hands frames to those they were sealed to: live sessions, pulls, single notices; keeps cursors.

A subscription is one agency's named place in its topics. One live session holds it. Another one
takes it over at once, so that the stream of a client that is gone does not keep its successor out;
the one before ends with SUBSCRIPTION_BUSY. What the old one acknowledged is stored before the new
one begins, so nothing acknowledged comes again.
"""

from collections.abc import Sequence

from broker.domain.acts import Refusal
from broker.domain.credit import Credit
from broker.domain.cursors import MAX_CURSORS, Cursor, check_subscription
from broker.domain.deliveries import Delivered
from broker.domain.filters import Filter
from broker.domain.limits import MAX_PULL_FRAMES, MAX_WAIT_MS
from broker.domain.topics import TopicView
from broker.errors import BrokerError, Reason, invalid, over_limit
from broker.services.delivering import Subscriber
from broker.services.fetching import Fetching
from broker.services.pulling import Pulling
from broker.services.refusals import Refusals
from broker.services.session import Session, Surroundings
from broker.services.wakeups import Wakeups

ACT = "subscribe"

_Key = tuple[str, str]


class Subscriptions:
    """The subscriptions of one broker."""

    def __init__(
        self,
        around: Surroundings,
        *,
        fetching: Fetching,
        refusals: Refusals,
        wakeups: Wakeups,
    ) -> None:
        self._around = around
        self._fetching = fetching
        self._refusals = refusals
        self._wakeups = wakeups
        self._pulling = Pulling(around, wakeups)
        self._sessions: dict[_Key, Session] = {}
        self._is_draining = False

    async def open(self, agency: str, subscription: str, wanted: Filter, credit: Credit) -> Session:
        """Open a live session, in the place of one that there is.

        Raises:
            BrokerError: INVALID_ARGUMENT, TOPIC_UNKNOWN, LIMIT_EXCEEDED for too many sessions,
                AGENCY_LOCKED, DRAINING, or of the store.
        """
        check_subscription(subscription)
        self._check_serving()
        granted = Credit().plus(credit)
        subscriber = Subscriber(agency=agency, subscription=subscription, wanted=wanted)
        try:
            self._around.directory.standing(agency)
            return await self._opened(subscriber, granted)
        except BrokerError as error:
            await self._refusals.note(Refusal(act=ACT, agency=agency, reason=""), error)
            raise

    async def pull(
        self, agency: str, subscription: str, wanted: Filter, max_frames: int, wait_ms: int
    ) -> Sequence[Delivered]:
        """Return what is waiting, or wait for a first frame.

        Raises:
            BrokerError: INVALID_ARGUMENT, TOPIC_UNKNOWN, AGENCY_LOCKED, DRAINING, or of the store.
        """
        check_subscription(subscription)
        self._check_serving()
        if not 0 < max_frames <= MAX_PULL_FRAMES:
            raise invalid("max_frames")
        if not 0 <= wait_ms <= MAX_WAIT_MS:
            raise invalid("wait_ms")
        subscriber = Subscriber(agency=agency, subscription=subscription, wanted=wanted)
        try:
            return await self._pulling.pull(subscriber, max_frames, wait_ms)
        except BrokerError as error:
            await self._refusals.note(Refusal(act=ACT, agency=agency, reason=""), error)
            raise

    async def acknowledge(
        self, agency: str, subscription: str, cursors: Sequence[Cursor]
    ) -> Sequence[Cursor]:
        """Move cursors forward and return where they stand; they are on stable storage then.

        Of a topic that is not there nothing was delivered, as of one that is not the caller's.

        Raises:
            BrokerError: INVALID_ARGUMENT for a frame that was not delivered; none moves then.
        """
        check_subscription(subscription)
        if not 0 < len(cursors) <= MAX_CURSORS:
            raise invalid("cursors")
        self._around.directory.standing(agency)
        stand = await self._around.store.acknowledge(agency, subscription, cursors)
        session = self._sessions.get((agency, subscription))
        if session is not None:
            session.skip(stand)
        return stand

    async def seek(self, agency: str, subscription: str, topic: str, sequence: int) -> Cursor:
        """Set a cursor, also backward; a live session of the subscription ends.

        Raises:
            BrokerError: TOPIC_UNKNOWN; INVALID_ARGUMENT for a place beyond the topic's last frame:
                what comes up to there later would be passed over in silence.
        """
        check_subscription(subscription)
        cursor = Cursor(topic=topic, sequence=sequence)
        federation = self._around.directory.standing(agency)
        if sequence > await self._around.choosing.head(agency, federation, topic):
            raise invalid("sequence")
        session = self._sessions.pop((agency, subscription), None)
        if session is not None:
            await session.take_over()
        return await self._around.store.seek(agency, subscription, cursor)

    async def get_notice(self, agency: str, originator: str, notice_id: bytes) -> Delivered:
        """Fetch one notice.

        Raises:
            BrokerError: NOT_FOUND for all that the agency may not have or that is not there.
        """
        return (await self._fetching.fetch(agency, originator, notice_id)).delivered()

    async def topics(self, agency: str) -> Sequence[TopicView]:
        """List what the agency may know of, by name."""
        federation = self._around.directory.standing(agency)
        return await self._around.choosing.views(agency, federation)

    async def drain(self) -> None:
        """End every session with a word, and let nobody wait any longer."""
        self._is_draining = True
        for session in self._sessions.values():
            session.drain()
        self._pulling.drain()

    async def _opened(self, subscriber: Subscriber, credit: Credit) -> Session:
        key = subscriber.agency, subscriber.subscription
        before = self._sessions.get(key)
        if before is None:
            self._check_room(subscriber.agency)
        listener = self._wakeups.join(subscriber.agency)

        def closed(session: Session) -> None:
            self._wakeups.leave(subscriber.agency, listener)
            if self._sessions.get(key) is session:
                del self._sessions[key]

        session = Session(self._around, subscriber, credit, listener, closed)
        self._sessions[key] = session
        try:
            if before is not None:
                await before.take_over()
            await session.begin()
            self._check_serving()
        except BaseException:
            session.close()
            raise
        return session

    def _check_room(self, agency: str) -> None:
        """Refuse one more session of an agency than it may have."""
        allowed = self._around.settings.max_sessions_per_agency
        held = sum(name == agency for name, _ in self._sessions)
        if held >= allowed:
            raise over_limit("sessions", allowed, held + 1)

    def _check_serving(self) -> None:
        if self._is_draining:
            raise BrokerError(Reason.DRAINING)
