# SPDX-License-Identifier: Apache-2.0
"""Signers: from seeds, from key files, by URI."""

from pathlib import Path

import pytest

from keys.errors import KeyFileError, Reason, SignatureError
from keys.keyfile import write_keyfile
from keys.signers import (
    SIGNING_PURPOSE,
    SeedSigner,
    generate_signer,
    load_signer,
    signer_from,
)
from keys.signing import PAYLOAD_FRAME, verify

PASSPHRASE = b"correct horse"


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key file in a folder with a space in its name, with the signer "gateway"."""
    path = tmp_path_factory.mktemp("with space") / "agency.keys"
    write_keyfile(path, SIGNING_PURPOSE, generate_signer("2026-11").secrets("gateway"), PASSPHRASE)
    return path


def test_the_same_seeds_are_the_same_signer() -> None:
    first, second = (
        SeedSigner(keyset_id="k", ed25519_seed=b"e" * 32, mldsa65_seed=b"m" * 32) for _ in range(2)
    )
    keyset = first.public(valid_from=0, valid_until=1)
    assert second.public(valid_from=0, valid_until=1) == keyset
    verify(keyset, PAYLOAD_FRAME, b"x", second.sign(PAYLOAD_FRAME, b"x"))


@pytest.mark.parametrize(("ed25519", "mldsa65"), [(31, 32), (32, 33), (0, 0), (64, 32)])
def test_a_seed_has_32_bytes(ed25519: int, mldsa65: int) -> None:
    with pytest.raises(SignatureError) as refused:
        SeedSigner(keyset_id="k", ed25519_seed=bytes(ed25519), mldsa65_seed=bytes(mldsa65))
    assert refused.value.reason is Reason.KEY_INVALID


def test_a_signer_says_nothing_about_its_seeds() -> None:
    signer = SeedSigner(keyset_id="k", ed25519_seed=b"e" * 32, mldsa65_seed=b"m" * 32)
    assert repr(signer) == "SeedSigner(keyset_id='k')"


def test_fresh_signers_differ() -> None:
    one, other = (generate_signer("k").public(valid_from=0, valid_until=1) for _ in range(2))
    assert one.ed25519 != other.ed25519
    assert one.mldsa65 != other.mldsa65


def test_a_signer_comes_back_from_its_secrets() -> None:
    signer = generate_signer("2026-11")
    again = signer_from({**signer.secrets("gateway"), "other": b""}, "gateway")
    assert again.keyset_id == "2026-11"
    assert again.secrets("gateway") == signer.secrets("gateway")


@pytest.mark.parametrize("half", ["keyset-id", "ed25519", "mldsa65"])
def test_a_signer_with_a_half_missing_or_damaged_is_none(half: str) -> None:
    held = generate_signer("k").secrets("gateway")
    damaged = {**held, f"gateway.{half}": b"\xff"}
    lacking = {name: value for name, value in held.items() if not name.endswith(half)}
    for wrong in (damaged, lacking):
        with pytest.raises(KeyFileError, match="no signer gateway") as refused:
            signer_from(wrong, "gateway")
        assert refused.value.reason is Reason.KEY_FILE_INVALID


def test_a_uri_names_a_signer_in_a_key_file(key_file: Path) -> None:
    for uri in (f"file:{key_file}#gateway", f"{key_file.as_uri()}#gateway"):
        assert load_signer(uri, PASSPHRASE).keyset_id == "2026-11"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "gateway",
        "file:",
        "file:#gateway",
        "file:/keys/agency.keys",
        "file:/keys/agency.keys#",
        "hsm:slot=1#gateway",
        "https://keys.example/agency.keys#gateway",
        "file://host.example/keys/agency.keys#gateway",
        "file:/keys/agency.keys?passphrase=x#gateway",
        "file://[::1#gateway",
        "file:/keys/agency%00.keys#gateway",
    ],
)
def test_a_uri_of_another_form_is_refused(uri: str) -> None:
    with pytest.raises(KeyFileError) as refused:
        load_signer(uri, PASSPHRASE)
    assert refused.value.reason is Reason.KEY_FILE_INVALID


def test_a_signer_is_not_found_under_another_name_purpose_or_passphrase(key_file: Path) -> None:
    uri = f"file:{key_file}"
    for refused_uri, passphrase, purpose, reason in (
        (f"{uri}#other", PASSPHRASE, SIGNING_PURPOSE, Reason.KEY_FILE_INVALID),
        (f"{uri}#gateway", PASSPHRASE, "steward", Reason.KEY_FILE_INVALID),
        (f"{uri}#gateway", b"wrong", SIGNING_PURPOSE, Reason.PASSPHRASE_WRONG),
        (f"{uri}.gone#gateway", PASSPHRASE, SIGNING_PURPOSE, Reason.KEY_FILE_MISSING),
    ):
        with pytest.raises(KeyFileError) as refused:
            load_signer(refused_uri, passphrase, purpose=purpose)
        assert refused.value.reason is reason
