# SPDX-License-Identifier: Apache-2.0
"""The people of this agency as it keeps them: its officers, their two-person acts, break-glass.

Values and what follows from them and a time; nothing is looked up. Times are milliseconds since
1970, 0 for never. Source: design section 5; docs/people.md.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from keys.framing import sha256
from officers.people import Officer

REVIEW_WITHIN_MS = 72 * 60 * 60_000
"""A break-glass that nobody reviewed for so long blocks the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficerRecord:
    """One entry of the agency's own register of officers.

    Attributes:
        name: what the officer is called here: a login, or what `--as` names.
        officer: what the agency vouches for.
        sealed_key: the officer's approval key, sealed under the officer's own passphrase.
        added_at: when it was entered.
        added_by: who entered it.
        suspended_at: since when the officer may do nothing.
    """

    name: str
    officer: Officer
    sealed_key: bytes = field(repr=False)
    added_at: int
    added_by: str
    suspended_at: int = 0


class ActKind(StrEnum):
    """What needs two persons."""

    RECALL = "recall"
    """The act is RECALL."""

    RELEASE = "release"
    """The act is RELEASE (`domain.releases`): a notice whose marking the rule book lets one person
    publish only if a second approved it."""


class ActState(StrEnum):
    """Where an act stands."""

    WAITING = "waiting"
    """Nobody has approved it."""

    APPROVED = "approved"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoPersonAct:
    """An act that somebody asked for.

    Attributes:
        kind: what it is.
        act: its exact bytes.
        notice: the notice it is about, as ORIGINATOR/HEX.
        summary: what it does, for people.
        requester: pseudonym of who asked.
        requested_by: name of who asked, as it was then.
        requested_at: when.
        purpose: what for.
        case: the requester's case reference.
        approver: pseudonym of who approved; empty while nobody has.
        approved_at: when.
        done_at: when it was done.
    """

    kind: ActKind
    act: bytes = field(repr=False)
    notice: str
    summary: str
    requester: str
    requested_by: str
    requested_at: int
    purpose: str
    case: str
    approver: str = ""
    approved_at: int = 0
    done_at: int = 0

    @property
    def digest(self) -> bytes:
        """SHA-256 of the exact act: names it here, and is what is approved."""
        return sha256(self.act)

    @property
    def state(self) -> ActState:
        """Where it stands."""
        if self.done_at:
            return ActState.DONE
        return ActState.APPROVED if self.approved_at else ActState.WAITING


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlassUse:
    """A notice that was opened for danger to life, against what the rules otherwise allow.

    Attributes:
        number: names it at this agency.
        notice: the notice, as ORIGINATOR/HEX.
        officer: pseudonym of who opened it.
        opened_by: name of who did.
        opened_at: when.
        reason: which danger.
        ticket: where it is recorded at the agency.
        rules: ids of the rules that let it.
        reviewed_at: when a supervisor looked at it.
        reviewed_by: name of who did.
        outcome: what the review says.
    """

    number: int = 0
    notice: str
    officer: str
    opened_by: str
    opened_at: int
    reason: str
    ticket: str
    rules: tuple[str, ...] = ()
    reviewed_at: int = 0
    reviewed_by: str = ""
    outcome: str = ""

    @property
    def review_by(self) -> int:
        """Until when it has to be reviewed."""
        return self.opened_at + REVIEW_WITHIN_MS

    def is_overdue(self, now: int) -> bool:
        """Whether it blocks the next one."""
        return not self.reviewed_at and now >= self.review_by


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleStatus:
    """What the agency's people have to see to.

    Attributes:
        officers: how many are in the register; where there are none, the profile is a system's.
        to_approve: how many acts wait for a second person.
        to_review: how many uses of break-glass wait for a supervisor.
        review_by: until when the first of them has to be reviewed; 0 where there is none.
    """

    officers: int
    to_approve: int
    to_review: int
    review_by: int
