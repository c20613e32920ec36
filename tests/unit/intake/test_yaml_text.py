# SPDX-License-Identifier: Apache-2.0
"""YAML with the scalars of JSON: Norway is a country, and a file cannot grow or run."""

from typing import Any

import pytest

from agency_client.intake import yaml_text
from agency_client.intake.found import MAX_RECORD_BYTES
from agency_client.intake.yaml_text import read_yaml
from tests.unit.intake.inputs import line, read, reasons, titles

_RECORD = "type: CASE_SUMMARY\ntlp: AMBER\ntitle: {}\nsummary: s\n"


def _yaml(title: str = "Farm work", more: str = "") -> str:
    return _RECORD.format(title) + more


def _item(title: str) -> str:
    first, *rest = _yaml(title).splitlines(keepends=True)
    return "- " + first + "".join(f"  {one}" for one in rest)


def test_a_document_is_a_record() -> None:
    assert titles(read(_yaml())) == [(1, "Farm work")]


def test_each_document_is_a_record_and_empty_ones_are_none() -> None:
    text = f"%YAML 1.2\n# two\n---\n{_yaml('a')}---\n# nothing\n---\n{_yaml('b')}...\n"
    assert titles(read(text)) == [(4, "a"), (11, "b")]


def test_a_list_holds_records_with_their_lines() -> None:
    assert titles(read(f"# list\n{_item('a')}\n{_item('b')}")) == [(2, "a"), (7, "b")]


def test_json_after_a_marker_is_yaml() -> None:
    assert titles(read(f"--- {line()}\n---\n{line(title='b')}\n")) == [(1, "Farm work"), (3, "b")]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("NO", "NO"),
        ("no", "no"),
        ("ON", "ON"),
        ("yes", "yes"),
        ("y", "y"),
        ("12:30:00", "12:30:00"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("007", "007"),
        ("+302100000000", "+302100000000"),
        (".5", ".5"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2026-11-24", "2026-11-24"),
        ("2026-11-24 06:00:00", "2026-11-24 06:00:00"),
        ("=", "="),
        ("<<", "<<"),
        ("'true'", "true"),
        ('"1"', "1"),
        ("!!str 1", "1"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("|\n  a\n  b\n", "a\nb\n"),
        (">\n  a\n  b\n", "a b\n"),
    ],
)
def test_a_scalar_means_what_it_means_in_json(written: str, value: Any) -> None:
    (found,) = read_yaml(f"field: {written}\n")
    assert found.value == {"field": value}
    assert type(found.value["field"]) is type(value)


def test_norway_can_be_excluded_without_quotes() -> None:
    batch = read(_yaml(more="not_for: [NO, ON]\n"))
    assert [(one.field, one.reason) for one in batch.refused] == [("not_for[1]", "UNKNOWN_CODE")]
    (draft,) = read(_yaml(more="not_for: [NO]\n")).drafts
    assert draft.draft.marking.not_for == ("NO",)


def test_a_text_that_looks_like_a_number_is_told_how_to_be_written() -> None:
    (refused,) = read(_yaml(more="reference: 2026\n")).refused
    assert (refused.field, refused.reason) == ("reference", "WRONG_TYPE")
    assert "quotes" in refused.advice


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("a: &x [1]\nb: *x\n", "ALIAS"),
        ("*x : 1\n", "ALIAS"),
        ("a: {<<: *x}\n", "ALIAS"),
        ("a: !!python/object/apply:os.system [x]\n", "NOT_YAML"),
        ("a: !!binary aGFsbG8=\n", "NOT_YAML"),
        ("--- !custom\na: 1\n", "NOT_YAML"),
        ("a: !!set {x}\n", "NOT_YAML"),
        ("a: ! 1\n", "NOT_YAML"),
        ("a: 1\na: 2\n", "REPEATED_KEY"),
        ("a: {b: 1, 'b': 2}\n", "REPEATED_KEY"),
        ("? [a, b]\n: 1\n", "NOT_YAML"),
        ("a:\n\tb: 1\n", "NOT_YAML"),
        ("a: [1\n", "NOT_YAML"),
        ("a: 'x\n", "NOT_YAML"),
        ("a: @x\n", "NOT_YAML"),
        ('a: "\\ud800"\n', "NOT_YAML"),
        ("a: \x01\n", "NOT_YAML"),
        ("a: " + "[" * 100 + "]" * 100 + "\n", "TOO_DEEP"),
        ("a: " + "[" * 100_000 + "\n", "TOO_DEEP"),
        ("a: " + "{b: " * 50_000 + "\n", "TOO_DEEP"),
        (f"a: {'x' * MAX_RECORD_BYTES}\n", "RECORD_TOO_LARGE"),
        ("just some text\n", "NOT_AN_OBJECT"),
        ("42\n", "NOT_AN_OBJECT"),
    ],
)
def test_a_bad_document_is_refused_and_holds_up_no_other(bad: str, reason: str) -> None:
    between = bad if bad.startswith("---") else f"---\n{bad}"
    batch = read(f"{_yaml('a')}{between}---\n{_yaml('b')}")
    assert [title for _, title in titles(batch)] == ["a", "b"]
    assert [told for _, told in reasons(batch)] == [reason]


def test_a_bad_item_of_a_list_holds_up_no_other() -> None:
    batch = read(f"{_item('a')}- x: &a 1\n  y: *a\n- x: 1\n  x: 2\n- 7\n{_item('b')}")
    assert titles(batch) == [(1, "a"), (10, "b")]
    assert reasons(batch) == [(5, "ALIAS"), (7, "REPEATED_KEY"), (9, "NOT_AN_OBJECT")]


def test_a_truncated_list_yields_what_stands_before_the_cut() -> None:
    batch = read(f'{_item("a")}{_item("b")}- type: CASE_SUMMARY\n  title: "cut of')
    assert titles(batch) == [(1, "a"), (5, "b")]
    assert reasons(batch) == [(9, "NOT_YAML")]


def test_a_record_without_end_ends_its_document_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_text, "MAX_RECORD_BYTES", 100)
    monkeypatch.setattr(yaml_text, "_LONGEST", 1000)
    endless = "- x: [" + "y, " * 1000 + "]\n"
    batch = read(f"{_item('a')}{endless}{_item('b')}---\n{_yaml('c')}")
    assert [title for _, title in titles(batch)] == ["a", "c"]
    assert reasons(batch) == [(5, "RECORD_TOO_LARGE")]


def test_a_large_record_in_a_list_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_text, "MAX_RECORD_BYTES", 100)
    large = "- x: {y: [" + "y, " * 100 + "]}\n"
    batch = read(f"{_item('a')}{large}{_item('b')}")
    assert titles(batch) == [(1, "a"), (6, "b")]
    assert reasons(batch) == [(5, "RECORD_TOO_LARGE")]


def test_nothing_much_is_told_apart_from_something() -> None:
    assert reasons(read("# x\n \n---\n...\n" * 10_000)) == [(1, "EMPTY_INPUT")]


def test_the_message_says_where_and_not_what() -> None:
    (refused,) = read("name: Anna Invented\nborn: [1990\n").refused
    assert "line 3" in refused.message
    assert "Anna" not in refused.message


def test_bytes_that_are_not_utf8_refuse_their_document_only() -> None:
    bad = _yaml("Άννα").encode("iso-8859-7")
    batch = read(_yaml("a").encode() + b"---\n" + bad + b"---\n" + _yaml("b").encode())
    assert titles(batch) == [(1, "a"), (11, "b")]
    assert reasons(batch) == [(8, "NOT_UTF8")]


def test_an_escaped_character_that_turns_text_is_refused() -> None:
    batch = read(_yaml('"a\\u202eb"'))
    assert [(one.field, one.reason) for one in batch.refused] == [("title", "FORBIDDEN_CHARACTER")]
