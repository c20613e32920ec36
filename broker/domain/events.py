# SPDX-License-Identifier: Apache-2.0
"""What a subscriber's session tells it, in order."""

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from broker.domain.cursors import Cursor
from broker.domain.deliveries import Delivered


class Waiting(IntEnum):
    """Why nothing comes; the numbers are those of `tocsin.v1` `Heartbeat.Waiting`."""

    NOTHING_NEW = 1
    CREDIT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The session stands: acknowledged places, and last sequences that concern the caller."""

    cursors: tuple[Cursor, ...]
    heads: tuple[Cursor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The cursor is on stable storage."""

    cursor: Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtUp:
    """Everything stored before the catch-up began has been delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointNote:
    """The newest signed checkpoint of the acts log."""

    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """Ends a silence and says why there was one."""

    waiting: Waiting
    heads: tuple[Cursor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """The cursor points to frames that are no longer kept."""

    topic: str
    first_available: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChanged:
    """Another directory or rule book is in force from here on."""

    directory_size: int
    rule_book_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draining:
    """The broker is about to stop; nothing follows."""


Event: TypeAlias = (
    Opened
    | Delivered
    | Acknowledged
    | CaughtUp
    | CheckpointNote
    | Heartbeat
    | Gap
    | PolicyChanged
    | Draining
)
