# SPDX-License-Identifier: Apache-2.0
"""Whatever comes in: drafts or refusals, never an exception; and the fast check never errs."""

import copy
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agency_client.domain.conformity import compiled
from agency_client.domain.explaining import explain
from agency_client.domain.flaws import Flaw, FlawReason, RecordError
from agency_client.domain.notices import Draft, draft_of
from agency_client.domain.schemas import NOTICE_TYPES, schema_of
from agency_client.domain.tidying import tidy
from agency_client.intake import Batch, read_records
from agency_client.intake.interpol_shape import COLOURS, interpol_schema
from tests.unit.agency_domain.samples import MINIMAL, NOW, TOPIC, record
from tests.unit.intake.inputs import RECORDS

TEXTS = st.text(max_size=20)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
KEYS = TEXTS | st.sampled_from(sorted({key for one in MINIMAL.values() for key in one}))
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def _is_told_well(batch: Batch) -> None:
    for one in batch.refused:
        assert one.line >= 1
        assert one.reason in set(FlawReason)
        assert one.message
        assert (one.field + one.message + one.advice).isprintable()
        assert len(one.message) < 1000
    for draft in batch.drafts:
        assert draft.line >= 1
        json.dumps(draft.draft.notice, allow_nan=False).encode()


def _read(data: bytes) -> Batch:
    batch = read_records(data, topic=TOPIC, to=("ro-pol",), now=NOW)
    _is_told_well(batch)
    return batch


@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b"\xef\xbb\xbf")
@example(b"{" * 5000)
@example(b"[" * 5000)
@example(b"- " * 5000)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    batch = _read(data)
    assert batch.drafts or batch.refused


@given(st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_text_is_read_or_refused(data: bytes) -> None:
    batch = _read(data)
    assert batch.drafts or batch.refused


@given(st.lists(st.sampled_from([*"[]{}:,-\n \"'#&*!|>?%@`", "---", "a", "1"]), max_size=60))
def test_any_structure_of_yaml_or_json_is_read_or_refused(pieces: list[str]) -> None:
    batch = _read("".join(pieces).encode())
    assert batch.drafts or batch.refused


@given(ANY_JSON)
def test_any_json_value_is_read_or_refused(value: Any) -> None:
    batch = _read(json.dumps(value).encode())
    assert batch.drafts or batch.refused


def _flaw(value: object) -> Flaw | Draft:
    try:
        return draft_of(value, now=NOW, topic=TOPIC, to=["ro-pol"])
    except RecordError as error:
        return error.flaw


@given(ANY_JSON)
def test_any_value_is_a_draft_or_refused(value: Any) -> None:
    assert isinstance(_flaw(value), (Flaw, Draft))


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        below = [place for key in value for place in _places(value[key], (*path, key))]
        return [path, *below]
    if isinstance(value, list):
        below = [place for n, item in enumerate(value) for place in _places(item, (*path, n))]
        return [path, *below]
    return [path]


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = copy.copy(value)
    changed[path[0]] = _replaced(value[path[0]], path[1:], new)
    return changed


def _schema(sample: dict[str, Any]) -> dict[str, Any]:
    return interpol_schema(sample["notice"]) if "notice" in sample else schema_of(sample["type"])


ALL_SCHEMAS = [*map(schema_of, NOTICE_TYPES), *map(interpol_schema, COLOURS)]
CHECKS = {schema["$id"]: compiled(schema) for schema in ALL_SCHEMAS}
SAMPLES = [record(name) for name in MINIMAL] + RECORDS[:40]


@given(st.data())
def test_any_sample_with_anything_anywhere_is_a_draft_or_refused(data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from(SAMPLES))
    place = data.draw(st.sampled_from(_places(sample)))
    changed = _replaced(sample, place, data.draw(ANY_JSON))
    _read(json.dumps(changed).encode())


@given(st.data())
@settings(max_examples=300)
def test_the_fast_check_and_the_published_schema_agree(data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from(SAMPLES))
    schema = _schema(sample)
    place = data.draw(st.sampled_from(_places(sample)))
    changed = _replaced(sample, place, data.draw(ANY_JSON))
    try:
        tidied = tidy(changed)
    except RecordError:
        return
    flaw = explain(tidied, schema, schema["title"])
    assert CHECKS[schema["$id"]](tidied) is (flaw is None)


@pytest.mark.parametrize("name", [*NOTICE_TYPES, *COLOURS])
def test_the_schema_alone_accepts_nothing_with_an_unknown_field(name: str) -> None:
    schema = interpol_schema(name) if name in COLOURS else schema_of(name)
    sample = next(one for one in SAMPLES if one.get("notice") == name or one.get("type") == name)
    tidied = tidy({**sample, "unknown": 1})
    assert not Draft202012Validator(schema).is_valid(tidied)
    assert not compiled(schema)(tidied)


@given(st.lists(st.sampled_from(["good", "bad", "cut", "greek"]), max_size=12))
def test_every_good_line_among_bad_ones_gets_in_with_its_number(kinds: list[str]) -> None:
    good = json.dumps(record()).encode()
    lines = {
        "good": good,
        "bad": b'{"type": "CASE_SUMMARY"}',
        "cut": good[:-10],
        "greek": "{Ά}".encode("iso-8859-7"),
    }
    batch = _read(good + b"\n" + b"\n".join(lines[kind] for kind in kinds))
    wanted = [1, *(number for number, kind in enumerate(kinds, 2) if kind == "good")]
    assert [one.line for one in batch.drafts] == wanted
    assert len(batch.refused) == len(kinds) - len(wanted) + 1
