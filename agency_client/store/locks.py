# SPDX-License-Identifier: Apache-2.0
"""Who may write a profile, across processes: one publisher per outlet, one receiver.

Advisory `flock` locks on files of the profile, which the kernel lets go when a process dies,
however it dies. The database itself is not locked: others read and write it meanwhile.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agency_client.errors import AgencyError, Reason

PATIENCE_SECONDS = 0.0
_PAUSE_SECONDS = 0.05


class FileLocks:
    """The locks of one profile; whoever finds one held waits `patience_seconds` for it."""

    def __init__(self, folder: Path, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._folder = folder
        self._patience = patience_seconds

    @contextmanager
    def outlet(self) -> Iterator[None]:
        """Hold the outlet."""
        with self._held("outlet", "publishing from"):
            yield

    @contextmanager
    def receiver(self) -> Iterator[None]:
        """Hold the receiver's place."""
        with self._held("receiver", "receiving into"):
            yield

    @contextmanager
    def _held(self, name: str, doing: str) -> Iterator[None]:
        handle = self._opened(name)
        try:
            self._take(handle, doing)
            yield
        finally:
            os.close(handle)

    def _opened(self, name: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(self._folder / name, flags, 0o600)
        except OSError as error:
            raise _unlockable(error) from None

    def _take(self, handle: int, doing: str) -> None:
        until = time.monotonic() + self._patience
        while not _try_lock(handle):
            if time.monotonic() >= until:
                raise AgencyError(Reason.PROFILE_IN_USE, f"another process is {doing} this profile")
            time.sleep(_PAUSE_SECONDS)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise _unlockable(error) from None
    return True


def _unlockable(error: OSError) -> AgencyError:
    return AgencyError(
        Reason.STORE_FAILED,
        f"the profile cannot be locked: {(error.strerror or 'failed').lower()}",
    )
