# SPDX-License-Identifier: Apache-2.0
"""The federation's directory: a list of entries that stewards signed, replayed and verified whole.

Immutable: each accepted entry gives a new `Directory`. An entry states its place, so none can be
replayed, left out or put in another order; the Merkle root over the signed entries names the
state. Does not fetch or store anything. Source: docs/protocol.md section 10.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self

from keys import merkle
from keys.entries import (
    AgencyEntry,
    Entry,
    LockEntry,
    RetireEntry,
    RuleBookEntry,
    TopicEntry,
    UnlockEntry,
    decode_content,
    encode_content,
)
from keys.errors import DirectoryError, FramingError, Reason
from keys.fields import check_time
from keys.framing import (
    HASH_BYTES,
    framed,
    read_bytes,
    read_uint,
    refusing,
    sha256,
    u64,
    unframe,
)
from keys.recipients import EncryptionKey
from keys.root import (
    RootDocument,
    SignedRoot,
    count_signatures,
    decode_signatures,
    encode_signatures,
    federation_id,
    merged_signatures,
    verified_roots,
)
from keys.signers import Signer
from keys.signing import PAYLOAD_ENTRY, Keyset

__all__ = [
    "AgencyEntry",
    "Directory",
    "DirectoryEntry",
    "Entry",
    "LockEntry",
    "RetireEntry",
    "RuleBookEntry",
    "SignedEntry",
    "TopicEntry",
    "UnlockEntry",
    "decode_entry",
    "encode_entry",
    "required_signatures",
    "sign_entry",
]

MAX_ENTRY_BYTES = 2 << 20

_KeyName = tuple[str, str]
"""What a key is for, and its id: keysets and encryption keys may have one id."""

_ENTRY = "tocsin/directory-entry/v1"
_SIGNED = "tocsin/signed-entry/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryEntry:
    """An entry with its place: federation (32 bytes), index from 0, time in milliseconds."""

    federation: bytes
    index: int
    issued_at: int
    content: Entry


@refusing(DirectoryError)
def encode_entry(federation: bytes, index: int, issued_at: int, entry: Entry) -> bytes:
    """Return the DIRECTORY_ENTRY bytes, the body that stewards sign.

    Args:
        federation: 32 bytes.
        index: the entry's place; the size of the directory that it extends.
        issued_at: milliseconds since 1970; not earlier than the entry before.
        entry: what it says.
    """
    check_time(issued_at)
    read_bytes(federation, HASH_BYTES)
    return framed(_ENTRY, federation, u64(index), u64(issued_at), encode_content(entry))


@refusing(DirectoryError)
def decode_entry(body: bytes) -> DirectoryEntry:
    """Read DIRECTORY_ENTRY bytes; raises `DirectoryError` for any `encode_entry` does not write."""
    federation, index, issued_at, content = unframe(_ENTRY, body, 4)
    entry = DirectoryEntry(
        federation=read_bytes(federation, HASH_BYTES),
        index=read_uint(index, 8),
        issued_at=read_uint(issued_at, 8),
        content=decode_content(content),
    )
    check_time(entry.issued_at)
    return entry


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedEntry:
    """An entry's body with (keyset id, signature) pairs over it, untrusted until applied."""

    body: bytes
    signatures: tuple[tuple[str, bytes], ...] = ()

    def encode(self) -> bytes:
        """Return the SIGNED_ENTRY bytes, the leaf of the directory's tree."""
        return framed(_SIGNED, self.body, encode_signatures(self.signatures))

    @classmethod
    @refusing(DirectoryError)
    def decode(cls, data: bytes) -> Self:
        """Read SIGNED_ENTRY bytes; raises `DirectoryError` for any `encode` would not write."""
        if len(data) > MAX_ENTRY_BYTES:
            raise FramingError(Reason.LIMIT_EXCEEDED, f"directory entry of {len(data)} bytes")
        body, signatures = unframe(_SIGNED, data, 2)
        return cls(body=body, signatures=decode_signatures(signatures))

    def with_signature(self, keyset_id: str, signature: bytes) -> Self:
        """Return it with one more signature, replacing an earlier one by the same keyset."""
        return replace(self, signatures=merged_signatures(self.signatures, keyset_id, signature))


def sign_entry(signed: SignedEntry, signer: Signer) -> SignedEntry:
    """Return `signed` with the signature of a steward's signer over its body added."""
    return signed.with_signature(signer.keyset_id, signer.sign(PAYLOAD_ENTRY, signed.body))


def required_signatures(entry: Entry, root: RootDocument) -> int:
    """Return how many stewards must sign.

    One for a lock, which must be quick and can be lifted; the root's threshold for all else.
    """
    return 1 if isinstance(entry, LockEntry) else root.threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The state after a number of entries. Make one with `start`, extend it with `with_entry`."""

    federation: bytes
    issued_at: int = 0
    rule_book: RuleBookEntry | None = None
    leaf_hashes: tuple[bytes, ...] = ()
    _roots: tuple[RootDocument, ...]
    _frontier: merkle.Frontier = ()
    _agencies: Mapping[str, AgencyEntry] = field(default_factory=dict)
    _keys: Mapping[str, Mapping["_KeyName", bytes]] = field(default_factory=dict)
    """What each agency's key ids ever stood for: an id that was dropped comes back as it was."""
    _topics: Mapping[str, TopicEntry] = field(default_factory=dict)
    _locked: frozenset[str] = frozenset()
    _retired: frozenset[str] = frozenset()

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
        applied = self._applied(entry.content)
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
        root, signatures = self._root_in_force(), dict(signed.signatures)
        counted = count_signatures(root, PAYLOAD_ENTRY, signed.body, signatures, entry.issued_at)
        needed = required_signatures(entry.content, root)
        if counted < needed:
            raise DirectoryError(
                Reason.NOT_ENOUGH_SIGNATURES,
                f"entry {entry.index} has {counted} signatures, expected {needed}",
            )

    def _applied(self, entry: Entry) -> Self:
        match entry:
            case AgencyEntry():
                return self._with_agency(entry)
            case TopicEntry():
                topics = dict(sorted({**self._topics, entry.topic: entry}.items()))
                return replace(self, _topics=MappingProxyType(topics))
            case RuleBookEntry():
                return self._with_rule_book(entry)
            case LockEntry():
                self._check_known(entry.agency)
                return replace(self, _locked=self._locked | {entry.agency})
            case UnlockEntry():
                self._check_known(entry.agency)
                return replace(self, _locked=self._locked - {entry.agency})
            case RetireEntry():
                self._check_known(entry.agency)
                return replace(self, _retired=self._retired | {entry.agency})

    def _check_known(self, agency: str) -> None:
        if agency not in self._agencies:
            raise DirectoryError(Reason.ENTRY_INVALID, f"agency {agency} is not in the directory")
        if agency in self._retired:
            raise DirectoryError(Reason.ENTRY_INVALID, f"agency {agency} has retired for good")

    def _with_agency(self, entry: AgencyEntry) -> Self:
        if entry.agency in self._retired:
            raise DirectoryError(
                Reason.ENTRY_INVALID, f"agency {entry.agency} has retired for good"
            )
        _check_role(self._agencies.get(entry.agency), entry)
        keys = _keys_with(self._keys.get(entry.agency, {}), entry)
        agencies = dict(sorted({**self._agencies, entry.agency: entry}.items()))
        return replace(
            self,
            _agencies=MappingProxyType(agencies),
            _keys=MappingProxyType({**self._keys, entry.agency: keys}),
        )

    def _with_rule_book(self, entry: RuleBookEntry) -> Self:
        current = self.rule_book.version if self.rule_book else 0
        if entry.version != current + 1:
            raise DirectoryError(
                Reason.ENTRY_INVALID, f"rule book {current} is followed by {entry.version}"
            )
        return replace(self, rule_book=entry)

    def agency(self, agency: str) -> AgencyEntry | None:
        """Return the agency's latest entry; also for a locked or retired one."""
        return self._agencies.get(agency)

    def agencies(self) -> tuple[AgencyEntry, ...]:
        """Return all agencies, locked and retired ones included, in order of id."""
        return tuple(self._agencies.values())

    def topic(self, topic: str) -> TopicEntry | None:
        """Return the topic's latest entry."""
        return self._topics.get(topic)

    def topics(self) -> tuple[TopicEntry, ...]:
        """Return all topics in order of name."""
        return tuple(self._topics.values())

    def is_locked(self, agency: str) -> bool:
        """Whether the agency is locked out."""
        return agency in self._locked

    def is_retired(self, agency: str) -> bool:
        """Whether the agency has retired."""
        return agency in self._retired

    def active(self, agency: str) -> bool:
        """Whether the agency is known and neither locked nor retired."""
        return agency in self._agencies and not (self.is_locked(agency) or self.is_retired(agency))

    def keyset(self, agency: str, keyset_id: str) -> Keyset | None:
        """Return a signing keyset of the agency, whatever its validity."""
        entry = self._agencies.get(agency)
        return entry.keyset(keyset_id) if entry else None

    def encryption_key(self, agency: str, at: int) -> EncryptionKey | None:
        """Return the newest key of an active agency that may be sealed to at `at`."""
        entry = self._agencies.get(agency)
        return entry.encryption_key(at) if entry and self.active(agency) else None


def _check_pins(roots: Sequence[RootDocument], size: int, tree_root: bytes) -> None:
    """Refuse a history that is not the one a root was made at."""
    for root in roots:
        if root.directory_size == size and root.directory_root != tree_root:
            raise DirectoryError(
                Reason.ROOT_INVALID, f"root {root.version} pins another history of {size} entries"
            )


def _check_role(before: AgencyEntry | None, entry: AgencyEntry) -> None:
    if before is not None and before.role != entry.role:
        raise DirectoryError(Reason.ENTRY_INVALID, f"role of {entry.agency} cannot change")


def _keys_with(known: Mapping[_KeyName, bytes], entry: AgencyEntry) -> Mapping[_KeyName, bytes]:
    """Return an agency's known keys and those of an entry, by what they are for and id.

    Refuses other keys under an id that the agency ever had: signatures and wraps name keys by id
    alone, and frames under a key that was dropped are still read.
    """
    named = {("keyset", one.keyset_id): sha256(one.ed25519 + one.mldsa65) for one in entry.signing}
    named |= {("encryption key", one.key_id): sha256(one.public) for one in entry.encryption}
    for name, digest in named.items():
        if known.get(name, digest) != digest:
            raise DirectoryError(
                Reason.ENTRY_INVALID, f"{' '.join(name)} of {entry.agency} had other keys before"
            )
    return MappingProxyType({**known, **named})
