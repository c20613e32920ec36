# SPDX-License-Identifier: Apache-2.0
"""`tocsin help` answers about every command, and says what was meant."""

import json

import pytest

from agency_client.cli.app import run


def test_help_alone_is_the_help_of_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help"]) == 0
    printed = capsys.readouterr()
    assert "Commands:" in printed.out
    assert printed.err == ""


@pytest.mark.parametrize("words", [["publish"], ["steward", "admit"], ["audit"], ["help"]])
def test_help_on_a_command_is_its_help(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["help", *words]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: tocsin {' '.join(words)} ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["pubish"], "Did you mean `publish`?"),
        (["steward", "admitt"], "Did you mean `admit`?"),
        (["publish", "admit"], "`tocsin publish` has no command `admit`"),
    ],
)
def test_help_on_what_is_no_command_is_usage(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["help", *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert told in printed.err


def test_help_is_a_document_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", "ack", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["command"]) == ("tocsin.help.v1", "tocsin ack")
