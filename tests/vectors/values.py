# SPDX-License-Identifier: Apache-2.0
"""Vectors of single values: framing, marking, headers, recipient, statement, keys, PAE."""

import hashlib

from keys import merkle
from keys.body import padded_length
from keys.envelope import (
    AttachmentRef,
    FrameHeader,
    Marking,
    NoticeHeader,
    NoticeRef,
    Recipient,
    SealedNotice,
    Statement,
)
from keys.framing import framed, listed, sha256, u8, u16, u32, u64
from keys.signing import ed25519_input, pae
from tests.vectors.cast import NOW, SEAL_KEY_ID, SIGN_KEYSET, Cast, secret, short_id, uuid7
from tests.vectors.form import Json, Vector
from tests.vectors.sealing import Sealed, notice_headers

LENGTHS = (0, 1, 1020, 1021, 2044, 4092, 8188, 16380, 65532, 65533, 100_000, 1_000_000)


def vectors(cast: Cast, sealed: Sealed) -> list[Vector]:
    """Return the cases about single values; those of a frame are parts of the one in frame.json."""
    header = FrameHeader.decode(sealed.frame.header)
    return [
        _framing(),
        _pae(),
        _padding(),
        _encoded("marking", "5", "What policy may read of a frame.", header.marking),
        _marking_of_sets(),
        _encoded("frame-header", "5", "What holds for every notice of a frame.", header),
        _notice_header(),
        _encryption_key(cast),
        _leaf(sealed),
        _recipient(sealed),
        _statement(sealed),
    ]


def _encoded(
    name: str, section: str, about: str, value: Marking | FrameHeader | NoticeHeader
) -> Vector:
    encoded = value.encode()
    return Vector(
        name=name,
        about=about,
        section=section,
        inputs={name.replace("-", "_"): value},
        output={"bytes": encoded, "sha256": sha256(encoded)},
    )


def _framing() -> Vector:
    items = [b"", b"\x00", "Ω".encode(), u8(1), u16(2), u32(3), u64(4), listed((b"a", b""))]
    return Vector(
        name="framing",
        about="A label and eight items, one of them empty and one a list of two.",
        section="2",
        inputs={"label": "tocsin/example/v1", "items": items},
        steps={
            "u8_of_1": items[3],
            "u16_of_2": items[4],
            "u32_of_3": items[5],
            "u64_of_4": items[6],
            "list_of_a_and_nothing": items[7],
        },
        output={"bytes": framed("tocsin/example/v1", *items)},
    )


def _pae() -> Vector:
    encoded = pae("http://example.com/HelloWorld", b"hello world")
    return Vector(
        name="pae",
        about="DSSE's own example of the pre-authentication encoding, and what Ed25519 signs.",
        section="4",
        inputs={"payload_type": "http://example.com/HelloWorld", "payload": b"hello world"},
        steps={"pae": encoded},
        output={"ed25519_input": ed25519_input(encoded)},
    )


def _padding() -> Vector:
    return Vector(
        name="padding",
        about="To how many bytes a content is padded: its length is 4 bytes more, then a bucket.",
        section="6",
        inputs={"content_lengths": list(LENGTHS)},
        output={"padded_lengths": [padded_length(4 + length) for length in LENGTHS]},
    )


def _marking_of_sets() -> Vector:
    lists: Json = {"handling": ["H2", "H1"], "purposes": ["PROSECUTION", "INVESTIGATION"]}
    marking = Marking(
        type="RED",
        tlp="AMBER+STRICT",
        handling=tuple(lists["handling"]),
        purposes=tuple(lists["purposes"]),
        not_for=("RO", "GR", "RO"),
        regrant="originator",
        mode="EXERCISE",
        sanitised=True,
        operation="OP-LANTERN",
        priority="FLASH",
    )
    return Vector(
        name="marking-of-sets",
        about="Lists of a marking are sets: sorted, each code once.",
        section="5",
        inputs={"as_given": {**lists, "not_for": ["RO", "GR", "RO"]}},
        steps={"marking": marking},
        output={"bytes": marking.encode()},
    )


def _notice_header() -> Vector:
    refs = tuple(
        NoticeRef(originator="ro-pol", notice_id=uuid7(name), leaf_hash=secret(f"leaf {name}"))
        for name in ("old one", "old two", "taken back")
    )
    attachment = AttachmentRef(
        id=short_id("attachment"), digest=secret("attachment digest"), length=4096
    )
    header = NoticeHeader(
        notice_id=uuid7("full header"),
        valid_from=NOW,
        expires_at=NOW + 1,
        supersedes=refs[:2],
        recalls=refs[2:],
        attachments=(attachment,),
    )
    return _encoded("notice-header", "5", "What is in clear about one notice.", header)


def _encryption_key(cast: Cast) -> Vector:
    seed = secret("ro-pol decryption")
    expanded = hashlib.shake_256(seed).digest(96)
    key = cast.encryption("ro-pol")
    return Vector(
        name="encryption-key",
        about="A key that others seal to, from its seed.",
        section="6",
        inputs={
            "key_id": SEAL_KEY_ID,
            "seed": seed,
            "valid_from": key.valid_from,
            "valid_until": key.valid_until,
        },
        steps={
            "mlkem768_seed": expanded[:64],
            "x25519_private": expanded[64:],
            "mlkem768_public": key.public[:1184],
            "x25519_public": key.public[1184:],
        },
        output={"public": key.public, "encryption_key": key.encode()},
    )


def _leaf(sealed: Sealed) -> Vector:
    notice = sealed.frame.notices[1]
    body_digest = sha256(notice.body)
    return Vector(
        name="notice-leaf",
        about="The leaf of notice 1 of the frame in frame.json.",
        section="5",
        inputs={"header": notice.header, "body": notice.body},
        steps={
            "body_sha256": body_digest,
            "leaf": framed("tocsin/notice/v1", notice.header, body_digest),
        },
        output={
            "leaf_hash": SealedNotice(header=notice.header, body=notice.body).leaf_hash,
            "notice_id": notice_headers()[1].notice_id,
        },
    )


def _recipient(sealed: Sealed) -> Vector:
    encoded = sealed.frame.recipients[2]
    return Vector(
        name="recipient",
        about="The record of recipient 2 of the frame in frame.json: named, second of its chain.",
        section="5",
        inputs={"recipient": Recipient.decode(encoded), "wrap": sealed.frame.wraps[2]},
        steps={"wrap_sha256": sha256(sealed.frame.wraps[2])},
        output={"bytes": encoded, "leaf_hash": merkle.hash_leaf(encoded)},
    )


def _statement(sealed: Sealed) -> Vector:
    frame = sealed.frame
    recipients = [merkle.hash_leaf(one) for one in frame.recipients]
    notices = [one.leaf_hash for one in frame.notices]
    statement = Statement.decode(frame.statement)
    assert statement.keyset_id == SIGN_KEYSET
    return Vector(
        name="statement",
        about="What the originator of the frame in frame.json signs.",
        section="5",
        inputs={
            "originator": statement.originator,
            "keyset_id": statement.keyset_id,
            "frame_header": frame.header,
            "recipients": list(frame.recipients),
            "notice_leaf_hashes": notices,
        },
        steps={
            "header_digest": sha256(frame.header),
            "recipient_leaf_hashes": recipients,
            "recipient_root": merkle.root(recipients),
            "notice_root": merkle.root(notices),
        },
        output={"bytes": frame.statement, "sha256": sha256(frame.statement)},
    )
