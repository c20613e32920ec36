# SPDX-License-Identifier: Apache-2.0
"""The demonstration's processes: the broker, and agencies that take orders as JSON lines.

Each runs in a process group of its own, so that Ctrl-C reaches this program alone and it ends them
in order; whatever happens, `end` leaves none behind.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agency_client.demo.checks import DemoError

_STOP_S = 10.0
_START_S = 30.0
_LINE_LIMIT = 64 << 20


def quiet_environment() -> dict[str, str]:
    """Return the environment of the processes: ours, with nothing that chooses another profile."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TOCSIN_")}
    return {**kept, "GRPC_VERBOSITY": "NONE", "PYTHONDONTWRITEBYTECODE": "1"}


async def end(process: asyncio.subprocess.Process, how: signal.Signals) -> None:
    """Send a signal and wait until the process is gone; after a while it is killed."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(how)
    try:
        await asyncio.wait_for(process.wait(), _STOP_S)
    except TimeoutError:
        process.kill()
        await process.wait()


class BrokerProcess:
    """The broker of one folder; may be killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = ""
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Of the process that serves.

        Raises:
            DemoError: there is none.
        """
        if self._process is None or self._process.returncode is not None:
            raise DemoError("the broker is not running")
        return self._process.pid

    async def administer(self, *arguments: str) -> None:
        """Run one `tocsin-broker` command on the folder to its end."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "broker", *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=quiet_environment(),
        )  # fmt: skip
        _, complaint = await process.communicate()
        if process.returncode != 0:
            raise DemoError(f"tocsin-broker {arguments[0]}: {_tail(complaint)}")

    async def start(self) -> None:
        """Start serving, on the port of the last time if there was one; return when it listens.

        Raises:
            DemoError: it does not come up.
        """
        said = self.folder / "address"
        await asyncio.to_thread(said.unlink, missing_ok=True)
        log = await asyncio.to_thread((self.folder / "serve.log").open, "ab")
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "broker", "serve", str(self.folder),
                "--listen", self.address or "127.0.0.1:0",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=quiet_environment(),
                start_new_session=True,
            )  # fmt: skip
        finally:
            log.close()
        self.address = await self._wait_for(said)

    async def _wait_for(self, said: Path) -> str:
        assert self._process is not None  # noqa: S101 - set by start
        deadline = asyncio.get_running_loop().time() + _START_S
        while asyncio.get_running_loop().time() < deadline:
            if self._process.returncode is not None:
                break
            with contextlib.suppress(FileNotFoundError):
                if address := await asyncio.to_thread(_read, said):
                    return address
            await asyncio.sleep(0.02)
        written = await asyncio.to_thread(_read, self.folder / "serve.log")
        raise DemoError(f"the broker does not start: {_tail(written.encode())}")

    async def kill(self) -> None:
        """End it as a power cut would: SIGKILL."""
        if self._process is not None:
            await end(self._process, signal.SIGKILL)

    async def stop(self) -> None:
        """Ask it to end."""
        if self._process is not None:
            await end(self._process, signal.SIGTERM)


class AgencyProcess:
    """One agency: a process that opened its profile once and does what it is told."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def start(self, passphrase_file: Path) -> None:
        """Start the process; it opens nothing yet."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "agency_client.demo.worker",
            str(self.folder), str(passphrase_file),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=quiet_environment(),
            start_new_session=True,
            limit=_LINE_LIMIT,
        )  # fmt: skip

    async def order(self, act: str, **arguments: Any) -> dict[str, Any]:
        """Have it do one act and return its answer.

        Raises:
            DemoError: the act failed there, or the process is gone.
        """
        async with self._turn:
            process = self._process
            if process is None or process.stdin is None or process.stdout is None:
                raise DemoError(f"{self.name} is not running")
            process.stdin.write(json.dumps({"act": act, **arguments}).encode() + b"\n")
            with contextlib.suppress(ConnectionError):  # it is gone, and so is its answer
                await process.stdin.drain()
            answered = await process.stdout.readline()
        if not answered:
            raise DemoError(f"{self.name} ended: {await self._last_words()}")
        answer: dict[str, Any] = json.loads(answered)
        if "failed" in answer:
            raise DemoError(f"{self.name} could not {act}: {answer['failed']}")
        return answer

    async def _last_words(self) -> str:
        if self._process is None or self._process.stderr is None:
            return "no words"
        return _tail(await self._process.stderr.read())

    async def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            if self._process.stdin is not None:
                self._process.stdin.close()
            await end(self._process, signal.SIGTERM)


async def stop_all(agencies: Sequence[AgencyProcess], broker: BrokerProcess) -> None:
    """End everything, whatever state it is in."""
    await asyncio.gather(*(one.stop() for one in agencies), return_exceptions=True)
    await broker.stop()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").strip()


def _tail(output: bytes) -> str:
    """Return the last thing that was said; the advice after it is for who runs that program."""
    lines = output.decode("utf-8", "replace").strip().splitlines()
    said = [line for line in lines if not line.startswith("  what to do:")]
    return said[-1] if said else "it said nothing"
