# SPDX-License-Identifier: Apache-2.0
"""Printing: data to stdout, all else to stderr; a document with a schema, or plain lines.

Text from other agencies is untrusted: control and direction-changing characters are written as
escapes, so that nothing on the screen can pretend to be something else.
"""

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

_HARMLESS = frozenset("\u200c\u200d\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2")
"""Format characters that Persian, Indic and Arabic words need; they change no direction."""
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def safe(text: object) -> str:
    """Return one line with every character escaped that could steer a terminal or a reader."""
    return "".join(_shown(character) for character in str(text))


def _shown(character: str) -> str:
    if character in _HARMLESS or unicodedata.category(character) not in _UNSAFE:
        return character
    point = ord(character)
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"  # noqa: PLR2004 - the BMP


def as_json(document: Mapping[str, Any], *, indent: int | None = None) -> str:
    """Return JSON whose unsafe characters are escaped; it reads back to the same document.

    Where stdout cannot take every character, all beyond ASCII are escaped.
    """
    is_utf = (sys.stdout.encoding or "").lower().startswith("utf")
    text = json.dumps(document, ensure_ascii=not is_utf, indent=indent, sort_keys=False)
    return "".join(_json_shown(character) for character in text)


def _json_shown(character: str) -> str:
    if character == "\n" or character in _HARMLESS:
        return character
    if unicodedata.category(character) not in _UNSAFE:
        return character
    return json.dumps(character)[1:-1]


def counted(number: int, thing: str) -> str:
    """Return so many of a thing, in words: `1 notice`, `2 notices`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def instant(time_ms: int) -> str:
    """Return an instant as RFC 3339 in UTC, or an empty text for none."""
    if not time_ms:
        return ""
    moment = datetime.fromtimestamp(time_ms / 1000, tz=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Printer:
    """Prints what a command has to say."""

    def __init__(self, *, as_json: bool, context: Mapping[str, str] | None = None) -> None:
        self.is_json = as_json
        self._context = dict(context or {})

    def document(self, kind: str, body: Mapping[str, Any], lines: Iterable[str] = ()) -> None:
        """Print the one result of a command: as a document, or as lines."""
        if self.is_json:
            head = {"schema": f"tocsin.{kind}.v1", **self._context}
            _write(as_json({**head, **body}, indent=2))
            return
        for line in lines:
            _write(line)

    def item(self, kind: str, body: Mapping[str, Any], lines: Iterable[str] = ()) -> None:
        """Print one item of a stream at once: as a JSON line, or as lines."""
        if self.is_json:
            _write(as_json({"schema": f"tocsin.{kind}.v1", **self._context, **body}))
        else:
            for line in lines:
                _write(line)
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """Tell a person something, on stderr."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")


def columns(rows: Sequence[Sequence[str]], *, head: Sequence[str] = ()) -> list[str]:
    """Return rows as lines with aligned columns; tab-separated where stdout is no terminal."""
    rows = [[safe(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        return ["\t".join(row) for row in rows]
    table = [list(head), *rows] if head else rows
    if not table:
        return []
    widths = [max(width_of(row[i]) for row in table) for i in range(len(table[0]))]
    return [
        "  ".join(_padded(cell, w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - width_of(cell))


def width_of(text: str) -> int:
    """Return how many terminal cells a text takes: wide characters two, combining ones none."""
    wide = sum(1 for c in text if unicodedata.east_asian_width(c) in "WF")
    none = sum(1 for c in text if unicodedata.category(c) in {"Mn", "Me"} or c in _HARMLESS)
    return len(text) + wide - none
