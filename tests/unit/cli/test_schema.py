# SPDX-License-Identifier: Apache-2.0
"""`tocsin schema` prints what records are checked against."""

import json

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from agency_client.cli.schema import schema
from agency_client.domain.schemas import NOTICE_TYPES, schema_of


@pytest.mark.parametrize("name", [*NOTICE_TYPES, "yellow", "INTERPOL-RED", "interpol-silver"])
def test_it_prints_a_schema_that_any_validator_takes(name: str) -> None:
    result = CliRunner().invoke(schema, [name])
    assert result.exit_code == 0
    Draft202012Validator.check_schema(json.loads(result.stdout))


def test_as_data_it_says_which_one_it_is() -> None:
    result = CliRunner().invoke(schema, ["red", "--json"])
    document = json.loads(result.stdout)
    assert document["schema"] == "tocsin.json-schema.v1"
    assert document["type"] == "RED"
    assert document["json_schema"] == schema_of("RED")


def test_without_a_type_it_lists_them() -> None:
    result = CliRunner().invoke(schema, [])
    assert [line.split()[0] for line in result.stdout.splitlines()] == list(NOTICE_TYPES)
    assert "wanted person" in result.stdout
    as_data = json.loads(CliRunner().invoke(schema, ["--json"]).stdout)
    assert list(as_data["types"]) == list(NOTICE_TYPES)


def test_a_type_that_does_not_exist_is_usage() -> None:
    result = CliRunner().invoke(schema, ["UN_SPECIAL"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "missing_person" in result.stderr.lower()
