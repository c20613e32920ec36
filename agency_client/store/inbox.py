# SPDX-License-Identifier: Apache-2.0
"""Received frames and notices in SQL, written a batch at a time.

The receiver reads what is known, decides, and writes the batch in one transaction; it is the only
receiver of the profile, so nothing moves in between. Not here: any decision about what to accept.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, tuple_
from sqlalchemy.dialects.sqlite import insert

from agency_client.domain.delivery import LogReference
from agency_client.domain.findings import Finding, FindingKind
from agency_client.domain.records import (
    ChainKey,
    Evidence,
    KeptFrame,
    KeptNotice,
    KnownFrame,
    KnownNotice,
    Link,
    ReceivedBatch,
)
from agency_client.domain.views import NoticeState
from agency_client.store import facts
from agency_client.store.database import Database
from agency_client.store.supersession import apply_supersessions, note_supersessions
from agency_client.store.tables import (
    cursors,
    findings,
    frames,
    gaps,
    gossip,
    notices,
    receive_chain,
    withheld,
)
from keys.framing import u8, u32

_NO_LOG = LogReference(index=-1, salt=b"", time_ms=0)
_AT_ONCE = 400
"""Most pairs in one query; SQLite allows 32,766 variables."""


class SqlReceived:
    """What was received, for the receiver: known ids, chains, cursors and the one write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known_frames(
        self, seals: Iterable[tuple[str, bytes]]
    ) -> Mapping[tuple[str, bytes], KnownFrame]:
        """Return which (originator, seal id) are stored."""
        known: dict[tuple[str, bytes], KnownFrame] = {}
        with self._database.read() as connection:
            for some in _portions(seals):
                query = select(
                    frames.c.id, frames.c.originator, frames.c.seal_id, frames.c.statement_hash
                ).where(tuple_(frames.c.originator, frames.c.seal_id).in_(some))
                for row in connection.execute(query).all():
                    positions = connection.execute(
                        select(notices.c.position).where(notices.c.frame_id == row.id)
                    ).scalars()
                    known[row.originator, row.seal_id] = KnownFrame(
                        id=row.id,
                        statement_hash=row.statement_hash,
                        positions=frozenset(positions),
                    )
        return known

    def known_notices(
        self, pairs: Iterable[tuple[str, bytes]]
    ) -> Mapping[tuple[str, bytes], KnownNotice]:
        """Return which (originator, notice id) are stored."""
        known: dict[tuple[str, bytes], KnownNotice] = {}
        with self._database.read() as connection:
            for some in _portions(pairs):
                query = (
                    select(
                        notices.c.originator,
                        notices.c.notice_id,
                        notices.c.leaf_hash,
                        func.coalesce(frames.c.seal_id, b"").label("seal_id"),
                    )
                    .select_from(notices.outerjoin(frames, notices.c.frame_id == frames.c.id))
                    .where(tuple_(notices.c.originator, notices.c.notice_id).in_(some))
                )
                for row in connection.execute(query):
                    known[row.originator, row.notice_id] = KnownNotice(
                        seal_id=row.seal_id, leaf_hash=row.leaf_hash
                    )
        return known

    def links(self, keys: Iterable[ChainKey]) -> Mapping[ChainKey, Link]:
        """Return the last frame held of each chain."""
        chain = receive_chain.c
        wanted = [(key.originator, key.outlet, key.topic) for key in keys]
        found: dict[ChainKey, Link] = {}
        with self._database.read() as connection:
            for some in _portions(wanted):
                query = select(receive_chain).where(
                    tuple_(chain.originator, chain.outlet, chain.topic).in_(some)
                )
                for row in connection.execute(query):
                    key = ChainKey(originator=row.originator, outlet=row.outlet, topic=row.topic)
                    found[key] = Link(seq=row.seq, statement_hash=row.statement_hash)
        return found

    def missing(self, key: ChainKey) -> Sequence[tuple[int, int]]:
        """Return the (first, last) numbers of a chain that have not arrived."""
        with self._database.read() as connection:
            return _missing(connection, key)

    def cursors(self, subscription: str) -> Mapping[str, int]:
        """Return the last sequence stored of each topic."""
        query = select(cursors).where(cursors.c.subscription == subscription)
        with self._database.read() as connection:
            return {row.topic: row.sequence for row in connection.execute(query)}

    def subscription(self) -> str:
        """Return the name of this store's subscription; made on first use."""
        with self._database.write() as connection:
            name = facts.get(connection, "subscription")
            if name is None:
                name = f"inbox-{secrets.token_hex(4)}".encode()
                facts.put(connection, "subscription", name)
        return name.decode()

    def record(self, batch: ReceivedBatch, now: int) -> Sequence[int]:
        """Write a batch in one transaction; return the row ids of its notices."""
        ids: list[int] = []
        with self._database.write() as connection:
            for frame in batch.frames:
                ids += _record_frame(connection, frame, now)
            _set_links(connection, batch)
            _set_cursors(connection, batch)
            _add_findings(connection, batch.findings)
            if batch.heads:
                connection.execute(
                    insert(gossip).on_conflict_do_nothing(),
                    [
                        {
                            "log": head.log,
                            "size": head.size,
                            "root": head.root,
                            "originator": head.originator,
                            "seal_id": head.seal_id,
                        }
                        for head in batch.heads
                    ],
                )
        return ids

    def add_findings(self, found: Sequence[Evidence]) -> None:
        """Keep findings."""
        with self._database.write() as connection:
            _add_findings(connection, found)

    def findings(self, limit: int) -> Sequence[Finding]:
        """Return findings, newest first."""
        query = select(findings).order_by(findings.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return tuple(
                Finding(
                    kind=FindingKind(row.kind),
                    reason=row.reason,
                    detail=row.detail,
                    at_ms=row.at_ms,
                    originator=row.originator,
                    topic=row.topic,
                    sequence=row.sequence,
                    seal_id=row.seal_id,
                )
                for row in connection.execute(query)
            )

    def finding_count(self) -> int:
        """Return how many findings are kept."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(findings)).scalar_one()


def _portions(items: Iterable[Any]) -> Iterable[list[Any]]:
    wanted = list(items)
    return (wanted[at : at + _AT_ONCE] for at in range(0, len(wanted), _AT_ONCE))


def _record_frame(connection: Connection, frame: KeptFrame, now: int) -> list[int]:
    frame_id = _frame_id(connection, frame, now)
    for item in frame.withheld:
        connection.execute(
            insert(withheld)
            .values(frame_id=frame_id, position=item.index, reason=item.reason)
            .on_conflict_do_nothing()
        )
    if not frame.notices:
        return []
    statement = insert(notices)
    arrived = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["originator", "notice_id"],
            set_={
                "frame_id": arrived.frame_id,
                "sequence": arrived.sequence,
                "header": arrived.header,
                "body": arrived.body,
                "leaf_hash": arrived.leaf_hash,
                "content_key": arrived.content_key,
                "state": func.iif(
                    notices.c.state == NoticeState.SUPERSEDED,
                    NoticeState.SUPERSEDED,
                    NoticeState.CURRENT,
                ),
            },
        ),
        [_notice_values(frame_id, frame, notice, now) for notice in frame.notices],
    )
    originator = frame.key.originator
    pairs = [
        (originator, old, notice.notice_id) for notice in frame.notices for old in notice.supersedes
    ]
    note_supersessions(connection, pairs)
    ids = [notice.notice_id for notice in frame.notices]
    apply_supersessions(connection, originator, ids)
    query = select(notices.c.id).where(
        notices.c.originator == originator, notices.c.notice_id.in_(ids)
    )
    return sorted(connection.execute(query).scalars())


def _frame_id(connection: Connection, frame: KeptFrame, now: int) -> int:
    publish, delivery = frame.publish_log or _NO_LOG, frame.delivery_log or _NO_LOG
    values = {
        "originator": frame.key.originator,
        "seal_id": frame.seal_id,
        "outlet": frame.key.outlet,
        "topic": frame.key.topic,
        "sequence": frame.sequence,
        "seq": frame.seq,
        "created_at": frame.created_at,
        "received_at": now,
        "form": frame.form,
        "statement_hash": frame.statement_hash,
        "header": frame.header,
        "statement": frame.statement,
        "signature": frame.signature,
        "recipient": frame.recipient,
        "publish_index": publish.index,
        "publish_salt": publish.salt,
        "publish_time": publish.time_ms,
        "delivery_index": delivery.index,
        "delivery_salt": delivery.salt,
        "delivery_time": delivery.time_ms,
        "delivery_kind": frame.delivery_kind,
        "shown": frame.shown,
        "withheld": b"".join(u32(one.index) + u8(one.reason.number) for one in frame.withheld),
    }
    statement = insert(frames).values(values)
    kept = statement.on_conflict_do_update(
        index_elements=["originator", "seal_id"], set_={"form": statement.excluded.form}
    ).returning(frames.c.id)
    return connection.execute(kept).scalar_one()


def _notice_values(frame_id: int, frame: KeptFrame, notice: KeptNotice, now: int) -> dict[str, Any]:
    return {
        "frame_id": frame_id,
        "position": notice.position,
        "originator": frame.key.originator,
        "notice_id": notice.notice_id,
        "topic": frame.key.topic,
        "type": notice.type,
        "marking": frame.marking,
        "sequence": frame.sequence,
        "created_at": frame.created_at,
        "received_at": now,
        "valid_from": notice.valid_from,
        "expires_at": notice.expires_at,
        "header": notice.header,
        "body": notice.body,
        "leaf_hash": notice.leaf_hash,
        "content": notice.content,
        "content_key": notice.content_key,
        "state": NoticeState.CURRENT,
    }


def _set_links(connection: Connection, batch: ReceivedBatch) -> None:
    if batch.links:
        statement = insert(receive_chain)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["originator", "outlet", "topic"],
                set_={
                    "seq": statement.excluded.seq,
                    "statement_hash": statement.excluded.statement_hash,
                },
            ),
            [
                _key_values(key) | {"seq": link.seq, "statement_hash": link.statement_hash}
                for key, link in batch.links
            ],
        )
    if batch.missing:
        connection.execute(
            insert(gaps).on_conflict_do_nothing(),
            [
                _key_values(key) | {"first": first, "last": last}
                for key, first, last in batch.missing
            ],
        )
    for key, seq in batch.found:
        _fill_gap(connection, key, seq)


def _of_chain(key: ChainKey) -> ColumnElement[bool]:
    return and_(
        gaps.c.originator == key.originator,
        gaps.c.outlet == key.outlet,
        gaps.c.topic == key.topic,
    )


def _missing(connection: Connection, key: ChainKey) -> tuple[tuple[int, int], ...]:
    query = select(gaps.c.first, gaps.c.last).where(_of_chain(key)).order_by(gaps.c.first)
    return tuple((row.first, row.last) for row in connection.execute(query))


def _fill_gap(connection: Connection, key: ChainKey, seq: int) -> None:
    for first, last in _missing(connection, key):
        if not first <= seq <= last:
            continue
        connection.execute(delete(gaps).where(_of_chain(key), gaps.c.first == first))
        for left, right in ((first, seq - 1), (seq + 1, last)):
            if left <= right:
                connection.execute(
                    insert(gaps).values(_key_values(key) | {"first": left, "last": right})
                )


def _key_values(key: ChainKey) -> dict[str, Any]:
    return {"originator": key.originator, "outlet": key.outlet, "topic": key.topic}


def _set_cursors(connection: Connection, batch: ReceivedBatch) -> None:
    for cursor in batch.cursors:
        statement = insert(cursors).values(
            subscription=batch.subscription, topic=cursor.topic, sequence=cursor.sequence
        )
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["subscription", "topic"],
                set_={"sequence": func.max(cursors.c.sequence, statement.excluded.sequence)},
            )
        )


def _add_findings(connection: Connection, found: Sequence[Evidence]) -> None:
    if not found:
        return
    connection.execute(
        insert(findings),
        [
            {
                "kind": one.finding.kind,
                "reason": one.finding.reason,
                "detail": one.finding.detail,
                "at_ms": one.finding.at_ms,
                "originator": one.finding.originator,
                "topic": one.finding.topic,
                "sequence": one.finding.sequence,
                "seal_id": one.finding.seal_id,
                "evidence": one.data,
            }
            for one in found
        ],
    )
