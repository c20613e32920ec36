# SPDX-License-Identifier: Apache-2.0
"""Vectors of contents, bodies and attachments, with the values inside their encryption."""

import hashlib

from agency_client.domain.content import Content
from keys.attachments import attachment_context
from keys.body import body_context, content_key, pad
from keys.envelope import SealedNotice
from keys.framing import sha256
from tests.vectors import inside
from tests.vectors.cast import secret
from tests.vectors.form import Vector
from tests.vectors.sealing import (
    ATTACHMENT,
    CONTENTS,
    SEAL_KEY,
    Sealed,
    blue,
    listed_attachment,
    notice_headers,
    sealed_attachment,
    sealed_notice,
)

SHOWN = 4096
"""Longer contents are shown padded by their length and digest only."""
LONG_CONTENT = blue("A long account", text="x" * 16384)


def vectors(sealed: Sealed) -> list[Vector]:
    """Return the cases about what lies behind a notice header."""
    return [
        _content(sealed),
        _body(
            sealed,
            "body",
            "The body of notice 1 of the frame in frame.json. Encryption is random: open it.",
            sealed.frame.notices[1],
            CONTENTS[1],
        ),
        _body(
            sealed,
            "body-of-five-chunks",
            "A body under the header of notice 1 whose padded content fills four chunks: a fifth, "
            "which is empty, ends it.",
            _long_notice(sealed),
            LONG_CONTENT,
        ),
        _attachment(sealed),
    ]


def _long_notice(sealed: Sealed) -> SealedNotice:
    """Return a notice with a long body, of no frame, under the frame's header."""
    digest = sha256(sealed.frame.header)
    return sealed_notice(
        sealed.cast, digest, notice_headers()[1].encode(), LONG_CONTENT, secret(SEAL_KEY)
    )


def _content(sealed: Sealed) -> Vector:
    return Vector(
        name="content",
        about="The content of notice 2 of the frame in frame.json, as its writer writes it.",
        section="6",
        inputs={
            "notice": {**Content.decode(CONTENTS[2]).notice},
            "attachments": [listed_attachment()],
            "notice_header": sealed.frame.notices[2].header,
        },
        steps={"text": CONTENTS[2].decode()},
        output={"content": CONTENTS[2]},
    )


def _body(sealed: Sealed, name: str, about: str, notice: SealedNotice, content: bytes) -> Vector:
    digest, notice_digest = sha256(sealed.frame.header), sha256(notice.header)
    key = content_key(secret(SEAL_KEY), digest, notice_digest)
    context = body_context(digest, notice_digest)
    return Vector(
        name=name,
        about=about,
        section="6",
        inputs={
            "content_key": key,
            "frame_header": sealed.frame.header,
            "notice_header": notice.header,
            "body": notice.body,
        },
        steps={
            "context": context,
            "salt": notice.body[:24],
            "commitment": notice.body[24:56],
            **inside.chunk_steps(key, notice.body, context),
            **({"padded": pad(content)} if len(content) <= SHOWN else {}),
            "padded_length": len(pad(content)),
            "padded_sha256": sha256(pad(content)),
        },
        output={"content": content},
    )


def _attachment(sealed: Sealed) -> Vector:
    ref, key, ciphertext = sealed_attachment(sealed.story)
    federation = sealed.story.federation
    context = attachment_context(federation, "gr-pol", ref.id)
    return Vector(
        name="attachment",
        about="The attachment of notice 2 of the frame in frame.json, in two chunks.",
        section="6",
        inputs={
            "federation": federation,
            "originator": "gr-pol",
            "attachment_key": key,
            "attachment": ref,
            "ciphertext": ciphertext,
        },
        steps={
            "context": context,
            "salt": ciphertext[:24],
            "commitment": ciphertext[24:56],
            **inside.chunk_steps(key, ciphertext, context),
        },
        output={
            "plaintext_length": len(ATTACHMENT),
            "plaintext_sha256": hashlib.sha256(ATTACHMENT).digest(),
        },
    )
