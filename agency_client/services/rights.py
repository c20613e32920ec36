# SPDX-License-Identifier: Apache-2.0
"""Who looks at kept notices, and which of them the rule book lets that person see.

A profile with officers shows nothing without one of them, a purpose and a case reference; what the
book keeps from the officer is not there. A profile without any is a system's own: what the agency
may have, its system may read, and the agency answers for whom it shows it to (docs/people.md).
Source: research on governance 3.3.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from agency_client.domain.people import OfficerRecord
from agency_client.domain.reading_facts import officers_notice
from agency_client.domain.records import NoticeRow
from agency_client.domain.views import Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.ports.clock import Clock
from agency_client.services.approvals import check_purpose, who_acts
from agency_client.services.directory import DirectoryService
from agency_client.services.officers import OfficerRegister
from keys.errors import TrustError
from policy.decisions import Decision
from policy.officers import Approval, BreakGlass, OfficersNotice

THREAT_TO_LIFE = "THREAT_TO_LIFE"
"""The one purpose for which the glass is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who looks: `who` is what our own log says; `record` is None for the agency's own system."""

    who: str
    purpose: str
    case: str
    record: OfficerRecord | None


class ReadingRights:
    """Decides who of one agency reads what it keeps."""

    def __init__(
        self, *, register: OfficerRegister, directory: DirectoryService, clock: Clock
    ) -> None:
        self._register = register
        self._directory = directory
        self._clock = clock

    def reader(self, viewer: Viewer) -> Reader:
        """Return who looks.

        Raises:
            AgencyError: INVALID_ARGUMENT for nobody; OFFICER_NEEDED, OFFICER_UNKNOWN,
                OFFICER_REFUSED; PURPOSE_NEEDED for an officer without purpose or case.
        """
        check_viewer(viewer)
        record = self._register.acting(viewer)
        if record is not None:
            check_purpose(viewer)
        return Reader(
            who=who_acts(record, viewer), purpose=viewer.purpose, case=viewer.case, record=record
        )

    def decider(self, viewer: Viewer, role: str) -> Reader:
        """Return who decides: an officer of a role, where there are officers.

        Raises:
            AgencyError: as `reader`; OFFICER_REFUSED for an officer of other roles, or whose
                vetting has ended.
        """
        reader = self.reader(viewer)
        if reader.record is not None:
            self._register.officer(viewer, role)
        return reader

    def readable(self, reader: Reader, rows: Iterable[NoticeRow]) -> tuple[NoticeRow, ...]:
        """Return those of `rows` that `reader` may see; the others are not there for that reader.

        Raises:
            AgencyError: STORE_INVALID; NOT_ENROLLED where there is no rule book.
        """
        record = reader.record
        if record is None:
            return tuple(rows)
        now, federation = self._clock.now_ms(), self._directory.current
        known: dict[OfficersNotice, bool] = {}
        found = []
        for row in rows:
            notice = _notice(row, record, now)
            if notice not in known:
                decision = federation.may_read(
                    record.officer, notice, purpose=reader.purpose, now=now
                )
                known[notice] = decision.allow
            if known[notice]:
                found.append(row)
        return tuple(found)

    def in_danger(self, record: OfficerRecord, row: NoticeRow, danger: BreakGlass) -> Decision:
        """Decide whether an officer may read a notice by breaking the glass, now.

        Raises:
            AgencyError: STORE_INVALID; NOT_ENROLLED where there is no rule book.
        """
        now = self._clock.now_ms()
        return self._directory.current.may_read(
            record.officer,
            _notice(row, record, now),
            purpose=THREAT_TO_LIFE,
            now=now,
            break_glass=danger,
        )

    def on_act(
        self,
        action: str,
        record: OfficerRecord,
        row: NoticeRow,
        *,
        target: str = "",
        approval: Approval | None = None,
    ) -> Decision:
        """Decide whether an officer may do something with a kept notice, now.

        Raises:
            AgencyError: STORE_INVALID; NOT_ENROLLED where there is no rule book.
        """
        now = self._clock.now_ms()
        return self._directory.current.may_act(
            action,
            record.officer,
            _notice(row, record, now),
            now=now,
            target=target,
            approval=approval,
        )


def check_viewer(viewer: Viewer) -> None:
    """Refuse to show anything to nobody: a leaf must say who looked.

    Raises:
        AgencyError: INVALID_ARGUMENT; no name, or text that cannot be written down.
    """
    try:
        text = f"{viewer.name}{viewer.officer}{viewer.purpose}{viewer.case}".encode()
    except UnicodeEncodeError:
        text = b""
    if not text or not viewer.name.strip():
        raise AgencyError(
            Reason.INVALID_ARGUMENT, "it has to be known who looks: give a name", field="viewer"
        )


def damaged(row: NoticeRow) -> AgencyError:
    """Return the error for a row that is not what was stored."""
    return AgencyError(Reason.STORE_INVALID, f"the store holds a damaged notice in row {row.id}")


def _notice(row: NoticeRow, record: OfficerRecord, now: int) -> OfficersNotice:
    try:
        return officers_notice(row, record, now)
    except (TrustError, ValueError):
        raise damaged(row) from None
