# SPDX-License-Identifier: Apache-2.0
"""A data folder for a real broker process whose keys are those of a test federation."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from broker.bootstrap.folder import DataFolder, create_folder
from broker.bootstrap.identity import PURPOSE, BrokerIdentity
from keys.entries import TopicEntry
from keys.keyfile import write_keyfile
from keys.marking import Marking
from policy import standard_book
from tests.integration.broker.calling import Address
from tests.simulator.federation import TOPIC, Federation, Member, build_federation

MARKING = Marking(type="YELLOW", tlp="AMBER", handling=("H0",), purposes=("INVESTIGATION",))
START_SECONDS = 20


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Installed:
    """A broker that can be started."""

    folder: DataFolder
    federation: Federation

    @property
    def bundle(self) -> Path:
        return self.folder.path.parent / "federation.json"

    async def command(self, *arguments: str) -> Ended:
        process = await self.start(*arguments)
        out, err = await process.communicate()
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "broker",
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONWARNINGS": "default"},
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Running"]:
        """Serve on a free port until the context ends."""
        process = await self.start(
            "serve", str(self.folder.path), "--listen", "127.0.0.1:0", "--json"
        )
        try:
            assert process.stdout is not None
            async with asyncio.timeout(START_SECONDS):
                line = await process.stdout.readline()
            if not line:
                raise AssertionError((await process.communicate())[1].decode())
            port = int(json.loads(line)["address"].rpartition(":")[2])
            yield Running(Address(federation=self.federation, port=port), process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


@dataclass(frozen=True)
class Running:
    """A broker process that is ready."""

    address: Address
    process: asyncio.subprocess.Process

    async def end(self, by: signal.Signals) -> Ended:
        self.process.send_signal(by)
        out, err = await self.process.communicate()
        assert self.process.returncode is not None
        return Ended(self.process.returncode, out.decode(), err.decode())


def install(folder: Path) -> Installed:
    """Make a folder as `init` does, with the keys that the federation's root document names."""
    schema, policies = standard_book()
    federation = build_federation(
        [Member(agency="gr-pol", circles=("eu",)), Member(agency="ro-pol", circles=("eu",))],
        topics=[TopicEntry(topic=TOPIC, title="Cases", readers=("eu",), publishers=("eu",))],
        schema=schema,
        policies=policies,
        now=time.time_ns() // 1_000_000,
    )
    made = create_folder(folder / "broker", (), None)
    root, seed = federation.broker.tls_root, federation.broker.log_seed
    held = {"tls-root": root.certificate, "tls-root.key": root.key, "log": seed}
    passphrase = (made.keys / "passphrase").read_bytes().strip()
    write_keyfile(made.key_file, PURPOSE, held, passphrase)
    identity = BrokerIdentity(root=root, log_seed=seed)
    made.descriptor.write_text(json.dumps(identity.descriptor()), "utf-8")
    installed = Installed(folder=made, federation=federation)
    installed.bundle.write_text(federation.bundle(), "utf-8")
    return installed
