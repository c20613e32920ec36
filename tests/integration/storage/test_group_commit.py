# SPDX-License-Identifier: Apache-2.0
"""What waits becomes one commit, in order; each operation of it stands or falls alone."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from broker.domain.logs import LogKind
from broker.errors import BrokerError, Reason
from broker.ports.store import StoreState
from broker.storage.sqlite import SqliteStore
from broker.storage.transaction import Transaction
from tests.contract.admitting import act, acts, admitted, fresh_federation
from tests.integration.storage.opened import Tapped, check_tree, opened, sqlite_error
from tests.simulator.federation import TOPIC, Federation


@pytest.fixture(scope="module")
def federation() -> Federation:
    return fresh_federation()


@asynccontextmanager
async def writer_held(store: SqliteStore) -> AsyncIterator[None]:
    """Keep the writer busy with one operation until the context ends."""
    begun, gate = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold(_: object) -> bool:
        loop.call_soon_threadsafe(begun.set)
        return gate.wait(30)

    holding = asyncio.create_task(store._writer.submit(hold))
    try:
        await asyncio.wait_for(begun.wait(), 10)
        yield
    finally:
        gate.set()
        assert await holding


def counting(store: SqliteStore, statement: str) -> list[str]:
    """Return a list that gets every statement of a kind that the writer runs."""
    seen: list[str] = []
    Tapped(store, lambda one: seen.append(one) if one.startswith(statement) else None)
    return seen


async def settled() -> None:
    """Let tasks that were created run up to their first wait."""
    await asyncio.sleep(0)


async def test_operations_that_wait_are_committed_together(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        commits = counting(store, "COMMIT")
        async with writer_held(store):
            tasks = [asyncio.create_task(store.record([act()])) for _ in range(100)]
            await settled()
        logs = await asyncio.gather(*tasks)
        assert [log.index for (log,) in logs] == list(range(100))
        assert len(commits) == 2
        assert await check_tree(store) == 100


async def test_frames_at_once_take_fewer_commits_than_frames(
    tmp_path: Path, federation: Federation
) -> None:
    chain = dict.fromkeys(federation.agencies, (1, bytes(32)))
    frames = [
        federation.seal("gr-pol", outlet=bytes([number]) * 16, chain=chain) for number in range(30)
    ]
    async with opened(tmp_path) as store:
        commits = counting(store, "COMMIT")
        receipts = await asyncio.gather(
            *(store.append_frame(admitted(federation, frame)) for frame in frames)
        )
        assert [receipt.sequence for receipt in receipts] == list(range(1, 31))
        assert len(commits) < 30
        assert await check_tree(store) == 30


async def test_a_batch_is_no_larger_than_its_bound(tmp_path: Path) -> None:
    async with opened(tmp_path, batch_items=10) as store:
        commits = counting(store, "COMMIT")
        async with writer_held(store):
            tasks = [asyncio.create_task(store.record([act()])) for _ in range(30)]
            await settled()
        await asyncio.gather(*tasks)
        assert len(commits) == 4


async def test_a_refused_operation_does_not_spoil_the_others_of_its_commit(
    tmp_path: Path, federation: Federation
) -> None:
    federation.agencies["gr-pol"].chain.clear()
    good = federation.seal("gr-pol")
    broken = dict.fromkeys(federation.agencies, (9, b"x" * 32))
    bad = federation.seal("gr-pol", chain=broken)
    next_one = federation.seal("gr-pol")
    async with opened(tmp_path) as store:
        commits = counting(store, "COMMIT")
        async with writer_held(store):
            tasks = [
                asyncio.create_task(store.append_frame(admitted(federation, frame)))
                for frame in (good, bad, next_one)
            ]
            root = asyncio.create_task(store.append_root(7, b"root", act()))
            await settled()
        outcomes = await asyncio.gather(*tasks, root, return_exceptions=True)
        reasons = [one.reason for one in outcomes if isinstance(one, BrokerError)]
        assert reasons == [Reason.CHAIN_BROKEN, Reason.DIRECTORY_CONFLICT]
        assert len(commits) == 2
        found = await store.read("ro-pol", TOPIC, 0, 9, 1 << 30)
        assert [one.frame.statement for one in found] == [good.statement, next_one.statement]
        assert await check_tree(store) == 2


async def test_an_operation_that_cannot_run_is_refused_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:

        def broken(transaction: object) -> None:
            store._opened.connection.execute("INSERT INTO leaves (leaf_index) VALUES (1)")

        def wrong(_: object) -> None:
            raise LookupError("a fault of ours")

        outcomes = await asyncio.gather(
            store.record([act()]),
            store._writer.submit(broken),
            store._writer.submit(wrong),
            store.append_root(1 << 70, b"root", act()),
            store.record([act()]),
            return_exceptions=True,
        )
        reasons = [one.reason for one in outcomes if isinstance(one, BrokerError)]
        assert reasons == [Reason.INTERNAL, Reason.INTERNAL, Reason.DIRECTORY_CONFLICT]
        assert store.health().state is StoreState.READY
        assert await check_tree(store) == 2


async def test_an_operation_that_refuses_after_it_wrote_leaves_nothing_in_the_log(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as store:

        def refusing(transaction: Transaction) -> None:
            transaction.append_entry(b"entry")
            transaction.append_acts(acts(3))
            raise BrokerError(Reason.DENIED)

        made = acts(2)
        async with writer_held(store):
            first = asyncio.create_task(store.record(made[:1]))
            refused = asyncio.create_task(store._writer.submit(refusing))
            last = asyncio.create_task(store.record(made[1:]))
            await settled()
        outcome = await asyncio.gather(refused, return_exceptions=True)
        assert isinstance(outcome[0], BrokerError)
        assert outcome[0].reason is Reason.DENIED
        assert [(await first)[0].index, (await last)[0].index] == [0, 1]
        assert await store.leaves(LogKind.ACTS, 0, 9) == [one.leaf() for one in made]
        assert await store.tree_size(LogKind.DIRECTORY) == 0
        assert await check_tree(store) == 2


async def test_what_does_not_fit_on_the_disk_does_not_keep_the_rest_from_it(
    tmp_path: Path, federation: Federation
) -> None:
    federation.agencies["gr-pol"].chain.clear()
    large = admitted(federation, federation.seal("gr-pol", [bytes(1_500_000)]))
    async with opened(tmp_path, max_pages=80) as store:
        async with writer_held(store):
            tasks = [
                asyncio.create_task(store.record([act()])),
                asyncio.create_task(store.append_frame(large)),
                asyncio.create_task(store.record([act()])),
            ]
            await settled()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        reasons = [one.reason for one in outcomes if isinstance(one, BrokerError)]
        assert reasons == [Reason.STORAGE_FULL]
        assert await check_tree(store) == 2


# The queue.


@pytest.mark.parametrize("bounds", [{"queue_items": 3}, {"queue_bytes": 5000}])
async def test_callers_wait_in_order_while_the_queue_is_full(
    tmp_path: Path, bounds: dict[str, int]
) -> None:
    async with opened(tmp_path, **bounds) as store:
        async with writer_held(store):
            tasks = [asyncio.create_task(store.record([act()])) for _ in range(50)]
            await settled()
            assert store._writer._queue.qsize() <= 3
            assert len(store._writer._waiting) >= 47
        logs = await asyncio.gather(*tasks)
        assert [log.index for (log,) in logs] == list(range(50))
        assert (store._writer._items, store._writer._bytes) == (0, 0)


async def test_an_operation_larger_than_the_queue_is_taken_alone(tmp_path: Path) -> None:
    async with opened(tmp_path, queue_bytes=10) as store:
        logs = await asyncio.gather(*(store.record(acts(20)) for _ in range(5)))
        assert [log[0].index for log in logs] == [0, 20, 40, 60, 80]


async def test_a_caller_cancelled_before_the_queue_has_not_written_and_one_in_it_has(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, queue_items=3) as store:
        async with writer_held(store):
            tasks = [asyncio.create_task(store.record([act()])) for _ in range(10)]
            await settled()
            queued, waiting = tasks[0], tasks[9]
            queued.cancel()
            waiting.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        cancelled = [isinstance(one, asyncio.CancelledError) for one in outcomes]
        assert cancelled == [True, *[False] * 8, True]
        assert await store.tree_size(LogKind.ACTS) == 9
        assert (store._writer._items, store._writer._bytes) == (0, 0)


async def test_all_of_a_failed_commit_and_all_behind_it_hear_that_the_outcome_is_unknown(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, queue_items=5) as store:
        commits: list[str] = []

        def fail(statement: str) -> None:
            if statement == "COMMIT":
                commits.append(statement)
                if len(commits) > 1:
                    raise sqlite_error(10)

        async with writer_held(store):
            Tapped(store, fail)
            tasks = [asyncio.create_task(store.record([act()])) for _ in range(20)]
            await settled()
            tasks[2].cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        reasons = [one.reason for one in outcomes if isinstance(one, BrokerError)]
        assert reasons == [Reason.OUTCOME_UNKNOWN] * 19
        await asyncio.wait_for(store.wait_failed(), 10)


async def test_between_commits_the_wal_is_copied_back_and_used_again(tmp_path: Path) -> None:
    async with opened(tmp_path, checkpoint_pages=8) as store:
        copied = counting(store, "PRAGMA wal_checkpoint(PASSIVE)")
        for _ in range(40):
            await store.record(acts(20))
        wal = (tmp_path / "broker.db-wal").stat().st_size
        assert len(copied) > 3
        assert wal < 100 * 16384
        assert await check_tree(store) == 800
