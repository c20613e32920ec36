# SPDX-License-Identifier: Apache-2.0
"""Reading frames as a recipient gets them. Whether it may have them is not decided here."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from sqlcipher3.dbapi2 import Connection

from broker.domain.deliveries import Addressed, StoredFrame
from broker.domain.mail import MailKind
from broker.domain.receipts import LogRef
from broker.storage.cache import FrameCache
from broker.storage.faults import internal
from broker.storage.packing import unpacked
from keys.framing import HASH_BYTES

_OWN = """
SELECT r.sequence, r.position, r.named, r.recipient, r.wrap, r.path, f.size
FROM recipients r JOIN frames f ON f.topic = r.topic AND f.sequence = r.sequence
WHERE r.agency = ? AND r.topic = ? AND r.sequence > ?
ORDER BY r.sequence LIMIT ?"""
_FRAME = """
SELECT f.leaf_index, f.time_ms, coalesce(l.salt, x''), f.content, f.content_digest
FROM frames f LEFT JOIN leaves l ON l.leaf_index = f.leaf_index
WHERE f.topic = ? AND f.sequence = ?"""
# What is not there is looked for in the latest frame, so that it takes as long as what is there and
# is not the caller's.
_NOTICE = """
WITH place AS (
  SELECT frame_id, position FROM notices WHERE originator = ?2 AND notice_id = ?3
  UNION ALL SELECT max(frame_id), NULL FROM frames LIMIT 1)
SELECT f.topic, f.sequence, place.position,
  EXISTS (SELECT 1 FROM recipients r
    WHERE r.agency = ?1 AND r.topic = f.topic AND r.sequence = f.sequence),
  (SELECT max(p.until) FROM posted p WHERE p.topic = f.topic AND p.sequence = f.sequence
    AND p.position = place.position AND p.kind = ?4 AND p.recipient = ?1)
FROM place JOIN frames f ON f.frame_id = place.frame_id"""
_HEADS = """
SELECT value, (SELECT max(sequence) FROM recipients WHERE agency = ? AND topic = value)
FROM json_each(?)"""

_Row: TypeAlias = tuple[int, int, int, bytes, bytes, bytes, int]


def read(
    connection: Connection,
    cache: FrameCache,
    agency: str,
    topic: str,
    *,
    after: int,
    max_frames: int,
    max_bytes: int,
) -> list[Addressed]:
    """Return frames addressed to `agency` behind a sequence, at least one where there is one."""
    as_of = cache.era
    rows = connection.execute(_OWN, (agency, topic, after, max(max_frames, 1))).fetchall()
    return [_addressed(connection, cache, topic, row, as_of) for row in _within(rows, max_bytes)]


def read_again(
    connection: Connection, cache: FrameCache, addressed: Sequence[Addressed]
) -> list[Addressed]:
    """Return frames as they are now; of a recipient's own part nothing changes but its wrap."""
    as_of = cache.era
    return [
        replace(one, frame=frame_at(connection, cache, *one.frame.key), as_of=as_of)
        for one in addressed
    ]


def _within(rows: list[_Row], max_bytes: int) -> list[_Row]:
    """Return the first of `rows`, and those after it that fit."""
    total = 0
    for count, row in enumerate(rows):
        total += row[-1]
        if count and total > max_bytes:
            return rows[:count]
    return rows


def find_notice(
    connection: Connection, cache: FrameCache, agency: str, originator: str, notice_id: bytes
) -> tuple[Addressed, int] | None:
    """Return the frame of a notice and its index, if addressed or granted to `agency`."""
    as_of = cache.era
    values = (agency, originator, notice_id, MailKind.GRANT)
    found = connection.execute(_NOTICE, values).fetchone()
    if found is None:
        return None
    topic, sequence, position, is_recipient, granted_until = found
    if position is None:
        return None
    if is_recipient:
        row = connection.execute(_OWN, (agency, topic, sequence - 1, 1)).fetchone()
        return _addressed(connection, cache, topic, row, as_of), position
    if granted_until is None:
        return None
    addressed = Addressed(
        frame=frame_at(connection, cache, topic, sequence),
        recipient=b"",
        wrap=b"",
        recipient_index=0,
        recipient_path=(),
        named=False,
        granted_until=granted_until,
        as_of=as_of,
    )
    return addressed, position


def heads(connection: Connection, agency: str, topics: Collection[str]) -> Mapping[str, int]:
    """Return the last sequence addressed to `agency` of each topic; 0 where none is."""
    rows = connection.execute(_HEADS, (agency, json.dumps(list(topics))))
    return {topic: head or 0 for topic, head in rows}


def _addressed(
    connection: Connection, cache: FrameCache, topic: str, row: _Row, as_of: int
) -> Addressed:
    sequence, position, named, recipient, wrap, path, _ = row
    return Addressed(
        frame=frame_at(connection, cache, topic, sequence),
        recipient=recipient,
        wrap=wrap,
        recipient_index=position,
        recipient_path=tuple(
            path[start : start + HASH_BYTES] for start in range(0, len(path), HASH_BYTES)
        ),
        named=bool(named),
        as_of=as_of,
    )


def frame_at(connection: Connection, cache: FrameCache, topic: str, sequence: int) -> StoredFrame:
    """Return the frame at a place, from the cache if it is there."""
    frame = cache.get(topic, sequence)
    if frame is None:
        as_of = cache.era
        row = connection.execute(_FRAME, (topic, sequence)).fetchone()
        if row is None:
            raise internal(f"frame {sequence} of {topic} is not there")
        index, time_ms, salt, content, digest = row
        log = LogRef(index=index, salt=salt, time_ms=time_ms)
        frame = unpacked(topic, sequence, log, content, digest)
        cache.put(frame, as_of)
    return frame
