# SPDX-License-Identifier: Apache-2.0
"""Break-glass: a duty officer opens at once, for danger to life, what the rules let only then.

What the rule book forbids stays shut: RED, a national restriction. Each use is written down, told
to the originator and found in the status of the agency before anything is shown, and is reviewed
by a supervisor; one that nobody reviewed in 72 hours blocks the next. Source: research on
governance 3.4; rule P11 of the standard book.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from agency_client.domain.findings import Finding, FindingKind
from agency_client.domain.letter_contents import MAX_TEXT
from agency_client.domain.letter_contents import BreakGlass as BreakGlassLetter
from agency_client.domain.openings import OpeningKind
from agency_client.domain.people import BreakGlassUse, OfficerRecord
from agency_client.domain.post import PostKind
from agency_client.domain.records import Evidence, NoticeRow, Opening
from agency_client.domain.views import NoticeView, Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.approvals import who_acts
from agency_client.services.letters import about
from agency_client.services.officers import OfficerRegister
from agency_client.services.references import place_of
from agency_client.services.rights import THREAT_TO_LIFE, Reader, ReadingRights
from agency_client.services.viewing import ViewingService, notice_view, unknown_notice
from keys.errors import FramingError
from keys.fields import check_label
from officers.people import DUTY_247, SUPERVISOR
from policy.officers import BreakGlass

TO_REVIEW = "review_due"
"""Reason of the finding that a use leaves."""


class BreakGlassService:
    """Breaks the glass, and lets it be reviewed, at one agency."""

    def __init__(
        self,
        *,
        agency: str,
        store: Store,
        register: OfficerRegister,
        rights: ReadingRights,
        viewing: ViewingService,
        clock: Clock,
    ) -> None:
        self._agency = agency
        self._store = store
        self._register = register
        self._rights = rights
        self._viewing = viewing
        self._clock = clock

    async def open(self, reference: str, viewer: Viewer, *, reason: str, ticket: str) -> NoticeView:
        """Return a notice for danger to life, at once.

        Args:
            reference: the notice.
            viewer: a duty officer.
            reason: which danger.
            ticket: where it is recorded at the agency.

        Raises:
            AgencyError: REVIEW_OVERDUE; OFFICER_NEEDED, OFFICER_UNKNOWN, OFFICER_REFUSED;
                INVALID_ARGUMENT; UNKNOWN_NOTICE, also where the book does not let it be opened.
        """
        return await asyncio.to_thread(
            self._open, reference, viewer, BreakGlass(reason=reason, ticket=ticket)
        )

    def _open(self, reference: str, viewer: Viewer, danger: BreakGlass) -> NoticeView:
        record = self._register.officer(viewer, DUTY_247)
        _check_texts(danger)
        self._check_reviewed()
        row, rules = self._let(reference, viewer, record, danger)
        view = notice_view(row)
        use = BreakGlassUse(
            notice=view.reference,
            officer=record.officer.pseudonym,
            opened_by=record.name,
            opened_at=self._clock.now_ms(),
            reason=danger.reason,
            ticket=danger.ticket,
            rules=rules,
        )
        self._write(OpeningKind.BREAK_GLASS, use, who_acts(record, viewer))
        number = self._store.people.add_break_glass(use)
        self._store.inbox.add_findings([_finding(replace(use, number=number), row)])
        self._tell(use, row)
        return view

    def _check_reviewed(self) -> None:
        now = self._clock.now_ms()
        overdue = [one for one in self.uses(unreviewed=True) if one.is_overdue(now)]
        if overdue:
            raise AgencyError(
                Reason.REVIEW_OVERDUE,
                f"break-glass {overdue[0].number} of {overdue[0].notice} was not reviewed in time",
                number=str(overdue[0].number),
            )

    def _let(
        self, reference: str, viewer: Viewer, record: OfficerRecord, danger: BreakGlass
    ) -> tuple[NoticeRow, tuple[str, ...]]:
        """Return the notice and the rules that let it be opened."""
        row = self._viewing.kept(reference)
        reader = Reader(
            who=who_acts(record, viewer), purpose=THREAT_TO_LIFE, case=danger.ticket, record=record
        )
        if self._rights.readable(reader, (row,)):
            raise AgencyError(
                Reason.INVALID_ARGUMENT,
                "the officer may read it as it is, with purpose THREAT_TO_LIFE",
                field="reference",
            )
        decision = self._rights.in_danger(record, row, danger)
        if not decision.allow or not self._viewing.is_valid(row) or row.destroyed_at:
            self._viewing.refused(row, reader)
            raise unknown_notice(reference)
        return row, decision.determining

    def _tell(self, use: BreakGlassUse, row: NoticeRow) -> None:
        """Keep a letter to the originator, which is sent as soon as the broker is there."""
        if row.originator == self._agency:
            return
        said = BreakGlassLetter(
            officer=use.officer, reason=use.reason, ticket=use.ticket, at=use.opened_at
        )
        letter = about(
            row,
            place_of(self._store, row),
            PostKind.BREAK_GLASS,
            sender=self._agency,
            to=row.originator,
            now=use.opened_at,
        )
        self._store.post.add([replace(letter, target=use.officer, content=said.encode())])

    def uses(self, *, unreviewed: bool = False) -> Sequence[BreakGlassUse]:
        """Return uses, oldest first: all, or those without a review."""
        return self._store.people.break_glass_uses(unreviewed=unreviewed)

    async def all(self) -> Sequence[BreakGlassUse]:
        """Return uses, oldest first."""
        return await asyncio.to_thread(self.uses)

    async def review(self, number: int, outcome: str, viewer: Viewer) -> BreakGlassUse:
        """Note what a supervisor thinks of a use.

        Args:
            number: of the use.
            outcome: for the file.
            viewer: a supervisor, and not the officer who broke the glass.

        Raises:
            AgencyError: ACT_UNKNOWN; OFFICER_NEEDED, OFFICER_UNKNOWN, OFFICER_REFUSED;
                INVALID_ARGUMENT; ALREADY_EXISTS for a use that was reviewed.
        """
        return await asyncio.to_thread(self._review, number, outcome, viewer)

    def _review(self, number: int, outcome: str, viewer: Viewer) -> BreakGlassUse:
        record = self._register.officer(viewer, SUPERVISOR)
        _check_text(outcome, "outcome")
        use = self._use(number)
        if use.reviewed_at:
            raise AgencyError(Reason.ALREADY_EXISTS, f"break-glass {number} was reviewed already")
        if use.officer == record.officer.pseudonym:
            raise AgencyError(Reason.OFFICER_REFUSED, "nobody reviews what they did themselves")
        who = who_acts(record, viewer)
        self._write(OpeningKind.REVIEW, use, who)
        self._store.people.set_reviewed(number, self._clock.now_ms(), who, outcome)
        return self._use(number)

    def _use(self, number: int) -> BreakGlassUse:
        found = [one for one in self.uses() if one.number == number]
        if not found:
            raise AgencyError(Reason.ACT_UNKNOWN, f"there is no break-glass {number} here")
        return found[0]

    def _write(self, kind: OpeningKind, use: BreakGlassUse, who: str) -> None:
        self._store.openings.append(
            Opening(
                kind=kind,
                at_ms=self._clock.now_ms(),
                who=who,
                purpose=THREAT_TO_LIFE,
                case=use.ticket,
                notices=(use.notice,),
            )
        )


def _finding(use: BreakGlassUse, row: NoticeRow) -> Evidence:
    return Evidence(
        finding=Finding(
            kind=FindingKind.BREAK_GLASS,
            reason=TO_REVIEW,
            detail=f"break-glass {use.number} of {use.notice}; see `tocsin review`",
            at_ms=use.opened_at,
            originator=row.originator,
            topic=row.topic,
            sequence=row.sequence,
        )
    )


def _check_texts(danger: BreakGlass) -> None:
    _check_text(danger.reason, "reason")
    _check_text(danger.ticket, "ticket", 200)


def _check_text(value: str, field: str, limit: int = MAX_TEXT) -> None:
    try:
        check_label(value, limit)
    except FramingError:
        raise AgencyError(
            Reason.INVALID_ARGUMENT, f"the {field} is no line of text", field=field
        ) from None
