# SPDX-License-Identifier: Apache-2.0
"""A topic as one agency may see it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicView:
    """A topic as one agency may see it; `head` is the last sequence that concerns the agency."""

    name: str
    title: str
    may_publish: bool
    may_subscribe: bool
    head: int
