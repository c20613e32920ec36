# SPDX-License-Identifier: Apache-2.0
"""Decides what of a frame a recipient gets at this moment, and writes the leaf before it goes out.

The one way by which live delivery, catch-up, pulling and fetching hand anything out, so that no
path is without the rule book. A decision is good for a moment: who had to wait since asks again,
and only what comes out otherwise gets another leaf.
Sources: design sections 4 and 6; research/policy.md 2.8.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from broker.domain.acts import Act, delivery, fetching
from broker.domain.cursors import Cursor
from broker.domain.deliveries import Addressed, Delivered, Form, Showing, show
from broker.domain.filters import Filter
from broker.domain.receipts import LogRef
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
    hashes = [notice.leaf_hash for notice in addressed.frame.notices]
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
        now = self._clock.now()
        showings = [self._showing(subscriber, federation, one, now) for one in frames]
        return await self._logged(subscriber, list(zip(frames, showings, strict=True)), now)

    async def decide_again(
        self, subscriber: Subscriber, federation: Federation, decided: Sequence[Decided]
    ) -> list[Decided]:
        """Decide about frames that have waited; those that come out otherwise are logged anew.

        Raises:
            BrokerError: of the store; nothing may go out.
        """
        now = self._clock.now()
        showings = [self._showing(subscriber, federation, one.addressed, now) for one in decided]
        pairs = list(zip(decided, showings, strict=True))
        changed = [(one.addressed, new) for one, new in pairs if new != one.showing]
        anew = iter(await self._logged(subscriber, changed, now) if changed else ())
        return [one if new == one.showing else next(anew) for one, new in pairs]

    def one_notice(
        self, agency: str, federation: Federation, addressed: Addressed, index: int
    ) -> Showing | None:
        """Return the showing of one notice, or None if the agency may not have it now."""
        now = self._clock.now()
        everything = Filter(topics=("#",))
        subscriber = Subscriber(agency=agency, subscription="", wanted=everything)
        showing = self._showing(subscriber, federation, addressed, now)
        if index not in showing.shown:
            return None
        return Showing(form=Form.PARTIAL, shown=(index,))

    async def fetch(self, agency: str, addressed: Addressed, showing: Showing) -> Decided:
        """Log that a notice is handed to one who asked for it; it may go out on return.

        Raises:
            BrokerError: of the store; nothing may go out.
        """
        act = fetching(addressed.frame, showing, agency, self._clock.now(), self._salt())
        (log,) = await self._store.record([act])
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
        logs = await self._store.record_deliveries(subscriber.agency, subscriber.subscription, acts)
        return [
            Decided(addressed=one, showing=showing, log=log)
            for (one, showing), log in zip(decided, logs, strict=True)
        ]

    def _salt(self) -> bytes:
        return self._entropy.random(SALT_BYTES)
