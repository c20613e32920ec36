# SPDX-License-Identifier: Apache-2.0
"""What an agency sends and gets about one notice after it was published, as it keeps it.

Letters, grants and recalls, in one order each way. Values only; what is verified, sealed and
decided is the services' business. Times are milliseconds since 1970, 0 for none.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from agency_client.domain.delivery import LogReference
from agency_client.domain.findings import Finding
from agency_client.domain.records import Evidence
from keys.places import NoticePlace


class PostKind(StrEnum):
    """What it is; the first four are the kinds of letters."""

    REQUEST = "request_onward"
    DECISION = "decision"
    ATTESTATION = "attestation"
    BREAK_GLASS = "break_glass"
    GRANT = "grant"
    RECALL = "recall"


class PostState(StrEnum):
    """How far it is."""

    WAITING = "waiting"
    """Ours: durable here, not known to be at the broker."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """Ours: the broker will not take it, however often it is tried."""

    RECEIVED = "received"
    """Another agency's, verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostItem:
    """One letter, grant or recall.

    Attributes:
        number: names it at this agency; 0 until it is kept.
        kind: what it is.
        name: a letter's id, or SHA-256 of a GRANT or RECALL: with the sender it names the item.
        sender: who made it.
        recipient: to whom; empty for a recall, which goes to every holder.
        originator: whose notice it is about.
        notice_id: the notice's id; empty where it is not known here.
        place: the notice.
        created_at: when it was made.
        target: the agency that a request, decision or grant is about.
        until: end of a grant, or until when a recall is to be answered.
        answers: the letter that a decision answers.
        content: what a letter says; empty once it was destroyed.
        signed: LETTER, GRANT or RECALL; empty until it is sealed.
        cargo: SEALED or WRAP_g; empty once it was destroyed.
        signature: over `signed`.
        state: how far it is.
        settled_at: when it was accepted, refused or received.
        reason: why it was refused; of a recall, until then, why the notice was taken back.
        message: the same for people.
        standing: number of the standing grant that made it.
        log: its leaf in the broker's log.
    """

    number: int = 0
    kind: PostKind
    name: bytes
    sender: str
    recipient: str
    originator: str
    notice_id: bytes = b""
    place: NoticePlace
    created_at: int
    target: str = ""
    until: int = 0
    answers: bytes = b""
    content: bytes = field(default=b"", repr=False)
    signed: bytes = field(default=b"", repr=False)
    cargo: bytes = field(default=b"", repr=False)
    signature: bytes = field(default=b"", repr=False)
    state: PostState = PostState.WAITING
    settled_at: int = 0
    reason: str = ""
    message: str = ""
    standing: int = 0
    log: LogReference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingGrant:
    """All later notices of one case are to be granted to one agency.

    Attributes:
        number: names it at this agency; 0 until it is kept.
        case: the `reference` that the notices carry.
        agency: who is admitted.
        until: end of it, and of the grants that it makes.
        made_at: when.
        made_by: by whom here.
        ended_at: when it was ended before its time.
        admitted: how many grants it made.
    """

    number: int = 0
    case: str
    agency: str
    until: int
    made_at: int
    made_by: str
    ended_at: int = 0
    admitted: int = 0

    def is_live_at(self, now: int) -> bool:
        """Whether it still admits the agency to what is published."""
        return not self.ended_at and now < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A notice is kept although its originator may take it back or its time be over.

    Attributes:
        legal_basis: under which law.
        review: when it is looked at again.
        made_at: when it was decided.
        made_by: by whom here.
    """

    legal_basis: str
    review: int
    made_at: int
    made_by: str


class Ending(StrEnum):
    """Why a notice's content was destroyed here; the state of what is left of it."""

    RECALLED = "recalled"
    EXPIRED = "expired"
    ENDED = "ended"
    """The grant that admitted us has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A part of our mailbox, judged: all that one transaction writes.

    Attributes:
        after: the last place of the mailbox that is now behind us.
        items: what verified.
        findings: what did not, and what must be known.
    """

    after: int
    items: tuple[PostItem, ...]
    findings: tuple[Finding | Evidence, ...] = ()
