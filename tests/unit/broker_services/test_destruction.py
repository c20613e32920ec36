# SPDX-License-Identifier: Apache-2.0
"""What begins after a recall does not carry the notice, whoever read it before."""

import asyncio

import pytest

from broker.domain.credit import Credit
from broker.domain.deliveries import Form, WithheldReason
from broker.errors import BrokerError, Reason
from keys.envelope import Frame, NoticeHeader
from tests.simulator.federation import DAY, Federation
from tests.simulator.mail import OPEN_MARKING, grant_of, letter_header, letter_of, recall_of
from tests.simulator.officers import asserted_two
from tests.unit.broker_services.world import SECONDS, World, build, fresh, refusal


@pytest.fixture(scope="module")
def shared() -> Federation:
    return build()


@pytest.fixture
async def world(shared: Federation) -> World:
    return await World.of(fresh(shared))


async def published(world: World, *contents: bytes) -> Frame:
    frame = world.seal("gr-pol", contents=list(contents or (b"content",)), marking=OPEN_MARKING)
    await world.services.publishing.publish("gr-pol", frame)
    return frame


async def recall(world: World, frame: Frame, index: int = 0) -> None:
    made = recall_of(world.federation, frame, index=index, now=world.clock.time)
    two = asserted_two(world.federation, "gr-pol", made.recall, now=world.clock.time)
    await world.services.mailbox.submit_recall("gr-pol", made, two, bytes(32))


async def test_a_frame_decided_before_a_recall_is_withheld_after_it(world: World) -> None:
    frames = [await published(world) for _ in range(3)]
    follower = await world.follow(credit=Credit(frames=3, bytes=1 << 20))
    assert (await follower.delivered()).form is Form.FULL
    await recall(world, frames[1])
    kept = await follower.delivered()
    assert kept.form is Form.WITHHELD
    assert [one.reason for one in kept.withheld] == [WithheldReason.RECALLED]
    assert (await follower.delivered()).form is Form.FULL
    await follower.close()


async def test_a_delivery_whose_leaf_comes_after_the_recall_is_decided_anew(world: World) -> None:
    frame = await published(world, b"one", b"two")
    world.store.hold()
    recalling = asyncio.create_task(recall(world, frame))
    await world.store.wait_held()
    pulling = asyncio.create_task(world.pull())
    await asyncio.sleep(0)
    world.store.release()
    async with asyncio.timeout(SECONDS):
        await recalling
        (delivered,) = await pulling
    assert (delivered.form, delivered.shown) == (Form.PARTIAL, (1,))
    kinds = world.kinds()
    after = world.store.acts[kinds.index("recall") :]
    assert [act.fields["shown"] for act in after if act.kind == "deliver"] == [b"\0\0\0\1"]


async def test_expired_notices_are_destroyed_by_upkeep_with_a_leaf(world: World) -> None:
    frame = await published(world)
    header = NoticeHeader.decode(frame.notices[0].header)
    world.clock.time = header.expires_at - 1
    await world.services.upkeep.do()
    assert world.acts("expire") == []
    world.clock.time = header.expires_at
    await world.services.upkeep.do()
    await world.services.upkeep.do()
    (act,) = world.acts("expire")
    assert act.fields["destroyed"] == b"\0\0\0\0"
    (kept,) = await world.pull()
    assert [one.reason for one in kept.withheld] == [WithheldReason.EXPIRED]


async def test_a_flood_of_letters_is_refused_and_others_still_write(shared: Federation) -> None:
    world = await World.of(fresh(shared), mail_burst=2, mail_refill_ms=DAY)
    frame = world.seal("gr-pol", to=("ro-pol", "cy-pol"), marking=OPEN_MARKING)
    await world.services.publishing.publish("gr-pol", frame)

    async def write(sender: str) -> None:
        header = letter_header(world.federation, frame, "request_onward", sender, "gr-pol")
        await world.services.mailbox.submit_letter(sender, letter_of(world.federation, header))

    for _ in range(2):
        await write("ro-pol")
    error = await refusal(write("ro-pol"))
    assert error.reason is Reason.LIMIT_EXCEEDED
    assert world.acts("refuse")[-1].fields["act"] == "letter"
    await write("cy-pol")
    assert (await world.services.mailbox.mail("gr-pol", 0, 100, 0)).head == 3


async def test_a_locked_agency_is_granted_nothing(world: World) -> None:
    frame = await published(world)
    await world.lock("cy-pol")
    grant = grant_of(world.federation, frame, "cy-pol", now=world.clock.time)
    error = await refusal(world.services.mailbox.submit_grant("gr-pol", grant))
    assert error.reason is Reason.DENIED
    assert (await world.services.mailbox.mail("gr-pol", 0, 100, 0)).head == 0


async def test_a_lock_ends_the_wait_for_mail(world: World) -> None:
    waiting = asyncio.create_task(world.services.mailbox.mail("ro-pol", 0, 100, 30_000))
    await asyncio.sleep(0)
    await world.lock("ro-pol")
    async with asyncio.timeout(SECONDS):
        with pytest.raises(BrokerError) as caught:
            await waiting
    assert caught.value.reason is Reason.AGENCY_LOCKED


async def test_mail_ends_the_wait_for_it(world: World) -> None:
    frame = await published(world)
    waiting = asyncio.create_task(world.services.mailbox.mail("ro-pol", 0, 100, 30_000))
    await asyncio.sleep(0)
    await recall(world, frame)
    async with asyncio.timeout(SECONDS):
        assert len((await waiting).items) == 1


@pytest.mark.parametrize("reason", [Reason.STORAGE_FULL, Reason.READ_ONLY])
async def test_a_recall_that_the_disk_refuses_destroys_nothing(
    world: World, reason: Reason
) -> None:
    frame = await published(world)
    world.store.fail(reason)
    assert (await refusal(recall(world, frame))).reason is reason
    world.store.fail(None)
    (delivered,) = await world.pull()
    assert delivered.form is Form.FULL
