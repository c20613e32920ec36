# SPDX-License-Identifier: Apache-2.0
"""Decryption keys: from a seed, and what they refuse to unwrap."""

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey

from keys.errors import OpenError, Reason
from keys.framing import sha256
from keys.hpke import SUITE, WRAP_BYTES, wrap
from keys.identities import (
    DecryptionKey,
    decryption_key_secrets,
    decryption_keys_from,
    generate_decryption_key,
)

SECRET, INFO = b"s" * 32, b"info"
KEY = DecryptionKey(key_id="k", seed=sha256(b"one"))
PUBLIC = KEY.public(valid_from=0, valid_until=1).public


def test_a_key_is_its_seed() -> None:
    again = DecryptionKey(key_id="k", seed=KEY.seed)
    assert again == KEY
    assert again.unwrap(wrap(PUBLIC, INFO, SECRET), INFO) == SECRET
    assert DecryptionKey(key_id="k", seed=sha256(b"two")) != KEY


def test_a_key_says_nothing_about_its_seed() -> None:
    assert KEY.seed.hex() not in repr(KEY)
    assert repr(KEY.seed) not in repr(KEY)


def test_fresh_keys_differ() -> None:
    assert generate_decryption_key("k").seed != generate_decryption_key("k").seed


@pytest.mark.parametrize("seed", [b"", bytes(31), bytes(33), bytes(64)])
def test_a_seed_has_32_bytes(seed: bytes) -> None:
    with pytest.raises(OpenError) as refused:
        DecryptionKey(key_id="k", seed=seed)
    assert refused.value.reason is Reason.MALFORMED


def test_a_key_id_is_well_formed() -> None:
    with pytest.raises(OpenError, match="key id"):
        DecryptionKey(key_id="a b", seed=KEY.seed)


def test_a_wrap_for_another_key_does_not_open() -> None:
    other = generate_decryption_key("k")
    wrapped = wrap(other.public(valid_from=0, valid_until=1).public, INFO, SECRET)
    with pytest.raises(OpenError) as refused:
        KEY.unwrap(wrapped, INFO)
    assert refused.value.reason is Reason.WRAP_INVALID
    assert other.unwrap(wrapped, INFO) == SECRET


@pytest.mark.parametrize("length", [0, 1, WRAP_BYTES - 1, WRAP_BYTES + 1])
def test_a_wrap_of_another_length_does_not_open(length: int) -> None:
    with pytest.raises(OpenError, match="expected 1168") as refused:
        KEY.unwrap(bytes(length), INFO)
    assert refused.value.reason is Reason.WRAP_INVALID


def test_a_wrap_with_an_ephemeral_point_of_low_order_does_not_open() -> None:
    wrapped = wrap(PUBLIC, INFO, SECRET)
    with pytest.raises(OpenError) as refused:
        KEY.unwrap(wrapped[:1088] + bytes(32) + wrapped[1120:], INFO)
    assert refused.value.reason is Reason.WRAP_INVALID


def test_halves_of_two_wraps_do_not_make_one() -> None:
    one, two = wrap(PUBLIC, INFO, SECRET), wrap(PUBLIC, INFO, SECRET)
    for mixed in (one[:1088] + two[1088:], one[:1120] + two[1120:]):
        with pytest.raises(OpenError):
            KEY.unwrap(mixed, INFO)


def test_a_sealed_secret_of_another_length_is_refused_by_the_length_of_its_wrap() -> None:
    public = MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(PUBLIC[:1184]),
        X25519PublicKey.from_public_bytes(PUBLIC[1184:]),
    )
    with pytest.raises(OpenError) as refused:
        KEY.unwrap(SUITE.encrypt(bytes(31), public, INFO), INFO)
    assert refused.value.reason is Reason.WRAP_INVALID


def test_keys_come_back_from_the_secrets_of_a_key_file() -> None:
    keys = (KEY, generate_decryption_key("2026-12"))
    held = {**decryption_key_secrets(keys), "gateway.ed25519": bytes(32)}
    assert sorted(key.key_id for key in decryption_keys_from(held)) == ["2026-12", "k"]
    assert {key.seed for key in decryption_keys_from(held)} == {key.seed for key in keys}


def test_a_key_file_with_a_damaged_seed_gives_no_keys() -> None:
    with pytest.raises(OpenError):
        decryption_keys_from({"decryption.k": bytes(31)})
    assert decryption_keys_from({}) == ()
