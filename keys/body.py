# SPDX-License-Identifier: Apache-2.0
"""Bodies: keys derived from a frame's seal key, padding, and committing encryption.

Encrypts only; `keys.opening` decrypts. Never a bare AES-GCM: a cipher that does not commit to its
key lets one ciphertext open to two texts. Source: C2SP chunked-encryption (Cobblestone-256),
RFC 5869, Padme (Nikitin and others, PETS 2019); docs/protocol.md section 6.
"""

from cryptography.cobblestone import Cobblestone256Encryptor
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from keys.errors import EnvelopeError, Reason
from keys.framing import framed

KEY_BYTES = 32
BUCKETS = tuple(kib * 1024 for kib in (1, 2, 4, 8, 16, 64))
"""Sizes that short contents are padded to, so that a length says little. Above: Padme."""

_COMMITMENT = "tocsin/seal-commit/v1"
_CONTENT_KEY = "tocsin/content-key/v1"
_BODY = "tocsin/body/v1"
_LENGTH_BYTES = 4


def key_commitment(seal_key: bytes, federation: bytes, seal_id: bytes) -> bytes:
    """Return the 32 bytes in the frame header that fix which seal key is the right one."""
    return _expand(seal_key, framed(_COMMITMENT, federation, seal_id))


def content_key(seal_key: bytes, header_digest: bytes, notice_header_digest: bytes) -> bytes:
    """Return the 32-byte key of one notice's body.

    Args:
        seal_key: 32 bytes.
        header_digest: SHA-256 of the FRAME_HEADER.
        notice_header_digest: SHA-256 of the HEADER_i.
    """
    return _expand(seal_key, framed(_CONTENT_KEY, header_digest, notice_header_digest))


def body_context(header_digest: bytes, notice_header_digest: bytes) -> bytes:
    """Return the context that binds a body to its frame and notice header."""
    return framed(_BODY, header_digest, notice_header_digest)


def _expand(key: bytes, info: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise EnvelopeError(Reason.MALFORMED, f"key has {len(key)} bytes, expected {KEY_BYTES}")
    return HKDFExpand(algorithm=SHA512(), length=KEY_BYTES, info=info).derive(key)


def padded_length(length: int) -> int:
    """Return the size to which `length` bytes are padded.

    Above the largest bucket, Padme: only the leading bits of the length are kept, so that at most
    about an eighth is added and the size tells O(log log length) bits.
    """
    for bucket in BUCKETS:
        if length <= bucket:
            return bucket
    exponent = length.bit_length() - 1
    free_bits = exponent - exponent.bit_length()
    mask = (1 << free_bits) - 1
    return (length + mask) & ~mask


def pad(content: bytes) -> bytes:
    """Return the content with its length (4 bytes) before it and zero bytes up to its bucket."""
    plain = len(content).to_bytes(_LENGTH_BYTES, "big") + content
    return plain.ljust(padded_length(len(plain)), b"\x00")


def unpad(padded: bytes) -> bytes:
    """Return the content of what `pad` wrote.

    Raises:
        EnvelopeError: with reason PADDING_INVALID for anything that `pad` would not write.
    """
    end = _LENGTH_BYTES + int.from_bytes(padded[:_LENGTH_BYTES], "big")
    if len(padded) < _LENGTH_BYTES or len(padded) != padded_length(end):
        raise EnvelopeError(Reason.PADDING_INVALID, "padded to another size than its bucket")
    if padded.count(0, end) != len(padded) - end:
        raise EnvelopeError(Reason.PADDING_INVALID, "padding is not zero")
    return padded[_LENGTH_BYTES:end]


def seal_body(
    key: bytes, header_digest: bytes, notice_header_digest: bytes, content: bytes
) -> bytes:
    """Return the BODY_i: `content` padded and encrypted under its content key.

    Args:
        key: the notice's content key (`content_key`).
        header_digest: SHA-256 of the FRAME_HEADER.
        notice_header_digest: SHA-256 of the HEADER_i.
        content: what only recipients may read.
    """
    encryptor = Cobblestone256Encryptor(key, body_context(header_digest, notice_header_digest))
    return encryptor.update(pad(content)) + encryptor.finalize()
