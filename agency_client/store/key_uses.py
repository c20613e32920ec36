# SPDX-License-Identifier: Apache-2.0
"""Which keys our frames were signed and sealed with, in SQL. Reads only."""

from collections.abc import Sequence

from sqlalchemy import and_, func, select

from agency_client.domain.key_uses import FrameUse
from agency_client.store.database import Database
from agency_client.store.tables import frames, notices

_NAMES = (
    "id",
    "originator",
    "topic",
    "created_at",
    "statement",
    "recipient",
    "publish_index",
)


class SqlKeyUses:
    """The frames that we hold, by the keys that they name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def frames(self, after: int, limit: int) -> Sequence[FrameUse]:
        """Return frames by id above `after`, ascending."""
        kept = and_(notices.c.frame_id == frames.c.id, func.length(notices.c.content) > 0)
        query = (
            select(*(frames.c[name] for name in _NAMES), func.count(notices.c.id).label("notices"))
            .select_from(frames.outerjoin(notices, kept))
            .where(frames.c.id > after)
            .group_by(frames.c.id)
            .order_by(frames.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return tuple(FrameUse(**row) for row in connection.execute(query).mappings())
