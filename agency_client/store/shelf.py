# SPDX-License-Identifier: Apache-2.0
"""Kept notices in SQL, for those who look: find, browse, acknowledge, and what can be proved.

Shows nothing itself: the services write the opening log before content leaves the agency's store.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update

from agency_client.domain.delivery import LogReference
from agency_client.domain.patterns import matches
from agency_client.domain.records import NoticeRow, OwnedLeaf
from agency_client.domain.views import InboxQuery, NoticeState
from agency_client.store.database import Database
from agency_client.store.inbox import SqlReceived
from agency_client.store.tables import deliveries, frames, notices, outbox, said
from agency_client.store.taken_back import IS_TAKEN_BACK

_RECIPIENT = select(frames.c.recipient).where(frames.c.id == notices.c.frame_id).scalar_subquery()
_COLUMNS = [
    func.coalesce(_RECIPIENT, b"").label("recipient"),
    IS_TAKEN_BACK.label("taken_back"),
    *(
        notices.c[name]
        for name in (
            "id",
            "originator",
            "notice_id",
            "topic",
            "type",
            "marking",
            "sequence",
            "created_at",
            "received_at",
            "valid_from",
            "expires_at",
            "header",
            "leaf_hash",
            "content",
            "content_key",
            "state",
            "superseded_by",
            "acknowledged_at",
            "acknowledged_by",
            "granted_until",
            "destroyed_at",
        )
    ),
]
ID_HEX = 32
_AT_ONCE = 400


class SqlInbox(SqlReceived):
    """The whole inbox: what the receiver writes and what people read."""

    def __init__(self, database: Database, agency: str) -> None:
        super().__init__(database)
        self._agency = agency

    def find(self, reference: str, originator: str = "") -> Sequence[NoticeRow]:
        """Return at most two notices whose hex id starts with `reference`."""
        first, last = (bytes.fromhex(reference.ljust(ID_HEX, digit)) for digit in "0f")
        query = (
            select(*_COLUMNS)
            .where(notices.c.notice_id.between(first, last))
            .order_by(notices.c.notice_id)
        )
        if originator:
            query = query.where(notices.c.originator == originator)
        return self._rows(query.limit(2))

    def rows(self, ids: Sequence[int]) -> Sequence[NoticeRow]:
        """Return notices by row id, in the order asked for."""
        found: dict[int, NoticeRow] = {}
        for start in range(0, len(ids), _AT_ONCE):
            some = notices.c.id.in_(ids[start : start + _AT_ONCE])
            found |= {row.id: row for row in self._rows(select(*_COLUMNS).where(some))}
        return tuple(found[row_id] for row_id in ids if row_id in found)

    def said_by_others(self, digests: Sequence[bytes]) -> Mapping[bytes, NoticeRow]:
        """Return, by SHA-256 of what it says, an indexed notice of another agency that says it."""
        found: dict[bytes, int] = {}
        for start in range(0, len(digests), _AT_ONCE):
            query = (
                select(said.c.digest, said.c.notice)
                .join(notices, notices.c.id == said.c.notice)
                .where(said.c.digest.in_(digests[start : start + _AT_ONCE]))
                .where(notices.c.originator != self._agency)
            )
            with self._database.read() as connection:
                found |= {row.digest: row.notice for row in connection.execute(query)}
        rows = {row.id: row for row in self.rows(list(found.values()))}
        return {digest: rows[row_id] for digest, row_id in found.items() if row_id in rows}

    def browse(self, query: InboxQuery, own: str, now: int) -> Sequence[NoticeRow]:
        """Return notices by `query`, newest first."""
        chosen = select(*_COLUMNS).where(and_(*_conditions(query, own, now)))
        if query.topics:
            topics = self._topics(query.topics)
            chosen = chosen.where(notices.c.topic.in_(topics))
        return self._rows(chosen.order_by(notices.c.id.desc()).limit(query.limit))

    def _topics(self, patterns: Sequence[str]) -> list[str]:
        with self._database.read() as connection:
            known = connection.execute(select(notices.c.topic).distinct()).scalars()
            return [name for name in known if any(matches(one, name) for one in patterns)]

    def _rows(self, query: Select[Any]) -> tuple[NoticeRow, ...]:
        with self._database.read() as connection:
            return tuple(NoticeRow(**row) for row in connection.execute(query).mappings())

    def acknowledge(self, row_id: int, at_ms: int, by: str) -> None:
        """Note that a person took notice; the first time stays."""
        with self._database.write() as connection:
            connection.execute(
                update(notices)
                .where(notices.c.id == row_id, notices.c.acknowledged_at == 0)
                .values(acknowledged_at=at_ms, acknowledged_by=by)
            )

    def count(self) -> int:
        """Return how many notices are kept."""
        with self._database.read() as connection:
            count: int = connection.execute(select(func.count()).select_from(notices)).scalar_one()
            return count

    def newest_id(self) -> int:
        """Return the highest row id, 0 where there is none."""
        with self._database.read() as connection:
            newest: int | None = connection.execute(select(func.max(notices.c.id))).scalar_one()
            return newest or 0

    def owned_leaves(self, after: int, limit: int) -> Sequence[OwnedLeaf]:
        """Return leaves of the broker's log that we can recompute, ascending by index."""
        found = [*self._publish_leaves(after, limit), *self._delivery_leaves(after, limit)]
        # Two that claim one index contradict each other: both are kept, and never parted by a page.
        ordered = sorted(dict.fromkeys(found), key=lambda leaf: leaf.log.index)
        last = ordered[limit - 1].log.index if len(ordered) > limit else None
        return tuple(leaf for leaf in ordered if last is None or leaf.log.index <= last)

    def _publish_leaves(self, after: int, limit: int) -> list[OwnedLeaf]:
        own = (
            select(outbox)
            .where(outbox.c.log_index > after)
            .order_by(outbox.c.log_index)
            .limit(limit)
        )
        received = (
            select(frames)
            .where(frames.c.publish_index > after, frames.c.publish_salt != b"")
            .order_by(frames.c.publish_index)
            .limit(limit)
        )
        with self._database.read() as connection:
            leaves = [
                _publish_leaf(
                    LogReference(index=row.log_index, salt=row.log_salt, time_ms=row.log_time),
                    self._agency,
                    row,
                )
                for row in connection.execute(own)
            ]
            leaves += [
                _publish_leaf(
                    LogReference(
                        index=row.publish_index, salt=row.publish_salt, time_ms=row.publish_time
                    ),
                    row.originator,
                    row,
                )
                for row in connection.execute(received)
            ]
        return leaves

    def _delivery_leaves(self, after: int, limit: int) -> list[OwnedLeaf]:
        query = (
            select(deliveries, frames.c.topic, frames.c.sequence, frames.c.statement_hash)
            .join(frames, frames.c.id == deliveries.c.frame_id)
            .where(deliveries.c.log_index > after, deliveries.c.log_salt != b"")
            .order_by(deliveries.c.log_index)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [
                OwnedLeaf(
                    log=LogReference(index=row.log_index, salt=row.log_salt, time_ms=row.log_time),
                    kind=row.kind,
                    fields=(
                        ("recipient", self._agency),
                        ("topic", row.topic),
                        ("sequence", row.sequence),
                        ("statement", row.statement_hash),
                        ("shown", row.shown),
                        ("withheld", row.withheld),
                    ),
                )
                for row in connection.execute(query)
            ]


def _publish_leaf(log: LogReference, originator: str, row: Any) -> OwnedLeaf:
    return OwnedLeaf(
        log=log,
        kind="publish",
        fields=(
            ("originator", originator),
            ("topic", row.topic),
            ("sequence", row.sequence),
            ("statement", row.statement_hash),
        ),
    )


def _conditions(query: InboxQuery, own: str, now: int) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        or_(notices.c.valid_from <= now, notices.c.originator == own)
    ]
    if query.types:
        conditions.append(notices.c.type.in_(query.types))
    if query.originators:
        conditions.append(notices.c.originator.in_(query.originators))
    if query.unacknowledged:
        conditions.append(notices.c.acknowledged_at == 0)
    if not query.include_superseded:
        conditions.append(notices.c.state != NoticeState.SUPERSEDED)
    if not query.own:
        conditions.append(notices.c.originator != own)
    if query.before_id:
        conditions.append(notices.c.id < query.before_id)
    if query.after_id:
        conditions.append(notices.c.id > query.after_id)
    return conditions
