# SPDX-License-Identifier: Apache-2.0
"""Bodies and key files against published vectors: C2SP chunked-encryption and RFC 9106.

Cobblestone-256 is C2SP's scheme with SHA-512 and AES-256-GCM; the published cases of that AEAD have
SHA-256. So the scheme is written out below for either hash, checked against those cases, and then
opens what our code sealed. What our code refuses to open is in test_attachments.py.
"""

import base64
import hashlib
import hmac
import zlib
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from keys.attachments import AttachmentSealer, attachment_context
from keys.body import body_context, pad, seal_body
from keys.framing import framed, sha256, unframe
from keys.keyfile import seal_secrets
from tests.unit.keys import published
from tests.vectors.form import parts
from tests.vectors.reading import raw

HEADER, CHUNK, TAG = 56, 16 * 1024, 16
CASES = published.read_json("chunked-encryption/vectors.json")["vectors"]


def cases(aead: str, expect: str) -> list[dict[str, Any]]:
    """Return the cases of an AEAD that must open ("success") or must not ("failure")."""
    return [case for case in CASES if (case["aead"], case["expect"]) == (aead, expect)]


GOOD, BAD = (cases("AEAD_AES_256_GCM", expect) for expect in ("success", "failure"))


def name_of(case: dict[str, Any]) -> str:
    name: str = case["name"]
    return name


def ciphertext_of(case: dict[str, Any]) -> bytes:
    sealed = base64.b64decode(case["ciphertext"] or "")
    return zlib.decompress(sealed) if case.get("compressed") else sealed


# The scheme, from chunked-encryption.md.


def derived(key: bytes, salt: bytes, context: bytes, algorithm: str) -> tuple[bytes, bytes, bytes]:
    """Return key, base nonce and commitment: "Key derivation"."""
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00" + salt + context
    out = last = b""
    for counter in (1, 2, 3):
        last = hmac.digest(key, last + info + bytes([counter]), algorithm)
        out += last
    return out[:32], out[32:44], out[44:76]


def opened(key: bytes, context: bytes, sealed: bytes, algorithm: str) -> bytes:
    """Open by hand: "Message chunking" and "AEAD usage"; raises ValueError or InvalidTag."""
    if len(key) != 32 or len(sealed) < HEADER + TAG:
        raise ValueError
    secret, nonce, commitment = derived(key, sealed[:24], context, algorithm)
    chunks = [sealed[i : i + CHUNK + TAG] for i in range(HEADER, len(sealed), CHUNK + TAG)]
    if commitment != sealed[24:HEADER] or len(chunks[-1]) == CHUNK + TAG:
        raise ValueError
    cipher, base = AESGCM(secret), int.from_bytes(nonce, "big")
    return b"".join(
        cipher.decrypt((base ^ number).to_bytes(12, "big"), chunk, b"")
        for number, chunk in enumerate(chunks)
    )


def test_there_are_cases_to_check() -> None:
    assert (len(GOOD), len(BAD)) == (9, 25)


@pytest.mark.parametrize("case", GOOD, ids=name_of)
def test_the_scheme_above_opens_what_c2sp_sealed(case: dict[str, Any]) -> None:
    sealed, context = ciphertext_of(case), case["context"].encode()
    secret, nonce, _ = derived(raw(case["key"]), sealed[:24], context, "sha256")
    assert (secret.hex(), nonce.hex()) == (case["aead_key"], case["base_nonce"])
    plain = opened(raw(case["key"]), context, sealed, "sha256")
    assert len(plain) == case["payload_length"]
    assert hashlib.sha256(plain).hexdigest() == case["payload_sha256"]


@pytest.mark.parametrize("case", BAD, ids=name_of)
def test_the_scheme_above_refuses_what_c2sp_says_must_fail(case: dict[str, Any]) -> None:
    with pytest.raises((InvalidTag, ValueError)):
        opened(raw(case["key"]), case["context"].encode(), ciphertext_of(case), "sha256")


@pytest.mark.parametrize("length", [0, 1, 1020, CHUNK - 4, CHUNK, 100_000])
def test_our_bodies_are_the_scheme_with_sha512(length: int) -> None:
    key, frame, notice = b"k" * 32, sha256(b"frame"), sha256(b"notice")
    content = bytes(length)
    body = seal_body(key, frame, notice, content)
    assert opened(key, body_context(frame, notice), body, "sha512") == pad(content)


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK, 257 * CHUNK + 5])
def test_our_attachments_are_the_scheme_with_sha512(length: int) -> None:
    federation, content = sha256(b"federation"), bytes(length)
    sealer = AttachmentSealer(federation, "gr-pol")
    sealed = sealer.update(content) + sealer.finalize()
    context = attachment_context(federation, "gr-pol", sealer.id)
    assert opened(sealer.key, context, sealed, "sha512") == content


def test_our_key_files_are_the_scheme_with_sha512() -> None:
    sealed = seal_secrets("agency", {"a": b"1"}, b"passphrase", salt=b"s" * 16)
    *settings, body = unframe("tocsin/key-file/v1", sealed, 6)
    derive = Argon2id(salt=b"s" * 16, length=32, iterations=3, lanes=4, memory_cost=65_536)
    context = framed("tocsin/key-file-body/v1", *settings)
    content = opened(derive.derive(b"passphrase"), context, body, "sha512")
    assert content == b"\x00\x00\x00\x01a\x00\x00\x00\x011"


def test_our_vectors_open_by_hand() -> None:
    inputs, steps, _ = parts("body")
    body = opened(raw(inputs["content_key"]), raw(steps["context"]), raw(inputs["body"]), "sha512")
    assert body.hex() == steps["padded"]
    inputs, steps, output = parts("attachment")
    key, context = raw(inputs["attachment_key"]), raw(steps["context"])
    plain = opened(key, context, raw(inputs["ciphertext"]), "sha512")
    assert hashlib.sha256(plain).hexdigest() == output["plaintext_sha256"]


ARGON2ID = published.read_text("KDF/argon2id.txt").split("\n\n")


def argon2_cases() -> list[dict[str, str]]:
    """Return the cases of the RFC's and OpenSSL's file that need less than 128 MiB."""
    lines = [[line.partition("=") for line in block.splitlines()] for block in ARGON2ID]
    cases = [
        {key.strip(): value.strip() for key, equals, value in block if equals and key[0] != "#"}
        for block in lines
    ]
    return [case for case in cases if int(case.get("memcost", 1 << 20)) < 1 << 17]


@pytest.mark.parametrize("case", argon2_cases(), ids=lambda case: case["COUNT"])
def test_a_passphrase_is_stretched_as_rfc_9106_says(case: dict[str, str]) -> None:
    optional = {
        name: raw(case[key]) for name, key in (("ad", "ad"), ("secret", "secret")) if key in case
    }
    derive = Argon2id(
        salt=raw(case["salt"]),
        length=int(case["length"]),
        iterations=int(case["iter"]),
        lanes=int(case["lanes"]),
        memory_cost=int(case["memcost"]),
        **optional,
    )
    assert derive.derive(raw(case["pass"])).hex() == case["output"]


def test_a_key_files_key_is_the_one_of_these_settings() -> None:
    inputs, steps, _ = parts("key-file")
    assert (steps["memory_kib"], steps["passes"], steps["lanes"]) == (65_536, 3, 4)
    derive = Argon2id(
        salt=raw(inputs["salt"]), length=32, iterations=3, lanes=4, memory_cost=65_536
    )
    assert derive.derive(raw(inputs["passphrase"])).hex() == steps["file_key"]
