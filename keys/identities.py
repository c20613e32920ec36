# SPDX-License-Identifier: Apache-2.0
"""The private side of an agency's encryption: unwraps what was sealed to it.

The broker never reaches this module (import contract). A key is its 32-byte seed.
Source: draft-ietf-hpke-pq section 3 (seed expansion as in X-Wing), RFC 9180; docs/protocol.md
section 6.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from keys.errors import OpenError, Reason
from keys.fields import check_bytes, check_key_id
from keys.framing import refusing
from keys.hpke import SECRET_BYTES, SUITE, WRAP_BYTES
from keys.recipients import EncryptionKey

SEED_BYTES = 32
_MLKEM_SEED_BYTES = 64
_EXPANDED_BYTES = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class DecryptionKey:
    """A private encryption key of an agency.

    Attributes:
        key_id: names the key within the agency.
        seed: 32 secret bytes from which both halves are derived.
    """

    key_id: str
    seed: bytes = field(repr=False)
    _private: MLKEM768X25519PrivateKey = field(init=False, repr=False, compare=False)
    _public: bytes = field(init=False, repr=False, compare=False)

    @refusing(OpenError)
    def __post_init__(self) -> None:
        check_key_id(self.key_id)
        check_bytes(self.seed, SEED_BYTES, "seed")
        mlkem, x25519 = _expanded(self.seed)
        public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        object.__setattr__(self, "_private", MLKEM768X25519PrivateKey(mlkem, x25519))
        object.__setattr__(self, "_public", public)

    def public(self, *, valid_from: int, valid_until: int) -> EncryptionKey:
        """Return the public key, valid for the time given."""
        return EncryptionKey(
            key_id=self.key_id,
            public=self._public,
            valid_from=valid_from,
            valid_until=valid_until,
        )

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """Return the 32-byte secret in a wrap.

        Raises:
            OpenError: with reason WRAP_INVALID, whatever is wrong with it.
        """
        if len(wrapped) != WRAP_BYTES:
            raise OpenError(
                Reason.WRAP_INVALID, f"wrap has {len(wrapped)} bytes, expected {WRAP_BYTES}"
            )
        secret = self.decrypt(wrapped, info)
        if len(secret) != SECRET_BYTES:
            raise OpenError(Reason.WRAP_INVALID, "wrap holds a secret of another length")
        return secret

    def decrypt(self, sealed: bytes, info: bytes) -> bytes:
        """Return what was sealed to this key under `info`.

        Raises:
            OpenError: with reason WRAP_INVALID, whatever is wrong with it.
        """
        try:
            return SUITE.decrypt(sealed, self._private, info)
        except (InvalidTag, ValueError):
            raise OpenError(Reason.WRAP_INVALID, f"does not open with key {self.key_id}") from None

    @classmethod
    def generate(cls, key_id: str) -> Self:
        """Return a key with a fresh random seed."""
        return cls(key_id=key_id, seed=secrets.token_bytes(SEED_BYTES))


def _expanded(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    expanded = hashlib.shake_256(seed).digest(_EXPANDED_BYTES)
    return (
        MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_BYTES]),
        X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_BYTES:]),
    )


def generate_decryption_key(key_id: str) -> DecryptionKey:
    """Return a decryption key with a fresh random seed."""
    return DecryptionKey.generate(key_id)


def decryption_key_secrets(keys: tuple[DecryptionKey, ...]) -> dict[str, bytes]:
    """Return the seeds under the names by which `decryption_keys_from` finds them again."""
    return {f"decryption.{key.key_id}": key.seed for key in keys}


def decryption_keys_from(held: dict[str, bytes]) -> tuple[DecryptionKey, ...]:
    """Return the decryption keys among the secrets of a key file, by key id."""
    prefix = "decryption."
    return tuple(
        DecryptionKey(key_id=name.removeprefix(prefix), seed=held[name])
        for name in sorted(held)
        if name.startswith(prefix)
    )
