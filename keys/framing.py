# SPDX-License-Identifier: Apache-2.0
"""Injective byte framing: what is signed, hashed or bound is written and read here.

Every item has its length before it (4 bytes, big-endian); integers are big-endian and of fixed
width; a list is the framing of its items without a label. Readers refuse whatever the writer would
not have written. Does not know what the items mean. Source: docs/protocol.md section 2.
"""

import hashlib
from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec, TypeVar

from keys.errors import FramingError, Reason, TrustError

_P = ParamSpec("_P")
_R = TypeVar("_R")

HASH_BYTES = 32
_LENGTH_BYTES = 4


def sha256(data: bytes) -> bytes:
    """Return the SHA-256 of `data`, 32 bytes."""
    return hashlib.sha256(data).digest()


def listed(items: Iterable[bytes]) -> bytes:
    """Return the items, each with its length before it."""
    return b"".join([part for item in items for part in (len(item).to_bytes(4, "big"), item)])


def framed(label: str, *items: bytes) -> bytes:
    """Return `label` and `items`, each with its length before it."""
    return listed((label.encode("ascii"), *items))


def unlisted(data: bytes) -> list[bytes]:
    """Return the items of a list.

    Raises:
        FramingError: `data` ends inside an item or inside a length.
    """
    items: list[bytes] = []
    position, end = 0, len(data)
    while position < end:
        start = position + _LENGTH_BYTES
        position = start + int.from_bytes(data[position:start], "big")
        if start > end or position > end:
            raise FramingError(Reason.MALFORMED, f"item {len(items)} runs past the end")
        items.append(data[start:position])
    return items


def unframe(label: str, data: bytes, count: int | None = None) -> list[bytes]:
    """Return the items after `label`.

    Args:
        label: what the first item must be.
        data: untrusted bytes.
        count: how many items must follow the label; None for any number.

    Raises:
        FramingError: truncated, trailing bytes, another label, or another number of items.
    """
    items = unlisted(data)
    if not items or items[0] != label.encode("ascii"):
        raise FramingError(Reason.MALFORMED, f"label is not {label}")
    del items[0]
    if count is not None and len(items) != count:
        raise FramingError(Reason.MALFORMED, f"{label} has {len(items)} items, expected {count}")
    return items


def label_of(data: bytes) -> str:
    """Return the label of framed bytes, to choose the decoder that then checks all of it.

    Raises:
        FramingError: no label, or one that is not ASCII.
    """
    size = int.from_bytes(data[:_LENGTH_BYTES], "big")
    label = data[_LENGTH_BYTES : _LENGTH_BYTES + size]
    if len(data) < _LENGTH_BYTES + size or not label.isascii():
        raise FramingError(Reason.MALFORMED, "no label")
    return label.decode("ascii")


def u8(value: int) -> bytes:
    """Return `value` in 1 byte."""
    return _packed(value, 1)


def u16(value: int) -> bytes:
    """Return `value` in 2 bytes, big-endian."""
    return _packed(value, 2)


def u32(value: int) -> bytes:
    """Return `value` in 4 bytes, big-endian."""
    return _packed(value, 4)


def u64(value: int) -> bytes:
    """Return `value` in 8 bytes, big-endian."""
    return _packed(value, 8)


def _packed(value: int, width: int) -> bytes:
    try:
        return value.to_bytes(width, "big")
    except OverflowError:
        raise FramingError(Reason.MALFORMED, f"{value} does not fit {width} bytes") from None


def read_uint(item: bytes, width: int) -> int:
    """Return the integer that `item` holds in exactly `width` bytes."""
    if len(item) != width:
        raise FramingError(Reason.MALFORMED, f"integer has {len(item)} bytes, expected {width}")
    return int.from_bytes(item, "big")


def read_flag(item: bytes) -> bool:
    """Return a u8 that must be 0 or 1 as a truth value."""
    if item not in (b"\x00", b"\x01"):
        raise FramingError(Reason.MALFORMED, "flag is neither 0 nor 1")
    return item == b"\x01"


def read_bytes(item: bytes, width: int) -> bytes:
    """Return `item`, which must have exactly `width` bytes."""
    if len(item) != width:
        raise FramingError(Reason.MALFORMED, f"item has {len(item)} bytes, expected {width}")
    return item


def text(value: str) -> bytes:
    """Return `value` in UTF-8; a lone surrogate, which is no text, is refused."""
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise FramingError(Reason.MALFORMED, "text cannot be UTF-8") from None


def read_text(item: bytes) -> str:
    """Return `item` as text; it must be UTF-8."""
    try:
        return item.decode("utf-8")
    except UnicodeDecodeError:
        raise FramingError(Reason.MALFORMED, "text is not UTF-8") from None


def texts(values: Iterable[str]) -> bytes:
    """Return a list of texts in UTF-8; a lone surrogate, which is no text, is refused."""
    return listed(map(text, values))


def read_texts(item: bytes) -> tuple[str, ...]:
    """Return the texts of a list; each must be UTF-8."""
    return tuple(map(read_text, unlisted(item)))


def refusing(kind: type[TrustError]) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Return a decorator that turns a `FramingError` into `kind`, keeping reason and detail."""

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(function)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            try:
                return function(*args, **kwargs)
            except FramingError as error:
                raise kind(error.reason, error.detail) from None

        return call

    return decorate
