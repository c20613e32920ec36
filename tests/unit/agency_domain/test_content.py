# SPDX-License-Identifier: Apache-2.0
"""The content document: every reader must accept the same ones, so the form is narrow."""

import json
from typing import Any

import pytest

from agency_client.domain.canonical import MAX_DEPTH, MAX_INTEGER
from agency_client.domain.content import Content, SealedAttachment

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
ATTACHMENT: dict[str, Any] = {
    "id": "0f" * 16,
    "key": KEY,
    "name": "π.pdf",
    "media_type": "application/pdf",
    "length": 3,
}


def document(**changes: object) -> dict[str, Any]:
    members: dict[str, Any] = {
        "schema": "tocsin.content.v1",
        "notice": {"type": "BLUE"},
        "attachments": [],
    }
    return members | changes


def encoded(**changes: object) -> bytes:
    return json.dumps(document(**changes)).encode()


def with_notice(text: str) -> bytes:
    return encoded(notice={"x": "HERE"}).replace(b'"HERE"', text.encode())


def nested(depth: int) -> bytes:
    """Return a document in which objects and arrays are nested `depth` deep."""
    inner = depth - 2
    return with_notice("[" * inner + "]" * inner)


def test_what_is_written_is_read() -> None:
    attached = SealedAttachment(
        id=bytes(16), key=bytes(32), name="π", media_type="text/plain", length=MAX_INTEGER
    )
    content = Content(notice={"b": [1.5, None, True], "a": {"c": "Ж"}}, attachments=(attached,))
    assert Content.decode(content.encode()) == content


def test_order_white_space_and_unknown_members_do_not_matter() -> None:
    told = document(attachments=[ATTACHMENT | {"later": {}}], later=[1])
    spaced = json.dumps(dict(reversed(told.items())), indent=2).encode()
    content = Content.decode(spaced)
    assert content.notice == {"type": "BLUE"}
    assert [one.id for one in content.attachments] == [b"\x0f" * 16]


def test_a_character_beyond_the_first_plane_may_be_escaped() -> None:
    assert Content.decode(with_notice(r'"\ud83d\ude00"')).notice == {"x": "\U0001f600"}


def test_nesting_has_a_bound() -> None:
    assert Content.decode(nested(MAX_DEPTH)).notice
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(ValueError, match=r"nested deeper|not a content"):
            Content.decode(nested(depth))


REFUSED: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"text",
    "a list": b"[]",
    "bytes that are not UTF-8": encoded().replace(b"BLUE", b"\xff"),
    "UTF-16": encoded().decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + encoded(),
    "a second value": encoded() + b"{}",
    "a zero byte behind": encoded() + b"\x00",
    "a member twice": encoded().replace(b'"schema"', b'"schema": "x", "schema"'),
    "a member twice within": with_notice('{"a": 1, "a": 1}'),
    "no number": with_notice("NaN"),
    "infinity": with_notice("-Infinity"),
    "a number beyond a float": with_notice("1e999"),
    "an integer beyond 2^53": with_notice(str(MAX_INTEGER + 1)),
    "an integer below -2^53": with_notice(str(-MAX_INTEGER - 1)),
    "an integer without end": with_notice("9" * 5000),
    "half of a character": with_notice(r'"\ud800"'),
    "half of a character in a name": with_notice(r'{"\udc00": 1}'),
    "another schema": encoded(schema="tocsin.content.v2"),
    "a schema that is no text": encoded(schema=["tocsin.content.v1"]),
    "no schema": b'{"notice":{},"attachments":[]}',
    "no notice": b'{"schema":"tocsin.content.v1","attachments":[]}',
    "a notice that is a list": encoded(notice=[]),
    "no attachments": b'{"schema":"tocsin.content.v1","notice":{}}',
    "attachments that are null": encoded(attachments=None),
    "attachments that are an object": encoded(attachments={}),
    "attachments that are text": encoded(attachments=""),
    "an attachment that is text": encoded(attachments=["id"]),
}
BAD_ATTACHMENTS: dict[str, dict[str, Any]] = {
    "an id in capitals": {"id": "0F" * 16},
    "an id with spaces": {"id": " ".join(["0f"] * 16)},
    "an id that is short": {"id": "0f" * 15},
    "an id that is a number": {"id": 7},
    "a key that is short": {"key": "AAEC"},
    "a key without padding": {"key": KEY[:-1]},
    "a key with a line feed": {"key": KEY + "\n"},
    "a key with stray bits": {"key": KEY[:-2] + "9="},
    "a key that is a number": {"key": 7},
    "a name that is null": {"name": None},
    "a media type that is null": {"media_type": None},
    "a negative length": {"length": -1},
    "a length with a fraction": {"length": 3.0},
    "a length that is true": {"length": True},
    "a length that is text": {"length": "3"},
}
REFUSED |= {
    name: encoded(attachments=[ATTACHMENT | changes]) for name, changes in BAD_ATTACHMENTS.items()
}
REFUSED |= {
    f"no {name}": encoded(attachments=[{k: v for k, v in ATTACHMENT.items() if k != name}])
    for name in ATTACHMENT
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_content_document_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Content.decode(REFUSED[name])


def test_the_good_attachment_is_read() -> None:
    (read,) = Content.decode(encoded(attachments=[ATTACHMENT])).attachments
    assert (read.key, read.name, read.length) == (bytes(range(32)), "π.pdf", 3)
