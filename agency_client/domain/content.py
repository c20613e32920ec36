# SPDX-License-Identifier: Apache-2.0
"""The content document: what lies inside a sealed body.

One notice, and the keys of its attachments. Canonical JSON in UTF-8: sorted keys, no spaces, so
that one document has one form. Reading is strict about the JSON and about the envelope of the
document, so that every implementation refuses the same ones, and leaves the notice to
`domain.notices`: content comes from another agency and must not break the reader.
Source: docs/protocol.md section 6.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

SCHEMA = "tocsin.content.v1"
KEY_BYTES = 32
MAX_DEPTH = 64
"""Far above what a notice needs, far below what exhausts a reader's stack."""
MAX_INTEGER = (1 << 53) - 1
"""What every implementation of JSON reads as the same number."""

_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedAttachment:
    """An attachment as the content lists it: its key and name; `length` is the plaintext's."""

    id: bytes
    key: bytes = field(repr=False)
    name: str
    media_type: str
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A decoded content document."""

    notice: Mapping[str, Any]
    attachments: tuple[SealedAttachment, ...] = ()

    def encode(self) -> bytes:
        """Return the document's bytes."""
        document = {
            "schema": SCHEMA,
            "notice": self.notice,
            "attachments": [
                {
                    "id": one.id.hex(),
                    "key": base64.b64encode(one.key).decode("ascii"),
                    "name": one.name,
                    "media_type": one.media_type,
                    "length": one.length,
                }
                for one in self.attachments
            ],
        }
        text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return text.encode("utf-8")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a content document.

        Raises:
            ValueError: not a content document.
        """
        try:
            document = json.loads(
                data.decode("utf-8"),
                object_pairs_hook=_members,
                parse_int=_integer,
                parse_float=_finite,
                parse_constant=_no_number,
            )
            _check_values(document, data)
            if document["schema"] != SCHEMA or not isinstance(document["notice"], dict):
                raise ValueError("not a content document")
            attachments = tuple(_attachment(item) for item in _list(document["attachments"]))
        except (KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
            raise ValueError("not a content document") from None
        return cls(notice=document["notice"], attachments=attachments)


def _members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


def _integer(digits: str) -> int:
    value = int(digits)
    if abs(value) > MAX_INTEGER:
        raise ValueError("an integer is beyond 2^53 - 1")
    return value


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _check_values(document: object, data: bytes) -> None:
    """Refuse nesting beyond `MAX_DEPTH`, and escapes that are half of a character.

    Looks only where the bytes say that there may be either.
    """
    if data.count(b"{") + data.count(b"[") <= MAX_DEPTH and b"\\u" not in data:
        return
    waiting = [(document, 1)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, str):
            value.encode("utf-8")
        elif isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                raise ValueError(f"nested deeper than {MAX_DEPTH}")
            inner = [*value, *value.values()] if isinstance(value, dict) else value
            waiting += [(one, depth + 1) for one in inner]


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _attachment(item: Mapping[str, Any]) -> SealedAttachment:
    name, media_type, length = item["name"], item["media_type"], item["length"]
    texts = isinstance(name, str) and isinstance(media_type, str)
    counts = type(length) is int and length >= 0
    key = base64.b64decode(item["key"], validate=True)
    canonical = len(key) == KEY_BYTES and base64.b64encode(key).decode("ascii") == item["key"]
    if not (texts and counts and canonical and _ID.fullmatch(item["id"])):
        raise ValueError("not a content document")
    return SealedAttachment(
        id=bytes.fromhex(item["id"]), key=key, name=name, media_type=media_type, length=length
    )
