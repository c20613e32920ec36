# SPDX-License-Identifier: Apache-2.0
"""A broker and agencies on loopback as the installed programs make them, to be killed at will."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agency_client.bootstrap import create_profile, enrol_profile
from agency_client.demo.processes import BrokerProcess
from agency_client.services.admission import admitted, read_request
from agency_client.services.steward import BrokerDescriptor
from agency_client.services.steward_home import StewardHome, read_text
from keys.directory import TopicEntry
from policy.standard import standard_book

TOPICS = ("load/one", "load/two")
PASSPHRASE = "for one test run only"
YEAR_MS = 365 * 86_400_000
END_SECONDS = 180


@dataclass(slots=True)
class Client:
    """A process of ours that writes a history; may be killed and started again."""

    role: str
    name: str
    world: "World"
    process: asyncio.subprocess.Process | None = None

    @property
    def history(self) -> Path:
        return self.world.folder / f"{self.name}.history"

    async def start(self, *arguments: str) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"tests.faults.{self.role}",
            str(self.world.profile(self.name)), str(self.history), *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "TOCSIN_FAULTS_PASSPHRASE": PASSPHRASE},
            start_new_session=True,
        )  # fmt: skip

    async def is_up(self) -> None:
        """Return when the process says that it has begun."""
        assert self.process is not None
        assert self.process.stdout is not None
        async with asyncio.timeout(END_SECONDS):
            line = await self.process.stdout.readline()
        if line != b"begun\n":
            raise AssertionError(f"{self.name}: {(await self.process.communicate())[1].decode()}")

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def finish(self) -> None:
        """Have it end by itself, and complain if it ends badly."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(END_SECONDS):
            _, complaint = await self.process.communicate()
        assert self.process.returncode == 0, f"{self.name}: {complaint.decode()}"


@dataclass(slots=True)
class World:
    """Everything that runs."""

    folder: Path
    broker: BrokerProcess
    publishers: list[Client] = field(default_factory=list)
    subscriber: Client = field(init=False)

    def __post_init__(self) -> None:
        self.subscriber = Client("subscriber", "subscriber", self)

    @property
    def clients(self) -> Sequence[Client]:
        return [*self.publishers, self.subscriber]

    def profile(self, name: str) -> Path:
        return self.folder / "agencies" / name

    async def make(self, publishers: int) -> None:
        """Make everybody's keys and the federation, and start the broker."""
        self.publishers = [Client("publisher", f"pub-{n}", self) for n in range(publishers)]
        await self.broker.administer("init", str(self.broker.folder))
        bundle = await asyncio.to_thread(self._make_federation)
        await self.broker.administer("federation", str(self.broker.folder), str(bundle))
        await self.broker.start()
        for client in self.clients:
            await asyncio.to_thread(
                enrol_profile,
                self.profile(client.name),
                PASSPHRASE,
                bundle=bundle,
                broker_address=self.broker.address,
            )

    def _make_federation(self) -> Path:
        now = time.time_ns() // 1_000_000
        home = StewardHome(self.folder / "steward")
        keys = (home.new_key("alpha", PASSPHRASE, now),)
        descriptor = BrokerDescriptor.parse(read_text(self.broker.folder / "broker.json"))
        home.create(name="Faults", keys=keys, others=(), threshold=1, broker=descriptor, now=now)
        home.publish_rules(keys, *standard_book(), now)
        for topic in TOPICS:
            entry = TopicEntry(topic=topic, title=topic, readers=("all",), publishers=("all",))
            home.add(entry, keys, now)
        for client in self.clients:
            request = create_profile(
                self.profile(client.name),
                agency=client.name,
                name=client.name,
                country="GR",
                kind="POLICE",
                agreement_until=now + YEAR_MS,
                passphrase=PASSPHRASE,
            )
            home.add(admitted(read_request(read_text(request)), circles=("all",)), keys, now)
        return home.bundle_path


@asynccontextmanager
async def a_world(folder: Path, publishers: int) -> AsyncIterator[World]:
    """Return a world in a folder; on leaving, every process has ended."""
    (folder / "agencies").mkdir()
    world = World(folder, BrokerProcess(folder / "broker"))
    try:
        await world.make(publishers)
        yield world
    finally:
        running = [client.kill() for client in world.clients if client.process is not None]
        await asyncio.gather(*running, world.broker.stop(), return_exceptions=True)
