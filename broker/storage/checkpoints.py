# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: persisted before they are released, and never one that contradicts another.

Whoever holds two notes that do not continue each other can prove the broker false, so a smaller or
different tree is refused when it is to be saved, and a database that holds one is not opened.
"""

import errno
from collections.abc import Iterator

from sqlcipher3.dbapi2 import Connection

from broker.domain.logs import LogKind
from broker.errors import BrokerError, Reason
from broker.ports.store import Head
from broker.storage.faults import internal
from broker.storage.heads import HeadsFile
from broker.storage.transaction import Transaction
from broker.storage.trees import hashed_size, node_reader, tree_size
from keys import merkle

_LAST = "SELECT size, root, note FROM checkpoints WHERE log = ?"
_SAVE = """
INSERT INTO checkpoints (log, size, root, note) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note"""


def last_checkpoint(connection: Connection, log: LogKind) -> Head | None:
    """Return the checkpoint that was persisted last."""
    row = connection.execute(_LAST, (log,)).fetchone()
    return None if row is None else Head(size=row[0], root=row[1], note=row[2])


def save_checkpoint(transaction: Transaction, heads: HeadsFile, log: LogKind, head: Head) -> None:
    """Persist a checkpoint of leaves that are committed.

    The file comes first: should the commit fail, it names a tree that is on the disk all the same.

    Raises:
        BrokerError: INTERNAL for a tree that is not the store's or does not continue the last.
    """
    connection = transaction.connection
    last = last_checkpoint(connection, log)
    if last is not None and head.size < last.size:
        raise internal(f"checkpoint of {head.size} leaves after one of {last.size}")
    size = transaction.committed_size(log)
    if not all(_holds(connection, log, one, size) for one in (head, last) if one is not None):
        raise internal(f"checkpoint of {head.size} leaves is of another tree")
    try:
        heads.write(log, head)
    except OSError as error:
        raise _unwritable(error) from error
    connection.execute(_SAVE, (log, head.size, head.root, head.note))


def contradictions(connection: Connection, heads: dict[LogKind, Head]) -> Iterator[str]:
    """Say where the stored trees are not those that checkpoints were signed over.

    Only stored hashes are looked at: this takes the same time for a log of any size.
    """
    for log in LogKind:
        size, name = tree_size(connection, log), log.name.lower()
        if hashed_size(connection, log) != size:
            yield f"the {name} log has {size} leaves and a tree of {hashed_size(connection, log)}"
            continue
        for head in (last_checkpoint(connection, log), heads.get(log)):
            if head is not None and not _holds(connection, log, head, size):
                yield f"the {name} log of {size} leaves is not the one signed with {head.size}"


def _holds(connection: Connection, log: LogKind, head: Head, size: int) -> bool:
    """Whether the first leaves of a tree of `size` are those of `head`."""
    if not 0 <= head.size <= size:
        return False
    return merkle.stored_root(head.size, node_reader(connection, log)) == head.root


def _unwritable(error: OSError) -> BrokerError:
    reasons = {errno.ENOSPC: Reason.STORAGE_FULL, errno.EDQUOT: Reason.STORAGE_FULL}
    reason = reasons.get(error.errno or 0, Reason.READ_ONLY)
    return BrokerError(reason, detail=f"heads of logs cannot be written: {error.strerror}")
