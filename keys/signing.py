# SPDX-License-Identifier: Apache-2.0
"""Hybrid signatures, checked: Ed25519 and ML-DSA-65 over one payload, and both must verify.

Holds public keys only; `keys.signers` signs. The payload type is part of what is signed, so a
signature on one kind of object is never one on another. Source: DSSE protocol (PAE), FIPS 204,
RFC 8032, RFC 9955 (non-separable hybrids); docs/protocol.md section 4.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey

from keys.errors import FramingError, Reason, SignatureError
from keys.fields import check_bytes, check_key_id, check_time
from keys.framing import framed, read_text, read_uint, refusing, u64, unframe

PAYLOAD_FRAME = "application/vnd.tocsin.frame.v1"
PAYLOAD_ROOT = "application/vnd.tocsin.root.v1"
PAYLOAD_ENTRY = "application/vnd.tocsin.directory-entry.v1"
PAYLOAD_GRANT = "application/vnd.tocsin.grant.v1"
PAYLOAD_RECEIPT = "application/vnd.tocsin.receipt.v1"
PAYLOAD_RECALL = "application/vnd.tocsin.recall.v1"
PAYLOAD_CARD = "application/vnd.tocsin.card.v1"
PAYLOAD_LETTER = "application/vnd.tocsin.letter.v1"
PAYLOAD_INVITATION = "application/vnd.tocsin.invitation.v1"

ED25519_BYTES = 32
MLDSA65_BYTES = 1952
ED25519_SIGNATURE_BYTES = 64
MLDSA65_SIGNATURE_BYTES = 3309
SIGNATURE_BYTES = ED25519_SIGNATURE_BYTES + MLDSA65_SIGNATURE_BYTES

_KEYSET = "tocsin/keyset/v1"
_HYBRID = "tocsin/hybrid/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyset:
    """The two public halves of a signing identity, which count only together.

    Attributes:
        keyset_id: names both keys.
        ed25519: 32 bytes.
        mldsa65: 1952 bytes.
        valid_from: milliseconds since 1970; first instant at which it signs.
        valid_until: milliseconds since 1970; first instant at which it no longer signs.
    """

    keyset_id: str
    ed25519: bytes
    mldsa65: bytes
    valid_from: int
    valid_until: int

    @refusing(SignatureError)
    def __post_init__(self) -> None:
        check_key_id(self.keyset_id)
        check_bytes(self.ed25519, ED25519_BYTES, "Ed25519 key")
        check_bytes(self.mldsa65, MLDSA65_BYTES, "ML-DSA-65 key")
        check_time(self.valid_from)
        check_time(self.valid_until)
        if self.valid_from >= self.valid_until:
            raise FramingError(Reason.MALFORMED, "keyset ends before it begins")

    def is_valid_at(self, time_ms: int) -> bool:
        """Whether the keyset signs at `time_ms`."""
        return self.valid_from <= time_ms < self.valid_until

    def encode(self) -> bytes:
        """Return the KEYSET bytes."""
        return framed(
            _KEYSET,
            self.keyset_id.encode(),
            self.ed25519,
            self.mldsa65,
            u64(self.valid_from),
            u64(self.valid_until),
        )

    @classmethod
    @refusing(SignatureError)
    def decode(cls, data: bytes) -> Self:
        """Read KEYSET bytes; raises `SignatureError` for any that `encode` would not write."""
        keyset_id, ed25519, mldsa65, valid_from, valid_until = unframe(_KEYSET, data, 5)
        return cls(
            keyset_id=read_text(keyset_id),
            ed25519=ed25519,
            mldsa65=mldsa65,
            valid_from=read_uint(valid_from, 8),
            valid_until=read_uint(valid_until, 8),
        )


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding of `payload`."""
    kind = payload_type.encode("ascii")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def ed25519_input(encoded: bytes) -> bytes:
    """Return what the Ed25519 half signs, so that it is no Ed25519 signature of anything else."""
    return framed(_HYBRID, encoded)


def verify(keyset: Keyset, payload_type: str, payload: bytes, signature: bytes) -> None:
    """Check that both keys of `keyset` signed `payload` as a `payload_type`.

    Says nothing about when the keyset was valid or whose it is.

    Raises:
        SignatureError: wrong length, either half wrong, or a key that is not one.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise SignatureError(
            Reason.SIGNATURE_INVALID,
            f"signature has {len(signature)} bytes, expected {SIGNATURE_BYTES}",
        )
    ed25519, mldsa65 = _loaded(keyset.ed25519, keyset.mldsa65)
    encoded = pae(payload_type, payload)
    try:
        ed25519.verify(signature[:ED25519_SIGNATURE_BYTES], ed25519_input(encoded))
        mldsa65.verify(
            signature[ED25519_SIGNATURE_BYTES:], encoded, context=payload_type.encode("ascii")
        )
    except InvalidSignature:
        raise SignatureError(
            Reason.SIGNATURE_INVALID, f"not signed by keyset {keyset.keyset_id}"
        ) from None


def check_signed_at(keyset: Keyset, keyset_id: str, time_ms: int) -> None:
    """Refuse what names another keyset than verified it, or a time at which that did not sign.

    Raises:
        SignatureError: with reason UNKNOWN_KEYSET or EXPIRED.
    """
    if keyset_id != keyset.keyset_id:
        raise SignatureError(
            Reason.UNKNOWN_KEYSET, f"names keyset {keyset_id}, checked with {keyset.keyset_id}"
        )
    if not keyset.is_valid_at(time_ms):
        raise SignatureError(Reason.EXPIRED, f"keyset {keyset_id} did not sign at {time_ms}")


# A federation has hundreds of keysets; loading one costs more than half a verification.
@lru_cache(maxsize=4096)
def _loaded(ed25519: bytes, mldsa65: bytes) -> tuple[Ed25519PublicKey, MLDSA65PublicKey]:
    try:
        return (
            Ed25519PublicKey.from_public_bytes(ed25519),
            MLDSA65PublicKey.from_public_bytes(mldsa65),
        )
    except ValueError:
        raise SignatureError(Reason.KEY_INVALID, "public key does not load") from None
