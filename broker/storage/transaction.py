# SPDX-License-Identifier: Apache-2.0
"""What an operation may use while it writes: the connection, and the logs that grow with it.

Leaves are rows at once; the tree above them is hashed when the transaction ends, for all of its
operations together.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeAlias, TypeVar

from sqlcipher3.dbapi2 import Connection

from broker.domain.acts import Act
from broker.domain.logs import LogKind
from broker.domain.receipts import LogRef
from broker.storage.bulk import insert
from broker.storage.trees import node_reader, tree_size
from keys import merkle

_LEAVES = "INSERT INTO leaves (leaf_index, body, salt)"
_ENTRY = "INSERT INTO entries (leaf_index, body) VALUES (?, ?)"
_NODES = "INSERT INTO nodes (log, level, position, hash)"


class Growth:
    """The leaves that one log gets in a transaction."""

    def __init__(self, connection: Connection, log: LogKind) -> None:
        self._connection = connection
        self._log = log
        self.hashes: list[bytes] = []

    @cached_property
    def before(self) -> int:
        """Leaves that were there when the transaction began; asked for before one is added."""
        return tree_size(self._connection, self._log)

    @property
    def size(self) -> int:
        """Leaves with those of the transaction; the index of the next one."""
        return self.before + len(self.hashes)

    def add(self, leaves: Sequence[bytes]) -> None:
        """Take in leaves that are rows already."""
        self.hashes.extend(map(merkle.hash_leaf, leaves))

    def write(self) -> None:
        """Store the perfect subtrees that the leaves complete."""
        if self.hashes:
            read = node_reader(self._connection, self._log)
            nodes = merkle.appended_nodes(self.before, self.hashes, read)
            insert(self._connection, _NODES, [(self._log, *node) for node in nodes])


class Transaction:
    """A transaction under way."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._acts = Growth(connection, LogKind.ACTS)
        self._directory = Growth(connection, LogKind.DIRECTORY)
        self.destroyed: set[tuple[str, int]] = set()
        """Frames of which something was destroyed."""
        self.erases = False
        """Whether what was overwritten may be in no file once the transaction is committed."""

    def append_acts(self, acts: Sequence[Act]) -> list[LogRef]:
        """Write the leaves of acts and return where they are."""
        leaves = [act.leaf() for act in acts]
        start = self._acts.size
        rows = [
            (index, leaf, act.salt)
            for index, (leaf, act) in enumerate(zip(leaves, acts, strict=True), start)
        ]
        insert(self.connection, _LEAVES, rows)
        self._acts.add(leaves)
        return [
            LogRef(index=index, salt=act.salt, time_ms=act.time_ms)
            for index, act in enumerate(acts, start)
        ]

    @property
    def directory_size(self) -> int:
        """Entries of the directory, with those of the transaction."""
        return self._directory.size

    def append_entry(self, entry: bytes) -> None:
        """Write the next leaf of the directory's log."""
        self.connection.execute(_ENTRY, (self._directory.size, entry))
        self._directory.add([entry])

    def committed_size(self, log: LogKind) -> int:
        """Return how many leaves a log had when the transaction began."""
        return (self._acts if log is LogKind.ACTS else self._directory).before

    def mark(self) -> tuple[int, int]:
        """Return a place that `rewind` goes back to."""
        return len(self._acts.hashes), len(self._directory.hashes)

    def rewind(self, mark: tuple[int, int]) -> None:
        """Forget the leaves since `mark`, whose rows were rolled back."""
        del self._acts.hashes[mark[0] :]
        del self._directory.hashes[mark[1] :]

    def finish(self) -> None:
        """Write what is written once for all operations."""
        for growth in (self._acts, self._directory):
            growth.write()


T = TypeVar("T")
Operation: TypeAlias = Callable[[Transaction], T]
"""Does one thing in a transaction; refuses by `BrokerError`, which undoes it alone."""
