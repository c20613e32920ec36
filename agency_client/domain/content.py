# SPDX-License-Identifier: Apache-2.0
"""The content document: what lies inside a sealed body.

One notice, and the keys of its attachments. Reading is strict about the JSON (`domain.canonical`)
and about the envelope of the document, so that every implementation refuses the same ones, and
leaves the notice to `domain.notices`: content comes from another agency and must not break the
reader.
Source: docs/protocol.md section 6.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from agency_client.domain.canonical import read_document, write_document

SCHEMA = "tocsin.content.v1"
KEY_BYTES = 32

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
        return write_document(document)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a content document.

        Raises:
            ValueError: not a content document.
        """
        try:
            document = read_document(data)
            if document["schema"] != SCHEMA or not isinstance(document["notice"], dict):
                raise ValueError("not a content document")
            attachments = tuple(_attachment(item) for item in _list(document["attachments"]))
        except (KeyError, TypeError, AttributeError, binascii.Error):
            raise ValueError("not a content document") from None
        return cls(notice=document["notice"], attachments=attachments)


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
