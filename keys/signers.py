# SPDX-License-Identifier: Apache-2.0
"""Signers: what holds a private signing identity and signs payloads with both of its keys.

A signer URI says where a key lives; `file:PATH#name` is a sealed key file (`keys.keyfile`). The
passphrase comes from the caller and is never part of the URI. Source: docs/protocol.md section 4.
"""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

from keys.errors import KeyFileError, Reason, SignatureError
from keys.keyfile import read_keyfile
from keys.signing import Keyset, ed25519_input, pae

SEED_BYTES = 32
SIGNING_PURPOSE = "agency"
"""Purpose of the key files that hold signing seeds."""


class Signer(Protocol):
    """Signs as one keyset."""

    @property
    def keyset_id(self) -> str:
        """Id of the keyset that verifies what this signer signs."""

    def public(self, *, valid_from: int, valid_until: int) -> Keyset:
        """Return the keyset, valid for the time given."""

    def sign(self, payload_type: str, payload: bytes) -> bytes:
        """Return the hybrid signature over `payload`, 3373 bytes."""


Signing = Callable[[], Signer]
"""Returns who signs now. Ask once for each object: between two answers a key may have taken the
place of another."""


class SeedSigner:
    """A signer from two 32-byte seeds held in memory."""

    def __init__(self, *, keyset_id: str, ed25519_seed: bytes, mldsa65_seed: bytes) -> None:
        if len(ed25519_seed) != SEED_BYTES or len(mldsa65_seed) != SEED_BYTES:
            raise SignatureError(Reason.KEY_INVALID, f"a seed has {SEED_BYTES} bytes")
        self.keyset_id = keyset_id
        self._seeds = (ed25519_seed, mldsa65_seed)
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(ed25519_seed)
        self._mldsa65 = MLDSA65PrivateKey.from_seed_bytes(mldsa65_seed)

    def __repr__(self) -> str:
        return f"SeedSigner(keyset_id={self.keyset_id!r})"

    def public(self, *, valid_from: int, valid_until: int) -> Keyset:
        """Return the keyset, valid for the time given."""
        return Keyset(
            keyset_id=self.keyset_id,
            ed25519=self._ed25519.public_key().public_bytes_raw(),
            mldsa65=self._mldsa65.public_key().public_bytes_raw(),
            valid_from=valid_from,
            valid_until=valid_until,
        )

    def sign(self, payload_type: str, payload: bytes) -> bytes:
        """Return the hybrid signature over `payload`, 3373 bytes."""
        encoded = pae(payload_type, payload)
        return self._ed25519.sign(ed25519_input(encoded)) + self._mldsa65.sign(
            encoded, context=payload_type.encode("ascii")
        )

    def secrets(self, name: str) -> dict[str, bytes]:
        """Return the seeds under the names by which `load_signer` finds them in a key file."""
        ed25519, mldsa65 = self._seeds
        return {
            f"{name}.keyset-id": self.keyset_id.encode(),
            f"{name}.ed25519": ed25519,
            f"{name}.mldsa65": mldsa65,
        }


def generate_signer(keyset_id: str) -> SeedSigner:
    """Return a signer with fresh random seeds."""
    return SeedSigner(
        keyset_id=keyset_id,
        ed25519_seed=secrets.token_bytes(SEED_BYTES),
        mldsa65_seed=secrets.token_bytes(SEED_BYTES),
    )


def signer_from(held: dict[str, bytes], name: str) -> SeedSigner:
    """Return the signer called `name` from the secrets of a key file.

    Raises:
        KeyFileError: the file holds no such signer.
    """
    try:
        return SeedSigner(
            keyset_id=held[f"{name}.keyset-id"].decode("ascii"),
            ed25519_seed=held[f"{name}.ed25519"],
            mldsa65_seed=held[f"{name}.mldsa65"],
        )
    except (KeyError, UnicodeDecodeError, SignatureError):
        raise KeyFileError(Reason.KEY_FILE_INVALID, f"no signer {name} in the key file") from None


def load_signer(uri: str, passphrase: bytes, *, purpose: str = SIGNING_PURPOSE) -> SeedSigner:
    """Return the signer that a URI names.

    Args:
        uri: `file:PATH#name`.
        passphrase: opens the key file.
        purpose: what the key file is for.

    Raises:
        KeyFileError: another scheme, or the file cannot be used.
    """
    path, name = _path_and_name(uri)
    return signer_from(read_keyfile(path, purpose, passphrase), name)


def _path_and_name(uri: str) -> tuple[Path, str]:
    malformed = KeyFileError(Reason.KEY_FILE_INVALID, "signer URI is not file:PATH#name")
    try:
        scheme, host, path, query, name = urlsplit(uri)
    except ValueError:
        raise malformed from None
    path = unquote(path)
    if scheme != "file" or host or query or not path or "\x00" in path or not name:
        raise malformed
    return Path(path), name
