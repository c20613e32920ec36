# SPDX-License-Identifier: Apache-2.0
"""The federation's root of trust: its stewards, how many must sign, and the broker's anchors.

Version N+1 needs the thresholds of N and of N+1, so no step can be taken by fewer stewards than
either version asks for. The digest of the first version names the federation.
Source: TUF specification 1.0.33 sections 5.3 and 6.1; docs/protocol.md section 9.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

from keys.errors import FramingError, Reason, RootError, SignatureError
from keys.fields import check_agency, check_bytes, check_code, check_key_id, check_label, check_time
from keys.framing import (
    HASH_BYTES,
    framed,
    listed,
    read_text,
    read_uint,
    refusing,
    sha256,
    u32,
    u64,
    unframe,
    unlisted,
)
from keys.merkle import EMPTY_ROOT
from keys.signers import Signer
from keys.signing import ED25519_BYTES, PAYLOAD_ROOT, SIGNATURE_BYTES, Keyset, verify

NO_PREVIOUS = bytes(HASH_BYTES)
"""`previous` of the first version."""
MAX_STEWARDS = 32
MAX_CERTIFICATE_BYTES = 16 * 1024

_STEWARD = "tocsin/steward/v1"
_ROOT = "tocsin/root/v1"
_SIGNED = "tocsin/signed-root/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Steward:
    """One who signs for the federation: name (same form as an agency id), keys, TLS root (DER)."""

    name: str
    keyset: Keyset
    tls_root: bytes

    @refusing(RootError)
    def __post_init__(self) -> None:
        check_agency(self.name)
        if not 0 < len(self.tls_root) <= MAX_CERTIFICATE_BYTES:
            raise FramingError(Reason.MALFORMED, "steward's TLS root is missing or too large")

    def encode(self) -> bytes:
        """Return the STEWARD bytes."""
        return framed(_STEWARD, self.name.encode(), self.keyset.encode(), self.tls_root)

    @classmethod
    @refusing(RootError)
    def decode(cls, data: bytes) -> Self:
        """Read STEWARD bytes."""
        name, keyset, tls_root = unframe(_STEWARD, data, 3)
        return cls(name=read_text(name), keyset=Keyset.decode(keyset), tls_root=tls_root)


@dataclass(frozen=True, slots=True, kw_only=True)
class RootDocument:
    """One version of the root.

    Attributes:
        version: from 1.
        name: what people call the federation.
        threshold: how many stewards must sign.
        stewards: ascending by name.
        log_origin: origin line of the broker's log.
        log_key: Ed25519 public key of the broker's log, 32 bytes.
        broker_tls_root: certificate (DER) under which the broker's own certificate is issued.
        created_at: milliseconds since 1970.
        expires_at: milliseconds since 1970; later than `created_at`.
        previous: SHA-256 of the body of the version before; `NO_PREVIOUS` for version 1.
        directory_size: entries that the directory had when the version was made; they were signed
            under the versions before, those that follow are signed under this one.
        directory_root: the directory's root hash at that size.
    """

    version: int
    name: str
    threshold: int
    stewards: tuple[Steward, ...]
    log_origin: str
    log_key: bytes
    broker_tls_root: bytes
    created_at: int
    expires_at: int
    previous: bytes
    directory_size: int = 0
    directory_root: bytes = EMPTY_ROOT

    @refusing(RootError)
    def __post_init__(self) -> None:
        check_label(self.name)
        check_code(self.log_origin)
        check_bytes(self.log_key, ED25519_BYTES, "log key")
        check_bytes(self.previous, HASH_BYTES, "previous root")
        check_bytes(self.directory_root, HASH_BYTES, "directory root")
        check_time(self.created_at)
        check_time(self.expires_at)
        if " " in self.log_origin or "+" in self.log_origin:
            raise FramingError(Reason.MALFORMED, "log origin holds a space or a plus")
        if not 0 < len(self.broker_tls_root) <= MAX_CERTIFICATE_BYTES:
            raise FramingError(Reason.MALFORMED, "broker's TLS root is missing or too large")
        if self.created_at >= self.expires_at:
            raise FramingError(Reason.MALFORMED, "root expires before it is created")
        if (self.version == 1) != (self.previous == NO_PREVIOUS) or self.version < 1:
            raise FramingError(Reason.MALFORMED, "first version has no previous, others have")
        if (self.directory_size == 0) != (self.directory_root == EMPTY_ROOT):
            raise FramingError(Reason.MALFORMED, "directory size and root contradict each other")
        if self.directory_size and self.version == 1:
            raise FramingError(Reason.MALFORMED, "first version comes before the directory")
        self._check_stewards()

    def _check_stewards(self) -> None:
        names = [steward.name for steward in self.stewards]
        ids = {steward.keyset.keyset_id for steward in self.stewards}
        keys = {half for s in self.stewards for half in (s.keyset.ed25519, s.keyset.mldsa65)}
        if names != sorted(set(names)):
            raise FramingError(Reason.MALFORMED, "stewards are not ascending by name")
        if len(ids) != len(names) or len(keys) != 2 * len(names):
            raise FramingError(Reason.MALFORMED, "two stewards share a key")
        if not 1 <= self.threshold <= len(names) <= MAX_STEWARDS:
            raise FramingError(
                Reason.MALFORMED, f"threshold {self.threshold} of {len(names)} stewards"
            )

    def steward(self, name: str) -> Steward | None:
        """Return the steward called `name`, if there is one."""
        return next((steward for steward in self.stewards if steward.name == name), None)

    def encode(self) -> bytes:
        """Return the ROOT bytes, the body that stewards sign."""
        return framed(
            _ROOT,
            u64(self.version),
            self.name.encode(),
            u32(self.threshold),
            listed(steward.encode() for steward in self.stewards),
            self.log_origin.encode(),
            self.log_key,
            self.broker_tls_root,
            u64(self.created_at),
            u64(self.expires_at),
            self.previous,
            u64(self.directory_size),
            self.directory_root,
        )

    @classmethod
    @refusing(RootError)
    def decode(cls, data: bytes) -> Self:
        """Read ROOT bytes; raises `RootError` for any that `encode` would not write."""
        items = unframe(_ROOT, data, 12)
        version, name, threshold, stewards, origin, log_key, tls_root, created, expires = items[:9]
        try:
            return cls(
                version=read_uint(version, 8),
                name=read_text(name),
                threshold=read_uint(threshold, 4),
                stewards=tuple(map(Steward.decode, unlisted(stewards))),
                log_origin=read_text(origin),
                log_key=log_key,
                broker_tls_root=tls_root,
                created_at=read_uint(created, 8),
                expires_at=read_uint(expires, 8),
                previous=items[9],
                directory_size=read_uint(items[10], 8),
                directory_root=items[11],
            )
        except SignatureError as error:
            raise RootError(error.reason, error.detail) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRoot:
    """A root's body with (keyset id, signature) pairs over it, untrusted until verified."""

    body: bytes
    signatures: tuple[tuple[str, bytes], ...] = ()

    def encode(self) -> bytes:
        """Return the SIGNED_ROOT bytes; signatures ascend by keyset id."""
        return framed(_SIGNED, self.body, encode_signatures(self.signatures))

    @classmethod
    @refusing(RootError)
    def decode(cls, data: bytes) -> Self:
        """Read SIGNED_ROOT bytes; raises `RootError` for any that `encode` would not write."""
        body, signatures = unframe(_SIGNED, data, 2)
        return cls(body=body, signatures=decode_signatures(signatures))

    def with_signature(self, keyset_id: str, signature: bytes) -> Self:
        """Return it with one more signature, replacing an earlier one by the same keyset."""
        return replace(self, signatures=merged_signatures(self.signatures, keyset_id, signature))


def merged_signatures(
    signatures: Sequence[tuple[str, bytes]], keyset_id: str, signature: bytes
) -> tuple[tuple[str, bytes], ...]:
    """Return `signatures` with one added or replaced, ascending by keyset id."""
    return tuple(sorted({**dict(signatures), keyset_id: signature}.items()))


def encode_signatures(signatures: Sequence[tuple[str, bytes]]) -> bytes:
    """Return a list of (keyset id, signature)."""
    return listed(listed((keyset.encode(), signature)) for keyset, signature in signatures)


def decode_signatures(data: bytes) -> tuple[tuple[str, bytes], ...]:
    """Read what `encode_signatures` writes.

    Raises:
        FramingError: malformed, a keyset twice, or not ascending by keyset id.
    """
    signatures = []
    for pair in unlisted(data):
        items = unlisted(pair)
        if len(items) != 2:  # noqa: PLR2004 - a pair
            raise FramingError(Reason.MALFORMED, "signature is not a pair")
        keyset_id = read_text(items[0])
        check_key_id(keyset_id)
        check_bytes(items[1], SIGNATURE_BYTES, "signature")
        signatures.append((keyset_id, items[1]))
    ids = [keyset_id for keyset_id, _ in signatures]
    if ids != sorted(set(ids)):
        raise FramingError(Reason.MALFORMED, "signatures are not ascending by keyset id")
    return tuple(signatures)


def count_signatures(
    root: RootDocument, payload_type: str, body: bytes, signatures: Mapping[str, bytes], at: int
) -> int:
    """Return how many of the root's stewards signed `body`.

    Signatures by other keysets are passed over: each counts under the root that knows its keyset,
    so a steward who changes keys signs a new root with the old and with the new ones.

    Raises:
        SignatureError: a keyset of this root is named and did not sign, or not at `at`.
    """
    counted = 0
    for steward in root.stewards:
        keyset = steward.keyset
        signature = signatures.get(keyset.keyset_id)
        if signature is None:
            continue
        if not keyset.is_valid_at(at):
            raise SignatureError(
                Reason.EXPIRED, f"keys of steward {steward.name} do not sign at {at}"
            )
        verify(keyset, payload_type, body, signature)
        counted += 1
    return counted


def sign_root(signed: SignedRoot, signer: Signer) -> SignedRoot:
    """Return `signed` with the signature of a steward's signer over its body added."""
    return signed.with_signature(signer.keyset_id, signer.sign(PAYLOAD_ROOT, signed.body))


def federation_id(first: SignedRoot) -> bytes:
    """Return the 32 bytes that name the federation: SHA-256 of its first root's body."""
    return sha256(first.body)


def verify_roots(signed: Sequence[SignedRoot]) -> RootDocument:
    """Check a federation's roots from the first to the latest and return the latest.

    Raises:
        RootError, SignatureError: see `verified_roots`.
    """
    return verified_roots(signed)[-1]


def verified_roots(signed: Sequence[SignedRoot]) -> tuple[RootDocument, ...]:
    """Check a federation's roots from the first to the latest and return all of them.

    Whether the first is the right one (compare `federation_id` with what was pinned) and whether
    the latest has expired (`expires_at`) is for the caller.

    Args:
        signed: versions 1, 2, 3 ... without a gap.

    Raises:
        RootError: malformed, a version skipped, another federation's, or NOT_ENOUGH_SIGNATURES.
        SignatureError: a steward's signature is wrong.
    """
    if not signed:
        raise RootError(Reason.ROOT_INVALID, "no root at all")
    first = RootDocument.decode(signed[0].body)
    if first.version != 1:
        raise RootError(Reason.ROOT_INVALID, f"first root has version {first.version}")
    _check_threshold(first, signed[0], first)
    roots = [first]
    for before, after in pairwise(signed):
        roots.append(_next_root(roots[-1], before, after))
    return tuple(roots)


def _next_root(current: RootDocument, before: SignedRoot, after: SignedRoot) -> RootDocument:
    following = RootDocument.decode(after.body)
    if following.version != current.version + 1:
        raise RootError(
            Reason.ROOT_INVALID,
            f"root {current.version} is followed by {following.version}",
        )
    if following.previous != sha256(before.body):
        raise RootError(Reason.ROOT_INVALID, f"root {following.version} follows another root")
    if following.created_at < current.created_at:
        raise RootError(Reason.ROOT_INVALID, f"root {following.version} is older than the last")
    if following.directory_size < current.directory_size:
        raise RootError(Reason.ROOT_INVALID, f"root {following.version} forgets the directory")
    _check_threshold(current, after, following)
    _check_threshold(following, after, following)
    return following


def _check_threshold(root: RootDocument, signed: SignedRoot, document: RootDocument) -> None:
    signatures = dict(signed.signatures)
    counted = count_signatures(root, PAYLOAD_ROOT, signed.body, signatures, document.created_at)
    if counted < root.threshold:
        raise RootError(
            Reason.NOT_ENOUGH_SIGNATURES,
            f"root {document.version} has {counted} signatures of version {root.version}'s "
            f"stewards, expected {root.threshold}",
        )
