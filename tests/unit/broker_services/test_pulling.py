# SPDX-License-Identifier: Apache-2.0
"""The unary twins: what is waiting, acknowledged and sought; and one notice by its id."""

import asyncio
from typing import Any

import pytest

from broker.domain.cursors import Cursor
from broker.domain.deliveries import Form
from broker.domain.filters import Filter
from broker.domain.limits import MAX_PULL_FRAMES, MAX_WAIT_MS
from broker.errors import Reason
from keys import merkle
from keys.envelope import Statement
from keys.logleaf import check_leaf
from tests.simulator.federation import DAY, NOW, TOPIC, notice_draft
from tests.unit.broker_services.world import LABOUR, World, refusal

LONG = 10_000


async def sequences(world: World, **more: Any) -> list[int]:
    return [one.frame.sequence for one in await world.pull(**more)]


async def acknowledge(world: World, sequence: int, topic: str = TOPIC) -> object:
    cursor = Cursor(topic=topic, sequence=sequence)
    return await world.services.subscriptions.acknowledge("ro-pol", "desk", [cursor])


# Pull.


async def test_what_is_waiting_is_pulled_and_comes_again_until_acknowledged(world: World) -> None:
    for _ in range(3):
        await world.publish()
    assert await sequences(world) == [1, 2, 3]
    assert await sequences(world) == [1, 2, 3]
    await acknowledge(world, 2)
    assert await sequences(world) == [3]


async def test_no_more_is_pulled_than_was_asked_for(world: World) -> None:
    for _ in range(3):
        await world.publish()
    assert await sequences(world, frames=2) == [1, 2]
    assert world.kinds().count("deliver") == 2


async def test_a_pull_goes_from_topic_to_topic(world: World) -> None:
    for topic in (TOPIC, LABOUR, TOPIC):
        await world.publish(topic=topic)
    pulled = {(one.frame.topic, one.frame.sequence) for one in await world.pull()}
    assert pulled == {(TOPIC, 1), (TOPIC, 2), (LABOUR, 1)}


async def test_a_pull_stays_below_the_size_of_an_answer(world: World) -> None:
    for _ in range(4):
        await world.publish(contents=[bytes(700_000)])
    assert await sequences(world) == [1, 2]
    assert world.kinds().count("deliver") == 2


async def test_a_pull_waits_for_a_first_frame(world: World) -> None:
    pulling = asyncio.create_task(sequences(world, wait_ms=LONG))
    await asyncio.sleep(0)
    await world.publish()
    async with asyncio.timeout(5):
        assert await pulling == [1]


async def test_a_pull_ends_without_frames_when_its_time_is_over(world: World) -> None:
    assert await world.pull(wait_ms=1) == []


async def test_a_waiting_pull_of_an_agency_that_is_locked_is_refused(world: World) -> None:
    pulling = asyncio.create_task(world.pull(wait_ms=LONG))
    await asyncio.sleep(0)
    await world.lock("ro-pol")
    async with asyncio.timeout(5):
        assert (await refusal(pulling)).reason is Reason.AGENCY_LOCKED


async def test_a_draining_broker_lets_nobody_wait(world: World) -> None:
    pulling = asyncio.create_task(world.pull(wait_ms=LONG))
    await asyncio.sleep(0)
    await world.services.subscriptions.drain()
    async with asyncio.timeout(5):
        assert await pulling == []
    assert (await refusal(world.pull())).reason is Reason.DRAINING


async def test_a_pull_leaves_a_live_session_of_the_subscription_alone(world: World) -> None:
    follower = await world.follow()
    await world.publish()
    assert await sequences(world) == [1]
    assert await follower.sequences(1) == [1]


async def test_what_policy_keeps_back_is_pulled_as_withheld(world: World) -> None:
    await world.publish()
    await world.narrow()
    (pulled,) = await world.pull()
    assert (pulled.form, pulled.wrap) == (Form.WITHHELD, b"")


async def test_a_frame_outside_the_filter_is_pulled_as_a_stub(world: World) -> None:
    await world.publish()
    (pulled,) = await world.pull(wanted=Filter(topics=("#",), originators=("cy-pol",)))
    assert pulled.is_stub


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"frames": 0}, "max_frames"),
        ({"frames": MAX_PULL_FRAMES + 1}, "max_frames"),
        ({"wait_ms": -1}, "wait_ms"),
        ({"wait_ms": MAX_WAIT_MS + 1}, "wait_ms"),
        ({"subscription": "No"}, "subscription"),
    ],
)
async def test_a_pull_outside_its_bounds_is_refused(
    world: World, asked: dict[str, Any], field: str
) -> None:
    error = await refusal(world.pull(**asked))
    assert (error.reason, error.metadata) == (Reason.INVALID_ARGUMENT, {"field": field})


async def test_a_pull_of_an_unknown_topic_is_refused(world: World) -> None:
    error = await refusal(world.pull(wanted=Filter(topics=("nothing",))))
    assert error.reason is Reason.TOPIC_UNKNOWN


async def test_nothing_is_pulled_when_the_leaves_cannot_be_written(world: World) -> None:
    await world.publish()
    world.store.fail(Reason.READ_ONLY)
    assert (await refusal(world.pull())).reason is Reason.READ_ONLY
    assert "deliver" not in world.kinds()


# Acknowledge and Seek.


async def test_a_cursor_does_not_go_back(world: World) -> None:
    for _ in range(2):
        await world.publish()
    await world.pull()
    await acknowledge(world, 2)
    assert await acknowledge(world, 1) == (Cursor(topic=TOPIC, sequence=2),)
    assert await sequences(world) == []


async def test_what_was_not_delivered_is_not_acknowledged_and_nothing_moves(world: World) -> None:
    await world.publish()
    await world.publish(topic=LABOUR)
    await world.pull(wanted=Filter(topics=(TOPIC,)))
    cursors = [Cursor(topic=TOPIC, sequence=1), Cursor(topic=LABOUR, sequence=1)]
    error = await refusal(world.services.subscriptions.acknowledge("ro-pol", "desk", cursors))
    assert error.metadata == {"field": "sequence"}
    assert len(await world.pull()) == 2


@pytest.mark.parametrize("topic", [LABOUR, "absent", "x" * 100_000])
async def test_of_a_topic_that_is_not_there_nothing_was_delivered_as_of_one_of_others(
    world: World, topic: str
) -> None:
    error = await refusal(acknowledge(world, 1, topic))
    assert error.metadata == {"field": "sequence"}
    assert await acknowledge(world, 0, topic) == (Cursor(topic=topic, sequence=0),)
    assert await world.store.places("ro-pol", "desk") == {}


async def test_no_cursor_at_all_is_refused(world: World) -> None:
    error = await refusal(world.services.subscriptions.acknowledge("ro-pol", "desk", []))
    assert error.metadata == {"field": "cursors"}


async def test_seeking_back_delivers_again(world: World) -> None:
    for _ in range(3):
        await world.publish()
    await world.pull()
    await acknowledge(world, 3)
    cursor = await world.services.subscriptions.seek("ro-pol", "desk", TOPIC, 1)
    assert cursor == Cursor(topic=TOPIC, sequence=1)
    assert await sequences(world) == [2, 3]


async def test_seeking_ends_a_live_session_of_the_subscription(world: World) -> None:
    follower = await world.follow()
    await follower.caught_up()
    await world.services.subscriptions.seek("ro-pol", "desk", TOPIC, 0)
    assert await follower.ended() is Reason.SUBSCRIPTION_BUSY


async def test_seeking_beyond_the_last_frame_is_refused(world: World) -> None:
    await world.publish()
    error = await refusal(world.services.subscriptions.seek("ro-pol", "desk", TOPIC, 2))
    assert error.metadata == {"field": "sequence"}
    assert await sequences(world) == [1]


async def test_seeking_in_an_unknown_topic_is_refused(world: World) -> None:
    error = await refusal(world.services.subscriptions.seek("ro-pol", "desk", "nothing", 0))
    assert error.reason is Reason.TOPIC_UNKNOWN


# GetNotice.


async def test_a_notice_is_fetched_alone_with_its_path(world: World) -> None:
    drafts = [notice_draft(b"one"), notice_draft(b"two"), notice_draft(b"three")]
    frame = world.seal("gr-pol", contents=drafts)
    await world.services.publishing.publish("gr-pol", frame)
    fetched = await world.services.subscriptions.get_notice(
        "ro-pol", "gr-pol", drafts[1].header.notice_id
    )
    assert (fetched.shown, fetched.withheld, fetched.wrap) == ((1,), (), frame.wraps[1])
    statement = Statement.decode(frame.statement)
    leaf = frame.notices[1].leaf_hash
    merkle.verify_inclusion(leaf, 1, fetched.paths[0], 3, statement.notice_root)


async def test_a_fetch_is_logged(world: World) -> None:
    draft = notice_draft()
    await world.publish(contents=[draft])
    fetched = await world.services.subscriptions.get_notice(
        "ro-pol", "gr-pol", draft.header.notice_id
    )
    fields: Any = {
        "recipient": "ro-pol",
        "topic": TOPIC,
        "sequence": 1,
        "statement": fetched.frame.statement_digest,
        "shown": bytes(4),
        "withheld": b"",
    }
    leaf = world.store.acts[fetched.log.index].leaf()
    check_leaf(leaf, fetched.log.salt, "fetch", fields)


@pytest.fixture
def notice_id() -> bytes:
    return notice_draft().header.notice_id


async def test_unknown_foreign_refused_and_expired_are_answered_alike(
    world: World, notice_id: bytes
) -> None:
    draft = notice_draft(notice_id=notice_id, expires_at=NOW + DAY)
    await world.publish(contents=[draft])
    get = world.services.subscriptions.get_notice
    unknown = await refusal(get("ro-pol", "gr-pol", bytes(16)))
    foreign = await refusal(get("cy-pol", "gr-pol", notice_id))
    await world.narrow()
    denied = await refusal(get("ro-pol", "gr-pol", notice_id))
    world.clock.time += DAY
    expired = await refusal(get("gr-pol", "gr-pol", notice_id))
    answers = [(one.reason, dict(one.metadata)) for one in (unknown, foreign, denied, expired)]
    assert answers == [(Reason.NOT_FOUND, {})] * 4
    assert "fetch" not in world.kinds()


async def test_the_log_tells_of_each_notice_that_was_not_found(world: World) -> None:
    await refusal(world.services.subscriptions.get_notice("ro-pol", "gr-pol", bytes(16)))
    fields = world.acts("refuse")[-1].fields
    assert (fields["act"], fields["agency"], fields["reason"]) == ("fetch", "ro-pol", "NOT_FOUND")


async def test_a_notice_that_is_not_yet_valid_is_fetched_from_then_on(
    world: World, notice_id: bytes
) -> None:
    await world.publish(contents=[notice_draft(notice_id=notice_id, valid_from=NOW + DAY)])
    get = world.services.subscriptions.get_notice
    assert (await refusal(get("ro-pol", "gr-pol", notice_id))).reason is Reason.NOT_FOUND
    world.clock.time += DAY
    assert (await get("ro-pol", "gr-pol", notice_id)).shown == (0,)


async def test_a_locked_agency_fetches_nothing(world: World, notice_id: bytes) -> None:
    await world.publish(contents=[notice_draft(notice_id=notice_id)])
    await world.lock("ro-pol")
    get = world.services.subscriptions.get_notice
    assert (await refusal(get("ro-pol", "gr-pol", notice_id))).reason is Reason.AGENCY_LOCKED
