# SPDX-License-Identifier: Apache-2.0
"""The federation's directory: a list of entries that stewards signed, replayed and verified whole.

Immutable: each accepted entry gives a new `Directory`. An entry states its place, so none can be
replayed, left out or put in another order; the Merkle root over the signed entries names the
state. Does not fetch or store anything. Source: docs/protocol.md section 10.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from keys import merkle
from keys.changes import CardEntry, OperationEntry, RevokeEntry, SuccessorEntry
from keys.entries import (
    AgencyEntry,
    Entry,
    LockEntry,
    RetireEntry,
    RuleBookEntry,
    TopicEntry,
    UnlockEntry,
)
from keys.errors import DirectoryError, Reason, SignatureError
from keys.membership import Membership
from keys.root import (
    RootDocument,
    SignedRoot,
    count_signatures,
    federation_id,
    verified_roots,
)
from keys.signed_entries import (
    DirectoryEntry,
    SignedEntry,
    decode_entry,
    encode_entry,
    required_signatures,
    sign_card,
    sign_entry,
)
from keys.signing import PAYLOAD_CARD, PAYLOAD_ENTRY, verify

__all__ = [
    "AgencyEntry",
    "CardEntry",
    "Directory",
    "DirectoryEntry",
    "Entry",
    "LockEntry",
    "OperationEntry",
    "RetireEntry",
    "RevokeEntry",
    "RuleBookEntry",
    "SignedEntry",
    "SuccessorEntry",
    "TopicEntry",
    "UnlockEntry",
    "decode_entry",
    "encode_entry",
    "required_signatures",
    "sign_card",
    "sign_entry",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory(Membership):
    """The state after a number of entries. Make one with `start`, extend it with `with_entry`."""

    federation: bytes
    issued_at: int = 0
    leaf_hashes: tuple[bytes, ...] = ()
    _roots: tuple[RootDocument, ...]
    _frontier: merkle.Frontier = ()

    @classmethod
    def start(cls, signed_roots: Sequence[SignedRoot]) -> Self:
        """Return the empty directory under a federation's roots, from the first to the latest.

        Raises:
            RootError, SignatureError: see `keys.root.verified_roots`.
        """
        roots = verified_roots(signed_roots)
        return cls(federation=federation_id(signed_roots[0]), _roots=roots)

    def with_roots(self, signed_roots: Sequence[SignedRoot]) -> Self:
        """Return the same directory under the same federation's roots with newer versions.

        Raises:
            RootError, SignatureError: see `keys.root.verified_roots`.
            DirectoryError: another federation's; not a continuation of the roots known; or a new
                version made before entries that were already applied.
        """
        roots = verified_roots(signed_roots)
        if federation_id(signed_roots[0]) != self.federation:
            raise DirectoryError(Reason.FOREIGN_FEDERATION, "roots of another federation")
        if roots[: len(self._roots)] != self._roots:
            raise DirectoryError(Reason.ROOT_INVALID, "roots do not continue those known")
        new = roots[len(self._roots) :]
        if new and new[0].directory_size < self.size:
            raise DirectoryError(
                Reason.ROOT_INVALID,
                f"root {new[0].version} was made at {new[0].directory_size} entries, "
                f"{self.size} are known",
            )
        _check_pins(new, self.size, self.root)
        return replace(self, _roots=roots)

    @property
    def root_document(self) -> RootDocument:
        """The latest root."""
        return self._roots[-1]

    @property
    def root(self) -> bytes:
        """Root hash of the tree over the signed entries."""
        return merkle.frontier_root(self._frontier)

    @property
    def is_behind_root(self) -> bool:
        """Whether entries are missing that the latest root says exist: never act on this state."""
        return self.size < self.root_document.directory_size

    @property
    def size(self) -> int:
        """How many entries were applied."""
        return len(self.leaf_hashes)

    def with_entry(self, signed: SignedEntry) -> Self:
        """Return the directory with one more entry, after verifying it.

        It is verified under the latest root that was made before it: a later root pins the entries
        before it by their root hash instead.

        Raises:
            DirectoryError: malformed; not the next entry; older than the one before; of another
                federation; NOT_ENOUGH_SIGNATURES; or it contradicts what is there.
                ROOT_INVALID when a root pins another history.
            SignatureError: a steward's signature is wrong.
        """
        entry = decode_entry(signed.body)
        self._check_place(entry)
        self._check_signed(entry, signed)
        applied = self.with_content(entry.content)
        leaf_hash = merkle.hash_leaf(signed.encode())
        frontier = merkle.extended(self._frontier, leaf_hash)
        _check_pins(self._roots, self.size + 1, merkle.frontier_root(frontier))
        return replace(
            applied,
            leaf_hashes=(*self.leaf_hashes, leaf_hash),
            issued_at=entry.issued_at,
            _frontier=frontier,
        )

    def with_entries(self, signed: Sequence[SignedEntry]) -> Self:
        """Return the directory with several more entries."""
        directory = self
        for entry in signed:
            directory = directory.with_entry(entry)
        return directory

    def _root_in_force(self) -> RootDocument:
        return max(
            (root for root in self._roots if root.directory_size <= self.size),
            key=lambda root: root.version,
        )

    def _check_place(self, entry: DirectoryEntry) -> None:
        if entry.federation != self.federation:
            raise DirectoryError(Reason.FOREIGN_FEDERATION, "entry belongs to another federation")
        if entry.index != self.size:
            raise DirectoryError(
                Reason.ENTRY_INVALID, f"entry {entry.index} does not follow {self.size} entries"
            )
        if entry.issued_at < self.issued_at:
            raise DirectoryError(Reason.ENTRY_INVALID, "entry is older than the one before it")

    def _check_signed(self, entry: DirectoryEntry, signed: SignedEntry) -> None:
        if isinstance(entry.content, CardEntry):
            self._check_card_signed(entry.content, entry.issued_at, signed)
            return
        root, signatures = self._root_in_force(), dict(signed.signatures)
        counted = count_signatures(root, PAYLOAD_ENTRY, signed.body, signatures, entry.issued_at)
        needed = required_signatures(entry.content, root)
        if counted < needed:
            raise DirectoryError(
                Reason.NOT_ENOUGH_SIGNATURES,
                f"entry {entry.index} has {counted} signatures, expected {needed}",
            )

    def _check_card_signed(self, card: CardEntry, issued_at: int, signed: SignedEntry) -> None:
        """A card counts by one signature, of a keyset of its agency."""
        agency = card.agency
        if len(signed.signatures) != 1:
            raise DirectoryError(Reason.NOT_ENOUGH_SIGNATURES, "a card has its agency's signature")
        ((keyset_id, signature),) = signed.signatures
        keyset = self.keyset(agency, keyset_id)
        if keyset is None or self.revoked_from(agency, "keyset", keyset_id) is not None:
            raise SignatureError(Reason.UNKNOWN_KEYSET, f"{keyset_id} is no keyset of {agency}")
        if not keyset.is_valid_at(issued_at):
            raise SignatureError(Reason.EXPIRED, f"keyset {keyset_id} does not sign any more")
        verify(keyset, PAYLOAD_CARD, signed.body, signature)


def _check_pins(roots: Sequence[RootDocument], size: int, tree_root: bytes) -> None:
    """Refuse a history that is not the one a root was made at."""
    for root in roots:
        if root.directory_size == size and root.directory_root != tree_root:
            raise DirectoryError(
                Reason.ROOT_INVALID, f"root {root.version} pins another history of {size} entries"
            )
