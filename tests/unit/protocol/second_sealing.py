# SPDX-License-Identifier: Apache-2.0
"""A second implementation, written from docs/protocol.md alone: values written, a frame sealed.

Imports nothing of ours. Values are given as the vectors give them: objects by item name.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

from tests.unit.protocol.primitives import (
    body_context,
    chunked_seal,
    content_key,
    framed,
    key_commitment,
    leaf_hash,
    listed,
    padded,
    pae,
    private_key,
    sha,
    tree_root,
    wrap,
    wrap_info,
)
from tests.unit.protocol.second import FRAME, Published, notice_leaf

Value = Mapping[str, Any]


def u(value: int, width: int) -> bytes:
    return value.to_bytes(width, "big")


def flag(value: object) -> bytes:
    return b"\x01" if value else b"\x00"


def codes(values: Sequence[str]) -> bytes:
    return listed(*sorted({value.encode() for value in values}))


def marking(value: Value) -> bytes:
    return framed(
        "tocsin/marking/v1",
        value["type"].encode(),
        value["tlp"].encode(),
        codes(value["handling"]),
        codes(value["purposes"]),
        codes(value["not_for"]),
        value["regrant"].encode(),
        value["mode"].encode(),
        flag(value["sanitised"]),
        value["operation"].encode(),
        value["priority"].encode(),
    )


def head(value: Value) -> bytes:
    return listed(u(value["size"], 8), value["root"])


def frame_header(value: Value) -> bytes:
    book = value["rule_book"]
    return framed(
        "tocsin/frame-header/v1",
        u(1, 2),
        value["federation"],
        value["seal_id"],
        value["outlet"],
        value["topic"].encode(),
        u(value["created_at"], 8),
        marking(value["marking"]),
        value["key_commitment"],
        listed(u(book["version"], 8), book["digest"]),
        head(value["directory"]),
        head(value["log"]),
        value["originator"].encode(),
    )


def reference(value: Value) -> bytes:
    return listed(value["originator"].encode(), value["notice_id"], value["leaf_hash"])


def header(value: Value) -> bytes:
    attachments = [
        listed(one["id"], one["digest"], u(one["length"], 8)) for one in value["attachments"]
    ]
    return framed(
        "tocsin/notice-header/v1",
        value["notice_id"],
        u(value["valid_from"], 8),
        u(value["expires_at"], 8),
        listed(*map(reference, value["supersedes"])),
        listed(*map(reference, value["recalls"])),
        listed(*attachments),
    )


def recipient(value: Value) -> bytes:
    return framed(
        "tocsin/recipient/v1",
        value["agency"].encode(),
        value["key_id"].encode(),
        flag(value["named"]),
        u(value["seq"], 8),
        value["prev"],
        value["wrap_digest"],
    )


def keyset(value: Value) -> bytes:
    ed25519 = Ed25519PrivateKey.from_private_bytes(value["ed25519_seed"]).public_key()
    mldsa65 = MLDSA65PrivateKey.from_seed_bytes(value["mldsa65_seed"]).public_key()
    return framed(
        "tocsin/keyset/v1",
        value["keyset_id"].encode(),
        ed25519.public_bytes_raw(),
        mldsa65.public_bytes_raw(),
        u(value["valid_from"], 8),
        u(value["valid_until"], 8),
    )


def encryption_key(value: Value) -> bytes:
    return framed(
        "tocsin/encryption-key/v1",
        value["key_id"].encode(),
        private_key(value["seed"]).public,
        u(value["valid_from"], 8),
        u(value["valid_until"], 8),
    )


@dataclass(frozen=True, kw_only=True)
class Originator:
    agency: str
    keyset_id: str
    ed25519_seed: bytes
    mldsa65_seed: bytes

    def sign(self, kind: str, payload: bytes) -> bytes:
        message = pae(kind, payload)
        ed25519 = Ed25519PrivateKey.from_private_bytes(self.ed25519_seed)
        mldsa65 = MLDSA65PrivateKey.from_seed_bytes(self.mldsa65_seed)
        return ed25519.sign(framed("tocsin/hybrid/v1", message)) + mldsa65.sign(
            message, context=kind.encode("ascii")
        )


def statement(
    originator: Originator, frame: bytes, recipients: list[bytes], notices: list[bytes]
) -> bytes:
    return framed(
        "tocsin/frame/v1",
        originator.agency.encode(),
        originator.keyset_id.encode(),
        sha(frame),
        u(len(recipients), 4),
        tree_root(recipients),
        u(len(notices), 4),
        tree_root(notices),
    )


def seal(
    originator: Originator,
    value: Value,
    recipients: Sequence[tuple[Value, bytes]],
    notices: Sequence[tuple[Value, bytes]],
) -> Published:
    """Seal contents, each with its header, to recipients, each with its public key."""
    seal_key = os.urandom(32)
    commitment = key_commitment(seal_key, value["federation"], value["seal_id"])
    frame = frame_header({**value, "key_commitment": commitment})
    records, wraps = [], []
    for to, public in sorted(recipients, key=lambda one: str(one[0]["agency"])):
        wrapped = wrap(public, wrap_info(frame, to["agency"], to["key_id"]), seal_key)
        records.append(recipient({**to, "wrap_digest": sha(wrapped)}))
        wraps.append(wrapped)
    sealed = []
    for about, content in notices:
        written = header(about)
        key = content_key(seal_key, frame, written)
        sealed.append((written, chunked_seal(key, body_context(frame, written), padded(content))))
    signed = statement(
        originator,
        frame,
        [leaf_hash(one) for one in records],
        [notice_leaf(*one) for one in sealed],
    )
    return Published(
        frame_header=frame,
        recipients=records,
        wraps=wraps,
        notices=sealed,
        statement=signed,
        signature=originator.sign(FRAME, signed),
    )
