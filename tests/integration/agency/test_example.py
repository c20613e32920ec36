# SPDX-License-Identifier: Apache-2.0
"""The example program runs as its first lines say."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from agency_client import Agency
from tests.integration.agency.world import PASSPHRASE, TOPIC, World, draft

ROOT = Path(__file__).parents[3]
RECORDS = b"""\
{"type": "FREE_TEXT", "tlp": "AMBER", "mode": "TEST", "title": "t", "text": "invented"}
{"type": "FREE_TEXT"}
"""


async def test_the_example_publishes_and_follows(tmp_path: Path) -> None:
    world = await World.make(tmp_path)
    world.add("gr-pol", "ro-pol")
    await world.start()
    world.enrol("gr-pol", "ro-pol")
    (tmp_path / "pass").write_text(PASSPHRASE)
    (tmp_path / "pass").chmod(0o600)
    with (world.profile("gr-pol") / "config.toml").open("a") as file:
        file.write(f'passphrase_file = "{tmp_path / "pass"}"\n')
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "examples" / "publish_and_follow.py"),
        str(world.profile("gr-pol")),
        TOPIC,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(RECORDS)
    process.stdin.close()
    async with asyncio.timeout(60):
        lines = [(await process.stdout.readline()).decode() for _ in range(2)]
        async with Agency.connect(world.profile("ro-pol"), PASSPHRASE) as agency:
            await agency.publish(draft("from another"))
        while "received ro-pol/" not in lines[-1]:
            lines.append((await process.stdout.readline()).decode())
        process.send_signal(signal.SIGINT)
        _, complaint = await process.communicate()
    await world.stop()
    assert lines[0].startswith("line 2: ")
    assert lines[1].startswith("accepted ")
    assert "EXERCISE TLP:AMBER" in lines[-1]
    assert (process.returncode, complaint) == (0, b"")
