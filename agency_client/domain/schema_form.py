# SPDX-License-Identifier: Apache-2.0
"""How the schemas of notices are written: small pieces of JSON Schema 2020-12 with a description.

Only the keywords that `domain.conformity` knows are written here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]

_REF = "#/$defs/"


def ref(name: str, description: str, *examples: Any) -> Schema:
    """Return a field whose value is of a shared kind."""
    field: Schema = {"$ref": _REF + name, "description": description}
    return {**field, "examples": list(examples)} if examples else field


def ref_name(schema: Mapping[str, Any]) -> str:
    """Return the name of the shared kind that a piece refers to, or an empty text."""
    return str(schema.get("$ref", "")).removeprefix(_REF)


def listing(name: str, description: str, *examples: Any, most: int = 32) -> Schema:
    """Return a field that lists codes or other texts of a shared kind, each once."""
    field: Schema = {
        "type": "array",
        "description": description,
        "items": {"$ref": _REF + name},
        "maxItems": most,
        "uniqueItems": True,
    }
    return {**field, "examples": [list(examples)]} if examples else field


def several(name: str, description: str, *, least: int = 0, most: int = 32) -> Schema:
    """Return a field that lists things of a shared kind."""
    return {
        "type": "array",
        "description": description,
        "items": {"$ref": _REF + name},
        "minItems": least,
        "maxItems": most,
    }


def flag(description: str) -> Schema:
    """Return a field that is true or false."""
    return {"type": "boolean", "description": description}


def number(description: str, least: float, most: float, *, whole: bool = False) -> Schema:
    """Return a field that is a number within bounds."""
    kind = "integer" if whole else "number"
    return {"type": kind, "description": description, "minimum": least, "maximum": most}


def thing(
    description: str,
    properties: Mapping[str, Schema],
    *,
    required: Sequence[str] = (),
    least: int = 1,
    rules: Sequence[Schema] = (),
) -> Schema:
    """Return an object that holds these fields and no others.

    Unknown and missing fields stand first, because they are told first.
    """
    schema: Schema = {
        "type": "object",
        "description": description,
        "additionalProperties": False,
        "required": list(required),
        "minProperties": least,
        "properties": dict(properties),
    }
    return {**schema, "allOf": list(rules)} if rules else schema


def when(field: str, value: str, then: Schema) -> Schema:
    """Return the rule that `then` holds where `field` is `value`."""
    return {
        "if": {"properties": {field: {"const": value}}, "required": [field]},
        "then": then,
    }
