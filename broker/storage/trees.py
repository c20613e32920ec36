# SPDX-License-Identifier: Apache-2.0
"""Reading the two logs: sizes, roots, leaves and proofs, from the stored perfect subtrees.

Hashes are taken as they were stored when the leaf came, never from the leaf again: a leaf that
was changed on the disk does not change the tree, so that its reader sees which one it is.
"""

from sqlcipher3.dbapi2 import Connection

from broker.domain.logs import Inclusion, LogKind
from broker.errors import BrokerError, Reason
from broker.storage.faults import internal
from keys import merkle
from keys.errors import ProofError

_SIZES = {
    LogKind.ACTS: "SELECT coalesce(max(leaf_index) + 1, 0) FROM leaves",
    LogKind.DIRECTORY: "SELECT coalesce(max(leaf_index) + 1, 0) FROM entries",
}
_LEAVES = {
    LogKind.ACTS: "SELECT body FROM leaves WHERE leaf_index >= ? ORDER BY leaf_index LIMIT ?",
    LogKind.DIRECTORY: "SELECT body FROM entries WHERE leaf_index >= ? ORDER BY leaf_index LIMIT ?",
}
_NODE = "SELECT hash FROM nodes WHERE log = ? AND level = ? AND position = ?"
_HASHED = "SELECT coalesce(max(position) + 1, 0) FROM nodes WHERE log = ? AND level = 0"


def tree_size(connection: Connection, log: LogKind) -> int:
    """Return how many leaves a log has."""
    size: int = connection.execute(_SIZES[log]).fetchone()[0]
    return size


def hashed_size(connection: Connection, log: LogKind) -> int:
    """Return how many leaves the tree of a log has; not `tree_size` only in a damaged store."""
    size: int = connection.execute(_HASHED, (log,)).fetchone()[0]
    return size


def node_reader(connection: Connection, log: LogKind) -> merkle.ReadNode:
    """Return what reads a log's perfect subtrees."""

    def read(level: int, position: int) -> bytes:
        row = connection.execute(_NODE, (log, level, position)).fetchone()
        if row is None:
            raise internal(f"the {log.name.lower()} log has no node {level}/{position}")
        value: bytes = row[0]
        return value

    return read


def tree_root(connection: Connection, log: LogKind, size: int) -> bytes:
    """Return the root of the first `size` leaves; NOT_FOUND if there are fewer."""
    if not 0 <= size <= tree_size(connection, log):
        raise BrokerError(Reason.NOT_FOUND)
    return merkle.stored_root(size, node_reader(connection, log))


def leaves(connection: Connection, log: LogKind, start: int, count: int) -> list[bytes]:
    """Return up to `count` leaves in order."""
    return [row[0] for row in connection.execute(_LEAVES[log], (start, max(count, 0)))]


def inclusion(connection: Connection, log: LogKind, index: int, size: int) -> Inclusion:
    """Return a leaf with its path in the tree of `size`; NOT_FOUND outside it."""
    if not 0 <= index < size <= tree_size(connection, log):
        raise BrokerError(Reason.NOT_FOUND)
    path = merkle.stored_inclusion_path(index, size, node_reader(connection, log))
    found = leaves(connection, log, index, 1)
    if not found:
        raise internal(f"the {log.name.lower()} log has no leaf {index}")
    return Inclusion(leaf=found[0], path=tuple(path))


def consistency(
    connection: Connection, log: LogKind, old_size: int, new_size: int
) -> tuple[bytes, ...]:
    """Return the proof between two sizes; NOT_FOUND where there is none."""
    if new_size > tree_size(connection, log):
        raise BrokerError(Reason.NOT_FOUND)
    try:
        path = merkle.stored_consistency_path(old_size, new_size, node_reader(connection, log))
    except ProofError:
        raise BrokerError(Reason.NOT_FOUND) from None
    return tuple(path)
