# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: the signed head of a log, in the text format that outside tools read.

Ed25519 signatures only. Does not decide whether a checkpoint may be released.
Source: C2SP tlog-checkpoint and signed-note; docs/protocol.md section 11.
"""

import base64
import binascii
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from keys.errors import CheckpointError, Reason
from keys.framing import sha256

HASH_BYTES = 32
MAX_NOTE_BYTES = 64 * 1024
MAX_SIGNATURES = 64
"""More than any quorum of witnesses; bounds the work a hostile note can ask for."""

_ALGORITHM = b"\x01"
"""Signature type of Ed25519 in signed-note."""
_KEY_ID_BYTES = 4
_SIGNATURE_BYTES = 64
_ORIGIN = re.compile(r"[!-*,-~]{1,255}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_LINE = re.compile("\u2014 ([!-*,-~]{1,255}) ([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A log's head: its origin (the log's name), size, and root hash (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not _ORIGIN.fullmatch(self.origin):
            raise CheckpointError(Reason.CHECKPOINT_INVALID, "origin is not a key name")
        if not 0 <= self.size < 1 << 63 or len(self.root) != HASH_BYTES:
            raise CheckpointError(Reason.CHECKPOINT_INVALID, "size or root is out of range")

    def body(self) -> str:
        """Return the three lines that are signed, each with its newline."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode('ascii')}\n"


def key_id(name: str, public: bytes) -> bytes:
    """Return the 4 bytes that go before a signature by an Ed25519 key.

    Args:
        name: key name; the log's origin.
        public: 32 bytes.

    Source: C2SP signed-note, "Signature types".
    """
    return sha256(name.encode() + b"\n" + _ALGORITHM + public)[:_KEY_ID_BYTES]


def log_public(seed: bytes) -> bytes:
    """Return the Ed25519 public key, 32 bytes, of a log's 32-byte private key."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def sign_checkpoint(checkpoint: Checkpoint, seed: bytes) -> str:
    """Return the signed note of a checkpoint.

    Args:
        checkpoint: its origin is also the name of the key.
        seed: Ed25519 private key, 32 bytes.
    """
    private = Ed25519PrivateKey.from_private_bytes(seed)
    body = checkpoint.body()
    signature = private.sign(body.encode())
    hint = key_id(checkpoint.origin, private.public_key().public_bytes_raw())
    encoded = base64.b64encode(hint + signature).decode("ascii")
    return f"{body}\n\u2014 {checkpoint.origin} {encoded}\n"


def verify_checkpoint(note: str, origin: str, public: bytes) -> Checkpoint:
    """Check a signed note and return its checkpoint.

    Signatures by other keys (witnesses) are passed over.

    Args:
        note: untrusted.
        origin: the log's name.
        public: the log's Ed25519 key, 32 bytes.

    Raises:
        CheckpointError: malformed, of another log, or not signed by the log's key.
    """
    checkpoint, body, signatures = _parsed(note)
    if checkpoint.origin != origin:
        raise CheckpointError(
            Reason.CHECKPOINT_INVALID, f"checkpoint of {checkpoint.origin}, expected {origin}"
        )
    hint = key_id(origin, public)
    own = [blob for name, blob in signatures if name == origin and blob[:4] == hint]
    if len(own) != 1 or len(own[0]) != _KEY_ID_BYTES + _SIGNATURE_BYTES:
        raise CheckpointError(
            Reason.CHECKPOINT_INVALID, "checkpoint has no signature by the log's key"
        )
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(own[0][_KEY_ID_BYTES:], body)
    except (InvalidSignature, ValueError):
        raise CheckpointError(
            Reason.SIGNATURE_INVALID, "checkpoint is not signed by the log's key"
        ) from None
    return checkpoint


def _parsed(note: str) -> tuple[Checkpoint, bytes, list[tuple[str, bytes]]]:
    if len(note) > MAX_NOTE_BYTES:
        raise CheckpointError(Reason.LIMIT_EXCEEDED, f"note of {len(note)} characters")
    text, separator, tail = note.rpartition("\n\n")
    lines = text.split("\n")
    if not separator or len(lines) != 3 or not tail.endswith("\n"):  # noqa: PLR2004 - three lines
        raise CheckpointError(Reason.CHECKPOINT_INVALID, "checkpoint is not a signed note")
    signature_lines = tail[:-1].split("\n")
    if len(signature_lines) > MAX_SIGNATURES:
        raise CheckpointError(Reason.LIMIT_EXCEEDED, f"{len(signature_lines)} signatures")
    origin, size, root = lines
    if not _SIZE.fullmatch(size):
        raise CheckpointError(Reason.CHECKPOINT_INVALID, "tree size is not a decimal number")
    checkpoint = Checkpoint(origin=origin, size=int(size), root=_decoded(root))
    return checkpoint, f"{text}\n".encode(), [_signature(line) for line in signature_lines]


def _signature(line: str) -> tuple[str, bytes]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise CheckpointError(Reason.CHECKPOINT_INVALID, "signature line is malformed")
    blob = _decoded(match[2])
    if len(blob) <= _KEY_ID_BYTES:
        raise CheckpointError(Reason.CHECKPOINT_INVALID, "signature line is too short")
    return match[1], blob


def _decoded(text: str) -> bytes:
    """Decode base64 that is exactly what encoding its bytes gives."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise CheckpointError(Reason.CHECKPOINT_INVALID, "base64 is malformed") from None
    if base64.b64encode(data).decode("ascii") != text:
        raise CheckpointError(Reason.CHECKPOINT_INVALID, "base64 is not canonical")
    return data
