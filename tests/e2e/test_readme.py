# SPDX-License-Identifier: Apache-2.0
"""The README's first session runs as it is written, in an empty folder with an empty home."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SESSION = "<!-- session: tests/e2e/test_readme.py runs this block as it stands -->"
AROUND = "<!-- around: tests/e2e/test_readme.py runs this block too -->"

PARTIAL = 8
"""What `publish` ends with: the records that exclude Bulgaria are refused."""

pytestmark = pytest.mark.e2e


def _block(mark: str) -> str:
    block = README.partition(mark)[2]
    found = re.search(r"```sh\n(.*?)```", block, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_session_is_ten_commands() -> None:
    commands = [line for line in _block(SESSION).splitlines() if line.startswith("tocsin")]
    assert len(commands) == 10


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_the_session_runs_as_written(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    here = f"127.0.0.1:{_free_port()}"
    script = f"set -e\n{_block(SESSION)}\n{_block(AROUND)}".replace("127.0.0.1:7443", here)
    script = script.replace(
        f"--listen {here} &", f"--listen {here} > serve.log 2>&1 & echo $! > pid\n" + _WAIT
    )
    script = re.sub(
        r"^tocsin publish .*$", rf"\g<0> || [ $? -eq {PARTIAL} ]", script, flags=re.MULTILINE
    )
    script += "\ntocsin inbox --profile ./bg-pol --limit 1000 --json > inbox.json"
    folder = tmp_path / "session"
    folder.mkdir()
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "EXAMPLES": str(ROOT / "examples"),
    }
    try:
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Χριστόπουλος" in done.stdout
        assert "VERIFIED" in done.stdout
        assert (folder / "inbox.json").read_text().count('"reference"') > 300
        assert list(home.iterdir()) == []
    finally:
        _end(folder / "pid")


_WAIT = (
    "for _ in $(seq 200); do [ -s ./broker/address ] && break; read -t 0.05 < <(:) || true; done"
)


def _end(pid: Path) -> None:
    if pid.exists():
        os.kill(int(pid.read_text()), signal.SIGTERM)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_what_the_readme_links_to_is_there(link: str) -> None:
    assert (ROOT / link).exists()
