# SPDX-License-Identifier: Apache-2.0
"""Following an outlet's chain: does this frame come next, and if not, what does that mean?

Each RECIPIENT carries its number in the outlet's chain to us on that topic, and the SHA-256 of the
STATEMENT before it, both under the originator's signature. So a frame that was meant for us and did
not come shows as soon as a later one does.
Source: design section 4, "Gaps".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from agency_client.domain.records import FIRST_LINK, Link, Placed


class Step(StrEnum):
    """How a frame stands to the chain held."""

    NEXT = "next"
    AFTER_GAP = "after-gap"
    LATE = "late"
    FORK = "fork"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The outcome: the link to hold from here on; `gap` is (first, last) of numbers passed over."""

    step: Step
    link: Link
    gap: tuple[int, int] | None = None


def follow(
    held: Link | None, missing: Sequence[tuple[int, int]], seq: int, prev: bytes, statement: bytes
) -> Followed:
    """Place a frame that is not held yet.

    Args:
        held: the last frame held of the chain, None where there is none.
        missing: (first, last) numbers that have not arrived.
        seq: the frame's number, from 1.
        prev: what it names as the SHA-256 of the STATEMENT before it.
        statement: SHA-256 of its own STATEMENT.
    """
    last = held or FIRST_LINK
    link = Link(seq=seq, statement_hash=statement)
    if seq == last.seq + 1:
        follows = prev == last.statement_hash
        return Followed(step=Step.NEXT if follows else Step.FORK, link=link)
    if seq > last.seq + 1:
        return Followed(step=Step.AFTER_GAP, link=link, gap=(last.seq + 1, seq - 1))
    late = any(first <= seq <= until for first, until in missing)
    return Followed(step=Step.LATE if late else Step.REPEATED, link=last)


def fits(beside: Sequence[Placed], seq: int, prev: bytes, statement: bytes) -> bool:
    """Whether a late frame follows what is held before it, and what is held behind it follows it.

    Args:
        beside: frames held under the numbers before and behind; none where none is held.
        seq: the frame's number.
        prev: what it names as the SHA-256 of the STATEMENT before it.
        statement: SHA-256 of its own STATEMENT.
    """
    before = [one.statement_hash for one in beside if one.seq == seq - 1]
    behind = [one.prev for one in beside if one.seq == seq + 1]
    return (not before or prev in before) and (not behind or statement in behind)
