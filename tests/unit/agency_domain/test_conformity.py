# SPDX-License-Identifier: Apache-2.0
"""The fast check knows exactly the keywords that the schemas use."""

import pytest

from agency_client.domain.conformity import compiled
from agency_client.domain.explaining import explain
from agency_client.domain.forms import form_of
from agency_client.domain.schema_form import Schema
from agency_client.domain.schemas import NOTICE_TYPES, schema_of
from tests.unit.agency_domain.samples import record


@pytest.mark.parametrize("name", NOTICE_TYPES)
def test_what_conforms_fast_conforms(name: str) -> None:
    schema = schema_of(name)
    assert compiled(schema)(record(name))
    assert explain(record(name), schema, name) is None


@pytest.mark.parametrize("keyword", ["oneOf", "not", "dependentRequired", "patternProperties"])
def test_a_keyword_that_it_does_not_know_is_refused(keyword: str) -> None:
    with pytest.raises(KeyError):
        compiled({"$defs": {}, keyword: {}})


def test_a_form_is_made_once() -> None:
    assert form_of("RED") is form_of("RED")
    with pytest.raises(KeyError):
        form_of("red")


_ODD: list[tuple[Schema, object]] = [
    ({"type": "integer"}, True),
    ({"type": "integer"}, 1.5),
    ({"type": "number"}, False),
    ({"type": "string", "format": "date"}, "2026-02-30"),
    ({"type": "array", "uniqueItems": True}, ["a", "a"]),
    ({"enum": ["a"]}, ["a"]),
    ({"const": "a"}, {"a": 1}),
    ({"maxProperties": 1}, {"a": 1, "b": 2}),
    ({"allOf": [{"minLength": 2}]}, "a"),
    ({"if": {"const": "a"}, "then": {"minLength": 2}}, "a"),
    ({"type": "array", "contains": {"const": "a"}}, []),
]


@pytest.mark.parametrize(("schema", "value"), _ODD)
def test_each_keyword_refuses(schema: Schema, value: object) -> None:
    assert not compiled({"$defs": {}, **schema})(value)


@pytest.mark.parametrize(
    "schema",
    [
        {"maxProperties": 1},
        {"allOf": [{"minLength": 2}]},
        {"pattern": "^x$"},
        {"required": ["a"]},
        {"contains": {"const": "a"}},
        {"format": "date"},
    ],
)
def test_a_keyword_is_silent_about_values_of_another_type(schema: Schema) -> None:
    assert compiled({"$defs": {}, **schema})(7)
