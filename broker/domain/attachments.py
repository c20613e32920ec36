# SPDX-License-Identifier: Apache-2.0
"""States and pieces of attachments; their bytes are ciphertext that the broker cannot read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """How much of an attachment is on stable storage, and whether it is all and matches."""

    stored: int
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a stored attachment; `length` is that of the whole ciphertext."""

    data: bytes
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of an attachment on its way into the store.

    Attributes:
        originator: whose attachment it is.
        attachment_id: 16 bytes, unique within the originator.
        length: of the whole ciphertext.
        digest: SHA-256 of the whole ciphertext.
        offset: where `data` belongs.
        data: may be empty, to ask for the state alone.
        time_ms: when it came, milliseconds since 1970.
    """

    originator: str
    attachment_id: bytes
    length: int
    digest: bytes
    offset: int
    data: bytes
    time_ms: int
