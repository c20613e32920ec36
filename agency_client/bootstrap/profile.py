# SPDX-License-Identifier: Apache-2.0
"""An agency's profile on disk: made whole or not at all, opened with a passphrase.

    PROFILE/agency.key         all private keys, sealed; its presence makes a folder a profile
    PROFILE/recovery.key       a copy of them that custodians open together, where there are shares
    PROFILE/enrolment.request  the public side, for a steward
    PROFILE/invitation.json    the stewards' invitation, where there was one
    PROFILE/config.toml        settings (`agency_client.config`)
    PROFILE/store.db           what the agency remembers, encrypted; attachments/ and locks/ beside

The key file comes last and at once, so that whatever stops `create_profile` leaves no profile.
"""

import base64
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agency_client.bootstrap.keyring import Keyring
from agency_client.bootstrap.recovery_copy import COPY_FILE, write_copy
from agency_client.bootstrap.system import SystemClock
from agency_client.errors import AgencyError, Reason
from agency_client.ports.store import Store
from agency_client.services.invitations import FILE_NAME as INVITATION_FILE
from agency_client.services.steward_home import write_whole
from keys.entries import AgencyEntry, encode_content
from keys.errors import DirectoryError
from keys.keyfile import read_keyfile, wipe_unfinished, write_keyfile
from keys.signers import SIGNING_PURPOSE

KEY_FILE = "agency.key"
REQUEST_FILE = "enrolment.request"

_PRIVATE = 0o700
_LEFT_BEHIND = (REQUEST_FILE, INVITATION_FILE, f".{KEY_FILE}.", ".new-")
"""Beginnings of names that a creation which was cut off leaves: they do not make a folder taken."""


def create_profile(
    folder: Path,
    *,
    agency: str,
    name: str,
    country: str,
    kind: str,
    agreement_until: int,
    passphrase: str | bytes,
    contact: str = "",
    contact247: bool = False,
    invitation: str = "",
) -> Path:
    """Make an agency's keys and its enrolment request; return where the request is.

    Args:
        folder: new, or empty.
        agency: its id: 2 to 32 of a-z, 0-9 and '-'.
        name: for people.
        country: ISO 3166-1 alpha-2.
        kind: what sort of body it is.
        agreement_until: end of the sharing agreement, milliseconds since 1970.
        passphrase: seals the keys.
        contact: for people.
        contact247: whether it is reachable day and night.
        invitation: text of the invitation that it follows, verified and compared by the caller.

    Raises:
        AgencyError: PROFILE_EXISTS; INVALID_ARGUMENT; STORE_FAILED where the disk refuses.
        KeyFileError: the passphrase is empty.
    """
    secret = secret_bytes(passphrase)
    try:
        about = AgencyEntry(
            agency=agency,
            name=name,
            country=country,
            kind=kind,
            contact=contact,
            contact247=contact247,
            agreement_until=agreement_until,
            tls_roots=(),
            tls_key_pin=bytes(32),
            signing=(),
            encryption=(),
        )
    except DirectoryError as error:
        raise AgencyError(Reason.INVALID_ARGUMENT, error.detail) from None
    try:
        with _empty(folder):
            keyring = Keyring.generate(about, SystemClock().now_ms())
            write_whole(folder / REQUEST_FILE, request_text(keyring))
            if invitation:
                write_whole(folder / INVITATION_FILE, invitation)
            write_keyfile(folder / KEY_FILE, SIGNING_PURPOSE, keyring.secrets(), secret)
    except OSError as error:
        raise cannot_write(folder, error) from None
    return folder / REQUEST_FILE


def cannot_write(folder: Path, error: OSError) -> AgencyError:
    """Return the refusal for a disk that refuses."""
    why = (error.strerror or "the disk refuses").lower()
    return AgencyError(Reason.STORE_FAILED, f"{folder} cannot be written: {why}")


def change_keyring(
    folder: Path, passphrase: str | bytes, change: Callable[[Keyring], Keyring]
) -> Keyring:
    """Change a profile's keys, whole or not at all, and write what is asked of the stewards anew.

    The keys come before the request: nobody is asked to admit one that is not stored. The copy for
    custodians comes before the keys: cut off in between, it holds a key too many and none too few.
    What they replace is overwritten (`write_keyfile`), and so is what an earlier change that was
    cut off left.

    Raises:
        AgencyError: as `open_keyring`; PROFILE_IN_USE; or what `change` refuses: no key is changed
            then. STORE_FAILED where the disk refuses: the keys are the old or the new ones, whole.
        KeyFileError: as `open_keyring`.
    """
    secret = secret_bytes(passphrase)
    try:
        with changing(folder):
            changed = change(open_keyring(folder, secret))
            for name in (KEY_FILE, COPY_FILE):
                wipe_unfinished(folder / name)
            write_copy(folder, changed, SystemClock().now_ms())
            write_keyfile(folder / KEY_FILE, SIGNING_PURPOSE, changed.secrets(), secret)
            write_whole(folder / REQUEST_FILE, request_text(changed))
    except OSError as error:
        raise cannot_write(folder, error) from None
    return changed


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Let nobody else change the profile's keys meanwhile.

    Raises:
        AgencyError: PROFILE_IN_USE.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise AgencyError(Reason.PROFILE_MISSING, f"there is no profile in {folder}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise AgencyError(
            Reason.PROFILE_IN_USE, f"another process changes the keys in {folder}"
        ) from None
    finally:
        os.close(handle)


def request_text(keyring: Keyring) -> str:
    """Return the text of what the stewards are asked to publish."""
    return base64.b64encode(encode_content(keyring.request)).decode("ascii") + "\n"


@contextmanager
def _empty(folder: Path) -> Iterator[None]:
    """Hold a folder without a profile in it; nothing is left of it where the body fails."""
    is_new = not folder.exists()
    try:
        folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileExistsError, NotADirectoryError):
        raise _exists(folder, "is not a folder") from None
    try:
        _lock(handle, folder)
        _clear(folder)
        os.fchmod(handle, _PRIVATE)
        try:
            yield
        except BaseException:
            _clear(folder)
            if is_new:
                folder.rmdir()
            raise
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _exists(folder, "is being made by another process") from None


def _clear(folder: Path) -> None:
    """Remove what a creation that was cut off left; refuse a folder that holds anything else."""
    names = [path.name for path in folder.iterdir()]
    if KEY_FILE in names:
        raise _exists(folder, "holds a profile already")
    if not all(name.startswith(_LEFT_BEHIND) for name in names):
        raise _exists(folder, "is not empty")
    for name in names:
        (folder / name).unlink()


def _exists(folder: Path, why: str) -> AgencyError:
    return AgencyError(Reason.PROFILE_EXISTS, f"{folder} {why}")


def open_keyring(folder: Path, passphrase: str | bytes) -> Keyring:
    """Open a profile's keys; takes a tenth of a second and 64 MiB (Argon2id).

    Raises:
        AgencyError: PROFILE_MISSING; INVALID_ARGUMENT for a passphrase that is no text.
        KeyFileError: the key file is missing, open to others, damaged, or not opened by this
            passphrase.
    """
    secret = secret_bytes(passphrase)
    if not folder.is_dir() or not any(folder.iterdir()):
        raise AgencyError(Reason.PROFILE_MISSING, f"there is no profile in {folder}")
    return Keyring.from_secrets(read_keyfile(folder / KEY_FILE, SIGNING_PURPOSE, secret))


def open_store(folder: Path, keyring: Keyring) -> Store:
    """Open what the agency remembers.

    Raises:
        AgencyError: STORE_INVALID, STORE_NEWER, STORE_FAILED.
    """
    # Half of the time that a command takes to load, and those that only explain need none of it.
    from agency_client.store.profile_store import ProfileStore  # noqa: PLC0415

    return ProfileStore(folder, keyring.store_key, keyring.agency)


def secret_bytes(passphrase: str | bytes) -> bytes:
    """Return a passphrase as bytes.

    Raises:
        AgencyError: INVALID_ARGUMENT; it is a text that has none.
    """
    if isinstance(passphrase, bytes):
        return passphrase
    try:
        return passphrase.encode("utf-8")
    except UnicodeEncodeError:
        raise AgencyError(
            Reason.INVALID_ARGUMENT, "the passphrase holds what is no character"
        ) from None
