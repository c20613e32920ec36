# SPDX-License-Identifier: Apache-2.0
"""What the disk under the store says of itself, and making a folder's entries durable."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a folder's file system has left and whether it takes writes."""

    free_bytes: int
    read_only: bool


def room(folder: Path) -> Room:
    """Return what the file system of `folder` has left for this process."""
    found = os.statvfs(folder)
    return Room(
        free_bytes=found.f_bavail * found.f_frsize, read_only=bool(found.f_flag & os.ST_RDONLY)
    )


def sync_folder(folder: Path) -> None:
    """Put the names in `folder` on stable storage."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
