# SPDX-License-Identifier: Apache-2.0
"""Key files: sealed under a passphrase, for one purpose, for the owner's eyes only."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.cobblestone import Cobblestone256Encryptor
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from keys import keyfile
from keys.errors import KeyFileError, Reason
from keys.framing import framed, listed, u32, unframe
from keys.keyfile import (
    MAX_FILE_BYTES,
    open_secrets,
    read_keyfile,
    seal_secrets,
    wipe_unfinished,
    write_keyfile,
)

PASSPHRASE = b"correct horse"
HELD = {"gateway.ed25519": b"e" * 32, "gateway.mldsa65": b"m" * 32, "empty": b""}
SALT = b"s" * 16
SETTINGS = (u32(65536), u32(3), u32(4), SALT)
LABEL = "tocsin/key-file/v1"


@pytest.fixture(scope="module")
def sealed() -> bytes:
    return seal_secrets("agency", HELD, PASSPHRASE, salt=SALT)


@pytest.fixture
def path(tmp_path: Path, sealed: bytes) -> Path:
    """A key file as `write_keyfile` leaves it."""
    path = tmp_path / "agency.keys"
    path.write_bytes(sealed)
    path.chmod(0o600)
    return path


def sealed_content(content: bytes) -> bytes:
    """Return a key file that opens to `content`, whatever it is."""
    key = Argon2id(salt=SALT, length=32, iterations=3, lanes=4, memory_cost=65536)
    context = framed("tocsin/key-file-body/v1", b"agency", *SETTINGS)
    encryptor = Cobblestone256Encryptor(key.derive(PASSPHRASE), context)
    body = encryptor.update(content) + encryptor.finalize()
    return framed(LABEL, b"agency", *SETTINGS, body)


def test_secrets_come_back_with_the_passphrase(sealed: bytes) -> None:
    assert open_secrets(sealed, "agency", PASSPHRASE) == HELD


def test_the_file_shows_no_secret_and_no_name(sealed: bytes) -> None:
    for text in (b"gateway", b"ed25519", b"e" * 8, b"m" * 8, PASSPHRASE):
        assert text not in sealed


def test_each_file_has_a_salt_of_its_own() -> None:
    first, second = (seal_secrets("agency", {}, PASSPHRASE) for _ in range(2))
    assert unframe(LABEL, first, 6)[4] != unframe(LABEL, second, 6)[4]


@pytest.mark.parametrize("passphrase", [b"", b"correct", b"Correct horse", PASSPHRASE + b"\n"])
def test_a_wrong_passphrase_is_known_as_such(sealed: bytes, passphrase: bytes) -> None:
    with pytest.raises(KeyFileError, match="does not open") as refused:
        open_secrets(sealed, "agency", passphrase)
    assert refused.value.reason is Reason.PASSPHRASE_WRONG


def test_an_empty_passphrase_seals_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="passphrase is empty") as refused:
        write_keyfile(tmp_path / "agency.keys", "agency", HELD, b"")
    assert refused.value.reason is Reason.KEY_FILE_INVALID
    assert list(tmp_path.iterdir()) == []


def test_a_file_for_another_purpose_is_refused(sealed: bytes) -> None:
    with pytest.raises(KeyFileError, match="not for broker") as refused:
        open_secrets(sealed, "broker", PASSPHRASE)
    assert refused.value.reason is Reason.KEY_FILE_INVALID


def test_a_file_renamed_to_another_purpose_does_not_open(sealed: bytes) -> None:
    items = unframe(LABEL, sealed, 6)
    renamed = framed(LABEL, b"broker", *items[1:])
    with pytest.raises(KeyFileError) as refused:
        open_secrets(renamed, "broker", PASSPHRASE)
    assert refused.value.reason is Reason.PASSPHRASE_WRONG


@pytest.mark.parametrize("place", [1, 2, 3])
def test_weaker_settings_are_refused_before_anything_is_derived(sealed: bytes, place: int) -> None:
    items = unframe(LABEL, sealed, 6)
    for weaker in (u32(1), u32(2**32 - 1), b"\x01"):
        items[place] = weaker
        with pytest.raises(KeyFileError) as refused:
            open_secrets(framed(LABEL, *items), "agency", PASSPHRASE)
        assert refused.value.reason is Reason.KEY_FILE_INVALID


def test_a_salt_of_another_length_is_refused(sealed: bytes) -> None:
    items = unframe(LABEL, sealed, 6)
    items[4] = b"short"
    with pytest.raises(KeyFileError) as refused:
        open_secrets(framed(LABEL, *items), "agency", PASSPHRASE)
    assert refused.value.reason is Reason.KEY_FILE_INVALID


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda sealed: b"",
    "text": lambda sealed: b"not a key file\n",
    "cut in its header": lambda sealed: sealed[:20],
    "cut in its body": lambda sealed: sealed[:-1],
    "extended": lambda sealed: sealed + b"\x00",
    "another version": lambda sealed: framed("tocsin/key-file/v2", *unframe(LABEL, sealed, 6)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_no_key_file_is_refused_as_such(sealed: bytes, damage: str) -> None:
    with pytest.raises(KeyFileError) as refused:
        open_secrets(DAMAGES[damage](sealed), "agency", PASSPHRASE)
    assert refused.value.reason is Reason.KEY_FILE_INVALID


def test_a_flipped_bit_of_the_body_looks_like_a_wrong_passphrase(sealed: bytes) -> None:
    for place in (-1, -20, -len(unframe(LABEL, sealed, 6)[5])):
        damaged = bytearray(sealed)
        damaged[place] ^= 1
        with pytest.raises(KeyFileError) as refused:
            open_secrets(bytes(damaged), "agency", PASSPHRASE)
        assert refused.value.reason is Reason.PASSPHRASE_WRONG


@pytest.mark.parametrize(
    "content",
    [
        listed((b"a",)),
        listed((b"a", b"1", b"b")),
        listed((b"b", b"1", b"a", b"2")),
        listed((b"a", b"1", b"a", b"2")),
        listed((b"\xff", b"1")),
        b"\x00\x00\x00\x05a",
    ],
    ids=["half a pair", "odd", "descending", "repeated", "not text", "truncated"],
)
def test_content_that_seal_would_not_write_is_refused(content: bytes) -> None:
    with pytest.raises(KeyFileError):
        open_secrets(sealed_content(content), "agency", PASSPHRASE)


def test_a_file_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "agency.keys"
    before = os.umask(0)
    try:
        write_keyfile(path, "agency", HELD, PASSPHRASE)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_keyfile(path, "agency", PASSPHRASE) == HELD
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_whole(path: Path) -> None:
    write_keyfile(path, "agency", {"new": b"1"}, PASSPHRASE)
    assert read_keyfile(path, "agency", PASSPHRASE) == {"new": b"1"}


def test_what_a_write_replaces_is_overwritten_where_it_lay(path: Path, sealed: bytes) -> None:
    before = os.open(path, os.O_RDONLY)
    try:
        write_keyfile(path, "agency", {"new": b"1"}, PASSPHRASE)
        assert os.read(before, MAX_FILE_BYTES) == bytes(len(sealed))
    finally:
        os.close(before)
    assert read_keyfile(path, "agency", PASSPHRASE) == {"new": b"1"}


def test_a_file_that_is_replaced_while_it_is_read_is_read_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader has the old one open when its bytes are overwritten."""
    check, others = keyfile._check_own_file, [{"new": b"1"}]

    def check_slowly(handle: int, name: str) -> None:
        check(handle, name)
        if others:
            write_keyfile(path, "agency", others.pop(), PASSPHRASE)

    monkeypatch.setattr(keyfile, "_check_own_file", check_slowly)
    assert read_keyfile(path, "agency", PASSPHRASE) == {"new": b"1"}


def test_a_write_that_fails_overwrites_nothing(path: Path, sealed: bytes) -> None:
    with pytest.raises(KeyFileError):
        write_keyfile(path, "agency", HELD, b"")
    assert path.read_bytes() == sealed


def test_what_a_write_that_was_cut_off_left_is_overwritten_and_removed(
    path: Path, sealed: bytes
) -> None:
    left = path.with_name(f".{path.name}.abc")
    left.write_bytes(sealed)
    handle = os.open(left, os.O_RDONLY)
    try:
        wipe_unfinished(path)
        assert os.read(handle, MAX_FILE_BYTES) == bytes(len(sealed))
    finally:
        os.close(handle)
    assert list(path.parent.iterdir()) == [path]
    assert path.read_bytes() == sealed


def test_a_link_in_a_key_file_s_place_is_not_followed_and_not_replaced(
    path: Path, sealed: bytes
) -> None:
    link = path.with_name("link.keys")
    link.symlink_to(path)
    with pytest.raises(OSError, match="symbolic links"):
        write_keyfile(link, "agency", HELD, PASSPHRASE)
    assert link.is_symlink()
    assert path.read_bytes() == sealed
    assert {one.name for one in path.parent.iterdir()} == {path.name, link.name}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    taken = tmp_path / "agency.keys"
    taken.mkdir()
    (taken / "kept").write_bytes(b"kept")
    with pytest.raises(OSError, match="irectory"):
        write_keyfile(taken, "agency", HELD, PASSPHRASE)
    assert list(tmp_path.iterdir()) == [taken]
    assert (taken / "kept").read_bytes() == b"kept"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o666, 0o777])
def test_a_file_that_others_may_touch_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=r"agency\.keys is open to others") as refused:
        read_keyfile(path, "agency", PASSPHRASE)
    assert refused.value.reason is Reason.KEY_FILE_PERMISSIONS


def test_a_missing_file_is_named_without_its_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError) as refused:
        read_keyfile(tmp_path / "gone.keys", "agency", PASSPHRASE)
    assert refused.value.reason is Reason.KEY_FILE_MISSING
    assert refused.value.detail == "no key file gone.keys"


def folder(path: Path) -> None:
    path.mkdir(mode=0o700)


def pipe(path: Path) -> None:
    os.mkfifo(path, mode=0o600)


def oversized(path: Path) -> None:
    path.touch(mode=0o600)
    os.truncate(path, MAX_FILE_BYTES + 1)


def test_a_file_of_more_than_1_mib_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "agency.keys"
    write_keyfile(path, "agency", {"a": bytes(MAX_FILE_BYTES)}, PASSPHRASE)
    with pytest.raises(KeyFileError, match="too large") as refused:
        read_keyfile(path, "agency", PASSPHRASE)
    assert refused.value.reason is Reason.KEY_FILE_INVALID


def endless_link(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize("make", [folder, pipe, oversized, endless_link])
def test_what_cannot_be_a_key_file_is_refused_and_not_waited_for(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "agency.keys")
    with pytest.raises(KeyFileError) as refused:
        read_keyfile(tmp_path / "agency.keys", "agency", PASSPHRASE)
    assert refused.value.reason is Reason.KEY_FILE_INVALID
