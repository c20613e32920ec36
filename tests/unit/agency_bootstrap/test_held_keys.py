# SPDX-License-Identifier: Apache-2.0
"""An open profile uses the keys that its key file holds now; a file that does not open is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from agency_client.bootstrap.held_keys import HeldKeys
from agency_client.bootstrap.keyring import Keyring
from agency_client.bootstrap.profile import change_keyring
from agency_client.errors import AgencyError, Reason
from agency_client.services.admission import read_request
from keys.errors import KeyFileError
from keys.identities import generate_decryption_key
from tests.integration.agency.world import PASSPHRASE, copied_profile


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copied_profile(tmp_path / "gr-pol", "gr-pol")
    return tmp_path / "gr-pol"


def with_another_key(keyring: Keyring) -> Keyring:
    return replace(keyring, decryption=(*keyring.decryption, generate_decryption_key("another")))


def test_a_key_that_another_process_adds_opens_at_once(folder: Path) -> None:
    held = HeldKeys(folder, PASSPHRASE)
    assert "another" not in held.decryption
    change_keyring(folder, PASSPHRASE, with_another_key)
    assert held.decryption["another"].key_id == "another"
    assert len(held.decryption) == 2


def test_while_nothing_changes_the_file_is_not_opened_again(folder: Path) -> None:
    held = HeldKeys(folder, PASSPHRASE)
    assert held.current is held.current


def test_without_a_file_the_keys_held_last_go_on(folder: Path) -> None:
    held = HeldKeys(folder, PASSPHRASE)
    before = held.current
    (folder / "agency.key").unlink()
    assert held.current is before


def test_a_file_that_does_not_open_is_no_partner_s_fault(folder: Path) -> None:
    held = HeldKeys(folder, PASSPHRASE)
    (folder / "agency.key").write_bytes(b"no key file")
    with pytest.raises(AgencyError) as caught:
        held.decryption.get("another")
    assert caught.value.reason is Reason.PROFILE_INVALID


def test_keys_are_opened_by_their_passphrase_alone(folder: Path) -> None:
    with pytest.raises(KeyFileError):
        HeldKeys(folder, "another passphrase")


def test_a_change_that_is_refused_leaves_keys_and_request_as_they_were(folder: Path) -> None:
    def refuse(keyring: Keyring) -> Keyring:
        raise AgencyError(Reason.ALREADY_EXISTS, f"{keyring.agency} has one")

    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with pytest.raises(AgencyError):
        change_keyring(folder, PASSPHRASE, refuse)
    assert before == {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_one_process_at_a_time_changes_the_keys(folder: Path) -> None:
    def meddle(keyring: Keyring) -> Keyring:
        change_keyring(folder, PASSPHRASE, with_another_key)
        return keyring

    with pytest.raises(AgencyError) as caught:
        change_keyring(folder, PASSPHRASE, meddle)
    assert caught.value.reason is Reason.PROFILE_IN_USE


def test_the_request_says_what_the_key_file_holds(folder: Path) -> None:
    changed = change_keyring(
        folder, PASSPHRASE, lambda ring: replace(ring, request=replace(ring.request, contact="x"))
    )
    assert read_request((folder / "enrolment.request").read_text()) == changed.request
    assert changed.request.contact == "x"
