# SPDX-License-Identifier: Apache-2.0
"""What a receiver or auditor found wrong, kept as evidence.

A finding never stops the feed: the frame is set aside with the reason, and what follows is
received.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class FindingKind(StrEnum):
    """The kinds of thing that should not have happened."""

    REFUSED_FRAME = "refused-frame"
    """A frame that did not verify or open; `reason` is the trust library's."""

    POLICY = "policy"
    """A frame our own copy of the rule book does not let us have."""

    RULE_BOOK = "rule-book"
    """A rule book that the stewards signed and the broker took, though it breaks what books must
    keep to; it is in force."""

    GAP = "gap"
    """Numbers of an outlet's chain that were meant for us and did not arrive."""

    LATE = "late"
    """A frame behind ones that were numbered after it."""

    CHAIN_FORK = "chain-fork"
    """A frame whose `prev` is not the statement we hold under the number before."""

    REPEATED_SEAL = "repeated-seal"
    """Another statement under a known seal id."""

    REPEATED_NOTICE = "repeated-notice"
    """Another frame with a known notice id."""

    HISTORY_GONE = "history-gone"
    """The broker no longer keeps frames we had not received."""

    LOG_FORK = "log-fork"
    """Two heads of the broker's log that do not belong to one log."""

    DIRECTORY_FORK = "directory-fork"
    """Two heads of the directory that do not belong to one directory."""

    FOREIGN_SUPERSESSION = "foreign-supersession"
    """A notice that claims to supersede one of another originator."""

    BAD_DELIVERY = "bad-delivery"
    """A good frame that the broker does not account for as it must; `reason` says how."""

    BREAK_GLASS = "break-glass"
    """An officer of ours opened a notice for danger to life; a supervisor is to review it."""

    UNTOLD = "untold"
    """An originator could not be told what was done with its notice here; `reason` is the broker's.
    """

    BAD_MAIL = "bad-mail"
    """A letter, grant or recall that did not verify, or is about nothing that we know of."""

    BAD_LEAF = "bad-leaf"
    """A log leaf that does not say what its receipt or delivery says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding; ids are hex or empty. `detail` carries no content of any notice."""

    kind: FindingKind
    reason: str
    detail: str
    at_ms: int
    originator: str = ""
    topic: str = ""
    sequence: int = 0
    seal_id: bytes = b""


def undecided(errors: Sequence[str], at_ms: int, **where: Any) -> Finding:
    """Return the finding of a decision that the rule book could not take, which is a denial."""
    return Finding(
        kind=FindingKind.POLICY,
        reason="undecided",
        detail=f"our rule book cannot be evaluated, so nothing is allowed: {errors[0]}",
        at_ms=at_ms,
        **where,
    )
