# SPDX-License-Identifier: Apache-2.0
"""A second implementation, written from docs/protocol.md alone: what all formats are made of.

Imports nothing of ours. Ed25519, ML-DSA, ML-KEM, X25519 and AES-GCM come from `cryptography`; HPKE,
chunked encryption, HKDF, trees and proofs are written out, so that they also check those that our
code takes from the library. `Refused` says nothing more than that something was refused.
"""

import hashlib
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SUITE_ID = b"HPKE" + bytes.fromhex("647a00010002")
XWING_LABEL = bytes.fromhex("5c2e2f2f5e5c")
CHUNK, TAG = 16384, 16


class Refused(Exception):  # noqa: N818 - the protocol's word
    """The bytes are not accepted."""


def need(condition: object) -> None:
    if not condition:
        raise Refused


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


# Section 2.


def listed(*items: bytes) -> bytes:
    return b"".join(len(item).to_bytes(4, "big") + item for item in items)


def framed(label: str, *items: bytes) -> bytes:
    return listed(label.encode("ascii"), *items)


def items_of(data: bytes) -> list[bytes]:
    found = []
    while data:
        need(len(data) >= 4)
        size = int.from_bytes(data[:4], "big")
        need(len(data) >= 4 + size)
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return found


def read(label: str, data: bytes, count: int) -> list[bytes]:
    found = items_of(data)
    need(len(found) == count + 1 and found[0] == label.encode("ascii"))
    return found[1:]


def uint(item: bytes, width: int) -> int:
    need(len(item) == width)
    return int.from_bytes(item, "big")


# Section 5.5 and 11.3: trees, from the recursive definitions of RFC 9162.


def leaf_hash(data: bytes) -> bytes:
    return sha(b"\x00" + data)


def split(size: int) -> int:
    half = 1
    while half * 2 < size:
        half *= 2
    return half


def tree_root(hashes: Sequence[bytes]) -> bytes:
    if not hashes:
        return sha(b"")
    if len(hashes) == 1:
        return hashes[0]
    half = split(len(hashes))
    return sha(b"\x01" + tree_root(hashes[:half]) + tree_root(hashes[half:]))


def root_by_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root to which an inclusion path leads."""
    need(0 <= index < size)
    if size == 1:
        need(not path)
        return leaf
    need(path)
    half, top = split(size), path[-1]
    if index < half:
        return sha(b"\x01" + root_by_path(leaf, index, half, path[:-1]) + top)
    return sha(b"\x01" + top + root_by_path(leaf, index - half, size - half, path[:-1]))


def both_roots(
    old: int, new: int, path: Sequence[bytes], old_root: bytes, *, whole: bool = True
) -> tuple[bytes, bytes]:
    """Return the old and the new root to which a consistency path leads."""
    need(0 < old <= new)
    if old == new:
        if whole:
            need(not path)
            return old_root, old_root
        need(len(path) == 1)
        return path[0], path[0]
    need(path)
    half, top = split(new), path[-1]
    if old <= half:
        first, second = both_roots(old, half, path[:-1], old_root, whole=whole)
        return first, sha(b"\x01" + second + top)
    first, second = both_roots(old - half, new - half, path[:-1], old_root, whole=False)
    return sha(b"\x01" + top + first), sha(b"\x01" + top + second)


# Section 4.


def pae(kind: str, payload: bytes) -> bytes:
    return f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode("ascii") + payload


def verify(keyset: bytes, kind: str, payload: bytes, signature: bytes, at: int) -> None:
    _, ed25519, mldsa65, valid_from, valid_until = read("tocsin/keyset/v1", keyset, 5)
    need(uint(valid_from, 8) <= at < uint(valid_until, 8))
    verify_halves(ed25519, mldsa65, kind, payload, signature)


def verify_halves(
    ed25519: bytes, mldsa65: bytes, kind: str, payload: bytes, signature: bytes
) -> None:
    need(len(signature) == 64 + 3309)
    message = pae(kind, payload)
    try:
        Ed25519PublicKey.from_public_bytes(ed25519).verify(
            signature[:64], framed("tocsin/hybrid/v1", message)
        )
        MLDSA65PublicKey.from_public_bytes(mldsa65).verify(
            signature[64:], message, context=kind.encode("ascii")
        )
    except InvalidSignature:
        raise Refused from None


# Section 6.


def hkdf_expand(key: bytes, info: bytes, length: int, algorithm: str = "sha512") -> bytes:
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.digest(key, block + info + bytes([counter]), algorithm)
        out, counter = out + block, counter + 1
    return out[:length]


def key_commitment(seal_key: bytes, federation: bytes, seal_id: bytes) -> bytes:
    return hkdf_expand(seal_key, framed("tocsin/seal-commit/v1", federation, seal_id), 32)


def content_key(seal_key: bytes, frame_header: bytes, header: bytes) -> bytes:
    info = framed("tocsin/content-key/v1", sha(frame_header), sha(header))
    return hkdf_expand(seal_key, info, 32)


def body_context(frame_header: bytes, header: bytes) -> bytes:
    return framed("tocsin/body/v1", sha(frame_header), sha(header))


def attachment_context(federation: bytes, originator: str, attachment_id: bytes) -> bytes:
    return framed("tocsin/attachment/v1", federation, originator.encode(), attachment_id)


def wrap_info(frame_header: bytes, agency: str, key_id: str) -> bytes:
    return framed("tocsin/wrap/v1", sha(frame_header), agency.encode(), key_id.encode())


def padded_size(length: int) -> int:
    for bucket in (1024, 2048, 4096, 8192, 16384, 65536):
        if length <= bucket:
            return bucket
    e = length.bit_length() - 1
    step = 1 << (e - e.bit_length())
    return -(-length // step) * step


def padded(content: bytes) -> bytes:
    plain = len(content).to_bytes(4, "big") + content
    return plain + bytes(padded_size(len(plain)) - len(plain))


def unpadded(plain: bytes) -> bytes:
    need(len(plain) >= 4)
    content = plain[4 : 4 + int.from_bytes(plain[:4], "big")]
    need(padded(content) == plain)
    return content


def chunk_keys(key: bytes, salt: bytes, context: bytes) -> tuple[bytes, int, bytes]:
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00" + salt + context
    okm = hkdf_expand(key, info, 76)
    return okm[:32], int.from_bytes(okm[32:44], "big"), okm[44:]


def chunked_seal(key: bytes, context: bytes, plain: bytes) -> bytes:
    salt = os.urandom(24)
    aead, base, commit = chunk_keys(key, salt, context)
    pieces = [plain[at : at + CHUNK] for at in range(0, len(plain) + 1, CHUNK)]
    chunks = [
        AESGCM(aead).encrypt((base ^ number).to_bytes(12, "big"), piece, None)
        for number, piece in enumerate(pieces)
    ]
    return salt + commit + b"".join(chunks)


def chunked_open(key: bytes, context: bytes, sealed: bytes) -> bytes:
    need(len(sealed) >= 56 + TAG)
    aead, base, commit = chunk_keys(key, sealed[:24], context)
    need(sealed[24:56] == commit)
    rest, plain, number = sealed[56:], b"", 0
    while True:
        chunk, rest = rest[: CHUNK + TAG], rest[CHUNK + TAG :]
        need(len(chunk) >= TAG)
        try:
            piece = AESGCM(aead).decrypt((base ^ number).to_bytes(12, "big"), chunk, None)
        except InvalidTag:
            raise Refused from None
        plain, number = plain + piece, number + 1
        if len(piece) < CHUNK:
            need(not rest)
            return plain


@dataclass(frozen=True)
class PrivateKey:
    mlkem: MLKEM768PrivateKey
    x25519: X25519PrivateKey

    @property
    def public(self) -> bytes:
        mlkem, x25519 = self.mlkem.public_key(), self.x25519.public_key()
        return mlkem.public_bytes_raw() + x25519.public_bytes_raw()


def private_key(seed: bytes) -> PrivateKey:
    expanded = hashlib.shake_256(seed).digest(96)
    return PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
        X25519PrivateKey.from_private_bytes(expanded[64:]),
    )


def combined(ss_mlkem: bytes, ss_x25519: bytes, ct_x25519: bytes, pk_x25519: bytes) -> bytes:
    return hashlib.sha3_256(ss_mlkem + ss_x25519 + ct_x25519 + pk_x25519 + XWING_LABEL).digest()


def hpke_keys(shared: bytes, info: bytes) -> tuple[bytes, bytes]:
    def extract(salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + SUITE_ID + label + ikm, "sha256")

    def expand(secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
        labelled = length.to_bytes(2, "big") + b"HPKE-v1" + SUITE_ID + label + context
        return hkdf_expand(secret, labelled, length, "sha256")

    context = b"\x00" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    return expand(secret, b"key", context, 32), expand(secret, b"base_nonce", context, 12)


def wrap(public: bytes, info: bytes, plain: bytes) -> bytes:
    ss_mlkem, ct_mlkem = MLKEM768PublicKey.from_public_bytes(public[:1184]).encapsulate()
    ephemeral = X25519PrivateKey.generate()
    ct_x25519 = ephemeral.public_key().public_bytes_raw()
    ss_x25519 = ephemeral.exchange(X25519PublicKey.from_public_bytes(public[1184:]))
    key, nonce = hpke_keys(combined(ss_mlkem, ss_x25519, ct_x25519, public[1184:]), info)
    return ct_mlkem + ct_x25519 + AESGCM(key).encrypt(nonce, plain, None)


def unwrap(private: PrivateKey, info: bytes, wrapped: bytes) -> bytes:
    need(len(wrapped) == 1168)
    return hpke_open(private, info, wrapped)


def hpke_open(private: PrivateKey, info: bytes, sealed: bytes) -> bytes:
    need(len(sealed) >= 1120 + TAG)
    ct_x25519 = sealed[1088:1120]
    ss_mlkem = private.mlkem.decapsulate(sealed[:1088])
    try:
        ss_x25519 = private.x25519.exchange(X25519PublicKey.from_public_bytes(ct_x25519))
    except ValueError:  # an all-zero shared secret
        raise Refused from None
    shared = combined(ss_mlkem, ss_x25519, ct_x25519, private.public[1184:])
    key, nonce = hpke_keys(shared, info)
    try:
        return AESGCM(key).decrypt(nonce, sealed[1120:], None)
    except InvalidTag:
        raise Refused from None
