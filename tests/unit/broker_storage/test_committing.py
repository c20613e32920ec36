# SPDX-License-Identifier: Apache-2.0
"""The committer without thread or queue: health, recovery, copying back."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from broker.errors import BrokerError, Reason
from broker.ports.store import StoreHealth, StoreState
from broker.storage import committing
from broker.storage.committing import Committer, Need, Work
from broker.storage.disk import Room
from broker.storage.limits import StoreLimits
from broker.storage.opening import Opened, open_database
from broker.storage.transaction import Transaction
from tests.contract.admitting import act

LIMITS = StoreLimits()
ROOMY = Room(free_bytes=1 << 40, read_only=False)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    made = open_database(tmp_path / "broker.db", LIMITS)
    yield made
    made.close()


@pytest.fixture
def committer(opened: Opened, tmp_path: Path) -> Committer:
    return Committer(opened.connection, tmp_path, LIMITS)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> list[Room]:
    """What the disk says of itself; the last one counts."""
    said = [ROOMY]
    monkeypatch.setattr(committing, "room", lambda _: said[-1])
    return said


def leaf(transaction: Transaction) -> int:
    return transaction.append_acts([act()])[0].index


def work(size: int = 1000, need: Need = Need.USUAL) -> Work:
    return Work(operation=leaf, size=size, need=need)


def reasons(outcomes: list[object]) -> list[object]:
    return [one.reason if isinstance(one, BrokerError) else one for one in outcomes]


def tidied(committer: Committer, *, idle: bool) -> tuple[bool, StoreState]:
    """Return whether more is to do after tidying, and how the store then is."""
    return committer.tidy(idle=idle), committer.health.state


def test_a_read_only_disk_refuses_until_it_takes_writes_again(
    committer: Committer, disk: list[Room]
) -> None:
    disk.append(replace(ROOMY, read_only=True))
    assert reasons(committer.commit([work(), work()])) == [Reason.READ_ONLY] * 2
    assert tidied(committer, idle=True) == (True, StoreState.READ_ONLY)
    disk.append(ROOMY)
    assert tidied(committer, idle=False) == (True, StoreState.READ_ONLY)
    assert tidied(committer, idle=True) == (True, StoreState.READY)
    assert committer.commit([work()]) == [0]


def test_a_disk_with_little_left_takes_what_fits_with_its_reserve(
    committer: Committer, disk: list[Room]
) -> None:
    disk.append(Room(free_bytes=LIMITS.reserve_bytes + 5000, read_only=False))
    outcomes = committer.commit([work(), work(100_000), work()])
    assert reasons(outcomes) == [0, Reason.STORAGE_FULL, 1]
    assert reasons(committer.commit([work(100_000)])) == [Reason.STORAGE_FULL]
    assert committer.health.state is StoreState.FULL
    assert committer.health.detail == "4199304 bytes free, 4394304 needed"


@pytest.mark.parametrize(
    ("free", "taken"),
    [
        (LIMITS.reserve_bytes + LIMITS.bulk_reserve_bytes, {Need.BULK, Need.USUAL, Need.URGENT}),
        (LIMITS.reserve_bytes, {Need.USUAL, Need.URGENT}),
        (LIMITS.reserve_bytes // 4, {Need.URGENT}),
        (0, set()),
    ],
)
def test_the_less_room_there_is_the_more_must_be_needed(
    committer: Committer, disk: list[Room], free: int, taken: set[Need]
) -> None:
    disk.append(Room(free_bytes=free + 2000, read_only=False))
    outcomes = {need: committer.commit([work(need=need)])[0] for need in Need}
    assert {need for need, one in outcomes.items() if isinstance(one, int)} == taken
    assert reasons([*outcomes.values()]).count(Reason.STORAGE_FULL) == len(Need) - len(taken)


def test_a_store_that_takes_no_frames_is_full_whatever_else_it_takes(
    committer: Committer, disk: list[Room]
) -> None:
    disk.append(Room(free_bytes=LIMITS.reserve_bytes + 5000, read_only=False))
    committer.commit([work(need=Need.BULK)])
    assert committer.commit([work()]) == [0]
    assert tidied(committer, idle=True) == (True, StoreState.FULL)
    disk.append(ROOMY)
    assert committer.commit([work()]) == [1]
    assert committer.health == StoreHealth(state=StoreState.READY)


def test_an_idle_store_looks_whether_there_is_space_again(
    committer: Committer, disk: list[Room]
) -> None:
    disk.append(Room(free_bytes=0, read_only=False))
    committer.commit([work()])
    assert tidied(committer, idle=True) == (True, StoreState.FULL)
    disk.append(ROOMY)
    assert tidied(committer, idle=True) == (True, StoreState.READY)
    assert committer.health == StoreHealth(state=StoreState.READY)


def test_a_folder_that_is_gone_stops_the_store(opened: Opened, tmp_path: Path) -> None:
    committer = Committer(opened.connection, tmp_path / "gone", LIMITS)
    assert reasons(committer.commit([work(), work()])) == [Reason.OUTCOME_UNKNOWN] * 2
    assert committer.health.state is StoreState.FAILED
    assert committer.health.detail.startswith("FileNotFoundError")
    assert committer.tidy(idle=True) is False


def test_a_tree_without_its_nodes_stops_the_store_and_writes_nothing(
    committer: Committer, opened: Opened
) -> None:
    assert committer.commit([work()]) == [0]
    opened.connection.execute("DELETE FROM nodes")
    assert reasons(committer.commit([work()])) == [Reason.OUTCOME_UNKNOWN]
    assert committer.health.detail == "BrokerError: INTERNAL: the acts log has no node 0/0"
    assert opened.connection.in_transaction is False
    assert opened.connection.execute("SELECT count(*) FROM leaves").fetchone() == (1,)


def test_what_is_in_the_wal_is_copied_back_when_there_is_nothing_else_to_do(
    committer: Committer, opened: Opened
) -> None:
    assert committer.commit([work()]) == [0]
    assert committer.tidy(idle=False)
    assert committer.tidy(idle=True) is False
    _, pages, copied = opened.connection.execute("PRAGMA wal_checkpoint(NOOP)").fetchone()
    assert pages == copied > 0
    assert committer.tidy(idle=False) is False


def test_a_long_wal_is_copied_back_at_once(opened: Opened, tmp_path: Path) -> None:
    committer = Committer(opened.connection, tmp_path, replace(LIMITS, checkpoint_pages=1))
    committer.commit([work()])
    assert committer.tidy(idle=False) is False
    _, pages, copied = opened.connection.execute("PRAGMA wal_checkpoint(NOOP)").fetchone()
    assert pages == copied > 0
