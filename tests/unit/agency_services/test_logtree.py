# SPDX-License-Identifier: Apache-2.0
"""A tree recomputed block by block, and the way down to the first leaf that is not as signed."""

from collections.abc import Sequence

import pytest

from agency_client.services import logtree
from agency_client.services.logtree import MISSING, BlockTree, first_bad
from keys import merkle
from keys.errors import ProofError
from keys.framing import sha256

SIZES = [*range(1, 34), 47, 63, 64, 65]


@pytest.fixture(autouse=True)
def block(monkeypatch: pytest.MonkeyPatch) -> int:
    """Blocks small enough that a test's tree has several."""
    monkeypatch.setattr(logtree, "BLOCK", 8)
    return 8


def hashes(count: int) -> list[bytes]:
    return [sha256(number.to_bytes(4, "big")) for number in range(count)]


def grown(leaves: Sequence[bytes], block: int, *marks: int) -> BlockTree:
    tree = BlockTree([len(leaves), *marks])
    for start in range(0, len(leaves), block):
        tree.add(leaves[start : start + block])
    return tree


class Log:
    """A log as it signed itself: `true` hashes prove, `served` ones are what it serves."""

    def __init__(self, true: list[bytes], served: list[bytes], size: int, block: int) -> None:
        self.true, self.served, self.size, self.block = true[:size], served, size, block
        self.asked = 0

    async def proof(self, index: int) -> Sequence[bytes]:
        self.asked += 1
        return merkle.inclusion_path(self.true, index)

    async def hashes(self, start: int) -> Sequence[bytes]:
        return self.served[start : start + self.block]

    async def first_bad(self) -> int:
        tree = grown(self.served, self.block, self.size)
        return await first_bad(tree, self.size, merkle.root(self.true), self.proof, self.hashes)


@pytest.mark.parametrize("size", SIZES)
def test_its_roots_are_those_of_the_whole_tree_at_every_size(size: int, block: int) -> None:
    leaves = hashes(size)
    tree = grown(leaves, block, *range(size + 1))
    for mark in range(size + 1):
        assert tree.root(mark) == merkle.root(leaves[:mark])
    assert tree.root(size + 1) is None


@pytest.mark.parametrize("size", SIZES)
async def test_the_first_changed_leaf_is_found_at_every_place(size: int, block: int) -> None:
    true = hashes(size)
    for place in range(size):
        served = list(true)
        served[place] = MISSING
        log = Log(true, served, size, block)
        assert await log.first_bad() == place
        assert log.asked <= 1 + size.bit_length()


async def test_of_many_changed_leaves_the_first_is_found(block: int) -> None:
    true = hashes(30)
    served = [*true[:11], *([MISSING] * 19)]
    assert await Log(true, served, 30, block).first_bad() == 11


async def test_a_smaller_signed_tree_is_gone_down_too(block: int) -> None:
    true = hashes(40)
    served = list(true)
    served[19] = MISSING
    assert await Log(true, served, 21, block).first_bad() == 19


async def test_proofs_that_do_not_lead_to_the_root_name_nothing(block: int) -> None:
    log = Log(hashes(21), hashes(21), 21, block)
    tree = grown(log.served, block)
    with pytest.raises(ProofError, match="no proof of entries 0 to 20 leads to the root"):
        await first_bad(tree, 21, sha256(b"another root"), log.proof, log.hashes)


async def test_proofs_that_are_too_short_name_nothing(block: int) -> None:
    async def nothing(_: int) -> Sequence[bytes]:
        return ()

    log = Log(hashes(21), hashes(21), 21, block)
    with pytest.raises(ProofError, match="too short"):
        await first_bad(grown(log.served, block), 21, bytes(32), nothing, log.hashes)


async def test_a_tree_that_is_right_has_no_bad_leaf(block: int) -> None:
    with pytest.raises(ProofError, match="served otherwise"):
        await Log(hashes(21), hashes(21), 21, block).first_bad()
