# SPDX-License-Identifier: Apache-2.0
"""What a typed query asks of the index. Pure.

All words must occur, in any order; the last may be unfinished. Each word is a clause that may be
met in several ways: as its parts, joined, or as a number without the prefix it was typed with.
Not here: the query language of the index (`store.search`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from agency_client.domain.folding import JOINER, fold
from agency_client.domain.indexing import (
    LONGEST_NUMBER,
    MOST_GROUPS,
    RUN,
    WORD,
    has_digit,
    is_group,
    pairs,
    without_zeros,
)
from agency_client.errors import AgencyError, Reason

LONGEST_QUERY = 400
MOST_WORDS = 32
"""Together they keep the work of one query within milliseconds."""
_MOST_CUTS = 6
"""Groups of a number that are tried in every neighbourhood; beyond it only as a whole."""
_INTERNATIONAL = 10
"""From this many digits on, one to three first ones may be a country's code."""

_ITEM = re.compile(rf"(?P<run>{RUN})|{WORD}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """Tokens that follow each other; the last may be unfinished."""

    tokens: tuple[str, ...]
    unfinished: bool = False


Term = tuple[Phrase, ...]
"""Any of these."""
Way = tuple[Term, ...]
"""All of these."""
Clause = tuple[Way, ...]
"""Any of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    text: str
    is_run: bool

    @property
    def is_number(self) -> bool:
        return not self.is_run and all(map(is_group, self.text.split(JOINER)))


def parse_query(typed: str) -> tuple[Clause, ...]:
    """Return the clauses of a query, at least one; all of them must be met.

    Raises:
        AgencyError: INVALID_ARGUMENT; no letter or digit, or more than can be searched for.
    """
    if len(typed) > LONGEST_QUERY:
        raise _invalid(f"a search has at most {LONGEST_QUERY} characters, got {len(typed)}")
    items = [
        _Item(text=re.sub("-+", JOINER, found[0]), is_run=found["run"] is not None)
        for found in _ITEM.finditer(fold(typed))
    ]
    if not items:
        raise _invalid("there is no letter or digit to search for")
    if len(items) > MOST_WORDS:
        raise _invalid(f"a search has at most {MOST_WORDS} words, got {len(items)}")
    clauses = list(_clauses(items))
    if not items[-1].is_run:
        clauses[-1] = tuple(_unfinished(way) for way in clauses[-1])
    return tuple(clauses)


def _invalid(message: str) -> AgencyError:
    return AgencyError(Reason.INVALID_ARGUMENT, message, field="words")


def _clauses(items: Sequence[_Item]) -> Iterator[Clause]:
    for is_number, group in groupby(items, key=lambda item: item.is_number):
        together = list(group)
        parts = [part for item in together for part in item.text.split(JOINER)]
        if is_number and has_digit("".join(parts)) and len(parts) <= MOST_GROUPS:
            yield _number_clause(parts)
        else:
            yield from map(_item_clause, together)


def _item_clause(item: _Item) -> Clause:
    term = _run_term if item.is_run else _word_term
    parts = item.text.split(JOINER)
    apart = tuple(map(term, parts))
    return (apart, (term("".join(parts)),)) if len(parts) > 1 else (apart,)


def _number_clause(parts: Sequence[str]) -> Clause:
    """Return the ways to find groups of a number: each for itself, or neighbours joined."""
    ways = [tuple(map(_word_term, parts))]
    for start in range(len(parts)):
        for end in range(start + 2, len(parts) + 1):
            joined = "".join(parts[start:end])
            whole = end - start == len(parts)
            if (
                has_digit(joined)
                and len(joined) <= LONGEST_NUMBER
                and (whole or len(parts) <= _MOST_CUTS)
            ):
                before, after = parts[:start], parts[end:]
                ways.append(tuple(map(_word_term, (*before, joined, *after))))
    return tuple(ways)


def _word_term(word: str) -> Term:
    forms = {word: None}
    if has_digit(word):
        forms[without_zeros(word)] = None
        if len(word) >= _INTERNATIONAL and word.isdecimal():
            plain = word.lstrip("0")
            forms |= {plain[code:]: None for code in (1, 2, 3) if len(plain) >= _INTERNATIONAL}
    return tuple(Phrase(tokens=(form,)) for form in forms)


def _run_term(run: str) -> Term:
    if len(run) == 1:
        return (Phrase(tokens=(run,), unfinished=True),)
    return (Phrase(tokens=tuple(pairs(run).split(" ")[:-1])),)


def _unfinished(way: Way) -> Way:
    """Let the last term of a way be the beginning of a word; the whole word still ranks higher."""
    *before, last = way
    return (*before, (*last, *(replace(phrase, unfinished=True) for phrase in last)))
