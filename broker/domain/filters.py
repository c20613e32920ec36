# SPDX-License-Identifier: Apache-2.0
"""Which topics and which frames a subscriber asks for.

Patterns follow MQTT: `+` stands for one segment, a last `#` for any number, none included.
A filter only narrows; what an agency may have is the rule book's decision.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from broker.errors import invalid

MAX_PATTERNS = 64
"""A subscriber with more patterns than this wants `#`."""
MAX_CODES = 64
MAX_SEGMENTS = 8

_SEGMENT = re.compile(r"[a-z0-9-]{1,32}|\+")
_CODE = re.compile(r"[!-~](?:[ -~]{0,62}[!-~])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A subscriber's choice.

    Attributes:
        topics: patterns, at least one.
        types: notice type codes; none means all.
        originators: agency ids; none means all.
    """

    topics: tuple[str, ...]
    types: tuple[str, ...] = ()
    originators: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= len(self.topics) <= MAX_PATTERNS or not all(map(_is_pattern, self.topics)):
            raise invalid("topics")
        for name, codes in (("types", self.types), ("originators", self.originators)):
            if len(codes) > MAX_CODES or not all(map(_CODE.fullmatch, codes)):
                raise invalid(name)

    def chooses(self, topics: Iterable[str]) -> list[str]:
        """Return those of `topics` that a pattern matches, in their order."""
        patterns = [pattern.split("/") for pattern in self.topics]
        return [topic for topic in topics if any(_matches(p, topic.split("/")) for p in patterns)]

    def admits(self, type_code: str, originator: str) -> bool:
        """Whether frames of this type and originator are wanted whole and not as stubs."""
        return (not self.types or type_code in self.types) and (
            not self.originators or originator in self.originators
        )


def _is_pattern(pattern: str) -> bool:
    segments = pattern.split("/")
    if segments[-1] == "#":
        segments.pop()
    return len(segments) <= MAX_SEGMENTS and all(map(_SEGMENT.fullmatch, segments))


def _matches(pattern: list[str], segments: list[str]) -> bool:
    if pattern[-1] == "#":
        pattern = pattern[:-1]
        segments = segments[: len(pattern)]
    return len(pattern) == len(segments) and all(
        wanted in ("+", segment) for wanted, segment in zip(pattern, segments, strict=True)
    )
