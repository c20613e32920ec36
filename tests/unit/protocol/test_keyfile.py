# SPDX-License-Identifier: Apache-2.0
"""Requirements of section 12."""

import stat
from pathlib import Path

import pytest

from keys.errors import KeyFileError, Reason
from keys.framing import u32
from keys.keyfile import open_secrets, read_keyfile, seal_secrets, write_keyfile
from tests.unit.protocol import second
from tests.unit.protocol.material import with_item

HELD = {"a.ed25519": bytes(32), "b": b""}
SEALED = seal_secrets("agency", HELD, b"a passphrase")


def refusal(data: bytes, purpose: str = "agency", passphrase: bytes = b"a passphrase") -> Reason:
    with pytest.raises(KeyFileError) as caught:
        open_secrets(data, purpose, passphrase)
    return caught.value.reason


@pytest.mark.must("KEYFILE-1")
def test_other_settings_are_refused() -> None:
    assert second.open_key_file(SEALED, "agency", b"a passphrase") == HELD
    for index, weaker in ((2, 1024), (3, 1), (4, 1), (2, 1 << 31)):
        changed = with_item(SEALED, index, u32(weaker))
        assert refusal(changed) is Reason.KEY_FILE_INVALID
    assert refusal(SEALED, passphrase=b"another") is Reason.PASSPHRASE_WRONG


@pytest.mark.must("KEYFILE-2")
def test_a_key_file_opens_for_its_purpose_only() -> None:
    assert refusal(SEALED, purpose="steward") is Reason.KEY_FILE_INVALID
    relabelled = with_item(SEALED, 1, b"steward")
    assert refusal(relabelled, purpose="steward") is Reason.PASSPHRASE_WRONG


@pytest.mark.must("KEYFILE-3")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610])
def test_a_key_file_open_to_others_is_refused_unread(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys"
    path.write_bytes(SEALED)
    path.chmod(mode)
    with pytest.raises(KeyFileError) as caught:
        read_keyfile(path, "agency", b"a passphrase")
    assert caught.value.reason is Reason.KEY_FILE_PERMISSIONS


@pytest.mark.must("KEYFILE-4")
def test_a_key_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys"
    write_keyfile(path, "agency", HELD, b"a passphrase")
    before = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_keyfile(path, "agency", b"a passphrase") == HELD

    def full(_: int) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr("keys.keyfile.os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_keyfile(path, "agency", {"other": b""}, b"a passphrase")
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["keys"]
