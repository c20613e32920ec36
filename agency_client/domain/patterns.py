# SPDX-License-Identifier: Apache-2.0
"""Topic names and topic patterns.

Segments by '/'; '+' matches one segment, a last '#' any number, none included.
Source: `Filter.topics` in `protos/tocsin/v1/subscriber_service.proto`.
"""

import re

from agency_client.errors import AgencyError, Reason

_SEGMENT = re.compile(r"[a-z0-9-]{1,32}")
MOST_SEGMENTS = 8


def check_pattern(pattern: str) -> str:
    """Return `pattern` where it is well formed.

    Raises:
        AgencyError: INVALID_ARGUMENT; not a pattern.
    """
    segments = pattern.split("/")
    last = len(segments) - 1
    fine = len(segments) <= MOST_SEGMENTS and all(
        segment == "+" or (segment == "#" and at == last) or _SEGMENT.fullmatch(segment)
        for at, segment in enumerate(segments)
    )
    if not fine:
        raise AgencyError(
            Reason.INVALID_ARGUMENT,
            f"{pattern!r} is not a topic pattern such as 'trafficking/#' or 'missing/+'",
            field="topic",
        )
    return pattern


def matches(pattern: str, topic: str) -> bool:
    """Tell whether `topic` lies under `pattern`."""
    wanted, got = pattern.split("/"), topic.split("/")
    for at, segment in enumerate(wanted):
        if segment == "#":
            return True
        if at >= len(got) or segment not in ("+", got[at]):
            return False
    return len(wanted) == len(got)
