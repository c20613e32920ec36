# SPDX-License-Identifier: Apache-2.0
"""One frame as one recipient gets it, and the decision which of its notices that is.

Whether the rule book lets the recipient have the frame is decided by the caller; validity times
are decided here, at the instant of delivery.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import Self

from broker.domain.receipts import LogRef
from keys.envelope import FrameHeader, NoticeHeader, SealedNotice
from keys.places import NoticePlace


class WithheldReason(IntEnum):
    """Why a notice is kept back; the numbers are those of `tocsin.v1.WithheldReason`."""

    POLICY = 1
    EXPIRED = 2
    RECALLED = 3
    NOT_YET_VALID = 4


class Form(StrEnum):
    """How a frame is delivered; the values are the kinds of the leaf that says so."""

    FULL = "full"
    PARTIAL = "partial"
    STUB = "stub"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """Accounts for one notice that a delivery does not carry."""

    index: int
    reason: WithheldReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """What is left of a notice that was destroyed: its leaf hash, and why."""

    leaf_hash: bytes
    reason: WithheldReason


_EMPTIED = SealedNotice(header=b"", body=b"")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredFrame:
    """What all recipients of a stored frame have in common.

    Attributes:
        topic: where it stands.
        sequence: its place there.
        header: FRAME_HEADER bytes.
        statement: STATEMENT bytes.
        signature: hybrid signature over the statement.
        notices: all of its notices, in order; empty bytes for one that was destroyed.
        publish_log: the leaf of its publication.
        decoded: the decoded header.
        originator: who signed it.
        statement_digest: SHA-256 of the statement.
        notice_headers: the decoded headers of `notices`; None for one that was destroyed.
        size: bytes of all the above, near enough to count credit and memory by.
        gone: what is left of those that were destroyed, by index.
    """

    topic: str
    sequence: int
    header: bytes
    statement: bytes
    signature: bytes
    notices: tuple[SealedNotice, ...]
    publish_log: LogRef
    decoded: FrameHeader
    originator: str
    statement_digest: bytes
    notice_headers: tuple[NoticeHeader | None, ...]
    size: int
    gone: Mapping[int, Gone] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int]:
        """Names the frame within the broker."""
        return self.topic, self.sequence

    @property
    def next_expiry(self) -> int | None:
        """When the next of its notices expires; None where all are destroyed."""
        times = [header.expires_at for header in self.notice_headers if header is not None]
        return min(times, default=None)

    def leaf_hash(self, index: int) -> bytes:
        """Return a notice's leaf hash, also of one that was destroyed."""
        gone = self.gone.get(index)
        return self.notices[index].leaf_hash if gone is None else gone.leaf_hash

    def has(self, place: NoticePlace) -> bool:
        """Whether the frame carries the notice of a place, or did before it was destroyed."""
        return (
            place.statement == self.statement_digest
            and place.index < len(self.notices)
            and self.leaf_hash(place.index) == place.leaf_hash
        )

    def expired_at(self, now: int) -> tuple[int, ...]:
        """Return the notices that are there and have expired."""
        return tuple(
            index
            for index, header in enumerate(self.notice_headers)
            if header is not None and now >= header.expires_at
        )

    def without(self, indices: Mapping[int, WithheldReason]) -> Self:
        """Return the frame as it is once notices are destroyed; their leaf hashes stay."""
        lost = {
            index: Gone(leaf_hash=self.leaf_hash(index), reason=reason)
            for index, reason in indices.items()
        }
        pairs = list(zip(self.notices, self.notice_headers, strict=True))
        return replace(
            self,
            notices=tuple(_EMPTIED if i in lost else one for i, (one, _) in enumerate(pairs)),
            notice_headers=tuple(None if i in lost else head for i, (_, head) in enumerate(pairs)),
            gone={**self.gone, **lost},
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Addressed:
    """A stored frame with one recipient's own part of it.

    Attributes:
        frame: the common part.
        recipient: the RECIPIENT bytes.
        wrap: the seal key wrapped to the recipient.
        recipient_index: the record's place among the frame's recipients.
        recipient_path: its inclusion path, leaf to root.
        named: whether the originator named the recipient.
        granted_until: when the grant ends by which the agency may have the one notice asked for;
            None for a recipient of the frame, whose own part the others above are.
        as_of: the store's `era` in which it was read.
    """

    frame: StoredFrame
    recipient: bytes
    wrap: bytes
    recipient_index: int
    recipient_path: tuple[bytes, ...]
    named: bool
    granted_until: int | None = None
    as_of: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """Which notices of a frame a delivery carries, and why not the others."""

    form: Form
    shown: tuple[int, ...]
    withheld: tuple[Withheld, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Delivered:
    """One frame for one recipient, with the leaf that says so already on stable storage.

    Attributes:
        frame: the common part.
        form: whole, in part, as a stub, or withheld.
        shown: indices of the notices carried, ascending.
        paths: the inclusion path of each of `shown` where `form` is PARTIAL, else empty.
        recipient: the recipient's own RECIPIENT bytes.
        wrap: its wrap; empty where no notice is carried.
        recipient_index: the record's place among the frame's recipients.
        recipient_path: its inclusion path, leaf to root.
        withheld: accounts for each notice kept back.
        log: the leaf of this delivery.
    """

    frame: StoredFrame
    form: Form
    shown: tuple[int, ...]
    paths: tuple[tuple[bytes, ...], ...]
    recipient: bytes
    wrap: bytes
    recipient_index: int
    recipient_path: tuple[bytes, ...]
    withheld: tuple[Withheld, ...]
    log: LogRef

    @property
    def is_stub(self) -> bool:
        """Whether the frame lies outside the subscription's filter."""
        return self.form is Form.STUB


def show(frame: StoredFrame, now: int, *, admitted: bool, wanted: bool) -> Showing:
    """Decide which notices of `frame` go to a recipient at `now`.

    Args:
        frame: what is stored.
        now: milliseconds since 1970.
        admitted: whether the rule book in force lets the recipient have it.
        wanted: whether the subscription's filter takes it whole.
    """
    everything = tuple(range(len(frame.notices)))
    if not admitted:
        kept = tuple(Withheld(index=index, reason=WithheldReason.POLICY) for index in everything)
        return Showing(form=Form.WITHHELD, shown=(), withheld=kept)
    if not wanted:
        return Showing(form=Form.STUB, shown=())
    verdicts = [
        frame.gone[index].reason if header is None else _verdict(header, now)
        for index, header in enumerate(frame.notice_headers)
    ]
    kept = tuple(
        Withheld(index=index, reason=reason)
        for index, reason in enumerate(verdicts)
        if reason is not None
    )
    if not kept:
        return Showing(form=Form.FULL, shown=everything)
    shown = tuple(index for index, reason in enumerate(verdicts) if reason is None)
    return Showing(form=Form.PARTIAL if shown else Form.WITHHELD, shown=shown, withheld=kept)


def _verdict(header: NoticeHeader, now: int) -> WithheldReason | None:
    if now < header.valid_from:
        return WithheldReason.NOT_YET_VALID
    if now >= header.expires_at:
        return WithheldReason.EXPIRED
    return None
