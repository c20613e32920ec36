# SPDX-License-Identifier: Apache-2.0
"""Merkle trees: what a proof must be, at the edges. tests/property/keys has all sizes."""

import hashlib

import pytest

from keys import merkle
from keys.errors import ProofError, Reason

LEAVES = [merkle.hash_leaf(bytes([number])) for number in range(7)]
ROOT = merkle.root(LEAVES)
ZERO = bytes(32)


def test_leaves_and_nodes_are_hashed_apart() -> None:
    assert merkle.hash_leaf(b"x") == hashlib.sha256(b"\x00x").digest()
    assert merkle.hash_children(ZERO, ROOT) == hashlib.sha256(b"\x01" + ZERO + ROOT).digest()
    assert merkle.hash_leaf(b"\x01" + ZERO + ROOT) != merkle.hash_children(ZERO, ROOT)


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert merkle.root([]) == merkle.EMPTY_ROOT == hashlib.sha256().digest()


def test_a_tree_of_one_has_its_leaf_as_root() -> None:
    assert merkle.root(LEAVES[:1]) == LEAVES[0]
    merkle.verify_inclusion(LEAVES[0], 0, [], 1, LEAVES[0])


def refuse_inclusion(
    leaf: bytes = LEAVES[3],
    index: int = 3,
    proof: list[bytes] | None = None,
    size: int = 7,
    root: bytes = ROOT,
) -> str:
    path = merkle.inclusion_path(LEAVES, 3) if proof is None else proof
    with pytest.raises(ProofError) as refused:
        merkle.verify_inclusion(leaf, index, path, size, root)
    assert refused.value.reason is Reason.PROOF_INVALID
    return refused.value.detail


def test_inclusion_is_of_this_leaf_at_this_place_in_this_tree() -> None:
    merkle.verify_inclusion(LEAVES[3], 3, merkle.inclusion_path(LEAVES, 3), 7, ROOT)
    assert "another root" in refuse_inclusion(leaf=LEAVES[2])
    assert "another root" in refuse_inclusion(index=2)
    assert "another root" in refuse_inclusion(root=ZERO)
    assert "another root" in refuse_inclusion(root=merkle.root(LEAVES[:6]))


@pytest.mark.parametrize(("index", "size"), [(7, 7), (-1, 7), (0, 0), (3, -1), (3, 2**63 + 1)])
def test_a_place_outside_the_tree_includes_nothing(index: int, size: int) -> None:
    assert "no leaf" in refuse_inclusion(index=index, size=size)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_hashes_have_exactly_32_bytes(length: int) -> None:
    wrong, path = bytes(length), merkle.inclusion_path(LEAVES, 3)
    for detail in (
        refuse_inclusion(leaf=wrong),
        refuse_inclusion(root=wrong),
        refuse_inclusion(proof=[wrong, *path[1:]]),
    ):
        assert f"has {length} bytes, expected 32" in detail


def test_an_inner_node_is_not_the_root_of_what_is_above_it() -> None:
    """The proof leads to the given root and is still too short for the tree's size."""
    inner = merkle.hash_children(LEAVES[0], LEAVES[1])
    assert "too short" in refuse_inclusion(LEAVES[0], 0, [LEAVES[1]], 4, inner)
    assert "too short" in refuse_inclusion(LEAVES[0], 0, [], 2, LEAVES[0])


def test_an_empty_leaf_is_not_in_an_empty_root() -> None:
    refuse_inclusion(leaf=b"", index=0, proof=[], size=1, root=b"")


def test_a_proof_of_a_thousand_hashes_is_refused_as_too_long() -> None:
    assert "too long" in refuse_inclusion(proof=[ZERO] * 1000)


def test_a_proof_in_a_tree_of_2_to_the_63_has_63_hashes() -> None:
    path = [ZERO] * 63
    computed = LEAVES[0]
    for sibling in path:
        computed = merkle.hash_children(computed, sibling)
    merkle.verify_inclusion(LEAVES[0], 0, path, 2**63, computed)
    refuse_inclusion(LEAVES[0], 0, path[:-1], 2**63, computed)
    refuse_inclusion(LEAVES[0], 0, [*path, ZERO], 2**63, computed)


def refuse_consistency(
    old: int = 3,
    new: int = 7,
    proof: list[bytes] | None = None,
    old_root: bytes | None = None,
    new_root: bytes = ROOT,
) -> str:
    path = merkle.consistency_path(LEAVES, 3) if proof is None else proof
    with pytest.raises(ProofError) as refused:
        merkle.verify_consistency(
            old, new, path, merkle.root(LEAVES[:3]) if old_root is None else old_root, new_root
        )
    assert refused.value.reason is Reason.PROOF_INVALID
    return refused.value.detail


def test_consistency_is_of_this_beginning_and_this_tree() -> None:
    path = merkle.consistency_path(LEAVES, 3)
    merkle.verify_consistency(3, 7, path, merkle.root(LEAVES[:3]), ROOT)
    assert "another old root" in refuse_consistency(old_root=ZERO)
    assert "another new root" in refuse_consistency(new_root=ZERO)
    refuse_consistency(old=2)
    refuse_consistency(new=4)
    refuse_consistency(new=9)


def test_from_nothing_nothing_is_proved() -> None:
    for old_root in (merkle.EMPTY_ROOT, ROOT, ZERO):
        assert "no proof from size 0" in refuse_consistency(old=0, proof=[], old_root=old_root)


@pytest.mark.parametrize(("old", "new"), [(8, 7), (-1, 7), (3, 2), (1, 2**63 + 1), (-3, -1)])
def test_a_tree_does_not_shrink(old: int, new: int) -> None:
    assert "no proof" in refuse_consistency(old=old, new=new)


def test_equal_sizes_have_equal_roots_and_no_proof() -> None:
    merkle.verify_consistency(7, 7, [], ROOT, ROOT)
    assert "different roots" in refuse_consistency(7, 7, [], ZERO)
    assert "is not empty" in refuse_consistency(7, 7, [ZERO], ROOT)


def test_equal_roots_of_another_length_prove_nothing() -> None:
    for wrong in (b"", bytes(31), bytes(33)):
        assert "expected 32" in refuse_consistency(7, 7, [], wrong, wrong)


def test_a_perfect_old_tree_is_itself_the_first_hash() -> None:
    path = merkle.consistency_path(LEAVES, 4)
    assert len(path) == 1
    merkle.verify_consistency(4, 7, path, merkle.root(LEAVES[:4]), ROOT)
    refuse_consistency(4, 7, [merkle.root(LEAVES[:4]), *path], merkle.root(LEAVES[:4]))


def test_an_empty_proof_between_sizes_is_refused() -> None:
    refuse_consistency(proof=[])
    refuse_consistency(4, 7, [], merkle.root(LEAVES[:4]))
    refuse_consistency(4, 7, [], ROOT)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_hashes_of_a_consistency_proof_have_32_bytes(length: int) -> None:
    wrong, path = bytes(length), merkle.consistency_path(LEAVES, 3)
    refuse_consistency(old_root=wrong)
    refuse_consistency(new_root=wrong)
    refuse_consistency(proof=[*path[:-1], wrong])


def test_no_path_is_made_for_what_is_not_there() -> None:
    for index in (-1, 7):
        with pytest.raises(ProofError):
            merkle.inclusion_path(LEAVES, index)
        with pytest.raises(ProofError):
            merkle.stored_inclusion_path(index, 7, lambda _level, _index: ZERO)
    for old in (0, 8, -1):
        with pytest.raises(ProofError):
            merkle.consistency_path(LEAVES, old)
