# SPDX-License-Identifier: Apache-2.0
"""What the services answer with: notices as kept; reports of publishing, receiving and audit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from agency_client.domain.changes import Change
from agency_client.domain.findings import Finding
from agency_client.domain.onward import Afterlife
from agency_client.domain.partners import MembershipStatus
from agency_client.domain.people import PeopleStatus
from agency_client.domain.recovery import RecoveryStatus
from agency_client.domain.warnings import PreviewWarning
from agency_client.errors import Reason
from keys.envelope import Marking


class NoticeState(StrEnum):
    """Where a kept notice stands."""

    QUEUED = "queued"
    """Our own, not yet at the broker."""

    CURRENT = "current"
    """Published and not superseded."""

    SUPERSEDED = "superseded"
    """Its originator published a newer one."""

    REFUSED = "refused"
    """Our own, refused by the broker for good."""

    RECALLED = "recalled"
    """Its originator took it back; nothing of it is left here."""

    EXPIRED = "expired"
    """Its time was over; nothing of it is left here."""

    ENDED = "ended"
    """The grant that admitted us has ended; nothing of it is left here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who looks, for which purpose: what the agency's own log of openings records.

    `officer` is whom of the agency's register it is, where that is not who `name` says.
    """

    name: str
    purpose: str = ""
    case: str = ""
    officer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentView:
    """An attachment as the notice lists it; `length` is the plaintext's."""

    id: bytes
    name: str
    media_type: str
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeView:
    """One kept notice. `content` is the notice document; all times are ms since 1970.

    `changes` is what it says otherwise than the notice that it supersedes, where that is here.
    """

    originator: str
    notice_id: bytes
    topic: str
    marking: Marking
    content: Mapping[str, Any]
    attachments: tuple[AttachmentView, ...]
    state: NoticeState
    created_at: int
    received_at: int
    valid_from: int
    expires_at: int
    sequence: int
    supersedes: tuple[tuple[str, bytes], ...]
    superseded_by: tuple[str, bytes] | None
    acknowledged_at: int
    acknowledged_by: str
    afterlife: Afterlife = field(default_factory=Afterlife)
    changes: tuple[Change, ...] = ()

    @property
    def reference(self) -> str:
        """The name people and programs use: ORIGINATOR/32 hex digits."""
        return f"{self.originator}/{self.notice_id.hex()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxQuery:
    """Which kept notices to list, newest first; empty fields do not restrict."""

    topics: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    originators: tuple[str, ...] = ()
    unacknowledged: bool = False
    include_superseded: bool = True
    own: bool = True
    limit: int = 50
    before_id: int = 0
    after_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """Hits, best first. `waiting` is how many stored notices the index lacks (0: complete)."""

    notices: tuple[NoticeView, ...]
    waiting: int


class PublishState(StrEnum):
    """What became of one draft."""

    ACCEPTED = "accepted"
    QUEUED = "queued"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedNotice:
    """The outcome of one draft; `position` is its place in the call. Refused ones say why."""

    position: int
    state: PublishState
    notice_id: bytes = b""
    topic: str = ""
    recipients: tuple[str, ...] = ()
    sequence: int = 0
    log_index: int = 0
    reason: str = ""
    message: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishReport:
    """The outcomes of all drafts of one call, in the order they were given."""

    notices: tuple[PublishedNotice, ...]

    def count(self, state: PublishState) -> int:
        """Return how many drafts ended in `state`."""
        return sum(1 for notice in self.notices if notice.state is state)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReport:
    """What one attempt to empty the outbox did; `problem` says why something is left.

    `held` where trying on is no use before something has changed: a lock, our clock.
    """

    accepted: int
    refused: int
    waiting: int
    problem: str = ""
    problem_reason: str = ""
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MailReport:
    """What one exchange of mail brought: items, granted notices, and notices that ended."""

    items: int = 0
    granted: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveReport:
    """What one catch-up stored, and what it found wrong; `mail` is what came with it.

    `is_complete`: all that was there when it began has arrived; the broker did not end it before.
    """

    frames: int
    notices: int
    stubs: int
    withheld: int
    findings: tuple[Finding, ...]
    mail: MailReport = field(default_factory=MailReport)
    is_complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceView:
    """Who would get a notice, why the others would not, and what to know before it is sent."""

    admitted: tuple[str, ...]
    refused: Mapping[str, str]
    warnings: tuple[PreviewWarning, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatus:
    """One of our keys; `use` is signing, encryption or gateway; `valid_until` in ms."""

    use: str
    key_id: str
    valid_until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """How the agency stands; `broker_problem` is also what a broker that was reached answers."""

    agency: str
    federation: bytes
    broker: str
    broker_reachable: bool
    broker_problem: str
    broker_reason: Reason | None
    enrolled: bool
    locked: bool
    directory_size: int
    rule_book_version: int
    checkpoint_size: int
    queued_frames: int
    queued_notices: int
    kept_notices: int
    index_waiting: int
    lag: Mapping[str, int]
    findings: int
    keys: tuple[KeyStatus, ...]
    recovery: RecoveryStatus
    own_log_size: int
    membership: MembershipStatus
    people: PeopleStatus


class Verdict(StrEnum):
    """The three outcomes of a verification."""

    VERIFIED = "verified"
    FAILED = "failed"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCheck:
    """One thing the audit looked at. `entry` is the first bad entry's index, -1: none named."""

    name: str
    verdict: Verdict
    detail: str
    entry: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """All checks; verified only where every one is."""

    checks: tuple[AuditCheck, ...]
    leaves: int = 0
    facts: Mapping[str, int] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """FAILED if any check failed, else UNCHECKED if any could not be made, else VERIFIED."""
        verdicts = {check.verdict for check in self.checks}
        for worst in (Verdict.FAILED, Verdict.UNCHECKED):
            if worst in verdicts:
                return worst
        return Verdict.VERIFIED if verdicts else Verdict.UNCHECKED
