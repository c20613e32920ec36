# SPDX-License-Identifier: Apache-2.0
"""What the search index holds of a notice: two texts of folded, space-separated tokens. Pure.

`words` has the words of scripts with spaces. `runs` has Chinese, Japanese, Korean, Thai, Lao, Khmer
and Burmese as overlapping pairs of characters, so that any part of a run is found. What people cut
in different ways is kept joined too: `O'Brien`, family and given name of a Chinese name, numbers
with separators. Every string of the document counts, codes among them; keys do not.
Not here: the asking side (`domain.searching`), the index itself (`store.search`).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, permutations
from typing import Any

from agency_client.domain.folding import FIELD_MARK, JOINER, fold

MOST_JOINED = 20_000
"""Joined numbers kept of one notice; a table of figures would fill the index without a bound."""
MOST_GROUPS = 9
"""Groups of a number that are joined: an IBAN in groups of four has nine."""
LONGEST_NUMBER = 40
SHORTEST_TAIL = 6
"""Characters of the shortest end of a number that is found, as one types it without its prefix."""
_LONGEST_NAME = 24
_MOST_NAMES = 8
"""Strings of one object that are tried as parts of one name."""

_UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Burmese
    "\u1780-\u17ff"  # Khmer
    "\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff"  # Hangul
    "\u3005-\u3007\u3021-\u3029\u3031-\u3035\u303b\u3040-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Chinese characters
    "\U00016f00-\U00018cff\U0001aff0-\U0001b2ff\U00020000-\U0003ffff"
)
RUN = rf"[{_UNSPACED}]+(?:-+[{_UNSPACED}]+)*"
WORD = rf"[^\s{_UNSPACED}-]+(?:-+[^\s{_UNSPACED}-]+)*"

_RUN = re.compile(RUN)
_NAME = re.compile(rf"[{_UNSPACED}]+(?:[ -]+[{_UNSPACED}]+)*")
_COMPOUND = re.compile(r"(?<![^\s-])[^\s-]+(?:-+[^\s-]+)+")
"""Begins where a word begins: tried inside one, a long word would cost its length squared."""

_SHORT = r"[^\s\d-]{1,3}"
_FIGURES = r"[^\s\d-]*\d[^\s-]*"
_GROUP = rf"(?:{_SHORT}|{_FIGURES})(?![^\s-])"
_NUMBER = re.compile(
    rf"(?<![^\s-])(?:{_SHORT}[ -]{{1,3}}){{0,{MOST_GROUPS}}}{_FIGURES}(?:[ -]{{1,3}}{_GROUP})*"
)
_WHOLE_GROUP = re.compile(_GROUP)
_DIGIT = re.compile(r"\d")
_GROUPS = re.compile(r"[^ -]+")
_HALVES = re.compile(r"\d+|\D+")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexText:
    """The two columns of the index, and SHA-256 of what they were made of, where that is kept."""

    words: str
    runs: str
    digest: bytes = b""


def index_text(document: Any) -> IndexText:
    """Return what the index holds of a JSON value."""
    containers = list(_strings(document))
    text = fold(FIELD_MARK.join(FIELD_MARK.join(strings) for strings in containers))
    runs: list[str] = []
    if not text.isascii() and _RUN.search(text):
        for run in _RUN.findall(text):
            runs += joined_and_parts(run)
        for strings in containers:
            runs += _names(strings)
        text = _RUN.sub(" ", text)
    joined = [compound.replace(JOINER, "") for compound in _COMPOUND.findall(text)]
    numbers = islice(_numbers(text), MOST_JOINED)
    return IndexText(
        words=" ".join((text, *joined, *dict.fromkeys(numbers))), runs=" ".join(map(pairs, runs))
    )


def pairs(run: str) -> str:
    """Return the overlapping pairs of a run, its last character by itself behind them.

    So a run is found by any two of its characters as a phrase, and by any one as a prefix.
    """
    return " ".join([run[at : at + 2] for at in range(len(run))])


def joined_and_parts(item: str) -> list[str]:
    """Return the parts of an item between its joiners; where there are several, also all in one."""
    parts = [part for part in item.split(JOINER) if part]
    return [*parts, "".join(parts)] if len(parts) > 1 else parts


def is_group(part: str) -> bool:
    """Tell whether `part` may be a group of a number: up to three letters, or with a digit."""
    return _WHOLE_GROUP.fullmatch(part) is not None


def has_digit(text: str) -> bool:
    """Tell whether a digit is in folded text."""
    return _DIGIT.search(text) is not None


def without_zeros(number: str) -> str:
    """Return a number without leading zeros, which are dialling prefixes, if enough is left."""
    stripped = number.lstrip("0")
    return stripped if len(stripped) >= SHORTEST_TAIL else number


def _strings(document: Any) -> Iterator[list[str]]:
    """Yield the strings that stand directly in each object and list of a JSON value."""
    stack = [document]
    while stack:
        value = stack.pop()
        inner: Sequence[Any] = (
            list(value.values())
            if isinstance(value, dict)
            else value
            if isinstance(value, list)
            else [value]
        )
        strings = [one for one in inner if isinstance(one, str)]
        if strings:
            yield strings
        stack += [one for one in inner if isinstance(one, (dict, list))]


def _names(strings: Iterable[str]) -> Iterator[str]:
    """Yield short strings of runs in one, and any two of an object together, in both orders.

    A person is typed as one run (family and given name), and stored as two strings.
    """
    short = (fold(one).strip() for one in strings if len(one) <= _LONGEST_NAME)
    found = [one for one in short if _NAME.fullmatch(one)][:_MOST_NAMES]
    whole = [re.sub("[ -]+", "", one) for one in found]
    yield from (one for one, written in zip(whole, found, strict=True) if " " in written)
    yield from ("".join(two) for two in permutations(whole, 2))


def _numbers(text: str) -> Iterator[str]:
    """Yield other ways to write the numbers of a text: joined, in halves, their ends alone."""
    if not has_digit(text):
        return
    for number in _NUMBER.findall(text):
        groups = _GROUPS.findall(number)
        for group in groups:
            yield from _forms(group)
        for start in range(len(groups)):
            yield from _joined(groups[start : start + MOST_GROUPS])


def _forms(group: str) -> Iterator[str]:
    if not has_digit(group) or len(group) > LONGEST_NUMBER:
        return
    halves = _HALVES.findall(group)
    if len(halves) > 1:
        yield from halves
    for start in range(1, len(group) - SHORTEST_TAIL + 1):
        yield group[start:]


def _joined(groups: Sequence[str]) -> Iterator[str]:
    for count in range(2, len(groups) + 1):
        number = "".join(groups[:count])
        if len(number) > LONGEST_NUMBER:
            return
        if has_digit(number):
            yield number
            if number.startswith("0"):
                yield without_zeros(number)
