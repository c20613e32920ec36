# SPDX-License-Identifier: Apache-2.0
"""What the broker answers for something it has stored."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRef:
    """Names a leaf of the acts log and lets its holder recompute it.

    Attributes:
        index: 0-based.
        salt: the leaf's own 32 bytes.
        time_ms: the time that the leaf states, milliseconds since 1970.
    """

    index: int
    salt: bytes
    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The answer for a stored frame.

    Attributes:
        topic: where it stands.
        sequence: its place in the topic, from 1 without gaps.
        log: the leaf of its publication.
        duplicate: whether the same STATEMENT had been stored before; the rest is of that time.
    """

    topic: str
    sequence: int
    log: LogRef
    duplicate: bool = False
