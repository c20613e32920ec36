# SPDX-License-Identifier: Apache-2.0
"""The broker's SQLite store by itself: frames that were checked beforehand, on stable storage.

In this process, with as many appends waiting as the publishers of `benchmarks.ingest` have in
flight. Each is looked up, chained, written with its rows and its leaf, and synced to the disk.
"""

import asyncio
import secrets
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.figures import Figure, Spent, report, timed
from benchmarks.ingest import AGENCIES, NOTICE_BYTES, PUBLISHERS
from benchmarks.material import Agencies, Outlet, now_ms, random_drafts
from broker.domain.admissions import Admission
from broker.rpc.publisher_servicer import WINDOW
from broker.storage.sqlite import SqliteStore
from keys.checking import check_frame

FRAMES = ((256, 200), (1, 1000))


def run() -> list[Figure]:
    return asyncio.run(_run())


async def _run() -> list[Figure]:
    figures = []
    for size, frames in FRAMES:
        admissions = list(_admissions(size, frames))
        with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
            spent = await _append(Path(folder) / "broker.db", admissions)
        waiting = f"{PUBLISHERS * WINDOW} waiting, {AGENCIES} agencies"
        figure = partial(Figure, under=f"1 KiB notices, frames of {size}, {waiting}")
        each = spent.processor / frames * 1e3
        figures += [
            figure(what="store alone", value=frames * size / spent.clock, unit="notices/s"),
            figure(what="store alone", value=frames / spent.clock, unit="frames/s"),
            figure(what="store alone, processor", value=each, unit="ms/frame"),
        ]
    return figures


async def _append(path: Path, admissions: list[Admission]) -> Spent:
    """Append them all, each with its own receipt."""
    store = await SqliteStore.open(path)
    waiting = asyncio.Semaphore(PUBLISHERS * WINDOW)

    async def append(admission: Admission) -> None:
        async with waiting:
            await store.append_frame(admission)

    with timed() as spent:
        async with asyncio.TaskGroup() as group:
            for admission in admissions:
                group.create_task(append(admission))
    await store.close()
    return spent


def _admissions(size: int, frames: int) -> Iterator[Admission]:
    """Return frames of several outlets in turn, each checked and given the salt of its leaf."""
    agencies = Agencies(count=AGENCIES)
    outlets: list[Outlet] = [agencies.outlet() for _ in range(PUBLISHERS)]
    for number in range(frames):
        frame = outlets[number % PUBLISHERS].seal(random_drafts(size, NOTICE_BYTES))
        checked = check_frame(frame, agencies.keyset, agencies.federation)
        yield Admission(checked=checked, time_ms=now_ms(), salt=secrets.token_bytes(32))


if __name__ == "__main__":
    report("store_ingest", run)
