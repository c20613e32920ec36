# SPDX-License-Identifier: Apache-2.0
"""The root of an agency's TLS certificates is replaced in steps, under traffic, over real TLS.

The broker takes up each state of the directory without a restart; what a program shows is what the
last step left in the key file.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from agency_client.bootstrap import Agency
from agency_client.bootstrap.keyring import Keyring
from agency_client.bootstrap.profile import open_keyring
from agency_client.bootstrap.tls_rollover import (
    Step,
    check_let_in,
    root_added,
    root_switched,
    take_step,
)
from agency_client.cli.exits import Exit
from agency_client.errors import AgencyError, Reason
from tests.integration.agency.test_following import Listener
from tests.integration.agency.test_key_ending import tocsin
from tests.integration.agency.test_renewing import Publishing, entry_of, readmit
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


async def step(world: World, agency: Agency, *, overlap_days: int = 0) -> tuple[Step, Keyring]:
    """Take the next step as `tocsin keys roll-tls` does."""
    folder = world.profile(agency.agency_id)
    return await take_step(agency, folder, PASSPHRASE, overlap_days)


def issuing(world: World, agency: str) -> bytes:
    """Return the root under which a program of the profile issues now."""
    return open_keyring(world.profile(agency), PASSPHRASE).tls_root.certificate


async def let_in(world: World, keyring: Keyring) -> Reason | None:
    """Return why the broker refuses what a new program with these keys shows; None if it does not.

    A connection of its own: a new handshake, and the pool of roots as it is now.
    """
    try:
        await check_let_in(keyring, world.address, world.root.certificate, now_ms())
    except AgencyError as error:
        return error.reason
    return None


async def test_each_step_under_traffic_loses_nothing(
    world: World, greek: Agency, romanian: Agency
) -> None:
    listener, publishing = Listener(romanian), Publishing(greek)
    await publishing.more(3)
    for agency in (greek, romanian):
        for expected in (Step.ADDED, Step.SWITCHED, Step.DROPPED):
            taken, keyring = await step(world, agency)
            assert taken is expected
            await publishing.more(2)
            if taken is not Step.SWITCHED:
                await readmit(world, keyring)
            await publishing.more(2)
        roots = entry_of(world, agency.agency_id).tls_roots
        assert roots == (issuing(world, agency.agency_id),)
    titles = await publishing.end()
    await listener.titled(*titles)
    await listener.stop()
    assert publishing.refused == []
    assert listener.titles == titles
    assert set(listener.troubles) <= {Reason.UNAUTHENTICATED}
    assert len(listener.troubles) <= 1


async def test_a_running_program_goes_over_to_the_new_root_without_losing_its_stream(
    world: World, greek: Agency, romanian: Agency
) -> None:
    listener = Listener(romanian)
    await greek.publish(draft("one"))
    await listener.titled("one")
    _, added = await step(world, romanian)
    await readmit(world, added)
    await step(world, romanian)
    await greek.publish(draft("two"))
    await listener.titled("one", "two")
    await listener.stop()
    assert listener.troubles == []


async def test_a_stream_under_the_dropped_root_is_cut_and_comes_back_by_itself(
    world: World, greek: Agency, romanian: Agency
) -> None:
    """The stream was opened before the change, and no other connection was made since."""
    listener = Listener(romanian)
    await greek.publish(draft("one"))
    await listener.titled("one")
    _, added = await step(world, romanian)
    await readmit(world, added)
    await step(world, romanian)
    _, dropped = await step(world, romanian)
    await readmit(world, dropped)
    await listener.until(lambda: listener.recoveries == 1)
    await greek.publish(draft("two"))
    await listener.titled("two")
    await listener.stop()
    assert listener.troubles == [Reason.UNAUTHENTICATED]
    assert listener.titles == ["one", "two"]


async def test_the_broker_takes_up_a_new_root_without_a_restart(
    world: World, romanian: Agency
) -> None:
    profile = open_keyring(world.profile("ro-pol"), PASSPHRASE)
    added = root_added(profile, entry_of(world, "ro-pol"), now_ms())
    second = root_switched(added, added.request, now_ms())
    assert await let_in(world, second) is not None
    await readmit(world, added)
    assert await let_in(world, second) is None
    assert await let_in(world, profile) is None


async def test_nothing_is_issued_under_a_root_that_the_stewards_have_not_admitted(
    world: World, greek: Agency, romanian: Agency
) -> None:
    first = issuing(world, "ro-pol")
    await step(world, romanian)
    with pytest.raises(AgencyError) as caught:
        await step(world, romanian)
    assert caught.value.reason is Reason.RENEWAL_WAITS
    assert issuing(world, "ro-pol") == first
    await greek.publish(draft("one"))
    assert (await romanian.receive("trafficking/#")).notices == 1


async def test_without_the_broker_s_word_nothing_is_changed_over(
    world: World, romanian: Agency
) -> None:
    first = issuing(world, "ro-pol")
    _, added = await step(world, romanian)
    await readmit(world, added)
    await romanian.wiring.directory.sync()
    await world.stop()
    with pytest.raises(AgencyError) as caught:
        await step(world, romanian)
    assert caught.value.reason is Reason.BROKER_UNREACHABLE
    assert issuing(world, "ro-pol") == first


async def test_the_first_root_is_not_dropped_within_the_overlap(
    world: World, romanian: Agency
) -> None:
    _, added = await step(world, romanian)
    await readmit(world, added)
    await step(world, romanian)
    with pytest.raises(AgencyError) as caught:
        await step(world, romanian, overlap_days=1)
    assert caught.value.reason is Reason.ROOT_NEEDED
    assert len(open_keyring(world.profile("ro-pol"), PASSPHRASE).tls_roots) == 2


@pytest.mark.must("TLS-9")
async def test_a_certificate_under_the_dropped_root_is_refused(
    world: World, romanian: Agency
) -> None:
    """On a new connection in the handshake or at the first call, and on an open one at the next."""
    thief = open_keyring(world.profile("ro-pol"), PASSPHRASE)
    _, added = await step(world, romanian)
    await readmit(world, added)
    await step(world, romanian)
    assert await let_in(world, thief) is None
    _, dropped = await step(world, romanian)
    assert await let_in(world, thief) is None
    await readmit(world, dropped)
    assert await let_in(world, thief) in {Reason.BROKER_UNREACHABLE, Reason.UNAUTHENTICATED}
    assert await let_in(world, dropped) is None


async def test_our_entry_is_never_told_to_be_foreign_on_the_way(
    world: World, romanian: Agency
) -> None:
    for _ in Step:
        _, keyring = await step(world, romanian)
        assert (await romanian.status()).membership.foreign == ""
        await readmit(world, keyring)
        assert (await romanian.status()).membership.foreign == ""
    assert len(entry_of(world, "ro-pol").tls_roots) == 1


async def test_our_card_is_signed_while_the_directory_still_has_the_old_root(
    world: World, romanian: Agency
) -> None:
    for taken in Step:
        _, keyring = await step(world, romanian)
        if taken is not Step.DROPPED:
            await readmit(world, keyring)
    assert len(entry_of(world, "ro-pol").tls_roots) == 2
    await romanian.membership.publish_card(lambda card: card)


async def test_two_processes_take_one_step_once(world: World, romanian: Agency) -> None:
    results = await asyncio.gather(
        step(world, romanian), step(world, romanian), return_exceptions=True
    )
    refused = [one.reason for one in results if isinstance(one, AgencyError)]
    assert len(refused) == 1
    assert refused[0] in {Reason.ROOT_NEEDED, Reason.PROFILE_IN_USE, Reason.RENEWAL_WAITS}
    assert len(open_keyring(world.profile("ro-pol"), PASSPHRASE).tls_roots) == 2


async def test_the_command_says_which_step_it_took_and_refuses_one_too_early(
    world: World, romanian: Agency
) -> None:
    code, told = await tocsin(world, "keys", "roll-tls")
    assert (code, told["step"], told["tls_roots"]) == (Exit.DONE, "added", 2)
    assert len(str(told["words"]).split()) == 6
    code, told = await tocsin(world, "keys", "roll-tls")
    assert (code, told["reason"]) == (Exit.CONFLICT, "RENEWAL_WAITS")
    await readmit(world, open_keyring(world.profile("ro-pol"), PASSPHRASE))
    code, told = await tocsin(world, "keys", "roll-tls")
    assert (code, told["step"]) == (Exit.DONE, "switched")
    code, told = await tocsin(world, "keys", "roll-tls")
    assert (code, told["reason"]) == (Exit.CONFLICT, "ROOT_NEEDED")
    code, told = await tocsin(world, "keys", "roll-tls", "--overlap-days", "0")
    assert (code, told["step"], told["tls_roots"]) == (Exit.DONE, "dropped", 1)
