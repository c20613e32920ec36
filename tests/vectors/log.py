# SPDX-License-Identifier: Apache-2.0
"""Vectors of the log and of the key file: leaf, tree with proofs, checkpoint, sealed secrets."""

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from keys import merkle
from keys.checkpoint import Checkpoint, key_id, log_public, sign_checkpoint
from keys.framing import framed, listed, u32
from keys.logleaf import Value, encode_leaf, field_bytes, field_hash
from keys.stretching import LANES, MEMORY_KIB, PASSES
from tests.vectors.cast import DAY, NOW, ORIGIN, TOPIC, Cast, secret, short_id
from tests.vectors.federation import LOG_SEED
from tests.vectors.form import Vector

SIZE = 7
"""Leaves that were there when the frame was sealed: as many frames before it on its topic."""
LOGGED = NOW - DAY
PASSPHRASE = b"correct horse battery staple"


def leaf_fields(index: int) -> dict[str, Value]:
    """Return what leaf `index` of the example log says."""
    return {
        "originator": "gr-pol",
        "topic": TOPIC,
        "sequence": index + 1,
        "statement": secret(f"statement {index}"),
    }


def leaf(index: int) -> bytes:
    """Return the LOG_LEAF bytes of leaf `index` of the example log."""
    return encode_leaf("publish", LOGGED + index, leaf_fields(index), secret(f"salt {index}"))


def leaf_hashes() -> list[bytes]:
    """Return the leaf hashes of the example log."""
    return [merkle.hash_leaf(leaf(index)) for index in range(SIZE)]


def checkpoint() -> Checkpoint:
    """Return the head of the example log."""
    return Checkpoint(origin=ORIGIN, size=SIZE, root=merkle.root(leaf_hashes()))


def vectors(cast: Cast) -> list[Vector]:
    """Return the cases about the tree, its checkpoint and the key file."""
    return [_tree(), _checkpoint(), _key_file(cast)]


def leaf_vector(
    name: str, about: str, *, kind: str, time_ms: int, fields: dict[str, Value], salt: bytes
) -> Vector:
    """Return the case of one leaf."""
    made = encode_leaf(kind, time_ms, fields, salt)
    return Vector(
        name=name,
        about=about,
        section="11",
        inputs={"kind": kind, "time_ms": time_ms, "fields": fields, "salt": salt},
        steps={
            "hmac_inputs": {
                one: framed("tocsin/leaf/v1", one.encode(), field_bytes(fields[one]))
                for one in sorted(fields)
            },
            "field_hashes": {one: field_hash(salt, one, fields[one]) for one in sorted(fields)},
        },
        output={"log_leaf": made, "leaf_hash": merkle.hash_leaf(made)},
    )


def _tree() -> Vector:
    hashes = leaf_hashes()
    return Vector(
        name="log-tree",
        about="A tree of seven leaves: its root at every size, and every proof.",
        section="11",
        inputs={"leaves": [leaf(index) for index in range(SIZE)]},
        steps={"leaf_hashes": hashes},
        output={
            "roots": [merkle.root(hashes[:size]) for size in range(SIZE + 1)],
            "inclusion": [
                {"index": index, "size": SIZE, "proof": merkle.inclusion_path(hashes, index)}
                for index in range(SIZE)
            ],
            "consistency": [
                {"old": old, "new": SIZE, "proof": merkle.consistency_path(hashes, old)}
                for old in range(1, SIZE + 1)
            ],
        },
    )


def _checkpoint() -> Vector:
    head, seed = checkpoint(), secret(LOG_SEED)
    public = log_public(seed)
    return Vector(
        name="checkpoint",
        about="The signed head of the log in log-tree.json, as a C2SP signed note.",
        section="11",
        inputs={"checkpoint": head, "ed25519_seed": seed},
        steps={
            "ed25519": public,
            "key_id": key_id(ORIGIN, public),
            "signed_text": head.body(),
        },
        output={"note": sign_checkpoint(head, seed)},
    )


def key_file(cast: Cast) -> bytes:
    """Return the example key file."""
    output: bytes = _key_file(cast).output["key_file"]
    return output


def _key_file(cast: Cast) -> Vector:
    salt = short_id("key file salt")
    held = {
        "decryption.2026-11-seal": secret("gr-pol decryption"),
        "gateway.ed25519": secret("gr-pol ed25519"),
        "gateway.keyset-id": b"2026-11-sign",
        "gateway.mldsa65": secret("gr-pol mldsa65"),
    }
    settings = (u32(MEMORY_KIB), u32(PASSES), u32(LANES), salt)
    file_key = Argon2id(
        salt=salt, length=32, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB
    ).derive(PASSPHRASE)
    context = framed("tocsin/key-file-body/v1", b"agency", *settings)
    content = listed(part for name in sorted(held) for part in (name.encode(), held[name]))
    body = cast.encrypted(file_key, context, content)
    return Vector(
        name="key-file",
        about="Secrets at rest: Argon2id over the passphrase, then committing encryption.",
        section="12",
        inputs={"purpose": "agency", "passphrase": PASSPHRASE, "salt": salt, "secrets": held},
        steps={
            "memory_kib": MEMORY_KIB,
            "passes": PASSES,
            "lanes": LANES,
            "file_key": file_key,
            "context": context,
            "secrets": content,
            "body": body,
        },
        output={"key_file": framed("tocsin/key-file/v1", b"agency", *settings, body)},
    )
