# SPDX-License-Identifier: Apache-2.0
"""In-memory services behind a real gRPC server, so that the edge is tested on its own.

They keep what they are told, deliver every frame whole to its recipients, and refuse on request.
Authentication is real: certificates are verified against the directory.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from broker.domain import events
from broker.domain.attachments import Chunk, Upload
from broker.domain.credit import Credit
from broker.domain.cursors import Cursor
from broker.domain.deliveries import Delivered, Form, StoredFrame
from broker.domain.filters import Filter
from broker.domain.logs import Inclusion, LogKind
from broker.domain.mail import HolderState, MailItem, MailPage, Posted
from broker.domain.peers import Peer, PeerKind
from broker.domain.receipts import LogRef, Receipt
from broker.domain.topics import TopicView
from broker.errors import BrokerError, Reason
from broker.services.destroyed import Destroyed
from keys import merkle
from keys.checkpoint import Checkpoint, sign_checkpoint
from keys.directory import Directory
from keys.envelope import Frame, FrameHeader, NoticeHeader, Recipient, Statement
from keys.errors import CertificateError, TrustError
from keys.framing import sha256
from keys.grants import SignedGrant
from keys.letters import SignedLetter
from keys.recalls import SignedRecall
from keys.tls import peer_name, spki_pin, verify_peer
from tests.simulator.federation import Federation

LOG = LogRef(index=7, salt=b"s" * 32, time_ms=1_795_500_000_000)


def stored(frame: Frame, sequence: int) -> StoredFrame:
    header, statement = FrameHeader.decode(frame.header), Statement.decode(frame.statement)
    return StoredFrame(
        topic=header.topic,
        sequence=sequence,
        header=frame.header,
        statement=frame.statement,
        signature=frame.signature,
        notices=frame.notices,
        publish_log=LOG,
        decoded=header,
        originator=statement.originator,
        statement_digest=sha256(frame.statement),
        notice_headers=tuple(NoticeHeader.decode(notice.header) for notice in frame.notices),
        size=sum(len(notice.body) for notice in frame.notices),
    )


def delivered(frame: Frame, sequence: int, agency: str) -> Delivered:
    names = [Recipient.decode(recipient).agency for recipient in frame.recipients]
    place = names.index(agency)
    hashes = [merkle.hash_leaf(recipient) for recipient in frame.recipients]
    return Delivered(
        frame=stored(frame, sequence),
        form=Form.FULL,
        shown=tuple(range(len(frame.notices))),
        paths=(),
        recipient=frame.recipients[place],
        wrap=frame.wraps[place],
        recipient_index=place,
        recipient_path=tuple(merkle.inclusion_path(hashes, place)),
        withheld=(),
        log=LOG,
    )


@dataclass
class StandInDirectory:
    federation: Federation
    cards_of: list[str] = field(default_factory=list)

    @property
    def current(self) -> Directory | None:
        return self.federation.directory

    async def submit(self, entry: bytes, *, card_of: str = "") -> int:
        self.cards_of.append(card_of)
        raise BrokerError(Reason.NOT_ENOUGH_SIGNATURES)

    async def submit_root(self, root: bytes) -> int:
        raise BrokerError(Reason.DIRECTORY_CONFLICT)

    async def roots(self) -> Sequence[bytes]:
        return [root.encode() for root in self.federation.signed_roots]

    async def entries(self, start: int, count: int) -> Sequence[bytes]:
        entries = [entry.encode() for entry in self.federation.signed_entries]
        return entries[start : start + count]


@dataclass
class StandInPeers:
    federation: Federation

    def authenticate(self, leaf_pem: bytes, chain_pem: bytes, tls_version: str) -> Peer:
        try:
            claimed = peer_name(leaf_pem)
            directory = self.federation.directory
            if claimed.is_steward:
                stewards = directory.root_document.stewards
                roots = tuple(s.tls_root for s in stewards if s.name == claimed.name)
                peer = Peer(kind=PeerKind.STEWARD, name=claimed.name)
            else:
                entry = directory.agency(claimed.name)
                if entry is None or entry.tls_key_pin != spki_pin(leaf_pem):
                    raise BrokerError(Reason.UNAUTHENTICATED)
                roots, peer = entry.tls_roots, Peer(kind=PeerKind(entry.role), name=claimed.name)
            verify_peer(leaf_pem, chain_pem, roots, self.federation.now)
        except (CertificateError, TrustError):
            raise BrokerError(Reason.UNAUTHENTICATED) from None
        self.check(peer)
        return peer

    def check(self, peer: Peer) -> None:
        if peer.kind is not PeerKind.STEWARD and self.federation.directory.is_locked(peer.name):
            raise BrokerError(Reason.AGENCY_LOCKED)

    def count_refusal(self, peer: Peer, error: BrokerError) -> None:
        pass


@dataclass
class StandInPublishing:
    frames: list[Frame] = field(default_factory=list)
    failure: Exception | None = None
    hold: asyncio.Event | None = None
    draining: bool = False
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, agency: str, frame: Frame) -> Receipt:
        self.arrived.set()
        if self.draining:
            raise BrokerError(Reason.DRAINING)
        if self.failure is not None:
            raise self.failure
        if self.hold is not None:
            await self.hold.wait()
        self.frames.append(frame)
        topic = FrameHeader.decode(frame.header).topic
        return Receipt(topic=topic, sequence=len(self.frames), log=LOG)

    async def refuse(self, agency: str, error: BrokerError) -> None:
        pass

    def drain(self) -> None:
        self.draining = True


@dataclass
class StandInSession:
    agency: str
    frames: list[Frame]
    credit: Credit
    queue: asyncio.Queue[events.Event | None] = field(default_factory=asyncio.Queue)
    closed: bool = False
    sent: int = 0
    charged: list[int] = field(default_factory=list)

    async def events(self) -> AsyncGenerator[events.Event, None]:
        yield events.Opened(cursors=(), heads=())
        self.pump()
        while (event := await self.queue.get()) is not None:
            yield event

    def pump(self) -> None:
        while self.credit.is_open and self.sent < len(self.frames):
            one = delivered(self.frames[self.sent], self.sent + 1, self.agency)
            self.sent += 1
            self.credit = self.credit.minus(one.frame.size)
            self.queue.put_nowait(one)
        if self.sent == len(self.frames):
            self.queue.put_nowait(events.CaughtUp())

    def add_credit(self, grant: Credit) -> None:
        self.credit = self.credit.plus(grant)
        self.pump()

    def charge(self, size: int) -> None:
        self.charged.append(size)

    async def acknowledge(self, cursor: Cursor) -> None:
        self.queue.put_nowait(events.Acknowledged(cursor=cursor))

    def close(self) -> None:
        self.closed = True


@dataclass
class StandInSubscriptions:
    publishing: StandInPublishing
    sessions: list[StandInSession] = field(default_factory=list)
    acknowledged: list[Cursor] = field(default_factory=list)

    async def open(
        self, agency: str, subscription: str, wanted: Filter, credit: Credit
    ) -> StandInSession:
        session = StandInSession(agency=agency, frames=self.publishing.frames, credit=credit)
        self.sessions.append(session)
        return session

    async def pull(
        self, agency: str, subscription: str, wanted: Filter, max_frames: int, wait_ms: int
    ) -> Sequence[Delivered]:
        done = max((cursor.sequence for cursor in self.acknowledged), default=0)
        frames = enumerate(self.publishing.frames[done:], done + 1)
        return [delivered(frame, sequence, agency) for sequence, frame in frames][:max_frames]

    async def acknowledge(
        self, agency: str, subscription: str, cursors: Sequence[Cursor]
    ) -> Sequence[Cursor]:
        self.acknowledged.extend(cursors)
        return cursors

    async def seek(self, agency: str, subscription: str, topic: str, sequence: int) -> Cursor:
        return Cursor(topic=topic, sequence=sequence)

    async def get_notice(self, agency: str, originator: str, notice_id: bytes) -> Delivered:
        raise BrokerError(Reason.NOT_FOUND)

    async def topics(self, agency: str) -> Sequence[TopicView]:
        return [
            TopicView(name=f"t/{n}", title="", may_publish=True, may_subscribe=True, head=n)
            for n in range(5)
        ]

    async def drain(self) -> None:
        for session in self.sessions:
            session.queue.put_nowait(events.Draining())
            session.queue.put_nowait(None)


class StandInAttachments:
    async def put(
        self,
        agency: str,
        *,
        attachment_id: bytes,
        length: int,
        digest: bytes,
        offset: int,
        data: bytes,
    ) -> Upload:
        if offset:
            raise BrokerError(Reason.OFFSET_MISMATCH, {"stored": "0"})
        return Upload(stored=len(data), complete=len(data) == length)

    async def get(
        self,
        agency: str,
        *,
        originator: str,
        notice_id: bytes,
        attachment_id: bytes,
        offset: int,
        max_bytes: int,
    ) -> Chunk:
        return Chunk(data=bytes(max_bytes), length=max_bytes)


@dataclass
class StandInLogs:
    federation: Federation

    async def checkpoint(self, log: LogKind) -> str:
        directory, broker = self.federation.directory, self.federation.broker
        checkpoint = Checkpoint(origin=broker.origin, size=directory.size, root=directory.root)
        return sign_checkpoint(checkpoint, broker.log_seed)

    async def leaves(self, reader: Peer, log: LogKind, start: int, count: int) -> Sequence[bytes]:
        return [bytes(1 << 20)] * count

    async def inclusion(self, log: LogKind, index: int, size: int) -> Inclusion:
        return Inclusion(leaf=b"leaf", path=(bytes(32),))

    async def consistency(self, log: LogKind, old_size: int, new_size: int) -> Sequence[bytes]:
        return [bytes(32)]


@dataclass
class StandInMailbox:
    mail_of: dict[str, list[MailItem]] = field(default_factory=dict)
    holders: list[HolderState] = field(default_factory=list)
    taken: list[SignedLetter | SignedGrant | SignedRecall] = field(default_factory=list)
    assertions: tuple[str, ...] = ()

    async def submit_letter(self, agency: str, letter: SignedLetter) -> Posted:
        return self._take(letter)

    async def submit_grant(self, agency: str, grant: SignedGrant) -> Posted:
        return self._take(grant)

    async def submit_recall(
        self, agency: str, recall: SignedRecall, assertions: Sequence[str], certificate: bytes = b""
    ) -> Posted:
        self.assertions = tuple(assertions)
        return self._take(recall)

    async def mail(self, agency: str, after: int, count: int, wait_ms: int) -> MailPage:
        held = self.mail_of.get(agency, [])
        return MailPage(items=tuple(held[after : after + count]), head=len(held))

    async def recipients(self, agency: str, notice_id: bytes) -> Sequence[HolderState]:
        if not self.holders:
            raise BrokerError(Reason.NOT_FOUND)
        return self.holders

    def drain(self) -> None:
        pass

    def _take(self, one: SignedLetter | SignedGrant | SignedRecall) -> Posted:
        self.taken.append(one)
        return Posted(log=LOG, addressees=3, duplicate=len(self.taken) > 1)


class StandInServices:
    def __init__(self, federation: Federation) -> None:
        self.federation = federation
        self.publishing = StandInPublishing()
        self.subscriptions = StandInSubscriptions(self.publishing)
        self.attachments = StandInAttachments()
        self.directory = StandInDirectory(federation)
        self.mailbox = StandInMailbox()
        self.destroyed = Destroyed()
        self.logs = StandInLogs(federation)
        self.peers = StandInPeers(federation)
