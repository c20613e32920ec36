# SPDX-License-Identifier: Apache-2.0
"""The published schemas: valid JSON Schema 2020-12, whole, closed, and described."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agency_client.domain import codes
from agency_client.domain.schema_form import ref_name
from agency_client.domain.schemas import NO_WORDS, NOTICE_TYPES, grade_words, schema_of, words_of
from agency_client.intake.interpol_shape import COLOURS, interpol_schema
from tests.unit.agency_domain.samples import record

ALL = [pytest.param(schema_of(name), id=name) for name in NOTICE_TYPES]
ALL += [pytest.param(interpol_schema(name), id=f"interpol-{name}") for name in COLOURS]


def _pieces(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for key, value in schema.items():
            if key != "examples":
                yield from _pieces(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _pieces(value)


def test_there_is_one_for_every_notice_type() -> None:
    assert tuple(codes.NOTICE_TYPES) == NOTICE_TYPES
    assert len({schema_of(name)["$id"] for name in NOTICE_TYPES}) == 14


def test_there_is_none_for_another_type() -> None:
    with pytest.raises(KeyError):
        schema_of("UN_SPECIAL")


@pytest.mark.parametrize("schema", ALL)
def test_it_is_valid_json_schema(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema


@pytest.mark.parametrize("schema", ALL)
def test_every_object_in_it_is_closed(schema: dict[str, Any]) -> None:
    objects = [piece for piece in _pieces(schema) if piece.get("type") == "object"]
    assert objects
    assert all(piece["additionalProperties"] is False for piece in objects)


@pytest.mark.parametrize("schema", ALL)
def test_every_field_in_it_is_described(schema: dict[str, Any]) -> None:
    for piece in _pieces(schema):
        if piece.get("type") == "object":
            for name, field in piece["properties"].items():
                assert field.get("description"), name


@pytest.mark.parametrize("schema", ALL)
def test_every_list_and_text_in_it_is_bounded(schema: dict[str, Any]) -> None:
    for piece in _pieces(schema):
        if piece.get("type") == "array":
            assert piece["maxItems"] <= 1000
        if piece.get("type") == "string" and "pattern" not in piece and "maxLength" not in piece:
            assert piece["description"].startswith(("Grade", "5x5x5", "Colour"))


@pytest.mark.parametrize("schema", ALL)
def test_it_holds_the_shared_kinds_that_it_uses_and_no_others(schema: dict[str, Any]) -> None:
    used = {ref_name(piece) for piece in _pieces(schema)} - {""}
    assert used == set(schema["$defs"])


@pytest.mark.parametrize("schema", ALL)
def test_every_example_in_it_conforms(schema: dict[str, Any]) -> None:
    for piece in _pieces(schema):
        for example in piece.get("examples", ()):
            validator = Draft202012Validator({**piece, "$defs": schema["$defs"]})
            assert validator.is_valid(example), (piece, example)


@pytest.mark.parametrize("name", NOTICE_TYPES)
def test_the_smallest_record_conforms_for_any_validator(name: str) -> None:
    Draft202012Validator(schema_of(name)).validate(record(name))


@pytest.mark.parametrize("name", NOTICE_TYPES)
def test_a_record_without_something_required_does_not_conform(name: str) -> None:
    schema = schema_of(name)
    validator = Draft202012Validator(schema)
    for field in schema["required"]:
        lacking = {key: value for key, value in record(name).items() if key != field}
        assert not validator.is_valid(lacking), field


def test_codes_have_words_where_they_stand() -> None:
    person = words_of("RED").below("persons")
    assert person.below("status").table["WANTED"] == "wanted for arrest"
    assert person.below("nationalities").table["NO"] == "Norway"
    assert person.below("documents").below("kind").table["PASSPORT"] == "passport"
    assert words_of("SILVER").below("assets").below("kind").table["VESSEL"] == "vessel"
    assert person.below("name").table == {}


def test_a_type_or_field_that_is_not_known_has_no_words() -> None:
    assert words_of("SOMETHING_NEWER") is NO_WORDS
    assert words_of("RED").below("novelty") is NO_WORDS


def test_the_words_of_a_grade_depend_on_its_scheme() -> None:
    assert grade_words({"scheme": "4x4"}).below("source").table["X"] == "cannot be assessed"
    assert grade_words({"scheme": "5x5x5"}).below("source").table["E"] == "untested"
    assert grade_words({"scheme": ["4x4"]}).below("source") is NO_WORDS
