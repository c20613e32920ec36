# SPDX-License-Identifier: Apache-2.0
"""Opening the database: nobody else has it, it is ours, it is sound, and it holds what was signed.

Everything that can be refused is refused before anything is changed.
"""

import fcntl
import os
from contextlib import ExitStack
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from sqlcipher3 import dbapi2

from broker.domain.logs import LogKind
from broker.errors import BrokerError, StartError, StartFault
from broker.ports.store import Head
from broker.storage import connecting, schema
from broker.storage.checkpoints import contradictions
from broker.storage.disk import sync_folder
from broker.storage.faults import named
from broker.storage.heads import HeadsFile
from broker.storage.limits import MAX_CHECKED_BYTES, StoreLimits

_FAULTS = {
    3: StartFault.WRONG_SETTINGS,  # PERM
    5: StartFault.IN_USE,  # BUSY
    8: StartFault.WRONG_SETTINGS,  # READONLY
    13: StartFault.WRONG_SETTINGS,  # FULL
    14: StartFault.WRONG_SETTINGS,  # CANTOPEN
    26: StartFault.NOT_A_STORE,  # NOTADB
}
"""Primary result codes; any other means that the file is damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An open database.

    Attributes:
        connection: the only one that writes.
        lock: held as long as it is open.
        heads: what was signed last, beside the database.
        was_left_open: whether a WAL was there, which may still hold what was destroyed.
    """

    connection: dbapi2.Connection
    lock: FileIO
    heads: HeadsFile
    was_left_open: bool = False

    def close(self) -> None:
        """Let go of the file, then of the lock."""
        self.connection.close()
        self.lock.close()


def open_database(path: Path, limits: StoreLimits) -> Opened:
    """Open or create the database and check it.

    Raises:
        StartError: it cannot be used as it is; nothing was changed.
    """
    connecting.check_version(dbapi2.sqlite_version_info)
    with ExitStack() as undo:
        try:
            lock = undo.enter_context(_locked(path))
            was_left_open = path.with_name(f"{path.name}-wal").exists()
            _touch(path)
            connection = connecting.connect_writer(path)
            undo.callback(connection.close)
            heads = HeadsFile(_beside(path, "heads"))
            _prepare(connection, path, limits, heads)
        except dbapi2.Error as error:
            fault = _FAULTS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, StartFault.DAMAGED)
            raise StartError(fault, named(error)) from error
        except BrokerError as error:
            raise StartError(StartFault.DAMAGED, error.detail) from error
        except OSError as error:
            raise StartError(StartFault.WRONG_SETTINGS, str(error)) from error
        undo.pop_all()
    return Opened(connection=connection, lock=lock, heads=heads, was_left_open=was_left_open)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}.{suffix}")


def _locked(path: Path) -> FileIO:
    """Hold the file that says that a store is open; the kernel lets go when the process dies."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    file = FileIO(os.open(_beside(path, "lock"), flags, 0o600), "r+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise StartError(StartFault.IN_USE, f"{path.name} is open in another process") from None
    return file


def _touch(path: Path) -> None:
    """Make the file for its owner alone; SQLite gives its WAL the same rights."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _prepare(
    connection: dbapi2.Connection, path: Path, limits: StoreLimits, heads: HeadsFile
) -> None:
    signed = _signed(heads)
    new = _is_new(connection)
    if new and any(head.size for head in signed.values()):
        raise StartError(StartFault.LOG_MISMATCH, "an empty database, but checkpoints were signed")
    connecting.configure_writer(connection, limits.max_pages)
    if new:
        _create(connection)
        sync_folder(path.parent)
    _check_pages(connection, path)
    _check_sole(connection)
    for contradiction in contradictions(connection, signed):
        raise StartError(StartFault.LOG_MISMATCH, contradiction)


def _signed(heads: HeadsFile) -> dict[LogKind, Head]:
    try:
        return heads.read()
    except ValueError as error:
        raise StartError(StartFault.DAMAGED, str(error)) from error


def _is_new(connection: dbapi2.Connection) -> bool:
    """Whether nothing is in the file yet; refuses one that is not ours or not of this version."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    objects = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if (application, version, objects) == (0, 0, 0):
        return True
    if application != schema.APPLICATION_ID:
        raise StartError(StartFault.NOT_A_STORE, f"application id {application:#x}")
    if version > schema.SCHEMA_VERSION:
        detail = f"schema version {version}, this broker knows {schema.SCHEMA_VERSION}"
        raise StartError(StartFault.NEWER_VERSION, detail)
    if version != schema.SCHEMA_VERSION:
        raise StartError(StartFault.DAMAGED, f"schema version {version} never was")
    return False


def _create(connection: dbapi2.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in schema.TABLES:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _check_pages(connection: dbapi2.Connection, path: Path) -> None:
    """Look at every page of a small database; of a large one only what is used is ever seen."""
    if path.stat().st_size > MAX_CHECKED_BYTES:
        return
    result = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if result != "ok":
        raise StartError(StartFault.DAMAGED, result)


def _check_sole(connection: dbapi2.Connection) -> None:
    """Refuse beside a program that is writing without our lock."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("ROLLBACK")
