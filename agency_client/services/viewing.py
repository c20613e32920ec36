# SPDX-License-Identifier: Apache-2.0
"""Looking at kept notices: list, show, search, stream, acknowledge. All work without the broker.

A leaf of the agency's own log says who looks at what, and is durable before any content is
returned; where it cannot be written, nothing is shown. What is not valid yet is not there. Source:
design section 7.
"""

import asyncio
from collections.abc import Sequence

from agency_client.domain.content import Content, SealedAttachment
from agency_client.domain.delivery import Filter
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
from agency_client.services.references import find_one
from keys.envelope import Marking, NoticeHeader
from keys.errors import TrustError

INDEX_FIRST = 512
"""Notices put into the index before a search: what came with the last frames is found at once."""


class ViewingService:
    """Shows what one profile keeps, and writes its log of openings."""

    def __init__(self, *, agency: str, store: Store, clock: Clock) -> None:
        self._agency = agency
        self._store = store
        self._clock = clock

    async def inbox(self, query: InboxQuery, viewer: Viewer) -> tuple[NoticeView, ...]:
        """Return notices by `query`, newest first.

        Raises:
            AgencyError: INVALID_ARGUMENT for a viewer without a name; of the store.
        """
        return await asyncio.to_thread(self._inbox, query, viewer)

    def _inbox(self, query: InboxQuery, viewer: Viewer) -> tuple[NoticeView, ...]:
        rows = self._store.inbox.browse(query, self._agency, self._clock.now_ms())
        return self.opened(OpeningKind.LIST, rows, viewer)

    async def show(self, reference: str, viewer: Viewer) -> NoticeView:
        """Return one notice.

        Raises:
            AgencyError: INVALID_ARGUMENT, UNKNOWN_NOTICE, or of the store.
        """
        return await asyncio.to_thread(self._show, reference, viewer)

    def _show(self, reference: str, viewer: Viewer) -> NoticeView:
        (view,) = self.opened(OpeningKind.SHOW, (self.find(reference),), viewer)
        return view

    async def search(self, words: str, viewer: Viewer, *, limit: int = 20) -> SearchResult:
        """Return the notices in which all of `words` occur, best first.

        Raises:
            AgencyError: INVALID_ARGUMENT where there is nothing to search for; of the store.
        """
        return await asyncio.to_thread(self._search, words, viewer, limit)

    def _search(self, words: str, viewer: Viewer, limit: int) -> SearchResult:
        index = self._store.search
        index.index(INDEX_FIRST)
        found = index.search(words, limit, self._clock.now_ms())
        rows = [row for row in self._store.inbox.rows(found) if self._is_there(row)]
        views = self.opened(OpeningKind.SEARCH, rows, viewer)
        return SearchResult(notices=views, waiting=index.waiting())

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
        rows = [row for row in self._store.inbox.rows(row_ids) if self._is_there(row)]
        if shown is not None:
            rows = [row for row in rows if shown.shows(row.type, row.originator)]
        return self.opened(OpeningKind.STREAM, rows, viewer) if rows else ()

    async def acknowledge(self, reference: str, by: str) -> NoticeView:
        """Note that a person took notice, and return the notice; the first time stays.

        Raises:
            AgencyError: as `show`; nothing is noted then.
        """
        return await asyncio.to_thread(self._acknowledge, reference, by)

    def _acknowledge(self, reference: str, by: str) -> NoticeView:
        row = self.find(reference)
        self.opened(OpeningKind.SHOW, (row,), Viewer(name=by))
        self._store.inbox.acknowledge(row.id, self._clock.now_ms(), by)
        return notice_view(self._store.inbox.rows((row.id,))[0])

    def find(self, reference: str) -> NoticeRow:
        """Return the one kept notice that `reference` names and that may be looked at now.

        Raises:
            AgencyError: INVALID_ARGUMENT, UNKNOWN_NOTICE.
        """
        row = find_one(self._store.inbox, reference)
        if not self._is_there(row):
            raise AgencyError(Reason.UNKNOWN_NOTICE, f"no kept notice is called {reference}")
        return row

    def opened(
        self, kind: OpeningKind, rows: Sequence[NoticeRow], viewer: Viewer
    ) -> tuple[NoticeView, ...]:
        """Write into the agency's own log that `viewer` looks at `rows`, then return them as views.

        Raises:
            AgencyError: INVALID_ARGUMENT for a viewer without a name; of the store.
        """
        check_viewer(viewer)
        views = tuple(map(notice_view, rows))
        self._store.openings.append(
            Opening(
                kind=kind,
                at_ms=self._clock.now_ms(),
                who=viewer.name,
                purpose=viewer.purpose,
                case=viewer.case,
                notices=tuple(view.reference for view in views),
            )
        )
        return views

    def _is_there(self, row: NoticeRow) -> bool:
        return row.originator == self._agency or row.valid_from <= self._clock.now_ms()


def check_viewer(viewer: Viewer) -> None:
    """Refuse to show anything to nobody: a leaf must say who looked.

    Raises:
        AgencyError: INVALID_ARGUMENT; no name, or text that cannot be written down.
    """
    try:
        text = f"{viewer.name}{viewer.purpose}{viewer.case}".encode()
    except UnicodeEncodeError:
        text = b""
    if not text or not viewer.name.strip():
        raise AgencyError(
            Reason.INVALID_ARGUMENT, "it has to be known who looks: give a name", field="viewer"
        )


def notice_view(row: NoticeRow) -> NoticeView:
    """Return a stored notice as it is shown.

    Raises:
        AgencyError: STORE_INVALID; the row is not what was stored.
    """
    try:
        header = NoticeHeader.decode(row.header)
        content = Content.decode(row.content)
        marking = Marking.decode(row.marking)
        state = NoticeState(row.state)
    except (TrustError, ValueError):
        raise damaged(row) from None
    superseded_by = (row.originator, row.superseded_by) if row.superseded_by else None
    return NoticeView(
        originator=row.originator,
        notice_id=row.notice_id,
        topic=row.topic,
        marking=marking,
        content=content.notice,
        attachments=_attachments(header, content.attachments),
        state=state,
        created_at=row.created_at,
        received_at=row.received_at,
        valid_from=row.valid_from,
        expires_at=row.expires_at,
        sequence=row.sequence,
        supersedes=tuple(
            (ref.originator, ref.notice_id)
            for ref in header.supersedes
            if ref.originator == row.originator
        ),
        superseded_by=superseded_by if state is NoticeState.SUPERSEDED else None,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
    )


def damaged(row: NoticeRow) -> AgencyError:
    """Return the error for a row that is not what was stored."""
    return AgencyError(Reason.STORE_INVALID, f"the store holds a damaged notice in row {row.id}")


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
