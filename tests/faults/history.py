# SPDX-License-Identifier: Apache-2.0
"""What clients write down about themselves while things break: the only evidence the checker reads.

One JSON object a line, written in one piece before a call and after its return, so that a SIGKILL
leaves at most half a last line, which is dropped. Times are the machine's monotonic clock, which
all processes share.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path


class Did(StrEnum):
    """What a client did or saw."""

    PUBLISH = "publish"
    """A publisher hands in a notice; the outcome is open from here on."""

    ACCEPTED = "accepted"
    """The publisher holds the broker's receipt."""

    SESSION = "session"
    """A subscriber opens a stream."""

    DELIVERED = "delivered"
    """A frame came in on the stream."""

    CARRIED = "carried"
    """A frame came in on the stream, or was fetched, with a notice in it."""

    REFUSED = "refused"
    """The broker said that it has no such notice, or none for the one who asked."""

    GRANTED = "granted"
    """`who` may fetch the frame's notice, being no recipient of it, and only before `until`."""

    RECALLED = "recalled"
    """The broker answered the recall of the frame's notice; nobody may be handed it any more."""

    BARRED = "barred"
    """From here on `who` may be handed nothing any more; of one frame, where it is named."""

    ACKNOWLEDGED = "acknowledged"
    """The broker confirmed that everything up to here is acknowledged."""

    SHOWN = "shown"
    """The subscriber's program got the notice."""

    HOLDS = "holds"
    """At the end the notice is in the subscriber's store, once for each such line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line. `key` is the publisher's own name for a notice, found again in its content.

    `until` is a time as `at` is.
    """

    at: int
    who: str
    did: Did
    key: str = ""
    topic: str = ""
    sequence: int = 0
    statement: str = ""
    until: int = 0


class Recorder:
    """Writes one client's history."""

    def __init__(self, path: Path, who: str) -> None:
        self._who = who
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def note(
        self, did: Did, *, key: str = "", topic: str = "", sequence: int = 0, statement: str = ""
    ) -> None:
        """Write one line."""
        event = Event(
            at=time.monotonic_ns(),
            who=self._who,
            did=did,
            key=key,
            topic=topic,
            sequence=sequence,
            statement=statement,
        )
        os.write(self._file, (json.dumps(asdict(event)) + "\n").encode())

    def close(self) -> None:
        """Let the file go."""
        os.close(self._file)


def read_histories(paths: Iterable[Path]) -> list[Event]:
    """Return the lines of all clients in order of time; half a last line is dropped."""
    events = [event for path in paths for event in _events(path)]
    return sorted(events, key=lambda event: event.at)


def _events(path: Path) -> Iterator[Event]:
    names = {field.name for field in fields(Event)}
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1]):
        try:
            held = json.loads(line)
        except ValueError:
            # A process that was killed in the middle of a line and started again on the same file.
            if b'{"at"' not in line[1:]:
                raise AssertionError(f"{path.name}:{number + 1} is no history") from None
            held = json.loads(line[line.rindex(b'{"at"') :])
        assert set(held) == names, f"{path.name}:{number + 1}"
        yield Event(**{**held, "did": Did(held["did"])})
