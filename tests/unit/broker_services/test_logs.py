# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that continue each other, proofs that verify, readings that are logged."""

import asyncio

import pytest

from broker.domain.limits import MAX_LEAVES
from broker.domain.logs import LogKind
from broker.domain.peers import Peer, PeerKind
from broker.errors import Reason
from keys import merkle
from keys.checkpoint import Checkpoint, verify_checkpoint
from tests.unit.broker_services.world import World, build, refusal

AUDITOR = Peer(kind=PeerKind.AUDITOR, name="eu-aud")
ORIGINS = {LogKind.ACTS: "broker.tocsin/log", LogKind.DIRECTORY: "broker.tocsin/log/directory"}
HUGE = (1 << 64) - 1


async def checkpoint(world: World, log: LogKind) -> Checkpoint:
    note = await world.services.logs.checkpoint(log)
    return verify_checkpoint(note, ORIGINS[log], world.federation.broker.log_key)


async def test_a_checkpoint_is_of_all_leaves(world: World) -> None:
    await world.publish()
    signed = await checkpoint(world, LogKind.ACTS)
    hashes = [merkle.hash_leaf(act.leaf()) for act in world.store.acts]
    assert (signed.size, signed.root) == (len(hashes), merkle.root(hashes))


async def test_the_directorys_checkpoint_is_the_directory_that_members_verify(
    world: World,
) -> None:
    signed = await checkpoint(world, LogKind.DIRECTORY)
    directory = world.federation.directory
    assert (signed.size, signed.root) == (directory.size, directory.root)


async def test_a_checkpoint_is_persisted_before_it_is_released(world: World) -> None:
    note = await world.services.logs.checkpoint(LogKind.ACTS)
    head = await world.store.last_checkpoint(LogKind.ACTS)
    assert head is not None
    assert head.note == note


async def test_a_checkpoint_that_cannot_be_persisted_is_not_released(world: World) -> None:
    world.store.fail(Reason.READ_ONLY)
    error = await refusal(world.services.logs.checkpoint(LogKind.ACTS))
    assert error.reason is Reason.READ_ONLY
    assert await world.store.last_checkpoint(LogKind.ACTS) is None


async def test_a_log_that_did_not_grow_has_the_same_checkpoint_without_a_write(
    world: World,
) -> None:
    first = await world.services.logs.checkpoint(LogKind.ACTS)
    writes = world.store.writes
    assert await world.services.logs.checkpoint(LogKind.ACTS) == first
    assert world.store.writes == writes


async def test_checkpoints_asked_for_at_once_never_go_back(world: World) -> None:
    async def publish() -> None:
        for _ in range(10):
            await world.publish()

    asking = [checkpoint(world, LogKind.ACTS) for _ in range(10)]
    signed, _ = await asyncio.gather(asyncio.gather(*asking), publish())
    sizes = [one.size for one in signed]
    assert sizes == sorted(sizes)


async def test_a_checkpoint_is_shared_by_those_who_ask_within_a_while(world: World) -> None:
    first = await world.services.logs.shared_checkpoint(60_000)
    await world.publish()
    assert await world.services.logs.shared_checkpoint(60_000) == first
    assert await world.services.logs.shared_checkpoint(0) != first


@pytest.mark.parametrize("log", LogKind)
async def test_two_checkpoints_are_proved_consistent(world: World, log: LogKind) -> None:
    before = await checkpoint(world, log)
    await world.lock("ro-pol")
    after = await checkpoint(world, log)
    proof = await world.services.logs.consistency(log, before.size, after.size)
    merkle.verify_consistency(before.size, after.size, proof, before.root, after.root)
    assert after.size > before.size


async def test_a_leaf_is_proved_included(world: World) -> None:
    receipt = await world.publish()
    signed = await checkpoint(world, LogKind.ACTS)
    proof = await world.services.logs.inclusion(LogKind.ACTS, receipt.log.index, signed.size)
    leaf = merkle.hash_leaf(proof.leaf)
    merkle.verify_inclusion(leaf, receipt.log.index, proof.path, signed.size, signed.root)


async def test_leaves_are_read_in_order_and_the_reading_is_logged_first(world: World) -> None:
    leaves = await world.services.logs.leaves(AUDITOR, LogKind.ACTS, 1, 3)
    assert list(leaves) == [act.leaf() for act in world.store.acts[1:4]]
    assert world.store.acts[-1].fields == {
        "reader": "eu-aud",
        "log": "acts",
        "start": 1,
        "count": 3,
    }


async def test_leaves_are_not_handed_out_when_the_reading_cannot_be_logged(world: World) -> None:
    world.store.fail(Reason.STORAGE_FULL)
    error = await refusal(world.services.logs.leaves(AUDITOR, LogKind.ACTS, 0, 3))
    assert error.reason is Reason.STORAGE_FULL


@pytest.mark.parametrize("start", [10_000, HUGE])
async def test_nothing_is_read_and_logged_behind_the_end(world: World, start: int) -> None:
    assert list(await world.services.logs.leaves(AUDITOR, LogKind.ACTS, start, 10)) == []
    assert "read-log" not in world.kinds()


async def test_more_leaves_than_a_page_holds_are_refused(world: World) -> None:
    error = await refusal(world.services.logs.leaves(AUDITOR, LogKind.ACTS, 0, MAX_LEAVES + 1))
    assert error.metadata == {"field": "page_size"}


@pytest.mark.parametrize("sizes", [(0, 10_000), (0, HUGE), (HUGE, HUGE), (5, 5)])
async def test_a_proof_in_a_tree_that_is_not_there_is_not_found(
    world: World, sizes: tuple[int, int]
) -> None:
    error = await refusal(world.services.logs.inclusion(LogKind.ACTS, *sizes))
    assert error.reason is Reason.NOT_FOUND


@pytest.mark.parametrize("sizes", [(0, 5), (5, 4), (1, 10_000), (1, HUGE)])
async def test_a_proof_between_trees_that_are_not_there_is_not_found(
    world: World, sizes: tuple[int, int]
) -> None:
    error = await refusal(world.services.logs.consistency(LogKind.ACTS, *sizes))
    assert error.reason is Reason.NOT_FOUND


async def test_without_a_federation_there_is_no_checkpoint() -> None:
    world = await World.without_federation(build())
    error = await refusal(world.services.logs.checkpoint(LogKind.ACTS))
    assert error.reason is Reason.UNAUTHENTICATED
