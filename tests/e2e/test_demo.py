# SPDX-License-Identifier: Apache-2.0
"""`tocsin demo` as a user runs it: the story holds, leaves nothing, and holds no plaintext."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agency_client.demo.examples import records
from tests.e2e.plaintext import forms, needles

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
TOCSIN = [sys.executable, "-m", "agency_client"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    base = tmp_path_factory.mktemp("surroundings")
    for name in ("home", "tmp"):
        (base / name).mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(base / "home"),
        "TMPDIR": str(base / "tmp"),
    }


@pytest.fixture(scope="module")
def kept(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]
) -> tuple[Path, dict[str, object]]:
    folder = tmp_path_factory.mktemp("demo") / "kept"
    done = subprocess.run(
        [*TOCSIN, "demo", "--keep", str(folder), "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return folder, document


def _processes_of(environment: dict[str, str]) -> list[str]:
    """Return the commands of processes that bear this test's home in their environment."""
    mark = f"HOME={environment['HOME']}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().decode())
        except OSError:
            continue
    return found


def test_every_step_holds_within_a_minute(kept: tuple[Path, dict[str, object]]) -> None:
    _, document = kept
    assert document["schema"] == "tocsin.demo.v1"
    assert document["held"] is True
    assert isinstance(document["seconds"], float)
    assert document["seconds"] < 60


def test_no_process_and_nothing_at_home_is_left(
    kept: tuple[Path, dict[str, object]], environment: dict[str, str]
) -> None:
    assert kept
    assert _processes_of(environment) == []
    assert list(Path(environment["HOME"]).iterdir()) == []
    assert list(Path(environment["TMPDIR"]).iterdir()) == []


def _secrets() -> Iterator[str]:
    for record in records():
        for field in ("name", "forename", "title", "modus_operandi", "place_of_birth"):
            text = record.get(field) or ""
            if len(text.encode()) >= 6:
                yield text


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("part", ["broker", "agencies"])
def test_no_content_of_a_record_lies_in_the_clear(
    kept: tuple[Path, dict[str, object]], part: str
) -> None:
    searched = needles(_secrets())
    for path in _files(kept[0] / part):
        data = path.read_bytes()
        found = [needle for needle in searched if needle in data]
        assert not found, f"{path.name} holds {len(found)} plaintexts"


def test_the_search_for_plaintext_would_find_one(tmp_path: Path) -> None:
    planted = next(_secrets())
    for form in forms(planted):
        path = tmp_path / "planted"
        path.write_bytes(b"\1\2" + form + b"\3")
        assert any(form in one.read_bytes() for one in _files(tmp_path))


def _commands(folder: Path) -> Iterator[list[str]]:
    """Yield the commands in the README that was kept."""
    text = (folder / "README").read_text()
    yield from (shlex.split(line) for line in re.findall(r"^    (tocsin.*)$", text, re.MULTILINE))


CODES = {"audit": 10}
"""The last step of the story changed a byte, which the auditor finds."""


def test_the_commands_of_the_kept_readme_work(
    kept: tuple[Path, dict[str, object]], environment: dict[str, str]
) -> None:
    folder, _ = kept
    (serve,) = [one for one in _commands(folder) if one[0] == "tocsin-broker"]
    others = [one for one in _commands(folder) if one[0] == "tocsin"]
    at = {
        **environment,
        "TOCSIN_PASSPHRASE_FILE": str(folder / "passphrase"),
        "TOCSIN_PURPOSE": "INVESTIGATION",
        "TOCSIN_CASE": "demonstration",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "broker", *serve[1:], "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as broker:
        assert broker.stdout is not None
        assert broker.stdout.readline()
        try:
            for command in others:
                once = ["--once"] if command[1] == "watch" else []
                done = subprocess.run(
                    [*TOCSIN, *command[1:], *once],
                    env=at,
                    capture_output=True,
                    text=True,
                    timeout=60,
                    check=False,
                )
                assert done.returncode == CODES.get(command[1], 0), (command, done.stderr)
                assert done.stdout, command
        finally:
            broker.terminate()
    assert {one[1] for one in others} > {"inbox", "search", "publish", "watch", "audit", "steward"}


def test_a_folder_that_holds_something_is_refused(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "mine").write_text("precious")
    done = subprocess.run(
        [*TOCSIN, "demo", "--keep", str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 6
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_leaves_nothing(how: signal.Signals, environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        [*TOCSIN, "demo"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(how)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 128 + how
    assert "Traceback" not in complaint
    deadline = time.monotonic() + 10
    while _processes_of(environment) and time.monotonic() < deadline:
        pass
    assert _processes_of(environment) == []
    assert list(Path(environment["TMPDIR"]).iterdir()) == []
