# SPDX-License-Identifier: Apache-2.0
"""A second implementation, written from docs/protocol.md alone: what is read and verified.

Opens a delivery, checks a frame, and reads leaves, checkpoints and key files. Does the least that
is needed for that, and imports nothing of ours. Values are read in `second_formats`, the directory
in `second_federation`.
"""

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from tests.unit.protocol import second_formats as formats
from tests.unit.protocol.primitives import (
    Refused,
    body_context,
    chunked_open,
    content_key,
    framed,
    items_of,
    key_commitment,
    leaf_hash,
    listed,
    need,
    private_key,
    read,
    root_by_path,
    sha,
    tree_root,
    uint,
    unpadded,
    unwrap,
    verify,
    wrap_info,
)

FRAME = "application/vnd.tocsin.frame.v1"


# Section 8.


@dataclass(frozen=True, kw_only=True)
class Received:
    """A delivery as it comes; notices are (index, header, body, path)."""

    frame_header: bytes
    statement: bytes
    signature: bytes
    recipient: bytes
    recipient_index: int
    recipient_path: Sequence[bytes]
    wrap: bytes
    notices: Sequence[tuple[int, bytes, bytes, Sequence[bytes]]]
    withheld: Sequence[int]
    stub: bool


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What a delivery proves: (index, content key, content) of its notices, and what it hides."""

    notices: Sequence[tuple[int, bytes, bytes]]
    unaccounted: Sequence[int]


def open_delivery(
    got: Received, *, keyset: bytes, federation: bytes, agency: str, topic: str, seed: bytes
) -> Opened:
    signed, header = check_signed(
        got.statement, got.signature, got.frame_header, keyset, federation
    )
    need(header["topic"] == topic)
    path_root = root_by_path(
        leaf_hash(got.recipient), got.recipient_index, signed["m"], got.recipient_path
    )
    need(path_root == signed["recipient_root"])
    recipient = formats.recipient(got.recipient)
    need(recipient["agency"] == agency)
    need(not got.notices or recipient["wrap_digest"] == sha(got.wrap))
    headers = _check_notices(got, signed["n"], signed["notice_root"])
    named = {index for index, *_ in got.notices} | {*got.withheld}
    hidden = [index for index in range(signed["n"]) if index not in named]
    if not got.notices:
        return Opened(notices=(), unaccounted=hidden)
    info = wrap_info(got.frame_header, agency, recipient["key_id"])
    seal_key = unwrap(private_key(seed), info, got.wrap)
    commitment = key_commitment(seal_key, federation, header["seal_id"])
    need(commitment == header["key_commitment"])
    opened = []
    for (index, notice, body, _), read_header in zip(got.notices, headers, strict=True):
        key = content_key(seal_key, got.frame_header, notice)
        content = open_body(key, got.frame_header, notice, body)
        formats.content(content, read_header)
        opened.append((index, key, content))
    return Opened(notices=opened, unaccounted=hidden)


def open_body(key: bytes, frame_header: bytes, notice: bytes, body: bytes) -> bytes:
    return unpadded(chunked_open(key, body_context(frame_header, notice), body))


def check_signed(
    statement: bytes, signature: bytes, frame_header: bytes, keyset: bytes, federation: bytes
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the statement and the frame header: section 7, steps 2 to 4."""
    signed = formats.statement(statement)
    need(formats.keyset(keyset)["keyset_id"] == signed["keyset_id"])
    header = formats.frame_header(frame_header)
    verify(keyset, FRAME, statement, signature, header["created_at"])
    need(signed["header_digest"] == sha(frame_header) and header["federation"] == federation)
    need(header["originator"] == signed["originator"])
    return signed, header


def notice_leaf(header: bytes, body: bytes) -> bytes:
    return leaf_hash(framed("tocsin/notice/v1", header, sha(body)))


def _check_notices(got: Received, count: int, root: bytes) -> list[dict[str, Any]]:
    indices = [index for index, *_ in got.notices]
    need(not (got.stub and (got.notices or got.withheld)))
    need(not (got.wrap and not got.notices))
    named = [*indices, *got.withheld]
    need(indices == sorted(indices) and list(got.withheld) == sorted(got.withheld))
    need(len(set(named)) == len(named) and all(0 <= index < count for index in named))
    hashes = [notice_leaf(header, body) for _, header, body, _ in got.notices]
    if len(hashes) == count and not any(path for *_, path in got.notices):
        need(tree_root(hashes) == root)
    else:
        for hashed, (index, _, _, path) in zip(hashes, got.notices, strict=True):
            need(root_by_path(hashed, index, count, path) == root)
    headers = [formats.notice_header(header) for _, header, _, _ in got.notices]
    need(len({header["notice_id"] for header in headers}) == len(headers))
    return headers


# Section 7.


@dataclass(frozen=True, kw_only=True)
class Published:
    """A whole frame; notices are (header, body)."""

    frame_header: bytes
    recipients: Sequence[bytes]
    wraps: Sequence[bytes]
    notices: Sequence[tuple[bytes, bytes]]
    statement: bytes
    signature: bytes


def check_frame(frame: Published, keyset: bytes, federation: bytes) -> None:
    signed, _ = check_signed(
        frame.statement, frame.signature, frame.frame_header, keyset, federation
    )
    need(signed["m"] == len(frame.recipients) == len(frame.wraps))
    need(tree_root([leaf_hash(one) for one in frame.recipients]) == signed["recipient_root"])
    records = [formats.recipient(one) for one in frame.recipients]
    need([record["wrap_digest"] for record in records] == [sha(one) for one in frame.wraps])
    agencies = [record["agency"] for record in records]
    need(agencies == sorted(set(agencies)) and signed["originator"] in agencies)
    need(signed["n"] == len(frame.notices))
    hashes = [notice_leaf(one, body) for one, body in frame.notices]
    need(tree_root(hashes) == signed["notice_root"])
    ids = [formats.notice_header(one)["notice_id"] for one, _ in frame.notices]
    need(len(set(ids)) == len(ids))


# Section 11.


def log_leaf(
    kind: str, time_ms: int, fields: Mapping[str, bytes | str | int], salt: bytes
) -> bytes:
    pairs = []
    for name in sorted(fields):
        value = fields[name]
        if isinstance(value, str):
            value = value.encode()
        elif isinstance(value, int):
            value = value.to_bytes(8, "big")
        message = framed("tocsin/leaf/v1", name.encode(), value)
        pairs.append(listed(name.encode(), hmac.digest(salt, message, "sha256")))
    return framed("tocsin/log-leaf/v1", kind.encode(), time_ms.to_bytes(8, "big"), listed(*pairs))


NOTE = re.compile(
    r"([!-*,-~]{1,255})\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n\n"
    r"((?:\u2014 [!-*,-~]{1,255} [A-Za-z0-9+/]+={0,2}\n){1,64})"
)


def read_checkpoint(note: str, origin: str, log_key: bytes) -> tuple[int, bytes]:
    found = NOTE.fullmatch(note)
    need(found and len(note) <= 65536)
    assert found is not None
    name, size, root, lines = found.groups()
    need(name == origin and int(size) < 1 << 63)
    key_id = sha(origin.encode() + b"\n\x01" + log_key)[:4]
    named = [line.split(" ")[1:] for line in lines.splitlines()]
    blobs = [(by, canonical(encoded)) for by, encoded in named]
    need(all(len(blob) > 4 for _, blob in blobs))
    ours = [blob for by, blob in blobs if by == origin and blob[:4] == key_id]
    need(len(ours) == 1)
    try:
        Ed25519PublicKey.from_public_bytes(log_key).verify(
            ours[0][4:], f"{name}\n{size}\n{root}\n".encode()
        )
    except InvalidSignature:
        raise Refused from None
    return int(size), canonical(root)


def canonical(encoded: str) -> bytes:
    try:
        data = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise Refused from None
    need(base64.b64encode(data).decode() == encoded)
    return data


# Section 12.


def open_key_file(data: bytes, purpose: str, passphrase: bytes) -> dict[str, bytes]:
    stated, memory, passes, lanes, salt, body = read("tocsin/key-file/v1", data, 6)
    need(stated == purpose.encode())
    key = Argon2id(
        salt=salt,
        length=32,
        iterations=uint(passes, 4),
        lanes=uint(lanes, 4),
        memory_cost=uint(memory, 4),
    ).derive(passphrase)
    context = framed("tocsin/key-file-body/v1", stated, memory, passes, lanes, salt)
    parts = items_of(chunked_open(key, context, body))
    return {name.decode(): held for name, held in zip(parts[::2], parts[1::2], strict=True)}
