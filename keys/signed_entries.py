# SPDX-License-Identifier: Apache-2.0
"""A directory entry with its place, and the signatures over it.

Bytes and signing only; `keys.directory` verifies and applies. Source: docs/protocol.md section 10.
"""

from dataclasses import dataclass, replace
from typing import Self

from keys.changes import CardEntry
from keys.entries import Entry, LockEntry, decode_content, encode_content
from keys.errors import DirectoryError, FramingError, Reason
from keys.fields import check_time
from keys.framing import HASH_BYTES, framed, read_bytes, read_uint, refusing, u64, unframe
from keys.root import RootDocument, decode_signatures, encode_signatures, merged_signatures
from keys.signers import Signer
from keys.signing import PAYLOAD_CARD, PAYLOAD_ENTRY

MAX_ENTRY_BYTES = 2 << 20

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


def sign_card(signed: SignedEntry, signer: Signer) -> SignedEntry:
    """Return `signed`, whose content is a card, with the signature of the agency's signer."""
    return signed.with_signature(signer.keyset_id, signer.sign(PAYLOAD_CARD, signed.body))


def required_signatures(entry: Entry, root: RootDocument) -> int:
    """Return how many stewards must sign.

    One for a lock, which must be quick and can be lifted; none for a card, which its agency signs;
    the root's threshold for all else.
    """
    match entry:
        case CardEntry():
            return 0
        case LockEntry():
            return 1
        case _:
            return root.threshold
