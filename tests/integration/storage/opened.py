# SPDX-License-Identifier: Apache-2.0
"""Stores on a disk: opened, filled, looked at from outside, and made to fail.

The writer's connection stands behind `Tapped`, through which a test sees every statement and puts
an error of SQLite in its place or behind it.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlcipher3 import dbapi2

from broker.domain.logs import LogKind
from broker.errors import StartError
from broker.ports.store import Head
from broker.storage.limits import StoreLimits
from broker.storage.sqlite import SqliteStore
from keys import merkle
from tests.contract.admitting import acts

LIMITS = StoreLimits()
IOERR, FULL, READONLY, CORRUPT = 10, 13, 8, 11


@asynccontextmanager
async def opened(folder: Path, **bounds: int) -> AsyncIterator[SqliteStore]:
    """Open the store of a folder and close it."""
    store = await SqliteStore.open(folder / "broker.db", replace(LIMITS, **bounds))
    try:
        yield store
    finally:
        await store.close()


async def fault_of(folder: Path) -> StartError:
    """Return why the store of a folder does not open."""
    try:
        store = await SqliteStore.open(folder / "broker.db")
    except StartError as error:
        return error
    await store.close()
    raise AssertionError("the store opened")


async def filled(folder: Path, leaves: int = 300) -> list[bytes]:
    """Make a store with leaves and a checkpoint of all but the last ten; return the leaves."""
    async with opened(folder) as store:
        made = acts(leaves)
        await store.record(made)
        await checkpointed(store, leaves - 10)
    return [one.leaf() for one in made]


async def checkpointed(store: SqliteStore, size: int) -> None:
    """Save a checkpoint of the first leaves."""
    root = await store.tree_root(LogKind.ACTS, size)
    await store.save_checkpoint(LogKind.ACTS, Head(size=size, root=root, note="note"))


def files(folder: Path) -> dict[str, bytes]:
    """Return what lies in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def edit(folder: Path, *statements: str) -> None:
    """Change a closed database behind the broker's back."""
    connection = dbapi2.connect(str(folder / "broker.db"), isolation_level=None)
    try:
        for statement in statements:
            connection.execute(statement).fetchall()
    finally:
        connection.close()


async def check_tree(store: SqliteStore) -> int:
    """Check that the acts log's tree is that of its leaves, and return its size."""
    size = await store.tree_size(LogKind.ACTS)
    leaves = await store.leaves(LogKind.ACTS, 0, size + 1)
    assert len(leaves) == size
    root = merkle.root([merkle.hash_leaf(leaf) for leaf in leaves])
    assert await store.tree_root(LogKind.ACTS, size) == root
    return size


def sqlite_error(code: int) -> dbapi2.OperationalError:
    """Return an error as SQLite raises it."""
    error = dbapi2.OperationalError("injected")
    error.sqlite_errorcode = code
    error.sqlite_errorname = "SQLITE_INJECTED"
    return error


class Tapped:
    """A connection that tells of each statement before it runs."""

    def __init__(self, store: SqliteStore, tap: Callable[[str], None]) -> None:
        self.wrapped: Any = store._opened.connection
        self.tap = tap
        store._writer._committer._connection = self

    def execute(self, statement: str, *values: object) -> Any:
        self.tap(statement.lstrip())
        return self.wrapped.execute(statement, *values)

    @property
    def in_transaction(self) -> bool:
        within: bool = self.wrapped.in_transaction
        return within
