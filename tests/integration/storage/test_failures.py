# SPDX-License-Identifier: Apache-2.0
"""When the disk does not do what it is told: what callers hear, and what is there afterwards."""

import asyncio
from pathlib import Path

import pytest

from broker.domain.admissions import Admission
from broker.domain.logs import LogKind
from broker.errors import BrokerError, Reason
from broker.ports.store import StoreState
from broker.storage.sqlite import SqliteStore
from tests.contract.admitting import act, admitted, fresh_federation
from tests.integration.storage.opened import (
    CORRUPT,
    FULL,
    IOERR,
    READONLY,
    Tapped,
    check_tree,
    opened,
    sqlite_error,
)
from tests.simulator.federation import TOPIC, Federation


@pytest.fixture(scope="module")
def federation() -> Federation:
    return fresh_federation()


@pytest.fixture
def admission(federation: Federation) -> Admission:
    federation.agencies["gr-pol"].chain.clear()
    return admitted(federation, federation.seal("gr-pol"))


class Failing(Tapped):
    """Raises an error of SQLite at a statement, once, or after the statement has run."""

    def __init__(self, store: SqliteStore, at: str, code: int, *, after: bool = False) -> None:
        super().__init__(store, self.fail)
        self.at, self.code, self.after = at, code, after

    def fail(self, statement: str) -> None:
        if statement.startswith(self.at):
            self.tap = lambda _: None
            if self.after:
                self.wrapped.execute(statement)
            raise sqlite_error(self.code)


async def refusal(store: SqliteStore, admission: Admission) -> Reason:
    with pytest.raises(BrokerError) as caught:
        await store.append_frame(admission)
    return caught.value.reason


# An unknown outcome.


@pytest.mark.parametrize("written", [False, True])
async def test_an_error_at_commit_is_an_unknown_outcome_for_all_of_its_operations(
    tmp_path: Path, admission: Admission, written: bool
) -> None:
    async with opened(tmp_path) as store:
        await store.record([act()])
        Failing(store, "COMMIT", IOERR, after=written)
        outcomes = await asyncio.gather(
            store.append_frame(admission),
            *(store.record([act()]) for _ in range(5)),
            return_exceptions=True,
        )
        reasons = {one.reason for one in outcomes if isinstance(one, BrokerError)}
        assert (len(outcomes), reasons) == (6, {Reason.OUTCOME_UNKNOWN})
        await asyncio.wait_for(store.wait_failed(), 10)
        assert store.health().state is StoreState.FAILED
        assert store.health().detail == "SQLITE_INJECTED: injected"
    async with opened(tmp_path) as store:
        receipt = await store.append_frame(admission)
        assert (receipt.sequence, receipt.duplicate) == (1, written)
        await check_tree(store)


@pytest.mark.parametrize("at", ["BEGIN", "SAVEPOINT", "INSERT INTO frames", "INSERT INTO nodes"])
@pytest.mark.parametrize("code", [IOERR, CORRUPT])
async def test_an_unexpected_error_anywhere_stops_the_store(
    tmp_path: Path, admission: Admission, at: str, code: int
) -> None:
    async with opened(tmp_path) as store:
        Failing(store, at, code)
        assert await refusal(store, admission) is Reason.OUTCOME_UNKNOWN
        await asyncio.wait_for(store.wait_failed(), 10)
    async with opened(tmp_path) as store:
        assert await store.tree_size(LogKind.ACTS) == 0
        assert await store.read("ro-pol", TOPIC, 0, 9, 1) == []


async def test_a_failed_store_takes_nothing_more_and_still_answers(
    tmp_path: Path, admission: Admission
) -> None:
    async with opened(tmp_path) as store:
        await store.record([act()])
        Failing(store, "COMMIT", IOERR)
        assert await refusal(store, admission) is Reason.OUTCOME_UNKNOWN
        assert await refusal(store, admission) is Reason.OUTCOME_UNKNOWN
        assert await store.tree_size(LogKind.ACTS) == 1
        assert await store.read("ro-pol", TOPIC, 0, 9, 1) == []


async def test_a_store_that_cannot_copy_back_stops(tmp_path: Path) -> None:
    async with opened(tmp_path, checkpoint_pages=1) as store:
        Failing(store, "PRAGMA wal_checkpoint(PASSIVE)", IOERR)
        (log,) = await store.record([act()])
        await asyncio.wait_for(store.wait_failed(), 10)
        assert log.index == 0
    async with opened(tmp_path) as store:
        assert await check_tree(store) == 1


async def test_a_store_that_works_has_not_failed(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        failed = asyncio.create_task(store.wait_failed())
        await store.record([act()])
        assert not failed.done()
        failed.cancel()


# Full and read-only.


REFUSALS = {
    FULL: (Reason.STORAGE_FULL, StoreState.FULL),
    READONLY: (Reason.READ_ONLY, StoreState.READ_ONLY),
}


@pytest.mark.parametrize("at", ["BEGIN", "INSERT INTO frames", "COMMIT"])
@pytest.mark.parametrize("code", REFUSALS)
async def test_a_disk_that_refuses_changes_nothing_and_the_store_goes_on_with_it(
    tmp_path: Path, admission: Admission, at: str, code: int
) -> None:
    reason, state = REFUSALS[code]
    async with opened(tmp_path) as store:
        Failing(store, at, code)
        assert await refusal(store, admission) is reason
        assert store.health().state is state
        assert await store.tree_size(LogKind.ACTS) == 0
        assert (await store.append_frame(admission)).duplicate is False
        assert store.health().state is StoreState.READY
        assert await check_tree(store) == 1


async def test_a_database_that_may_not_grow_takes_what_fits_and_goes_on_when_it_may(
    tmp_path: Path, federation: Federation
) -> None:
    federation.agencies["gr-pol"].chain.clear()
    frames = [federation.seal("gr-pol", [bytes(300_000)]) for _ in range(5)]
    admissions = [admitted(federation, frame) for frame in frames]
    async with opened(tmp_path, max_pages=80) as store:
        stored = 0
        while (reason := await tried(store, admissions[stored])) is None:
            stored += 1
        assert reason is Reason.STORAGE_FULL
        assert store.health().state is StoreState.FULL
        assert await store.tree_size(LogKind.ACTS) == stored
        await store.record([act()])
        assert store.health().state is StoreState.READY
        store._opened.connection.execute("PRAGMA max_page_count = 10000")
        assert (await store.append_frame(admissions[stored])).sequence == stored + 1
        assert await check_tree(store) == stored + 2


async def tried(store: SqliteStore, admission: Admission) -> Reason | None:
    """Return why a frame is refused, or None where it is stored."""
    try:
        await store.append_frame(admission)
    except BrokerError as error:
        return error.reason
    return None


async def test_too_little_free_space_refuses_before_anything_is_begun(
    tmp_path: Path, admission: Admission
) -> None:
    async with opened(tmp_path, reserve_bytes=1 << 60) as store:
        begun: list[str] = []
        Tapped(store, begun.append)
        assert await refusal(store, admission) is Reason.STORAGE_FULL
        assert begun == []
        assert store.health().state is StoreState.FULL
        assert "bytes free" in store.health().detail
        assert await store.tree_size(LogKind.ACTS) == 0


async def test_a_full_store_recovers_without_being_asked(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        committer = store._writer._committer
        await store.record([act()])
        Failing(store, "COMMIT", FULL)
        with pytest.raises(BrokerError):
            await store.record([act()])
        assert store.health().state is StoreState.FULL
        # What the writer's thread does when it has had nothing to do for a while.
        await asyncio.to_thread(committer.tidy, idle=True)
        assert store.health().state is StoreState.READY
        assert await check_tree(store) == 1
