# SPDX-License-Identifier: Apache-2.0
"""Who could open a notice, and how far each of them got with it, by what was delivered.

A delivery that carried all of a frame leaves no row of its own: it is told from how far the
subscription got. Rows say what was kept back from one that did not, and what was fetched by id.
"""

from collections.abc import Iterable
from typing import TypeAlias

from sqlcipher3.dbapi2 import Connection

from broker.domain.acts import Act
from broker.domain.deliveries import StoredFrame
from broker.domain.mail import HolderState, MailKind
from broker.domain.receipts import LogRef
from broker.storage.bulk import insert
from broker.storage.cache import FrameCache
from broker.storage.frame_reading import frame_at
from broker.storage.mail import holders
from broker.storage.transaction import Transaction
from keys.framing import u32

# What is not there is looked for in the latest frame, so that it takes as long as what is there and
# is not the caller's.
_PLACE = """
WITH place AS (
  SELECT frame_id, 1 AS is_there FROM frames WHERE statement_digest = ?1
  UNION ALL SELECT max(frame_id), 0 FROM frames LIMIT 1)
SELECT f.topic, f.sequence, place.is_there,
  EXISTS (SELECT 1 FROM recipients r
    WHERE r.agency = ?2 AND r.topic = f.topic AND r.sequence = f.sequence)
  OR EXISTS (SELECT 1 FROM posted p
    WHERE p.topic = f.topic AND p.sequence = f.sequence AND p.position = ?3 AND p.kind = ?4
      AND p.recipient = ?2)
FROM place JOIN frames f ON f.frame_id = place.frame_id"""
_OWN = """
SELECT f.topic, f.sequence, n.position FROM notices n JOIN frames f ON f.frame_id = n.frame_id
WHERE n.originator = ? AND n.notice_id = ?"""
_IS_RECIPIENT = "SELECT 1 FROM recipients WHERE agency = ? AND topic = ? AND sequence = ?"
_SHOWN = """
SELECT k.shown FROM places p
LEFT JOIN kept_back k ON k.agency = p.agency AND k.topic = p.topic AND k.sequence = ?3
  AND k.subscription = p.subscription
WHERE p.agency = ?1 AND p.topic = ?2 AND p.delivered >= ?3"""
_FETCHED = "SELECT 1 FROM fetched WHERE agency = ? AND topic = ? AND sequence = ? AND position = ?"
_FETCH = "INSERT INTO fetched (agency, topic, sequence, position) VALUES (?, ?, ?, ?)"
_KEPT_BACK = "INSERT INTO kept_back (agency, topic, sequence, subscription, shown)"
_KEPT_BACK_ON = "ON CONFLICT DO UPDATE SET shown = excluded.shown"
_GIVEN = """
DELETE FROM kept_back WHERE agency = ? AND topic = ? AND sequence = ? AND subscription = ?"""

KeptBack: TypeAlias = tuple[str, int, bytes]
"""Topic, sequence, and the indices that a delivery carried, u32 each."""


def find_place(
    connection: Connection, cache: FrameCache, agency: str, statement: bytes, index: int
) -> StoredFrame | None:
    """Return a frame by its STATEMENT, if `agency` is a party to its notice at `index`."""
    values = (statement, agency, index, MailKind.GRANT)
    found = connection.execute(_PLACE, values).fetchone()
    if found is None:
        return None
    topic, sequence, is_there, is_party = found
    return frame_at(connection, cache, topic, sequence) if is_there and is_party else None


def states(connection: Connection, originator: str, notice_id: bytes) -> list[HolderState] | None:
    """Return who could open a notice of `originator`, its own agency left out; None for no such."""
    found = connection.execute(_OWN, (originator, notice_id)).fetchone()
    if found is None:
        return None
    topic, sequence, index = found
    return [
        HolderState(
            agency=agency,
            delivered=_was_delivered(connection, agency, (topic, sequence), index),
            grantee=connection.execute(_IS_RECIPIENT, (agency, topic, sequence)).fetchone() is None,
        )
        for agency in holders(connection, (topic, sequence), index)
        if agency != originator
    ]


def _was_delivered(connection: Connection, agency: str, key: tuple[str, int], index: int) -> bool:
    if connection.execute(_FETCHED, (agency, *key, index)).fetchone() is not None:
        return True
    rows = connection.execute(_SHOWN, (agency, *key)).fetchall()
    return any(shown is None or _names(shown, index) for (shown,) in rows)


def _names(shown: bytes, index: int) -> bool:
    wanted = u32(index)
    return any(shown[at : at + len(wanted)] == wanted for at in range(0, len(shown), len(wanted)))


def note_kept_back(
    connection: Connection, agency: str, subscription: str, parts: Iterable[KeptBack]
) -> None:
    """Note deliveries that did not carry every notice."""
    rows = [(agency, topic, sequence, subscription, shown) for topic, sequence, shown in parts]
    insert(connection, _KEPT_BACK, rows, _KEPT_BACK_ON)


def note_given(
    connection: Connection, agency: str, subscription: str, places: Iterable[tuple[str, int]]
) -> None:
    """Note deliveries of whole frames of which something had been kept back, maybe."""
    for topic, sequence in places:
        connection.execute(_GIVEN, (agency, topic, sequence, subscription))


def record_fetch(
    transaction: Transaction, agency: str, place: tuple[str, int, int], act: Act
) -> LogRef:
    """Write the leaf of a notice that is fetched, given as (topic, sequence, index)."""
    if transaction.connection.execute(_FETCHED, (agency, *place)).fetchone() is None:
        transaction.connection.execute(_FETCH, (agency, *place))
    return transaction.append_acts([act])[0]
