# SPDX-License-Identifier: Apache-2.0
"""Processes that are killed or run out of disk: all that was acknowledged is there.

SIGKILL says nothing of power cuts (research/reliability.md 0.1); that the disk is told to keep what
was committed is in `test_opening` (the settings) and in how SQLite keeps to them.
"""

import asyncio
import resource
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.domain.logs import LogKind
from broker.errors import StartFault
from broker.storage.sqlite import SqliteStore
from tests.contract.admitting import acts, admitted, fresh_federation
from tests.integration.storage.opened import check_tree, fault_of, opened
from tests.simulator.federation import TOPIC

REPOSITORY = Path(__file__).parents[3]
MANY, LARGE = 1_000_000, 1 << 40
UNLIMITED = 1_000_000


async def begun(
    folder: Path,
    seed: int,
    *,
    count: int = UNLIMITED,
    reserve: int = 0,
    within: tuple[str, ...] = (),
    before: Callable[[], None] | None = None,
) -> asyncio.subprocess.Process:
    """Start a process that writes."""
    module = "tests.integration.storage.publishing"
    return await asyncio.create_subprocess_exec(
        *(*within, sys.executable, "-m", module),
        *(str(folder), str(seed), str(count), str(reserve)),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=before,
    )


async def said(process: asyncio.subprocess.Process, lines: int = UNLIMITED) -> list[list[str]]:
    """Return the next lines of a process."""
    assert process.stdout is not None
    found: list[list[str]] = []
    while len(found) < lines and (line := await process.stdout.readline()).endswith(b"\n"):
        found.append(line.decode().split())
    return found


async def check_all(store: SqliteStore, lines: list[list[str]]) -> None:
    """Check that what was acknowledged is there, in order, and that the trees are whole."""
    leaves = await check_tree(store)
    frames = await store.read("ro-pol", TOPIC, 0, MANY, LARGE)
    assert [one.frame.sequence for one in frames] == list(range(1, len(frames) + 1))
    by_sequence = {one.frame.sequence: one.frame for one in frames}
    assert len({frame.statement_digest for frame in by_sequence.values()}) == len(frames)
    places: dict[str, int] = {}
    for kind, *values in lines:
        if kind == "frame":
            frame = by_sequence[int(values[0])]
            assert frame.statement_digest.hex() == values[2]
            assert frame.publish_log.index == int(values[1]) < leaves
        elif kind == "acknowledged":
            places[values[0]] = int(values[1])
        elif kind == "entry":
            assert await store.tree_size(LogKind.DIRECTORY) >= int(values[0])
        elif kind == "checkpoint":
            root = await store.tree_root(LogKind.ACTS, int(values[0]))
            assert root.hex() == values[1]
    for name, sequence in places.items():
        place = (await store.places("ro-pol", name))[TOPIC]
        assert place.delivered >= place.acknowledged >= sequence


@pytest.mark.slow
async def test_what_was_acknowledged_before_a_sigkill_is_there_and_goes_on(tmp_path: Path) -> None:
    lines: list[list[str]] = []
    for seed, moment in enumerate((1, 40, 333, 90, 217)):
        process = await begun(tmp_path, seed)
        lines += await said(process, moment)
        process.kill()
        lines += await said(process)
        assert await process.wait() == -9
        async with opened(tmp_path) as store:
            await check_all(store, lines)
    kinds = {line[0] for line in lines}
    assert kinds == {"frame", "acknowledged", "entry", "checkpoint"}
    federation = fresh_federation()
    async with opened(tmp_path) as store:
        head = (await store.heads("ro-pol", [TOPIC]))[TOPIC]
        receipt = await store.append_frame(admitted(federation, federation.seal("gr-pol")))
        assert receipt.sequence == head + 1


@pytest.mark.slow
async def test_a_process_that_ends_in_order_leaves_one_file_with_all_in_it(tmp_path: Path) -> None:
    process = await begun(tmp_path, 1, count=60)
    lines = await said(process)
    assert (await process.wait(), lines[-1]) == (0, ["closed"])
    assert not (tmp_path / "broker.db-wal").exists()
    async with opened(tmp_path) as store:
        await check_all(store, lines)
        assert len(await store.read("gr-pol", TOPIC, 0, MANY, LARGE)) == 60


# A disk of a few megabytes, in a name space of its own that ends with the process.
IN_SMALL_DISK = """
mount -t tmpfs -o size=4m tmpfs "$1" || exit 99
shift
"$@"
cp "$FOLDER"/broker.db* "$KEPT"
"""


def may_mount() -> bool:
    return shutil.which("unshare") is not None and shutil.which("mount") is not None


@pytest.mark.slow
@pytest.mark.skipif(not may_mount(), reason="needs a disk of its own: unshare and mount")
@pytest.mark.parametrize("reserve", [0, -(1 << 40)], ids=["seen before", "met in a commit"])
async def test_on_a_full_disk_nothing_acknowledged_is_lost_and_the_rest_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reserve: int
) -> None:
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    kept.mkdir()
    monkeypatch.setenv("FOLDER", str(disk))
    monkeypatch.setenv("KEPT", str(kept))
    within = ("unshare", "--mount", "--map-root-user", "sh", "-c", IN_SMALL_DISK, "sh", str(disk))
    process = await begun(disk, 1, reserve=reserve, within=within)
    lines = await said(process)
    if await process.wait() == 99 or not lines:
        pytest.skip("this user may not mount")
    assert {tuple(line) for line in lines if line[0] == "refused"} == {("refused", "STORAGE_FULL")}
    assert ["health", "failed"] not in lines
    assert len([line for line in lines if line[0] == "frame"]) > 20
    async with opened(kept) as store:
        await check_all(store, lines)
        await store.record(acts(3))


@pytest.mark.slow
async def test_a_write_that_the_system_refuses_is_an_unknown_outcome_and_loses_nothing(
    tmp_path: Path,
) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))

    process = await begun(tmp_path, 1, before=small_files)
    lines = await said(process)
    await process.wait()
    refused = {tuple(line) for line in lines if line[0] == "refused"}
    assert refused == {("refused", "OUTCOME_UNKNOWN")}
    assert ["health", "failed"] in lines
    async with opened(tmp_path) as store:
        await check_all(store, lines)
        await store.record(acts(3))


async def test_a_copy_of_the_files_of_a_running_store_is_not_taken_for_one_in_use(
    tmp_path: Path,
) -> None:
    live, copy = tmp_path / "live", tmp_path / "copy"
    live.mkdir()
    async with opened(live) as store:
        await store.record(acts(20))
        shutil.copytree(live, copy)
        assert (await fault_of(live)).fault is StartFault.IN_USE
        async with opened(copy) as other:
            assert await check_tree(other) == 20
