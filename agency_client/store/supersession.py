# SPDX-License-Identifier: Apache-2.0
"""Which notice replaces which, kept so that the order of arrival does not matter.

Only pairs of one originator reach this module: the caller has refused the others.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from agency_client.domain.views import NoticeState
from agency_client.store.tables import notices, supersessions

Pair = tuple[str, bytes, bytes]
"""(originator, the notice replaced, the notice that replaces it)."""


def note_supersessions(connection: Connection, pairs: Sequence[Pair]) -> None:
    """Remember pairs, whether or not the replaced notice is here yet."""
    if pairs:
        connection.execute(
            insert(supersessions).on_conflict_do_nothing(),
            [
                {"originator": originator, "notice_id": old, "by_notice_id": new}
                for originator, old, new in pairs
            ],
        )


def apply_supersessions(connection: Connection, originator: str, ids: Sequence[bytes]) -> None:
    """Mark what `ids` replace, and those of `ids` that are replaced themselves, as superseded."""
    known = connection.execute(
        select(supersessions).where(
            supersessions.c.originator == originator,
            or_(supersessions.c.by_notice_id.in_(ids), supersessions.c.notice_id.in_(ids)),
        )
    ).all()
    if known:
        connection.execute(
            update(notices)
            .where(
                notices.c.originator == originator,
                notices.c.notice_id == bindparam("old"),
                notices.c.state.in_([NoticeState.CURRENT, NoticeState.QUEUED]),
            )
            .values(state=NoticeState.SUPERSEDED, superseded_by=bindparam("new")),
            [{"old": row.notice_id, "new": row.by_notice_id} for row in known],
        )


def undo_supersessions(connection: Connection, originator: str, ids: Sequence[bytes]) -> None:
    """Forget that `ids` replace anything: they were refused and never published."""
    connection.execute(
        delete(supersessions).where(
            supersessions.c.originator == originator, supersessions.c.by_notice_id.in_(ids)
        )
    )
    connection.execute(
        update(notices)
        .where(
            notices.c.originator == originator,
            notices.c.superseded_by.in_(ids),
            notices.c.state == NoticeState.SUPERSEDED,
        )
        .values(state=NoticeState.CURRENT, superseded_by=b"")
    )
