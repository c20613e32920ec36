# SPDX-License-Identifier: Apache-2.0
"""The passphrase of a profile whose settings name a file with it: for programs nobody sits at."""

import os
import stat
from pathlib import Path

from agency_client.config import settings_of
from agency_client.errors import AgencyError, Reason

MAX_BYTES = 4096
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def passphrase_for(folder: Path) -> bytes:
    """Return what the profile's passphrase file holds as its only line.

    Raises:
        AgencyError: PROFILE_INVALID; no file is named, or it is missing, open to others, or not
            one line.
    """
    path = settings_of(folder).passphrase_file
    if path is None:
        raise _unusable("a passphrase is needed: pass it, or set passphrase_file in config.toml")
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        why = (error.strerror or "unknown error").lower()
        raise _unusable(f"the passphrase file cannot be read: {why}") from None
    if stat.S_ISREG(mode) and mode & _OPEN_TO_OTHERS:
        raise _unusable("the passphrase file can be read by others")
    line = data.removesuffix(b"\n").removesuffix(b"\r")
    if not line or b"\n" in line or len(data) > MAX_BYTES:
        raise _unusable("the passphrase file does not hold one line of text")
    return line


def _unusable(message: str) -> AgencyError:
    return AgencyError(Reason.PROFILE_INVALID, message)
