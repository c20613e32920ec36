# SPDX-License-Identifier: Apache-2.0
"""Questions to a person: only a yes goes on, and nobody to ask is no yes."""

import click
import pytest

from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError
from agency_client.cli.runtime import confirm, login


def answering(monkeypatch: pytest.MonkeyPatch, answer: str | type[BaseException]) -> None:
    def read(_prompt: str) -> str:
        if isinstance(answer, str):
            return answer
        raise answer

    monkeypatch.setattr(click.termui, "visible_prompt_func", read)


@pytest.mark.parametrize("answer", ["y", "yes", "Y"])
def test_a_yes_goes_on(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    answering(monkeypatch, answer)
    confirm("Sign it?")


@pytest.mark.parametrize("answer", ["n", "no", ""])
def test_all_else_does_nothing(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    answering(monkeypatch, answer)
    with pytest.raises(CommandError) as caught:
        confirm("Sign it?")
    assert (caught.value.failure.code, caught.value.failure.reason) == (1, "NOT_CONFIRMED")


def test_nobody_to_ask_is_told_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, EOFError)
    with pytest.raises(CommandError) as caught:
        confirm("Sign it?")
    failure = caught.value.failure
    assert (failure.code, failure.reason) == (Exit.USAGE, "CONFIRMATION_NEEDED")
    assert "--yes" in failure.advice


def test_ctrl_c_at_a_question_is_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        confirm("Sign it?")


def test_a_login_without_a_name_has_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert login().startswith("user ")
