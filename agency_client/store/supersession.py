# SPDX-License-Identifier: Apache-2.0
"""Which notice replaces which, kept so that the order of arrival does not matter.

Only pairs of one originator reach this module: the caller has refused the others.
"""

from collections.abc import Sequence

from sqlalchemy import BindParameter, Connection, and_, bindparam, delete, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from agency_client.domain.views import NoticeState
from agency_client.store.tables import notices, supersessions

_NEWER = and_(
    notices.c.originator == supersessions.c.originator,
    notices.c.notice_id == supersessions.c.by_notice_id,
)

_IDS: BindParameter[bytes] = bindparam("ids", expanding=True)
_KNOWN = (
    select(supersessions)
    .join(notices, _NEWER)
    .where(
        supersessions.c.originator == bindparam("originator"),
        or_(supersessions.c.by_notice_id.in_(_IDS), supersessions.c.notice_id.in_(_IDS)),
        notices.c.state.in_([NoticeState.CURRENT, NoticeState.SUPERSEDED]),
    )
    .order_by(supersessions.c.by_notice_id)
)
"""Made once: it is asked for each frame that comes."""

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


def read_supersessions(
    connection: Connection, originator: str, ids: Sequence[bytes]
) -> dict[bytes, tuple[bytes, ...]]:
    """Return what each of `ids` replaces, in the order of their ids."""
    query = (
        select(supersessions)
        .where(supersessions.c.originator == originator, supersessions.c.by_notice_id.in_(ids))
        .order_by(supersessions.c.notice_id)
    )
    found: dict[bytes, tuple[bytes, ...]] = {}
    for row in connection.execute(query):
        found[row.by_notice_id] = (*found.get(row.by_notice_id, ()), row.notice_id)
    return found


def apply_supersessions(connection: Connection, originator: str, ids: Sequence[bytes]) -> None:
    """Mark what `ids` replace, and those of `ids` that are replaced themselves, as superseded.

    A notice counts as replaced once the one that replaces it was published.
    """
    known = connection.execute(_KNOWN, {"originator": originator, "ids": ids}).all()
    if known:
        connection.execute(
            update(notices)
            .where(
                notices.c.originator == originator,
                notices.c.notice_id == bindparam("old"),
                or_(notices.c.state == NoticeState.CURRENT, notices.c.state == NoticeState.QUEUED),
            )
            .values(state=NoticeState.SUPERSEDED, superseded_by=bindparam("new")),
            [{"old": row.notice_id, "new": row.by_notice_id} for row in known],
        )


def forget_supersessions(connection: Connection, originator: str, ids: Sequence[bytes]) -> None:
    """Forget that `ids` replace anything: they were refused and never published."""
    connection.execute(
        delete(supersessions).where(
            supersessions.c.originator == originator, supersessions.c.by_notice_id.in_(ids)
        )
    )
