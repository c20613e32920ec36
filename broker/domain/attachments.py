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
