# SPDX-License-Identifier: Apache-2.0
"""Places in topics, and the names of the subscriptions that keep them."""

import re
from dataclasses import dataclass

from broker.errors import invalid

_SUBSCRIPTION = re.compile(r"[a-z0-9-]{1,64}")
MAX_SEQUENCE = (1 << 63) - 1
"""Sequences are kept in signed 64-bit columns."""
MAX_CURSORS = 1000
"""Cursors of one request: more topics than a subscription has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A place in one topic: everything up to and including `sequence` is behind it."""

    topic: str
    sequence: int

    def __post_init__(self) -> None:
        if not 0 <= self.sequence <= MAX_SEQUENCE:
            raise invalid("sequence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a subscription stands in a topic.

    Attributes:
        acknowledged: everything up to here is never delivered on it again.
        delivered: the furthest that was ever delivered on it; nothing beyond can be acknowledged.
    """

    acknowledged: int = 0
    delivered: int = 0


def check_subscription(name: str) -> None:
    """Refuse what is not a subscription's name: 1 to 64 of a-z, 0-9 and '-'."""
    if not _SUBSCRIPTION.fullmatch(name):
        raise invalid("subscription")
