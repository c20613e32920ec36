# SPDX-License-Identifier: Apache-2.0
"""Opening the agency's SQLCipher database: key, pragmas, schema version, one writer at a time.

The key is 32 raw bytes from the profile's sealed key file, so that opening costs no key derivation
(research/build.md). One connection writes under a lock; others read. Not here: what the tables
mean.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import QueuePool
from sqlcipher3 import dbapi2

from agency_client.errors import AgencyError, Reason
from agency_client.store.tables import SCHEMA_VERSION, metadata

KEY_BYTES = 32
BUSY_SECONDS = 15
"""Two processes of one profile may write (a receiver and a publisher); each transaction lasts milliseconds."""

_SEARCH = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS search USING fts5("
    "words, bigrams, content='', contentless_delete=1, tokenize=\"unicode61 remove_diacritics 0\")"
)


class Database:
    """The database of one profile."""

    def __init__(self, path: Path, key: bytes) -> None:
        """Open or create the database at `path`.

        Raises:
            AgencyError: STORE_INVALID where the key does not fit or the file is no database;
            STORE_NEWER where a later
                version of this program made it.
        """
        if len(key) != KEY_BYTES:
            raise ValueError(f"the store key has {len(key)} bytes, expected {KEY_BYTES}")
        self._path = path
        self._key = key
        self._writer = threading.Lock()
        self._engine = self._make_engine()
        try:
            self._prepare()
        except (DatabaseError, dbapi2.DatabaseError) as error:
            self.close()
            raise _unusable(error) from None
        except AgencyError:
            self.close()
            raise

    def _make_engine(self) -> Engine:
        engine = create_engine(
            "sqlite://", module=dbapi2, creator=self._connect, poolclass=QueuePool, pool_size=4
        )

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            write = connection.get_execution_options().get("tocsin_write", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

        return engine

    def _connect(self) -> dbapi2.Connection:
        connection = dbapi2.connect(
            str(self._path), check_same_thread=False, isolation_level=None, timeout=BUSY_SECONDS
        )
        try:
            connection.execute(f"PRAGMA key = \"x'{self._key.hex()}'\"")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA temp_store = MEMORY")
        except dbapi2.Error:
            connection.close()
            raise
        return connection

    def _prepare(self) -> None:
        with self.write() as connection:
            version = connection.execute(text("PRAGMA user_version")).scalar_one()
            if version > SCHEMA_VERSION:
                raise AgencyError(
                    Reason.STORE_NEWER,
                    f"the profile's database has version {version}, this program knows {SCHEMA_VERSION}",
                )
            if version == SCHEMA_VERSION:
                return
            metadata.create_all(connection)
            connection.execute(text(_SEARCH))
            connection.execute(text(f"PRAGMA user_version = {SCHEMA_VERSION}"))

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in one transaction that is committed on leaving, or rolled back where the body raises."""
        with self._writer, self._engine.connect() as plain:
            connection = plain.execution_options(tocsin_write=True)
            with connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that sees one state of the database."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Let all connections go."""
        self._engine.dispose()


def _unusable(error: Exception) -> AgencyError:
    if isinstance(error, OperationalError) and "locked" in str(error.orig):
        return AgencyError(
            Reason.STORE_INVALID, "the profile's database stayed locked by another process"
        )
    return AgencyError(
        Reason.STORE_INVALID, "the profile's database does not open with the key in its key file"
    )
