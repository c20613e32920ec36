# SPDX-License-Identifier: Apache-2.0
"""A copy of the broker's database from before opens nothing once its recipient destroyed the key.

The thief has the copy, and of the recipient all that is left: its whole folder and its passphrase.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agency_client.bootstrap import Agency
from agency_client.bootstrap.profile import change_keyring, open_keyring, open_store
from agency_client.domain.post import Ending
from agency_client.ports.store import Store
from broker.domain.deliveries import Addressed
from broker.storage.sqlite import SqliteStore
from keys.body import content_key
from keys.envelope import Recipient
from keys.errors import OpenError
from keys.framing import sha256
from keys.hpke import wrap_info
from keys.identities import DecryptionKey
from keys.opening import open_body
from tests.integration.agency.test_key_ending import LOOKING, aged, rotate
from tests.integration.agency.world import PASSPHRASE, TOPIC, World, copied_profile, draft

SECRET = "zephyranthes"
"""In the notice and in nothing else."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await World.make(tmp_path)
    store = await SqliteStore.open(tmp_path / "broker.db")
    world.store = store  # type: ignore[assignment]
    for agency in ("gr-pol", "ro-pol"):
        request = copied_profile(world.profile(agency), agency)
        change_keyring(world.profile(agency), PASSPHRASE, aged)
        world.admit(request)
    await world.start()
    world.enrol("gr-pol", "ro-pol")
    yield world
    await world.stop()
    await store.close()


def copied(folder: Path, name: str) -> Path:
    """Copy the broker's database as it lies on the disk, its side files included."""
    target = folder / name
    target.mkdir()
    for path in folder.glob("broker.db*"):
        shutil.copy(path, target)
    return target / "broker.db"


async def opened_by(copy: Path, profile: Path) -> list[bytes]:
    """Return every content that a thief of both opens, by whatever key there is in the profile."""
    store = await SqliteStore.open(copy)
    try:
        frames = await store.read("ro-pol", TOPIC, 0, 100, 1 << 30)
    finally:
        await store.close()
    assert len(frames) == 1
    assert all(len(one.wrap) > 0 and len(one.frame.notices) == 1 for one in frames)
    return await asyncio.to_thread(_opened, frames, profile)


def _opened(frames: list[Addressed], profile: Path) -> list[bytes]:
    keyring = open_keyring(profile, PASSPHRASE)
    with closing(open_store(profile, keyring)) as store:
        return [
            content
            for one in frames
            for key in (*_unwrapped(one, keyring.decryption), *_kept(store))
            for content in _tried(one, key)
        ]


def _unwrapped(one: Addressed, keys: tuple[DecryptionKey, ...]) -> Iterator[bytes]:
    """Yield the content key that the wrap gives, by each key that opens it."""
    key_id = Recipient.decode(one.recipient).key_id
    digest = sha256(one.frame.header)
    for key in keys:
        try:
            seal_key = key.unwrap(one.wrap, wrap_info(digest, "ro-pol", key_id))
        except OpenError:
            continue
        yield content_key(seal_key, digest, sha256(one.frame.notices[0].header))


def _kept(store: Store) -> Iterator[bytes]:
    """Yield the keys of notices that the profile keeps."""
    yield from (row.content_key for row in store.inbox.rows(range(1, 100)) if row.content_key)


def _tried(one: Addressed, key: bytes) -> Iterator[bytes]:
    notice = one.frame.notices[0]
    try:
        yield open_body(key, sha256(one.frame.header), notice.header, notice.body)
    except OpenError:
        return


async def test_nobody_opens_an_old_copy_of_the_database_once_the_key_is_destroyed(
    world: World,
) -> None:
    profile = world.profile("ro-pol")
    async with Agency.connect(world.profile("gr-pol"), PASSPHRASE) as greek:
        await greek.publish(draft(SECRET))
    async with Agency.connect(profile, PASSPHRASE) as romanian:
        await romanian.receive("trafficking/#")
        copy = copied(world.folder, "stolen")
        both = await opened_by(copy, profile)
        assert [SECRET.encode() in one for one in both] == [True, True]

        old = await rotate(world, "ro-pol")
        await romanian.destroy_key(old, LOOKING)
        kept = await opened_by(copy, profile)
        assert [SECRET.encode() in one for one in kept] == [True]

        endings = romanian.wiring.store.endings
        endings.destroy([(1, Ending.RECALLED)], romanian.wiring.clock.now_ms())
        assert endings.settle()
        assert await opened_by(copy, profile) == []


async def test_the_destroyed_seed_lies_in_no_file_of_the_profile(world: World) -> None:
    """Not as it was, and not in a key file that the passphrase opens."""
    profile = world.profile("ro-pol")
    (before,) = open_keyring(profile, PASSPHRASE).decryption
    sealed = (profile / "agency.key").read_bytes()
    async with Agency.connect(profile, PASSPHRASE) as romanian:
        old = await rotate(world, "ro-pol")
        await romanian.destroy_key(old, LOOKING)
    after = open_keyring(profile, PASSPHRASE).decryption
    assert before.seed not in {one.seed for one in after}
    files = [path.read_bytes() for path in profile.rglob("*") if path.is_file()]
    assert len(files) > 2
    assert not any(before.seed in one or sealed[-64:] in one for one in files)
