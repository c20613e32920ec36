# SPDX-License-Identifier: Apache-2.0
"""The data folder: made once, private, held by one process."""

import json
import stat
from base64 import b64decode
from contextlib import nullcontext
from pathlib import Path

import pytest

from broker.bootstrap.faults import Kind, SetupError
from broker.bootstrap.folder import DataFolder, create_folder, read_passphrase
from broker.bootstrap.identity import DAY_MS, LeafIssuer
from broker.config import load_config
from keys.checkpoint import log_public
from keys.tls import make_root, valid_until


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return create_folder(tmp_path / "broker", ("broker.example.org",), None)


def test_what_is_secret_is_the_owners_alone(folder: DataFolder) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.keys.iterdir()}
    assert modes == {"broker.key": 0o600, "passphrase": 0o600}
    assert stat.S_IMODE(folder.keys.stat().st_mode) == 0o700


def test_the_keys_come_back_and_are_those_of_the_descriptor(folder: DataFolder) -> None:
    identity = folder.identity(load_config(folder.path))
    descriptor = json.loads(folder.descriptor.read_text("utf-8"))
    assert descriptor == identity.descriptor()
    assert b64decode(descriptor["log_key"]) == log_public(identity.log_seed)


def test_the_descriptor_holds_no_secret(folder: DataFolder) -> None:
    assert set(json.loads(folder.descriptor.read_text("utf-8"))) == {
        "log_origin",
        "log_key",
        "tls_root",
    }


def test_names_given_at_init_are_in_the_configuration(folder: DataFolder) -> None:
    assert load_config(folder.path).names == ("broker.example.org",)


def test_keys_are_never_overwritten(folder: DataFolder) -> None:
    before = folder.key_file.read_bytes()
    with pytest.raises(SetupError) as refused:
        create_folder(folder.path, (), None)
    assert refused.value.kind is Kind.CONFLICT
    assert folder.key_file.read_bytes() == before


def test_a_passphrase_kept_elsewhere_is_found_again(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n", "ascii")
    secret.chmod(0o600)
    made = create_folder(tmp_path / "broker", (), secret)
    assert not (made.keys / "passphrase").exists()
    made.identity(load_config(made.path))


def test_a_folder_without_a_broker_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as refused:
        DataFolder(tmp_path).check_exists()
    assert refused.value.kind is Kind.NOT_FOUND


def test_a_wrong_passphrase_is_refused(folder: DataFolder) -> None:
    (folder.keys / "passphrase").write_text("other\n", "ascii")
    with pytest.raises(SetupError, match="does not open the key file") as refused:
        folder.identity(load_config(folder.path))
    assert refused.value.kind is Kind.CREDENTIAL


def test_a_damaged_key_file_is_refused(folder: DataFolder) -> None:
    folder.key_file.write_bytes(folder.key_file.read_bytes()[:-1])
    with pytest.raises(SetupError) as refused:
        folder.identity(load_config(folder.path))
    assert refused.value.kind is Kind.CREDENTIAL


def test_a_key_file_open_to_others_is_refused(folder: DataFolder) -> None:
    folder.key_file.chmod(0o640)
    with pytest.raises(SetupError, match="open to others"):
        folder.identity(load_config(folder.path))


@pytest.mark.parametrize(("text", "mode"), [("", 0o600), ("secret", 0o644)])
def test_a_passphrase_file_that_is_empty_or_open_is_refused(
    tmp_path: Path, text: str, mode: int
) -> None:
    path = tmp_path / "passphrase"
    path.write_text(text, "ascii")
    path.chmod(mode)
    with pytest.raises(SetupError) as refused:
        read_passphrase(path)
    assert refused.value.kind is Kind.CREDENTIAL


def test_a_held_folder_is_refused_to_a_second_broker(folder: DataFolder) -> None:
    with folder.held(), pytest.raises(SetupError) as refused, folder.held():
        pass
    assert refused.value.kind is Kind.CONFLICT


def test_a_folder_can_be_held_again_once_it_is_let_go(folder: DataFolder) -> None:
    with folder.held():
        assert folder.holder() is not None
    assert folder.holder() is None
    with folder.held():
        pass


class SetClock:
    def __init__(self, now: int) -> None:
        self.time = now

    def now(self) -> int:
        return self.time


def test_the_certificate_is_renewed_before_it_ends() -> None:
    clock = SetClock(1_795_500_000_000)
    root = make_root("r", not_before=clock.time - DAY_MS, not_after=clock.time + 100 * DAY_MS)
    issuer = LeafIssuer(root, ("broker.example.org",), clock)
    first = issuer()
    clock.time += 19 * DAY_MS
    assert issuer() is first
    clock.time += 2 * DAY_MS
    assert issuer() is not first
    assert valid_until(issuer().certificate) > clock.time + 20 * DAY_MS


def test_a_certificate_never_outlives_its_root() -> None:
    clock = SetClock(1_795_500_000_000)
    root = make_root("r", not_before=clock.time - DAY_MS, not_after=clock.time + 5 * DAY_MS)
    assert valid_until(LeafIssuer(root, (), clock)().certificate) <= clock.time + 5 * DAY_MS


@pytest.mark.parametrize(("mode", "is_read"), [(0o440, True), (0o444, False)])
def test_a_systemd_credential_is_read_through_its_access_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, *, is_read: bool
) -> None:
    path = tmp_path / "passphrase"
    path.write_text("secret", "ascii")
    path.chmod(mode)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with nullcontext() if is_read else pytest.raises(SetupError):
        assert read_passphrase(path) == b"secret"
