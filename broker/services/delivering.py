# SPDX-License-Identifier: Apache-2.0
"""Decides what of a frame a recipient gets at this moment, and writes the leaf before it goes out.

The one way by which live delivery, catch-up, pulling and fetching hand anything out, so that no
path is without the rule book. A decision is good for a moment: who had to wait since asks again,
and only what comes out otherwise gets another leaf. What was read before something was destroyed
is read again, so that no leaf says that a notice went out after the recall that took it back.
Sources: design sections 4 and 6; research/policy.md 2.8.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from broker.domain.acts import Act, delivery, fetching
from broker.domain.cursors import Cursor
from broker.domain.deliveries import Addressed, Delivered, Form, Showing, show
from broker.domain.filters import Filter
from broker.domain.receipts import LogRef
from broker.errors import DestroyedError
from broker.ports.clock import Clock
from broker.ports.entropy import Entropy
from broker.ports.store import Store
from broker.services.federation import Federation
from keys import merkle
from keys.logleaf import SALT_BYTES

FRESH_MS = 1_000
"""How long a decision is good for delivering: as long as a lock may take."""
_OWN_BYTES = 512
"""More than the fields that a delivery adds to a frame and its recipient's part."""
_NOTICE_BYTES = 384
"""More than the path and the place of one of 256 notices."""
_HASH_BYTES = 34
"""A hash of a path with its field's tag and length."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decided:
    """A frame for one recipient, with what of it is shown and the leaf that says so."""

    addressed: Addressed
    showing: Showing
    log: LogRef

    @property
    def cursor(self) -> Cursor:
        """The frame's place."""
        frame = self.addressed.frame
        return Cursor(topic=frame.topic, sequence=frame.sequence)

    def delivered(self) -> Delivered:
        """Return the delivery."""
        addressed, showing = self.addressed, self.showing
        return Delivered(
            frame=addressed.frame,
            form=showing.form,
            shown=showing.shown,
            paths=_paths(addressed, showing),
            recipient=addressed.recipient,
            wrap=addressed.wrap if showing.shown else b"",
            recipient_index=addressed.recipient_index,
            recipient_path=addressed.recipient_path,
            withheld=showing.withheld,
            log=self.log,
        )


def _paths(addressed: Addressed, showing: Showing) -> tuple[tuple[bytes, ...], ...]:
    if showing.form is not Form.PARTIAL:
        return ()
    frame = addressed.frame
    hashes = [frame.leaf_hash(index) for index in range(len(frame.notices))]
    paths = merkle.inclusion_paths(hashes)
    return tuple(tuple(paths[index]) for index in showing.shown)


def largest_size(addressed: Addressed) -> int:
    """Return a bound on the bytes of a delivery, whatever of the frame it carries."""
    frame = addressed.frame
    own = (
        len(addressed.recipient) + len(addressed.wrap) + _HASH_BYTES * len(addressed.recipient_path)
    )
    return frame.size + own + _OWN_BYTES + _NOTICE_BYTES * len(frame.notices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """For whom, and on which subscription."""

    agency: str
    subscription: str
    wanted: Filter


class Delivering:
    """Decides and logs deliveries for one broker."""

    def __init__(self, store: Store, clock: Clock, entropy: Entropy) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy

    async def decide(
        self, subscriber: Subscriber, federation: Federation, frames: Sequence[Addressed]
    ) -> list[Decided]:
        """Decide about frames and log their deliveries; they may go out on return.

        Raises:
            BrokerError: of the store; nothing may go out.
        """
        while True:
            now = self._clock.now()
            showings = [self._showing(subscriber, federation, one, now) for one in frames]
            pairs = list(zip(frames, showings, strict=True))
            try:
                return await self._logged(subscriber, pairs, now)
            except DestroyedError:
                frames = await self._store.read_again(frames)

    async def decide_again(
        self, subscriber: Subscriber, federation: Federation, decided: Sequence[Decided]
    ) -> list[Decided]:
        """Decide about frames that have waited; those that come out otherwise are logged anew.

        Raises:
            BrokerError: of the store; nothing may go out.
        """
        while True:
            decided = await self._as_they_are(decided)
            now = self._clock.now()
            showings = [
                self._showing(subscriber, federation, one.addressed, now) for one in decided
            ]
            pairs = list(zip(decided, showings, strict=True))
            changed = [(one.addressed, new) for one, new in pairs if new != one.showing]
            try:
                anew = iter(await self._logged(subscriber, changed, now) if changed else ())
            except DestroyedError:
                continue
            return [one if new == one.showing else next(anew) for one, new in pairs]

    def is_outdated(self, decided: Iterable[Decided]) -> bool:
        """Whether something was destroyed since one of them was read."""
        era = self._store.era()
        return any(one.addressed.as_of != era for one in decided)

    async def _as_they_are(self, decided: Sequence[Decided]) -> Sequence[Decided]:
        if not self.is_outdated(decided):
            return decided
        fresh = await self._store.read_again([one.addressed for one in decided])
        pairs = zip(decided, fresh, strict=True)
        return [replace(one, addressed=addressed) for one, addressed in pairs]

    def one_notice(
        self, agency: str, federation: Federation, addressed: Addressed, index: int
    ) -> Showing | None:
        """Return the showing of one notice, or None if the agency may not have it now."""
        now = self._clock.now()
        frame, until = addressed.frame, addressed.granted_until
        if until is None:
            recipient = agency, addressed.named
            decision = federation.may_receive(frame.decoded, frame.originator, recipient, now)
        else:
            decision = federation.may_receive_granted(frame.decoded, frame.originator, agency, now)
        admitted = decision.allow and (until is None or now < until)
        showing = show(frame, now, admitted=admitted, wanted=True)
        if index not in showing.shown:
            return None
        return Showing(form=Form.PARTIAL, shown=(index,))

    async def fetch(self, agency: str, addressed: Addressed, showing: Showing) -> Decided:
        """Log that a notice is handed to one who asked for it; it may go out on return.

        Raises:
            DestroyedError: something was destroyed since the notice was found.
            BrokerError: of the store; nothing may go out.
        """
        frame, (index,) = addressed.frame, showing.shown
        act = fetching(frame, showing, agency, self._clock.now(), self._salt())
        place = *frame.key, index
        log = await self._store.record_fetch(agency, place, act, addressed.as_of)
        return Decided(addressed=addressed, showing=showing, log=log)

    def _showing(
        self, subscriber: Subscriber, federation: Federation, one: Addressed, now: int
    ) -> Showing:
        frame = one.frame
        recipient = subscriber.agency, one.named
        decision = federation.may_receive(frame.decoded, frame.originator, recipient, now)
        wanted = subscriber.wanted.admits(frame.decoded.marking.type, frame.originator)
        return show(frame, now, admitted=decision.allow, wanted=wanted)

    async def _logged(
        self, subscriber: Subscriber, decided: Sequence[tuple[Addressed, Showing]], now: int
    ) -> list[Decided]:
        acts: list[tuple[Cursor, Act]] = []
        for one, showing in decided:
            place = Cursor(topic=one.frame.topic, sequence=one.frame.sequence)
            salt = self._salt()
            acts.append((place, delivery(one.frame, showing, subscriber.agency, now, salt)))
        as_of = min((one.as_of for one, _ in decided), default=None)
        logs = await self._store.record_deliveries(
            subscriber.agency, subscriber.subscription, acts, as_of
        )
        return [
            Decided(addressed=one, showing=showing, log=log)
            for (one, showing), log in zip(decided, logs, strict=True)
        ]

    def _salt(self) -> bytes:
        return self._entropy.random(SALT_BYTES)
