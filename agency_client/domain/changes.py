# SPDX-License-Identifier: Apache-2.0
"""What a notice says otherwise than the one whose place it takes. Pure.

Compares two documents field by field; lists are compared by place, so that one more in front shows
as all of them changed: it is for people, who see both.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

MOST = 100
"""Changes that are told; a document has at most some thousand fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field that is another now; `before` or `after` is None where it is not there."""

    path: str
    before: Any
    after: Any


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return what differs, in the order of the newer document, then what it lacks."""
    return tuple(islice(_changes("", before, after), MOST))


def _changes(path: str, before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*after, *(key for key in before if key not in after)]:
            place = f"{path}.{key}" if path else key
            yield from _changes(place, before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list):
        for at in range(max(len(before), len(after))):
            pair = (one[at] if at < len(one) else None for one in (before, after))
            yield from _changes(f"{path}[{at}]", *pair)
    elif type(before) is not type(after) or before != after:
        yield Change(path=path, before=before, after=after)
