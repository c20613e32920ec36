# SPDX-License-Identifier: Apache-2.0
"""What became of a notice after it was published, as people see it: asked, admitted, taken back.

Answers of the services; nothing here decides. All times are milliseconds since 1970, 0 for none.
"""

from dataclasses import dataclass
from enum import StrEnum


class RequestState(StrEnum):
    """Where a request that one more agency be admitted stands."""

    WAITING = "waiting"
    """Nobody has decided."""

    GRANTED = "granted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """A request to admit one more agency to one notice, and what was decided.

    Attributes:
        request_id: the letter's id, 16 bytes.
        notice: the notice, as ORIGINATOR/HEX.
        asked_by: the agency that asks.
        target: the agency that should be admitted.
        why: for the originator's people.
        purposes: what it is wanted for.
        asked_at: when it was written.
        state: where it stands.
        decided_at: when it was decided.
        until: end of what was granted.
        court_use: whether it was granted for use as evidence.
        reason: what the originator says.
        sent: whether our part of it has reached the broker.
    """

    request_id: bytes
    notice: str
    asked_by: str
    target: str
    why: str
    purposes: tuple[str, ...]
    asked_at: int
    state: RequestState = RequestState.WAITING
    decided_at: int = 0
    until: int = 0
    court_use: bool = False
    reason: str = ""
    sent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionView:
    """One agency that was admitted to a notice later.

    Attributes:
        notice: the notice, as ORIGINATOR/HEX.
        agency: who was admitted.
        admitted_by: who admitted it.
        granted_at: when.
        until: end of it.
        sent: whether it has reached the broker.
        purposes: what it may use the notice for; none: those of the marking.
        court_use: whether it may be used as evidence.
        reason: what the originator says.
    """

    notice: str
    agency: str
    admitted_by: str
    granted_at: int
    until: int
    sent: bool = True
    purposes: tuple[str, ...] = ()
    court_use: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingView:
    """A grant of all later notices of one case to one agency.

    Attributes:
        number: names it at this agency.
        case: the case reference that the notices carry.
        agency: who is admitted.
        until: end of it.
        made_at: when.
        made_by: by whom here.
        admitted: how many notices it admitted the agency to.
    """

    number: int
    case: str
    agency: str
    until: int
    made_at: int
    made_by: str
    admitted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallView:
    """That a notice was taken back.

    Attributes:
        notice: the notice, as ORIGINATOR/HEX.
        reason: one of `keys.recalls.RECALL_REASONS`.
        recalled_at: when.
        answer_by: until when its holders answer.
        destroyed_at: when it was destroyed here.
        legal_basis: under which law it is held here; empty where it is not.
        sent: whether the recall, or our answer to it, has reached the broker.
    """

    notice: str
    reason: str
    recalled_at: int
    answer_by: int
    destroyed_at: int = 0
    legal_basis: str = ""
    sent: bool = True


class HolderState(StrEnum):
    """How far one agency is with a notice of ours."""

    NEVER_FETCHED = "never fetched"
    """It was not handed out to the agency; after a recall it cannot be any more."""

    FETCHED = "fetched"
    """It was handed out, and nobody asked for it back."""

    NO_ANSWER = "no answer yet"
    OVERDUE = "overdue"
    DESTROYED_UNOPENED = "destroyed, never opened"
    DESTROYED = "destroyed"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderView:
    """One agency that could open a notice of ours.

    Attributes:
        agency: which.
        state: how far it is.
        grantee: whether a grant admitted it; otherwise the frame was sealed to it.
        until: end of its grant.
        answered_at: when it attested.
        legal_basis: under which law it holds the notice.
        review: when it looks at holding it again.
    """

    agency: str
    state: HolderState
    grantee: bool = False
    until: int = 0
    answered_at: int = 0
    legal_basis: str = ""
    review: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenGlassView:
    """That another agency opened a notice of ours for danger to life.

    Attributes:
        agency: which.
        officer: pseudonym of who did.
        reason: which danger.
        ticket: where it is recorded there.
        at: when.
    """

    agency: str
    officer: str
    reason: str
    ticket: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Afterlife:
    """What became of one notice, as far as this agency knows: stands on the notice's page.

    Attributes:
        requests: who asked that somebody be admitted, oldest first.
        admitted: who was, oldest first; of another agency's notice, we ourselves alone.
        recall: that it was taken back.
        broken: who told us that they opened it for danger to life, oldest first.
    """

    requests: tuple[RequestView, ...] = ()
    admitted: tuple[AdmissionView, ...] = ()
    recall: RecallView | None = None
    broken: tuple[BrokenGlassView, ...] = ()
