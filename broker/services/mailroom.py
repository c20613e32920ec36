# SPDX-License-Identifier: Apache-2.0
"""What the services that take in letters, grants and recalls share."""

from dataclasses import dataclass, field

from broker.domain.deliveries import StoredFrame
from broker.domain.limits import Settings
from broker.errors import BrokerError, Reason, over_limit
from broker.ports.clock import Clock
from broker.ports.entropy import Entropy
from broker.ports.store import Store
from broker.services.buckets import Buckets
from broker.services.destroyed import Destroyed
from broker.services.directory_keeping import DirectoryKeeping
from broker.services.wakeups import Wakeups
from keys.logleaf import SALT_BYTES
from keys.places import NoticePlace


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mailroom:
    """The store with what is asked and told on the way into it.

    Attributes:
        store: keeps mail.
        clock: tells the time.
        entropy: of salts.
        directory: says who may act.
        wakeups: wakes those who wait for mail.
        destroyed: is told of frames of which something was destroyed.
        settings: limits.
    """

    store: Store
    clock: Clock
    entropy: Entropy
    directory: DirectoryKeeping
    wakeups: Wakeups
    destroyed: Destroyed
    settings: Settings
    _senders: Buckets = field(init=False)

    def __post_init__(self) -> None:
        buckets = Buckets(self.settings.mail_burst, self.settings.mail_refill_ms)
        object.__setattr__(self, "_senders", buckets)

    def salt(self) -> bytes:
        """Return the salt of a leaf."""
        return self.entropy.random(SALT_BYTES)

    def check_share(self, sender: str, recipient: str, now: int) -> None:
        """Refuse more from one agency to another than honest ones ever send.

        Raises:
            BrokerError: LIMIT_EXCEEDED.
        """
        burst = self.settings.mail_burst
        if not self._senders.take((sender, recipient), now):
            raise over_limit("mail", burst, burst + 1)

    async def frame(self, agency: str, place: NoticePlace) -> StoredFrame:
        """Return the frame of a notice that `agency` is a party to.

        Raises:
            BrokerError: NOT_FOUND; a notice that is not there and one of others are alike.
        """
        frame = await self.store.find_place(agency, place.statement, place.index)
        if frame is None or not frame.has(place):
            raise BrokerError(Reason.NOT_FOUND)
        return frame
