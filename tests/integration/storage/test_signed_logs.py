# SPDX-License-Identifier: Apache-2.0
"""A database that is not the one that was signed is not opened; one changed leaf is, and shows."""

import shutil
from pathlib import Path

import pytest

from broker.domain.logs import LogKind
from broker.errors import BrokerError, Reason, StartFault
from broker.ports.store import Head
from keys import merkle
from keys.errors import ProofError
from tests.contract.admitting import act, acts, admitted, fresh_federation
from tests.integration.storage.opened import (
    check_tree,
    checkpointed,
    edit,
    fault_of,
    filled,
    opened,
)
from tests.simulator.federation import TOPIC


def database(folder: Path) -> Path:
    return folder / "broker.db"


# Rolled back or cut short.


async def test_an_older_copy_of_the_database_is_not_opened(tmp_path: Path) -> None:
    await filled(tmp_path)
    older = database(tmp_path).read_bytes()
    async with opened(tmp_path) as store:
        await store.record(acts(5))
        await checkpointed(store, 305)
    database(tmp_path).write_bytes(older)
    error = await fault_of(tmp_path)
    assert error.fault is StartFault.LOG_MISMATCH
    assert error.detail == "the acts log of 300 leaves is not the one signed with 305"


async def test_an_older_copy_that_holds_all_that_was_signed_is_opened(tmp_path: Path) -> None:
    await filled(tmp_path)
    older = database(tmp_path).read_bytes()
    async with opened(tmp_path) as store:
        await store.record(acts(5))
    database(tmp_path).write_bytes(older)
    async with opened(tmp_path) as store:
        assert await check_tree(store) == 300


async def test_a_store_that_forked_from_an_older_copy_is_not_opened(tmp_path: Path) -> None:
    await filled(tmp_path)
    older = database(tmp_path).read_bytes()
    async with opened(tmp_path) as store:
        await store.record(acts(5))
        await checkpointed(store, 303)
    heads = (tmp_path / "broker.db.heads").read_bytes()
    (tmp_path / "broker.db.heads").unlink()
    database(tmp_path).write_bytes(older)
    async with opened(tmp_path) as store:
        await store.record(acts(9))
    (tmp_path / "broker.db.heads").write_bytes(heads)
    assert (await fault_of(tmp_path)).fault is StartFault.LOG_MISMATCH


async def test_a_missing_database_of_which_checkpoints_were_signed_is_not_made_anew(
    tmp_path: Path,
) -> None:
    await filled(tmp_path)
    database(tmp_path).unlink()
    assert (await fault_of(tmp_path)).fault is StartFault.LOG_MISMATCH
    assert (await fault_of(tmp_path)).fault is StartFault.LOG_MISMATCH


async def test_a_wal_cut_short_by_a_rotten_bit_is_noticed(tmp_path: Path) -> None:
    live, copy = tmp_path / "live", tmp_path / "copy"
    live.mkdir()
    async with opened(live) as store:
        await store.record(acts(20))
        kept = (live / "broker.db-wal").stat().st_size
        await store.record(acts(20))
        await checkpointed(store, 40)
        shutil.copytree(live, copy)
    wal = copy / "broker.db-wal"
    data = bytearray(wal.read_bytes())
    data[kept + 5000] ^= 1
    wal.write_bytes(data)
    error = await fault_of(copy)
    assert error.fault is StartFault.LOG_MISMATCH
    assert error.detail == "the acts log of 20 leaves is not the one signed with 40"


# Changed.


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE nodes SET hash = zeroblob(32) WHERE log = 1 AND level = 8 AND position = 0",
        "DELETE FROM leaves WHERE leaf_index = 299",
        "DELETE FROM nodes WHERE log = 1 AND level = 0 AND position = 299",
        "INSERT INTO leaves (leaf_index, body) VALUES (300, x'00')",
        "UPDATE checkpoints SET root = zeroblob(32)",
        "UPDATE checkpoints SET size = 289",
        "DELETE FROM nodes WHERE log = 1; ",
    ],
)
async def test_a_changed_tree_or_checkpoint_is_not_opened(tmp_path: Path, change: str) -> None:
    await filled(tmp_path)
    edit(tmp_path, change)
    assert (await fault_of(tmp_path)).fault is StartFault.LOG_MISMATCH


async def test_a_missing_inner_hash_is_damage(tmp_path: Path) -> None:
    await filled(tmp_path)
    edit(tmp_path, "DELETE FROM nodes WHERE log = 1 AND level = 8")
    error = await fault_of(tmp_path)
    assert error.fault is StartFault.DAMAGED
    assert error.detail == "the acts log has no node 8/0"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"ACTS": 1}', b'{"OTHER": {}}', b"\xff"])
async def test_a_malformed_file_of_heads_is_damage(tmp_path: Path, content: bytes) -> None:
    await filled(tmp_path)
    (tmp_path / "broker.db.heads").write_bytes(content)
    assert (await fault_of(tmp_path)).fault is StartFault.DAMAGED


async def test_without_the_file_of_heads_the_database_answers_for_itself(tmp_path: Path) -> None:
    await filled(tmp_path)
    (tmp_path / "broker.db.heads").unlink()
    async with opened(tmp_path) as store:
        last = await store.last_checkpoint(LogKind.ACTS)
        assert last is not None
        assert last.size == 290


async def test_checkpoints_outlive_the_process(tmp_path: Path) -> None:
    await filled(tmp_path)
    async with opened(tmp_path) as store:
        smaller = await store.tree_root(LogKind.ACTS, 100)
        with pytest.raises(BrokerError) as caught:
            await store.save_checkpoint(LogKind.ACTS, Head(size=100, root=smaller, note="note"))
        assert caught.value.reason is Reason.INTERNAL
        assert caught.value.detail == "checkpoint of 100 leaves after one of 290"


async def test_a_changed_byte_of_one_leaf_is_found_by_proof_at_that_leaf_alone(
    tmp_path: Path,
) -> None:
    leaves = await filled(tmp_path)
    data = bytearray(database(tmp_path).read_bytes())
    # The leaf is there once and in one piece, so that there is one byte to change.
    assert data.count(leaves[20]) == 1
    data[data.find(leaves[20]) + len(leaves[20]) // 2] ^= 1
    database(tmp_path).write_bytes(data)
    named = []
    async with opened(tmp_path) as store:
        root = await store.tree_root(LogKind.ACTS, 300)
        assert root == merkle.root([merkle.hash_leaf(leaf) for leaf in leaves])
        for index in range(300):
            proof = await store.inclusion(LogKind.ACTS, index, 300)
            hashed = merkle.hash_leaf(proof.leaf)
            try:
                merkle.verify_inclusion(hashed, index, proof.path, 300, root)
            except ProofError:
                named.append(index)
        await store.record([act()])
    assert named == [20]


@pytest.mark.parametrize("leaves", [1, 21, 33, 100, 700])
async def test_every_leaf_is_in_the_file_once(tmp_path: Path, leaves: int) -> None:
    async with opened(tmp_path) as store:
        made = acts(leaves)
        for one in made[:40]:
            await store.record([one])
        await store.record(made[40:])
    data = database(tmp_path).read_bytes()
    assert {data.count(one.leaf()) for one in made} == {1}


# Frames.


async def test_a_frame_with_a_rotten_bit_is_not_handed_out(tmp_path: Path) -> None:
    federation = fresh_federation()
    frames = [federation.seal("gr-pol", [bytes([n]) * 500]) for n in range(2)]
    async with opened(tmp_path) as store:
        for frame in frames:
            await store.append_frame(admitted(federation, frame))
    data = bytearray(database(tmp_path).read_bytes())
    body = frames[0].notices[0].body
    assert data.count(body) == 1
    data[data.find(body) + 100] ^= 1
    database(tmp_path).write_bytes(data)
    async with opened(tmp_path) as store:
        with pytest.raises(BrokerError) as caught:
            await store.read("ro-pol", TOPIC, 0, 1, 1)
        assert caught.value.reason is Reason.INTERNAL
        assert caught.value.detail == f"frame 1 of {TOPIC} is damaged"
        assert [one.frame.sequence for one in await store.read("ro-pol", TOPIC, 1, 9, 1)] == [2]
