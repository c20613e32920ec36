# SPDX-License-Identifier: Apache-2.0
"""Looking at kept notices: list, show, search, stream, acknowledge. All work without the broker.

A leaf of the agency's own log says who looks at what, and is durable before any content is
returned; where it cannot be written, nothing is shown. What is not valid yet is not there, nor is
what the rule book keeps from who looks (`services.rights`). What has ended or was taken back is
destroyed first (`services.ending`); that it was there is shown. Source: design section 7.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agency_client.domain.changes import changes
from agency_client.domain.content import Content, SealedAttachment
from agency_client.domain.delivery import Filter
from agency_client.domain.onward import Afterlife
from agency_client.domain.openings import OpeningKind
from agency_client.domain.records import NoticeRow, Opening
from agency_client.domain.views import (
    AttachmentView,
    InboxQuery,
    NoticeState,
    NoticeView,
    SearchResult,
    Viewer,
)
from agency_client.errors import AgencyError, Reason
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.afterlife import afterlife
from agency_client.services.ending import EndingService
from agency_client.services.references import candidates, find_one, the_one
from agency_client.services.rights import Reader, ReadingRights, damaged
from keys.envelope import Marking, NoticeHeader
from keys.errors import TrustError

MOST_HITS = 10_000
"""Hits that a search looks through for those that are there for who searches."""
INDEX_FIRST = 512
"""Notices put into the index before a search: what came with the last frames is found at once."""


class ViewingService:
    """Shows what one profile keeps, and writes its log of openings."""

    def __init__(
        self,
        *,
        agency: str,
        store: Store,
        rights: ReadingRights,
        ending: EndingService,
        clock: Clock,
    ) -> None:
        self._agency = agency
        self._store = store
        self._rights = rights
        self._ending = ending
        self._clock = clock

    async def inbox(self, query: InboxQuery, viewer: Viewer) -> tuple[NoticeView, ...]:
        """Return notices by `query`, newest first.

        Raises:
            AgencyError: INVALID_ARGUMENT for a viewer without a name; OFFICER_NEEDED,
                OFFICER_UNKNOWN, OFFICER_REFUSED, PURPOSE_NEEDED; of the store.
        """
        return await asyncio.to_thread(self._inbox, query, viewer)

    def _inbox(self, query: InboxQuery, viewer: Viewer) -> tuple[NoticeView, ...]:
        reader = self._rights.reader(viewer)
        self._ending.do()
        return self._views(OpeningKind.LIST, self._browse(query, reader), reader)

    def _browse(self, query: InboxQuery, reader: Reader) -> list[NoticeRow]:
        """Return as many notices as are asked for, of those that are there for the reader."""
        now, found, asked = self._clock.now_ms(), list[NoticeRow](), query
        while len(found) < query.limit:
            rows = self._store.inbox.browse(asked, self._agency, now)
            found.extend(self._rights.readable(reader, rows))
            if len(rows) < asked.limit:
                break
            asked = replace(asked, before_id=rows[-1].id)
        return found[: query.limit]

    async def show(self, reference: str, viewer: Viewer) -> NoticeView:
        """Return one notice.

        Raises:
            AgencyError: INVALID_ARGUMENT, UNKNOWN_NOTICE, or of the store.
        """
        return await asyncio.to_thread(self._show, reference, viewer)

    def _show(self, reference: str, viewer: Viewer) -> NoticeView:
        row = self.find(reference, viewer)
        before = self._superseded(row, viewer)
        view, *old = self.opened(OpeningKind.SHOW, (row, *before), viewer)
        told = changes(old[0].content, view.content) if old else ()
        return replace(view, afterlife=self._afterlife(row), changes=told)

    def _superseded(self, row: NoticeRow, viewer: Viewer) -> Sequence[NoticeRow]:
        """Return the first notice that another supersedes, of those that are here for who looks."""
        for originator, notice_id in notice_view(row).supersedes:
            rows = self.there(self._store.inbox.find(notice_id.hex(), originator), viewer)
            if found := [one for one in rows if not one.is_gone]:
                return found[:1]
        return ()

    def _afterlife(self, row: NoticeRow) -> Afterlife:
        """Return what became of a notice: who asked, who was admitted, that it was taken back."""
        place = self._store.endings.places((row.id,)).get(row.id)
        about = self._store.post.about(place) if place is not None else ()
        return afterlife(row, about, self._store.endings.held(row.id))

    async def search(self, words: str, viewer: Viewer, *, limit: int = 20) -> SearchResult:
        """Return the notices in which all of `words` occur, best first.

        Raises:
            AgencyError: INVALID_ARGUMENT where there is nothing to search for; of the store.
        """
        return await asyncio.to_thread(self._search, words, viewer, limit)

    def _search(self, words: str, viewer: Viewer, limit: int) -> SearchResult:
        reader, index = self._rights.reader(viewer), self._store.search
        self._ending.do()
        index.index(INDEX_FIRST)
        rows = self._hits(words, limit, reader)
        views = self._views(OpeningKind.SEARCH, rows, reader)
        return SearchResult(notices=views, waiting=index.waiting())

    def _hits(self, words: str, limit: int, reader: Reader) -> Sequence[NoticeRow]:
        """Return the best hits of those that are there for the reader."""
        wanted = limit
        while True:
            found = self._store.search.search(words, wanted, self._clock.now_ms())
            kept = [row for row in self._store.inbox.rows(found) if not row.taken_back]
            rows = self._there(kept, reader)
            if len(rows) >= limit or len(found) < wanted or wanted >= MOST_HITS:
                return rows[:limit]
            wanted = min(wanted * 8, MOST_HITS)

    async def stream(
        self, row_ids: Sequence[int], viewer: Viewer, shown: Filter | None = None
    ) -> tuple[NoticeView, ...]:
        """Return what a batch stored (`StoredBatch.rows`), in order.

        Args:
            row_ids: the notices.
            viewer: who looks.
            shown: types and originators to look at; the others stay unread.

        Raises:
            AgencyError: as `inbox`.
        """
        return await asyncio.to_thread(self._stream, row_ids, viewer, shown)

    def _stream(
        self, row_ids: Sequence[int], viewer: Viewer, shown: Filter | None
    ) -> tuple[NoticeView, ...]:
        reader = self._rights.reader(viewer)
        rows = self._there(self._store.inbox.rows(row_ids), reader)
        rows = [row for row in rows if not row.is_gone]
        if shown is not None:
            rows = [row for row in rows if shown.shows(row.type, row.originator)]
        return self._views(OpeningKind.STREAM, rows, reader) if rows else ()

    async def acknowledge(self, reference: str, viewer: Viewer) -> NoticeView:
        """Note that a person took notice, and return the notice; the first time stays.

        Raises:
            AgencyError: as `show`; nothing is noted then.
        """
        return await asyncio.to_thread(self._acknowledge, reference, viewer)

    def _acknowledge(self, reference: str, viewer: Viewer) -> NoticeView:
        row = self.find(reference, viewer)
        self.opened(OpeningKind.SHOW, (row,), viewer)
        who = self._rights.reader(viewer).who
        self._store.inbox.acknowledge(row.id, self._clock.now_ms(), who)
        return notice_view(self._store.inbox.rows((row.id,))[0])

    def find(self, reference: str, viewer: Viewer) -> NoticeRow:
        """Return the one kept notice that `reference` names and that `viewer` may look at now.

        That somebody asked for one that the rules keep from them is written into our own log.

        Raises:
            AgencyError: INVALID_ARGUMENT; UNKNOWN_NOTICE, also where it may not be looked at; as
                `inbox`.
        """
        reader, row = self._rights.reader(viewer), self.kept(reference)
        if self._there((row,), reader):
            return row
        if self.is_valid(row):
            self.refused(row, reader)
        raise unknown_notice(reference)

    def kept(self, reference: str) -> NoticeRow:
        """Return the one notice that `reference` names, destroyed by now if its time is over.

        Raises:
            AgencyError: INVALID_ARGUMENT; UNKNOWN_NOTICE; of the store.
        """
        self._ending.do()
        return find_one(self._store.inbox, reference)

    def sought(self, reference: str, viewer: Viewer) -> NoticeRow:
        """Return a notice as `find`; how long it takes does not tell kept back from absent.

        Whatever comes of it, as much is read and decided, of another notice where there is none,
        and one leaf is written into our own log.

        Raises:
            AgencyError: as `find`.
        """
        reader, inbox = self._rights.reader(viewer), self._store.inbox
        self._ending.do()
        rows, other = candidates(inbox, reference), inbox.rows((inbox.newest_id(),))
        readable = self._rights.readable(reader, rows or other)
        found = [row for row in readable if row in rows and self.is_valid(row)]
        kept_back = [row for row in rows if row not in found and self.is_valid(row)]
        kind = OpeningKind.REFUSED if kept_back and not found else OpeningKind.EXPLAIN
        self._write(kind, tuple(map(reference_of, found or kept_back)), reader)
        return the_one(found, reference)

    def refused(self, row: NoticeRow, reader: Reader) -> None:
        """Write into our own log that a reader asked for what the rules keep from that reader."""
        self._write(OpeningKind.REFUSED, (reference_of(row),), reader)

    def note(self, kind: OpeningKind, rows: Sequence[NoticeRow], viewer: Viewer) -> None:
        """Write into our own log what `viewer` is about to do with `rows`.

        Raises:
            AgencyError: as `inbox`.
        """
        self._write(kind, tuple(map(reference_of, rows)), self._rights.reader(viewer))

    def there(self, rows: Sequence[NoticeRow], viewer: Viewer) -> Sequence[NoticeRow]:
        """Return those of `rows` that `viewer` may look at now.

        Raises:
            AgencyError: as `inbox`.
        """
        return self._there(rows, self._rights.reader(viewer))

    def opened(
        self, kind: OpeningKind, rows: Sequence[NoticeRow], viewer: Viewer
    ) -> tuple[NoticeView, ...]:
        """Write into the agency's own log that `viewer` looks at `rows`, then return them as views.

        Raises:
            AgencyError: INVALID_ARGUMENT for a viewer without a name; of the store.
        """
        return self._views(kind, rows, self._rights.reader(viewer))

    def _views(
        self, kind: OpeningKind, rows: Sequence[NoticeRow], reader: Reader
    ) -> tuple[NoticeView, ...]:
        views = tuple(map(notice_view, rows))
        self._write(kind, tuple(view.reference for view in views), reader)
        return views

    def _write(self, kind: OpeningKind, notices: tuple[str, ...], reader: Reader) -> None:
        self._store.openings.append(
            Opening(
                kind=kind,
                at_ms=self._clock.now_ms(),
                who=reader.who,
                purpose=reader.purpose,
                case=reader.case,
                notices=notices,
            )
        )

    def _there(self, rows: Sequence[NoticeRow], reader: Reader) -> list[NoticeRow]:
        """Return the notices that are there for the reader, now."""
        return list(self._rights.readable(reader, filter(self.is_valid, rows)))

    def is_valid(self, row: NoticeRow) -> bool:
        """Whether a kept notice is there at all: another's only from when it is valid."""
        return row.originator == self._agency or row.valid_from <= self._clock.now_ms()


def reference_of(row: NoticeRow) -> str:
    """Return the name of a kept notice: ORIGINATOR/32 hex digits."""
    return f"{row.originator}/{row.notice_id.hex()}"


def unknown_notice(reference: str) -> AgencyError:
    """Return the one answer for a notice that is not there, for whatever reason."""
    return AgencyError(Reason.UNKNOWN_NOTICE, f"no kept notice is called {reference}")


def notice_view(row: NoticeRow) -> NoticeView:
    """Return a stored notice as it is shown; of one that has ended or was taken back, that it was.

    Also of one that is held: it is kept as evidence, and not to go on working with.

    Raises:
        AgencyError: STORE_INVALID; the row is not what was stored.
    """
    try:
        marking, state = Marking.decode(row.marking), NoticeState(row.state)
        content, supersedes, attachments = _GONE if row.is_gone else _contents(row)
    except (TrustError, ValueError):
        raise damaged(row) from None
    superseded_by = (row.originator, row.superseded_by) if row.superseded_by else None
    if row.taken_back and not row.destroyed_at:
        state = NoticeState.RECALLED
    return NoticeView(
        originator=row.originator,
        notice_id=row.notice_id,
        topic=row.topic,
        marking=marking,
        content=content,
        attachments=attachments,
        state=state,
        created_at=row.created_at,
        received_at=row.received_at,
        valid_from=row.valid_from,
        expires_at=row.expires_at,
        sequence=row.sequence,
        supersedes=supersedes,
        superseded_by=superseded_by if state is NoticeState.SUPERSEDED else None,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
    )


_Contents = tuple[Mapping[str, Any], tuple[tuple[str, bytes], ...], tuple[AttachmentView, ...]]
_GONE: _Contents = ({}, (), ())


def _contents(row: NoticeRow) -> _Contents:
    """Return what a notice says, which ones it supersedes, and its attachments."""
    header, content = NoticeHeader.decode(row.header), Content.decode(row.content)
    supersedes = tuple(
        (ref.originator, ref.notice_id)
        for ref in header.supersedes
        if ref.originator == row.originator
    )
    return content.notice, supersedes, _attachments(header, content.attachments)


def _attachments(
    header: NoticeHeader, listed: Sequence[SealedAttachment]
) -> tuple[AttachmentView, ...]:
    """Return the attachments that both header and content list: the others cannot be had."""
    held = {ref.id for ref in header.attachments}
    return tuple(
        AttachmentView(id=one.id, name=one.name, media_type=one.media_type, length=one.length)
        for one in listed
        if one.id in held
    )
