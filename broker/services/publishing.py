# SPDX-License-Identifier: Apache-2.0
"""Takes frames: checked, decided, stored with their leaf, and only then acknowledged.

Order: limits, caller, signature, idempotency, staleness, rules. The heavy part runs in a thread,
since hashing and signatures let other threads run meanwhile. A frame known to the store gets its
first receipt even when it would be refused today, so a client that retries an unknown outcome
learns what became of it. Chains, repeated ids and attachments are the store's to check.
Sources: design sections 2 and 4; research/reliability.md 0.4.
"""

import asyncio

from broker.domain.acts import Refusal
from broker.domain.admissions import Admission
from broker.domain.limits import Settings
from broker.domain.receipts import Receipt
from broker.errors import BrokerError, Reason
from broker.ports.clock import Clock
from broker.ports.entropy import Entropy
from broker.ports.store import Store
from broker.services.admitting import check_admissible, check_authentic, check_limits
from broker.services.directory_keeping import DirectoryKeeping
from broker.services.federation import Federation
from broker.services.finishing import Finishing
from broker.services.refusals import Refusals
from broker.services.turns import Turn, Turns
from broker.services.wakeups import Wakeups
from keys.checking import CheckedFrame
from keys.envelope import Frame, FrameHeader
from keys.errors import TrustError
from keys.framing import sha256
from keys.logleaf import SALT_BYTES

ACT = "publish"


class Publishing:
    """Takes frames for one broker."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        entropy: Entropy,
        directory: DirectoryKeeping,
        refusals: Refusals,
        wakeups: Wakeups,
        settings: Settings,
    ) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._directory = directory
        self._refusals = refusals
        self._wakeups = wakeups
        self._settings = settings
        self._turns = Turns()
        self._finishing = Finishing()
        self._writing: dict[tuple[str, bytes], asyncio.Task[Receipt]] = {}
        self._draining = False

    def drain(self) -> None:
        """Refuse what comes from now on; what was taken is still stored and answered."""
        self._draining = True

    async def publish(self, agency: str, frame: Frame) -> Receipt:
        """Store a frame of `agency`; it is on stable storage on return.

        Frames of one agency reach the store in the order of the calls.

        Raises:
            BrokerError: it was not stored; or OUTCOME_UNKNOWN, and then the same bytes may be tried
                again.
        """
        if self._draining:
            raise BrokerError(Reason.DRAINING)
        try:
            with self._turns.taken(agency) as turn:
                begun = await self._begun(agency, frame, turn)
            return begun if isinstance(begun, Receipt) else await asyncio.shield(begun)
        except BrokerError as error:
            await self._refusals.note(_refused(agency, frame), error)
            raise

    async def refuse(self, agency: str, error: BrokerError) -> None:
        """Write into the log that what an agency sent was not even a frame."""
        await self._refusals.note(Refusal(act=ACT, agency=agency, reason=""), error)

    async def _begun(
        self, agency: str, frame: Frame, turn: Turn
    ) -> "asyncio.Task[Receipt] | Receipt":
        """Check a frame and begin to store it, or return the receipt that it has already."""
        check_limits(frame)
        while True:
            federation = self._directory.standing(agency)
            now = self._clock.now()
            checked = await asyncio.to_thread(check_authentic, frame, agency, federation)
            try:
                admission = await asyncio.to_thread(self._admission, checked, federation, now)
            except BrokerError:
                await turn.come()
                known = await self._known(checked)
                if known is None:
                    raise
                return known
            await turn.come()
            # Nothing waits between this look and the write, so no frame follows its agency's lock.
            if self._directory.standing(agency) is federation:
                return self._write(admission)

    def _admission(self, checked: CheckedFrame, federation: Federation, now: int) -> Admission:
        check_admissible(checked, federation, self._settings, now)
        return Admission(checked=checked, time_ms=now, salt=self._entropy.random(SALT_BYTES))

    async def _known(self, checked: CheckedFrame) -> Receipt | None:
        """Return the first receipt of a frame, where it has one.

        Raises:
            BrokerError: ALREADY_EXISTS for another frame under the seal id.
        """
        key = checked.statement.originator, checked.header.seal_id
        if (writing := self._writing.get(key)) is not None:
            await asyncio.wait((writing,))
        try:
            return await self._store.find_receipt(*key, sha256(checked.frame.statement))
        except BrokerError as error:
            if error.reason is Reason.NOT_FOUND:
                return None
            raise

    def _write(self, admission: Admission) -> "asyncio.Task[Receipt]":
        """Begin to store a frame; goes on when the publisher is gone, so that all are woken."""
        key = admission.originator, admission.checked.header.seal_id
        writing = self._finishing.begin(self._stored(admission))
        self._writing[key] = writing

        def forget(_: "asyncio.Task[Receipt]") -> None:
            if self._writing.get(key) is writing:
                del self._writing[key]

        writing.add_done_callback(forget)
        return writing

    async def _stored(self, admission: Admission) -> Receipt:
        receipt = await self._store.append_frame(admission)
        recipients = (recipient.agency for recipient in admission.checked.recipients)
        self._wakeups.stored(receipt.topic, receipt.sequence, recipients)
        return receipt


def _refused(agency: str, frame: Frame) -> Refusal:
    """Return what the log says of a refused frame, as far as it can be read."""
    try:
        topic = FrameHeader.decode(frame.header).topic
    except TrustError:
        topic = ""
    statement = sha256(frame.statement)
    return Refusal(act=ACT, agency=agency, reason="", topic=topic, statement=statement)
