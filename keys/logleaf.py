# SPDX-License-Identifier: Apache-2.0
"""Leaves of the log: kind, time, and each field under a keyed hash with the leaf's own salt.

A leaf says nothing to those without its salt, and everything to those with it; deleting the salt
erases without breaking the tree. Source: RFC 2104; docs/protocol.md section 11.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from keys.errors import FramingError, LeafError, Reason
from keys.fields import check_bytes, check_key_id, check_time
from keys.framing import (
    HASH_BYTES,
    framed,
    listed,
    read_bytes,
    read_text,
    read_uint,
    refusing,
    text,
    u64,
    unframe,
    unlisted,
)

SALT_BYTES = 32

_LEAF = "tocsin/log-leaf/v1"
_FIELD = "tocsin/leaf/v1"

Value = bytes | str | int
"""Bytes as they are, text as UTF-8, numbers as u64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafBody:
    """A leaf as anyone may read it.

    Attributes:
        kind: what act it is about.
        time_ms: milliseconds since 1970.
        fields: (name, 32-byte HMAC), ascending by name.
    """

    kind: str
    time_ms: int
    fields: tuple[tuple[str, bytes], ...]

    @refusing(LeafError)
    def __post_init__(self) -> None:
        check_key_id(self.kind)
        check_time(self.time_ms)
        names = [name for name, _ in self.fields]
        for name, value in self.fields:
            check_key_id(name)
            check_bytes(value, HASH_BYTES, "leaf field")
        if names != sorted(set(names)):
            raise FramingError(Reason.MALFORMED, "leaf fields are not ascending by name")

    def encode(self) -> bytes:
        """Return the LOG_LEAF bytes."""
        fields = [listed((name.encode(), value)) for name, value in self.fields]
        return framed(_LEAF, self.kind.encode(), u64(self.time_ms), listed(fields))

    @classmethod
    @refusing(LeafError)
    def decode(cls, data: bytes) -> Self:
        """Read LOG_LEAF bytes; raises `LeafError` for any that `encode` would not write."""
        kind, time_ms, fields = unframe(_LEAF, data, 3)
        pairs = [unlisted(pair) for pair in unlisted(fields)]
        if any(len(pair) != 2 for pair in pairs):  # noqa: PLR2004 - a pair
            raise FramingError(Reason.MALFORMED, "leaf field is not a pair")
        return cls(
            kind=read_text(kind),
            time_ms=read_uint(time_ms, 8),
            fields=tuple((read_text(name), value) for name, value in pairs),
        )


def field_bytes(value: Value) -> bytes:
    """Return the bytes by which a field's value is hashed."""
    if isinstance(value, bytes):
        return value
    return text(value) if isinstance(value, str) else u64(value)


def field_hash(salt: bytes, name: str, value: Value) -> bytes:
    """Return what a leaf holds for one field, 32 bytes."""
    return hmac.digest(salt, framed(_FIELD, name.encode(), field_bytes(value)), "sha256")


@refusing(LeafError)
def encode_leaf(kind: str, time_ms: int, fields: Mapping[str, Value], salt: bytes) -> bytes:
    """Return the LOG_LEAF bytes of an act.

    Args:
        kind: what act it is.
        time_ms: milliseconds since 1970.
        fields: what is recorded about it.
        salt: 32 random bytes, for this leaf alone.
    """
    read_bytes(salt, SALT_BYTES)
    hashed = tuple((name, field_hash(salt, name, fields[name])) for name in sorted(fields))
    return LeafBody(kind=kind, time_ms=time_ms, fields=hashed).encode()


@refusing(LeafError)
def check_leaf(leaf: bytes, salt: bytes, kind: str, fields: Mapping[str, Value]) -> LeafBody:
    """Check that a leaf is about `kind` and holds exactly `fields`; return it for its time.

    Raises:
        LeafError: malformed, or with reason LEAF_MISMATCH: another kind, another set of fields,
            or another value.
    """
    read_bytes(salt, SALT_BYTES)
    body = LeafBody.decode(leaf)
    if body.kind != kind:
        raise LeafError(Reason.LEAF_MISMATCH, f"leaf is about {body.kind}, expected {kind}")
    held = dict(body.fields)
    if held.keys() != fields.keys():
        raise LeafError(
            Reason.LEAF_MISMATCH, f"leaf has fields {sorted(held)}, expected {sorted(fields)}"
        )
    for name, value in fields.items():
        if not hmac.compare_digest(held[name], field_hash(salt, name, value)):
            raise LeafError(Reason.LEAF_MISMATCH, f"leaf says something else about {name}")
    return body
