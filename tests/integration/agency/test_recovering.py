# SPDX-License-Identifier: Apache-2.0
"""An agency's keys come back with enough custodians and the copy, and with nothing less."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agency_client.bootstrap import Agency
from agency_client.bootstrap.keyring import Keyring
from agency_client.bootstrap.profile import change_keyring, open_keyring, open_store
from agency_client.bootstrap.recovery import (
    Recovered,
    opened_copy,
    recover_profile,
    split_keys,
)
from agency_client.bootstrap.recovery_copy import read_copy, recovery_status
from agency_client.bootstrap.renewal import rotated
from agency_client.domain.recovery import RecoveryState
from agency_client.errors import AgencyError, Reason
from agency_client.services.recovery_shares import Gathering, RecoveryShare
from keys.errors import KeyFileError
from keys.errors import Reason as TrustReason
from keys.keyfile import write_private
from keys.recovery import RecoveryKey, ShareSet, open_copy, seal_copy
from tests.integration.agency.world import PASSPHRASE, World, copied_profile, draft, now_ms

NEW = "another invented passphrase"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copied_profile(tmp_path / "gr-pol", "gr-pol")
    return tmp_path / "gr-pol"


@pytest.fixture
async def enrolled(tmp_path: Path) -> Path:
    """A profile with a store and one notice in its outbox; its broker is away."""
    world = await World.make(tmp_path)
    world.port = 1
    world.add("gr-pol", "ro-pol")
    world.enrol("gr-pol")
    async with Agency.connect(world.profile("gr-pol"), PASSPHRASE) as agency:
        await agency.publish(draft("Kept"), wait_s=0)
    return world.profile("gr-pol")


def split(folder: Path, needed: int = 2, shares: int = 3) -> tuple[RecoveryShare, ...]:
    made: list[RecoveryShare] = []
    split_keys(
        folder,
        PASSPHRASE,
        needed=needed,
        shares=shares,
        who="maria",
        now=now_ms(),
        show=lambda _ring, _set, shown: made.extend(shown),
    )
    return tuple(made)


def rotate(folder: Path) -> Keyring:
    return change_keyring(
        folder, PASSPHRASE, lambda ring: rotated(ring, ring.request, now_ms(), 30)
    )


def gathered(copy: Path, *shares: RecoveryShare) -> tuple[Keyring, Gathering]:
    read = read_copy(copy)
    given = Gathering(read.share_set)
    for one in shares:
        given.add(one)
    return opened_copy(read, given), given


def recover(folder: Path, copy: Path, *shares: RecoveryShare, passphrase: str = NEW) -> Recovered:
    keyring, given = gathered(copy, *shares)
    return recover_profile(
        folder,
        read_copy(copy),
        keyring,
        passphrase=passphrase,
        places=given.places,
        who="nikos",
        now=now_ms(),
    )


def same(*keyrings: Keyring) -> bool:
    """Whether all hold the same keys; a failure shows none of them."""
    return all(one.secrets() == keyrings[0].secrets() for one in keyrings)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refusal(work: Callable[[], object]) -> Reason:
    with pytest.raises(AgencyError) as caught:
        work()
    return caught.value.reason


def state(folder: Path) -> RecoveryState:
    return recovery_status(folder, open_keyring(folder, PASSPHRASE)).state


def test_two_of_three_bring_every_key_back_on_another_machine(folder: Path, tmp_path: Path) -> None:
    shares = split(folder)
    before = open_keyring(folder, PASSPHRASE)
    shutil.copy(folder / "recovery.key", tmp_path / "backup")
    shutil.rmtree(folder)
    new = tmp_path / "new" / "gr-pol"
    recovered = recover(new, tmp_path / "backup", shares[0], shares[2])
    assert same(open_keyring(new, NEW), before, recovered.keyring)
    assert recovered.replaced is None
    assert not recovered.is_older
    assert new.stat().st_mode & 0o777 == 0o700
    for name in ("agency.key", "recovery.key"):
        assert (new / name).stat().st_mode & 0o777 == 0o600


def test_the_shares_stay_good_after_a_recovery_and_after_a_rotation(
    folder: Path, tmp_path: Path
) -> None:
    shares = split(folder)
    renewed = rotate(folder)
    keyring, _ = gathered(folder / "recovery.key", shares[1], shares[2])
    assert same(keyring, renewed)
    recover(tmp_path / "new", folder / "recovery.key", shares[0], shares[1])
    again, _ = gathered(tmp_path / "new" / "recovery.key", shares[1], shares[2])
    assert same(again, renewed)


def test_without_shares_there_is_no_copy(folder: Path) -> None:
    rotate(folder)
    assert not (folder / "recovery.key").exists()
    assert state(folder) is RecoveryState.NONE
    assert refusal(lambda: read_copy(folder / "recovery.key")) is Reason.RECOVERY_MISSING


def test_new_shares_open_the_copy_and_old_ones_no_longer(folder: Path, tmp_path: Path) -> None:
    old = split(folder)
    shutil.copy(folder / "recovery.key", tmp_path / "older")
    new = split(folder)
    assert refusal(lambda: gathered(folder / "recovery.key", *old[:2])) is Reason.SHARE_REFUSED
    assert same(gathered(folder / "recovery.key", *new[:2])[0], open_keyring(folder, PASSPHRASE))
    assert gathered(tmp_path / "older", *old[:2])[0].agency == "gr-pol"


def test_shares_that_were_not_handed_out_change_nothing(folder: Path) -> None:
    shares = split(folder)
    before = contents(folder)

    def interrupted(_ring: object, _set: object, _shares: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        split_keys(folder, PASSPHRASE, needed=2, shares=3, who="m", now=now_ms(), show=interrupted)
    assert contents(folder) == before
    assert gathered(folder / "recovery.key", *shares[:2])[0].agency == "gr-pol"


def test_nobody_makes_shares_without_the_passphrase(folder: Path) -> None:
    before = contents(folder)
    with pytest.raises(KeyFileError) as caught:
        split_keys(
            folder,
            "wrong",
            needed=2,
            shares=3,
            who="m",
            now=now_ms(),
            show=lambda *_: pytest.fail("shares were shown"),
        )
    assert caught.value.reason is TrustReason.PASSPHRASE_WRONG
    assert contents(folder) == before


@pytest.mark.must("KEYFILE-5")
def test_keys_are_never_sealed_to_what_lies_beside_them(folder: Path) -> None:
    """Who may write into the folder, and has no passphrase, plants a copy of his own."""
    shares = split(folder)
    theirs = bytes(32)
    ours = read_copy(folder / "recovery.key")
    planted = seal_copy(
        RecoveryKey.of(theirs, ours.share_set),
        {"nothing": b""},
        agency="gr-pol",
        request_digest=ours.request_digest,
        now=ours.copied_at,
    )
    (folder / "recovery.key").write_bytes(planted.encode())
    renewed = rotate(folder)
    copy = read_copy(folder / "recovery.key")
    with pytest.raises(KeyFileError):
        open_copy(copy, theirs)
    assert same(gathered(folder / "recovery.key", *shares[:2])[0], renewed)


def test_another_agencys_keys_in_a_copy_are_refused(folder: Path, tmp_path: Path) -> None:
    shares = split(folder)
    given = Gathering(read_copy(folder / "recovery.key").share_set)
    for one in shares[:2]:
        given.add(one)
    other = open_keyring(copied_profile(tmp_path / "bg-pol", "bg-pol").parent, PASSPHRASE)
    forged = seal_copy(
        RecoveryKey.of(given.secret(), given.wanted),
        other.secrets(),
        agency="gr-pol",
        request_digest=bytes(32),
        now=now_ms(),
    )
    with pytest.raises(KeyFileError) as caught:
        opened_copy(forged, given)
    assert caught.value.detail == "the copy does not hold the keys of gr-pol"


async def test_with_the_folder_the_store_opens_again(enrolled: Path) -> None:
    shares = split(enrolled)
    recovered = recover(enrolled, enrolled / "recovery.key", *shares[1:])
    with pytest.raises(KeyFileError):
        open_keyring(enrolled, PASSPHRASE)
    async with Agency.connect(enrolled, NEW) as agency:
        report = await agency.status()
        assert report.queued_notices == 1
        assert report.recovery.state is RecoveryState.READY
    assert recovered.replaced is not None
    assert recovered.replaced.name.startswith("agency.key.replaced-")
    assert recovered.replaced.stat().st_mode & 0o777 == 0o600


async def test_both_acts_stand_in_our_own_log(enrolled: Path) -> None:
    shares = split(enrolled)
    keyring = recover(enrolled, enrolled / "recovery.key", *shares[1:]).keyring
    store = open_store(enrolled, keyring)
    try:
        size, _ = store.openings.head()
        told = [opening for _, _, opening in store.openings.leaves(size - 2, 2)]
    finally:
        store.close()
    assert [(one.kind, one.who, one.purpose) for one in told] == [
        ("recovery", "maria", "3 shares made, 2 needed"),
        ("recovery", "nikos", "recovered with shares 2, 3"),
    ]
    assert {one.case for one in told} == {f"set {shares[0].number}"}


async def test_keys_that_do_not_open_the_store_are_not_put_before_it(
    enrolled: Path, tmp_path: Path
) -> None:
    other = copied_profile(tmp_path / "elsewhere", "gr-pol").parent
    change_keyring(other, PASSPHRASE, lambda ring: Keyring.generate(ring.request, now_ms()))
    shares = split(other)
    before = contents(enrolled)
    assert (
        refusal(lambda: recover(enrolled, other / "recovery.key", *shares[:2]))
        is Reason.STORE_INVALID
    )
    assert {name: contents(enrolled)[name] for name in before if name.endswith(".key")} == {
        name: data for name, data in before.items() if name.endswith(".key")
    }


def test_another_agencys_profile_is_left_alone(folder: Path, tmp_path: Path) -> None:
    shares = split(folder)
    other = copied_profile(tmp_path / "bg-pol", "bg-pol").parent
    before = contents(other)
    assert (
        refusal(lambda: recover(other, folder / "recovery.key", *shares[:2]))
        is Reason.PROFILE_EXISTS
    )
    assert contents(other) == before


def test_a_folder_that_holds_something_else_is_left_alone(folder: Path, tmp_path: Path) -> None:
    shares = split(folder)
    other = tmp_path / "letters"
    other.mkdir(mode=0o755)
    (other / "letter").write_text("mine")
    assert (
        refusal(lambda: recover(other, folder / "recovery.key", *shares[:2]))
        is Reason.PROFILE_EXISTS
    )
    assert contents(other) == {str(other / "letter"): b"mine"}
    assert other.stat().st_mode & 0o777 == 0o755


def test_an_empty_passphrase_changes_nothing(folder: Path) -> None:
    shares = split(folder)
    before = contents(folder)
    with pytest.raises(KeyFileError):
        recover(folder, folder / "recovery.key", *shares[:2], passphrase="")
    assert contents(folder) == before


def test_an_older_copy_than_the_keys_is_told_and_the_newer_keys_are_kept(
    folder: Path, tmp_path: Path
) -> None:
    shares = split(folder)
    shutil.copy(folder / "recovery.key", tmp_path / "older")
    renewed = rotate(folder)
    recovered = recover(folder, tmp_path / "older", *shares[:2])
    assert recovered.is_older
    assert recovered.replaced is not None
    recovered.replaced.replace(folder / "agency.key")
    assert same(open_keyring(folder, PASSPHRASE), renewed)


def test_how_recovery_stands_is_known_without_the_custodians(folder: Path, tmp_path: Path) -> None:
    split(folder)
    assert state(folder) is RecoveryState.READY
    shutil.copy(folder / "recovery.key", tmp_path / "older")
    rotate(folder)
    assert state(folder) is RecoveryState.READY
    shutil.copy(tmp_path / "older", folder / "recovery.key")
    assert state(folder) is RecoveryState.OLDER
    (folder / "recovery.key").write_bytes(b"nonsense")
    assert state(folder) is RecoveryState.MISSING
    (folder / "recovery.key").unlink()
    assert state(folder) is RecoveryState.MISSING


def test_a_copy_that_is_replaced_while_it_is_read_is_read_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader has the old one open when its bytes are overwritten."""
    split(folder)
    copy, really_open = folder / "recovery.key", os.open
    given, others = read_copy(copy), [copy.read_bytes()]

    def open_slowly(path: Path | str, flags: int, *mode: int) -> int:
        handle = really_open(path, flags, *mode)
        if path == copy and others:
            write_private(copy, others.pop())
        return handle

    monkeypatch.setattr(os, "open", open_slowly)
    assert read_copy(copy) == given
    assert not others


def test_a_copy_for_other_shares_is_not_ready(folder: Path, tmp_path: Path) -> None:
    split(folder)
    shutil.copy(folder / "recovery.key", tmp_path / "older")
    split(folder)
    shutil.copy(tmp_path / "older", folder / "recovery.key")
    assert state(folder) is RecoveryState.OLDER


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.write_bytes(bytes(1 << 21))])
def test_what_cannot_be_a_copy_is_refused(folder: Path, make: Callable[[Path], object]) -> None:
    make(folder / "recovery.key")
    with pytest.raises((AgencyError, KeyFileError)):
        read_copy(folder / "recovery.key")


def test_a_set_says_how_many_there_are(folder: Path) -> None:
    split(folder, needed=3, shares=5)
    found = read_copy(folder / "recovery.key").share_set
    assert isinstance(found, ShareSet)
    assert (found.needed, found.shares) == (3, 5)
