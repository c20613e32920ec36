# SPDX-License-Identifier: Apache-2.0
"""Seals a secret or a letter's content to one agency: HPKE base mode, one suite.

The suite: KEM MLKEM768-X25519, KDF HKDF-SHA256, AEAD AES-256-GCM. All context goes into `info`.
Only the public operation is here; `keys.identities` opens.
Source: RFC 9180, draft-ietf-hpke-pq (KEM 0x647a); docs/protocol.md section 6.
"""

from functools import lru_cache

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from keys.errors import EnvelopeError, Reason
from keys.framing import framed
from keys.recipients import PUBLIC_KEY_BYTES

SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
SECRET_BYTES = 32
OVERHEAD_BYTES = 1136
"""Encapsulated key (1120) before what is sealed, and its tag (16) after it."""
WRAP_BYTES = OVERHEAD_BYTES + SECRET_BYTES

_WRAP = "tocsin/wrap/v1"
_MLKEM_BYTES = 1184


def wrap_info(header_digest: bytes, agency: str, key_id: str) -> bytes:
    """Return the HPKE info of the wrap of a frame's seal key to one recipient."""
    return framed(_WRAP, header_digest, agency.encode(), key_id.encode())


def wrap(public: bytes, info: bytes, secret: bytes) -> bytes:
    """Return `secret` wrapped to the holder of `public`, 1168 bytes.

    Args:
        public: 1216 bytes.
        info: binds the wrap to its place; unwrapping needs the same.
        secret: 32 bytes.

    Raises:
        EnvelopeError: `public` is not a key.
    """
    if len(secret) != SECRET_BYTES:
        raise EnvelopeError(Reason.MALFORMED, f"a wrapped secret has {SECRET_BYTES} bytes")
    return seal_to(public, info, secret)


def seal_to(public: bytes, info: bytes, plaintext: bytes) -> bytes:
    """Return `plaintext` sealed to the holder of `public`, `OVERHEAD_BYTES` longer.

    Raises:
        EnvelopeError: `public` is not a key.
    """
    try:
        return SUITE.encrypt(plaintext, load_public(public), info)
    except ValueError:
        raise EnvelopeError(Reason.KEY_INVALID, "encryption key cannot be sealed to") from None


# Loading costs a quarter of a wrap, and one publisher seals to the same agencies all day.
@lru_cache(maxsize=4096)
def load_public(public: bytes) -> hpke.MLKEM768X25519PublicKey:
    """Return the public key in the form that HPKE takes.

    Raises:
        EnvelopeError: wrong length, or its ML-KEM part is not canonical.
    """
    if len(public) != PUBLIC_KEY_BYTES:
        raise EnvelopeError(
            Reason.KEY_INVALID, f"key has {len(public)} bytes, expected {PUBLIC_KEY_BYTES}"
        )
    try:
        return hpke.MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_BYTES]),
            X25519PublicKey.from_public_bytes(public[_MLKEM_BYTES:]),
        )
    except ValueError:
        raise EnvelopeError(Reason.KEY_INVALID, "encryption key does not load") from None
