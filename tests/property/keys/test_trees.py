# SPDX-License-Identifier: Apache-2.0
"""Trees of all sizes up to 257 against RFC 9162's recursive definitions, and every wrong proof.

The definitions are written out below as the RFC has them (sections 2.1.1, 2.1.3.1 and 2.1.4.1) and
share nothing with `keys.merkle`.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import merkle
from keys.errors import ProofError

MOST = 257
ENTRIES = [f"entry {number}".encode() for number in range(MOST)]
LEAVES = [merkle.hash_leaf(entry) for entry in ENTRIES]
OTHER = hashlib.sha256(b"other").digest()
SIZES = range(1, MOST + 1)

Proof = Sequence[bytes]


@cache
def tree_hash(start: int, end: int) -> bytes:
    """MTH(D[start:end])."""
    if start == end:
        return hashlib.sha256().digest()
    if end - start == 1:
        return hashlib.sha256(b"\x00" + ENTRIES[start]).digest()
    k = split(end - start)
    left, right = tree_hash(start, start + k), tree_hash(start + k, end)
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(n: int) -> int:
    """Return the largest power of two smaller than n."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def path(m: int, start: int, end: int) -> list[bytes]:
    """PATH(m, D[start:end])."""
    if end - start == 1:
        return []
    k = split(end - start)
    if m < k:
        return [*path(m, start, start + k), tree_hash(start + k, end)]
    return [*path(m - k, start + k, end), tree_hash(start, start + k)]


def subproof(m: int, start: int, end: int, *, complete: bool) -> list[bytes]:
    """SUBPROOF(m, D[start:end], b)."""
    n = end - start
    if m == n:
        return [] if complete else [tree_hash(start, end)]
    k = split(n)
    if m <= k:
        return [*subproof(m, start, start + k, complete=complete), tree_hash(start + k, end)]
    return [*subproof(m - k, start + k, end, complete=False), tree_hash(start, start + k)]


def consistency(m: int, n: int) -> list[bytes]:
    """PROOF(m, D[0:n])."""
    return subproof(m, 0, n, complete=True)


@pytest.fixture(scope="module")
def nodes() -> dict[tuple[int, int], bytes]:
    """The largest tree as a database keeps it, appended to in uneven portions."""
    stored: dict[tuple[int, int], bytes] = {}
    size = 0
    for portion in (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 26):
        made = merkle.appended_nodes(size, LEAVES[size : size + portion], reader(stored))
        for level, index, value in made:
            assert (level, index) not in stored
            stored[level, index] = value
        size += portion
    assert size == MOST
    return stored


def reader(stored: dict[tuple[int, int], bytes]) -> merkle.ReadNode:
    return lambda level, index: stored[level, index]


def test_every_root_is_the_rfcs() -> None:
    for size in range(MOST + 1):
        assert merkle.root(LEAVES[:size]) == tree_hash(0, size)


def test_every_inclusion_path_is_the_rfcs_and_verifies() -> None:
    for size in SIZES:
        root = tree_hash(0, size)
        paths = merkle.inclusion_paths(LEAVES[:size])
        for index in range(size):
            assert paths[index] == path(index, 0, size)
            merkle.verify_inclusion(LEAVES[index], index, paths[index], size, root)
        assert merkle.inclusion_path(LEAVES[:size], size // 2) == paths[size // 2]


def test_every_consistency_path_is_the_rfcs_and_verifies() -> None:
    for new in SIZES:
        for old in range(1, new + 1):
            proof = consistency(old, new)
            merkle.verify_consistency(old, new, proof, tree_hash(0, old), tree_hash(0, new))
        middle = (new + 1) // 2
        assert merkle.consistency_path(LEAVES[:new], middle) == consistency(middle, new)


def test_a_stored_tree_gives_every_root_and_path(nodes: dict[tuple[int, int], bytes]) -> None:
    read = reader(nodes)
    assert merkle.stored_root(0, read) == merkle.EMPTY_ROOT
    for size in SIZES:
        assert merkle.stored_root(size, read) == tree_hash(0, size)
        for place in range(size):
            assert merkle.stored_inclusion_path(place, size, read) == path(place, 0, size)
            assert merkle.stored_consistency_path(place + 1, size, read) == (
                consistency(place + 1, size)
            )


def test_a_stored_tree_holds_perfect_subtrees_and_nothing_else(
    nodes: dict[tuple[int, int], bytes],
) -> None:
    assert len(nodes) == sum(MOST >> level for level in range(9))
    for (level, index), value in nodes.items():
        assert value == tree_hash(index << level, index + 1 << level)


def test_a_frontier_gives_every_root() -> None:
    frontier: merkle.Frontier = ()
    for size in range(MOST):
        assert merkle.frontier_root(frontier) == tree_hash(0, size)
        assert len(frontier) == size.bit_count()
        frontier = merkle.extended(frontier, LEAVES[size])


def wrong(proof: Proof) -> Iterator[Proof]:
    """Yield proofs that differ: a hash less or more at either end, each hash another, swapped."""
    yield [*proof, OTHER]
    yield [OTHER, *proof]
    if proof:
        yield proof[1:]
        yield proof[:-1]
        yield [*proof, proof[-1]]
    for place in range(len(proof)):
        yield [*proof[:place], OTHER, *proof[place + 1 :]]
    if len(proof) > 1:
        yield proof[::-1]


def all_refused(verify: Callable[[Proof], None], proof: Proof) -> bool:
    for candidate in wrong(proof):
        try:
            verify(candidate)
        except ProofError:
            continue
        return False
    return True


@pytest.mark.slow
def test_no_other_inclusion_proof_verifies() -> None:
    for size in SIZES:
        for index, proof in enumerate(merkle.inclusion_paths(LEAVES[:size])):

            def verify(candidate: Proof, index: int = index, size: int = size) -> None:
                merkle.verify_inclusion(LEAVES[index], index, candidate, size, tree_hash(0, size))

            assert all_refused(verify, proof)


@pytest.mark.slow
def test_no_other_consistency_proof_verifies(nodes: dict[tuple[int, int], bytes]) -> None:
    for new in SIZES:
        for old in range(1, new + 1):

            def verify(candidate: Proof, old: int = old, new: int = new) -> None:
                merkle.verify_consistency(old, new, candidate, tree_hash(0, old), tree_hash(0, new))

            assert all_refused(verify, merkle.stored_consistency_path(old, new, reader(nodes)))


def test_a_proof_is_of_one_leaf_at_one_place() -> None:
    for size in range(1, 34):
        root = tree_hash(0, size)
        for index, proof in enumerate(merkle.inclusion_paths(LEAVES[:size])):
            for place in range(size):
                for leaf in {index, place}:
                    if (leaf, place) != (index, index):
                        with pytest.raises(ProofError):
                            merkle.verify_inclusion(LEAVES[leaf], place, proof, size, root)


def test_a_proof_is_between_two_roots() -> None:
    for new in range(1, 34):
        for old in range(1, new + 1):
            proof, roots = consistency(old, new), (tree_hash(0, old), tree_hash(0, new))
            for other in range(1, 34):
                for pair in ((tree_hash(0, other), roots[1]), (roots[0], tree_hash(0, other))):
                    if pair != roots:
                        with pytest.raises(ProofError):
                            merkle.verify_consistency(old, new, proof, *pair)


SIXTY_THREE_BITS = st.integers(-2, 2**63 + 1)
HASHES = st.one_of(st.just(OTHER), st.binary(max_size=40))


@given(HASHES, SIXTY_THREE_BITS, st.lists(HASHES, max_size=70), SIXTY_THREE_BITS, HASHES)
def test_no_arguments_whatever_raise_anything_but_a_proof_error(
    leaf: bytes, index: int, proof: list[bytes], size: int, root: bytes
) -> None:
    with pytest.raises(ProofError):
        merkle.verify_inclusion(leaf, index, proof, size, root)
    with pytest.raises(ProofError):
        merkle.verify_consistency(index, size, [*proof, OTHER], leaf, root)
