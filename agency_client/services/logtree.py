# SPDX-License-Identifier: Apache-2.0
"""A log's tree recomputed from its leaves, and the way to the first leaf that is not as signed.

Leaves come in blocks of a power of two, and one hash a block is kept, so that a log of millions is
audited in little memory. To name a bad entry, the tree is gone down from a signed root: the two
halves of each range are taken from the log's own proofs and believed only where they hash to what
is above them. Pure; leaves and proofs are fetched by the caller. Source: RFC 9162 section 2.1.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from keys import merkle
from keys.errors import ProofError, Reason

BLOCK = 4096
"""Leaves in a block: with leaves of some 400 bytes one page of it stays below a message's 4 MiB."""

MISSING = bytes(merkle.HASH_BYTES)
"""Stands for the hash of a leaf that was not served; no leaf hashes to it."""

Proof = Callable[[int], Awaitable[Sequence[bytes]]]
"""Fetches the inclusion path of a leaf in the tree that is gone down, leaf to root."""

Block = Callable[[int], Awaitable[Sequence[bytes]]]
"""Fetches the leaf hashes of the block that begins at a leaf."""


class BlockTree:
    """The tree over leaf hashes that are added in order, block by block."""

    def __init__(self, marks: Iterable[int]) -> None:
        """Begin an empty tree whose root is wanted at the sizes `marks`."""
        self._marks = sorted(set(marks))
        self._blocks: list[bytes] = []
        self._roots: dict[int, bytes] = {0: merkle.EMPTY_ROOT}
        self.size = 0

    def add(self, hashes: Sequence[bytes]) -> None:
        """Add a block; only the last one may be short."""
        if not hashes:
            return
        for mark in self._marks:
            if self.size < mark <= self.size + len(hashes):
                part = merkle.root(hashes[: mark - self.size])
                self._roots[mark] = merkle.root([*self._blocks, part])
        self._blocks.append(merkle.root(hashes))
        self.size += len(hashes)

    def root(self, size: int) -> bytes | None:
        """Return the root at one of the marks; None where the tree did not get there."""
        return self._roots.get(size)

    def hash_of(self, low: int, high: int) -> bytes:
        """Return the hash of the leaves from `low` to before `high`, where both bound blocks."""
        return merkle.root(self._blocks[low // BLOCK : high // BLOCK])


async def first_bad(tree: BlockTree, size: int, root: bytes, proof: Proof, block: Block) -> int:
    """Return the first leaf of `tree` that is not the one under a signed root.

    Args:
        tree: recomputed; its root at `size` is not `root`.
        size: of the signed tree.
        root: signed, 32 bytes.
        proof: inclusion paths in the tree of `size`, untrusted.
        block: leaf hashes of a block once more, untrusted.

    Raises:
        ProofError: the proofs do not lead to the signed root, so that nothing can be named.
    """
    low, high, above, depth = 0, size, root, 0
    from_left = await proof(0)
    while high - low > 1:
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        from_right = await proof(middle)
        left, right = _at(from_right, depth), _at(from_left, depth)
        if merkle.hash_children(left, right) != above:
            raise ProofError(
                Reason.PROOF_INVALID, f"no proof of entries {low} to {high - 1} leads to the root"
            )
        if await _recomputed(tree, low, middle, block) != left:
            high, above = middle, left
        else:
            low, above, from_left = middle, right, from_right
        depth += 1
    if await _recomputed(tree, low, high, block) == above:
        raise ProofError(
            Reason.PROOF_INVALID, f"entry {low} was served otherwise when it was asked for again"
        )
    return low


def _at(path: Sequence[bytes], depth: int) -> bytes:
    """Return the sibling at a depth below the root."""
    if depth >= len(path):
        raise ProofError(Reason.PROOF_INVALID, "inclusion proof is too short")
    return path[-1 - depth]


async def _recomputed(tree: BlockTree, low: int, high: int, block: Block) -> bytes:
    """Return the hash of a perfect subtree: of whole blocks, or inside one."""
    if high - low >= BLOCK:
        return tree.hash_of(low, high)
    start = low - low % BLOCK
    hashes = await block(start)
    return merkle.root(hashes[low - start : high - start])
