# SPDX-License-Identifier: Apache-2.0
"""A small federation for the policy tests: plain facts, no keys, no signatures.

`World` answers what the policy package asks of `keys.directory.Directory` and nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

NOW = 1_790_000_000_000
DAY = 86_400_000
FAR = NOW + 3650 * DAY


@dataclass(frozen=True, kw_only=True)
class Key:
    """What the policy package reads of an encryption key."""

    valid_from: int = 0
    valid_until: int = FAR


@dataclass(frozen=True, kw_only=True)
class Agency:
    """What the policy package reads of an agency's entry."""

    agency: str
    country: str = "RO"
    kind: str = "POLICE"
    role: str = "agency"
    circles: tuple[str, ...] = ("readers",)
    contact247: bool = False
    agreement_until: int = FAR
    operations: tuple[tuple[str, int], ...] = ()
    encryption: tuple[Key, ...] = (Key(),)


@dataclass(frozen=True, kw_only=True)
class Topic:
    """What the policy package reads of a topic's entry."""

    topic: str
    readers: tuple[str, ...] = ("readers",)
    publishers: tuple[str, ...] = ("publishers",)
    victim_assistance: bool = False
    min_clearance: str = ""


@dataclass(frozen=True, kw_only=True)
class Marking:
    """What the policy package reads of a marking."""

    type: str = "YELLOW"
    tlp: str = "AMBER"
    handling: tuple[str, ...] = ("H0",)
    purposes: tuple[str, ...] = ("INVESTIGATION",)
    not_for: tuple[str, ...] = ()
    sanitised: bool = False
    operation: str = ""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What the policy package reads of a joint operation's entry."""

    code: str
    starts_at: int = 0
    ends_at: int = FAR


@dataclass(frozen=True, kw_only=True)
class World:
    """An in-memory directory."""

    members: tuple[Agency, ...] = ()
    subjects: tuple[Topic, ...] = ()
    locked: frozenset[str] = frozenset()
    retired: frozenset[str] = frozenset()
    rule_book: Any = None
    joint: tuple[Operation, ...] = ()
    by_name: dict[str, Agency] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_name.update({member.agency: member for member in self.members})

    def agencies(self) -> tuple[Agency, ...]:
        return self.members

    def topics(self) -> tuple[Topic, ...]:
        return self.subjects

    def operation(self, code: str) -> Operation | None:
        return next((one for one in self.joint if one.code == code), None)

    def active(self, agency: str) -> bool:
        return agency in self.by_name and agency not in self.locked | self.retired

    def is_retired(self, agency: str) -> bool:
        return agency in self.retired

    def encryption_key(self, agency: str, at: int) -> Key | None:
        keys = self.by_name[agency].encryption
        return next((key for key in keys if key.valid_from <= at < key.valid_until), None)


def world(members: Iterable[Agency], *subjects: Topic, **more: Any) -> Any:
    """Return a directory of these members and topics."""
    return World(members=tuple(members), subjects=subjects, **more)


def marking(**differs: Any) -> Any:
    """Return a plain AMBER marking, changed where said."""
    return replace(Marking(), **differs)
