# SPDX-License-Identifier: Apache-2.0
"""The copy of an agency's keys that lies beside the key file for its custodians.

Made anew at each change of the keys, from the public side of the recovery secret that the key file
itself holds. It may be copied anywhere: without enough shares it opens to nobody.
"""

from pathlib import Path

from agency_client.bootstrap.keyring import Keyring
from agency_client.domain.recovery import RecoveryState, RecoveryStatus
from agency_client.errors import AgencyError, Reason
from keys.entries import encode_content
from keys.errors import KeyFileError
from keys.framing import sha256
from keys.keyfile import read_private, write_private
from keys.recovery import RecoveryCopy, seal_copy

COPY_FILE = "recovery.key"


def write_copy(folder: Path, keyring: Keyring, now: int) -> None:
    """Write the copy of a profile's keys, where there are shares to open it with.

    Raises:
        OSError: the disk refuses.
    """
    if keyring.recovery is None:
        return
    copy = seal_copy(
        keyring.recovery,
        keyring.secrets(),
        agency=keyring.agency,
        request_digest=_digest(keyring),
        now=now,
    )
    write_private(folder / COPY_FILE, copy.encode())


def read_copy(path: Path) -> RecoveryCopy:
    """Read a copy, wherever it was kept.

    Raises:
        AgencyError: RECOVERY_MISSING; there is none there, or it cannot be read.
        KeyFileError: KEY_FILE_INVALID; it is no recovery copy.
    """
    try:
        data = read_private(path)
    except FileNotFoundError:
        raise AgencyError(Reason.RECOVERY_MISSING, f"there is no recovery copy {path}") from None
    except OSError as error:
        why = (error.strerror or "unknown error").lower()
        raise AgencyError(
            Reason.RECOVERY_MISSING, f"the recovery copy {path} cannot be read: {why}"
        ) from None
    return RecoveryCopy.decode(data)


def recovery_status(folder: Path, keyring: Keyring) -> RecoveryStatus:
    """Return whether custodians could bring back the keys of a profile."""
    if keyring.recovery is None:
        return RecoveryStatus(state=RecoveryState.NONE)
    ours = keyring.recovery.share_set
    copy = _copy_beside(folder)
    if copy is None:
        state = RecoveryState.MISSING
    elif (copy.agency, copy.share_set) != (keyring.agency, ours):
        state = RecoveryState.OLDER
    else:
        is_ours = copy.request_digest == _digest(keyring)
        state = RecoveryState.READY if is_ours else RecoveryState.OLDER
    return RecoveryStatus(
        state=state,
        number=ours.number,
        needed=ours.needed,
        shares=ours.shares,
        made_at=ours.made_at,
        copied_at=copy.copied_at if copy else 0,
    )


def _copy_beside(folder: Path) -> RecoveryCopy | None:
    try:
        return read_copy(folder / COPY_FILE)
    except (AgencyError, KeyFileError):
        return None


def _digest(keyring: Keyring) -> bytes:
    return sha256(encode_content(keyring.request))
