# SPDX-License-Identifier: Apache-2.0
"""What was received, in SQL, for the receiver: what is known, and the one write of a batch.

The receiver reads what is known, decides, and writes the batch in one transaction; it is the only
receiver of the profile, so nothing moves in between. Not here: any decision about what to accept.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, case, func, select, tuple_

from agency_client.domain.findings import Finding, FindingKind
from agency_client.domain.records import (
    GRANTED,
    ChainKey,
    Evidence,
    KnownFrame,
    KnownNotice,
    Link,
    Placed,
    ReceivedBatch,
)
from agency_client.store import facts
from agency_client.store.chains import read_beside, read_links, read_missing
from agency_client.store.database import Database
from agency_client.store.recording import add_findings, record_batch
from agency_client.store.tables import cursors, findings, frames, notices

_WITHOUT_EVIDENCE = [column for column in findings.c if column.name != "evidence"]
_SEAL_ID = case((frames.c.form == GRANTED, b""), else_=func.coalesce(frames.c.seal_id, b"")).label(
    "seal_id"
)
"""None where a grant brought the notice, whose frame was not sealed to us."""
_Item = TypeVar("_Item")
_AT_ONCE = 400
"""Most pairs in one query, so that no statement grows with what a peer sent."""


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
                known |= _known_frames(connection, some)
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
                        _SEAL_ID,
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
        found: dict[ChainKey, Link] = {}
        with self._database.read() as connection:
            for some in _portions(keys):
                found |= read_links(connection, some)
        return found

    def missing(self, key: ChainKey) -> Sequence[tuple[int, int]]:
        """Return the (first, last) numbers of a chain that have not arrived."""
        with self._database.read() as connection:
            return read_missing(connection, key)

    def beside(self, key: ChainKey, seq: int) -> Sequence[Placed]:
        """Return frames held under the numbers before and behind `seq`; a few of each at most."""
        with self._database.read() as connection:
            return read_beside(connection, key, seq)

    def cursors(self, subscription: str) -> Mapping[str, int]:
        """Return the last sequence stored of each topic."""
        query = select(cursors).where(cursors.c.subscription == subscription)
        with self._database.read() as connection:
            return {row.topic: row.sequence for row in connection.execute(query)}

    def subscription(self) -> str:
        """Return the name of this store's subscription; made on first use."""
        with self._database.read() as connection:
            name = facts.get(connection, "subscription")
        if name is not None:
            return name.decode()
        with self._database.write() as connection:
            name = facts.get(connection, "subscription")
            if name is None:
                name = f"inbox-{secrets.token_hex(4)}".encode()
                facts.put(connection, "subscription", name)
        return name.decode()

    def record(self, batch: ReceivedBatch, now: int) -> Sequence[int]:
        """Write a batch in one transaction; return the row ids of its notices."""
        with self._database.write() as connection:
            return record_batch(connection, batch, now)

    def add_findings(self, found: Sequence[Evidence]) -> None:
        """Keep findings."""
        with self._database.write() as connection:
            add_findings(connection, found)

    def findings(self, limit: int) -> Sequence[Finding]:
        """Return findings, newest first."""
        query = select(*_WITHOUT_EVIDENCE).order_by(findings.c.id.desc()).limit(limit)
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
            count: int = connection.execute(select(func.count()).select_from(findings)).scalar_one()
            return count


def _portions(items: Iterable[_Item]) -> Iterable[list[_Item]]:
    wanted = list(items)
    return (wanted[at : at + _AT_ONCE] for at in range(0, len(wanted), _AT_ONCE))


def _known_frames(
    connection: Connection, seals: Sequence[tuple[str, bytes]]
) -> dict[tuple[str, bytes], KnownFrame]:
    query = (
        select(
            frames.c.id,
            frames.c.originator,
            frames.c.seal_id,
            frames.c.statement_hash,
            notices.c.position,
        )
        .select_from(frames.outerjoin(notices, notices.c.frame_id == frames.c.id))
        .where(tuple_(frames.c.originator, frames.c.seal_id).in_(seals))
    )
    positions: dict[int, set[int]] = {}
    rows: dict[int, Any] = {}
    for row in connection.execute(query):
        rows[row.id] = row
        held = positions.setdefault(row.id, set())
        if row.position is not None:
            held.add(row.position)
    return {
        (row.originator, row.seal_id): KnownFrame(
            id=row_id,
            statement_hash=row.statement_hash,
            positions=frozenset(positions[row_id]),
        )
        for row_id, row in rows.items()
    }
