# SPDX-License-Identifier: Apache-2.0
"""A file beside the database by which a copy or a restored backup of a profile gives itself away.

The database remembers the file's random bytes, its inode and the time its inode last changed. A
copy has others, and nothing but the kernel sets the last two. Where the file was merely touched the
outbox begins a new outlet without need, which harms nothing. Not seen: a disk image put back as a
whole; the broker refuses the next number then, and `services.publishing` begins a new outlet.
"""

import os
import secrets
from pathlib import Path

_BYTES = 16


class Marker:
    """The marker of one profile."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes:
        """Return what tells this file from every copy of it; empty where there is none."""
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                content = file.read(_BYTES)
        except FileNotFoundError:
            return b""
        return content + f" {status.st_ino} {status.st_ctime_ns}".encode()

    def renew(self) -> bytes:
        """Put a new file in its place and return what tells it from others."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, secrets.token_bytes(_BYTES))
            os.fsync(handle)
        finally:
            os.close(handle)
        return self.read()
