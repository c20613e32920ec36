# SPDX-License-Identifier: Apache-2.0
"""Shares at the command line: shown to custodians alone, asked for until enough of them fit."""

import json
import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agency_client.bootstrap.profile import open_keyring
from agency_client.cli.app import run
from agency_client.cli.exits import Exit
from agency_client.cli.recovering import word_lines
from tests.integration.agency.world import PASSPHRASE, copied_profile

NEW = "another invented passphrase"
SECONDS = 60


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copied_profile(tmp_path / "gr-pol", "gr-pol")
    monkeypatch.setenv("TOCSIN_PROFILE", str(tmp_path / "gr-pol"))
    monkeypatch.setenv("TOCSIN_PASSPHRASE_FILE", str(written(tmp_path / "old", PASSPHRASE)))
    return tmp_path / "gr-pol"


@pytest.fixture
def shares(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the shares of the profile's keys, as they are printed on sheets."""
    assert run(["keys", "split", "--sheets", str(tmp_path / "sheets"), "--json"]) == 0
    paths = json.loads(capsys.readouterr().out)["sheets"]
    return [" ".join(re.findall("<li>(.*)</li>", Path(path).read_text())) for path in paths]


def written(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text + "\n")
    return path


def failure(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    found: dict[str, Any] = json.loads(printed.err[printed.err.index("{") :])
    return found


def recover(tmp_path: Path, given: str, *options: str) -> int:
    source = written(tmp_path / "given", given)
    secret = written(tmp_path / "new", NEW)
    return run(
        [
            *["keys", "recover", "--shares-from", str(source)],
            *["--passphrase-file", str(secret), "--json", *options],
        ]
    )


def test_sheets_are_for_their_owner_and_the_output_has_no_word(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["keys", "split", "--sheets", str(tmp_path / "sheets"), "--json"]) == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert (document["custodians"], document["needed"]) == (3, 2)
    assert (folder / "recovery.key").exists()
    assert (tmp_path / "sheets").stat().st_mode & 0o777 == 0o700
    for path in map(Path, document["sheets"]):
        assert path.stat().st_mode & 0o777 == 0o600
        words = re.findall("<li>(.*)</li>", path.read_text())
        assert len(words) == 33
        assert not re.search(rf"\b{words[10]}\s+{words[11]}\b", printed.out + printed.err)


def test_shares_are_not_shown_where_nobody_looks(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "agency.key").read_bytes()
    assert run(["keys", "split", "--json"]) == Exit.USAGE
    assert failure(capsys)["reason"] == "TERMINAL_NEEDED"
    assert (folder / "agency.key").read_bytes() == before
    assert not (folder / "recovery.key").exists()


def test_sheets_are_not_written_over_others(
    folder: Path, shares: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "recovery.key").read_bytes()
    assert run(["keys", "split", "--sheets", str(tmp_path / "sheets"), "--json"]) == Exit.CONFLICT
    assert "is not empty" in failure(capsys)["message"]
    assert (folder / "recovery.key").read_bytes() == before


def test_more_needed_than_there_are_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--custodians", "2", "--needed", "3", "--sheets", str(tmp_path / "sheets")]
    assert run(["keys", "split", *options, "--json"]) == Exit.USAGE
    assert "3 of 2 custodians cannot be" in failure(capsys)["message"]
    assert not (tmp_path / "sheets").exists()
    assert not (folder / "recovery.key").exists()


def test_two_shares_set_a_new_passphrase(
    folder: Path, shares: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recover(tmp_path, f"{shares[2]}\n\n{shares[0]}") == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert (document["shares"], document["written"]) == ([1, 3], True)
    assert open_keyring(folder, NEW).agency == "gr-pol"
    assert Path(document["replaced"]).exists()
    assert "share 3 fits; 1 more share needed" in printed.err
    assert "share 1 fits; that is enough" in printed.err


def test_an_exercise_writes_nothing(
    folder: Path, shares: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert recover(tmp_path, "\n".join(shares), "--check") == 0
    assert json.loads(capsys.readouterr().out)["written"] is False
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} == before


def test_one_share_is_too_few(
    folder: Path, shares: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "agency.key").read_bytes()
    assert recover(tmp_path, shares[0]) == Exit.REFUSED
    assert failure(capsys)["reason"] == "SHARES_MISSING"
    assert (folder / "agency.key").read_bytes() == before


def test_a_damaged_share_is_named_by_its_line_and_no_word_of_it(
    folder: Path, shares: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = shares[1].split()
    words[20] = "academic" if words[20] != "academic" else "acid"
    assert recover(tmp_path, f"{shares[0]}\n{' '.join(words)}") == Exit.CREDENTIAL
    printed = capsys.readouterr()
    assert "line 2: the checksum is wrong" in printed.err
    assert " ".join(words[10:12]) not in printed.err
    assert (folder / "agency.key").exists()


def test_shares_without_the_copy_open_nothing(
    folder: Path, shares: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "recovery.key").unlink()
    assert recover(tmp_path, "\n".join(shares)) == Exit.NOT_FOUND
    found = failure(capsys)
    assert (found["reason"], "--copy" in found["advice"]) == ("RECOVERY_MISSING", True)


def test_bytes_that_are_no_text_are_refused(
    folder: Path, shares: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "given").write_bytes(b"\xff\xfe\xff")
    arguments = ["keys", "recover", "--shares-from", str(tmp_path / "given"), "--json", "--check"]
    assert run(arguments) == Exit.CREDENTIAL
    assert failure(capsys)["reason"] == "SHARE_REFUSED"


def test_a_missing_copy_is_told_and_made_anew_without_the_custodians(
    folder: Path, shares: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "recovery.key").unlink()
    assert run(["keys", "recovery", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "missing"
    assert run(["keys", "recovery", "--refresh", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "ready"
    assert recover(tmp_path, "\n".join(shares), "--check") == 0


def test_there_is_no_copy_to_make_anew_before_there_are_shares(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["keys", "recovery", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "none"
    assert run(["keys", "recovery", "--refresh", "--json"]) == Exit.FAILED
    assert failure(capsys)["reason"] == "RECOVERY_MISSING"


def test_words_are_read_down_the_columns() -> None:
    lines = word_lines([f"word{place}" for place in range(1, 34)])
    assert len(lines) == 11
    assert re.findall(r"\d+\.", lines[0]) == ["1.", "12.", "23."]
    assert re.findall(r"\d+\.", lines[-1]) == ["11.", "22.", "33."]


class Sitting:
    """A command on a terminal of its own, with somebody who reads and types."""

    def __init__(self, *arguments: str) -> None:
        self._handle, there = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "agency_client", *arguments],
            stdin=there,
            stdout=subprocess.PIPE,
            stderr=there,
            start_new_session=True,
        )
        os.close(there)
        self._unread = ""

    def until(self, pattern: str) -> str:
        """Return what comes up to `pattern`; what comes after it is for the next time."""
        while not (found := re.search(pattern, self._unread)):
            ready, _, _ = select.select([self._handle], [], [], SECONDS)
            assert ready, f"nothing more came; {pattern} is missing"
            self._unread += os.read(self._handle, 4096).decode()
        text, self._unread = self._unread[: found.end()], self._unread[found.end() :]
        return text

    def types(self, line: str) -> None:
        os.write(self._handle, line.encode() + b"\n")

    def ended(self) -> tuple[int, str]:
        """Return its exit code and what it wrote to stdout."""
        out, _ = self._process.communicate(timeout=SECONDS)
        os.close(self._handle)
        return self._process.returncode, out.decode()


@pytest.mark.e2e
def test_custodians_sit_down_one_after_another(folder: Path, tmp_path: Path) -> None:
    desk, papers = Sitting("keys", "split", "--custodians", "2"), []
    for place in (1, 2):
        desk.until(f"Share {place} of 2.*(?s:.*)Enter when ready")
        desk.types("")
        shown = desk.until(r"From the paper, words \d+ and \d+")
        numbered = dict(re.findall(r"(\d+)\. ([a-z]+)", shown))
        assert len(numbered) == 33
        papers.append([numbered[str(at)] for at in range(1, 34)])
        asked = re.findall(r"words (\d+) and (\d+)", shown)[-1]
        if place == 1:
            desk.types("something else")
            desk.until("compare the paper with it(?s:.*)From the paper")
        desk.types(" ".join(numbered[at] for at in asked))
        desk.until(re.escape("\033[3J"))
    code, out = desk.ended()
    assert code == 0
    assert not any(" ".join(paper[10:12]) in out for paper in papers)

    secret = written(tmp_path / "new", NEW)
    desk = Sitting("keys", "recover", "--passphrase-file", str(secret))
    desk.until("2 missing")
    desk.types("nonsense")
    desk.until("refused: word 1(?s:.*)2 missing")
    desk.types(" ".join(papers[0]))
    desk.until("1 more share needed(?s:.*)1 missing")
    desk.types(" ".join(papers[0]))
    desk.until("given already(?s:.*)1 missing")
    desk.types(" ".join(word[:4] for word in papers[1]))
    desk.until("that is enough")
    code, out = desk.ended()
    assert code == 0
    assert "the keys of gr-pol are back" in out
    assert open_keyring(folder, NEW).agency == "gr-pol"
