# SPDX-License-Identifier: Apache-2.0
"""A real broker process with a federation of friends, strangers and outcasts, and what it leaves.

Its events go to a file: a pipe that nobody empties would stop the broker when it is full.
"""

import asyncio
import atexit
import io
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import structlog

from broker.bootstrap.assembling import load_federation
from broker.bootstrap.folder import DataFolder
from broker.cli import app
from broker.config import load_config
from keys.entries import TopicEntry
from tests.integration.broker.calling import Address
from tests.integration.broker.installed import Installed, install
from tests.simulator.federation import Member

CLOSED_TOPIC = "trafficking/closed"
"""Only the circle "inner" may read or publish here; gr-pol and it-pol are in it."""
SECONDS = 30
"""Longer than anything here takes; what waits so long has failed."""
_ANYWHERE = ("--listen", "127.0.0.1:0", "--json")


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Served:
    """A broker process that is ready."""

    installed: Installed
    address: Address
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def federation(self) -> Any:
        return self.installed.federation

    def events(self) -> list[dict[str, Any]]:
        """Return what the broker has written to standard error; every whole line is JSON."""
        *lines, _ = self.log.read_text("utf-8").split("\n")
        return [json.loads(line) for line in lines]

    def peak_mib(self) -> int:
        """Return the most memory that the process has had at once."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found.group(1)) >> 10

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Tell the process to end and return its exit code."""
        self.process.send_signal(how)
        return self.process.wait(SECONDS)


def crowded(folder: Path) -> Installed:
    """Make a broker's folder with a federation in which not everybody may do everything."""
    first = _first_crowd()
    shutil.copytree(first.folder.path, folder / "broker")
    agencies = {name: replace(one, chain={}) for name, one in first.federation.agencies.items()}
    federation = replace(first.federation, agencies=agencies)
    made = Installed(folder=DataFolder(folder / "broker"), federation=federation)
    made.bundle.write_text(federation.bundle(), "utf-8")
    return made


@cache
def _first_crowd() -> Installed:
    """Make what all others are copied from, since their keys take long."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-crowd-"))
    atexit.register(shutil.rmtree, folder)
    made = install(folder)
    federation = made.federation
    federation.add(
        TopicEntry(topic=CLOSED_TOPIC, title="Inner", readers=("inner",), publishers=("inner",))
    )
    federation.replace_agency("gr-pol", circles=("eu", "inner"))
    for member in (
        Member(agency="it-pol", circles=("eu", "inner")),
        Member(agency="us-pol", circles=("abroad",)),
        Member(agency="eu-aud", role="auditor", country="DE"),
        Member(agency="mt-pol", circles=("eu",)),
        Member(agency="lu-pol", circles=("eu",)),
    ):
        federation.add_agency(member)
    federation.lock("mt-pol")
    federation.retire("lu-pol")
    load(made)
    return made


def load(made: Installed) -> None:
    """Put the federation into the broker's store."""
    made.bundle.write_text(made.federation.bundle(), "utf-8")
    config = load_config(made.folder.path)
    asyncio.run(load_federation(made.folder, config, made.folder.identity(config), made.bundle))


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONWARNINGS": "default", **more}


def run(*arguments: str, before: Sequence[str] = (), **more: str) -> Finished:
    """Run a command to its end."""
    ended = subprocess.run(
        [*before, sys.executable, "-m", "broker", *arguments],
        capture_output=True,
        timeout=SECONDS,
        check=False,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
    )
    return Finished(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def here(*arguments: str) -> Finished:
    """Run a command that is to end by itself in this process, which spares it its start."""
    heeded = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers, level = logging.root.handlers[:], logging.root.level
    out, err, held = io.StringIO(), io.StringIO(), dict(os.environ)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = app.run(arguments)
    finally:
        os.environ.clear()
        os.environ.update(held)
        for number, handler in heeded.items():
            signal.signal(number, handler)
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
    return Finished(code, out.getvalue(), err.getvalue())


@contextmanager
def serving(
    made: Installed, *, before: Sequence[str] = (), settings: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """Serve until the context ends.

    Args:
        made: what to serve.
        before: a command that runs the broker, such as one that limits it.
        settings: environment variables.
    """
    log = made.folder.path.parent / "events.jsonl"
    with log.open("ab") as events:
        process = subprocess.Popen(
            [*before, sys.executable, "-m", "broker", "serve", str(made.folder.path), *_ANYWHERE],
            stdout=subprocess.PIPE,
            stderr=events,
            stdin=subprocess.DEVNULL,
            env=environment(**(settings or {})),
        )
    with process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, log.read_text("utf-8")
            port = int(json.loads(line)["address"].rpartition(":")[2])
            yield Served(made, Address(federation=made.federation, port=port), process, log)
        finally:
            process.kill()
