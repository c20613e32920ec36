# SPDX-License-Identifier: Apache-2.0
"""The public side of an agency's encryption: keys that others seal to. Opens nothing.

Source: draft-ietf-hpke-pq (MLKEM768-X25519); docs/protocol.md section 6.
"""

from dataclasses import dataclass
from typing import Self

from keys.errors import EnvelopeError, FramingError, Reason
from keys.fields import check_bytes, check_key_id, check_time
from keys.framing import framed, read_text, read_uint, refusing, u64, unframe

PUBLIC_KEY_BYTES = 1216
"""ML-KEM-768 encapsulation key (1184) then X25519 public key (32)."""

_ENCRYPTION_KEY = "tocsin/encryption-key/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptionKey:
    """One public key of an agency, for a limited time so that old notices outlive its theft.

    Attributes:
        key_id: names the key within the agency.
        public: 1216 bytes.
        valid_from: milliseconds since 1970; first instant at which it may be sealed to.
        valid_until: milliseconds since 1970; first instant at which it no longer may.
    """

    key_id: str
    public: bytes
    valid_from: int
    valid_until: int

    @refusing(EnvelopeError)
    def __post_init__(self) -> None:
        check_key_id(self.key_id)
        check_bytes(self.public, PUBLIC_KEY_BYTES, "encryption key")
        check_time(self.valid_from)
        check_time(self.valid_until)
        if self.valid_from >= self.valid_until:
            raise FramingError(Reason.MALFORMED, "encryption key ends before it begins")

    def is_valid_at(self, time_ms: int) -> bool:
        """Whether others may seal to the key at `time_ms`."""
        return self.valid_from <= time_ms < self.valid_until

    def encode(self) -> bytes:
        """Return the ENCRYPTION_KEY bytes."""
        return framed(
            _ENCRYPTION_KEY,
            self.key_id.encode(),
            self.public,
            u64(self.valid_from),
            u64(self.valid_until),
        )

    @classmethod
    @refusing(EnvelopeError)
    def decode(cls, data: bytes) -> Self:
        """Read ENCRYPTION_KEY bytes; raises `EnvelopeError` for any `encode` would not write."""
        key_id, public, valid_from, valid_until = unframe(_ENCRYPTION_KEY, data, 4)
        return cls(
            key_id=read_text(key_id),
            public=public,
            valid_from=read_uint(valid_from, 8),
            valid_until=read_uint(valid_until, 8),
        )
