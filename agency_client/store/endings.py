# SPDX-License-Identifier: Apache-2.0
"""The end of notices in SQL: what is held, what is due, and the destruction itself.

Overwriting is SQLite's `secure_delete` and a merge of the whole search index, since an index that
forgets a row only hides its words. Pages that a destruction replaced stay in the write-ahead log
until `settle` has emptied it. Attachments lie in files and are removed with the notice.
Not here: whether a notice may be destroyed.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, text, update
from sqlalchemy.dialects.sqlite import insert as upsert

from agency_client.domain.downloads import download_name
from agency_client.domain.post import Ending, Hold
from agency_client.domain.records import KnownPlace
from agency_client.domain.views import NoticeState
from agency_client.store import facts
from agency_client.store.database import Database
from agency_client.store.post import destroy_post
from agency_client.store.post_tables import holds
from agency_client.store.tables import attachments, findings, frames, notices, outbox, said
from agency_client.store.taken_back import STATEMENT, all_taken_back
from keys.envelope import AttachmentRef, NoticeHeader
from keys.errors import TrustError
from keys.places import NoticePlace

_UNSETTLED = "destruction"
_FORGET = text("DELETE FROM search WHERE rowid = :id")
_MERGE = text("INSERT INTO search(search) VALUES ('optimize')")
_LIVE = notices.c.destroyed_at == 0
_DESTRUCTIBLE = (
    text("destroyed_at = 0"),
    notices.c.state != NoticeState.QUEUED,
    ~select(holds.c.notice).where(holds.c.notice == notices.c.id).exists(),
)
"""Neither gone, nor on its way to the broker, nor held."""


class SqlEndings:
    """The end of notices of one profile; attachments lie in `folder`."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def places(self, rows: Sequence[int]) -> Mapping[int, NoticePlace]:
        """Return how notices are named in what is signed about them; not those never sealed."""
        with self._database.read() as connection:
            return _places(connection, rows)

    def at(self, place: NoticePlace) -> KnownPlace | None:
        """Return what is known here of the notice at a place, or of its frame alone."""
        found = select(notices.c.id, notices.c.originator, notices.c.notice_id)
        of_frame = select(frames.c.id).where(frames.c.statement_hash == place.statement)
        of_outbox = select(outbox.c.id).where(outbox.c.statement_hash == place.statement)
        named = and_(
            notices.c.position == place.index,
            notices.c.leaf_hash == place.leaf_hash,
            or_(notices.c.frame_id.in_(of_frame), notices.c.outbox_id.in_(of_outbox)),
        )
        frame = select(frames.c.originator).where(frames.c.statement_hash == place.statement)
        with self._database.read() as connection:
            row = connection.execute(found.where(named).limit(1)).one_or_none()
            if row is not None:
                return KnownPlace(originator=row.originator, row_id=row.id, notice_id=row.notice_id)
            originator = connection.execute(frame.limit(1)).scalar_one_or_none()
        return None if originator is None else KnownPlace(originator=originator)

    def hold(self, row_id: int, hold: Hold) -> None:
        """Keep a notice from being destroyed; a later hold replaces the one before."""
        values = {
            "legal_basis": hold.legal_basis,
            "review": hold.review,
            "made_at": hold.made_at,
            "made_by": hold.made_by,
        }
        statement = upsert(holds).values(notice=row_id, **values)
        with self._database.write() as connection:
            connection.execute(
                statement.on_conflict_do_update(index_elements=["notice"], set_=values)
            )

    def held(self, row_id: int) -> Hold | None:
        """Return why a notice is kept from being destroyed."""
        with self._database.read() as connection:
            row = connection.execute(select(holds).where(holds.c.notice == row_id)).one_or_none()
        if row is None:
            return None
        return Hold(
            legal_basis=row.legal_basis,
            review=row.review,
            made_at=row.made_at,
            made_by=row.made_by,
        )

    def release(self, row_id: int) -> None:
        """Let a notice be destroyed again."""
        with self._database.write() as connection:
            connection.execute(delete(holds).where(holds.c.notice == row_id))

    def due(self, now: int, limit: int) -> Sequence[tuple[int, Ending]]:
        """Return notices that are to be destroyed now, and why: none that are held."""
        conditions: Mapping[Ending, ColumnElement[bool]] = {
            Ending.RECALLED: notices.c.id.in_(all_taken_back()),
            Ending.EXPIRED: notices.c.expires_at <= now,
            Ending.ENDED: and_(notices.c.granted_until > 0, notices.c.granted_until <= now),
        }
        found: dict[int, Ending] = {}
        with self._database.read() as connection:
            for ending, condition in conditions.items():
                query = select(notices.c.id).where(condition, *_DESTRUCTIBLE)
                for row_id in connection.execute(query.limit(limit)).scalars():
                    found.setdefault(row_id, ending)
        return tuple(found.items())[:limit]

    def destroy(self, rows: Sequence[tuple[int, Ending]], at_ms: int) -> None:
        """Destroy content, keys, header, body and index entries of notices, overwriting them."""
        ids = [row_id for row_id, _ in rows]
        with self._database.write() as connection:
            files = _files(connection, ids)
            _forget_attachments(connection, ids)
            _forget_evidence(connection, ids)
            connection.execute(delete(said).where(said.c.notice.in_(ids)))
            destroy_post(
                connection,
                [(one.statement, one.index) for one in _places(connection, ids).values()],
            )
            for row_id, ending in rows:
                connection.execute(_FORGET, {"id": row_id})
                connection.execute(
                    update(notices)
                    .where(notices.c.id == row_id, _LIVE)
                    .values(
                        header=b"",
                        body=b"",
                        content=b"",
                        content_key=b"",
                        indexed=True,
                        state=ending,
                        destroyed_at=at_ms,
                    )
                )
            connection.execute(_MERGE)
            facts.put(connection, _UNSETTLED, b"1")
        for file in files:
            (self._folder / file).unlink(missing_ok=True)

    def settle(self) -> bool:
        """Empty the write-ahead log of what was destroyed; return whether nothing is left in it."""
        with self._database.read() as connection:
            if facts.get(connection, _UNSETTLED) != b"1":
                return True
        if not self._database.truncate():
            return False
        with self._database.write() as connection:
            facts.put(connection, _UNSETTLED, b"0")
        return True


def _places(connection: Connection, rows: Collection[int]) -> dict[int, NoticePlace]:
    named = (notices.c.id, notices.c.position, notices.c.leaf_hash, STATEMENT.label("statement"))
    query = select(*named).where(notices.c.id.in_(rows))
    return {
        row.id: NoticePlace(statement=row.statement, index=row.position, leaf_hash=row.leaf_hash)
        for row in connection.execute(query)
        if row.statement
    }


def _forget_evidence(connection: Connection, rows: Collection[int]) -> None:
    """Overwrite the proofs of findings about the frames: they may hold a wrap and headers."""
    seals = (
        select(frames.c.originator, frames.c.seal_id)
        .join(notices, notices.c.frame_id == frames.c.id)
        .where(notices.c.id.in_(rows))
    )
    for originator, seal_id in connection.execute(seals.distinct()).all():
        connection.execute(
            update(findings)
            .where(findings.c.originator == originator, findings.c.seal_id == seal_id)
            .values(evidence=b"")
        )


def _forget_attachments(connection: Connection, rows: Collection[int]) -> None:
    """Overwrite what is noted of attachments that we sealed ourselves."""
    query = select(notices.c.header).where(notices.c.id.in_(rows), notices.c.outbox_id.is_not(None))
    for header in connection.execute(query).scalars().all():
        ids = [ref.id for ref in _listed(header)]
        connection.execute(delete(attachments).where(attachments.c.id.in_(ids)))


def _files(connection: Connection, rows: Collection[int]) -> list[str]:
    """Return the names of the files that hold attachments of notices."""
    query = select(notices.c.originator, notices.c.notice_id, notices.c.header)
    names: list[str] = []
    for row in connection.execute(query.where(notices.c.id.in_(rows))):
        for ref in _listed(row.header):
            names += [ref.id.hex(), download_name(row.originator, row.notice_id, ref).hex()]
    return names


def _listed(header: bytes) -> Sequence[AttachmentRef]:
    """Return the attachments in a header; none where nothing of it is left."""
    try:
        return NoticeHeader.decode(header).attachments
    except TrustError:
        return ()
