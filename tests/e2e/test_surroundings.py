# SPDX-License-Identifier: Apache-2.0
"""The program in poor surroundings: streams that are closed or full, a narrow alphabet, no home."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import TOPIC, Federation
from tests.e2e.programs import SECONDS
from tests.e2e.test_story import MISSING, publish

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full and a POSIX shell"),
]


def shell(
    federation: Federation, line: str, **changed: str
) -> "subprocess.CompletedProcess[bytes]":
    """Run one line of shell, in which $T is the program with the Greek profile."""
    environment = {
        "PATH": os.environ["PATH"],
        "T": f"{sys.executable} -m agency_client {' '.join(federation.greek)}",
        **federation.shell.environment,
        **changed,
    }
    return subprocess.run(
        ["sh", "-c", line],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_closed_stream_breaks_nothing(federation: Federation, closed: str) -> None:
    ran = shell(federation, f"$T keys {closed}")
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_a_full_disk_behind_the_output_is_told(federation: Federation) -> None:
    ran = shell(federation, "$T keys > /dev/full")
    assert ran.returncode == 1
    assert b"no space left on device" in ran.stderr
    assert b"Traceback" not in ran.stderr


def test_whoever_stops_reading_ends_it_quietly(federation: Federation) -> None:
    ran = shell(federation, "$T schema RED | true")
    assert ran.stderr == b""


def test_a_narrow_alphabet_gets_escapes_and_programs_get_all(federation: Federation) -> None:
    publish(federation, MISSING, *federation.greek)
    lines = shell(federation, "$T search Παπαδοπουλος", PYTHONIOENCODING="ascii")
    assert lines.returncode == 0
    assert rb"\u03a0\u03b1\u03c0" in lines.stdout
    document = shell(federation, "$T search Παπαδοπουλος --json", PYTHONIOENCODING="ascii")
    assert document.stdout.isascii()
    (person,) = json.loads(document.stdout)["notices"][0]["content"]["persons"]
    assert person["name"] == "Παπαδόπουλος"


def test_the_plain_locale_shows_every_script(federation: Federation) -> None:
    publish(federation, MISSING, *federation.greek)
    ran = shell(federation, "$T search Παπαδοπουλος", LC_ALL="C")
    assert "Παπαδόπουλος".encode() in ran.stdout


def test_with_no_home_only_what_needs_one_fails(federation: Federation) -> None:
    assert shell(federation, "unset HOME; $T inbox --limit 1").returncode == 0
    nowhere = f"{sys.executable} -m agency_client status"
    ran = shell(federation, nowhere, HOME="/nonexistent")
    assert ran.returncode == 3
    assert b"create it with `tocsin init`" in ran.stderr


def test_who_runs_as_a_number_without_a_name_can_look(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", nameless)
    reference = publish(federation, MISSING, *federation.greek)
    acknowledged = federation.shell.did("ack", reference, *federation.greek)["notices"][0]
    assert acknowledged["acknowledged_by"] == f"user {os.getuid()}"


def test_without_a_terminal_nobody_is_asked(federation: Federation) -> None:
    ran = shell(federation, "$T inbox --json", TOCSIN_PASSPHRASE_FILE="")
    assert (ran.returncode, json.loads(ran.stderr)["reason"]) == (4, "PASSPHRASE_NEEDED")


def test_publishing_from_a_pipe_needs_no_file(federation: Federation) -> None:
    record = json.dumps({**MISSING, "title": "piped"})
    ran = shell(federation, f"printf '%s' \"$R\" | $T publish - --topic {TOPIC} --json", R=record)
    assert json.loads(ran.stdout)["accepted"] == 1
