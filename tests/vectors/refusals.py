# SPDX-License-Identifier: Apache-2.0
"""Vectors that must be refused, one failure each: those of logs and key files, and all together."""

from keys import merkle
from keys.checkpoint import log_public, sign_checkpoint
from keys.errors import Reason
from tests.vectors import (
    refused_deliveries,
    refused_federation,
    refused_formats,
    refused_frames,
    refused_mail,
)
from tests.vectors.cast import secret
from tests.vectors.federation import LOG_SEED
from tests.vectors.form import Json, Vector, refusal
from tests.vectors.log import PASSPHRASE, checkpoint, key_file, leaf_hashes
from tests.vectors.sealing import Sealed


def vectors(sealed: Sealed) -> list[Vector]:
    """Return all refusals."""
    return [
        *refused_formats.vectors(sealed),
        *refused_frames.vectors(sealed),
        *refused_deliveries.vectors(sealed),
        *refused_mail.vectors(sealed),
        *refused_federation.vectors(sealed.story),
        *_notes(),
        *_logs(),
        *_key_files(sealed),
    ]


def _notes() -> list[Vector]:
    head, seed = checkpoint(), secret(LOG_SEED)
    good, public = sign_checkpoint(head, seed), log_public(seed)
    body, line = good.split("\n\n")
    witness = line.replace(head.origin, "witness.example")
    cases = [
        (
            "of-another-key",
            "Signed by another key in the log's name.",
            sign_checkpoint(head, secret("another log")),
        ),
        ("of-another-origin", "The note of another log.", good.replace(head.origin, "other/log")),
        ("with-a-zero-before-its-size", "Size 07.", good.replace("\n7\n", "\n07\n")),
        ("with-a-fourth-line", "An extension line.", f"{body}\nextension\n\n{line}"),
        ("without-its-last-line-feed", "The last line does not end.", good[:-1]),
        ("with-crlf", "Lines end in CR LF.", good.replace("\n", "\r\n")),
        ("signed-twice", "Two lines by the log's key.", good + line),
        ("with-a-hyphen", "A hyphen stands for the dash.", good.replace("\u2014", "-")),
        ("by-a-witness-alone", "No line by the log.", f"{body}\n\n{witness}"),
        ("with-a-short-line", "A line of four bytes.", f"{good}\u2014 witness.example AAAAAA==\n"),
        ("with-stray-bits", "Base64 that is not canonical.", _stray(good)),
    ]
    return [
        refusal(
            f"checkpoint-{name}",
            about,
            "11",
            {"note": note, "origin": head.origin, "ed25519": public},
            Reason.CHECKPOINT_INVALID.value,
        )
        for name, about, note in cases
    ]


def _stray(note: str) -> str:
    """Return a note whose root hash is written with unused bits set."""
    lines = note.split("\n")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = lines[2][-2]
    lines[2] = lines[2][:-2] + alphabet[alphabet.index(last) + 1] + "="
    return "\n".join(lines)


def _logs() -> list[Vector]:
    head, hashes = checkpoint(), leaf_hashes()
    path = merkle.inclusion_path(hashes, 3)
    consistent = merkle.consistency_path(hashes, 3)
    inclusion: Json = {
        "leaf_hash": hashes[3],
        "index": 3,
        "size": head.size,
        "root": head.root,
    }
    consistency: Json = {
        "old": 3,
        "new": head.size,
        "old_root": merkle.root(hashes[:3]),
        "new_root": head.root,
    }
    proof = Reason.PROOF_INVALID.value
    return [
        refusal(
            "inclusion-too-long",
            "A proof with one hash more.",
            "11",
            {**inclusion, "proof": [*path, path[-1]]},
            proof,
        ),
        refusal(
            "inclusion-too-short",
            "A proof without its last hash.",
            "11",
            {**inclusion, "proof": path[:-1]},
            proof,
        ),
        refusal(
            "inclusion-of-another-leaf",
            "Leaf 4 proved as leaf 3.",
            "11",
            {**inclusion, "leaf_hash": hashes[4], "proof": path},
            proof,
        ),
        refusal(
            "consistency-of-another-past",
            "From a size 3 that has another root.",
            "11",
            {**consistency, "old_root": merkle.root(hashes[1:4]), "proof": consistent},
            proof,
        ),
        refusal(
            "consistency-from-nothing",
            "A proof from size 0.",
            "11",
            {**consistency, "old": 0, "old_root": merkle.EMPTY_ROOT, "proof": []},
            proof,
        ),
    ]


def _key_files(sealed: Sealed) -> list[Vector]:
    inputs: Json = {
        "purpose": "agency",
        "passphrase": PASSPHRASE,
        "key_file": key_file(sealed.cast),
    }
    return [
        refusal(f"key-file-{name}", about, "12", {**inputs, **changed}, reason.value)
        for name, about, changed, reason in (
            (
                "wrong-passphrase",
                "The passphrase is another.",
                {"passphrase": PASSPHRASE + b"!"},
                Reason.PASSPHRASE_WRONG,
            ),
            (
                "other-purpose",
                "A broker's file is asked for.",
                {"purpose": "broker"},
                Reason.KEY_FILE_INVALID,
            ),
        )
    ]
