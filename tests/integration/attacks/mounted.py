# SPDX-License-Identifier: Apache-2.0
"""A broker whose folder is a small file system of its own, in a mount namespace of its process."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.integration.attacks.served import Served, serving
from tests.integration.broker.installed import Installed

IN_NAMESPACE = ("unshare", "--mount", "--map-root-user")
_MOUNT = 'mount -t tmpfs -o size="$1" tmpfs "$2" && cp -a "$3/." "$2" && shift 3 && exec "$@"'
SIZE = 64 << 20


@cache
def can_mount() -> bool:
    """Whether this machine lets us mount in a namespace of our own."""
    tried = (*IN_NAMESPACE, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt")
    try:
        return subprocess.run(tried, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@dataclass(frozen=True)
class Disk:
    """The broker's disk as seen from outside its namespace."""

    folder: Path

    @property
    def free(self) -> int:
        return shutil.disk_usage(self.folder).free

    def fill(self, leave: int) -> None:
        """Take all room but so many bytes."""
        with (self.folder / "filler").open("ab") as filler:
            filler.write(bytes(self.free - leave))

    def empty(self) -> None:
        (self.folder / "filler").unlink()


@contextmanager
def serving_on_small_disk(made: Installed) -> Iterator[tuple[Served, Disk]]:
    """Serve a copy of a folder, on a disk of `SIZE` bytes."""
    path = made.folder.path
    copied = path.with_name("copied")
    shutil.copytree(path, copied)
    before = (*IN_NAMESPACE, "sh", "-c", _MOUNT, "sh", str(SIZE), str(path), str(copied))
    with serving(made, before=before) as served:
        seen = Path(f"/proc/{served.process.pid}/root") / path.relative_to("/")
        yield served, Disk(seen)
