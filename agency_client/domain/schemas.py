# SPDX-License-Identifier: Apache-2.0
"""The published JSON Schemas (2020-12) of records, one a notice type, and the words for codes.

Puts `domain.parts` and `domain.notice_types` together; checks nothing (`domain.conformity`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from agency_client.domain import codes, notice_types
from agency_client.domain.parts import DEFS
from agency_client.domain.schema_form import Schema, ref_name, thing

NOTICE_TYPES: tuple[str, ...] = tuple(notice_types.NOTICE_TYPES)
DIALECT = "https://json-schema.org/draft/2020-12/schema"


@cache
def schema_of(notice_type: str) -> Schema:
    """Return the schema that records of a type are checked against; do not change it.

    Raises:
        KeyError: there is no such type.
    """
    kind = notice_types.NOTICE_TYPES[notice_type]
    properties: dict[str, Schema] = {
        "type": {"enum": [notice_type], "description": "Notice type."},
        **notice_types.MARKING,
        **notice_types.ADDRESSING,
        **notice_types.COMMON,
        **kind.fields,
    }
    whole = thing(
        codes.NOTICE_TYPES[notice_type],
        properties,
        required=("type", "tlp", *kind.required),
        rules=kind.rules,
    )
    return with_defs(f"notice:{notice_type}", notice_type, whole)


def with_defs(name: str, title: str, whole: Schema) -> Schema:
    """Return a schema made complete: what it is called, and the shared kinds that it uses."""
    used: dict[str, Schema] = {}
    _gather(whole, used)
    return {
        "$schema": DIALECT,
        "$id": f"urn:tocsin:{name}:1",
        "title": title,
        **whole,
        "$defs": dict(sorted(used.items())),
    }


def _gather(schema: Any, used: dict[str, Schema]) -> None:
    for piece in _pieces(schema):
        name = ref_name(piece)
        if name and name not in used:
            used[name] = DEFS[name]
            _gather(DEFS[name], used)


def _pieces(schema: Any) -> Iterator[Schema]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from _pieces(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _pieces(value)


@dataclass(frozen=True, slots=True)
class Words:
    """What the codes at one place of a notice say, and the fields below it in reading order."""

    table: codes.CodeTable = field(default_factory=dict)
    fields: Mapping[str, "Words"] = field(default_factory=dict)

    def below(self, key: str) -> "Words":
        """Return the words for a field; none for one that is not known."""
        return self.fields.get(key, NO_WORDS)


NO_WORDS = Words()


@cache
def words_of(notice_type: str) -> Words:
    """Return the words for the codes of a notice of this type; none for a type we do not know."""
    if notice_type not in notice_types.NOTICE_TYPES:
        return NO_WORDS
    return _words(schema_of(notice_type))


def grade_words(grading: Mapping[str, Any]) -> Words:
    """Return the words for a grade: what its codes say depends on the scheme that it names."""
    parts = codes.GRADINGS.get(str(grading.get("scheme")), {})
    return Words(fields={"scheme": NO_WORDS} | {part: Words(one) for part, one in parts.items()})


def _words(schema: Schema) -> Words:
    if schema.get("type") == "array":
        return _words(schema["items"])
    name = ref_name(schema)
    if name == "grading":
        return NO_WORDS
    table = codes.TABLES.get(name) or codes.OPEN_TABLES.get(name)
    if table is not None:
        return Words(table)
    if name:
        return _words(DEFS[name])
    return Words(fields={key: _words(one) for key, one in schema.get("properties", {}).items()})
