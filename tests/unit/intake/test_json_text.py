# SPDX-License-Identifier: Apache-2.0
"""JSON in every arrangement: right lines, and a bad record holds up no other."""

import json

import pytest

from agency_client.intake.found import MAX_RECORD_BYTES
from tests.unit.intake.inputs import line, read, reasons, record, titles


def test_one_object_over_many_lines_is_one_record() -> None:
    batch = read("\n\n" + json.dumps(record(), indent=2) + "\n")
    assert titles(batch) == [(3, "Farm work")]


def test_an_object_without_indentation_is_one_record() -> None:
    text = json.dumps(record(event={"place": "Patras"})).replace("{", "{\n").replace("}", "\n}")
    assert titles(read(text)) == [(1, "Farm work")]


def test_lines_are_records_and_blank_lines_are_none() -> None:
    batch = read(f"{line(title='a')}\n\n  {line(title='b')}\r\n{line(title='c')}")
    assert titles(batch) == [(1, "a"), (3, "b"), (4, "c")]


def test_objects_over_many_lines_may_follow_each_other() -> None:
    text = "\n".join(json.dumps(record(title=title), indent=1) for title in "abc")
    assert titles(read(text)) == [(1, "a"), (7, "b"), (13, "c")]


def test_objects_may_share_a_line() -> None:
    assert titles(read(f"{line(title='a')} {line(title='b')}\n{line(title='c')}")) == [
        (1, "a"),
        (1, "b"),
        (2, "c"),
    ]


def test_an_array_holds_records_with_their_lines() -> None:
    text = f"\n[\n{line(title='a')},\n\n{line(title='b')}, {line(title='c')}\n]\n"
    assert titles(read(text)) == [(3, "a"), (5, "b"), (5, "c")]


@pytest.mark.parametrize(
    "bad",
    [
        '{"type": "CASE_SUMMARY", "title": "cut of',
        '{"type": "CASE_SUMMARY",',
        '{"type": ',
        '{"type": "CASE_SUMMARY",, "x": 1}',
        "{'type': 'CASE_SUMMARY'}",
        "garbage",
        "42",
        '"text"',
        "[1, 2]",
        "null",
        "{} trailing",
        "}",
    ],
)
def test_a_bad_line_holds_up_no_other(bad: str) -> None:
    batch = read(f"{line(title='a')}\n{bad}\n{line(title='b')}\n")
    assert titles(batch) == [(1, "a"), (3, "b")]
    assert [number for number, _ in reasons(batch)] == [2]


def test_a_comma_between_lines_is_told_and_not_swallowed() -> None:
    batch = read(f"{line()},\n{line()}\n")
    assert titles(batch) == [(2, "Farm work")]
    assert reasons(batch) == [(1, "NOT_JSON")]
    assert "one object a line" in batch.refused[0].advice


def test_a_truncated_array_yields_what_stands_before_the_cut() -> None:
    text = f"[\n{line(title='a')},\n{line(title='b')},\n{line(title='c')[:30]}"
    batch = read(text)
    assert titles(batch) == [(2, "a"), (3, "b")]
    assert reasons(batch) == [(4, "NOT_JSON")]


@pytest.mark.parametrize("tail", ["", ",", ",]", " x]", "] x", "]]"])
def test_an_array_that_does_not_end_well_is_told(tail: str) -> None:
    batch = read(f"[{line()}{tail}")
    assert titles(batch) == [(1, "Farm work")]
    assert reasons(batch) == [(1, "NOT_JSON")]


def test_the_message_says_where_and_not_what() -> None:
    batch = read(line() + '\n{"name": "Anna Invented" "x"}\n')
    message = batch.refused[0].message
    assert message == "is not JSON: expecting ',' delimiter at line 2, column 26"


def test_a_key_that_occurs_twice_is_refused() -> None:
    inner = line()[:-1] + ', "contact": {"office": "a", "office": "b"}}'
    outer = line()[:-1] + ', "tlp": "RED"}'
    batch = read(f"{line()}\n{outer}\n{inner}\n")
    assert reasons(batch) == [(2, "REPEATED_KEY"), (3, "REPEATED_KEY")]
    assert [one.field for one in batch.refused] == ["tlp", "office"]
    assert reasons(read(f"[{outer}, {line()}]")) == [(1, "REPEATED_KEY")]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, 2**53])
def test_a_number_that_is_none_elsewhere_is_refused(number: object) -> None:
    bad = line()[:-1] + f', "assets": [{{"kind": "OTHER", "value": {number}}}]}}'
    batch = read(f"{bad}\n{line()}")
    assert [(one.field, one.reason) for one in batch.refused] == [
        ("assets[0].value", "NUMBER_OUT_OF_RANGE")
    ]
    assert len(batch.drafts) == 1


def test_bytes_that_are_not_utf8_refuse_their_line_only() -> None:
    greek = line(title="Άννα").encode("iso-8859-7", "replace")
    batch = read(b"\n".join([line(title="a").encode(), greek, line(title="b").encode()]))
    assert titles(batch) == [(1, "a"), (3, "b")]
    assert reasons(batch) == [(2, "NOT_UTF8")]
    assert reasons(read(b'{"a": \xff}\n' + line().encode())) == [(1, "NOT_UTF8")]
    assert reasons(read(b"[" + greek + b"]")) == [(1, "NOT_UTF8")]


def test_a_lone_surrogate_is_refused_however_it_is_written() -> None:
    escaped = line(title="x").replace('"x"', '"\\ud800"')
    encoded = line(title="\ud800")
    batch = read(f"{escaped}\n{encoded}\n")
    assert reasons(batch) == [(1, "FORBIDDEN_CHARACTER"), (2, "NOT_UTF8")]


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_nesting_without_end_refuses_the_record(opening: str) -> None:
    bad = '{"x": ' + opening * 5000
    batch = read(f"{bad}\n{line()}\n")
    assert reasons(batch) == [(1, "TOO_DEEP")]
    assert titles(batch) == [(2, "Farm work")]
    assert reasons(read(opening * 5000))[0][1] == "TOO_DEEP"


def test_a_record_that_is_too_large_refuses_itself_only() -> None:
    large = line(summary="x" * MAX_RECORD_BYTES)
    batch = read(f"{large}\n{line()}\n{large[:-1]}\n{line()}\n")
    assert titles(batch) == [(2, "Farm work"), (4, "Farm work")]
    assert reasons(batch) == [(1, "RECORD_TOO_LARGE"), (3, "RECORD_TOO_LARGE")]
    assert reasons(read(f"[{large}]")) == [(1, "RECORD_TOO_LARGE")]
