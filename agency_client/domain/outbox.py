# SPDX-License-Identifier: Apache-2.0
"""The life of a sealed frame between the outbox and the broker's receipt.

Everything that decides about a frame's state is in this file; it reads no clock and no disk. Rules
(design section 4): bytes whose outcome is unknown are sent again unchanged; a definite refusal
means sealing and numbering anew, or giving up; frames numbered behind a refused one on the same
topic are refused too and follow it.
"""

from dataclasses import dataclass
from enum import StrEnum

from agency_client.domain.delivery import LogReference
from agency_client.errors import Reason

FIRST_PAUSE_MS = 500
"""First pause after a failed attempt: anything shorter hammers a broker that restarts."""

LONGEST_PAUSE_MS = 15_000
"""Longest pause: an alert leaves seconds after the line is back, and a thousand agencies
that try this often are a hundred calls a second, which a broker does not notice."""

MOST_RESEALS = 6
"""A frame refused this often for reasons that sealing anew should cure is given up and reported."""


class FrameState(StrEnum):
    """Where a frame of the outbox stands."""

    QUEUED = "queued"
    """Sealed and durable; never handed to the network."""

    SENT = "sent"
    """Handed to the network; outcome unknown."""

    ACCEPTED = "accepted"
    """The broker's receipt is stored."""

    STALE = "stale"
    """Definitely refused; to be sealed and numbered anew."""

    REFUSED = "refused"
    """Definitely refused, and sealing anew would not help."""


MOVES: dict[FrameState, frozenset[FrameState]] = {
    FrameState.QUEUED: frozenset({FrameState.SENT, FrameState.STALE, FrameState.REFUSED}),
    FrameState.SENT: frozenset(
        {FrameState.SENT, FrameState.ACCEPTED, FrameState.STALE, FrameState.REFUSED}
    ),
    FrameState.STALE: frozenset({FrameState.QUEUED, FrameState.REFUSED}),
    FrameState.ACCEPTED: frozenset(),
    FrameState.REFUSED: frozenset(),
}
"""Every allowed move; `STALE -> QUEUED` is the new seal. Anything else is a fault of ours."""


def moved(state: FrameState, to: FrameState) -> FrameState:
    """Return `to` where the table allows it.

    Raises:
        ValueError: the move is not in the table.
    """
    if to not in MOVES[state]:
        raise ValueError(f"an outbox frame cannot go from {state} to {to}")
    return to


class Remedy(StrEnum):
    """What a refusal asks for."""

    RETRY = "retry"
    """Outcome unknown or a passing state of the broker: the same bytes again, later."""

    RESEAL = "reseal"
    """Definite; sealing and numbering anew may cure it."""

    RESEAL_LATER = "reseal-later"
    """Definite; sealing anew cures it once we have mended what is wrong here."""

    GIVE_UP = "give-up"
    """Definite; the originator has to change something."""

    HOLD = "hold"
    """Nothing is wrong with the frame; we may not publish at present."""


REMEDIES: dict[Reason, Remedy] = {
    Reason.OUTCOME_UNKNOWN: Remedy.RETRY,
    Reason.STORAGE_FULL: Remedy.RETRY,
    Reason.READ_ONLY: Remedy.RETRY,
    Reason.INTERNAL: Remedy.RETRY,
    Reason.DRAINING: Remedy.RETRY,
    Reason.BROKER_UNREACHABLE: Remedy.RETRY,
    Reason.DEADLINE_EXCEEDED: Remedy.RETRY,
    Reason.CHAIN_BROKEN: Remedy.RESEAL,
    Reason.RESEAL_REQUIRED: Remedy.RESEAL,
    Reason.CLOCK_SKEW: Remedy.RESEAL,
    Reason.ATTACHMENT_MISSING: Remedy.RESEAL,
    Reason.AGENCY_LOCKED: Remedy.HOLD,
    Reason.UNAUTHENTICATED: Remedy.HOLD,
}
"""Refusals not listed are definite and final: `Remedy.GIVE_UP`."""


def remedy(reason: Reason, reseals: int) -> Remedy:
    """Decide what to do about a refusal of a frame that was sealed anew `reseals` times before.

    A frame that is new and out of time all the same tells of a clock that is wrong: it is kept
    until the clock is right, for no alert may be lost by that.
    """
    found = REMEDIES.get(reason, Remedy.GIVE_UP)
    if reason is Reason.CLOCK_SKEW and reseals:
        return Remedy.RESEAL_LATER
    if found is Remedy.RESEAL and reseals >= MOST_RESEALS:
        return Remedy.GIVE_UP
    return found


def pause_ms(attempts: int, jitter: float) -> int:
    """Return how long to wait after `attempts` failed attempts; `jitter` is in [0, 1).

    Half of the exponential pause is fixed and half random, so that agencies that lost the same
    broker do not come back in step.
    """
    ceiling = min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS << min(attempts, 16))
    return int(ceiling / 2 + ceiling / 2 * jitter)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishReceipt:
    """The broker's answer for a stored frame."""

    topic: str
    sequence: int
    log: LogReference
    duplicate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The broker's answer for a frame it did not store."""

    reason: Reason
    message: str
    metadata: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOutcome:
    """What became of the frame with `number` on a publish stream."""

    number: int
    outcome: PublishReceipt | Refusal
