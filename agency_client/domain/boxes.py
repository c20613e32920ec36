# SPDX-License-Identifier: Apache-2.0
"""Says many single cases in few words, exactly: cases that differ in one thing only become one.

Pure. The boxes together hold the cases that were given, each once, and no other.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeAlias

Case: TypeAlias = tuple[str, ...]
"""One value for each axis; all cases have the same axes."""
Box: TypeAlias = tuple[frozenset[str], ...]
"""A set of values for each axis; it holds every combination of them."""


def boxes(cases: Iterable[Case]) -> list[Box]:
    """Return boxes that hold exactly `cases`, joined along the last axis first."""
    found: set[Box] = {tuple(frozenset({value}) for value in case) for case in cases}
    axes = len(next(iter(found), ()))
    for axis in reversed(range(axes)):
        found = _joined(found, axis)
    return sorted(found, key=lambda box: [sorted(values) for values in box])


def _joined(found: Iterable[Box], axis: int) -> set[Box]:
    """Join those that are the same along all other axes."""
    same: dict[Box, set[str]] = defaultdict(set)
    for box in found:
        same[box[:axis] + box[axis + 1 :]] |= box[axis]
    return {(*others[:axis], frozenset(values), *others[axis:]) for others, values in same.items()}
