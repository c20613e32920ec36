# SPDX-License-Identifier: Apache-2.0
"""Makes a parsed record fit to be checked: texts in one form, nothing hidden in them, bounded.

Texts become NFC with LF line ends and without white space at their ends; what is null or an empty
list counts as not given. Everything else stays as it came. Knows no fields (`domain.conformity`).
"""

import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from agency_client.domain.flaws import Flaw, FlawReason, Path, RecordError, field_name

MOST_DEPTH = 12
"""A notice needs six; more is a mistake or an attack."""
LARGEST_INTEGER = 2**53 - 1
"""The largest that every JSON reader keeps exact."""

_PLANE_ENDS = "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f"
    f"{_PLANE_ENDS}]"
)
"""Controls, characters that turn the direction of text, lone surrogates, non-characters, tags."""


def tidy(record: Any) -> dict[str, Any]:
    """Return a record made fit to be checked.

    Raises:
        RecordError: not an object, too deep, or a value that no text form can carry safely.
    """
    if not isinstance(record, Mapping):
        raise _refusal(
            (),
            FlawReason.NOT_AN_OBJECT,
            f"a record is an object with fields, got {kind_of(record)}",
            "write each notice as an object: {...}",
        )
    return _tidy_object(record, ())


def kind_of(value: object) -> str:
    """Return what a value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    kinds = ((str, "text"), ((int, float), "a number"), ((list, tuple), "a list"))
    return next((words for kind, words in kinds if isinstance(value, kind)), _other_kind(value))


def _other_kind(value: object) -> str:
    return "an object" if isinstance(value, Mapping) else "something that JSON cannot hold"


def _tidy_object(value: Mapping[Any, Any], path: tuple[str | int, ...]) -> dict[str, Any]:
    if len(path) > MOST_DEPTH:
        raise _too_deep(path)
    tidied: dict[str, Any] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise _refusal(path, FlawReason.WRONG_TYPE, "a field has a name that is not text")
        kept = _tidy(item, (*path, key))
        if kept is not None and kept != []:
            tidied[key] = kept
    return tidied


def _tidy(value: Any, path: tuple[str | int, ...]) -> Any:
    if isinstance(value, str):
        return _tidy_text(value, path)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return _tidy_number(value, path)
    if isinstance(value, Mapping):
        return _tidy_object(value, path)
    if isinstance(value, (list, tuple)):
        if len(path) > MOST_DEPTH:
            raise _too_deep(path)
        return [_tidy(item, (*path, position)) for position, item in enumerate(value)]
    raise _refusal(path, FlawReason.WRONG_TYPE, "expected what JSON can hold")


def _tidy_text(text: str, path: Path) -> str:
    if text.isascii() and text.isprintable():
        return text.strip()
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    found = _FORBIDDEN.search(text)
    if found is not None:
        raise _refusal(
            path,
            FlawReason.FORBIDDEN_CHARACTER,
            f"holds U+{ord(found[0]):04X}, a character that is invisible or changes how text reads",
            "take it out; right-to-left text needs no marks",
        )
    return unicodedata.normalize("NFC", text).strip()


def _tidy_number(value: float, path: Path) -> float:
    if not math.isfinite(value) or abs(value) > LARGEST_INTEGER:
        raise _refusal(
            path,
            FlawReason.NUMBER_OUT_OF_RANGE,
            "expected a number within plus and minus 2^53 - 1",
            "write longer numbers, such as account numbers, as text in quotes",
        )
    return value


def _too_deep(path: Path) -> RecordError:
    return _refusal(
        path[:MOST_DEPTH],
        FlawReason.TOO_DEEP,
        f"is nested deeper than {MOST_DEPTH} levels",
    )


def _refusal(path: Path, reason: FlawReason, message: str, advice: str = "") -> RecordError:
    return RecordError(Flaw(field=field_name(path), reason=reason, message=message, advice=advice))
