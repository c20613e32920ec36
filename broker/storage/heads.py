# SPDX-License-Identifier: Apache-2.0
"""The newest checkpoint of each log in a small file beside the database.

A database put back from an older copy, or a WAL cut short by a rotten bit (research/reliability.md
0.5), has forgotten its newest checkpoint together with the leaves under it. This file has not.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from broker.domain.logs import LogKind
from broker.ports.store import Head
from broker.storage.disk import sync_folder


class HeadsFile:
    """The file; written whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[LogKind, Head]:
        """Return the checkpoint of each log that has one.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is not what `write` writes.
        """
        try:
            held = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except RecursionError as error:
            raise ValueError("heads of logs are nested too deeply") from error
        try:
            return {LogKind[name]: _head(value) for name, value in held.items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"heads of logs are malformed: {error}") from error

    def write(self, log: LogKind, head: Head) -> None:
        """Put the checkpoint of a log in place of the one before, on stable storage."""
        heads = self.read() | {log: head}
        fresh = self._path.with_name(f"{self._path.name}.new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(_plain(heads), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        sync_folder(self._path.parent)


def _plain(heads: Mapping[LogKind, Head]) -> dict[str, dict[str, object]]:
    return {
        log.name: {"size": head.size, "root": head.root.hex(), "note": head.note}
        for log, head in heads.items()
    }


def _head(value: Mapping[str, object]) -> Head:
    size, root, note = value["size"], value["root"], value["note"]
    if not (isinstance(size, int) and isinstance(root, str) and isinstance(note, str)):
        raise TypeError("a head is a size, a root and a note")
    return Head(size=size, root=bytes.fromhex(root), note=note)
