# SPDX-License-Identifier: Apache-2.0
"""Profiles on disk: made whole or not at all, opened by one passphrase, shut to others."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agency_client.bootstrap import profile as profiles
from agency_client.bootstrap.keyring import DAY_MS, Keyring, check_clock
from agency_client.bootstrap.profile import create_profile, open_keyring
from agency_client.errors import AgencyError, Reason
from agency_client.services.admission import read_request
from keys.errors import KeyFileError
from keys.errors import Reason as TrustReason
from keys.keyfile import write_keyfile
from keys.tls import peer_name, spki_pin, verify_peer
from tests.integration.agency.world import PASSPHRASE, copied_profile, made_profile, now_ms

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "gr-pol"


@pytest.fixture
def made(folder: Path) -> Path:
    copied_profile(folder, "gr-pol")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refused(folder: Path, **changed: str) -> AgencyError:
    fields = {"agency": "gr-pol", "name": "Police", "country": "GR", "kind": "POLICE", **changed}
    with pytest.raises(AgencyError) as caught:
        create_profile(
            folder,
            agreement_until=now_ms() + DAY_MS,
            passphrase=PASSPHRASE,
            **fields,  # type: ignore[arg-type]
        )
    return caught.value


def key_file_refusal(folder: Path, passphrase: str = PASSPHRASE) -> TrustReason:
    with pytest.raises(KeyFileError) as caught:
        open_keyring(folder, passphrase)
    return caught.value.reason


def test_a_profile_is_for_its_owner_alone(made: Path) -> None:
    assert made.stat().st_mode & 0o777 == 0o700
    assert (made / "agency.key").stat().st_mode & 0o777 == 0o600


def test_the_request_asks_for_the_keys_that_the_profile_holds(made: Path) -> None:
    request = read_request((made / "enrolment.request").read_text())
    keyring = open_keyring(made, PASSPHRASE)
    signing, encryption = request.signing[0], request.encryption[0]
    assert keyring.request == request
    assert (
        keyring.signer.public(valid_from=signing.valid_from, valid_until=signing.valid_until)
        == signing
    )
    assert (
        keyring.decryption[0].public(
            valid_from=encryption.valid_from, valid_until=encryption.valid_until
        )
        == encryption
    )
    assert request.circles == ()


def test_the_gateway_s_certificate_is_what_the_request_pins(made: Path) -> None:
    keyring, now = open_keyring(made, PASSPHRASE), now_ms()
    leaf = keyring.leaf(now, now + DAY_MS)
    assert spki_pin(leaf.certificate) == keyring.request.tls_key_pin
    assert verify_peer(leaf.certificate, b"", keyring.request.tls_roots, now + 1000)
    assert peer_name(leaf.certificate).name == "gr-pol"


def test_no_private_key_lies_in_the_clear(made: Path) -> None:
    keyring = open_keyring(made, PASSPHRASE.encode())
    request = keyring.secrets()["request"]
    secret = [one for one in keyring.secrets().values() if len(one) >= 32 and one != request]
    assert len(secret) == 7
    for data in contents(made).values():
        assert not any(one in data or one.hex().encode() in data for one in secret)


def test_no_two_profiles_hold_the_same_keys(tmp_path: Path) -> None:
    rings = []
    for name in ("one", "two"):
        made_profile(tmp_path / name, "gr-pol")
        rings.append(open_keyring(tmp_path / name, PASSPHRASE).secrets())
    assert not {one for one in rings[0].values() if len(one) >= 32} & set(rings[1].values())


def test_an_empty_folder_becomes_a_profile(folder: Path) -> None:
    folder.mkdir(parents=True, mode=0o755)
    made_profile(folder, "gr-pol")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_profile_is_never_made_over_another(made: Path) -> None:
    before = contents(made)
    assert refused(made).reason is Reason.PROFILE_EXISTS
    assert contents(made) == before


def test_a_folder_that_holds_something_is_left_alone(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "letters").write_text("mine")
    assert refused(folder).reason is Reason.PROFILE_EXISTS
    assert contents(folder) == {"letters": b"mine"}


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert refused(tmp_path / "file").reason is Reason.PROFILE_EXISTS
    assert (tmp_path / "file").read_text() == "mine"


def test_two_processes_do_not_make_one_profile(folder: Path) -> None:
    folder.mkdir(parents=True)
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    error = refused(folder)
    os.close(handle)
    assert error.reason is Reason.PROFILE_EXISTS
    assert contents(folder) == {}


@pytest.mark.parametrize(
    "changed",
    [
        {"agency": "Gr Pol"},
        {"agency": "steward-alpha"},
        {"name": ""},
        {"name": "Police\u202e"},
        {"country": "Greece"},
        {"kind": ""},
        {"contact": "a\nb"},
    ],
    ids=str,
)
def test_what_cannot_stand_in_a_directory_is_refused_and_nothing_is_made(
    folder: Path, changed: dict[str, str]
) -> None:
    assert refused(folder, **changed).reason is Reason.INVALID_ARGUMENT
    assert not folder.exists()


def test_an_empty_passphrase_makes_no_profile(folder: Path) -> None:
    with pytest.raises(KeyFileError):
        made_profile(folder, "gr-pol", passphrase="")
    assert not folder.exists()


def test_a_passphrase_that_is_no_text_makes_no_profile(folder: Path) -> None:
    with pytest.raises(AgencyError) as caught:
        made_profile(folder, "gr-pol", passphrase="\ud800")
    assert caught.value.reason is Reason.INVALID_ARGUMENT
    assert not folder.exists()


@pytest.mark.parametrize("step", ["write_whole", "write_keyfile"])
def test_a_full_disk_leaves_nothing_behind(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(profiles, step, full)
    error = refused(folder)
    assert (error.reason, "no space left" in error.message) == (Reason.STORE_FAILED, True)
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert refused(tmp_path / "file" / "below").reason in {
        Reason.STORE_FAILED,
        Reason.PROFILE_EXISTS,
    }


_CUT_OFF = """
import os, signal, sys
from pathlib import Path
from agency_client.bootstrap import profile
from tests.integration.agency.world import made_profile

def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(profile if len(sys.argv) == 3 else os, sys.argv[2], killed)
made_profile(Path(sys.argv[1]), "gr-pol")
"""


@pytest.mark.parametrize("step", [["write_whole"], ["write_keyfile"], ["fsync", "os"]])
def test_a_creation_that_is_killed_is_no_profile_and_can_be_made_again(
    folder: Path, step: list[str]
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _CUT_OFF, str(folder), *step], cwd=ROOT, check=False
    )
    assert ran.returncode == -signal.SIGKILL
    assert not (folder / "agency.key").exists()
    made_profile(folder, "gr-pol")
    assert open_keyring(folder, PASSPHRASE).agency == "gr-pol"
    assert set(contents(folder)) == {"agency.key", "enrolment.request"}


def test_another_passphrase_opens_nothing(made: Path) -> None:
    assert key_file_refusal(made, "another") is TrustReason.PASSPHRASE_WRONG


def test_a_folder_without_a_profile_is_missing_one(folder: Path) -> None:
    for _ in ("absent", "empty"):
        with pytest.raises(AgencyError) as caught:
            open_keyring(folder, PASSPHRASE)
        assert caught.value.reason is Reason.PROFILE_MISSING
        folder.mkdir(parents=True, exist_ok=True)


def test_a_profile_without_its_key_file_says_so(made: Path) -> None:
    (made / "agency.key").unlink()
    assert key_file_refusal(made) is TrustReason.KEY_FILE_MISSING


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o601, 0o660])
def test_a_key_file_that_others_can_touch_is_not_used(made: Path, mode: int) -> None:
    (made / "agency.key").chmod(mode)
    assert key_file_refusal(made) is TrustReason.KEY_FILE_PERMISSIONS


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-1], lambda data: b"", lambda data: data + b"\0", lambda data: data[1:]],
    ids=["short", "empty", "long", "shifted"],
)
def test_a_damaged_key_file_is_refused(made: Path, damage: Callable[[bytes], bytes]) -> None:
    path = made / "agency.key"
    path.write_bytes(damage(path.read_bytes()))
    assert key_file_refusal(made) in {
        TrustReason.KEY_FILE_INVALID,
        TrustReason.PASSPHRASE_WRONG,
        TrustReason.MALFORMED,
    }


@pytest.mark.parametrize(
    "lacking", ["request", "tls-root.key", "tls-root.issuing", "store.key", "gateway.key"]
)
def test_a_key_file_that_is_not_whole_is_refused(made: Path, lacking: str) -> None:
    held = open_keyring(made, PASSPHRASE).secrets()
    del held[lacking]
    write_keyfile(made / "agency.key", "agency", held, PASSPHRASE.encode())
    assert key_file_refusal(made) is TrustReason.KEY_FILE_INVALID


def test_a_steward_s_key_file_is_not_an_agency_s(made: Path) -> None:
    held = open_keyring(made, PASSPHRASE).secrets()
    write_keyfile(made / "agency.key", "steward", held, PASSPHRASE.encode())
    assert key_file_refusal(made) is TrustReason.KEY_FILE_INVALID


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (lambda ring: ring.made_at - 2 * DAY_MS, "were made on"),
        (lambda ring: ring.valid_until + 1, "ended on"),
    ],
)
def test_a_clock_that_cannot_be_right_is_told(
    made: Path, at: Callable[[Keyring], int], told: str
) -> None:
    keyring = open_keyring(made, PASSPHRASE)
    check_clock(keyring, now_ms())
    with pytest.raises(AgencyError) as caught:
        check_clock(keyring, at(keyring))
    assert caught.value.reason is Reason.CLOCK_SKEW
    assert told in caught.value.message
