# SPDX-License-Identifier: Apache-2.0
"""Previewing: who would get a draft, why the others would not, and what to know before it is sent.

Sends nothing and needs no broker. To look for duplicates is to search what is kept, so it is
written into the agency's own log like any search. Not here: what a warning is (`domain.warnings`),
what makes two notices alike (`domain.likeness`).
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

from agency_client.domain.content import Content
from agency_client.domain.likeness import Likeness, Subject, queries
from agency_client.domain.openings import OpeningKind
from agency_client.domain.publishable import Publishable
from agency_client.domain.records import NoticeRow
from agency_client.domain.views import AudienceView, NoticeState, Viewer
from agency_client.domain.warnings import (
    OPEN_TLP,
    PreviewWarning,
    WarningKind,
    ending,
    identifying,
    lowered,
)
from agency_client.errors import AgencyError, Reason
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.directory import DirectoryService
from agency_client.services.federation import Federation
from agency_client.services.planning import audience_of, preview
from agency_client.services.rights import damaged
from agency_client.services.viewing import INDEX_FIRST, ViewingService
from keys.envelope import Marking
from keys.errors import TrustError

MOST_ALIKE = 20
"""Notices that each search for a duplicate looks at."""
_LIVE = frozenset({NoticeState.CURRENT, NoticeState.QUEUED})


class PreviewService:
    """Previews the drafts of one profile."""

    def __init__(
        self, *, store: Store, directory: DirectoryService, viewing: ViewingService, clock: Clock
    ) -> None:
        self._store = store
        self._directory = directory
        self._viewing = viewing
        self._clock = clock

    async def preview(self, draft: Publishable, viewer: Viewer) -> AudienceView:
        """Return who would get a draft, who would not and why, and warnings.

        Raises:
            AgencyError: NOT_ENROLLED; INVALID_ARGUMENT for a viewer without a name; of the store.
        """
        return await asyncio.to_thread(self._preview, draft, viewer)

    def _preview(self, draft: Publishable, viewer: Viewer) -> AudienceView:
        now, federation = self._clock.now_ms(), self._directory.current
        view = preview(draft, federation, now)
        cited = self._cited(draft, viewer)
        alike = self._alike(draft, {row.id for row in cited.values()}, viewer)
        self._viewing.opened(
            OpeningKind.SEARCH, [*cited.values(), *(row for row, _ in alike)], viewer
        )
        warnings = (
            *_refusals(draft, federation, now),
            *_about_readers(draft, view, federation, now),
            *self._about_supersession(draft, federation, viewer),
            *(found for name, row in cited.items() if (found := _lowered(draft, name, row))),
            *(_duplicate(row, likeness) for row, likeness in alike),
        )
        return replace(view, warnings=warnings)

    def _cited(self, draft: Publishable, viewer: Viewer) -> dict[str, NoticeRow]:
        """Return the kept notices that a draft cites, by the name it cites them with."""
        found = {}
        for name in _citations(draft):
            try:
                found[name] = self._viewing.find(name, viewer)
            except AgencyError as error:
                if error.reason not in {Reason.UNKNOWN_NOTICE, Reason.INVALID_ARGUMENT}:
                    raise
        return found

    def _about_supersession(
        self, draft: Publishable, federation: Federation, viewer: Viewer
    ) -> Iterator[PreviewWarning]:
        for name in draft.supersedes:
            try:
                row = self._viewing.find(name, viewer)
            except AgencyError as error:
                yield PreviewWarning(kind=WarningKind.REFUSED, message=error.message)
                continue
            if row.originator != federation.agency:
                message = f"{name} is not ours, so we cannot supersede it"
                yield PreviewWarning(kind=WarningKind.REFUSED, message=message)

    def _alike(
        self, draft: Publishable, cited: set[int], viewer: Viewer
    ) -> list[tuple[NoticeRow, Likeness]]:
        """Return the kept notices that say the same, newest first.

        A notice that the draft cites may well be about the same person, and is no duplicate then.
        """
        subject, index, now = Subject.of(draft.notice), self._store.search, self._clock.now_ms()
        index.index(INDEX_FIRST)
        ids = {
            row_id
            for words in queries(draft.notice)
            for row_id in index.search(words, MOST_ALIKE, now)
        }
        held = self._store.inbox.rows(sorted(ids - cited, reverse=True))
        rows = self._viewing.there(held, viewer)
        pairs = ((row, subject.likeness(_subject(row))) for row in rows if _is_live(row, now))
        return [(row, likeness) for row, likeness in pairs if likeness]


def _citations(draft: Publishable) -> Sequence[str]:
    related, answered = draft.notice.get("related", ()), draft.notice.get("in_reply_to")
    names = [*draft.supersedes, *related, *([answered] if answered else [])]
    return tuple(dict.fromkeys(names))


def _refusals(draft: Publishable, federation: Federation, now: int) -> Iterator[PreviewWarning]:
    locked = [agency for agency in draft.to if federation.directory.is_locked(agency)]
    if locked:
        yield PreviewWarning(
            kind=WarningKind.LOCKED,
            message=f"locked, so nothing reaches them: {', '.join(locked)}",
            advice="leave them out, and reach them another way",
        )
    try:
        audience_of(draft, federation, now)
    except AgencyError as error:
        nobody = error.reason is Reason.EMPTY_AUDIENCE
        kind = WarningKind.NOBODY if nobody else WarningKind.REFUSED
        yield PreviewWarning(kind=kind, message=error.message)


def _about_readers(
    draft: Publishable, view: AudienceView, federation: Federation, now: int
) -> Iterator[PreviewWarning]:
    directory = federation.directory
    members = {one.agency for one in directory.agencies() if one.role == "agency"}
    active = {agency for agency in members if directory.active(agency)} - {federation.agency}
    everybody = not draft.to and active <= set(view.admitted)
    if view.admitted and (everybody or draft.marking.tlp in OPEN_TLP):
        yield from identifying(draft.notice)
    entries = (directory.agency(agency) for agency in (federation.agency, *view.admitted))
    found = ending([entry for entry in entries if entry is not None], now)
    if found is not None:
        yield found


def _lowered(draft: Publishable, name: str, row: NoticeRow) -> PreviewWarning | None:
    try:
        source = Marking.decode(row.marking)
    except TrustError:
        raise damaged(row) from None
    return lowered(draft.marking, name, source)


def _subject(row: NoticeRow) -> Subject:
    try:
        return Subject.of(Content.decode(row.content).notice)
    except ValueError:
        raise damaged(row) from None


def _is_live(row: NoticeRow, now: int) -> bool:
    return row.state in _LIVE and not row.is_gone and now < row.expires_at


def _duplicate(row: NoticeRow, likeness: Likeness) -> PreviewWarning:
    reference = f"{row.originator}/{row.notice_id.hex()}"
    if likeness.content:
        message = f"{reference} is kept here and says exactly the same"
    else:
        shared = [name for name in ("person", "document") if getattr(likeness, name)]
        message = f"{reference} is kept here and is about the same {' and '.join(shared)}"
    return PreviewWarning(
        kind=WarningKind.DUPLICATE,
        message=message,
        advice="look at it first; supersede it if it is ours, name it in `related` if it is not",
        notice=reference,
    )
