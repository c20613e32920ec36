# SPDX-License-Identifier: Apache-2.0
"""Splitting what opens an agency's keys among custodians, and bringing the keys back with shares.

A fresh recovery secret is split; the key file keeps its public side, and the copy beside is sealed
to that. Both acts stand in the agency's own log before they are done, where it has one. Not here:
showing and reading shares (`cli`), and their arithmetic (`services.recovery_shares`).
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from agency_client.bootstrap.keyring import Keyring
from agency_client.bootstrap.profile import (
    KEY_FILE,
    REQUEST_FILE,
    cannot_write,
    change_keyring,
    changing,
    open_keyring,
    open_store,
    request_text,
    secret_bytes,
)
from agency_client.bootstrap.recovery_copy import COPY_FILE
from agency_client.domain.openings import OpeningKind
from agency_client.domain.records import Opening
from agency_client.errors import AgencyError, Reason
from agency_client.services.admission import read_request
from agency_client.services.recovery_shares import Gathering, RecoveryShare, check_counts, split
from agency_client.services.steward_home import read_text, write_whole
from keys.errors import KeyFileError
from keys.errors import Reason as TrustReason
from keys.keyfile import seal_secrets, write_private
from keys.recovery import SECRET_BYTES, RecoveryCopy, RecoveryKey, ShareSet, open_copy
from keys.signers import SIGNING_PURPOSE

STORE_FILE = "store.db"
_PRIVATE = 0o700
_PROFILE_FILES = (KEY_FILE, COPY_FILE, REQUEST_FILE)

Show = Callable[[Keyring, ShareSet, tuple[RecoveryShare, ...]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What came of a recovery.

    Attributes:
        keyring: the keys that are back.
        replaced: where the key file that was there is now.
        is_older: whether the folder's request asked for other keys than those that came back.
    """

    keyring: Keyring
    replaced: Path | None
    is_older: bool


def split_keys(
    folder: Path,
    passphrase: str | bytes,
    *,
    needed: int,
    shares: int,
    who: str,
    now: int,
    show: Show,
) -> ShareSet:
    """Make shares, have them shown, and only then seal the keys' copy to them.

    Whatever stops `show` leaves the shares that were valid before valid, and these worth nothing.

    Args:
        folder: the profile's.
        passphrase: opens its keys.
        needed: how many custodians are enough.
        shares: how many there are.
        who: for our own log.
        now: milliseconds since 1970.
        show: hands the shares out.

    Raises:
        AgencyError: INVALID_ARGUMENT; as `change_keyring`.
        KeyFileError: as `open_keyring`.
    """
    check_counts(needed, shares)
    keyring = open_keyring(folder, passphrase)
    secret = secrets.token_bytes(SECRET_BYTES)
    made = split(secret, needed=needed, shares=shares)
    share_set = ShareSet(number=made[0].number, needed=needed, shares=shares, made_at=now)
    what = f"{shares} shares made, {needed} needed"
    _write_down(folder, keyring, who=who, how=what, number=share_set.number, now=now)
    show(keyring, share_set, made)
    recovery = RecoveryKey.of(secret, share_set)
    change_keyring(folder, passphrase, lambda ring: replace(ring, recovery=recovery))
    return share_set


def opened_copy(copy: RecoveryCopy, gathered: Gathering) -> Keyring:
    """Return the keys that a copy holds.

    Raises:
        AgencyError: SHARES_MISSING; SHARE_REFUSED.
        KeyFileError: the copy does not open with these shares, or holds another agency's keys.
    """
    keyring = Keyring.from_secrets(open_copy(copy, gathered.secret()))
    if keyring.agency != copy.agency:
        raise KeyFileError(
            TrustReason.KEY_FILE_INVALID, f"the copy does not hold the keys of {copy.agency}"
        )
    return keyring


def recover_profile(
    folder: Path,
    copy: RecoveryCopy,
    keyring: Keyring,
    *,
    passphrase: str | bytes,
    places: tuple[int, ...],
    who: str,
    now: int,
) -> Recovered:
    """Write a key file with recovered keys under a new passphrase.

    A key file that is there is put aside and not destroyed: it may hold keys that the copy lacks.

    Args:
        folder: the agency's own profile, or new, or empty.
        copy: what the keys came from; kept beside them.
        keyring: the keys.
        passphrase: new.
        places: which shares were given, for our own log.
        who: likewise.
        now: milliseconds since 1970.

    Raises:
        AgencyError: PROFILE_EXISTS; the folder is another agency's, or holds something else.
            STORE_INVALID; the keys do not open the store there. PROFILE_IN_USE; STORE_FAILED.
        KeyFileError: the passphrase is empty.
    """
    sealed = seal_secrets(SIGNING_PURPOSE, keyring.secrets(), secret_bytes(passphrase))
    try:
        check_place(folder, keyring.agency)
        folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        folder.chmod(_PRIVATE)
        with changing(folder):
            is_older = _asks_for_others(folder, keyring)
            given = ", ".join(str(place) for place in places)
            how = f"recovered with shares {given}"
            _write_down(folder, keyring, who=who, how=how, number=copy.share_set.number, now=now)
            replaced = _put_aside(folder / KEY_FILE, now)
            write_private(folder / COPY_FILE, copy.encode())
            write_private(folder / KEY_FILE, sealed)
            write_whole(folder / REQUEST_FILE, request_text(keyring))
    except OSError as error:
        raise cannot_write(folder, error) from None
    return Recovered(keyring=keyring, replaced=replaced, is_older=is_older)


def check_place(folder: Path, agency: str) -> None:
    """Refuse a folder that is neither new, nor empty, nor that agency's profile.

    Raises:
        AgencyError: PROFILE_EXISTS.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise AgencyError(Reason.PROFILE_EXISTS, f"{folder} is not a folder")
    names = {path.name for path in folder.iterdir()}
    request = folder / REQUEST_FILE
    if request.name in names:
        other = read_request(read_text(request)).agency
        if other != agency:
            raise AgencyError(Reason.PROFILE_EXISTS, f"{folder} is the profile of {other}")
    elif names and not names & {*_PROFILE_FILES, STORE_FILE}:
        raise AgencyError(Reason.PROFILE_EXISTS, f"{folder} is not empty, and no profile")


def _asks_for_others(folder: Path, keyring: Keyring) -> bool:
    request = folder / REQUEST_FILE
    return request.exists() and read_text(request) != request_text(keyring)


def _put_aside(path: Path, now: int) -> Path | None:
    if not path.exists():
        return None
    day = datetime.fromtimestamp(now / 1000, tz=UTC).strftime("%Y%m%dT%H%M%S")
    aside = path.with_name(f"{path.name}.replaced-{day}.{now % 1000:03}")
    path.rename(aside)
    return aside


def _write_down(
    folder: Path, keyring: Keyring, *, who: str, how: str, number: int, now: int
) -> None:
    """Put the act into our own log; a profile that was never enrolled has none."""
    if not (folder / STORE_FILE).exists():
        return
    store = open_store(folder, keyring)
    try:
        store.openings.append(
            Opening(
                kind=OpeningKind.RECOVERY,
                at_ms=now,
                who=who,
                purpose=how,
                case=f"set {number}",
                notices=(),
            )
        )
    finally:
        store.close()
