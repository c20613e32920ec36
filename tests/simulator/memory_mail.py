# SPDX-License-Identifier: Apache-2.0
"""Mail and destruction in memory, as `broker.ports.mailboxes` promises them: a part of `store`."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from broker.domain.acts import Act
from broker.domain.deliveries import Addressed, StoredFrame, WithheldReason
from broker.domain.mail import (
    HolderState,
    MailItem,
    MailKind,
    MailPage,
    Posted,
    Posting,
)
from broker.domain.receipts import LogRef
from broker.errors import BrokerError, DestroyedError, Reason
from keys.envelope import NoticeHeader

Key: TypeAlias = tuple[str, int]


@dataclass(slots=True, kw_only=True)
class _Kept:
    """One object in the store; `posting.mail` is no more where it `is_emptied`."""

    posting: Posting
    posted: Posted
    is_emptied: bool = False


@dataclass(slots=True, kw_only=True)
class Mailroom:
    """What is posted, and what was handed out."""

    kept: list[_Kept] = field(default_factory=list)
    boxes: dict[str, list[_Kept]] = field(default_factory=dict)
    given: set[tuple[str, Key, int]] = field(default_factory=set)

    def known(self, posting: Posting) -> Posted | None:
        mail = posting.mail
        return self.find(posting.sender, mail.kind, posting.name, posting.digest)

    def find(self, sender: str, kind: MailKind, name: bytes, digest: bytes) -> Posted | None:
        for one in self.kept:
            held = one.posting
            if (held.sender, held.mail.kind, held.name) == (sender, kind, name):
                if held.digest != digest:
                    raise BrokerError(Reason.ALREADY_EXISTS)
                return replace(one.posted, duplicate=True)
        return None

    def grants(self, key: Key, index: int) -> list[Posting]:
        return [
            one.posting
            for one in self.kept
            if one.posting.mail.kind is MailKind.GRANT
            and (one.posting.topic, one.posting.sequence, one.posting.index) == (*key, index)
        ]

    def put(self, posting: Posting, log: LogRef, addressees: Sequence[str]) -> Posted:
        posted = Posted(log=log, addressees=len(addressees))
        kept = _Kept(posting=posting, posted=posted)
        self.kept.append(kept)
        for agency in addressees:
            self.boxes.setdefault(agency, []).append(kept)
        return posted

    def empty(self, key: Key, index: int) -> None:
        for one in self.kept:
            place = one.posting.topic, one.posting.sequence, one.posting.index
            if place == (*key, index) and not one.posting.outlives:
                one.is_emptied = True


class MemoryMailboxes:
    """The part of the store in memory that holds mail and destroys notices."""

    _frames: dict[str, list[StoredFrame]]
    _addressed: dict[tuple[str, str], list[Addressed]]
    _notices: dict[tuple[str, bytes], tuple[str, int, int]]
    _write: Callable[[], AbstractAsyncContextManager[AsyncIterator[None] | None]]
    _log: Callable[[Sequence[Act]], list[LogRef]]
    _release: Callable[[str, NoticeHeader], None]

    def __init__(self) -> None:
        self._mailroom = Mailroom()
        self._era = 0

    def era(self) -> int:
        return self._era

    async def find_place(self, agency: str, statement: bytes, index: int) -> StoredFrame | None:
        for frame in (one for frames in self._frames.values() for one in frames):
            if frame.statement_digest == statement:
                return frame if agency in self._parties(frame.key, index) else None
        return None

    async def find_posted(
        self, sender: str, kind: MailKind, name: bytes, digest: bytes
    ) -> Posted | None:
        return self._mailroom.find(sender, kind, name, digest)

    async def post(self, posting: Posting) -> Posted:
        async with self._write():
            known = self._mailroom.known(posting)
            if known is not None:
                return known
            frame = self._frame((posting.topic, posting.sequence))
            if posting.needs_notice and posting.index in frame.gone:
                raise BrokerError(Reason.NOT_FOUND)
            (log,) = self._log([posting.act])
            return self._mailroom.put(posting, log, [posting.recipient])

    async def recall(self, posting: Posting, size: int) -> Posted:
        async with self._write():
            known = self._mailroom.known(posting)
            if known is not None:
                return known
            key = posting.topic, posting.sequence
            told = sorted(self._parties(key, posting.index) - {posting.sender})
            self._destroy(key, {posting.index: WithheldReason.RECALLED})
            (log,) = self._log([posting.act])
            return self._mailroom.put(posting, log, told)

    async def mail(self, agency: str, after: int, count: int, max_bytes: int) -> MailPage:
        box = self._mailroom.boxes.get(agency, [])
        items: list[MailItem] = []
        for sequence, one in list(enumerate(box, 1))[after : after + count]:
            mail = None if one.is_emptied else one.posting.mail
            max_bytes -= mail.size if mail is not None else 0
            if items and max_bytes < 0:
                break
            items.append(MailItem(sequence=sequence, log=one.posted.log, mail=mail))
        return MailPage(items=tuple(items), head=len(box))

    async def holders(self, originator: str, notice_id: bytes) -> list[HolderState] | None:
        place = self._notices.get((originator, notice_id))
        if place is None:
            return None
        key, index = place[:2], place[2]
        return [
            HolderState(
                agency=agency,
                delivered=(agency, key, index) in self._mailroom.given,
                grantee=self._own(agency, key) is None,
            )
            for agency in sorted(self._parties(key, index) - {originator})
        ]

    async def expired(self, now: int, at_most: int) -> list[tuple[str, int]]:
        times = {
            frame.key: frame.next_expiry for frames in self._frames.values() for frame in frames
        }
        due = {key: time for key, time in times.items() if time is not None and time <= now}
        return sorted(due, key=lambda key: due[key])[:at_most]

    async def destroy_expired(
        self,
        key: tuple[str, int],
        now: int,
        act_of: Callable[[StoredFrame, tuple[int, ...]], Act],
    ) -> bool:
        async with self._write():
            frame = self._frame(key)
            expired = frame.expired_at(now)
            if not expired:
                return False
            self._log([act_of(frame, expired)])
            self._destroy(key, dict.fromkeys(expired, WithheldReason.EXPIRED))
            return True

    async def erase(self) -> bool:
        return False

    async def read_again(self, addressed: Sequence[Addressed]) -> list[Addressed]:
        return [
            replace(one, frame=self._frame(one.frame.key), as_of=self._era) for one in addressed
        ]

    async def record_fetch(
        self, agency: str, place: tuple[str, int, int], act: Act, as_of: int
    ) -> LogRef:
        async with self._write():
            self._check_era(as_of)
            self._mailroom.given.add((agency, place[:2], place[2]))
            return self._log([act])[0]

    def _check_era(self, as_of: int | None) -> None:
        if as_of is not None and as_of != self._era:
            raise DestroyedError

    def _note_delivered(self, agency: str, key: Key, act: Act) -> None:
        """Note what a delivery carried, as its leaf says."""
        shown = act.fields.get("shown", b"")
        if isinstance(shown, bytes):
            for at in range(0, len(shown), 4):
                self._mailroom.given.add((agency, key, int.from_bytes(shown[at : at + 4], "big")))

    def _granted(self, agency: str, key: Key, index: int) -> Addressed | None:
        ends = [one.until for one in self._mailroom.grants(key, index) if one.recipient == agency]
        if not ends:
            return None
        return Addressed(
            frame=self._frame(key),
            recipient=b"",
            wrap=b"",
            recipient_index=0,
            recipient_path=(),
            named=False,
            granted_until=max(ends),
            as_of=self._era,
        )

    def _destroy(self, key: Key, indices: dict[int, WithheldReason]) -> None:
        topic, sequence = key
        before = self._frame(key)
        after = before.without(indices)
        for index in indices:
            header = before.notice_headers[index]
            if header is not None:
                self._release(before.originator, header)
            self._mailroom.empty(key, index)
        self._frames[topic][sequence - 1] = after
        for (_, where), own in self._addressed.items():
            for at, one in enumerate(own):
                if where == topic and one.frame.sequence == sequence:
                    wrap = b"" if after.next_expiry is None else one.wrap
                    own[at] = replace(one, frame=after, wrap=wrap)
        self._era += 1

    def _parties(self, key: Key, index: int) -> set[str]:
        sealed = {
            agency
            for (agency, topic), own in self._addressed.items()
            if topic == key[0] and any(one.frame.sequence == key[1] for one in own)
        }
        return sealed | {one.recipient for one in self._mailroom.grants(key, index)}

    def _own(self, agency: str, key: Key) -> Addressed | None:
        own = self._addressed.get((agency, key[0]), ())
        return next((one for one in own if one.frame.sequence == key[1]), None)

    def _frame(self, key: Key) -> StoredFrame:
        return self._frames[key[0]][key[1] - 1]
