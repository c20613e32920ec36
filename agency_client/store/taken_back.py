# SPDX-License-Identifier: Apache-2.0
"""Which notices a recall of their own originator names, in SQL; `STATEMENT` names their frames."""

from typing import Any

from sqlalchemy import ColumnElement, func, select, union

from agency_client.domain.post import PostKind, PostState
from agency_client.store.post_tables import post
from agency_client.store.tables import frames, notices, outbox

STATEMENT = func.coalesce(
    *(
        select(sealed.c.statement_hash)
        .where(sealed.c.id == named)
        .correlate(notices)
        .scalar_subquery()
        for sealed, named in ((frames, notices.c.frame_id), (outbox, notices.c.outbox_id))
    ),
    b"",
)
"""SHA-256 of the STATEMENT of a notice's frame; empty for one that was never sealed."""

_BY_ITS_ORIGINATOR = (
    post.c.kind == PostKind.RECALL,
    post.c.state.in_((PostState.ACCEPTED, PostState.RECEIVED)),
    post.c.position == notices.c.position,
    post.c.leaf_hash == notices.c.leaf_hash,
    post.c.originator == notices.c.originator,
)

IS_TAKEN_BACK: ColumnElement[bool] = (
    select(post.c.number)
    .where(post.c.statement == STATEMENT, *_BY_ITS_ORIGINATOR)
    .correlate(notices)
    .exists()
)
"""Whether one notice is; for queries that look at few of them."""


def all_taken_back() -> Any:
    """Return a query for the rows of all of them; it begins at the recalls, which are few."""
    return union(
        *(
            select(notices.c.id)
            .join(sealed, sealed.c.id == named)
            .join(post, post.c.statement == sealed.c.statement_hash)
            .where(*_BY_ITS_ORIGINATOR)
            for sealed, named in ((frames, notices.c.frame_id), (outbox, notices.c.outbox_id))
        )
    )
