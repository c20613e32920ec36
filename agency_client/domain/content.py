# SPDX-License-Identifier: Apache-2.0
"""The content document: what lies inside a sealed body.

One notice, and the keys of its attachments. Canonical JSON in UTF-8: sorted keys, no spaces, so
that one document has one form. Reading is strict about the envelope of the document and leaves the
notice to `domain.notices`: content comes from another agency and must not break the reader.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

SCHEMA = "tocsin.content.v1"
KEY_BYTES = 32
ID_BYTES = 16


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
            document = json.loads(data)
            if document["schema"] != SCHEMA or not isinstance(document["notice"], dict):
                raise ValueError("not a content document")
            attachments = tuple(_attachment(item) for item in document["attachments"])
        except (KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
            raise ValueError("not a content document") from None
        return cls(notice=document["notice"], attachments=attachments)


def _attachment(item: Mapping[str, Any]) -> SealedAttachment:
    name, media_type, length = item["name"], item["media_type"], item["length"]
    identity, key = bytes.fromhex(item["id"]), base64.b64decode(item["key"], validate=True)
    texts = isinstance(name, str) and isinstance(media_type, str)
    counts = type(length) is int and length >= 0
    if not (texts and counts and len(identity) == ID_BYTES and len(key) == KEY_BYTES):
        raise ValueError("not a content document")
    return SealedAttachment(id=identity, key=key, name=name, media_type=media_type, length=length)
