# SPDX-License-Identifier: Apache-2.0
"""What is printed cannot steer a terminal or mislead a reader."""

import io
import json
import sys

import pytest

from agency_client.cli.output import (
    Printer,
    as_json,
    columns,
    counted,
    instant,
    safe,
    width_of,
)


@pytest.mark.parametrize(
    ("untrusted", "shown"),
    [
        ("\x1b[31mred", "\\u001b[31mred"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u2066b\u2069", "a\\u2066b\\u2069"),
        ("line\r\nbreak", "line\\u000d\\u000abreak"),
        ("\u200fright", "\\u200fright"),
        ("\x9b2J", "\\u009b2J"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("\u2028", "\\u2028"),
    ],
)
def test_a_character_that_could_steer_is_escaped(untrusted: str, shown: str) -> None:
    assert safe(untrusted) == shown


@pytest.mark.parametrize("name", ["Παπαδόπουλος", "王伟", "محمد", "สิริรัตน์", "می‌خواهم", "Nguyễn"])
def test_names_in_every_script_stay_as_they_are(name: str) -> None:
    assert safe(name) == name


def test_json_escapes_the_same_and_reads_back() -> None:
    document = {"name": "a\u202eb", "text": "one\ntwo\x1b", "tag": "\U000e0041", "αβγ": "王"}
    text = as_json(document, indent=2)
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert "王" in text
    assert json.loads(text) == document


def test_json_for_a_narrow_alphabet_is_ascii_and_reads_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="iso-8859-7"))
    document = {"name": "Άννα", "emoji": "🔔", "accent": "é"}
    assert as_json(document).isascii()
    assert json.loads(as_json(document)) == document


@pytest.mark.parametrize(("number", "told"), [(0, "0 notices"), (1, "1 notice"), (2, "2 notices")])
def test_one_is_one(number: int, told: str) -> None:
    assert counted(number, "notice") == told


def test_a_document_names_its_schema_and_context(capsys: pytest.CaptureFixture[str]) -> None:
    Printer(as_json=True, context={"profile": "p"}).document("inbox", {"notices": []})
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {
        "schema": "tocsin.inbox.v1",
        "profile": "p",
        "notices": [],
    }
    assert printed.err == ""


def test_an_item_of_a_stream_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Printer(as_json=True).item("notice", {"text": "one\ntwo"})
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_messages_go_to_stderr_alone(capsys: pytest.CaptureFixture[str]) -> None:
    Printer(as_json=True).say("told")
    assert capsys.readouterr() == ("", "told\n")


def test_rows_are_tab_separated_where_stdout_is_no_terminal() -> None:
    assert columns([("a\tb", "c")], head=("X", "Y")) == ["a\\u0009b\tc"]


def test_width_counts_wide_and_combining_characters() -> None:
    assert width_of("王伟") == 4
    assert width_of("e\u0301") == 1


def test_no_instant_is_an_empty_text() -> None:
    assert instant(0) == ""
    assert instant(1_795_500_000_000).endswith("Z")
