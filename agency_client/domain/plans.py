# SPDX-License-Identifier: Apache-2.0
"""From drafts to frames: who may have them, which belong together, how many fit. Pure.

One frame is one topic, one marking, one audience (design section 4, "One audience"), at most 256
notices and 2 MiB of them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from keys.body import padded_length
from keys.envelope import MAX_NOTICE_BYTES, MAX_NOTICES, Marking, NoticeHeader

_CHUNK = 16 * 1024
_BODY_OVERHEAD = 56
_CHUNK_OVERHEAD = 16
_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNotice:
    """One draft that may be published. `position` is its place in the caller's list."""

    position: int
    header: NoticeHeader
    content: bytes

    @property
    def sealed_size(self) -> int:
        """Bytes of header and body once sealed (Cobblestone adds 56 bytes and 16 a chunk)."""
        padded = padded_length(len(self.content) + _LENGTH_BYTES)
        chunks = padded // _CHUNK + 1
        return len(self.header.encode()) + padded + _BODY_OVERHEAD + _CHUNK_OVERHEAD * chunks


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """What the notices of a frame share."""

    topic: str
    marking: Marking
    named: frozenset[str]
    admitted: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePlan:
    """One frame to seal."""

    audience: Audience
    notices: tuple[PlannedNotice, ...]


def plan_frames(planned: Iterable[tuple[Audience, PlannedNotice]]) -> Iterator[FramePlan]:
    """Group notices by audience, in order of first mention, and cut to what a frame holds."""
    groups: dict[Audience, list[PlannedNotice]] = {}
    for audience, notice in planned:
        groups.setdefault(audience, []).append(notice)
    for audience, notices in groups.items():
        for part in _cut(notices):
            yield FramePlan(audience=audience, notices=tuple(part))


def _cut(notices: Iterable[PlannedNotice]) -> Iterator[list[PlannedNotice]]:
    part: list[PlannedNotice] = []
    size = 0
    for notice in notices:
        added = notice.sealed_size
        if part and (len(part) == MAX_NOTICES or size + added > MAX_NOTICE_BYTES):
            yield part
            part, size = [], 0
        part.append(notice)
        size += added
    if part:
        yield part
