# SPDX-License-Identifier: Apache-2.0
"""What the broker hands to a subscriber, as plain values: deliveries, cursors and control events.

Nothing here is verified: these are the peer's words until `services.reading` has checked them.
Source: design section 4 ("Blind recipients") and `protos/tocsin/v1/subscriber_service.proto`.
"""

from dataclasses import dataclass
from enum import StrEnum


class WithheldReason(StrEnum):
    """Why the broker keeps a notice back that was sealed to us."""

    POLICY = "policy"
    EXPIRED = "expired"
    RECALLED = "recalled"
    NOT_YET_VALID = "not-yet-valid"
    UNKNOWN = "unknown"

    @property
    def number(self) -> int:
        """The reason's number on the wire and in log leaves."""
        return WITHHELD_NUMBERS.index(self)


WITHHELD_NUMBERS = (
    WithheldReason.UNKNOWN,
    WithheldReason.POLICY,
    WithheldReason.EXPIRED,
    WithheldReason.RECALLED,
    WithheldReason.NOT_YET_VALID,
)
"""Reasons by their number in `protos/tocsin/v1/core.proto`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReference:
    """A leaf of the broker's log: 0-based index, 32-byte salt, stated time."""

    index: int
    salt: bytes
    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedNotice:
    """One notice of a delivery; `path` is empty where the delivery carries the whole frame."""

    index: int
    header: bytes
    body: bytes
    path: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """One notice the delivery does not carry, and why."""

    index: int
    reason: WithheldReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One frame for us: whole, in part, as a stub, or withheld. `size` is in bytes, on the wire."""

    header: bytes
    statement: bytes
    signature: bytes
    notices: tuple[CarriedNotice, ...]
    topic: str
    sequence: int
    publish_log: LogReference | None
    recipient: bytes
    wrap: bytes
    recipient_index: int
    recipient_path: tuple[bytes, ...]
    delivery_log: LogReference | None
    stub: bool = False
    withheld: tuple[Withheld, ...] = ()
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A place in one topic: everything up to and including `sequence` is behind it."""

    topic: str
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a subscription wants: one or more topic patterns, types and originators (none: all)."""

    topics: tuple[str, ...]
    types: tuple[str, ...] = ()
    originators: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.topics:
            raise ValueError("a filter needs at least one topic pattern")

    def shows(self, notice_type: str, originator: str) -> bool:
        """Return whether it chooses a notice of its topics."""
        return (not self.types or notice_type in self.types) and (
            not self.originators or originator in self.originators
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The stream is open; acknowledged cursors and the heads that concern us."""

    cursors: tuple[Cursor, ...]
    heads: tuple[Cursor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One frame arrived."""

    delivery: Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The broker put our cursor on stable storage."""

    cursor: Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtUp:
    """Everything stored before the catch-up began has been delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSeen:
    """The newest signed checkpoint of the broker's log."""

    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The stream lives; `waiting_for_credit`: more is there, and we gave no credit for it."""

    waiting_for_credit: bool
    heads: tuple[Cursor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryGone:
    """Our cursor points to frames the broker no longer keeps."""

    topic: str
    first_available: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChanged:
    """Another directory or rule book is in force from here on."""

    directory_size: int
    rule_book_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draining:
    """The broker is about to stop: reconnect and resume."""


SubscriptionEvent = (
    Opened
    | Delivered
    | Acknowledged
    | CaughtUp
    | CheckpointSeen
    | Heartbeat
    | HistoryGone
    | PolicyChanged
    | Draining
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicView:
    """A topic as we may see it; `head` is the last sequence that concerns us."""

    name: str
    title: str
    may_publish: bool
    may_subscribe: bool
    head: int
