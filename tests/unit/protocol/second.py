# SPDX-License-Identifier: Apache-2.0
"""A second implementation, written from docs/protocol.md alone: what is read and verified.

Opens a delivery, checks a frame, and reads a directory, a log and a key file. Does the least that
is needed for that, and imports nothing of ours.
"""

import base64
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

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
ROOT = "application/vnd.tocsin.root.v1"
ENTRY = "application/vnd.tocsin.directory-entry.v1"


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


def open_delivery(
    got: Received, *, keyset: bytes, federation: bytes, agency: str, topic: str, seed: bytes
) -> list[tuple[int, bytes, bytes]]:
    """Return (index, content key, content) of each notice."""
    header = read("tocsin/frame-header/v1", got.frame_header, 11)
    at = uint(header[5], 8)
    verify(keyset, FRAME, got.statement, got.signature, at)
    statement = read("tocsin/frame/v1", got.statement, 7)
    need(statement[1] == read("tocsin/keyset/v1", keyset, 5)[0])
    need(statement[2] == sha(got.frame_header))
    need(uint(header[0], 2) == 1 and header[1] == federation and header[4] == topic.encode())
    recipient = read("tocsin/recipient/v1", got.recipient, 6)
    path_root = root_by_path(
        leaf_hash(got.recipient), got.recipient_index, uint(statement[3], 4), got.recipient_path
    )
    need(path_root == statement[4])
    need(recipient[0] == agency.encode() and recipient[5] == sha(got.wrap))
    _check_notices(got, uint(statement[5], 4), statement[6])
    info = wrap_info(got.frame_header, agency, recipient[1].decode())
    seal_key = unwrap(private_key(seed), info, got.wrap)
    need(key_commitment(seal_key, federation, header[2]) == header[7])
    opened = []
    for index, notice, body, _ in got.notices:
        key = content_key(seal_key, got.frame_header, notice)
        content = unpadded(chunked_open(key, body_context(got.frame_header, notice), body))
        opened.append((index, key, content))
    return opened


def notice_leaf(header: bytes, body: bytes) -> bytes:
    return leaf_hash(framed("tocsin/notice/v1", header, sha(body)))


def _check_notices(got: Received, count: int, root: bytes) -> None:
    indices = [index for index, *_ in got.notices]
    named = [*indices, *got.withheld]
    need(indices == sorted(indices) and len(set(named)) == len(named))
    need(all(0 <= index < count for index in named))
    hashes = [notice_leaf(header, body) for _, header, body, _ in got.notices]
    if len(hashes) == count and not any(path for *_, path in got.notices):
        need(tree_root(hashes) == root)
    else:
        for hashed, (index, _, _, path) in zip(hashes, got.notices, strict=True):
            need(root_by_path(hashed, index, count, path) == root)
    ids = [read("tocsin/notice-header/v1", header, 6)[0] for _, header, _, _ in got.notices]
    need(len(set(ids)) == len(ids))


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
    header = read("tocsin/frame-header/v1", frame.frame_header, 11)
    verify(keyset, FRAME, frame.statement, frame.signature, uint(header[5], 8))
    signed = read("tocsin/frame/v1", frame.statement, 7)
    need(signed[2] == sha(frame.frame_header) and header[1] == federation)
    need(uint(signed[3], 4) == len(frame.recipients) == len(frame.wraps))
    need(tree_root([leaf_hash(one) for one in frame.recipients]) == signed[4])
    records = [read("tocsin/recipient/v1", one, 6) for one in frame.recipients]
    need([record[5] for record in records] == [sha(one) for one in frame.wraps])
    agencies = [record[0] for record in records]
    need(agencies == sorted(set(agencies)) and signed[0] in agencies)
    need(uint(signed[5], 4) == len(frame.notices))
    need(tree_root([notice_leaf(one, body) for one, body in frame.notices]) == signed[6])
    ids = [read("tocsin/notice-header/v1", one, 6)[0] for one, _ in frame.notices]
    need(len(set(ids)) == len(ids))


# Sections 9 and 10, as far as signatures and places go.


@dataclass(frozen=True)
class Root:
    body: bytes
    threshold: int
    keysets: Mapping[bytes, bytes]
    created_at: int
    directory_size: int
    directory_root: bytes


def read_root(body: bytes) -> Root:
    found = read("tocsin/root/v1", body, 12)
    stewards = [read("tocsin/steward/v1", one, 3) for one in items_of(found[3])]
    return Root(
        body=body,
        threshold=uint(found[2], 4),
        keysets={read("tocsin/keyset/v1", keyset, 5)[0]: keyset for _, keyset, _ in stewards},
        created_at=uint(found[7], 8),
        directory_size=uint(found[10], 8),
        directory_root=found[11],
    )


def count(root: Root, kind: str, body: bytes, signatures: bytes, at: int) -> int:
    counted = 0
    for pair in items_of(signatures):
        keyset_id, signature = items_of(pair)
        if keyset_id in root.keysets:
            verify(root.keysets[keyset_id], kind, body, signature, at)
            counted += 1
    return counted


def read_roots(signed: Sequence[bytes]) -> list[Root]:
    roots: list[Root] = []
    for number, one in enumerate(signed, 1):
        body, signatures = read("tocsin/signed-root/v1", one, 2)
        found, root = read("tocsin/root/v1", body, 12), read_root(body)
        need(uint(found[0], 8) == number)
        need(found[9] == (sha(roots[-1].body) if roots else bytes(32)))
        for by in (*roots[-1:], root):
            need(count(by, ROOT, body, signatures, root.created_at) >= by.threshold)
        roots.append(root)
    return roots


def read_directory(signed_roots: Sequence[bytes], entries: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the federation's id and the directory's root hash."""
    roots = read_roots(signed_roots)
    federation, hashes, issued = sha(roots[0].body), list[bytes](), 0
    for number, one in enumerate(entries):
        need(all(root_fits(root, hashes) for root in roots))
        body, signatures = read("tocsin/signed-entry/v1", one, 2)
        found = read("tocsin/directory-entry/v1", body, 4)
        need(found[0] == federation and uint(found[1], 8) == number and uint(found[2], 8) >= issued)
        issued = uint(found[2], 8)
        in_force = [root for root in roots if root.directory_size <= number][-1]
        wanted = 1 if items_of(found[3])[0] == b"tocsin/lock/v1" else in_force.threshold
        need(count(in_force, ENTRY, body, signatures, issued) >= wanted)
        hashes.append(leaf_hash(one))
    need(all(root_fits(root, hashes) for root in roots))
    return federation, tree_root(hashes)


def root_fits(root: Root, hashes: Sequence[bytes]) -> bool:
    return root.directory_size != len(hashes) or root.directory_root == tree_root(hashes)


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


def read_checkpoint(note: str, origin: str, log_key: bytes) -> tuple[int, bytes]:
    text, _, signatures = note.rpartition("\n\n")
    name, size, root = text.split("\n")
    need(name == origin)
    key_id = sha(origin.encode() + b"\n\x01" + log_key)[:4]
    found = [base64.b64decode(line.rsplit(" ", 1)[1]) for line in signatures.splitlines()]
    ours = [one for one in found if one[:4] == key_id]
    need(len(ours) == 1)
    try:
        Ed25519PublicKey.from_public_bytes(log_key).verify(ours[0][4:], f"{text}\n".encode())
    except InvalidSignature:
        raise Refused from None
    return int(size), base64.b64decode(root)


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
