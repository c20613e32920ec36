# SPDX-License-Identifier: Apache-2.0
"""A broker in memory, as `agency_client.ports.broker.Broker` shows it; honest until told to lie.

It verifies, decides, numbers, logs and delivers as the real one does and with the same leaves, so
that receipts and deliveries can be audited. `away`, `script`, `lie`, `chunks` and the log are there
to be changed: then it is lost, refuses, loses answers, delivers wrongly, or shows another history.

    broker = MemoryBroker(federation, clock)
    link = broker.connect("gr-pol")
"""

import asyncio
import hashlib
import secrets
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum

from agency_client.domain.delivery import (
    WITHHELD_NUMBERS,
    Acknowledged,
    CarriedNotice,
    CaughtUp,
    Cursor,
    Delivered,
    Delivery,
    Filter,
    LogReference,
    Opened,
    SubscriptionEvent,
    TopicView,
    Withheld,
)
from agency_client.domain.frames import encode_frame
from agency_client.domain.mail import Mail, RecipientState
from agency_client.domain.outbox import PublishOutcome, PublishReceipt, Refusal
from agency_client.domain.patterns import matches
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import LogKind
from agency_client.ports.clock import Clock
from broker.domain import acts
from broker.domain.deliveries import Form, Showing, StoredFrame, WithheldReason, show
from broker.domain.deliveries import Withheld as WithheldHere
from broker.domain.receipts import LogRef
from keys import merkle
from keys.checking import CheckedFrame, check_frame
from keys.checkpoint import Checkpoint, sign_checkpoint
from keys.directory import SignedEntry
from keys.envelope import NO_PREVIOUS, Frame, FrameHeader, NoticeHeader, Recipient, Statement
from keys.errors import SignatureError, TrustError
from keys.framing import sha256
from keys.grants import SignedGrant
from keys.letters import SignedLetter
from keys.places import NoticePlace
from keys.recalls import SignedRecall
from policy.engine import PolicyEngine
from tests.simulator.federation import Federation
from tests.simulator.mailbox import Held, MemoryMailbox
from tests.simulator.memory_log import MemoryLog

ENTRIES_A_PAGE = 4
MAIL_A_PAGE = 4


class Fault(StrEnum):
    """What happens to a frame instead of an honest answer."""

    LOSE_ANSWER = "stored, and the connection breaks before the answer"
    BREAK = "not stored, and the connection breaks"
    END = "not stored, and the stream ends"


@dataclass(kw_only=True)
class Upload:
    """An attachment as far as it is stored."""

    length: int
    digest: bytes
    data: bytearray = field(default_factory=bytearray)

    @property
    def is_complete(self) -> bool:
        return len(self.data) == self.length


def honest(_agency: str, delivery: Delivery) -> Iterable[Delivery]:
    return (delivery,)


@dataclass(kw_only=True)
class _Stored:
    frame: Frame
    common: StoredFrame
    places: dict[str, int]
    delivered: dict[int, set[str]] = field(default_factory=dict)

    @property
    def held(self) -> Held:
        return Held(
            originator=self.common.originator, frame=self.frame, agencies=tuple(self.places)
        )


class MemoryBroker:
    """What all agencies share. `received` are the frames offered, as bytes, in order."""

    def __init__(self, federation: Federation, clock: Clock) -> None:
        self.federation = federation
        self.clock = clock
        self.log = MemoryLog(origin=federation.broker.origin, seed=federation.broker.log_seed)
        self.away = False
        self.window = 4
        self.obeys_rules = True
        self.script: deque[Fault | Refusal | None] = deque()
        self.lie: Callable[[str, Delivery], Iterable[Delivery]] = honest
        self.events: deque[SubscriptionEvent] = deque()
        self.chunks: Callable[[int, bytes, int], tuple[bytes, int]] = lambda _, data, length: (
            data,
            length,
        )
        self.received: list[bytes] = []
        self.assertions: list[str] = []
        self.calls: Counter[str] = Counter()
        self.frames: dict[str, list[_Stored]] = {}
        self.uploads: dict[tuple[str, bytes], Upload] = {}
        self.cursors: dict[tuple[str, str], dict[str, int]] = {}
        self.entries_served: list[bytes] | None = None
        self.directory_note = ""
        self.changed = asyncio.Condition()
        self.mailbox = MemoryMailbox(
            federation=federation, clock=clock, log=self.log, frame_of=self._held
        )
        self._seals: dict[tuple[str, bytes], tuple[bytes, PublishReceipt]] = {}
        self._ids: set[tuple[str, bytes]] = set()
        self._chains: dict[tuple[str, bytes, str, str], tuple[int, bytes]] = {}
        self._engine: PolicyEngine | None = None

    def connect(self, agency: str) -> "MemoryLink":
        return MemoryLink(self, agency)

    @property
    def engine(self) -> PolicyEngine:
        directory = self.federation.directory
        if self._engine is None or self._engine.directory is not directory:
            self._engine = PolicyEngine.of_directory(directory)
        return self._engine

    def call(self, name: str) -> None:
        """Count a call; refuse it where the broker is away."""
        self.calls[name] += 1
        if self.away:
            raise AgencyError(Reason.BROKER_UNREACHABLE, "nobody answers")

    # Publishing.

    def publish(self, agency: str, frame: Frame) -> PublishReceipt:
        """Store a frame, or raise why not."""
        checked = self._checked(agency, frame)
        seal = (agency, checked.header.seal_id)
        digest = sha256(frame.statement)
        if seal in self._seals:
            known, receipt = self._seals[seal]
            if known != digest:
                raise AgencyError(Reason.ALREADY_EXISTS, "another statement under the seal id")
            return PublishReceipt(
                topic=receipt.topic, sequence=receipt.sequence, log=receipt.log, duplicate=True
            )
        self._check_fresh(agency, checked)
        receipt = self._stored(agency, checked, digest)
        self._seals[seal] = (digest, receipt)
        return receipt

    def _checked(self, agency: str, frame: Frame) -> CheckedFrame:
        directory = self.federation.directory
        if directory.is_locked(agency):
            raise AgencyError(Reason.AGENCY_LOCKED, "the agency is locked")
        try:
            statement = Statement.decode(frame.statement)
            keyset = directory.keyset(statement.originator, statement.keyset_id)
            if keyset is None or statement.originator != agency:
                raise AgencyError(Reason.SIGNATURE_INVALID, "no such keyset")
            return check_frame(frame, keyset, self.federation.id)
        except SignatureError:
            raise AgencyError(Reason.SIGNATURE_INVALID, "not signed") from None
        except TrustError:
            raise AgencyError(Reason.STATEMENT_MISMATCH, "not what was signed") from None

    def _check_fresh(self, agency: str, checked: CheckedFrame) -> None:
        header, now = checked.header, self.clock.now_ms()
        if any((agency, one.notice_id) in self._ids for one in checked.notices):
            raise AgencyError(Reason.ALREADY_EXISTS, "a notice id is known")
        for one in (ref for notice in checked.notices for ref in notice.attachments):
            upload = self.uploads.get((agency, one.id))
            if upload is None or not upload.is_complete or upload.digest != one.digest:
                raise AgencyError(Reason.ATTACHMENT_MISSING, "an attachment is missing")
        for to in checked.recipients:
            seq, prev = self._chains.get(self._chain(agency, checked, to), (0, NO_PREVIOUS))
            if (to.seq, to.prev) != (seq + 1, prev):
                raise AgencyError(Reason.CHAIN_BROKEN, f"{to.agency} has {seq}, got {to.seq}")
        if not self.engine.may_publish(header.marking, header.topic, agency, now).allow:
            raise AgencyError(Reason.DENIED, "may not publish")
        for to in checked.recipients:
            decision = self.engine.may_receive(
                header.marking, header.topic, agency, to.agency, to.named, now
            )
            if not decision.allow:
                raise AgencyError(Reason.RESEAL_REQUIRED, f"{to.agency} may not have it any more")

    def _chain(
        self, agency: str, checked: CheckedFrame, to: Recipient
    ) -> tuple[str, bytes, str, str]:
        return (agency, checked.header.outlet, checked.header.topic, to.agency)

    def _stored(self, agency: str, checked: CheckedFrame, digest: bytes) -> PublishReceipt:
        header, frame, now = checked.header, checked.frame, self.clock.now_ms()
        frames = self.frames.setdefault(header.topic, [])
        log = self.log.append(
            acts.publication(
                originator=agency,
                topic=header.topic,
                sequence=len(frames) + 1,
                statement=digest,
                time_ms=now,
                salt=secrets.token_bytes(32),
            )
        )
        common = StoredFrame(
            topic=header.topic,
            sequence=len(frames) + 1,
            header=frame.header,
            statement=frame.statement,
            signature=frame.signature,
            notices=frame.notices,
            publish_log=LogRef(index=log.index, salt=log.salt, time_ms=log.time_ms),
            decoded=header,
            originator=agency,
            statement_digest=digest,
            notice_headers=checked.notices,
            size=sum(len(one.header) + len(one.body) for one in frame.notices),
        )
        places = {to.agency: place for place, to in enumerate(checked.recipients)}
        frames.append(_Stored(frame=frame, common=common, places=places))
        self._ids |= {(agency, one.notice_id) for one in checked.notices}
        for to in checked.recipients:
            self._chains[self._chain(agency, checked, to)] = (to.seq, digest)
        return PublishReceipt(
            topic=header.topic, sequence=common.sequence, log=log, duplicate=False
        )

    def force(self, frame: Frame) -> PublishReceipt:
        """Store a frame that an honest broker would not have taken, without a look at it."""
        statement = Statement.decode(frame.statement)
        checked = CheckedFrame(
            frame=frame,
            header=FrameHeader.decode(frame.header),
            statement=statement,
            recipients=tuple(map(Recipient.decode, frame.recipients)),
            notices=tuple(NoticeHeader.decode(one.header) for one in frame.notices),
        )
        return self._stored(statement.originator, checked, sha256(frame.statement))

    # Delivering.

    def delivery(self, agency: str, topic: str, sequence: int, wanted: Filter) -> Delivery | None:
        """Return a frame as it goes to one agency; None where it is not for it."""
        stored = self.frames[topic][sequence - 1]
        place = stored.places.get(agency)
        if place is None:
            return None
        common, now = stored.common, self.clock.now_ms()
        recipient = Recipient.decode(stored.frame.recipients[place])
        decision = self.engine.may_receive(
            common.decoded.marking, topic, common.originator, agency, recipient.named, now
        )
        fits = (not wanted.types or common.decoded.marking.type in wanted.types) and (
            not wanted.originators or common.originator in wanted.originators
        )
        admitted = decision.allow or not self.obeys_rules
        showing = show(common, now, admitted=admitted, wanted=fits)
        showing = _without(showing, [i for i in showing.shown if self._is_recalled(stored, i)])
        for index in showing.shown:
            stored.delivered.setdefault(index, set()).add(agency)
        act = acts.delivery(common, showing, agency, now, secrets.token_bytes(32))
        return _delivery(stored, place, showing, self.log.append(act))

    def granted(self, agency: str, stored: _Stored, index: int) -> Delivery:
        """Return one notice as a grantee gets it: no record, no wrap, nothing of the others."""
        stored.delivered.setdefault(index, set()).add(agency)
        showing = Showing(form=Form.PARTIAL, shown=(index,), withheld=())
        act = acts.fetching(
            stored.common, showing, agency, self.clock.now_ms(), secrets.token_bytes(32)
        )
        whole = _delivery(stored, 0, showing, self.log.append(act))
        return replace(whole, recipient=b"", wrap=b"", recipient_index=0, recipient_path=())

    def _held(self, statement: bytes) -> Held | None:
        for stored in self._all():
            if stored.common.statement_digest == statement:
                return stored.held
        return None

    def _is_recalled(self, stored: _Stored, index: int) -> bool:
        return _place_of(stored, index) in self.mailbox.recalled

    def _all(self) -> Iterable[_Stored]:
        return (stored for frames in self.frames.values() for stored in frames)

    def notice(self, originator: str, notice_id: bytes) -> tuple[_Stored, int]:
        """Return the frame of a notice and its place in it."""
        for stored in self._all():
            ids = [one and one.notice_id for one in stored.common.notice_headers]
            if stored.common.originator == originator and notice_id in ids:
                return stored, ids.index(notice_id)
        raise AgencyError(Reason.NOT_FOUND, "no such notice")

    async def announce(self) -> None:
        """Wake the subscribers."""
        async with self.changed:
            self.changed.notify_all()


def _without(showing: Showing, recalled: Sequence[int]) -> Showing:
    """Return the showing with notices kept back because they were taken back."""
    if not recalled:
        return showing
    kept = [WithheldHere(index=one, reason=WithheldReason.RECALLED) for one in recalled]
    shown = tuple(one for one in showing.shown if one not in recalled)
    withheld = sorted((*showing.withheld, *kept), key=lambda one: one.index)
    return Showing(
        form=Form.PARTIAL if shown else Form.WITHHELD, shown=shown, withheld=tuple(withheld)
    )


def _delivery(stored: _Stored, place: int, showing: Showing, log: LogReference) -> Delivery:
    frame, common = stored.frame, stored.common
    hashes = [merkle.hash_leaf(one) for one in frame.recipients]
    leaves = [one.leaf_hash for one in frame.notices]
    whole = showing.form is Form.FULL
    publish = common.publish_log
    return Delivery(
        header=frame.header,
        statement=frame.statement,
        signature=frame.signature,
        notices=tuple(
            CarriedNotice(
                index=index,
                header=frame.notices[index].header,
                body=frame.notices[index].body,
                path=() if whole else tuple(merkle.inclusion_path(leaves, index)),
            )
            for index in showing.shown
        ),
        topic=common.topic,
        sequence=common.sequence,
        publish_log=LogReference(index=publish.index, salt=publish.salt, time_ms=publish.time_ms),
        recipient=frame.recipients[place],
        wrap=frame.wraps[place] if showing.shown else b"",
        recipient_index=place,
        recipient_path=tuple(merkle.inclusion_path(hashes, place)),
        delivery_log=log,
        stub=showing.form is Form.STUB,
        withheld=tuple(
            Withheld(index=one.index, reason=WITHHELD_NUMBERS[one.reason])
            for one in showing.withheld
        ),
        size=common.size,
    )


def _place_of(stored: _Stored, index: int) -> NoticePlace:
    return NoticePlace(
        statement=stored.common.statement_digest,
        index=index,
        leaf_hash=stored.frame.notices[index].leaf_hash,
    )


class MemoryLink:
    """The broker as one agency calls it."""

    address = "memory:1"

    def __init__(self, broker: MemoryBroker, agency: str) -> None:
        self._broker = broker
        self._agency = agency

    @asynccontextmanager
    async def publish_stream(self) -> AsyncGenerator["MemoryPublishStream", None]:
        self._broker.call("publish_stream")
        yield MemoryPublishStream(self._broker, self._agency)

    @asynccontextmanager
    async def subscribe(
        self, subscription: str, wanted: Filter, *, frames: int, size: int
    ) -> AsyncGenerator["MemorySubscription", None]:
        self._broker.call("subscribe")
        yield MemorySubscription(self._broker, self._agency, subscription, wanted, frames)

    async def pull(
        self, subscription: str, wanted: Filter, *, max_frames: int, wait_ms: int
    ) -> Sequence[Delivery]:
        self._broker.call("pull")
        stream = MemorySubscription(self._broker, self._agency, subscription, wanted, max_frames)
        return tuple(stream.take_waiting())

    async def acknowledge(self, subscription: str, cursors: Sequence[Cursor]) -> None:
        self._broker.call("acknowledge")
        held = self._broker.cursors.setdefault((self._agency, subscription), {})
        for one in cursors:
            held[one.topic] = max(one.sequence, held.get(one.topic, 0))

    async def seek(self, subscription: str, cursor: Cursor) -> None:
        self._broker.call("seek")
        held = self._broker.cursors.setdefault((self._agency, subscription), {})
        held[cursor.topic] = cursor.sequence

    async def get_notice(self, originator: str, notice_id: bytes) -> Delivery:
        """Fetch a notice under a grant; recipients have theirs already."""
        self._broker.call("get_notice")
        stored, index = self._broker.notice(originator, notice_id)
        place = _place_of(stored, index)
        grant = self._broker.mailbox.grants.get(place, {}).get(self._agency)
        if grant is None or not grant.is_live_at(self._broker.clock.now_ms()):
            raise AgencyError(Reason.NOT_FOUND, "no such notice")
        return self._broker.granted(self._agency, stored, index)

    async def submit_letter(self, letter: SignedLetter) -> LogReference:
        self._broker.call("submit_letter")
        answer = self._broker.mailbox.letter(self._agency, letter)
        await self._broker.announce()
        return answer

    async def submit_grant(self, grant: SignedGrant) -> LogReference:
        self._broker.call("submit_grant")
        answer = self._broker.mailbox.grant(self._agency, grant)
        await self._broker.announce()
        return answer

    async def submit_recall(self, recall: SignedRecall, assertions: Sequence[str]) -> LogReference:
        self._broker.call("submit_recall")
        self._broker.assertions.extend(assertions)
        answer = self._broker.mailbox.recall(self._agency, recall)
        await self._broker.announce()
        return answer

    async def mail(self, after: int, wait_ms: int) -> tuple[Sequence[Mail], int]:
        self._broker.call("mail")
        held = self._broker.mailbox.mail.get(self._agency, [])
        return held[after : after + MAIL_A_PAGE], len(held)

    async def recipients(self, notice_id: bytes) -> Sequence[RecipientState]:
        self._broker.call("recipients")
        stored, index = self._broker.notice(self._agency, notice_id)
        return self._broker.mailbox.states(
            stored.held, _place_of(stored, index), stored.delivered.get(index, set())
        )

    async def topics(self) -> Sequence[TopicView]:
        self._broker.call("topics")
        return [
            TopicView(
                name=one.topic,
                title=one.title,
                may_publish=True,
                may_subscribe=True,
                head=self._head(one.topic),
            )
            for one in self._broker.federation.directory.topics()
        ]

    def _head(self, topic: str) -> int:
        frames = self._broker.frames.get(topic, [])
        mine = [one.common.sequence for one in frames if self._agency in one.places]
        return max(mine, default=0)

    async def put_attachment_chunk(
        self, *, attachment_id: bytes, length: int, digest: bytes, offset: int, data: bytes
    ) -> tuple[int, bool]:
        self._broker.call("put_attachment_chunk")
        key = (self._agency, attachment_id)
        upload = self._broker.uploads.setdefault(key, Upload(length=length, digest=digest))
        if (upload.length, upload.digest) != (length, digest):
            raise AgencyError(Reason.ALREADY_EXISTS, "another attachment under the id")
        if data and offset != len(upload.data):
            raise AgencyError(Reason.OFFSET_MISMATCH, "does not follow")
        upload.data += data
        if upload.is_complete and hashlib.sha256(upload.data).digest() != digest:
            upload.data.clear()
        return len(upload.data), upload.is_complete

    async def get_attachment_chunk(
        self,
        *,
        originator: str,
        notice_id: bytes,
        attachment_id: bytes,
        offset: int,
        max_bytes: int,
    ) -> tuple[bytes, int]:
        self._broker.call("get_attachment_chunk")
        upload = self._broker.uploads.get((originator, attachment_id))
        if upload is None or not notice_id:
            raise AgencyError(Reason.NOT_FOUND, "no such attachment")
        data = bytes(upload.data[offset : offset + max_bytes])
        return self._broker.chunks(offset, data, upload.length)

    async def roots(self) -> Sequence[bytes]:
        self._broker.call("roots")
        return [one.encode() for one in self._broker.federation.signed_roots]

    async def entries(self, start: int) -> tuple[Sequence[bytes], int, str]:
        self._broker.call("entries")
        entries = self._broker.entries_served
        if entries is None:
            entries = [one.encode() for one in self._broker.federation.signed_entries]
        note = self._broker.directory_note or self._directory_note(entries)
        return entries[start : start + ENTRIES_A_PAGE], len(entries), note

    def _directory_note(self, entries: Sequence[bytes]) -> str:
        broker = self._broker.federation.broker
        checkpoint = Checkpoint(
            origin=f"{broker.origin}/directory",
            size=len(entries),
            root=merkle.root([merkle.hash_leaf(one) for one in entries]),
        )
        return sign_checkpoint(checkpoint, broker.log_seed)

    async def submit_entry(self, entry: bytes) -> int:
        self._broker.call("submit_entry")
        federation = self._broker.federation
        signed = SignedEntry.decode(entry)
        try:
            federation.directory = federation.directory.with_entry(signed)
        except TrustError as error:
            raise AgencyError(Reason.DIRECTORY_CONFLICT, error.detail) from None
        federation.signed_entries = (*federation.signed_entries, signed)
        return federation.directory.size - 1

    async def submit_root(self, root: bytes) -> int:
        self._broker.call("submit_root")
        raise AgencyError(Reason.DIRECTORY_CONFLICT, f"{len(root)} bytes")

    async def checkpoint(self, log: LogKind) -> str:
        self._broker.call("checkpoint")
        if log is LogKind.DIRECTORY:
            return (await self.entries(0))[2]
        return self._broker.log.checkpoint()

    async def leaves(self, log: LogKind, start: int, count: int) -> Sequence[bytes]:
        self._broker.call("leaves")
        return self._broker.log.leaves[start : start + count] if log is LogKind.ACTS else ()

    async def inclusion(self, log: LogKind, index: int, size: int) -> tuple[Sequence[bytes], bytes]:
        self._broker.call(f"inclusion {log}")
        return self._broker.log.inclusion(index, size)

    async def consistency(self, log: LogKind, old_size: int, new_size: int) -> Sequence[bytes]:
        self._broker.call(f"consistency {log}")
        return self._broker.log.consistency(old_size, new_size)

    async def close(self) -> None:
        self._broker.calls["close"] += 1


class MemoryPublishStream:
    """A publish stream that plays the broker's script."""

    def __init__(self, broker: MemoryBroker, agency: str) -> None:
        self._broker = broker
        self._agency = agency
        self._answers: asyncio.Queue[PublishOutcome | AgencyError | None] = asyncio.Queue()
        self._over = False

    @property
    def window(self) -> int:
        return self._broker.window

    async def send(self, number: int, frame: Frame) -> None:
        self._broker.call("send")
        if self._over:
            return
        self._broker.received.append(encode_frame(frame))
        fault = self._broker.script.popleft() if self._broker.script else None
        if isinstance(fault, Fault):
            await self._break(fault, frame)
            return
        outcome = fault or self._published(frame)
        self._answers.put_nowait(PublishOutcome(number=number, outcome=outcome))
        await self._broker.announce()

    def _published(self, frame: Frame) -> PublishReceipt | Refusal:
        try:
            return self._broker.publish(self._agency, frame)
        except AgencyError as error:
            return Refusal(reason=error.reason, message=error.message)

    async def _break(self, fault: Fault, frame: Frame) -> None:
        self._over = True
        if fault is Fault.LOSE_ANSWER:
            self._broker.publish(self._agency, frame)
            await self._broker.announce()
        lost = AgencyError(Reason.BROKER_UNREACHABLE, "the connection broke")
        self._answers.put_nowait(None if fault is Fault.END else lost)

    async def outcomes(self) -> AsyncIterator[Sequence[PublishOutcome]]:
        while (answer := await self._answers.get()) is not None:
            if isinstance(answer, AgencyError):
                raise answer
            yield (answer,)


class MemorySubscription:
    """A subscription stream: what is waiting, caught up, then live."""

    def __init__(
        self, broker: MemoryBroker, agency: str, subscription: str, wanted: Filter, frames: int
    ) -> None:
        self._broker = broker
        self._agency = agency
        self._wanted = wanted
        self._credit = frames
        self._cursors = broker.cursors.setdefault((agency, subscription), {})
        self._sent = dict(self._cursors)
        self._told: deque[SubscriptionEvent] = deque()

    def _next(self) -> tuple[str, int] | None:
        """Return the next frame that was not sent: topics by name, sequences in order."""
        for topic, frames in sorted(self._broker.frames.items()):
            at = self._sent.get(topic, 0)
            if at < len(frames) and any(matches(one, topic) for one in self._wanted.topics):
                return topic, at + 1
        return None

    def take_waiting(self) -> Iterable[Delivery]:
        """Yield deliveries as far as credit reaches."""
        while self._credit > 0 and (following := self._next()) is not None:
            topic, sequence = following
            self._sent[topic] = sequence
            delivery = self._broker.delivery(self._agency, topic, sequence, self._wanted)
            if delivery is not None:
                self._credit -= 1
                yield from self._broker.lie(self._agency, delivery)

    async def events(self) -> AsyncIterator[SubscriptionEvent]:
        cursors = tuple(Cursor(topic=name, sequence=at) for name, at in self._cursors.items())
        yield Opened(cursors=cursors, heads=())
        caught_up = False
        while not self._broker.away:
            for delivery in self.take_waiting():
                yield Delivered(delivery=delivery)
            while self._told or self._broker.events:
                yield (self._told or self._broker.events).popleft()
            if not caught_up and self._next() is None:
                caught_up = True
                yield CaughtUp()
                continue
            async with self._broker.changed:
                if not (self._told or self._broker.events or self._deliverable):
                    await self._broker.changed.wait()
        raise AgencyError(Reason.BROKER_UNREACHABLE, "the connection broke")

    @property
    def _deliverable(self) -> bool:
        return self._credit > 0 and self._next() is not None

    async def add_credit(self, frames: int, size: int) -> None:
        self._broker.call("add_credit")
        self._credit += frames if size >= 0 else 0
        await self._broker.announce()

    async def acknowledge(self, cursor: Cursor) -> None:
        self._broker.call("stream acknowledge")
        self._cursors[cursor.topic] = max(cursor.sequence, self._cursors.get(cursor.topic, 0))
        self._told.append(Acknowledged(cursor=cursor))
        await self._broker.announce()
