# SPDX-License-Identifier: Apache-2.0
"""Reads JSON: one object, an array of them, objects one a line (JSON Lines) or one after another.

A record that cannot be read holds up no other, as far as its end can be told: within an array it
cannot. Undecodable bytes stand in the text as lone surrogates (`surrogateescape`). Checks no field.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from agency_client.domain.flaws import Flaw, FlawReason, excerpt
from agency_client.intake.found import MAX_RECORD_BYTES, Found, too_large, unreadable

_SPACE = re.compile(r"[ \t\n\r]*")
_UNDECODABLE = re.compile("[\udc80-\udcff]")
_OBJECT_ON_LINE = re.compile(r"^\{", re.MULTILINE)
_LONGEST_NUMBER = 24
"""Digits of a whole number that are read; any longer one is out of range."""


def read_json(text: str) -> Iterator[Found]:
    """Yield the records of a JSON text, which begins with '{' or '[' after white space."""
    reader, start = _Reader(), _after_space(text, 0)
    if text.startswith("[", start):
        yield from reader.array(text, start)
        return
    whole = reader.whole(text, start)
    yield from _sequence(reader, text) if whole is None else [whole]


def _sequence(reader: "_Reader", text: str) -> Iterator[Found]:
    """Yield objects that follow each other; each begins a line."""
    start, line = 0, 1
    while start < len(text):
        following = _OBJECT_ON_LINE.search(text, max(start + 1, _after_space(text, start) + 1))
        end = following.start() if following else len(text)
        yield from reader.part(line, text[start:end])
        line += text.count("\n", start, end)
        start = end


class _Reader:
    """Decodes values and notes what JSON readers keep silent about: repeated keys."""

    def __init__(self) -> None:
        self._repeated: list[str] = []
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=lambda digits: int(digits) if len(digits) <= _LONGEST_NUMBER else math.inf,
            parse_constant=lambda _: math.nan,
        )

    def value(self, text: str, start: int) -> tuple[Any, int]:
        """Return the value that begins at a place, and where it ends."""
        self._repeated.clear()
        return self._decoder.raw_decode(text, start)

    def whole(self, text: str, start: int) -> Found | None:
        """Return the one record that a text is, or None if it is not just one."""
        try:
            value, end = self.value(text, start)
        except (ValueError, RecursionError):
            return None
        if _after_space(text, end) < len(text):
            return None
        return self.found(1 + text.count("\n", 0, start), text[start:end], value)

    def part(self, line: int, text: str) -> Iterator[Found]:
        """Yield the object that a part of the text begins with, then what its other lines hold."""
        start = _after_space(text, 0)
        begins = line + text.count("\n", 0, start)
        try:
            value, end = self.value(text, start)
        except (ValueError, RecursionError) as error:
            end = _end_of_unreadable(text, start)
            yield _unreadable(begins, line - 1, text[start:end], error)
        else:
            found, end = self._ended(begins, text, start, end, value)
            yield found
        rest = text[end:].split("\n")
        for number, one in enumerate(rest, line + text.count("\n", 0, end)):
            yield from self._line(number, one)

    def _line(self, line: int, text: str) -> Iterator[Found]:
        at = _after_space(text, 0)
        while at < len(text):
            try:
                value, end = self.value(text, at)
            except (ValueError, RecursionError) as error:
                yield _unreadable(line, line - 1, text[at:], error)
                return
            found, end = self._ended(line, text, at, end, value)
            yield found
            at = _after_space(text, end)

    def _ended(self, line: int, text: str, start: int, end: int, value: Any) -> tuple[Found, int]:
        """Return a record that was decoded and where to go on; only objects may follow it."""
        end_of_line = _end_of_line(text, end)
        if text[end:end_of_line].strip()[:1] in ("", "{"):
            return self.found(line, text[start:end], value), end
        return _surplus(line), end_of_line

    def array(self, text: str, start: int) -> Iterator[Found]:
        """Yield the elements of an array; nothing after one that cannot be read."""
        at, line, counted = _after_space(text, start + 1), 1, 0
        while not text.startswith("]", at):
            line, counted = line + text.count("\n", counted, at), at
            try:
                value, end = self.value(text, at)
                yield self.found(line, text[at:end], value)
                at = end
                at = _after_element(text, end)
            except (ValueError, RecursionError) as error:
                line += text.count("\n", counted, at)
                yield _unreadable(line, 0, text[at:], error, in_array=True)
                return
        if _after_space(text, at + 1) < len(text):
            yield _surplus(1 + text.count("\n", 0, at))

    def found(self, line: int, text: str, value: Any) -> Found:
        """Return a decoded record, or why it is refused all the same."""
        if len(text) > MAX_RECORD_BYTES:
            return too_large(line, len(text))
        if _UNDECODABLE.search(text):
            return not_utf8(line)
        return repeated_key(line, self._repeated[0]) if self._repeated else Found(line, value)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            times = Counter(key for key, _ in pairs)
            self._repeated.append(next(key for key, count in times.items() if count > 1))
        return value


def repeated_key(line: int, key: str) -> Found:
    """Return the refusal of a record in which a key occurs twice: readers would differ."""
    shown = excerpt(key, 40)
    return Found(
        line,
        flaw=Flaw(
            field=shown,
            reason=FlawReason.REPEATED_KEY,
            message=f'"{shown}" occurs twice in one object',
            advice="say which of the two holds",
        ),
    )


def not_utf8(line: int) -> Found:
    """Return the refusal of a record that holds undecodable bytes."""
    return unreadable(
        line,
        FlawReason.NOT_UTF8,
        "holds bytes that are not UTF-8",
        "save it as UTF-8: read in a wrong encoding, names would be garbled",
    )


def _surplus(line: int) -> Found:
    return unreadable(
        line,
        FlawReason.NOT_JSON,
        "is not JSON: something follows where it should end",
        "write one object a line, or a list [...] with commas between objects",
    )


def _unreadable(
    line: int, lines_before: int, text: str, error: Exception, *, in_array: bool = False
) -> Found:
    advice = "each record is one JSON object; the others are not held up"
    if in_array:
        advice = "what stands before it is read, what stands after it cannot be"
    if isinstance(error, RecursionError):
        return unreadable(line, FlawReason.TOO_DEEP, "is nested too deep to be read", advice)
    if _UNDECODABLE.search(text):
        return not_utf8(line)
    if len(text) > MAX_RECORD_BYTES and not in_array:
        return too_large(line, len(text))
    why = "a value cannot be read"
    if isinstance(error, json.JSONDecodeError):
        # The decoder's own texts quote nothing of what it read.
        place = f"line {error.lineno + lines_before}, column {error.colno}"
        why = f"{error.msg[:1].lower()}{error.msg[1:].removesuffix(' at')} at {place}"
    return unreadable(line, FlawReason.NOT_JSON, f"is not JSON: {why}", advice)


def _end_of_unreadable(text: str, at: int) -> int:
    """Return where to go on: at the next line, where the object would have ended on its own."""
    end_of_line = _end_of_line(text, at)
    first = text[at:end_of_line].rstrip()
    return end_of_line if not first.startswith("{") or first.endswith("}") else len(text)


def _after_element(text: str, end: int) -> int:
    """Return where the next element of an array or its end is."""
    at = _after_space(text, end)
    if text.startswith("]", at):
        return at
    if not text.startswith(",", at):
        raise json.JSONDecodeError("Expecting ',' or ']'", text, at)
    at = _after_space(text, at + 1)
    if text.startswith("]", at):
        raise json.JSONDecodeError("Expecting value", text, at)
    return at


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return end if end >= 0 else len(text)
