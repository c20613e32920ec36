# SPDX-License-Identifier: Apache-2.0
"""Who may write a profile, across processes: one publisher per outlet, one receiver.

Advisory `flock` locks on files of the profile, which the kernel lets go when a process dies,
however it dies.
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
    """The locks of one profile."""

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
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take(handle, doing)
            yield
        finally:
            os.close(handle)

    def _take(self, handle: int, doing: str) -> None:
        until = time.monotonic() + self._patience
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise AgencyError(
                        Reason.PROFILE_IN_USE,
                        f"another process is {doing} this profile; end it, or use a profile of its own",
                    ) from None
                time.sleep(_PAUSE_SECONDS)
            else:
                return
