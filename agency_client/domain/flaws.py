# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a record: where, a stable reason, a sentence, and what to do.

A message says what was expected and what was got, and never repeats what a record says about a
person or a case: at most a short code, a key or a date that cannot be one.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

EXCERPT_LENGTH = 24
"""Enough to recognise a mistyped code; too short to hold a story."""

Path = Sequence[str | int]
"""Keys and positions, outermost first."""


class FlawReason(StrEnum):
    """Why a record is refused. Stable: callers may compare it."""

    NOT_UTF8 = "NOT_UTF8"
    NOT_JSON = "NOT_JSON"
    NOT_YAML = "NOT_YAML"
    EMPTY_INPUT = "EMPTY_INPUT"
    INPUT_TOO_LARGE = "INPUT_TOO_LARGE"
    TOO_MANY_RECORDS = "TOO_MANY_RECORDS"
    RECORD_TOO_LARGE = "RECORD_TOO_LARGE"
    TOO_DEEP = "TOO_DEEP"
    NOT_AN_OBJECT = "NOT_AN_OBJECT"
    REPEATED_KEY = "REPEATED_KEY"
    ALIAS = "ALIAS"
    FORBIDDEN_CHARACTER = "FORBIDDEN_CHARACTER"
    NUMBER_OUT_OF_RANGE = "NUMBER_OUT_OF_RANGE"
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    MISSING_FIELD = "MISSING_FIELD"
    WRONG_TYPE = "WRONG_TYPE"
    WRONG_FORMAT = "WRONG_FORMAT"
    UNKNOWN_CODE = "UNKNOWN_CODE"
    TOO_LONG = "TOO_LONG"
    TOO_SHORT = "TOO_SHORT"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    REPEATED_VALUE = "REPEATED_VALUE"
    IMPOSSIBLE_DATE = "IMPOSSIBLE_DATE"
    ALREADY_EXPIRED = "ALREADY_EXPIRED"
    KEPT_TOO_LONG = "KEPT_TOO_LONG"
    WRONG_ORDER = "WRONG_ORDER"
    CONTRADICTION = "CONTRADICTION"
    IDENTIFIES = "IDENTIFIES"
    EMPTY_AUDIENCE = "EMPTY_AUDIENCE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing that is wrong with a record; `field` is its place in words, empty for the whole."""

    field: str
    reason: FlawReason
    message: str
    advice: str = ""


class RecordError(Exception):
    """A record cannot become a notice: `flaw` says why, first things first."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw


def field_name(path: Path) -> str:
    """Return a place in words: `persons[0].born`."""
    name = ""
    for step in path:
        if isinstance(step, int):
            name += f"[{step}]"
        else:
            name += ("." if name else "") + excerpt(step, 40)
    return name


def excerpt(text: str, length: int = EXCERPT_LENGTH) -> str:
    """Return the beginning of a text, in characters that cannot mislead."""
    shown = text[:length] + ("…" if len(text) > length else "")
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in shown)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that `word` was most likely meant to be, or an empty text."""
    plain = {one.casefold(): one for one in known}
    found = difflib.get_close_matches(word[:64].casefold(), plain, n=1, cutoff=0.65)
    return plain[found[0]] if found else ""
