# SPDX-License-Identifier: Apache-2.0
"""What services hand to the store and get back: frames and notices around the network."""

from dataclasses import dataclass

from agency_client.domain.delivery import Cursor, LogReference, Withheld
from agency_client.domain.findings import Finding
from agency_client.domain.outbox import FrameState


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The last frame held of an outlet on a topic: number and SHA-256 of its STATEMENT."""

    seq: int
    statement_hash: bytes


FIRST_LINK = Link(seq=0, statement_hash=bytes(32))
"""What the first frame of a chain follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A frame held under a number of a chain, and the SHA-256 of the STATEMENT that it follows."""

    seq: int
    statement_hash: bytes
    prev: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainKey:
    """Names one chain: an outlet of an originator on one topic."""

    originator: str
    outlet: bytes
    topic: str


GRANTED = "granted"
"""Form of a frame of which a grant brought one notice; it has no number and no place in a chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptNotice:
    """One opened notice on its way into the store; `content` is the whole content document.

    `granted_until` is the end of the grant that admitted us; 0 where the frame was sealed to us.
    """

    position: int
    notice_id: bytes
    type: str
    valid_from: int
    expires_at: int
    header: bytes
    body: bytes
    leaf_hash: bytes
    content: bytes
    content_key: bytes
    supersedes: tuple[bytes, ...]
    granted_until: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFrame:
    """One verified frame on its way into the store."""

    key: ChainKey
    seal_id: bytes
    sequence: int
    seq: int
    created_at: int
    marking: bytes
    form: str
    header: bytes
    statement: bytes
    statement_hash: bytes
    signature: bytes
    recipient: bytes
    publish_log: LogReference | None
    delivery_log: LogReference | None
    delivery_kind: str
    shown: bytes
    notices: tuple[KeptNotice, ...]
    withheld: tuple[Withheld, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A finding and the bytes that prove it."""

    finding: Finding
    data: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A tree head that a signed frame header named."""

    log: str
    size: int
    root: bytes
    originator: str
    seal_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedBatch:
    """All that one transaction of the receiver writes.

    `missing` are (chain, first, last) of numbers that did not arrive, `found` those that came late.
    """

    subscription: str
    frames: tuple[KeptFrame, ...]
    links: tuple[tuple[ChainKey, Link], ...]
    missing: tuple[tuple[ChainKey, int, int], ...]
    found: tuple[tuple[ChainKey, int], ...]
    cursors: tuple[Cursor, ...]
    findings: tuple[Evidence, ...]
    heads: tuple[Head, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFrame:
    """A stored frame, found by its seal id; `positions` are the notices held of it."""

    id: int
    statement_hash: bytes
    positions: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNotice:
    """A stored notice, found by its id.

    `seal_id` is empty for our own until it comes back, and for one that a grant brought.
    """

    seal_id: bytes
    leaf_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPlace:
    """What is known here of a notice that something signed is about.

    `row_id` is 0 where the frame is known and the notice itself never came.
    """

    originator: str
    row_id: int = 0
    notice_id: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnNotice:
    """One of our notices in the outbox: what sealing it anew needs."""

    position: int
    notice_id: bytes
    type: str
    valid_from: int
    expires_at: int
    header: bytes
    leaf_hash: bytes
    content: bytes
    supersedes: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxFrame:
    """One frame of the outbox. `recipients` are (agency, seq) pairs in frame order."""

    id: int
    topic: str
    outlet: bytes
    seal_id: bytes
    statement_hash: bytes
    marking: bytes
    named: tuple[str, ...]
    recipients: tuple[tuple[str, int], ...]
    frame: bytes
    state: FrameState
    reseals: int
    created_at: int
    reason: str = ""
    message: str = ""
    sequence: int = 0
    log: LogReference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRow:
    """One kept notice as the store has it; `recipient` is empty where no frame was sealed to us.

    Of one with `destroyed_at` nothing is left but that it was there; `state` says why. One that its
    originator has `taken_back` is destroyed at the next look, or held.
    """

    id: int
    originator: str
    notice_id: bytes
    topic: str
    type: str
    marking: bytes
    sequence: int
    created_at: int
    received_at: int
    valid_from: int
    expires_at: int
    header: bytes
    leaf_hash: bytes
    content: bytes
    content_key: bytes
    state: str
    superseded_by: bytes
    acknowledged_at: int
    acknowledged_by: str
    recipient: bytes = b""
    granted_until: int = 0
    destroyed_at: int = 0
    taken_back: bool = False

    @property
    def is_gone(self) -> bool:
        """Whether nothing that it says is shown any more, even where it is held as evidence."""
        return bool(self.destroyed_at) or self.taken_back


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedCheckpoint:
    """A checkpoint we verified and hold the broker to."""

    size: int
    root: bytes
    note: str
    seen_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One entry of our own log: who looked at what and why."""

    kind: str
    at_ms: int
    who: str
    purpose: str
    case: str
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedLeaf:
    """A leaf of the broker's log that we can recompute: what it must say, under its salt."""

    log: LogReference
    kind: str
    fields: tuple[tuple[str, bytes | str | int], ...]
