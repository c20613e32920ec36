# SPDX-License-Identifier: Apache-2.0
"""Which notice a grant, a recall or a letter is about: the exact bytes, in the exact frame.

A frame is named by the digest of its STATEMENT and a notice by its leaf hash, so that what is
signed about one notice is about no other. Does not say whether such a notice exists.
Source: docs/protocol.md section 21.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from keys.envelope import MAX_NOTICES
from keys.errors import EnvelopeError, FramingError, Reason
from keys.fields import check_bytes
from keys.framing import HASH_BYTES, read_uint, refusing, u32


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticePlace:
    """Names one notice by what its originator signed.

    Attributes:
        statement: SHA-256 of the frame's STATEMENT.
        index: the notice's place in the frame.
        leaf_hash: names its exact bytes.
    """

    statement: bytes
    index: int
    leaf_hash: bytes

    @refusing(EnvelopeError)
    def __post_init__(self) -> None:
        check_bytes(self.statement, HASH_BYTES, "statement digest")
        check_bytes(self.leaf_hash, HASH_BYTES, "leaf hash")
        if not 0 <= self.index < MAX_NOTICES:
            raise FramingError(Reason.MALFORMED, f"index {self.index} is not below {MAX_NOTICES}")

    def items(self) -> tuple[bytes, bytes, bytes]:
        """Return the three items that name the notice in a signed object."""
        return self.statement, u32(self.index), self.leaf_hash

    @classmethod
    @refusing(EnvelopeError)
    def read(cls, items: Sequence[bytes]) -> Self:
        """Read what `items` returns."""
        statement, index, leaf_hash = items
        return cls(statement=statement, index=read_uint(index, 4), leaf_hash=leaf_hash)
