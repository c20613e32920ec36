# SPDX-License-Identifier: Apache-2.0
"""Keys are renewed while agencies publish and listen: nothing is lost, nothing comes twice."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from agency_client.bootstrap import Agency
from agency_client.bootstrap.keyring import Keyring
from agency_client.bootstrap.profile import change_keyring
from agency_client.bootstrap.renewal import (
    rotated,
)
from agency_client.domain.views import PublishState
from agency_client.errors import AgencyError, Reason
from agency_client.services.admission import admitted
from keys.entries import AgencyEntry
from keys.envelope import Recipient, Statement
from tests.integration.agency.test_following import Listener
from tests.integration.agency.world import PASSPHRASE, World, draft, now_ms

pytestmark = pytest.mark.usefixtures("short_pauses")


@pytest.fixture
async def greek(world: World) -> AsyncIterator[Agency]:
    async with Agency.connect(world.profile("gr-pol"), PASSPHRASE) as agency:
        yield agency


@pytest.fixture
async def romanian(world: World) -> AsyncIterator[Agency]:
    async with Agency.connect(world.profile("ro-pol"), PASSPHRASE) as agency:
        yield agency


def entry_of(world: World, agency: str) -> AgencyEntry:
    entry = world.bundle.directory.agency(agency)
    assert entry is not None
    return entry


def change(world: World, agency: str, step: Callable[[Keyring], Keyring]) -> Keyring:
    """Change an agency's keys as `tocsin keys` does, in a process of its own."""
    return change_keyring(world.profile(agency), PASSPHRASE, step)


def rotate(world: World, agency: str) -> Keyring:
    return change(world, agency, lambda ring: rotated(ring, entry_of(world, agency), now_ms(), 30))


async def readmit(world: World, keyring: Keyring) -> None:
    known = entry_of(world, keyring.agency)
    await world.submit(world.sign(admitted(keyring.request, known=known)))


def named_by(agency: Agency, originator: str) -> tuple[set[str], set[str]]:
    """Return which keysets, and which keys of ours, the frames of an originator name."""
    frames = [
        one for one in agency.wiring.store.key_uses.frames(0, 1000) if one.originator == originator
    ]
    return (
        {Statement.decode(one.statement).keyset_id for one in frames},
        {Recipient.decode(one.recipient).key_id for one in frames},
    )


class Publishing:
    """Publishes numbered notices until it is told to end."""

    def __init__(self, agency: Agency) -> None:
        self.titles: list[str] = []
        self.refused: list[str] = []
        self._agency = agency
        self._grown = asyncio.Event()
        self._task = asyncio.create_task(self._publish())

    async def _publish(self) -> None:
        while True:
            title = f"number {len(self.titles)}"
            report = await self._agency.publish(draft(title))
            if report.notices[0].state is PublishState.REFUSED:
                self.refused.append(str(report.notices[0].reason))
            self.titles.append(title)
            self._grown.set()

    async def more(self, count: int) -> None:
        """Wait until that many more are published."""
        wanted = len(self.titles) + count
        async with asyncio.timeout(60):
            while len(self.titles) < wanted:
                self._grown.clear()
                await self._grown.wait()
                if self._task.done():
                    await self._task

    async def end(self) -> list[str]:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return self.titles


async def test_keys_rotate_on_both_sides_under_traffic(
    world: World, greek: Agency, romanian: Agency
) -> None:
    listener, publishing = Listener(romanian), Publishing(greek)
    await publishing.more(3)
    for agency in ("ro-pol", "gr-pol"):
        keyring = rotate(world, agency)
        await publishing.more(2)
        await readmit(world, keyring)
        await greek.wiring.directory.sync()
        await publishing.more(3)
    titles = await publishing.end()
    await listener.titled(*titles)
    await listener.stop()
    assert publishing.refused == []
    assert listener.troubles == []
    assert listener.titles == titles
    keysets, keys = named_by(romanian, "gr-pol")
    assert (len(keysets), len(keys)) == (2, 2)


async def test_what_a_key_was_used_for_is_told_by_topic_and_originator(
    world: World, greek: Agency, romanian: Agency
) -> None:
    for n in range(3):
        await greek.publish(draft(f"number {n}"))
    await romanian.receive("trafficking/#")
    (key,) = entry_of(world, "ro-pol").encryption
    (found,) = await romanian.key_life.exposure(key.key_id)
    (used,) = found.used
    assert (used.topic, used.originator, used.notices) == ("trafficking/cases", "gr-pol", 3)
    await greek.receive("trafficking/#")
    (keyset,) = entry_of(world, "gr-pol").signing
    (signed,) = await greek.key_life.exposure(keyset.keyset_id)
    assert signed.notices == 3
    assert 0 <= signed.first_index < signed.last_index


async def test_a_key_that_is_not_ours_has_no_exposure(greek: Agency) -> None:
    with pytest.raises(AgencyError) as caught:
        await greek.key_life.exposure("2000-01-01-seal")
    assert caught.value.reason is Reason.NOT_FOUND
