# SPDX-License-Identifier: Apache-2.0
"""Opening the agency's SQLCipher database: key, settings, schema version, one writer at a time.

The key is 32 raw bytes from the profile's sealed key file, so that opening costs no key derivation.
One connection of a process writes under a lock, others read; several processes of one profile may
be at it at once. Every failure of SQLite leaves here as an `AgencyError`. SQLCipher's memory
security (wiping every page buffer) stays off: it costs two fifths of the writing speed, and the
services hold the same contents in clear anyway. Not here: what the tables mean.
"""

import contextlib
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, RootTransaction, create_engine, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.pool import QueuePool
from sqlcipher3 import dbapi2

from agency_client.errors import AgencyError, Reason
from agency_client.store.failures import is_unknown_outcome, stopped, store_failure, unknown_outcome
from agency_client.store.tables import SCHEMA_VERSION, metadata

KEY_BYTES = 32
BUSY_SECONDS = 15
"""A receiver and a publisher may both write; each transaction lasts milliseconds."""

_POOLED = 4
_MOST_CONNECTIONS = 32
"""As many as `asyncio.to_thread` has threads at most, so that nobody waits for a connection."""

_PAGE_BYTES = 4096
_SIDE_FILES = ("-wal", "-shm")
_SETTINGS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
)
_SEARCH = (
    "CREATE VIRTUAL TABLE search USING fts5("
    "words, runs, content='', contentless_delete=1, tokenize='ascii')"
)
"""Text is folded before it comes here, so letters beyond ASCII pass this tokenizer as they are."""


class Database:
    """The database of one profile."""

    def __init__(self, path: Path, key: bytes) -> None:
        """Open the database at `path`; create it where there is none.

        Raises:
            AgencyError: STORE_INVALID, the key does not fit or the file is damaged or no database;
            STORE_NEWER, a later version of this program made it; STORE_FAILED, the disk.
        """
        if len(key) != KEY_BYTES:
            raise ValueError(f"the store key has {len(key)} bytes, expected {KEY_BYTES}")
        self._writer = threading.Lock()
        self._stopped = False
        with _typed():
            if not path.exists():
                _create(path, key)
            _check_file(path)
        self._engine = _engine(path, key)
        try:
            self._check_version()
        except AgencyError:
            self.close()
            raise

    def _check_version(self) -> None:
        with self.read() as connection:
            version = connection.execute(text("PRAGMA user_version")).scalar_one()
        if version > SCHEMA_VERSION:
            raise AgencyError(
                Reason.STORE_NEWER,
                f"the profile's database has version {version}, expected {SCHEMA_VERSION}",
            )
        if version != SCHEMA_VERSION:
            raise AgencyError(Reason.STORE_INVALID, "the profile's database has no version")

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in one transaction, durable on leaving; undone where the body raises.

        Raises:
            AgencyError: STORE_FAILED, STORE_INVALID; MALFORMED, a value that SQLite cannot hold.
            Nothing is written then, unless the message says that the outcome is unknown; after
            that nothing more is written until the database is opened anew.
            IntegrityError: a row with such an id is there.
        """
        with self._writer, _typed():
            if self._stopped:
                raise stopped()
            with self._engine.connect() as plain:
                connection = plain.execution_options(tocsin_write=True)
                with connection.begin() as transaction:
                    yield connection
                    self._commit(transaction)

    def _commit(self, transaction: RootTransaction) -> None:
        try:
            transaction.commit()
        except DBAPIError as error:
            if not is_unknown_outcome(error.orig):
                raise
            self._stopped = True
            raise unknown_outcome() from None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that sees one state of the database.

        Raises:
            AgencyError: STORE_FAILED, STORE_INVALID.
        """
        with _typed(), self._engine.connect() as connection, connection.begin():
            yield connection

    def truncate(self) -> bool:
        """Move the write-ahead log into the database and empty it; return whether it is empty.

        Raises:
            AgencyError: STORE_FAILED, STORE_INVALID.
        """
        with self._writer, _typed(), self._engine.connect() as connection:
            plain = connection.connection.dbapi_connection
            if plain is None:
                return False
            busy, _, _ = plain.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy

    def close(self) -> None:
        """Let all connections go."""
        self._engine.dispose()


def _create(path: Path, key: bytes) -> None:
    """Make the database under another name first: what lies at `path` is whole or absent."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        with contextlib.closing(_keyed(fresh, key)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        engine = _engine(fresh, key)
        try:
            _create_schema(engine)
        finally:
            engine.dispose()
        _publish(fresh, path)
    finally:
        for name in ("", *_SIDE_FILES):
            fresh.with_name(fresh.name + name).unlink(missing_ok=True)


def _create_schema(engine: Engine) -> None:
    with engine.connect().execution_options(tocsin_write=True) as connection, connection.begin():
        metadata.create_all(connection)
        connection.execute(text(_SEARCH))
        connection.execute(text(f"PRAGMA user_version = {SCHEMA_VERSION}"))


def _publish(fresh: Path, path: Path) -> None:
    """Give a whole database its name; where another process was faster, its database stays."""
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(fresh)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _check_file(path: Path) -> None:
    """Refuse what SQLite would take for a new database, and take other people's rights away."""
    size = path.stat().st_size
    if size < _PAGE_BYTES:
        raise AgencyError(
            Reason.STORE_INVALID, f"the profile's database has {size} bytes, fewer than one page"
        )
    for file in (path, *(path.with_name(path.name + name) for name in _SIDE_FILES)):
        if file.exists() and file.stat().st_mode & 0o077:
            file.chmod(0o600)


def _engine(path: Path, key: bytes) -> Engine:
    engine = create_engine(
        "sqlite://",
        module=dbapi2,
        creator=lambda: _connect(path, key),
        poolclass=QueuePool,
        pool_size=_POOLED,
        max_overflow=_MOST_CONNECTIONS - _POOLED,
        pool_timeout=BUSY_SECONDS,
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("tocsin_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _connect(path: Path, key: bytes) -> dbapi2.Connection:
    connection = _keyed(path, key)
    try:
        _set_up(connection)
    except (dbapi2.Error, AgencyError):
        connection.close()
        raise
    return connection


def _keyed(path: Path, key: bytes) -> dbapi2.Connection:
    connection = dbapi2.connect(
        str(path), check_same_thread=False, isolation_level=None, timeout=BUSY_SECONDS
    )
    # That a key is wrong is ours to tell; SQLCipher would print it to stderr.
    connection.execute("PRAGMA cipher_log_level = NONE")
    connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    return connection


def _set_up(connection: dbapi2.Connection) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        raise AgencyError(
            Reason.STORE_INVALID, f"the profile's database has journal mode {mode}, expected wal"
        )
    for setting in _SETTINGS:
        connection.execute(setting)


@contextmanager
def _typed() -> Iterator[None]:
    """Turn what SQLite and the file system raise into our own error."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise store_failure(error.orig) from None
    except dbapi2.Error as error:
        raise store_failure(error) from None
    except OverflowError:
        raise AgencyError(
            Reason.MALFORMED, "a number is larger than the profile's database holds"
        ) from None
    except UnicodeEncodeError:
        raise AgencyError(Reason.MALFORMED, "a text is not valid Unicode") from None
    except NoConnectionError:
        raise AgencyError(Reason.STORE_FAILED, "the profile's database is too busy") from None
    except OSError as error:
        raise AgencyError(
            Reason.STORE_FAILED, f"the profile's files: {(error.strerror or 'failed').lower()}"
        ) from None
