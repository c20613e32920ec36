# SPDX-License-Identifier: Apache-2.0
"""The database file: created whole, opened with its key only, and typed about every failure."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlcipher3 import dbapi2

from agency_client.errors import AgencyError, Reason
from agency_client.store import database as module
from agency_client.store.database import Database
from agency_client.store.profile_store import ProfileStore
from agency_client.store.tables import SCHEMA_VERSION
from tests.unit.agency_store.samples import (
    AGENCY,
    KEY,
    NOW,
    TOPIC,
    batch,
    kept_frame,
    kept_notice,
    own_notice,
    queue,
    sealed,
)

WRONG_KEY = bytes(32)
SECRET = "Perpetua Nightingale 西園寺"


def _modes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode)
        for path in folder.rglob("*")
    }


def _fact_count(database: Database) -> int:
    with database.read() as connection:
        count: int = connection.execute(text("SELECT count(*) FROM facts")).scalar_one()
        return count


def _put(connection: Connection, name: str, value: bytes = b"") -> None:
    connection.execute(
        text("INSERT INTO facts (name, value) VALUES (:name, :value)"),
        {"name": name, "value": value},
    )


def _write_fact(database: Database, name: str, then: Callable[[], Any] | None = None) -> None:
    with database.write() as connection:
        _put(connection, name)
        if then is not None:
            then()


def test_files_and_folders_are_the_owners_alone(store: ProfileStore, folder: Path) -> None:
    queue(store.outbox, "first")
    store.attachments.path(bytes(16)).write_bytes(b"")
    store.attachments.path(bytes(16)).unlink()
    with store.locks.outlet(), store.locks.receiver():
        modes = _modes(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {"store.db", "store.db-wal", "store.db-shm", "locks/outlet-marker"} <= set(modes)
    folders = {name for name in modes if (folder / name).is_dir()}
    assert {modes[name] for name in folders} == {0o700}
    assert {modes[name] for name in set(modes) - folders} == {0o600}


def test_a_database_that_others_could_read_is_closed_to_them(folder: Path) -> None:
    Database(folder / "store.db", KEY).close()
    (folder / "store.db").chmod(0o644)
    Database(folder / "store.db", KEY).close()
    assert _modes(folder)["store.db"] == 0o600


def test_nothing_but_the_database_is_left_after_closing(folder: Path) -> None:
    Database(folder / "store.db", KEY).close()
    assert [path.name for path in folder.iterdir()] == ["store.db"]


def test_every_connection_writes_durably_and_erases_what_it_deletes(database: Database) -> None:
    with database.write() as connection:
        settings = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
        }
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "foreign_keys": 1,
    }


def test_nothing_is_in_clear_in_any_file_of_the_profile(store: ProfileStore, folder: Path) -> None:
    notice = {"name": SECRET}
    queue(store.outbox, "first", notice=notice)
    kept = kept_frame("second", [kept_notice("second", notice=notice)])
    store.inbox.record(batch(kept), NOW)
    store.search.index(10)
    assert len(store.search.search(SECRET, 10, NOW)) == 2
    wanted = ["Perpetua", "Nightingale", "nightingale", "西園寺", "西園", TOPIC, AGENCY]
    needles = [
        word.encode(encoding) for word in wanted for encoding in ("utf-8", "utf-16-le", "utf-16-be")
    ]
    needles += [KEY, KEY.hex().encode(), b"CREATE TABLE", b"SQLite format"]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert folder / "store.db-wal" in files
    for path in files:
        held = path.read_bytes()
        assert [needle for needle in needles if needle in held] == [], path
    store.close()
    assert not any(needle in (folder / "store.db").read_bytes() for needle in needles)


def test_a_wrong_key_is_refused_without_a_word_on_stderr(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = ProfileStore(folder, KEY, AGENCY)
    queue(store.outbox, "first")
    store.close()
    before = (folder / "store.db").read_bytes()
    with pytest.raises(AgencyError, match="does not open with the key") as caught:
        ProfileStore(folder, WRONG_KEY, AGENCY)
    assert caught.value.reason is Reason.STORE_INVALID
    assert (folder / "store.db").read_bytes() == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_a_fault_of_the_caller(folder: Path, length: int) -> None:
    with pytest.raises(ValueError, match=f"has {length} bytes, expected 32"):
        Database(folder / "store.db", bytes(length))
    assert not folder.exists()


def test_a_newer_version_is_refused_and_left_as_it_is(folder: Path) -> None:
    database = Database(folder / "store.db", KEY)
    with database.write() as connection:
        connection.execute(text(f"PRAGMA user_version = {SCHEMA_VERSION + 1}"))
    database.close()
    before = (folder / "store.db").read_bytes()
    with pytest.raises(AgencyError, match="has version 2, expected 1") as caught:
        Database(folder / "store.db", KEY)
    assert caught.value.reason is Reason.STORE_NEWER
    assert (folder / "store.db").read_bytes() == before


def _plain_sqlite(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE facts (name TEXT)")
    connection.close()


def _foreign_sqlcipher(path: Path) -> None:
    connection = dbapi2.connect(str(path))
    connection.execute(f"PRAGMA key = \"x'{KEY.hex()}'\"")
    connection.execute("CREATE TABLE letters (id INTEGER)")
    connection.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\0"),
        lambda path: path.write_bytes(b"not a database " * 1000),
        lambda path: path.write_bytes(os.urandom(8192)),
        _plain_sqlite,
        _foreign_sqlcipher,
    ],
    ids=["empty", "one byte", "text", "noise", "plain SQLite", "another SQLCipher"],
)
def test_what_is_no_store_is_refused_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], Any]
) -> None:
    path = tmp_path / "store.db"
    make(path)
    before = path.read_bytes()
    with pytest.raises(AgencyError) as caught:
        Database(path, KEY)
    assert caught.value.reason is Reason.STORE_INVALID
    assert path.read_bytes() == before


def test_a_folder_in_place_of_the_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.db").mkdir()
    with pytest.raises(AgencyError) as caught:
        Database(tmp_path / "store.db", KEY)
    assert caught.value.reason is Reason.STORE_FAILED


def test_a_file_in_place_of_the_profile_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "profile").write_bytes(b"")
    with pytest.raises(AgencyError, match="file exists") as caught:
        ProfileStore(tmp_path / "profile", KEY, AGENCY)
    assert caught.value.reason is Reason.STORE_FAILED


def _filled(folder: Path) -> Path:
    """Make a store with some pages of notices, and return its database."""
    store = ProfileStore(folder, KEY, AGENCY)
    for number in range(40):
        queue(store.outbox, f"notice {number}", notice={"text": "x" * 2000})
    store.close()
    return folder / "store.db"


@pytest.mark.parametrize("at", [0, 2000, 4095])
def test_a_flipped_bit_in_the_first_page_is_refused(folder: Path, at: int) -> None:
    path = _filled(folder)
    held = bytearray(path.read_bytes())
    held[at] ^= 1
    path.write_bytes(held)
    with pytest.raises(AgencyError) as caught:
        _read_everything(folder)
    assert caught.value.reason is Reason.STORE_INVALID


def test_a_flipped_bit_in_a_page_is_noticed_as_soon_as_the_page_is_used(folder: Path) -> None:
    path = _filled(folder)
    whole = path.read_bytes()
    expected = _read_everything(folder)
    noticed = 0
    for page in range(0, len(whole) // 4096, 3):
        held = bytearray(whole)
        held[page * 4096 + 1234] ^= 0x10
        path.write_bytes(held)
        outcome = _outcome(lambda: _read_everything(folder))
        assert outcome in (expected, Reason.STORE_INVALID)
        noticed += outcome is Reason.STORE_INVALID
    assert noticed > 10


def _outcome(call: Callable[[], Any]) -> Any:
    """Return what `call` returns, or the reason for which it refuses."""
    try:
        return call()
    except AgencyError as error:
        return error.reason


def test_a_file_cut_in_the_middle_is_refused(folder: Path) -> None:
    path = _filled(folder)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(AgencyError) as caught:
        _read_everything(folder)
    assert caught.value.reason is Reason.STORE_INVALID


def _read_everything(folder: Path) -> list[Any]:
    store = ProfileStore(folder, KEY, AGENCY)
    try:
        frames = store.outbox.waiting()
        return [
            *(store.outbox.frame(frame.id) for frame in frames),
            *(store.outbox.notices(frame.id) for frame in frames),
        ]
    finally:
        store.close()


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[Database, int], None]:
    """Let a database grow by so many pages and no more, as on a full disk."""

    def _limit(database: Database, pages: int) -> None:
        def _set(connection: Any, _: Any) -> None:
            count = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {count + pages}")

        database._engine.dispose()
        event.listen(database._engine, "connect", _set)

    return _limit


def test_a_full_disk_is_told_and_loses_nothing(
    store: ProfileStore, small_disk: Callable[[Database, int], None]
) -> None:
    first = queue(store.outbox, "first")
    small_disk(store._database, 3)
    with pytest.raises(AgencyError, match="disk of the profile is full") as caught:
        queue(store.outbox, "second", notice={"text": "x" * 50_000})
    assert caught.value.reason is Reason.STORE_FAILED
    assert [frame.id for frame in store.outbox.waiting()] == [first]
    links = store.outbox.links(store.outbox.outlet(), TOPIC, [AGENCY])
    assert links[AGENCY].seq == 1
    assert len(store.inbox.find(own_notice("first").notice_id.hex())) == 1
    assert store.inbox.find(own_notice("second").notice_id.hex()) == ()


def test_writing_goes_on_when_there_is_room_again(
    store: ProfileStore, folder: Path, small_disk: Callable[[Database, int], None]
) -> None:
    small_disk(store._database, 3)
    with pytest.raises(AgencyError):
        queue(store.outbox, "first", notice={"text": "x" * 50_000})
    store.close()
    again = ProfileStore(folder, KEY, AGENCY)
    queue(again.outbox, "first", notice={"text": "x" * 50_000})
    assert again.outbox.count() == (1, 1)
    again.close()


_LIMITED = """
import resource, sys
from pathlib import Path
from agency_client.errors import AgencyError
from agency_client.store.profile_store import ProfileStore
from tests.unit.agency_store.samples import AGENCY, KEY, queue

store = ProfileStore(Path(sys.argv[1]), KEY, AGENCY)
size = (Path(sys.argv[1]) / "store.db-wal").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 240_000, size + 240_000))
written = 0
try:
    for number in range(100):
        queue(store.outbox, f"notice {number}", notice={"text": "x" * 5000})
        written += 1
except AgencyError as error:
    print(written, error.reason, error.message, sep="|")
try:
    queue(store.outbox, "one more")
except AgencyError as error:
    print(error.reason, error.message, sep="|")
print(len(store.outbox.waiting()))
"""


def test_a_disk_that_fails_while_writing_stops_the_store_and_loses_nothing(folder: Path) -> None:
    store = ProfileStore(folder, KEY, AGENCY)
    queue(store.outbox, "zero")
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(folder)], capture_output=True, text=True, check=True
    )
    store.close()
    first, second, visible = done.stdout.splitlines()
    written, reason, message = first.split("|")
    assert int(written) > 0
    assert (reason, "outcome" in message or "unknown" in message) == ("STORE_FAILED", True)
    assert second.startswith("STORE_FAILED|the profile's database is not written after")
    assert int(visible) == int(written) + 1
    again = ProfileStore(folder, KEY, AGENCY)
    assert len(again.outbox.waiting()) in (int(written) + 1, int(written) + 2)
    again.close()


def _fail() -> None:
    raise KeyError


def test_a_body_that_raises_undoes_what_it_wrote(database: Database) -> None:
    with pytest.raises(KeyError):
        _write_fact(database, "first", then=_fail)
    assert _fact_count(database) == 0


def test_two_processes_of_one_profile_may_both_write(folder: Path) -> None:
    one, two = ProfileStore(folder, KEY, AGENCY), ProfileStore(folder, KEY, AGENCY)
    queue(one.outbox, "first")
    two.inbox.record(batch(kept_frame("second")), NOW)
    queue(one.outbox, "third")
    assert two.outbox.count() == (2, 2)
    assert one.inbox.count() == 3
    one.close()
    two.close()


_WRITER = """
import sys
from pathlib import Path
from agency_client.store.profile_store import ProfileStore
from tests.unit.agency_store.samples import AGENCY, KEY, NOW, batch, kept_frame, queue

store = ProfileStore(Path(sys.argv[1]), KEY, AGENCY)
for number in range(60):
    if sys.argv[2] == "publish":
        queue(store.outbox, f"own {number}")
    else:
        store.inbox.record(batch(kept_frame(f"frame {number}", seq=number + 1)), NOW)
store.close()
"""


def test_a_publisher_and_a_receiver_write_side_by_side(folder: Path) -> None:
    ProfileStore(folder, KEY, AGENCY).close()
    running = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(folder), what])
        for what in ("publish", "watch")
    ]
    assert [one.wait(timeout=60) for one in running] == [0, 0]
    store = ProfileStore(folder, KEY, AGENCY)
    assert (store.outbox.count(), store.inbox.count()) == ((60, 60), 120)
    store.close()


def test_a_database_that_stays_locked_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = Database(folder / "store.db", KEY)
    monkeypatch.setattr(module, "BUSY_SECONDS", 0)
    waiting = Database(folder / "store.db", KEY)
    with holder.write() as connection:
        _put(connection, "held")
        waiting.close()
        with pytest.raises(AgencyError, match="stayed locked by another process") as caught:
            _write_fact(waiting, "second")
        assert _fact_count(waiting) == 0
    assert caught.value.reason is Reason.STORE_FAILED
    assert _fact_count(waiting) == 1
    holder.close()
    waiting.close()


def test_threads_of_one_process_write_one_after_the_other(database: Database) -> None:
    threads = [
        threading.Thread(target=_write_fact, args=(database, f"fact {number}"))
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _fact_count(database) == 20


def test_processes_that_create_one_profile_at_once_share_it(folder: Path) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(folder), what])
        for what in ("publish", "watch")
    ]
    assert [one.wait(timeout=60) for one in running] == [0, 0]
    store = ProfileStore(folder, KEY, AGENCY)
    assert store.inbox.count() == 120
    store.close()
    assert sorted(path.name for path in folder.iterdir()) == ["locks", "store.db"]


_APPENDER = """
import sys
from pathlib import Path
from agency_client.store.profile_store import ProfileStore
from tests.unit.agency_store.samples import AGENCY, KEY, NOW, batch, kept_frame, queue
from agency_client.domain.delivery import Cursor

store = ProfileStore(Path(sys.argv[1]), KEY, AGENCY)
for number in range(1, 100_000):
    queue(store.outbox, f"{sys.argv[2]} own {number}")
    cursor = Cursor(topic="t", sequence=number)
    frame = kept_frame(f"{sys.argv[2]} frame {number}", sequence=number, seq=number)
    store.inbox.record(batch(frame, cursors=[cursor]), NOW)
    print(number, flush=True)
"""


@pytest.mark.parametrize("after", [1, 7, 40])
def test_a_killed_process_loses_nothing_that_it_acknowledged(folder: Path, after: int) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _APPENDER, str(folder), "run"], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    acknowledged = [int(child.stdout.readline()) for _ in range(after)]
    child.kill()
    acknowledged += [int(line) for line in child.stdout if line.endswith("\n")]
    child.stdout.close()
    child.wait()
    store = ProfileStore(folder, KEY, AGENCY)
    last = acknowledged[-1]
    frames = store.outbox.waiting()
    assert len(frames) in (last, last + 1)
    assert [frame.recipients[0][1] for frame in frames] == list(range(1, len(frames) + 1))
    assert all(store.outbox.frame(frame.id).frame for frame in frames)
    cursor = store.inbox.cursors("inbox-1")["t"]
    seals = [("ro-pol", sealed_id) for sealed_id in _seals(cursor + 1)]
    assert cursor in (last, last + 1)
    assert len(store.inbox.known_frames(seals)) == cursor
    queue(store.outbox, "after the restart")
    store.close()


def _seals(count: int) -> Iterator[bytes]:
    return (kept_frame(f"run frame {number}").seal_id for number in range(1, count + 1))


def test_a_creation_that_is_cut_off_leaves_no_database(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def _interrupted(_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_create_schema", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        Database(folder / "store.db", KEY)
    assert list(folder.iterdir()) == []


def test_a_copied_database_opens_with_its_key(folder: Path, tmp_path: Path) -> None:
    store = ProfileStore(folder, KEY, AGENCY)
    queue(store.outbox, "first")
    store.close()
    shutil.copytree(folder, tmp_path / "copy")
    copy = ProfileStore(tmp_path / "copy", KEY, AGENCY)
    assert copy.outbox.count() == (1, 1)
    copy.close()


def test_the_reserve_of_numbers_is_unchanged_by_a_frame_that_was_not_stored(
    store: ProfileStore,
) -> None:
    queue(store.outbox, "first")
    frame = sealed(store.outbox, "second")
    with pytest.raises(AgencyError):
        store.outbox.append(frame, [own_notice("first")])
    assert sealed(store.outbox, "second").recipients == frame.recipients
