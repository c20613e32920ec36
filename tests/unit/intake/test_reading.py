# SPDX-License-Identifier: Apache-2.0
"""Which form an input has is told from its content; what cannot be read at all is refused."""

import codecs
import json
import time
from pathlib import Path

import pytest

from agency_client.intake import MAX_INPUT_BYTES, read_records, reading
from tests.unit.agency_domain import samples
from tests.unit.intake.inputs import EXAMPLES, TOPIC, line, read, reasons, titles

YAML = "type: CASE_SUMMARY\ntlp: AMBER\ntitle: Farm work\nsummary: s\n"


@pytest.mark.parametrize(
    "text",
    [
        line(),
        f"[{line()}]",
        f"\n {line()}",
        YAML,
        f"---\n{YAML}",
        "# comment\n" + YAML,
        "- " + line(),
    ],
)
def test_the_form_is_told_from_the_content(text: str) -> None:
    assert [title for _, title in titles(read(text))] == ["Farm work"]


@pytest.mark.parametrize("text", [line(), YAML])
def test_a_byte_order_mark_is_no_part_of_the_text(text: str) -> None:
    assert titles(read(codecs.BOM_UTF8 + text.encode())) == [(1, "Farm work")]


@pytest.mark.parametrize("name", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_another_unicode_encoding_is_refused_by_name(name: str) -> None:
    batch = read(line().encode(name))
    assert batch.drafts == ()
    assert reasons(batch) == [(1, "NOT_UTF8")]
    assert "UTF-8" in batch.refused[0].advice


@pytest.mark.parametrize(
    "text", ["", "\n \t\r\n", "[]", "# only a comment\n", "---\n---\n", "\ufeff"]
)
def test_an_input_without_a_record_is_refused(text: str) -> None:
    assert reasons(read(text)) == [(1, "EMPTY_INPUT")]


def test_an_input_that_is_too_large_is_refused_unread() -> None:
    batch = read(line().encode() + b"\n" * MAX_INPUT_BYTES)
    assert batch.drafts == ()
    assert reasons(batch) == [(1, "INPUT_TOO_LARGE")]


def test_more_records_than_memory_should_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_RECORDS", 3)
    batch = read("\n".join([line()] * 5))
    assert len(batch.drafts) == 3
    assert reasons(batch) == [(4, "TOO_MANY_RECORDS")]


def test_each_refused_record_is_told_once() -> None:
    batch = read(f"{line(tlp='x', nonsense=1, title='')}\n{line()}\n")
    assert len(batch.drafts) == 1
    assert len(batch.refused) == 1


def test_a_refusal_says_where_why_and_what_to_do() -> None:
    (refused,) = read(f"{line()}\n{line(tpl='x')}\n").refused
    assert (refused.line, refused.field, refused.reason) == (2, "tpl", "UNKNOWN_FIELD")
    assert refused.message == 'there is no field "tpl"; did you mean "tlp"?'
    assert refused.advice


def test_the_recipients_of_the_command_are_for_records_that_name_nobody() -> None:
    batch = read(f"{line()}\n{line(to=['ro-pol'])}\n", to=("bg-pol",))
    assert [one.draft.to for one in batch.drafts] == [("bg-pol",), ("ro-pol",)]


def test_the_clock_is_read_where_no_time_is_given() -> None:
    before = time.time_ns() // 1_000_000
    (found,) = read_records(line().encode(), topic=TOPIC, to=()).drafts
    assert found.draft.valid_from <= before < found.draft.expires_at


def test_one_of_each_type_is_read_from_every_form() -> None:
    records = [samples.record(name) for name in samples.MINIMAL]
    lines = "\n".join(json.dumps(one) for one in records)
    documents = "\n".join(f"--- {json.dumps(one)}" for one in records)
    for text in (lines, json.dumps(records), json.dumps(records, indent=1), documents):
        batch = read(text)
        assert batch.refused == ()
        assert [one.draft.marking.type for one in batch.drafts] == list(samples.MINIMAL)


_RECORDS = {".json", ".jsonl", ".yaml"}


@pytest.mark.parametrize(
    "path",
    sorted(path for path in EXAMPLES.parent.iterdir() if path.suffix in _RECORDS),
    ids=lambda path: path.name,
)
def test_every_example_can_be_published_as_it_is(path: Path) -> None:
    batch = read(path.read_bytes(), to=("hr-pro",))
    assert batch.refused == ()
    assert {one.draft.marking.mode for one in batch.drafts} == {"EXERCISE"}
