# SPDX-License-Identifier: Apache-2.0
"""Writing one received batch: frames, notices, chains, cursors, findings and heads.

Everything happens in the caller's one transaction, so a cursor is never ahead of what is stored.
Statements are made once: making them for each frame took longer than running them.
What a grant brought and ended with it may be brought again.
A frame that is held gains the notices it lacked; nothing that is held is lost or replaced by other
bytes, which the caller has made sure of (`services.filing`).
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, false, func, insert, or_, select
from sqlalchemy.dialects.sqlite import insert as upsert

from agency_client.domain.delivery import LogReference
from agency_client.domain.records import Evidence, Head, KeptFrame, KeptNotice, ReceivedBatch
from agency_client.domain.views import NoticeState
from agency_client.store.chains import add_missing, remove_missing, set_link
from agency_client.store.supersession import apply_supersessions, note_supersessions
from agency_client.store.tables import (
    cursors,
    deliveries,
    findings,
    frames,
    gossip,
    notices,
    withheld,
)
from keys.framing import u8, u32

_NO_LOG = LogReference(index=-1, salt=b"", time_ms=0)

_FRAME = upsert(frames)
_KEEP_FRAME = _FRAME.on_conflict_do_update(
    index_elements=["originator", "seal_id"], set_={"form": _FRAME.excluded.form}
).returning(frames.c.id)
_KEEP_DELIVERY = upsert(deliveries).on_conflict_do_nothing()
_KEEP_WITHHELD = upsert(withheld).on_conflict_do_nothing()
_NOTICE = upsert(notices)
_KEEP_NOTICES = _NOTICE.on_conflict_do_update(
    index_elements=["originator", "notice_id"],
    set_={
        "frame_id": _NOTICE.excluded.frame_id,
        "sequence": _NOTICE.excluded.sequence,
        "header": _NOTICE.excluded.header,
        "body": _NOTICE.excluded.body,
        "leaf_hash": _NOTICE.excluded.leaf_hash,
        "content_key": _NOTICE.excluded.content_key,
        "granted_until": _NOTICE.excluded.granted_until,
        "content": _NOTICE.excluded.content,
        "destroyed_at": 0,
        "indexed": func.iif(notices.c.destroyed_at == 0, notices.c.indexed, false()),
        "state": func.iif(
            notices.c.state == NoticeState.SUPERSEDED,
            NoticeState.SUPERSEDED,
            NoticeState.CURRENT,
        ),
    },
    where=or_(notices.c.destroyed_at == 0, notices.c.state == NoticeState.ENDED),
)
_HELD = select(notices.c.position).where(notices.c.frame_id == bindparam("frame"))
_SHOW = delete(withheld).where(
    withheld.c.frame_id == bindparam("frame"), withheld.c.position.in_(_HELD)
)
_ROW_IDS = select(notices.c.id, notices.c.notice_id).where(
    notices.c.originator == bindparam("originator"),
    notices.c.notice_id.in_(bindparam("ids", expanding=True)),
)


def record_batch(connection: Connection, batch: ReceivedBatch, now: int) -> list[int]:
    """Write a batch; return the row ids of its notices in order."""
    ids: list[int] = []
    for frame in batch.frames:
        ids += _record_frame(connection, frame, now)
    for key, link in batch.links:
        set_link(connection, key, link)
    for key, first, last in batch.missing:
        add_missing(connection, key, first, last)
    for key, seq in batch.found:
        remove_missing(connection, key, seq)
    _set_cursors(connection, batch)
    add_findings(connection, batch.findings)
    _add_heads(connection, batch.heads)
    return ids


def add_findings(connection: Connection, found: Sequence[Evidence]) -> None:
    """Keep findings."""
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


def _record_frame(connection: Connection, frame: KeptFrame, now: int) -> list[int]:
    frame_id = _frame_id(connection, frame, now)
    _record_delivery(connection, frame_id, frame)
    if not frame.notices:
        return []
    _record_notices(connection, frame_id, frame, now)
    connection.execute(_SHOW, {"frame": frame_id})
    originator = frame.key.originator
    ids = [one.notice_id for one in frame.notices]
    note_supersessions(
        connection,
        [(originator, old, one.notice_id) for one in frame.notices for old in one.supersedes],
    )
    apply_supersessions(connection, originator, ids)
    return _row_ids(connection, originator, ids)


def _row_ids(connection: Connection, originator: str, ids: Sequence[bytes]) -> list[int]:
    found = connection.execute(_ROW_IDS, {"originator": originator, "ids": ids})
    rows = {row.notice_id: row.id for row in found}
    return [rows[notice_id] for notice_id in ids]


def _frame_id(connection: Connection, frame: KeptFrame, now: int) -> int:
    publish = frame.publish_log or _NO_LOG
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
    }
    frame_id: int = connection.execute(_KEEP_FRAME, values).scalar_one()
    return frame_id


def _record_delivery(connection: Connection, frame_id: int, frame: KeptFrame) -> None:
    """Keep the leaf of this delivery, and what it withheld of the frame."""
    kept_back = b"".join(u32(one.index) + u8(one.reason.number) for one in frame.withheld)
    if frame.delivery_log is not None:
        values = {
            "frame_id": frame_id,
            "log_index": frame.delivery_log.index,
            "log_salt": frame.delivery_log.salt,
            "log_time": frame.delivery_log.time_ms,
            "kind": frame.delivery_kind,
            "shown": frame.shown,
            "withheld": kept_back,
        }
        connection.execute(_KEEP_DELIVERY, values)
    if frame.withheld:
        connection.execute(
            _KEEP_WITHHELD,
            [
                {"frame_id": frame_id, "position": one.index, "reason": one.reason}
                for one in frame.withheld
            ],
        )


def _record_notices(connection: Connection, frame_id: int, frame: KeptFrame, now: int) -> None:
    """Insert notices, or complete our own that were in the outbox."""
    connection.execute(
        _KEEP_NOTICES, [_notice_values(frame_id, frame, notice, now) for notice in frame.notices]
    )


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
        "granted_until": notice.granted_until,
    }


def _set_cursors(connection: Connection, batch: ReceivedBatch) -> None:
    for cursor in batch.cursors:
        statement = upsert(cursors).values(
            subscription=batch.subscription, topic=cursor.topic, sequence=cursor.sequence
        )
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["subscription", "topic"],
                set_={"sequence": func.max(cursors.c.sequence, statement.excluded.sequence)},
            )
        )


def _add_heads(connection: Connection, heads: Sequence[Head]) -> None:
    if heads:
        connection.execute(
            upsert(gossip).on_conflict_do_nothing(),
            [
                {
                    "log": head.log,
                    "size": head.size,
                    "root": head.root,
                    "originator": head.originator,
                    "seal_id": head.seal_id,
                }
                for head in heads
            ],
        )
