# SPDX-License-Identifier: Apache-2.0
"""Tells whether two notices are about the same: the same content, person, or document. Pure.

Names are compared as folded words in any order, numbers without what separates their parts. A
family name alone, or a number of a few characters, is no likeness: too many share it. Finds
nothing itself; `queries` says what to search for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from agency_client.domain.canonical import write_document
from agency_client.domain.folding import FIELD_END, JOINER, fold
from agency_client.domain.searching import LONGEST_QUERY, MOST_WORDS

SHORTEST_NUMBER = 5
MOST_COMPARED = 16
"""Persons and documents of one notice; each is a search of its own."""
_LEAST_NAMES = 2


@dataclass(frozen=True, slots=True)
class Likeness:
    """In what two notices are alike."""

    content: bool = False
    person: bool = False
    document: bool = False

    def __bool__(self) -> bool:
        return self.content or self.person or self.document


@dataclass(frozen=True, slots=True)
class _Person:
    """Folded names, and what is known of the date of birth."""

    names: frozenset[str]
    born: str

    def may_be(self, other: "_Person") -> bool:
        """Tell whether both have the same names and no other date of birth."""
        same = self.names == other.names
        return same and (self.born.startswith(other.born) or other.born.startswith(self.born))


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a notice is about, ready to be compared with others."""

    content: bytes
    persons: tuple[_Person, ...]
    documents: frozenset[str]

    @classmethod
    def of(cls, notice: Mapping[str, Any]) -> "Subject":
        """Return the subject of a notice; of more than `MOST_COMPARED` things the first count."""
        persons = [one for one in _things(notice, "persons") if isinstance(one, Mapping)]
        numbers = [_number(one) for holder in (notice, *persons) for one in _documents(holder)]
        long = (one for one in numbers if len(one) >= SHORTEST_NUMBER)
        return cls(
            content=write_document(notice),
            persons=tuple(islice(_persons(persons), MOST_COMPARED)),
            documents=frozenset(islice(long, MOST_COMPARED)),
        )

    def likeness(self, other: "Subject") -> Likeness:
        """Return in what this subject and another are alike."""
        return Likeness(
            content=self.content == other.content,
            person=any(one.may_be(two) for one in self.persons for two in other.persons),
            document=not self.documents.isdisjoint(other.documents),
        )


def queries(notice: Mapping[str, Any]) -> list[str]:
    """Return what to search for to find whatever a notice may be alike."""
    subject = Subject.of(notice)
    names = (" ".join(sorted(person.names)) for person in subject.persons)
    asked = [*names, *sorted(subject.documents), " ".join(_texts(notice))]
    return [words for one in dict.fromkeys(asked) if (words := _searchable(one))]


def _persons(persons: list[Mapping[str, Any]]) -> Iterator[_Person]:
    for person in persons:
        parts = [person.get("name"), person.get("forename")]
        texts = [one for one in parts if isinstance(one, str)]
        words = _words(" ".join(texts))
        born = person.get("born", "")
        if len(texts) == _LEAST_NAMES and len(words) >= _LEAST_NAMES:
            yield _Person(frozenset(words), born if isinstance(born, str) else "")


def _documents(holder: Mapping[str, Any]) -> Iterator[str]:
    for one in _things(holder, "documents"):
        if isinstance(one, Mapping) and isinstance(one.get("number"), str):
            yield one["number"]


def _things(holder: Mapping[str, Any], key: str) -> list[Any]:
    found = holder.get(key)
    return found if isinstance(found, list) else []


def _number(written: str) -> str:
    return "".join(_words(written))


def _words(text: str) -> list[str]:
    return fold(text).replace(JOINER, " ").replace(FIELD_END, " ").split()


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts of a notice, in order: one that says the same has the words of all."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(inner)


def _searchable(text: str) -> str:
    """Return as many words of a text as one search takes."""
    chosen: list[str] = []
    for word in _words(text[: LONGEST_QUERY * 2])[:MOST_WORDS]:
        if len(" ".join([*chosen, word])) > LONGEST_QUERY:
            break
        chosen.append(word)
    return " ".join(chosen)
