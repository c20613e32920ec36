# SPDX-License-Identifier: Apache-2.0
"""A bar stands on a terminal alone, and only for what takes a while."""

import io
import sys

import pytest

from agency_client.cli.progress import progress_of


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    return terminal


def test_a_long_work_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_a_terminal(monkeypatch)
    with progress_of("reading the log", least=100) as progress:
        assert progress is not None
        progress(50, 200)
        progress(200, 200)
    assert "reading the log" in terminal.getvalue()
    assert "100%" in terminal.getvalue()


def test_a_short_work_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_a_terminal(monkeypatch)
    with progress_of("reading the log", least=100) as progress:
        assert progress is not None
        progress(99, 99)
    assert terminal.getvalue() == ""


def test_the_bar_is_gone_where_the_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_a_terminal(monkeypatch)

    def fail() -> None:
        with progress_of("reading the log", least=1) as progress:
            assert progress is not None
            progress(1, 2)
            raise ValueError("an error")

    with pytest.raises(ValueError, match="an error"):
        fail()
    assert terminal.getvalue().endswith("\x1b[2K")


def test_where_nobody_looks_nothing_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_of("reading the log", least=1) as progress:
        assert progress is None
