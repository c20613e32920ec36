# SPDX-License-Identifier: Apache-2.0
"""What an agency may enter into the directory without stewards: its own card, not too often.

Whether the card is signed and agrees to the admission is `keys.directory`'s business. Entries are
kept for ever and by everybody, so their number is bounded; the count begins anew with the broker.
"""

from collections import defaultdict, deque

from broker.domain.limits import DAY_MS
from broker.errors import BrokerError, Reason, over_limit
from broker.ports.clock import Clock
from keys.changes import CardEntry
from keys.entries import Entry


class Cards:
    """Counts the cards of one broker's agencies."""

    def __init__(self, clock: Clock, per_day: int) -> None:
        self._clock = clock
        self._per_day = per_day
        self._entered: defaultdict[str, deque[int]] = defaultdict(deque)

    def check(self, agency: str, entry: Entry) -> None:
        """Refuse anything but a card of `agency`, and one too many.

        Raises:
            BrokerError: DENIED, LIMIT_EXCEEDED.
        """
        if not isinstance(entry, CardEntry) or entry.agency != agency:
            raise BrokerError(Reason.DENIED, detail=f"{agency} may enter its own card alone")
        entered, now = self._entered[agency], self._clock.now()
        while entered and entered[0] <= now - DAY_MS:
            entered.popleft()
        if len(entered) >= self._per_day:
            raise over_limit("cards_per_day", self._per_day, len(entered) + 1)
        entered.append(now)
