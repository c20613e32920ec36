# SPDX-License-Identifier: Apache-2.0
"""Records from files and stdin: drafts that know their place, and refusals that say why."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agency_client.domain.notices import Draft
from agency_client.intake import MAX_INPUT_BYTES, read_records


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A draft with its place."""

    source: str
    line: int
    draft: Draft


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A record that is not published, with its place and reason."""

    source: str
    line: int
    field: str
    reason: str
    message: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """All records of the files given, in order."""

    drafts: tuple[Record, ...]
    refused: tuple[Refused, ...]


def gather(files: Sequence[str], *, topic: str, to: Sequence[str]) -> Gathered:
    """Read every file; `-` is stdin. `topic` and `to` are for records that name none themselves.

    Raises:
        OSError: a file cannot be read.
    """
    drafts: list[Record] = []
    refused: list[Refused] = []
    for name in files:
        source = "stdin" if name == "-" else name
        batch = read_records(_bytes(name), topic=topic, to=tuple(to))
        drafts += [Record(source=source, line=one.line, draft=one.draft) for one in batch.drafts]
        refused += [
            Refused(
                source=source,
                line=one.line,
                field=one.field,
                reason=one.reason,
                message=one.message,
                advice=one.advice,
            )
            for one in batch.refused
        ]
    return Gathered(drafts=tuple(drafts), refused=tuple(refused))


def _bytes(name: str) -> bytes:
    """Return what a file holds, up to one byte more than the reader accepts."""
    if name == "-":
        return sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
    with Path(name).open("rb") as file:
        return file.read(MAX_INPUT_BYTES + 1)
