# SPDX-License-Identifier: Apache-2.0
"""The broker's store in memory: every promise of `broker.ports.store.Store`, and faults on demand.

Writes come one after the other, as in a real store; `hold` keeps them waiting, `fail` lets them
fail; `acts` holds in clear what each leaf says.

    store = await MemoryStore.open()
    store.fail(Reason.STORAGE_FULL)
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Self

from broker.domain.acts import Act
from broker.domain.admissions import Admission
from broker.domain.attachments import Chunk, Piece, Upload
from broker.domain.cursors import Cursor, Place
from broker.domain.deliveries import Addressed, StoredFrame
from broker.domain.logs import Inclusion, LogKind
from broker.domain.receipts import LogRef, Receipt
from broker.errors import BrokerError, Reason, invalid, over_limit
from broker.ports.store import Head, StoreHealth, StoreState
from keys import merkle
from keys.envelope import NO_PREVIOUS, AttachmentRef, NoticeHeader
from keys.framing import sha256
from tests.simulator.memory_mail import MemoryMailboxes

_STATES = {
    Reason.STORAGE_FULL: StoreState.FULL,
    Reason.READ_ONLY: StoreState.READ_ONLY,
    Reason.OUTCOME_UNKNOWN: StoreState.FAILED,
}


@dataclass(slots=True, kw_only=True)
class _Attachment:
    length: int
    digest: bytes
    begun_ms: int
    data: bytearray = field(default_factory=bytearray)
    complete: bool = False
    referenced: int = 0

    @property
    def upload(self) -> Upload:
        return Upload(stored=len(self.data), complete=self.complete)


@dataclass(slots=True, kw_only=True)
class _Tree:
    leaves: list[bytes] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    checkpoint: Head | None = None

    def append(self, leaf: bytes) -> None:
        self.leaves.append(leaf)
        self.hashes.append(merkle.hash_leaf(leaf))

    def root(self, size: int) -> bytes:
        return merkle.root(self.hashes[:size])


class MemoryStore(MemoryMailboxes):
    """A store that forgets everything when it is gone. All calls come from one event loop."""

    def __init__(self) -> None:
        super().__init__()
        self.acts: list[Act] = []
        """Every act with what its leaf says, in order of the log."""
        self.writes = 0
        """How many writes were made."""
        self._trees = {log: _Tree() for log in LogKind}
        self._frames: dict[str, list[StoredFrame]] = {}
        self._addressed: dict[tuple[str, str], list[Addressed]] = {}
        self._receipts: dict[tuple[str, bytes], tuple[bytes, Receipt]] = {}
        self._notices: dict[tuple[str, bytes], tuple[str, int, int]] = {}
        self._chains: dict[tuple[str, bytes, str, str], tuple[int, bytes]] = {}
        self._places: dict[tuple[str, str], dict[str, Place]] = {}
        self._attachments: dict[tuple[str, bytes], _Attachment] = {}
        self._roots: list[bytes] = []
        self._writer = asyncio.Lock()
        self._going = asyncio.Event()
        self._going.set()
        self._held = asyncio.Event()
        self._failed = asyncio.Event()
        self._fault: Reason | None = None

    @classmethod
    async def open(cls) -> Self:
        return cls()

    # What a test does.

    def hold(self) -> None:
        """Let writes wait from now on."""
        self._held.clear()
        self._going.clear()

    async def wait_held(self) -> None:
        """Return when a write waits because of `hold`."""
        await self._held.wait()

    def release(self) -> None:
        """Let them go on."""
        self._going.set()

    def fail(self, reason: Reason | None) -> None:
        """Let writes fail from now on, changing nothing; None lets them succeed again."""
        self._fault = reason
        if reason is Reason.OUTCOME_UNKNOWN:
            self._failed.set()

    # The port.

    def health(self) -> StoreHealth:
        return StoreHealth(state=StoreState.READY if self._fault is None else _STATES[self._fault])

    async def wait_failed(self) -> None:
        await self._failed.wait()

    async def close(self) -> None:
        async with self._writer:
            self._failed.set()
            self._fault = Reason.OUTCOME_UNKNOWN

    async def append_frame(self, admission: Admission) -> Receipt:
        async with self._write():
            known = self._receipt(
                admission.originator, admission.checked.header.seal_id, admission.statement_digest
            )
            if known is not None:
                return known
            self._check_notices(admission)
            attachments = self._listed(admission)
            self._check_chains(admission)
            for attachment in attachments:
                attachment.referenced += 1
            return self._append(admission)

    async def find_receipt(self, originator: str, seal_id: bytes, statement: bytes) -> Receipt:
        receipt = self._receipt(originator, seal_id, statement)
        if receipt is None:
            raise BrokerError(Reason.NOT_FOUND)
        return receipt

    async def read(
        self, agency: str, topic: str, after: int, max_frames: int, max_bytes: int
    ) -> list[Addressed]:
        await asyncio.sleep(0)
        found: list[Addressed] = []
        for one in self._addressed.get((agency, topic), ()):
            if one.frame.sequence <= after:
                continue
            max_bytes -= one.frame.size
            if len(found) >= max(max_frames, 1) or (found and max_bytes < 0):
                break
            found.append(replace(one, as_of=self._era))
        return found

    async def find_notice(
        self, agency: str, originator: str, notice_id: bytes
    ) -> tuple[Addressed, int] | None:
        place = self._notices.get((originator, notice_id))
        if place is None:
            return None
        key, index = place[:2], place[2]
        own = self._own(agency, key) or self._granted(agency, key, index)
        return None if own is None else (replace(own, as_of=self._era), index)

    async def heads(self, agency: str, topics: Collection[str]) -> Mapping[str, int]:
        own = {topic: self._addressed.get((agency, topic)) for topic in topics}
        return {topic: frames[-1].frame.sequence if frames else 0 for topic, frames in own.items()}

    async def record(self, acts: Sequence[Act]) -> list[LogRef]:
        async with self._write():
            return self._log(acts)

    async def record_deliveries(
        self,
        agency: str,
        subscription: str,
        acts: Sequence[tuple[Cursor, Act]],
        as_of: int | None = None,
    ) -> list[LogRef]:
        async with self._write():
            self._check_era(as_of)
            for cursor, act in acts:
                self._note_delivered(agency, (cursor.topic, cursor.sequence), act)
            places = self._places.setdefault((agency, subscription), {})
            for cursor, _ in acts:
                place = places.get(cursor.topic, Place())
                places[cursor.topic] = Place(
                    acknowledged=place.acknowledged,
                    delivered=max(place.delivered, cursor.sequence),
                )
            return self._log([act for _, act in acts])

    async def places(self, agency: str, subscription: str) -> Mapping[str, Place]:
        return dict(self._places.get((agency, subscription), {}))

    async def acknowledge(
        self, agency: str, subscription: str, cursors: Sequence[Cursor]
    ) -> tuple[Cursor, ...]:
        async with self._write():
            places = dict(self._places.get((agency, subscription), {}))
            standing = []
            for cursor in cursors:
                place = places.get(cursor.topic, Place())
                if cursor.sequence > max(place.delivered, place.acknowledged):
                    raise invalid("sequence")
                reached = max(cursor.sequence, place.acknowledged)
                if reached > place.acknowledged:
                    places[cursor.topic] = Place(acknowledged=reached, delivered=place.delivered)
                standing.append(Cursor(topic=cursor.topic, sequence=reached))
            self._places[agency, subscription] = places
            return tuple(standing)

    async def seek(self, agency: str, subscription: str, cursor: Cursor) -> Cursor:
        async with self._write():
            places = self._places.setdefault((agency, subscription), {})
            delivered = places.get(cursor.topic, Place()).delivered
            places[cursor.topic] = Place(acknowledged=cursor.sequence, delivered=delivered)
            return cursor

    async def put_piece(self, piece: Piece, quota: int) -> Upload:
        async with self._write():
            key = piece.originator, piece.attachment_id
            found = self._attachments.get(key)
            if found is not None and (found.length, found.digest) != (piece.length, piece.digest):
                raise BrokerError(Reason.ALREADY_EXISTS)
            if not piece.data or (found is not None and found.complete):
                return Upload(stored=0, complete=False) if found is None else found.upload
            stored = 0 if found is None else len(found.data)
            if piece.offset != stored:
                raise BrokerError(Reason.OFFSET_MISMATCH, {"stored": str(stored)})
            if stored + len(piece.data) > piece.length:
                raise invalid("data")
            self._check_quota(piece, quota)
            if found is None:
                found = self._attachments[key] = _Attachment(
                    length=piece.length, digest=piece.digest, begun_ms=piece.time_ms
                )
            found.data += piece.data
            return found.upload

    async def digest_upload(self, originator: str, attachment_id: bytes) -> bytes:
        return sha256(bytes(self._attachment(originator, attachment_id).data))

    async def complete_upload(
        self, originator: str, attachment_id: bytes, *, matches: bool
    ) -> Upload:
        async with self._write():
            attachment = self._attachment(originator, attachment_id)
            if not matches and not attachment.complete:
                del self._attachments[originator, attachment_id]
                return Upload(stored=0, complete=False)
            if len(attachment.data) != attachment.length:
                raise _missing(attachment_id)
            attachment.complete = True
            return attachment.upload

    async def read_attachment(
        self, originator: str, attachment_id: bytes, offset: int, max_bytes: int
    ) -> Chunk | None:
        attachment = self._attachments.get((originator, attachment_id))
        if attachment is None or not attachment.complete:
            return None
        data = bytes(attachment.data[offset : offset + max_bytes])
        return Chunk(data=data, length=attachment.length)

    async def collect_attachments(self, before: int, at_most: int) -> int:
        async with self._write():
            old = [
                key
                for key, one in self._attachments.items()
                if not one.referenced and one.begun_ms < before
            ]
            for key in old[:at_most]:
                del self._attachments[key]
            return len(old[:at_most])

    async def append_root(self, version: int, root: bytes, act: Act) -> None:
        async with self._write():
            if version != len(self._roots) + 1:
                raise BrokerError(Reason.DIRECTORY_CONFLICT)
            self._roots.append(root)
            self._log([act])

    async def append_entry(self, index: int, entry: bytes, act: Act) -> None:
        async with self._write():
            if index != len(self._trees[LogKind.DIRECTORY].leaves):
                raise BrokerError(Reason.DIRECTORY_CONFLICT)
            self._trees[LogKind.DIRECTORY].append(entry)
            self._log([act])

    async def roots(self) -> list[bytes]:
        return [*self._roots]

    async def tree_size(self, log: LogKind) -> int:
        return len(self._trees[log].leaves)

    async def tree_root(self, log: LogKind, size: int) -> bytes:
        self._check_size(log, size)
        return self._trees[log].root(size)

    async def leaves(self, log: LogKind, start: int, count: int) -> list[bytes]:
        return self._trees[log].leaves[start : start + max(count, 0)]

    async def inclusion(self, log: LogKind, index: int, size: int) -> Inclusion:
        self._check_size(log, size)
        if not 0 <= index < size:
            raise BrokerError(Reason.NOT_FOUND)
        tree = self._trees[log]
        path = merkle.inclusion_path(tree.hashes[:size], index)
        return Inclusion(leaf=tree.leaves[index], path=tuple(path))

    async def consistency(self, log: LogKind, old_size: int, new_size: int) -> tuple[bytes, ...]:
        self._check_size(log, new_size)
        if not 0 < old_size <= new_size:
            raise BrokerError(Reason.NOT_FOUND)
        return tuple(merkle.consistency_path(self._trees[log].hashes[:new_size], old_size))

    async def last_checkpoint(self, log: LogKind) -> Head | None:
        return self._trees[log].checkpoint

    async def save_checkpoint(self, log: LogKind, head: Head) -> None:
        async with self._write():
            tree = self._trees[log]
            last = tree.checkpoint.size if tree.checkpoint else 0
            if not last <= head.size <= len(tree.leaves) or tree.root(head.size) != head.root:
                raise BrokerError(Reason.INTERNAL)
            tree.checkpoint = head

    # What the port's methods are made of.

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[None]:
        async with self._writer:
            await asyncio.sleep(0)
            if not self._going.is_set():
                self._held.set()
                await self._going.wait()
            if self._fault is not None:
                raise BrokerError(self._fault)
            self.writes += 1
            yield

    def _log(self, acts: Sequence[Act]) -> list[LogRef]:
        start = len(self.acts)
        for act in acts:
            self.acts.append(act)
            self._trees[LogKind.ACTS].append(act.leaf())
        return [
            LogRef(index=start + place, salt=act.salt, time_ms=act.time_ms)
            for place, act in enumerate(acts)
        ]

    def _receipt(self, originator: str, seal_id: bytes, statement: bytes) -> Receipt | None:
        known = self._receipts.get((originator, seal_id))
        if known is None:
            return None
        if known[0] != statement:
            raise BrokerError(Reason.ALREADY_EXISTS)
        first = known[1]
        return Receipt(topic=first.topic, sequence=first.sequence, log=first.log, duplicate=True)

    def _check_notices(self, admission: Admission) -> None:
        for notice in admission.checked.notices:
            if (admission.originator, notice.notice_id) in self._notices:
                raise BrokerError(Reason.ALREADY_EXISTS, {"notice": notice.notice_id.hex()})

    def _listed(self, admission: Admission) -> list[_Attachment]:
        notices: Sequence[NoticeHeader] = admission.checked.notices
        return [
            self._attached(admission.originator, one)
            for notice in notices
            for one in notice.attachments
        ]

    def _release(self, originator: str, notice: NoticeHeader) -> None:
        for listed in notice.attachments:
            held = self._attachments[originator, listed.id]
            held.referenced -= 1
            if not held.referenced:
                del self._attachments[originator, listed.id]

    def _attached(self, originator: str, listed: AttachmentRef) -> _Attachment:
        found = self._attachments.get((originator, listed.id))
        same = found is not None and (found.length, found.digest) == (listed.length, listed.digest)
        if found is None or not same or not found.complete:
            raise _missing(listed.id)
        return found

    def _check_chains(self, admission: Admission) -> None:
        for one in admission.checked.recipients:
            seq, digest = self._chains.get(self._chain(admission, one.agency), (0, NO_PREVIOUS))
            if (one.seq, one.prev) != (seq + 1, digest):
                raise BrokerError(
                    Reason.CHAIN_BROKEN, {"agency": one.agency, "expected": str(seq + 1)}
                )

    def _chain(self, admission: Admission, agency: str) -> tuple[str, bytes, str, str]:
        return admission.originator, admission.checked.header.outlet, admission.topic, agency

    def _append(self, admission: Admission) -> Receipt:
        frames = self._frames.setdefault(admission.topic, [])
        sequence = len(frames) + 1
        (log,) = self._log([admission.act(sequence)])
        frame = _stored(admission, sequence, log)
        frames.append(frame)
        checked = admission.checked
        for index, one in enumerate(checked.recipients):
            own = Addressed(
                frame=frame,
                recipient=checked.frame.recipients[index],
                wrap=checked.frame.wraps[index],
                recipient_index=index,
                recipient_path=admission.recipient_paths[index],
                named=one.named,
            )
            self._addressed.setdefault((one.agency, admission.topic), []).append(own)
            self._chains[self._chain(admission, one.agency)] = one.seq, admission.statement_digest
        for index, notice in enumerate(checked.notices):
            key = admission.originator, notice.notice_id
            self._notices[key] = admission.topic, sequence, index
        receipt = Receipt(topic=admission.topic, sequence=sequence, log=log)
        seal = admission.originator, checked.header.seal_id
        self._receipts[seal] = admission.statement_digest, receipt
        return receipt

    def _check_quota(self, piece: Piece, quota: int) -> None:
        held = sum(
            len(one.data)
            for (originator, _), one in self._attachments.items()
            if originator == piece.originator and not one.referenced
        )
        if held + len(piece.data) > quota:
            raise over_limit("upload_bytes", quota, held + len(piece.data))

    def _attachment(self, originator: str, attachment_id: bytes) -> _Attachment:
        found = self._attachments.get((originator, attachment_id))
        if found is None:
            raise BrokerError(Reason.NOT_FOUND)
        return found

    def _check_size(self, log: LogKind, size: int) -> None:
        if not 0 <= size <= len(self._trees[log].leaves):
            raise BrokerError(Reason.NOT_FOUND)


def _stored(admission: Admission, sequence: int, log: LogRef) -> StoredFrame:
    checked = admission.checked
    frame = checked.frame
    parts = [len(notice.header) + len(notice.body) for notice in frame.notices]
    return StoredFrame(
        topic=admission.topic,
        sequence=sequence,
        header=frame.header,
        statement=frame.statement,
        signature=frame.signature,
        notices=frame.notices,
        publish_log=log,
        decoded=checked.header,
        originator=admission.originator,
        statement_digest=admission.statement_digest,
        notice_headers=checked.notices,
        size=sum(parts) + len(frame.header) + len(frame.statement) + len(frame.signature),
    )


def _missing(attachment_id: bytes) -> BrokerError:
    return BrokerError(Reason.ATTACHMENT_MISSING, {"attachment": attachment_id.hex()})
