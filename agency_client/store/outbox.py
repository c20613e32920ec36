# SPDX-License-Identifier: Apache-2.0
"""The outbox in SQL: sealed frames, their own notices, and the numbers given to recipients.

A frame, its notices and its numbers (`store.numbering`) are written in one transaction; states move
by the table in `domain.outbox`. Source: design section 4, "Gaps" and "Idempotency".
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import IntegrityError

from agency_client.domain.delivery import LogReference
from agency_client.domain.outbox import FrameState, PublishReceipt, Refusal, moved
from agency_client.domain.records import Link, OutboxFrame, OwnNotice
from agency_client.domain.views import NoticeState
from agency_client.errors import AgencyError, Reason
from agency_client.store import facts
from agency_client.store.database import Database
from agency_client.store.marker import Marker
from agency_client.store.numbering import accept_chain, extend_chain, read_links, rewind_chain
from agency_client.store.supersession import (
    apply_supersessions,
    forget_supersessions,
    note_supersessions,
    read_supersessions,
)
from agency_client.store.tables import OUTBOX_WAITING, notices, outbox

OUTLET_BYTES = 16
_LIGHT = [column for column in outbox.c if column.name != "frame"]


class SqlOutbox:
    """The outbox of the agency `agency`; `marker` tells a copied profile from the original."""

    def __init__(self, database: Database, agency: str, marker: Marker) -> None:
        self._database = database
        self._agency = agency
        self._marker = marker

    def outlet(self) -> bytes:
        """Return the outlet's id; a new one where the marker is not the one the store knows."""
        with self._database.read() as connection:
            known = self._known(connection)
        if known is not None:
            return known
        with self._database.write() as connection:
            return self._known(connection) or self._begin(connection)

    def new_outlet(self) -> bytes:
        """Begin a new outlet."""
        with self._database.write() as connection:
            return self._begin(connection)

    def _known(self, connection: Connection) -> bytes | None:
        if facts.get(connection, "marker") != self._marker.read():
            return None
        return facts.get(connection, "outlet")

    def _begin(self, connection: Connection) -> bytes:
        outlet = secrets.token_bytes(OUTLET_BYTES)
        facts.put(connection, "outlet", outlet)
        facts.put(connection, "marker", self._marker.renew())
        return outlet

    def links(self, outlet: bytes, topic: str, agencies: Sequence[str]) -> Mapping[str, Link]:
        """Return the last number given to each agency."""
        with self._database.read() as connection:
            return read_links(connection, outlet, topic, agencies)

    def append(self, frame: OutboxFrame, own: Sequence[OwnNotice]) -> int:
        """Store a sealed frame, its notices and the chain."""
        try:
            with self._database.write() as connection:
                added = insert(outbox).values(_frame_values(frame)).returning(outbox.c.id)
                frame_id: int = connection.execute(added).scalar_one()
                connection.execute(
                    insert(notices), [self._notice_values(frame_id, frame, one) for one in own]
                )
                note_supersessions(
                    connection,
                    [(self._agency, old, one.notice_id) for one in own for old in one.supersedes],
                )
                extend_chain(connection, frame)
        except IntegrityError:
            raise AgencyError(
                Reason.ALREADY_EXISTS, "a notice with this id was published before"
            ) from None
        return frame_id

    def _notice_values(self, frame_id: int, frame: OutboxFrame, one: OwnNotice) -> dict[str, Any]:
        return {
            "outbox_id": frame_id,
            "position": one.position,
            "originator": self._agency,
            "notice_id": one.notice_id,
            "topic": frame.topic,
            "type": one.type,
            "marking": frame.marking,
            "created_at": frame.created_at,
            "received_at": frame.created_at,
            "valid_from": one.valid_from,
            "expires_at": one.expires_at,
            "header": one.header,
            "leaf_hash": one.leaf_hash,
            "content": one.content,
            "state": NoticeState.QUEUED,
        }

    def resealed(self, frame: OutboxFrame, own: Sequence[OwnNotice]) -> None:
        """Replace a stale frame by its new seal."""
        with self._database.write() as connection:
            state = _state(connection, frame.id)
            values = _frame_values(frame) | {"state": moved(state, FrameState.QUEUED)}
            connection.execute(update(outbox).where(outbox.c.id == frame.id).values(values))
            for one in own:
                connection.execute(
                    update(notices)
                    .where(notices.c.outbox_id == frame.id, notices.c.position == one.position)
                    .values(leaf_hash=one.leaf_hash, header=one.header)
                )
            extend_chain(connection, frame)

    def waiting(self) -> Sequence[OutboxFrame]:
        """Return frames that wait, oldest first, without their sealed bytes."""
        query = select(*_LIGHT).where(OUTBOX_WAITING).order_by(outbox.c.id)
        with self._database.read() as connection:
            return tuple(_frame(row) for row in connection.execute(query))

    def frame(self, frame_id: int) -> OutboxFrame:
        """Return one frame."""
        with self._database.read() as connection:
            return _frame(connection.execute(select(outbox).where(outbox.c.id == frame_id)).one())

    def of_notice(self, row_id: int) -> OutboxFrame | None:
        """Return the frame of one of our notices; None where another machine sealed it."""
        frame_id = select(notices.c.outbox_id).where(notices.c.id == row_id).scalar_subquery()
        with self._database.read() as connection:
            row = connection.execute(select(outbox).where(outbox.c.id == frame_id)).one_or_none()
        return None if row is None else _frame(row)

    def notices(self, frame_id: int) -> Sequence[OwnNotice]:
        """Return the notices of a frame in order."""
        query = select(notices).where(notices.c.outbox_id == frame_id).order_by(notices.c.position)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
            ids = [row.notice_id for row in rows]
            replaced = read_supersessions(connection, self._agency, ids)
        return tuple(
            OwnNotice(
                position=row.position,
                notice_id=row.notice_id,
                type=row.type,
                valid_from=row.valid_from,
                expires_at=row.expires_at,
                header=row.header,
                leaf_hash=row.leaf_hash,
                content=row.content,
                supersedes=replaced.get(row.notice_id, ()),
            )
            for row in rows
        )

    def set_sent(self, frame_ids: Sequence[int]) -> None:
        """Note that frames are about to be handed to the network."""
        with self._database.write() as connection:
            for frame_id in frame_ids:
                _move(connection, frame_id, FrameState.SENT)

    def set_accepted(self, receipts: Sequence[tuple[int, PublishReceipt]]) -> None:
        """Store receipts and advance the accepted ends of the chains."""
        with self._database.write() as connection:
            for frame_id, receipt in receipts:
                self._accept(connection, frame_id, receipt)

    def _accept(self, connection: Connection, frame_id: int, receipt: PublishReceipt) -> None:
        _move(
            connection,
            frame_id,
            FrameState.ACCEPTED,
            sequence=receipt.sequence,
            log_index=receipt.log.index,
            log_salt=receipt.log.salt,
            log_time=receipt.log.time_ms,
            frame=b"",
        )
        row = connection.execute(select(*_LIGHT).where(outbox.c.id == frame_id)).one()
        accept_chain(connection, _frame(row))
        connection.execute(
            update(notices)
            .where(notices.c.outbox_id == frame_id)
            .values(
                sequence=receipt.sequence,
                state=func.iif(
                    notices.c.state == NoticeState.QUEUED, NoticeState.CURRENT, notices.c.state
                ),
            )
        )
        apply_supersessions(connection, self._agency, _ids(connection, frame_id))

    def set_stale(self, frame_id: int, refusal: Refusal) -> None:
        """Note a definite refusal that sealing anew may cure."""
        with self._database.write() as connection:
            _move(
                connection,
                frame_id,
                FrameState.STALE,
                reseals=outbox.c.reseals + 1,
                reason=refusal.reason,
                message=refusal.message,
            )

    def set_refused(self, frame_id: int, refusal: Refusal) -> None:
        """Note a final refusal; notices that came back from the broker were published and stay."""
        with self._database.write() as connection:
            _move(
                connection,
                frame_id,
                FrameState.REFUSED,
                reason=refusal.reason,
                message=refusal.message,
                frame=b"",
            )
            connection.execute(
                update(notices)
                .where(notices.c.outbox_id == frame_id, notices.c.frame_id.is_(None))
                .values(state=NoticeState.REFUSED)
            )
            forget_supersessions(connection, self._agency, _refused_ids(connection, frame_id))

    def rewind(self, outlet: bytes, topic: str) -> None:
        """Set chains back to the accepted numbers; queued frames of the topic become stale."""
        with self._database.write() as connection:
            rewind_chain(connection, outlet, topic)
            connection.execute(
                update(outbox)
                .where(OUTBOX_WAITING, outbox.c.topic == topic, outbox.c.state == FrameState.QUEUED)
                .values(state=FrameState.STALE)
            )

    def count(self) -> tuple[int, int]:
        """Return (frames, notices) that wait."""
        waiting = select(outbox.c.id).where(OUTBOX_WAITING)
        with self._database.read() as connection:
            frames = connection.execute(
                select(func.count()).select_from(waiting.subquery())
            ).scalar_one()
            held = connection.execute(
                select(func.count()).where(notices.c.outbox_id.in_(waiting))
            ).scalar_one()
        return frames, held


def _ids(connection: Connection, frame_id: int) -> list[bytes]:
    query = select(notices.c.notice_id).where(notices.c.outbox_id == frame_id)
    return list(connection.execute(query).scalars())


def _refused_ids(connection: Connection, frame_id: int) -> list[bytes]:
    query = select(notices.c.notice_id).where(
        notices.c.outbox_id == frame_id, notices.c.state == NoticeState.REFUSED
    )
    return list(connection.execute(query).scalars())


def _state(connection: Connection, frame_id: int) -> FrameState:
    return FrameState(
        connection.execute(select(outbox.c.state).where(outbox.c.id == frame_id)).scalar_one()
    )


def _move(connection: Connection, frame_id: int, to: FrameState, **values: Any) -> None:
    state = moved(_state(connection, frame_id), to)
    connection.execute(update(outbox).where(outbox.c.id == frame_id).values(state=state, **values))


def _frame_values(frame: OutboxFrame) -> dict[str, Any]:
    return {
        "topic": frame.topic,
        "outlet": frame.outlet,
        "seal_id": frame.seal_id,
        "statement_hash": frame.statement_hash,
        "marking": frame.marking,
        "named": json.dumps(frame.named),
        "recipients": json.dumps(frame.recipients),
        "frame": frame.frame,
        "state": frame.state,
        "created_at": frame.created_at,
    }


def _frame(row: Any) -> OutboxFrame:
    log = None
    if row.log_index >= 0:
        log = LogReference(index=row.log_index, salt=row.log_salt, time_ms=row.log_time)
    return OutboxFrame(
        id=row.id,
        topic=row.topic,
        outlet=row.outlet,
        seal_id=row.seal_id,
        statement_hash=row.statement_hash,
        marking=row.marking,
        named=tuple(json.loads(row.named)),
        recipients=tuple((agency, seq) for agency, seq in json.loads(row.recipients)),
        frame=getattr(row, "frame", b""),
        state=FrameState(row.state),
        reseals=row.reseals,
        created_at=row.created_at,
        reason=row.reason,
        message=row.message,
        sequence=row.sequence,
        log=log,
    )
