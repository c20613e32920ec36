# SPDX-License-Identifier: Apache-2.0
"""Merkle trees of RFC 9162: roots, inclusion and consistency proofs, made and checked.

A tree is given as its list of leaf hashes, or as a `read(level, index)` of its perfect subtrees for
one kept in a database: level 0 holds the leaf hashes and the node (l, i) covers the leaves from
i * 2**l. Does not store anything. Source: RFC 9162 section 2.1.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

from keys.errors import ProofError, Reason

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""The root of the tree of size 0 (RFC 9162 section 2.1.1)."""
MAX_SIZE = 1 << 63
"""Sizes are kept in signed 64-bit columns."""

ReadNode = Callable[[int, int], bytes]
"""Returns the hash of the perfect subtree at (level, index)."""


def hash_leaf(data: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256 of a zero byte and the data."""
    return sha256(b"\x00" + data).digest()


def hash_children(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256 of a one byte and both children."""
    return sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root hash of the tree over `leaf_hashes`."""
    if not leaf_hashes:
        return EMPTY_ROOT
    level = list(leaf_hashes)
    while len(level) > 1:
        level = _level_above(level)
    return level[0]


def inclusion_path(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Return the proof that leaf `index` is in the tree, leaf to root."""
    if not 0 <= index < len(leaf_hashes):
        raise ProofError(Reason.PROOF_INVALID, f"no leaf {index} in a tree of {len(leaf_hashes)}")
    path: list[bytes] = []
    level = list(leaf_hashes)
    while len(level) > 1:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        level = _level_above(level)
        index >>= 1
    return path


def inclusion_paths(leaf_hashes: Sequence[bytes]) -> list[list[bytes]]:
    """Return the proofs of all leaves at once, hashing the tree one time only."""
    paths: list[list[bytes]] = [[] for _ in leaf_hashes]
    level, height = list(leaf_hashes), 0
    while len(level) > 1:
        for index, path in enumerate(paths):
            sibling = (index >> height) ^ 1
            if sibling < len(level):
                path.append(level[sibling])
        level, height = _level_above(level), height + 1
    return paths


def _level_above(level: list[bytes]) -> list[bytes]:
    above = [hash_children(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    if len(level) % 2:
        above.append(level[-1])
    return above


def consistency_path(leaf_hashes: Sequence[bytes], old_size: int) -> list[bytes]:
    """Return the proof that the tree's first `old_size` leaves are the older tree."""
    levels = [list(leaf_hashes)]
    while len(levels[-1]) > 1:
        levels.append(_level_above(levels[-1]))
    return stored_consistency_path(
        old_size, len(leaf_hashes), lambda level, index: levels[level][index]
    )


def verify_inclusion(
    leaf_hash: bytes, index: int, proof: Sequence[bytes], size: int, root: bytes
) -> None:
    """Check that `leaf_hash` is entry `index` of the tree of `size` entries with this `root`.

    Args:
        leaf_hash: 32 bytes (see `hash_leaf`).
        index: 0-based; less than `size`.
        proof: sibling hashes, 32 bytes each, leaf to root.
        size: entries in the tree; a tree of size 0 includes nothing.
        root: 32 bytes.

    Raises:
        ProofError: wrong length, or the recomputed root differs.

    Source: RFC 9162 section 2.1.3.2.
    """
    _check_hashes(leaf_hash, root, *proof)
    if not 0 <= index < size <= MAX_SIZE:
        raise ProofError(Reason.PROOF_INVALID, f"no leaf {index} in a tree of {size}")
    node, last, computed = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            raise ProofError(Reason.PROOF_INVALID, "inclusion proof is too long")
        if node & 1 or node == last:
            computed = hash_children(sibling, computed)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            computed = hash_children(computed, sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise ProofError(Reason.PROOF_INVALID, "inclusion proof is too short")
    if computed != root:
        raise ProofError(Reason.PROOF_INVALID, "inclusion proof leads to another root")


def verify_consistency(
    old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Check that the tree of `old_size` entries is the beginning of the tree of `new_size`.

    Args:
        old_size: at least 1: from an empty tree nothing can be proved.
        new_size: at least `old_size`.
        proof: 32 bytes each; empty for equal sizes.
        old_root: 32 bytes.
        new_root: 32 bytes.

    Raises:
        ProofError: wrong length, or a recomputed root differs.

    Source: RFC 9162 section 2.1.4.2.
    """
    _check_hashes(old_root, new_root, *proof)
    if not 0 < old_size <= new_size <= MAX_SIZE:
        raise ProofError(Reason.PROOF_INVALID, f"no proof from size {old_size} to {new_size}")
    if old_size == new_size:
        if proof:
            raise ProofError(Reason.PROOF_INVALID, "consistency proof of equal sizes is not empty")
        if old_root != new_root:
            raise ProofError(Reason.PROOF_INVALID, "equal sizes have different roots")
        return
    old_computed, new_computed = _consistent_roots(old_size, new_size, proof, old_root)
    if old_computed != old_root:
        raise ProofError(Reason.PROOF_INVALID, "consistency proof leads to another old root")
    if new_computed != new_root:
        raise ProofError(Reason.PROOF_INVALID, "consistency proof leads to another new root")


def _consistent_roots(
    old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes
) -> tuple[bytes, bytes]:
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise ProofError(Reason.PROOF_INVALID, "consistency proof is empty")
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError(Reason.PROOF_INVALID, "consistency proof is too long")
        if node & 1 or node == last:
            old, new = hash_children(sibling, old), hash_children(sibling, new)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            new = hash_children(new, sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise ProofError(Reason.PROOF_INVALID, "consistency proof is too short")
    return old, new


def _check_hashes(*hashes: bytes) -> None:
    for value in hashes:
        if len(value) != HASH_BYTES:
            raise ProofError(
                Reason.PROOF_INVALID, f"hash has {len(value)} bytes, expected {HASH_BYTES}"
            )


# A tree kept as perfect subtrees: insert-only rows (level, index, hash).


def appended_nodes(
    size: int, leaf_hashes: Sequence[bytes], read: ReadNode
) -> list[tuple[int, int, bytes]]:
    """Return the perfect subtrees that come into being when leaves are appended.

    Args:
        size: entries before.
        leaf_hashes: what is appended, in order.
        read: asked only for subtrees of the tree of `size`.

    Returns:
        (level, index, hash) of each, the leaves themselves among them, in an order that never
        names a node before its children.
    """
    stack = [(level, read(level, index)) for level, index in _perfect(0, size)]
    created: list[tuple[int, int, bytes]] = []
    for offset, leaf in enumerate(leaf_hashes):
        level, index, value = 0, size + offset, leaf
        created.append((level, index, value))
        while index & 1:
            level, index, value = level + 1, index >> 1, hash_children(stack.pop()[1], value)
            created.append((level, index, value))
        stack.append((level, value))
    return created


Frontier = tuple[tuple[int, bytes], ...]
"""The perfect subtrees that cover a tree, left to right, as (level, hash): all an append needs."""


def extended(frontier: Frontier, leaf_hash: bytes) -> Frontier:
    """Return the frontier after one more leaf."""
    nodes = list(frontier)
    level, value = 0, leaf_hash
    while nodes and nodes[-1][0] == level:
        value = hash_children(nodes.pop()[1], value)
        level += 1
    return (*nodes, (level, value))


def frontier_root(frontier: Frontier) -> bytes:
    """Return the root of the tree that a frontier covers."""
    return _joined([value for _, value in frontier]) if frontier else EMPTY_ROOT


def stored_root(size: int, read: ReadNode) -> bytes:
    """Return the root of the first `size` leaves of a stored tree."""
    return _range_hash(0, size, read) if size else EMPTY_ROOT


def stored_inclusion_path(index: int, size: int, read: ReadNode) -> list[bytes]:
    """Return the proof of leaf `index` in the first `size` leaves of a stored tree."""
    if not 0 <= index < size:
        raise ProofError(Reason.PROOF_INVALID, f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_hash(middle, end, read))
            end = middle
        else:
            path.append(_range_hash(start, middle, read))
            start = middle
    return path[::-1]


def stored_consistency_path(old_size: int, new_size: int, read: ReadNode) -> list[bytes]:
    """Return the proof that the first `old_size` leaves begin the first `new_size`.

    Source: RFC 9162 section 2.1.4.1.
    """
    if not 0 < old_size <= new_size:
        raise ProofError(Reason.PROOF_INVALID, f"no proof from size {old_size} to {new_size}")
    path: list[bytes] = []
    start, end = 0, new_size
    while end != old_size:
        middle = start + _split(end - start)
        if old_size <= middle:
            path.append(_range_hash(middle, end, read))
            end = middle
        else:
            path.append(_range_hash(start, middle, read))
            start = middle
    if start:
        path.append(_range_hash(start, end, read))
    return path[::-1]


def _split(width: int) -> int:
    """Return the largest power of two smaller than `width`."""
    return 1 << (width - 1).bit_length() - 1


def _perfect(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Name the perfect subtrees of [start, end), left to right; `start` is aligned to them."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _range_hash(start: int, end: int, read: ReadNode) -> bytes:
    return _joined([read(level, index) for level, index in _perfect(start, end)])


def _joined(hashes: list[bytes]) -> bytes:
    value = hashes.pop()
    while hashes:
        value = hash_children(hashes.pop(), value)
    return value
