# SPDX-License-Identifier: Apache-2.0
"""Programs that are told to end, or killed, at a bad moment: the profile is as good as before."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agency_client.bootstrap import Agency
from agency_client.domain.views import PublishState
from tests.integration.agency.world import PASSPHRASE, TOPIC, World, draft

ROOT = Path(__file__).parents[3]
RECORD = {"type": "FREE_TEXT", "tlp": "AMBER", "mode": "TEST", "title": "t", "text": "invented"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await World.make(tmp_path)
    world.add("gr-pol", "ro-pol")
    await world.start()
    world.enrol("gr-pol", "ro-pol")
    (tmp_path / "pass").write_text(PASSPHRASE)
    (tmp_path / "pass").chmod(0o600)
    yield world
    await world.stop()


def environment(world: World) -> dict[str, str]:
    reason = {"TOCSIN_PURPOSE": "INVESTIGATION", "TOCSIN_CASE": "2026/1"}
    return {**os.environ, **reason, "TOCSIN_PASSPHRASE_FILE": str(world.folder / "pass")}


async def tocsin(world: World, agency: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "agency_client",
        *arguments,
        "--profile",
        str(world.profile(agency)),
        cwd=ROOT,
        env=environment(world),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ended(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def first_line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(30):
        return (await process.stdout.readline()).decode()


async def titles(world: World, agency: str) -> list[str]:
    async with Agency.connect(world.profile(agency), PASSPHRASE) as opened:
        await opened.receive(TOPIC)
        return sorted(one.content["title"] for one in await opened.inbox())


@pytest.mark.parametrize(
    ("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
async def test_a_watch_that_ends_leaves_the_profile_as_good_as_before(
    world: World, how: signal.Signals, code: int
) -> None:
    async with Agency.connect(world.profile("gr-pol"), PASSPHRASE) as greek:
        watching = await tocsin(world, "ro-pol", "watch", "trafficking/#", "--json")
        await greek.publish(draft("one"))
        shown = json.loads(await first_line(watching))
        await greek.publish([draft("two"), draft("three")])
        watching.send_signal(how)
        returned, _, complaint = await ended(watching)
    assert shown["content"]["title"] == "one"
    assert returned == code
    assert "Traceback" not in complaint
    assert await titles(world, "ro-pol") == ["one", "three", "two"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
async def test_a_publish_that_ends_while_it_waits_has_queued_and_sends_once(
    world: World, how: signal.Signals
) -> None:
    await world.stop()
    publishing = await tocsin(world, "gr-pol", "publish", "-", "--topic", TOPIC, "--wait", "60")
    assert publishing.stdin is not None
    publishing.stdin.write(json.dumps(RECORD).encode())
    publishing.stdin.close()
    await _until_queued(world)
    publishing.send_signal(how)
    returned, _, complaint = await ended(publishing)
    await world.start()
    async with Agency.connect(world.profile("gr-pol"), PASSPHRASE) as greek:
        sent = await greek.send(wait_s=10)
        more = await greek.publish(draft("more"))
    assert returned in {130, -9}
    assert "Traceback" not in complaint
    assert (sent.accepted, sent.waiting) == (1, 0)
    assert more.notices[0].state is PublishState.ACCEPTED
    assert await titles(world, "ro-pol") == ["more", "t"]


async def _until_queued(world: World) -> None:
    """Wait until another process has put something into the outbox of gr-pol."""
    async with (
        asyncio.timeout(30),
        Agency.connect(world.profile("gr-pol"), PASSPHRASE) as beside,
    ):
        while not (await asyncio.to_thread(beside.wiring.store.outbox.count))[0]:
            pass


_AT = """
import os, signal, sys
from agency_client.__main__ import main
signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
signal.setitimer(signal.ITIMER_REAL, float(sys.argv.pop(1)))
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.02, 0.06, 0.15, 0.3, 0.6, 1.0])
async def test_ctrl_c_is_quiet_at_whatever_moment(world: World, delay: float) -> None:
    arguments = [str(delay), "inbox", "--profile", str(world.profile("gr-pol"))]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _AT,
        *arguments,
        cwd=ROOT,
        env=environment(world),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    returned, _, complaint = await ended(process)
    # By the alarm itself: it came when all was done and the interpreter had let go of handlers.
    assert returned in {130, 0, -signal.SIGALRM}
    assert "Traceback" not in complaint


async def test_a_locked_profile_is_told_with_its_exit_code(world: World) -> None:
    async with Agency.connect(world.profile("ro-pol"), PASSPHRASE) as opened:
        with opened.wiring.store.locks.receiver():
            watching = await tocsin(world, "ro-pol", "watch", TOPIC)
            returned, _, complaint = await ended(watching)
    assert returned == 6
    assert "another process" in complaint
