# SPDX-License-Identifier: Apache-2.0
"""Reads YAML: a record a document, or lists of records. Scalars mean what they mean in JSON.

NO is Norway and not false, 12:30 is no number, a date stays text, 007 keeps its zeros. Aliases and
tags are refused: no record needs them, and they are how small files become large or run code. The
values are made from the parser's events; no loader of the library is used. Checks no field.

Source: YAML 1.2.2, JSON schema (10.2), plus True, TRUE, ~ and the like.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

import yaml

from agency_client.domain.flaws import Flaw, FlawReason, excerpt
from agency_client.intake.found import MAX_RECORD_BYTES, MOST_DEPTH, Found, too_large, unreadable
from agency_client.intake.json_text import not_utf8, repeated_key

_Events: TypeAlias = Iterator[yaml.Event]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MARKER = re.compile(r"^---(?=[ \t\r\n]|$)", re.MULTILINE)
_SOMETHING = re.compile(r"^(?!%|[ \t\r]*(?:#|$)|(?:\.\.\.|---)[ \t\r]*$)", re.MULTILINE)
"""A line that is no directive, blank, comment or bare marker."""
_UNDECODABLE = re.compile("[\udc80-\udcff]")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_FLAGS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LONGEST_NUMBER = 24
_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq"))
_DEEPEST = 1000
"""Where reading a document ends: the parser's work grows with the square of the depth."""
_LONGEST = 8 * MAX_RECORD_BYTES
"""How far a refused record is read over, to reach those after it."""


def read_yaml(text: str) -> Iterator[Found]:
    """Yield the records of a YAML text; a document that cannot be read holds up no other."""
    end, line = 0, 1
    while begin := _SOMETHING.search(text, end):
        line += text.count("\n", end, begin.start())
        following = _MARKER.search(text, begin.start() + 1)
        end = following.start() if following else len(text)
        part = text[begin.start() : end]
        yield from _document(part, line)
        line += part.count("\n")


def _document(text: str, line: int) -> Iterator[Found]:
    undecodable = _UNDECODABLE.search(text)
    if undecodable is not None:
        yield not_utf8(line + text.count("\n", 0, undecodable.start()))
        return
    builder = _Builder(text, line)
    try:
        yield from builder.records()
    except (yaml.YAMLError, _GaveUpError) as error:
        yield builder.unreadable(error)


class _GaveUpError(Exception):
    """A record that is refused already has no reasonable end."""


class _Builder:
    """Makes values of one document's events, record by record."""

    def __init__(self, text: str, line: int) -> None:
        self._events: _Events = yaml.parse(text, Loader=_LOADER)
        self._first_line = line
        self._begins = line
        self._starts = 0
        self._refusals: list[Found] = []

    def records(self) -> Iterator[Found]:
        """Yield the document's records."""
        for event in self._events:
            if isinstance(event, yaml.SequenceStartEvent):
                yield from self._list()
            elif isinstance(event, yaml.NodeEvent):
                found = self._record(event)
                if found.value is not None or found.flaw is not None:
                    yield found

    def _list(self) -> Iterator[Found]:
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                return
            yield self._record(event)

    def _record(self, event: yaml.Event) -> Found:
        self._refusals.clear()
        self._begins = self._line(event)
        self._starts = _index(event.start_mark)
        value = self._value(event, 1)
        return self._refusals[0] if self._refusals else Found(self._begins, value)

    def unreadable(self, error: Exception) -> Found:
        """Return the refusal of the record at which reading ended."""
        if isinstance(error, _GaveUpError):
            return self._refusals[0]
        advice = "what stands before it is read, what stands after it in this document cannot be"
        why, mark = "cannot be read", getattr(error, "problem_mark", None)
        told = getattr(error, "problem", None) or getattr(error, "reason", None)
        if told:
            why = excerpt(str(told), 80)
        if mark is not None:
            why += f" at line {mark.line + self._first_line}, column {mark.column + 1}"
        return unreadable(self._begins, FlawReason.NOT_YAML, f"is not YAML: {why}", advice)

    def _too_deep(self) -> Found:
        return unreadable(self._begins, FlawReason.TOO_DEEP, "is nested too deep to be read")

    def _line(self, event: yaml.Event) -> int:
        mark = event.start_mark
        return self._first_line + (mark.line if mark is not None else 0)

    def _value(self, event: yaml.Event, depth: int) -> Any:
        """Return the value that an event begins; one that is refused is read over to its end."""
        if depth > MOST_DEPTH:
            self._refuse(self._too_deep())
            self._read_over(int(isinstance(event, yaml.CollectionStartEvent)))
            return None
        if isinstance(event, yaml.AliasEvent):
            self._refuse(self._alias())
            return None
        tag = getattr(event, "tag", None)
        if tag is not None and tag not in _TAGS:
            self._refuse(self._tag())
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return [self._value(item, depth + 1) for item in self._parts()]
        return self._mapping(depth)

    def _parts(self) -> _Events:
        """Yield the events that begin a collection's parts, until the record is too large."""
        for event in self._events:
            is_end = isinstance(event, yaml.CollectionEndEvent)
            size = _index(event.end_mark) - self._starts
            if size > MAX_RECORD_BYTES:
                self._refuse(too_large(self._begins, size))
                depth = isinstance(event, yaml.CollectionStartEvent) - is_end
                self._read_over(1 + depth)
                return
            if is_end:
                return
            yield event

    def _mapping(self, depth: int) -> dict[str, Any]:
        items: dict[str, Any] = {}
        for event in self._parts():
            key = self._key(event, depth)
            if key in items:
                self._refuse(repeated_key(self._begins, key))
            items[key] = self._value(next(self._events), depth + 1)
        return items

    def _read_over(self, depth: int) -> None:
        """Read over what is open, that many collections deep."""
        while depth:
            event = next(self._events)
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST or _index(event.end_mark) - self._starts > _LONGEST:
                raise _GaveUpError

    def _refuse(self, refusal: Found) -> None:
        """Note what is wrong with the record; the first is told."""
        if not self._refusals:
            self._refusals.append(refusal)

    def _key(self, event: yaml.Event, depth: int) -> str:
        if isinstance(event, yaml.ScalarEvent):
            return str(event.value)
        self._value(event, depth + 1)
        message = "has a field whose name is not text"
        self._refuse(unreadable(self._begins, FlawReason.NOT_YAML, message))
        return ""

    def _alias(self) -> Found:
        return Found(
            self._begins,
            flaw=Flaw(
                field="",
                reason=FlawReason.ALIAS,
                message="holds an alias (*name), and records stand on their own",
                advice="write the value out; a text that begins with * goes in quotes",
            ),
        )

    def _tag(self) -> Found:
        message = "holds a tag (!name), and records hold plain values only"
        advice = "take it out; a text that begins with ! goes in quotes"
        return unreadable(self._begins, FlawReason.NOT_YAML, message, advice)


def _index(mark: Any) -> int:
    return 0 if mark is None else int(mark.index)


def _scalar(event: yaml.ScalarEvent) -> Any:
    """Return what a scalar says: text, unless it is plain and JSON would have another value."""
    text = str(event.value)
    if not event.implicit[0]:
        return text
    if text in _NULLS:
        return None
    if text in _FLAGS:
        return _FLAGS[text]
    if _WHOLE.fullmatch(text):
        return int(text) if len(text) <= _LONGEST_NUMBER else math.inf
    return float(text) if _NUMBER.fullmatch(text) else text
