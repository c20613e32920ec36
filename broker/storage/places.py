# SPDX-License-Identifier: Apache-2.0
"""Where subscriptions stand in topics."""

from collections.abc import Iterable, Mapping, Sequence

from sqlcipher3.dbapi2 import Connection

from broker.domain.acts import Act, carried
from broker.domain.cursors import Cursor, Place
from broker.domain.receipts import LogRef
from broker.errors import invalid
from broker.storage import holders
from broker.storage.transaction import Transaction

_PLACE = """
SELECT acknowledged, delivered FROM places
WHERE agency = ? AND subscription = ? AND topic = ?"""
_PLACES = "SELECT topic, acknowledged, delivered FROM places WHERE agency = ? AND subscription = ?"
_SET = """
INSERT INTO places (agency, subscription, topic, acknowledged, delivered) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET acknowledged = excluded.acknowledged, delivered = excluded.delivered"""


def places(connection: Connection, agency: str, subscription: str) -> Mapping[str, Place]:
    """Return where a subscription stands in each topic that it has a place in."""
    rows = connection.execute(_PLACES, (agency, subscription))
    return {
        topic: Place(acknowledged=acknowledged, delivered=delivered)
        for topic, acknowledged, delivered in rows
    }


def record_deliveries(
    transaction: Transaction, agency: str, subscription: str, acts: Sequence[tuple[Cursor, Act]]
) -> list[LogRef]:
    """Write the leaves of deliveries and how far they went; going back over old ones is no gain."""
    connection = transaction.connection
    before: dict[str, int] = {}
    for topic, sequence in _furthest(cursor for cursor, _ in acts).items():
        place = _place(connection, agency, subscription, topic)
        before[topic] = place.delivered
        if sequence > place.delivered:
            moved = Place(acknowledged=place.acknowledged, delivered=sequence)
            _set(connection, agency, subscription, topic, moved)
    parts = [(one.topic, one.sequence, carried(act)) for one, act in acts]
    kept_back = [(topic, at, shown) for topic, at, shown in parts if shown is not None]
    holders.note_kept_back(connection, agency, subscription, kept_back)
    # Only one that was delivered before can have been kept back then.
    again = [(topic, at) for topic, at, shown in parts if shown is None and at <= before[topic]]
    holders.note_given(connection, agency, subscription, again)
    return transaction.append_acts([act for _, act in acts])


def _furthest(cursors: Iterable[Cursor]) -> dict[str, int]:
    furthest: dict[str, int] = {}
    for cursor in cursors:
        furthest[cursor.topic] = max(furthest.get(cursor.topic, 0), cursor.sequence)
    return furthest


def acknowledge(
    transaction: Transaction, agency: str, subscription: str, cursors: Sequence[Cursor]
) -> tuple[Cursor, ...]:
    """Move cursors forward and return where they now stand.

    Raises:
        BrokerError: INVALID_ARGUMENT for a place beyond what was delivered.
    """
    standing = []
    for cursor in cursors:
        place = _place(transaction.connection, agency, subscription, cursor.topic)
        if cursor.sequence > max(place.delivered, place.acknowledged):
            raise invalid("sequence", f"{cursor.sequence} of {cursor.topic} was not delivered")
        if cursor.sequence > place.acknowledged:
            moved = Place(acknowledged=cursor.sequence, delivered=place.delivered)
            _set(transaction.connection, agency, subscription, cursor.topic, moved)
        reached = max(cursor.sequence, place.acknowledged)
        standing.append(Cursor(topic=cursor.topic, sequence=reached))
    return tuple(standing)


def seek(transaction: Transaction, agency: str, subscription: str, cursor: Cursor) -> Cursor:
    """Set a cursor, also backward; what was delivered stays delivered."""
    place = _place(transaction.connection, agency, subscription, cursor.topic)
    moved = Place(acknowledged=cursor.sequence, delivered=place.delivered)
    _set(transaction.connection, agency, subscription, cursor.topic, moved)
    return cursor


def _place(connection: Connection, agency: str, subscription: str, topic: str) -> Place:
    row = connection.execute(_PLACE, (agency, subscription, topic)).fetchone()
    return Place() if row is None else Place(acknowledged=row[0], delivered=row[1])


def _set(connection: Connection, agency: str, subscription: str, topic: str, place: Place) -> None:
    values = (agency, subscription, topic, place.acknowledged, place.delivered)
    connection.execute(_SET, values)
