# SPDX-License-Identifier: Apache-2.0
"""Both programs, as somebody at a shell uses them: arguments in; code, stdout and stderr out.

Commands run in this process, which is quicker than starting Python for each; what serves or
watches runs in a process of its own.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from agency_client.cli.app import run as run_tocsin
from broker.cli.app import run as run_broker

SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command ended with."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one document on stdout."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found

    @property
    def failure(self) -> dict[str, Any]:
        """The failure on stderr: a document, and nothing of how it came about."""
        assert "Traceback" not in self.err
        found = json.loads(self.err.splitlines()[-1])
        assert found["exit"] == self.code
        assert found["schema"] == "tocsin.error.v1"
        assert found["message"]
        assert found["advice"], f"{found['reason']} does not say what to do"
        return dict(found)


class Terminal(io.TextIOWrapper):
    """A stream that says that somebody is looking."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def _stream(data: bytes = b"") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", write_through=True)


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """A folder to work in and an environment."""

    folder: Path
    environment: Mapping[str, str]

    def tocsin(self, *arguments: object, given: bytes = b"", watched: bool = False) -> Ran:
        """Run one `tocsin` command in this process; `watched` makes stderr a terminal."""
        out, err = _stream(), Terminal(io.BytesIO(), encoding="utf-8") if watched else _stream()
        with (
            patch.dict(os.environ, self.environment, clear=True),
            patch.object(sys, "stdin", _stream(given)),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = run_tocsin([str(one) for one in arguments])
        return Ran(code=int(code), out=_written(out), err=_written(err))

    def apart(self, *arguments: object) -> Ran:
        """Run one `tocsin` command in a process of its own: gRPC is set up when it is loaded."""
        ran = subprocess.run(
            [sys.executable, "-m", "agency_client", *map(str, arguments)],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Ran(code=ran.returncode, out=ran.stdout, err=ran.stderr)

    def did(self, *arguments: object, given: bytes = b"") -> dict[str, Any]:
        """Run one command that must succeed, and return its document."""
        ran = self.tocsin(*arguments, "--json", given=given)
        assert ran.code == 0, ran.err
        return ran.document

    def broker(self, *arguments: object) -> None:
        """Run one `tocsin-broker` command that must succeed."""
        with patch.dict(os.environ, self.environment, clear=True), redirect_stdout(_stream()):
            assert run_broker([str(one) for one in arguments]) == 0

    @contextmanager
    def serving(self, folder: Path, *, listen: str) -> Iterator[str]:
        """Have a broker serve, and yield its address."""
        with self.started("broker", "serve", str(folder), "--listen", listen, "--json") as process:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["address"]

    @contextmanager
    def started(self, program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Start a program of ours as a process; ended on leaving."""
        process = subprocess.Popen(
            [sys.executable, "-m", program, *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=SECONDS)
