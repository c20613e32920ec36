# SPDX-License-Identifier: Apache-2.0
"""What every store promises of directory, trees and checkpoints."""

import pytest

from broker.domain.logs import LogKind
from broker.errors import BrokerError, Reason
from broker.ports.store import Head, Store
from keys import merkle
from tests.contract.admitting import act, acts

ACTS, DIRECTORY = LogKind.ACTS, LogKind.DIRECTORY
ENTRIES = [b"entry %d" % number for number in range(9)]


async def fill(store: Store) -> dict[LogKind, list[bytes]]:
    """Put nine entries and twenty acts into the logs and return all leaves."""
    made = acts(len(ENTRIES))
    for index, (entry, one) in enumerate(zip(ENTRIES, made, strict=True)):
        await store.append_entry(index, entry, one)
    more = acts(11)
    for one in more[:3]:
        await store.record([one])
    await store.record(more[3:])
    return {ACTS: [one.leaf() for one in (*made, *more)], DIRECTORY: ENTRIES}


def root_of(leaves: list[bytes]) -> bytes:
    return merkle.root([merkle.hash_leaf(leaf) for leaf in leaves])


async def head(store: Store, log: LogKind, size: int) -> Head:
    return Head(size=size, root=await store.tree_root(log, size), note=f"note of {size}")


# Directory.


@pytest.mark.parametrize("version", [0, 1, 2, 4])
async def test_a_root_that_is_not_the_next_version_is_refused(store: Store, version: int) -> None:
    await store.append_root(1, b"first", act())
    await store.append_root(2, b"second", act())
    with pytest.raises(BrokerError) as caught:
        await store.append_root(version, b"other", act())
    assert caught.value.reason is Reason.DIRECTORY_CONFLICT
    assert await store.roots() == [b"first", b"second"]
    assert await store.tree_size(ACTS) == 2


@pytest.mark.parametrize("index", [0, 1, 3])
async def test_an_entry_that_is_not_the_next_is_refused(store: Store, index: int) -> None:
    await store.append_entry(0, b"first", act())
    await store.append_entry(1, b"second", act())
    with pytest.raises(BrokerError) as caught:
        await store.append_entry(index, b"other", act())
    assert caught.value.reason is Reason.DIRECTORY_CONFLICT
    assert await store.leaves(DIRECTORY, 0, 9) == [b"first", b"second"]
    assert (await store.tree_size(ACTS), await store.tree_size(DIRECTORY)) == (2, 2)


@pytest.mark.must("LOG-4")
async def test_roots_and_entries_come_back_in_order_with_a_leaf_each(store: Store) -> None:
    assert await store.roots() == []
    made = acts(2)
    await store.append_root(1, b"root", made[0])
    await store.append_entry(0, b"entry", made[1])
    assert await store.roots() == [b"root"]
    assert await store.leaves(DIRECTORY, 0, 9) == [b"entry"]
    assert await store.leaves(ACTS, 0, 9) == [one.leaf() for one in made]


# Trees.


async def test_empty_logs_have_the_empty_root(store: Store) -> None:
    for log in LogKind:
        assert await store.tree_size(log) == 0
        assert await store.tree_root(log, 0) == merkle.EMPTY_ROOT
        assert await store.leaves(log, 0, 10) == []
        assert await store.last_checkpoint(log) is None


@pytest.mark.parametrize("log", LogKind)
async def test_the_root_of_every_size_is_that_of_its_leaves(store: Store, log: LogKind) -> None:
    leaves = (await fill(store))[log]
    assert await store.tree_size(log) == len(leaves)
    for size in range(len(leaves) + 1):
        assert await store.tree_root(log, size) == root_of(leaves[:size])


async def test_leaves_come_in_order_and_as_many_as_there_are(store: Store) -> None:
    leaves = (await fill(store))[ACTS]
    assert await store.leaves(ACTS, 0, 5) == leaves[:5]
    assert await store.leaves(ACTS, 18, 5) == leaves[18:]
    assert await store.leaves(ACTS, 20, 5) == []
    assert await store.leaves(ACTS, 3, 0) == []


@pytest.mark.parametrize("log", LogKind)
async def test_every_leaf_is_proved_in_every_tree_that_has_it(store: Store, log: LogKind) -> None:
    leaves = (await fill(store))[log]
    for size in range(1, len(leaves) + 1):
        for index in range(size):
            proof = await store.inclusion(log, index, size)
            assert proof.leaf == leaves[index]
            hashed = merkle.hash_leaf(proof.leaf)
            merkle.verify_inclusion(hashed, index, proof.path, size, root_of(leaves[:size]))


@pytest.mark.parametrize("log", LogKind)
async def test_every_tree_is_proved_to_begin_every_larger_one(store: Store, log: LogKind) -> None:
    leaves = (await fill(store))[log]
    for new in range(1, len(leaves) + 1):
        for old in range(1, new + 1):
            proof = await store.consistency(log, old, new)
            merkle.verify_consistency(old, new, proof, root_of(leaves[:old]), root_of(leaves[:new]))


async def test_what_is_outside_a_log_is_not_found(store: Store) -> None:
    await fill(store)
    outside = [
        store.tree_root(ACTS, 21),
        store.tree_root(DIRECTORY, 10),
        store.inclusion(ACTS, 0, 21),
        store.inclusion(ACTS, 5, 5),
        store.inclusion(ACTS, 0, 0),
        store.consistency(ACTS, 1, 21),
        store.consistency(ACTS, 0, 5),
        store.consistency(ACTS, 6, 5),
    ]
    for asked in outside:
        with pytest.raises(BrokerError) as caught:
            await asked
        assert caught.value.reason is Reason.NOT_FOUND


# Checkpoints.


async def test_the_last_checkpoint_is_the_one_saved_last(store: Store) -> None:
    await fill(store)
    saved = [await head(store, ACTS, size) for size in (5, 5, 20)]
    for one in saved:
        await store.save_checkpoint(ACTS, one)
        assert await store.last_checkpoint(ACTS) == one
    assert await store.last_checkpoint(DIRECTORY) is None
    of_entries = await head(store, DIRECTORY, 9)
    await store.save_checkpoint(DIRECTORY, of_entries)
    assert await store.last_checkpoint(DIRECTORY) == of_entries
    assert await store.last_checkpoint(ACTS) == saved[-1]


@pytest.mark.must("LOG-12")
@pytest.mark.parametrize("case", ["smaller", "other_root", "beyond", "larger_other_root"])
async def test_a_checkpoint_that_contradicts_the_tree_or_the_last_is_refused(
    store: Store, case: str
) -> None:
    await fill(store)
    last = await head(store, ACTS, 10)
    await store.save_checkpoint(ACTS, last)
    wrong = {
        "smaller": await head(store, ACTS, 9),
        "other_root": Head(size=10, root=bytes(32), note="note"),
        "beyond": Head(size=21, root=last.root, note="note"),
        "larger_other_root": Head(size=20, root=last.root, note="note"),
    }[case]
    with pytest.raises(BrokerError) as caught:
        await store.save_checkpoint(ACTS, wrong)
    assert caught.value.reason is Reason.INTERNAL
    assert await store.last_checkpoint(ACTS) == last
