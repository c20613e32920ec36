# SPDX-License-Identifier: Apache-2.0
"""Values inside HPKE and chunked encryption that the library does not show, written out.

Source: RFC 9180 section 5.1 (base mode); draft-connolly-cfrg-xwing-kem section 5.3; C2SP
chunked-encryption. Checked against what the library opens (tests/unit/keys/test_vectors.py).
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from tests.vectors.form import Json

SUITE_ID = b"HPKE" + bytes.fromhex("647a00010002")
X_WING_LABEL = bytes.fromhex("5c2e2f2f5e5c")
CHUNKS_LABEL = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"
SALT_BYTES = 24


def wrap_steps(seed: bytes, wrap: bytes, info: bytes) -> Json:
    """Return both shared secrets, the KEM's, and what the key schedule makes of it."""
    expanded = hashlib.shake_256(seed).digest(96)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
    ephemeral = wrap[1088:1120]
    first = mlkem.decapsulate(wrap[:1088])
    second = x25519.exchange(X25519PublicKey.from_public_bytes(ephemeral))
    public = x25519.public_key().public_bytes_raw()
    shared = hashlib.sha3_256(first + second + ephemeral + public + X_WING_LABEL).digest()
    context = b"\x00" + _extract(b"", b"psk_id_hash", b"") + _extract(b"", b"info_hash", info)
    scheduled = _extract(shared, b"secret", b"")
    return {
        "ss_mlkem": first,
        "ss_x25519": second,
        "shared_secret": shared,
        "key_schedule_context": context,
        "secret": scheduled,
        "key": _expand(scheduled, b"key", context, 32),
        "base_nonce": _expand(scheduled, b"base_nonce", context, 12),
    }


def _extract(salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt, b"HPKE-v1" + SUITE_ID + label + ikm, "sha256")


def _expand(secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
    info = length.to_bytes(2, "big") + b"HPKE-v1" + SUITE_ID + label + context
    return HKDFExpand(algorithm=SHA256(), length=length, info=info).derive(secret)


def chunk_steps(key: bytes, ciphertext: bytes, context: bytes) -> Json:
    """Return what is derived from an input key and the salt of a ciphertext."""
    info = CHUNKS_LABEL + ciphertext[:SALT_BYTES] + context
    derived = HKDFExpand(algorithm=SHA512(), length=76, info=info).derive(key)
    return {"derived_key": derived[:32], "derived_base": derived[32:44]}
