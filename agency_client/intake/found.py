# SPDX-License-Identifier: Apache-2.0
"""What the readers of text forms hand on: a parsed value or what is wrong, with its line."""

from dataclasses import dataclass
from typing import Any

from agency_client.domain.flaws import Flaw, FlawReason

MAX_RECORD_BYTES = 1 << 20
"""A notice with its frame has 2 MiB at most; what is larger belongs into an attachment."""
MOST_DEPTH = 64
"""Of nesting while parsing: far above any record, far below what exhausts a stack."""


@dataclass(frozen=True, slots=True)
class Found:
    """One record as it was parsed, or why it could not be; `line` counts from 1."""

    line: int
    value: Any = None
    flaw: Flaw | None = None


def unreadable(line: int, reason: FlawReason, message: str, advice: str = "") -> Found:
    """Return a record that could not be parsed."""
    return Found(line, flaw=Flaw(field="", reason=reason, message=message, advice=advice))


def too_large(line: int, size: int) -> Found:
    """Return the refusal of a record of `size` characters or bytes."""
    return unreadable(
        line,
        FlawReason.RECORD_TOO_LARGE,
        f"a record of {size} characters, at most {MAX_RECORD_BYTES}",
        "attach what is long with `tocsin attach`",
    )
