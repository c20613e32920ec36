# SPDX-License-Identifier: Apache-2.0
"""A database that cannot be used is refused with its reason, and left as it was."""

import asyncio
import sys
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2

from broker.domain.logs import LogKind
from broker.errors import BrokerError, Reason, StartError, StartFault
from broker.storage import schema
from broker.storage.connecting import check_version
from broker.storage.sqlite import SqliteStore
from tests.contract.admitting import act, admitted, fresh_federation
from tests.integration.storage.opened import (
    check_tree,
    checkpointed,
    edit,
    fault_of,
    filled,
    opened,
)
from tests.simulator.federation import TOPIC

REPOSITORY = Path(__file__).parents[3]
HOLD = (
    "import asyncio, sys, pathlib\n"
    "from broker.storage.sqlite import SqliteStore\n"
    "async def main():\n"
    "    store = await SqliteStore.open(pathlib.Path(sys.argv[1]))\n"
    "    print('open', flush=True)\n"
    "    await asyncio.Event().wait()\n"
    "asyncio.run(main())\n"
)


def database(folder: Path) -> bytes:
    return (folder / "broker.db").read_bytes()


def modes_in(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


# In use.


async def test_a_store_that_is_open_is_not_opened_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        assert (await fault_of(tmp_path)).fault is StartFault.IN_USE
        assert (await store.record([act()]))[0].index == 0
    async with opened(tmp_path) as store:
        assert await store.tree_size(LogKind.ACTS) == 1


async def test_a_store_is_free_when_the_process_that_had_it_was_killed(tmp_path: Path) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        HOLD,
        str(tmp_path / "broker.db"),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"open\n"
        assert (await fault_of(tmp_path)).fault is StartFault.IN_USE
    finally:
        holder.kill()
        await holder.wait()
    async with opened(tmp_path) as store:
        assert await store.tree_size(LogKind.ACTS) == 0


async def test_a_program_that_writes_without_our_lock_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(tmp_path)
    monkeypatch.setattr("broker.storage.connecting.BUSY_SECONDS", 0)
    other = dbapi2.connect(str(tmp_path / "broker.db"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        assert (await fault_of(tmp_path)).fault is StartFault.IN_USE
    finally:
        other.close()


# Not ours, not of this version, not sound.


async def test_a_database_of_a_newer_version_is_refused_unchanged(tmp_path: Path) -> None:
    await filled(tmp_path)
    edit(tmp_path, f"PRAGMA user_version = {schema.SCHEMA_VERSION + 1}")
    before = database(tmp_path)
    error = await fault_of(tmp_path)
    assert error.fault is StartFault.NEWER_VERSION
    assert str(schema.SCHEMA_VERSION + 1) in error.detail
    assert database(tmp_path) == before


@pytest.mark.parametrize("content", [b"no database", b"x" * 100_000, b"SQLite format 3\x00" * 9])
async def test_a_file_that_is_no_database_is_refused_unchanged(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "broker.db").write_bytes(content)
    assert (await fault_of(tmp_path)).fault is StartFault.NOT_A_STORE
    assert database(tmp_path) == content


async def test_the_database_of_another_program_is_refused_unchanged(tmp_path: Path) -> None:
    edit(tmp_path, "CREATE TABLE theirs (a)", "INSERT INTO theirs VALUES (1)")
    before = database(tmp_path)
    assert (await fault_of(tmp_path)).fault is StartFault.NOT_A_STORE
    assert database(tmp_path) == before


async def test_a_version_that_never_was_is_damage(tmp_path: Path) -> None:
    await filled(tmp_path)
    edit(tmp_path, "PRAGMA user_version = 0")
    assert (await fault_of(tmp_path)).fault is StartFault.DAMAGED


@pytest.mark.parametrize("page", [1, 2, 5, 9])
async def test_a_damaged_page_is_found_at_start(tmp_path: Path, page: int) -> None:
    await filled(tmp_path)
    data = bytearray(database(tmp_path))
    # Behind the file's own header, which the first page has before that of its tree.
    start = page * 16384 + (100 if page == 0 else 0)
    data[start : start + 64] = b"\xff" * 64
    (tmp_path / "broker.db").write_bytes(data)
    assert (await fault_of(tmp_path)).fault is StartFault.DAMAGED


@pytest.mark.parametrize("missing", [16384, 200_000])
async def test_a_database_that_was_cut_short_is_found_at_start(
    tmp_path: Path, missing: int
) -> None:
    await filled(tmp_path)
    (tmp_path / "broker.db").write_bytes(database(tmp_path)[:-missing])
    assert (await fault_of(tmp_path)).fault is StartFault.DAMAGED


@pytest.mark.parametrize("version", [(3, 40, 1), (3, 51, 2), (3, 52, 0), (3, 44, 6)])
def test_an_sqlite_that_can_lose_commits_is_refused(version: tuple[int, int, int]) -> None:
    with pytest.raises(StartError) as caught:
        check_version(version)
    assert caught.value.fault is StartFault.UNSAFE_SQLITE


def test_the_sqlite_that_comes_with_us_is_sound() -> None:
    check_version(dbapi2.sqlite_version_info)
    check_version((3, 51, 3))


# Where nothing can be kept.


async def test_a_database_with_other_pages_is_refused(tmp_path: Path) -> None:
    edit(tmp_path, "PRAGMA page_size = 4096", "VACUUM", "PRAGMA journal_mode = WAL")
    error = await fault_of(tmp_path)
    assert (error.fault, error.detail) == (
        StartFault.WRONG_SETTINGS,
        "page_size is 4096, expected 16384",
    )


@pytest.mark.parametrize("folder", ["/proc/self", "no/such/folder"])
async def test_a_folder_that_takes_no_files_is_refused(tmp_path: Path, folder: str) -> None:
    error = await fault_of(tmp_path / folder)
    assert error.fault is StartFault.WRONG_SETTINGS


async def test_a_folder_in_place_of_the_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broker.db").mkdir()
    assert (await fault_of(tmp_path)).fault is StartFault.WRONG_SETTINGS


async def test_a_refused_database_is_not_held(tmp_path: Path) -> None:
    (tmp_path / "broker.db").write_bytes(b"no database")
    await fault_of(tmp_path)
    (tmp_path / "broker.db").unlink()
    async with opened(tmp_path) as store:
        assert await store.tree_size(LogKind.ACTS) == 0


# What is good.


async def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "broker.db").touch()
    async with opened(tmp_path) as store:
        await store.record([act()])


async def test_the_settings_are_in_force(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        connection = store._opened.connection
        for name, value in (
            ("journal_mode", "wal"),
            ("synchronous", 2),
            ("page_size", 16384),
            ("wal_autocheckpoint", 0),
            ("application_id", schema.APPLICATION_ID),
        ):
            assert connection.execute(f"PRAGMA {name}").fetchone()[0] == value


async def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.record([act()])
        await checkpointed(store, 1)
        modes = modes_in(tmp_path)
    assert set(modes.values()) == {0o600}
    assert {"broker.db", "broker.db-wal", "broker.db.heads", "broker.db.lock"} <= set(modes)


async def test_a_reader_cannot_write(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.record([act()])
        with pytest.raises(BrokerError) as caught:
            await store._readers.run(delete_leaves)
        assert caught.value.reason is Reason.INTERNAL
        assert "readonly" in caught.value.detail
        assert await check_tree(store) == 1


def delete_leaves(connection: dbapi2.Connection) -> None:
    connection.execute("PRAGMA query_only = OFF")
    connection.execute("DELETE FROM leaves")


async def test_all_is_there_after_opening_again(tmp_path: Path) -> None:
    federation = fresh_federation()
    frame = federation.seal("gr-pol", [b"one", b"two"], named=["ro-pol"])
    async with opened(tmp_path) as store:
        receipt = await store.append_frame(admitted(federation, frame))
        (before,) = await store.read("ro-pol", TOPIC, 0, 9, 1 << 30)
    async with opened(tmp_path) as store:
        (after,) = await store.read("ro-pol", TOPIC, 0, 9, 1 << 30)
        assert await check_tree(store) == 1
    for name in (*type(before.frame).__slots__,):
        assert getattr(before.frame, name) == getattr(after.frame, name), name
    assert after.frame.publish_log == receipt.log
    assert (before.recipient, before.recipient_path) == (after.recipient, after.recipient_path)
    assert (before.wrap, before.named) == (after.wrap, after.named)


async def test_a_closed_store_takes_and_gives_nothing(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "broker.db")
    await store.close()
    await store.close()
    for asked in (store.record([act()]), store.tree_size(LogKind.ACTS)):
        with pytest.raises(BrokerError) as caught:
            await asked
        assert caught.value.reason is Reason.DRAINING


async def test_closing_finishes_what_was_submitted(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "broker.db")
    tasks = [asyncio.create_task(store.record([act()])) for _ in range(50)]
    await asyncio.sleep(0)
    await store.close()
    logs = await asyncio.gather(*tasks)
    assert [log.index for (log,) in logs] == list(range(50))
    assert set(modes_in(tmp_path)) == {"broker.db", "broker.db.lock"}
