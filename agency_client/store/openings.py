# SPDX-License-Identifier: Apache-2.0
"""The agency's own RFC 9162 log of openings: leaves, salts and subtree nodes in SQL.

One transaction writes the leaf, its nodes and the facts behind it. Leaves hold salted commitments
only, so the tree can be shown to an outsider without telling who looked at what. Source: design
section 7.
"""

import json
import secrets
from collections.abc import Sequence

from sqlalchemy import Connection, func, insert, select

from agency_client.domain.delivery import LogReference
from agency_client.domain.openings import SHOWING, leaf_fields
from agency_client.domain.records import Opening
from agency_client.store.database import Database
from agency_client.store.tables import opening_nodes, openings
from keys import merkle
from keys.logleaf import encode_leaf

SALT_BYTES = 32


class SqlOpeningLog:
    """The log of one profile."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, opening: Opening) -> LogReference:
        """Write one leaf; it is durable on return."""
        salt = secrets.token_bytes(SALT_BYTES)
        leaf = encode_leaf(opening.kind, opening.at_ms, leaf_fields(opening), salt)
        with self._database.write() as connection:
            size = _size(connection)
            connection.execute(
                insert(openings).values(
                    position=size,
                    kind=opening.kind,
                    at_ms=opening.at_ms,
                    who=opening.who,
                    purpose=opening.purpose,
                    case_reference=opening.case,
                    notices=json.dumps(opening.notices),
                    leaf=leaf,
                    salt=salt,
                )
            )
            nodes = merkle.appended_nodes(
                size,
                [merkle.hash_leaf(leaf)],
                lambda level, position: _node(connection, level, position),
            )
            connection.execute(
                insert(opening_nodes),
                [
                    {"level": level, "position": position, "hash": node}
                    for level, position, node in nodes
                ],
            )
        return LogReference(index=size, salt=salt, time_ms=opening.at_ms)

    def head(self) -> tuple[int, bytes]:
        """Return (size, root)."""
        with self._database.read() as connection:
            size = _size(connection)
            if size == 0:
                return 0, merkle.EMPTY_ROOT
            return size, merkle.stored_root(
                size, lambda level, position: _node(connection, level, position)
            )

    def leaves(self, start: int, limit: int) -> Sequence[tuple[bytes, bytes, Opening]]:
        """Return (leaf, salt, opening) from `start` on."""
        query = (
            select(openings)
            .where(openings.c.position >= start)
            .order_by(openings.c.position)
            .limit(limit)
        )
        with self._database.read() as connection:
            return tuple(
                (
                    row.leaf,
                    row.salt,
                    Opening(
                        kind=row.kind,
                        at_ms=row.at_ms,
                        who=row.who,
                        purpose=row.purpose,
                        case=row.case_reference,
                        notices=tuple(json.loads(row.notices)),
                    ),
                )
                for row in connection.execute(query)
            )

    def has_shown(self, reference: str) -> bool:
        """Return whether anybody was shown a notice, by its name ORIGINATOR/HEX."""
        shown = openings.c.kind.in_([kind.value for kind in SHOWING])
        named = func.instr(openings.c.notices, json.dumps(reference)) > 0
        query = select(openings.c.position).where(shown, named).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def node(self, level: int, position: int) -> bytes:
        """Return the stored hash of a perfect subtree."""
        with self._database.read() as connection:
            return _node(connection, level, position)


def _size(connection: Connection) -> int:
    last: int | None = connection.execute(select(func.max(openings.c.position))).scalar_one()
    return 0 if last is None else last + 1


def _node(connection: Connection, level: int, position: int) -> bytes:
    query = select(opening_nodes.c.hash).where(
        opening_nodes.c.level == level, opening_nodes.c.position == position
    )
    node: bytes = connection.execute(query).scalar_one()
    return node
