# SPDX-License-Identifier: Apache-2.0
"""JSON that every implementation writes alike and reads alike: what lies in bodies and letters.

Written: UTF-8, sorted keys, no spaces. Read: strict about what JSON leaves open (a member twice,
numbers, half characters, depth), so that every implementation refuses the same documents. What a
document has to say is for its own module. Source: docs/protocol.md section 6.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

MAX_DEPTH = 64
"""Far above what a notice needs, far below what exhausts a reader's stack."""
MAX_INTEGER = (1 << 53) - 1
"""What every implementation of JSON reads as the same number."""


def write_document(document: Mapping[str, Any]) -> bytes:
    """Return the one form of a document."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8")


def read_document(data: bytes) -> dict[str, Any]:
    """Return the one JSON object in `data`.

    Raises:
        ValueError: not one JSON object, or one that not everybody reads alike.
    """
    try:
        document = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_members,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_no_number,
        )
        _check_values(document, data)
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_DEPTH}") from None
    if not isinstance(document, dict):
        raise ValueError("not an object")  # noqa: TRY004 - of the document, not of an argument
    return document


def _members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


def _integer(digits: str) -> int:
    value = int(digits)
    if abs(value) > MAX_INTEGER:
        raise ValueError("an integer is beyond 2^53 - 1")
    return value


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _check_values(document: object, data: bytes) -> None:
    """Refuse nesting beyond `MAX_DEPTH`, and escapes that are half of a character.

    Looks only where the bytes say that there may be either.
    """
    if data.count(b"{") + data.count(b"[") <= MAX_DEPTH and b"\\u" not in data:
        return
    waiting = [(document, 1)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, str):
            value.encode("utf-8")
        elif isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                raise ValueError(f"nested deeper than {MAX_DEPTH}")
            inner = [*value, *value.values()] if isinstance(value, dict) else value
            waiting += [(one, depth + 1) for one in inner]
