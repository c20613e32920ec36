# SPDX-License-Identifier: Apache-2.0
"""Wraps against RFC 9180's and draft-ietf-hpke-pq's own vectors.

No published vector has our suite whole, so each half is checked and then both together: the KEM
(0x647a) against the draft's, HKDF-SHA256 with AES-256-GCM against the RFC's, and our suite against
the RFC's key schedule, written out below, over the shared secrets that the draft publishes.
"""

import hashlib
import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from keys.errors import OpenError
from keys.hpke import wrap, wrap_info
from keys.identities import DecryptionKey
from tests.unit.keys import published
from tests.vectors.form import parts
from tests.vectors.reading import raw

X25519, X_WING, HKDF_SHA256, AES_256_GCM, CHACHA20 = 0x0020, 0x647A, 1, 2, 3
SECRET = b"s" * 32
X_WING_LABEL = bytes.fromhex("5c2e2f2f5e5c")


def cases(name: str, kem: int, aead: int) -> list[dict[str, Any]]:
    """Return the base mode cases of a file with HKDF-SHA256."""
    return [
        case
        for case in published.read_json(name)
        if (case["mode"], case["kem_id"], case["kdf_id"], case["aead_id"])
        == (0, kem, HKDF_SHA256, aead)
    ]


RFC = cases("HPKE/test-vectors.json", X25519, AES_256_GCM)
DRAFT = cases("HPKE/hpke-pq-test-vectors.json", X_WING, CHACHA20)
ALL_DRAFT = [
    case
    for case in published.read_json("HPKE/hpke-pq-test-vectors.json")
    if case["kem_id"] == X_WING
]


def key_schedule(
    shared_secret: bytes, info: bytes, kem: int, aead: int = AES_256_GCM
) -> tuple[bytes, bytes]:
    """Return key and nonce: RFC 9180 section 5.1, base mode, HKDF-SHA256, 32-byte keys."""
    suite = b"HPKE" + b"".join(one.to_bytes(2, "big") for one in (kem, HKDF_SHA256, aead))

    def extract(salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return hmac.digest(salt, b"HPKE-v1" + suite + label + ikm, "sha256")

    def expand(secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
        labeled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context
        return hmac.digest(secret, labeled + b"\x01", "sha256")[:length]

    context = b"\x00" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared_secret, b"secret", b"")
    return expand(secret, b"key", context, 32), expand(secret, b"base_nonce", context, 12)


def key_of(case: dict[str, Any]) -> DecryptionKey:
    return DecryptionKey(key_id="k", seed=raw(case["skRm"]))


def test_there_are_cases_to_check() -> None:
    assert (len(RFC), len(DRAFT), len(ALL_DRAFT)) == (1, 1, 2)


@pytest.mark.parametrize("case", RFC)
def test_the_key_schedule_below_is_the_rfcs(case: dict[str, Any]) -> None:
    schedule = key_schedule(raw(case["shared_secret"]), raw(case["info"]), X25519)
    assert schedule == (raw(case["key"]), raw(case["base_nonce"]))
    first = case["encryptions"][0]
    sealed = AESGCM(schedule[0]).encrypt(schedule[1], raw(first["pt"]), raw(first["aad"]))
    assert sealed.hex() == first["ct"]


@pytest.mark.parametrize("case", RFC)
def test_cryptographys_hpke_opens_what_the_rfcs_key_schedule_seals(case: dict[str, Any]) -> None:
    key, nonce = key_schedule(raw(case["shared_secret"]), raw(case["info"]), X25519)
    sealed = raw(case["enc"]) + AESGCM(key).encrypt(nonce, SECRET, b"")
    private = X25519PrivateKey.from_private_bytes(raw(case["skRm"]))
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    assert suite.decrypt(sealed, private, raw(case["info"])) == SECRET
    assert private.public_key() == X25519PublicKey.from_public_bytes(raw(case["pkRm"]))


@pytest.mark.parametrize("case", DRAFT)
def test_the_key_schedule_below_is_the_drafts_too(case: dict[str, Any]) -> None:
    schedule = key_schedule(raw(case["shared_secret"]), raw(case["info"]), X_WING, CHACHA20)
    assert schedule == (raw(case["key"]), raw(case["base_nonce"]))
    first = case["encryptions"][0]
    cipher = ChaCha20Poly1305(schedule[0])
    sealed = cipher.encrypt(schedule[1], raw(first["pt"]), raw(first["aad"]))
    assert sealed.hex() == first["ct"]


@pytest.mark.parametrize("case", ALL_DRAFT)
def test_a_decryption_key_has_the_public_key_that_the_draft_derives(case: dict[str, Any]) -> None:
    public = key_of(case).public(valid_from=0, valid_until=1)
    assert public.public.hex() == case["pkRm"]


@pytest.mark.parametrize("case", ALL_DRAFT)
def test_a_wrap_over_a_published_shared_secret_opens(case: dict[str, Any]) -> None:
    info = wrap_info(bytes(32), "ro-pol", "k")
    key, nonce = key_schedule(raw(case["shared_secret"]), info, X_WING)
    wrapped = raw(case["enc"]) + AESGCM(key).encrypt(nonce, SECRET, b"")
    assert key_of(case).unwrap(wrapped, info) == SECRET
    for other in (info + b"\x00", raw(case["info"]), b""):
        with pytest.raises(OpenError):
            key_of(case).unwrap(wrapped, other)


@pytest.mark.parametrize("case", ALL_DRAFT)
def test_a_wrap_to_a_published_key_opens_with_its_private_one(case: dict[str, Any]) -> None:
    wrapped = wrap(raw(case["pkRm"]), b"info", SECRET)
    assert key_of(case).unwrap(wrapped, b"info") == SECRET


def test_our_own_wrap_opens_by_hand() -> None:
    """With X-Wing's combiner (draft-connolly-cfrg-xwing-kem section 5.3) and the key schedule."""
    inputs, steps, output = parts("wrap")
    halves, wrapped = parts("encryption-key")[1], raw(inputs["wrap"])
    mlkem = MLKEM768PrivateKey.from_seed_bytes(raw(halves["mlkem768_seed"]))
    x25519 = X25519PrivateKey.from_private_bytes(raw(halves["x25519_private"]))
    ephemeral = wrapped[1088:1120]
    shared = hashlib.sha3_256(
        mlkem.decapsulate(wrapped[:1088])
        + x25519.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        + ephemeral
        + raw(halves["x25519_public"])
        + X_WING_LABEL
    ).digest()
    key, nonce = key_schedule(shared, raw(steps["info"]), X_WING)
    assert AESGCM(key).decrypt(nonce, wrapped[1120:], b"").hex() == output["seal_key"]
