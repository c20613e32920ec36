# SPDX-License-Identifier: Apache-2.0
"""A release: the exact notice that one officer asks to publish and another approves.

Everything that decides what is sealed and for whom stands in its bytes, so that an approval of it
is one of nothing else; files by their digests. Values only; who may ask, and when it is published,
is for `services.releases`. Stays at the agency: nobody else reads these bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from agency_client.domain.canonical import read_document, write_document
from agency_client.domain.notices import Draft
from keys.envelope import ID_BYTES, Marking
from keys.errors import EnvelopeError, FramingError, Reason
from keys.framing import (
    HASH_BYTES,
    framed,
    listed,
    read_bytes,
    read_text,
    read_texts,
    read_uint,
    refusing,
    text,
    texts,
    u64,
    unframe,
    unlisted,
)

_RELEASE = "tocsin/release/v1"
_ITEMS = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A draft as `domain.publishable.Publishable`, with what is fixed before it is approved.

    Attributes:
        federation: 32 bytes.
        originator: ourselves.
        notice_id: 16 bytes, that of the notice when it is published.
        topic: where it goes.
        marking: how it may be handled.
        to: the agencies that it names.
        readers: every agency that would be able to open it.
        notice: the document to seal.
        valid_from: milliseconds since 1970.
        expires_at: milliseconds since 1970.
        supersedes: references of our own notices, whole.
        attachments: files to attach.
        digests: SHA-256 of each file, 32 bytes.
    """

    federation: bytes
    originator: str
    notice_id: bytes
    topic: str
    marking: Marking
    to: tuple[str, ...]
    readers: tuple[str, ...]
    notice: Mapping[str, Any]
    valid_from: int
    expires_at: int
    supersedes: tuple[str, ...]
    attachments: tuple[Path, ...]
    digests: tuple[bytes, ...]

    @property
    def reference(self) -> str:
        """The notice as ORIGINATOR/HEX."""
        return f"{self.originator}/{self.notice_id.hex()}"

    @property
    def summary(self) -> str:
        """What it does, for who approves it."""
        readers = ", ".join(one for one in self.readers if one != self.originator)
        return f"publish TLP:{self.marking.tlp} {self.marking.type} on {self.topic}, for {readers}"

    @property
    def draft(self) -> Draft:
        """The draft that it was made of."""
        return Draft(
            topic=self.topic,
            marking=self.marking,
            to=self.to,
            notice=self.notice,
            valid_from=self.valid_from,
            expires_at=self.expires_at,
            supersedes=self.supersedes,
            attachments=self.attachments,
        )

    def encode(self) -> bytes:
        """Return the RELEASE bytes."""
        return framed(
            _RELEASE,
            self.federation,
            text(self.originator),
            self.notice_id,
            text(self.topic),
            self.marking.encode(),
            texts(self.to),
            texts(self.readers),
            write_document(self.notice),
            u64(self.valid_from),
            u64(self.expires_at),
            texts(self.supersedes),
            texts(map(str, self.attachments)),
            listed(self.digests),
        )

    @classmethod
    @refusing(EnvelopeError)
    def decode(cls, data: bytes) -> Self:
        """Read RELEASE bytes; raises `EnvelopeError` for any that `encode` would not write."""
        items = unframe(_RELEASE, data, _ITEMS)
        try:
            notice = read_document(items[7])
        except ValueError:
            raise FramingError(Reason.MALFORMED, "a release holds no notice") from None
        release = cls(
            federation=read_bytes(items[0], HASH_BYTES),
            originator=read_text(items[1]),
            notice_id=read_bytes(items[2], ID_BYTES),
            topic=read_text(items[3]),
            marking=Marking.decode(items[4]),
            to=read_texts(items[5]),
            readers=read_texts(items[6]),
            notice=notice,
            valid_from=read_uint(items[8], 8),
            expires_at=read_uint(items[9], 8),
            supersedes=read_texts(items[10]),
            attachments=tuple(map(Path, read_texts(items[11]))),
            digests=tuple(unlisted(items[12])),
        )
        if len(release.attachments) != len(release.digests) or release.encode() != data:
            raise FramingError(Reason.MALFORMED, "a release is written otherwise")
        return release
