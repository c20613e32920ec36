# SPDX-License-Identifier: Apache-2.0
"""A broker and agencies as processes on loopback, and what they take of the machine.

The federation is the one of `tests.faults.world`: each agency with keys of its own, TLS on both
sides, the standard rule book. The folder lies where temporary files do, which has to be a real disk
for figures of what is durable.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from agency_client.bootstrap.connecting import LeafIssuer
from agency_client.bootstrap.profile import open_keyring
from agency_client.bootstrap.system import SystemClock
from agency_client.bootstrap.wiring import Wiring
from agency_client.services.steward_home import StewardHome
from agency_client.transport.line import Line
from tests.faults.world import PASSPHRASE, TOPICS, World, a_world

BULK_TOPIC, SINGLE_TOPIC = TOPICS
ORDER_SECONDS = 120.0
_LINE_BYTES = 16 << 20
_TICKS = os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def served(publishers: int) -> AsyncIterator[World]:
    """Return a running broker with so many agencies that publish, and one called subscriber.

    Told to end, the caller is cancelled, so that no process and no folder stays behind.
    """
    caller = asyncio.current_task()
    assert caller is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, caller.cancel)
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        async with a_world(Path(folder), publishers) as world:
            yield world


@asynccontextmanager
async def opened(world: World, name: str) -> AsyncIterator[Wiring]:
    """Return an agency's services, open in this process."""
    wiring = await asyncio.to_thread(Wiring.open, world.profile(name), PASSPHRASE)
    try:
        yield wiring
    finally:
        await wiring.broker.close()
        await asyncio.to_thread(wiring.store.close)


def line_of(world: World, name: str) -> Line:
    """Return an agency's own line to the broker, without the library that speaks over it."""
    keyring = open_keyring(world.profile(name), PASSPHRASE)
    root = StewardHome(world.folder / "steward").bundle().directory.root_document
    issuer = LeafIssuer(lambda: keyring, lambda: root.broker_tls_root, SystemClock(), hours=1)
    return Line(world.broker.address, issuer)


class Party:
    """A process of ours for one profile: it takes an order a line and says a line of JSON."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self._process = process

    @classmethod
    @asynccontextmanager
    async def started(cls, module: str, world: World, name: str) -> AsyncIterator[Self]:
        """Start `benchmarks.MODULE` for an agency; it has ended on leaving."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"benchmarks.{module}", str(world.profile(name)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
            start_new_session=True,
        )  # fmt: skip
        party = cls(name, process)
        try:
            yield party
        finally:
            await party._end()

    async def order(self, act: str, **arguments: Any) -> dict[str, Any]:
        """Have it do one act and return what it says of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"act": act, **arguments}).encode() + b"\n")
        await self._process.stdin.drain()
        return await self.said()

    async def said(self) -> dict[str, Any]:
        """Return what it says next."""
        assert self._process.stdout is not None
        async with asyncio.timeout(ORDER_SECONDS):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended before it was done; see above")
        said: dict[str, Any] = json.loads(line)
        return said

    async def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What a process took so far: seconds of the processor, bytes of memory now and at most."""

    seconds: float
    resident: int
    peak: int

    @classmethod
    def of(cls, pid: int) -> Self:
        """Read it from /proc."""
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
        sizes = {name: text for name, _, text in (line.partition(":") for line in lines)}
        return cls(
            seconds=(int(stat[11]) + int(stat[12])) / _TICKS,
            resident=int(sizes["VmRSS"].split()[0]) << 10,
            peak=int(sizes["VmHWM"].split()[0]) << 10,
        )
