# SPDX-License-Identifier: Apache-2.0
"""Bytes that are not of a format, and contents that are no content documents."""

from agency_client.domain.content import Content
from keys.entries import encode_content
from keys.envelope import AttachmentRef
from keys.errors import Reason
from keys.framing import framed, listed, u8, u16, u32, u64, unlisted
from tests.vectors import sealing
from tests.vectors.cast import NOW, secret
from tests.vectors.federation import Step, steps
from tests.vectors.form import Vector, refusal, with_item
from tests.vectors.sealing import CONTENTS, Sealed, listed_attachment

MALFORMED, LIMIT = Reason.MALFORMED, Reason.LIMIT_EXCEEDED


def vectors(sealed: Sealed) -> list[Vector]:
    """Return the refusals of formats and contents."""
    return [*_framings(), *_formats(sealed), *_contents(sealed)]


def _framings() -> list[Vector]:
    whole = framed("tocsin/example/v1", b"one", b"two")
    return [
        refusal(
            f"framing-{name}",
            about,
            "2",
            {"label": "tocsin/example/v1", "count": 2, "bytes": data},
            MALFORMED.value,
        )
        for name, about, data in (
            ("truncated", "The last item lacks its last byte.", whole[:-1]),
            ("trailing", "One byte follows the last item.", whole + b"\x00"),
            ("other-label", "The label is another.", framed("tocsin/example/v2", b"one", b"two")),
            ("third-item", "A third item follows.", whole + listed((b"",))),
        )
    ]


def _formats(sealed: Sealed) -> list[Vector]:
    frame, keyset = sealed.frame, sealed.cast.signer("gr-pol").public().encode()
    marking = sealing.frame_header(sealed.story).marking.encode()
    header, statement, recipient = frame.header, frame.statement, frame.recipients[0]
    notice = frame.notices[0].header
    agency = _content_of(steps(sealed.cast)[2])
    purposes = listed((b"VICTIM_PROTECTION", b"INVESTIGATION"))
    many = listed([f"CODE-{at:02}".encode() for at in range(65)])
    cases = [
        ("MARKING", "codes-out-of-order", "Codes of a set do not ascend.", marking, 4, purposes),
        ("MARKING", "code-twice", "A set has a code twice.", marking, 5, listed((b"XX", b"XX"))),
        ("MARKING", "codes-too-many", "A set has 65 codes.", marking, 4, many),
        ("MARKING", "flag-of-two", "A flag is 02.", marking, 8, u8(2)),
        ("MARKING", "other-mode", "A mode outside the closed list.", marking, 7, b"DRILL"),
        ("FRAME_HEADER", "other-suite", "Suite 2.", header, 1, u16(2)),
        ("FRAME_HEADER", "topic-not-utf8", "The topic is not UTF-8.", header, 5, b"caf\xe9"),
        ("FRAME_HEADER", "topic-in-capitals", "A topic in capitals.", header, 5, b"CASES"),
        ("FRAME_HEADER", "time-too-late", "In the year 10000.", header, 6, u64(253402300800000)),
        ("HEADER", "id-of-version-4", "A UUID of version 4.", notice, 1, _version_4(sealed)),
        ("HEADER", "time-of-four-bytes", "A u64 in four bytes.", notice, 2, u32(7)),
        ("HEADER", "never-valid", "It expires when it begins.", notice, 3, u64(NOW)),
        ("HEADER", "attachments-too-many", "65 attachments.", notice, 6, _references(65)),
        ("RECIPIENT", "number-0", "Number 0 of its chain.", recipient, 4, u64(0)),
        ("RECIPIENT", "without-previous", "Number 2 follows nothing.", recipient, 4, u64(2)),
        ("RECIPIENT", "steward", "A steward's name.", recipient, 1, b"steward-alpha"),
        ("STATEMENT", "to-nobody", "It has no recipient.", statement, 4, u32(0)),
        ("STATEMENT", "too-many-notices", "It has 257 notices.", statement, 6, u32(257)),
        ("KEYSET", "ends-as-it-begins", "Its end is its beginning.", keyset, 5, _item(keyset, 4)),
        ("KEYSET", "short-key", "A key of 31 bytes.", keyset, 2, bytes(31)),
        ("AGENCY", "name-turns-direction", "U+202E in a name.", agency, 2, "a\u202eb".encode()),
        ("AGENCY", "name-ends-in-a-space", "U+3000 ends a name.", agency, 2, "a\u3000".encode()),
        ("AGENCY", "country-of-three", "A country of three letters.", agency, 3, b"GRC"),
        ("AGENCY", "other-role", "A role outside the closed list.", agency, 5, b"guest"),
    ]
    limits = {"codes-too-many", "attachments-too-many", "to-nobody", "too-many-notices"}
    return [
        refusal(
            f"format-{name.lower().replace('_', '-')}-{what}",
            about,
            "10" if name == "AGENCY" else "5",
            {"format": name, "bytes": with_item(data, at, item)},
            (LIMIT if what in limits else MALFORMED).value,
        )
        for name, what, about, data, at, item in cases
    ]


def _content_of(step: Step) -> bytes:
    return encode_content(step.content)


def _item(data: bytes, at: int) -> bytes:
    return unlisted(data)[at]


def _version_4(sealed: Sealed) -> bytes:
    notice_id = bytearray(_item(sealed.frame.notices[0].header, 1))
    notice_id[6] = 0x40 | notice_id[6] & 0x0F
    return bytes(notice_id)


def _references(count: int) -> bytes:
    return listed(
        AttachmentRef(id=u64(at) + bytes(8), digest=secret("digest"), length=1).encode()
        for at in range(count)
    )


def _contents(sealed: Sealed) -> list[Vector]:
    good, header = CONTENTS[2], sealed.frame.notices[2].header
    key = _text(good).split('"key":"')[1][:44]
    within = b'"title":"The van and its driver"'
    deep = b'"title":' + b"[" * 63 + b"]" * 63
    other = Content(notice={"type": "BLUE"}).encode()
    bad = {
        "no-json": ("It is text.", b"text"),
        "in-utf-16": ("JSON in UTF-16.", _text(good).encode("utf-16")),
        "with-a-byte-order-mark": ("EF BB BF stands before it.", b"\xef\xbb\xbf" + good),
        "with-a-member-twice": ("A member twice.", good.replace(within, within + b"," + within)),
        "with-nan": ("NaN, which is not JSON.", good.replace(within, b'"title":NaN')),
        "with-an-integer-too-large": ("2^53.", good.replace(within, b'"title":9007199254740992')),
        "with-half-a-character": ("A lone surrogate.", good.replace(within, rb'"title":"\ud800"')),
        "too-deep": ("Nested 65 deep.", good.replace(within, deep)),
        "of-another-schema": ("Another schema.", good.replace(b"content.v1", b"content.v2")),
        "with-an-id-in-capitals": ("Hex in capitals.", _capitals(good)),
        "with-a-key-unpadded": (
            "Base64 without padding.",
            good.replace(key.encode(), key[:-1].encode()),
        ),
        "with-a-length-in-decimals": (
            "A length of 17920.0.",
            good.replace(b'"length":17920', b'"length":17920.0'),
        ),
        "without-attachments": (
            "The member is missing.",
            b'{"notice":{"type":"BLUE"},"schema":"tocsin.content.v1"}',
        ),
        "with-other-attachments": ("It lists none, where the notice header lists one.", other),
    }
    assert good not in [data for _, data in bad.values()]
    return [
        refusal(
            f"content-{name}",
            about,
            "6",
            {"content": data, "notice_header": header},
            Reason.BODY_INVALID.value,
        )
        for name, (about, data) in bad.items()
    ]


def _capitals(content: bytes) -> bytes:
    identity = listed_attachment().id.hex()
    return content.replace(identity.encode(), identity.upper().encode())


def _text(content: bytes) -> str:
    return content.decode("utf-8")
