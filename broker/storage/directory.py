# SPDX-License-Identifier: Apache-2.0
"""Root documents and directory entries, in the order in which they came. Verifies none of them."""

from sqlcipher3.dbapi2 import Connection

from broker.domain.acts import Act
from broker.errors import BrokerError, Reason
from broker.storage.transaction import Transaction

_NEXT_VERSION = "SELECT coalesce(max(version), 0) + 1 FROM roots"
_ROOT = "INSERT INTO roots (version, body) VALUES (?, ?)"
_ROOTS = "SELECT body FROM roots ORDER BY version"


def append_root(transaction: Transaction, version: int, root: bytes, act: Act) -> None:
    """Store a SIGNED_ROOT; DIRECTORY_CONFLICT if `version` is not the next."""
    connection = transaction.connection
    if version != connection.execute(_NEXT_VERSION).fetchone()[0]:
        raise BrokerError(Reason.DIRECTORY_CONFLICT)
    connection.execute(_ROOT, (version, root))
    transaction.append_acts([act])


def append_entry(transaction: Transaction, index: int, entry: bytes, act: Act) -> None:
    """Store a SIGNED_ENTRY as the next leaf of the directory's log, or DIRECTORY_CONFLICT."""
    if index != transaction.directory_size:
        raise BrokerError(Reason.DIRECTORY_CONFLICT)
    transaction.append_entry(entry)
    transaction.append_acts([act])


def roots(connection: Connection) -> list[bytes]:
    """Return the SIGNED_ROOT bytes, oldest first."""
    return [row[0] for row in connection.execute(_ROOTS)]
