# SPDX-License-Identifier: Apache-2.0
"""Connections to the broker's database: one that writes, some that cannot.

The plain driver and constant statements, without SQLAlchemy: the schema is small and one file knows
it, and half of the throughput was measured to go into the layer (research/broker.md 4.1). The
module is `sqlcipher3` for its sound SQLite, without a key: what lies here is sealed already.
"""

from pathlib import Path

from sqlcipher3 import dbapi2

from broker.errors import StartError, StartFault
from broker.storage.limits import BUSY_SECONDS, CACHED_STATEMENTS, PAGE_BYTES

_SOUND = (3, 51, 3)
"""The WAL-reset fix (sqlite.org/wal.html#walresetbug)."""
_WITHDRAWN = (3, 52, 0)

_WRITER = (
    "journal_mode = WAL",
    "synchronous = FULL",
    # The writer copies back between commits (`committing`), never inside one.
    "wal_autocheckpoint = 0",
    "journal_size_limit = 67108864",
    "cache_size = -32768",
    # What is overwritten or deleted stays in no page, be it in use or free: a leaf is in the file
    # once, and a notice that was destroyed is not there.
    "secure_delete = ON",
)
_COMMON = ("temp_store = MEMORY", "cell_size_check = ON", "trusted_schema = OFF", "mmap_size = 0")
_TAKEN = {
    "journal_mode": "wal",
    "synchronous": 2,
    "page_size": PAGE_BYTES,
    "wal_autocheckpoint": 0,
    "secure_delete": 1,
}


def check_version(version: tuple[int, int, int]) -> None:
    """Refuse an SQLite that can lose committed data.

    Raises:
        StartError: UNSAFE_SQLITE.
    """
    if version < _SOUND or version == _WITHDRAWN:
        text = ".".join(map(str, version))
        raise StartError(StartFault.UNSAFE_SQLITE, f"SQLite {text}, expected 3.51.3 or later")


def connect_writer(database: Path) -> dbapi2.Connection:
    """Return a connection that may write, with nothing set or changed yet."""
    connection = _connect(str(database.absolute()), uri=False)
    connection.execute(f"PRAGMA busy_timeout = {round(BUSY_SECONDS * 1000)}")
    return connection


def connect_reader(database: Path) -> dbapi2.Connection:
    """Return a connection that cannot write, not even by mistake."""
    connection = _connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
    _set(connection, (*_COMMON, "query_only = ON", "cache_size = -8192"))
    return connection


def configure_writer(connection: dbapi2.Connection, max_pages: int) -> None:
    """Set what a writer needs and look whether it took.

    Raises:
        StartError: WRONG_SETTINGS.
        sqlcipher3.dbapi2.Error: the database cannot be used.
    """
    # Takes effect only in a database that has no page yet.
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    _set(connection, (*_WRITER, *_COMMON))
    if max_pages:
        _set(connection, (f"max_page_count = {max_pages}",))
    for name, wanted in _TAKEN.items():
        got = connection.execute(f"PRAGMA {name}").fetchone()[0]
        if got != wanted:
            raise StartError(StartFault.WRONG_SETTINGS, f"{name} is {got}, expected {wanted}")


def _connect(name: str, *, uri: bool) -> dbapi2.Connection:
    return dbapi2.connect(
        name,
        uri=uri,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=CACHED_STATEMENTS,
    )


def _set(connection: dbapi2.Connection, pragmas: tuple[str, ...]) -> None:
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}").fetchall()
