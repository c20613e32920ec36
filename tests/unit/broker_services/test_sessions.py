# SPDX-License-Identifier: Apache-2.0
"""Live subscribers: catch-up and live, the rule book at each delivery, silence and the end."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from broker.domain.credit import Credit
from broker.domain.cursors import Cursor
from broker.domain.deliveries import Delivered, Form, WithheldReason
from broker.domain.events import (
    CaughtUp,
    CheckpointNote,
    Draining,
    Heartbeat,
    Opened,
    PolicyChanged,
    Waiting,
)
from broker.domain.filters import Filter
from broker.errors import Reason
from keys.checkpoint import verify_checkpoint
from keys.entries import TopicEntry
from keys.logleaf import check_leaf
from tests.simulator.federation import DAY, NOW, TOPIC, Federation, Member, notice_draft
from tests.unit.broker_services.world import LABOUR, Follower, World, build, refusal

ONE = Credit(frames=1, bytes=1 << 30)


# Catch-up and live.


async def test_what_was_stored_before_comes_first_and_then_what_is_stored(world: World) -> None:
    for _ in range(3):
        await world.publish()
    follower = await world.follow()
    opened = await follower.opened()
    assert Cursor(topic=TOPIC, sequence=3) in opened.heads
    assert await follower.sequences(3) == [1, 2, 3]
    await follower.expect(CaughtUp)
    await world.publish()
    assert await follower.sequences(1) == [4]


async def test_a_subscriber_with_nothing_to_catch_up_with_is_told_so(world: World) -> None:
    follower = await world.follow()
    await follower.opened()
    await follower.expect(CaughtUp)


async def test_caught_up_comes_once_and_not_before_what_was_there(world: World) -> None:
    await world.publish()
    await world.publish()
    follower = await world.follow(credit=ONE)
    await follower.opened()
    assert await follower.sequences(1) == [1]
    assert await follower.waits() is Waiting.CREDIT
    follower.session.add_credit(ONE)
    assert await follower.sequences(1) == [2]
    await follower.expect(CaughtUp)
    await follower.expect(Heartbeat)


async def test_a_delivery_is_the_frame_and_its_leaf_says_so(world: World) -> None:
    frame = world.seal("gr-pol", contents=[b"one", b"two"])
    receipt = await world.services.publishing.publish("gr-pol", frame)
    delivered = await (await world.follow()).delivered()
    assert delivered.form is Form.FULL
    assert (delivered.frame.notices, delivered.shown) == (frame.notices, (0, 1))
    assert delivered.wrap in frame.wraps
    assert delivered.frame.publish_log == receipt.log
    fields: Any = {
        "recipient": "ro-pol",
        "topic": TOPIC,
        "sequence": 1,
        "statement": delivered.frame.statement_digest,
        "shown": bytes([0, 0, 0, 0, 0, 0, 0, 1]),
        "withheld": b"",
    }
    leaf = world.store.acts[delivered.log.index].leaf()
    check_leaf(leaf, delivered.log.salt, "deliver", fields)


async def test_nobody_gets_what_was_not_sealed_to_it(world: World) -> None:
    await world.publish(to=["cy-pol"])
    follower = await world.follow("ro-pol")
    await follower.caught_up()
    assert await follower.waits() is Waiting.NOTHING_NEW


async def test_an_originator_receives_its_own_frames(world: World) -> None:
    await world.publish("gr-pol")
    assert await (await world.follow("gr-pol")).sequences(1) == [1]


async def test_one_busy_topic_does_not_hold_back_another(world: World) -> None:
    world = await World.of(world.federation, batch_frames=2)
    for _ in range(6):
        await world.publish(topic=TOPIC)
    await world.publish(topic=LABOUR)
    follower = await world.follow()
    topics = [(await follower.delivered()).frame.topic for _ in range(7)]
    assert topics.index(LABOUR) <= 2


async def test_order_is_kept_among_many_publishers_and_subscribers(world: World) -> None:
    followers = [await world.follow("ro-pol", subscription=f"desk-{n}") for n in range(3)]
    writers = [world.publish(one) for _ in range(10) for one in ("gr-pol", "cy-pol")]
    received = asyncio.gather(*(follower.sequences(20) for follower in followers))
    await asyncio.gather(*writers)
    assert await received == [list(range(1, 21))] * 3


async def test_a_topic_that_comes_into_being_is_followed(world: World) -> None:
    follower = await world.follow()
    await follower.caught_up()
    await world.submit(
        TopicEntry(topic="victims", title="Victims", readers=("members",), publishers=("members",))
    )
    changed = await follower.expect(PolicyChanged)
    assert changed.directory_size == world.federation.directory.size
    await world.publish(topic="victims")
    assert (await follower.delivered()).frame.topic == "victims"


# Filters.


async def test_a_frame_outside_the_filter_comes_as_a_stub_without_wrap(world: World) -> None:
    await world.publish()
    follower = await world.follow(wanted=Filter(topics=("#",), types=("RED",)))
    delivered = await follower.delivered()
    assert (delivered.form, delivered.shown, delivered.wrap) == (Form.STUB, (), b"")
    assert delivered.recipient
    assert world.kinds()[-1] == "stub"


async def test_a_topic_outside_the_patterns_is_not_followed(world: World) -> None:
    await world.publish(topic=LABOUR)
    follower = await world.follow(wanted=Filter(topics=(TOPIC,)))
    await follower.caught_up()
    await world.publish(topic=LABOUR)
    assert await follower.waits() is Waiting.NOTHING_NEW


@pytest.mark.parametrize("pattern", ["trafficking/nothing", "closed"])
async def test_a_topic_unknown_or_not_for_the_caller_is_refused_alike(
    federation: Federation, pattern: str
) -> None:
    federation.add(TopicEntry(topic="closed", title="Closed", readers=("eu",), publishers=("eu",)))
    world = await World.of(federation)
    error = await refusal(world.follow(wanted=Filter(topics=(pattern,))))
    assert (error.reason, error.metadata) == (Reason.TOPIC_UNKNOWN, {"topic": pattern})
    assert world.acts("refuse")[-1].fields["act"] == "subscribe"


async def test_a_closed_topic_is_not_among_all_topics(federation: Federation) -> None:
    federation.add(TopicEntry(topic="closed", title="Closed", readers=("eu",), publishers=("eu",)))
    world = await World.of(federation)
    opened = await (await world.follow()).opened()
    assert [cursor.topic for cursor in opened.cursors] == [TOPIC, LABOUR]


async def test_an_agency_that_is_named_outside_its_circles_still_receives() -> None:
    member = Member(agency="bg-pol", circles=("eu",))
    world = await World.of(build(["gr-pol", "ro-pol", member]))
    follower = await world.follow("bg-pol")
    assert (await follower.opened()).cursors == ()
    await follower.expect(CaughtUp)
    await world.publish(named=["bg-pol"], topic=LABOUR)
    assert (await follower.delivered()).frame.topic == LABOUR


# The rule book at each delivery.


async def test_a_rule_book_narrowed_after_publication_withholds(world: World) -> None:
    await world.publish(contents=[b"one", b"two"])
    await world.narrow()
    delivered = await (await world.follow()).delivered()
    assert (delivered.form, delivered.shown, delivered.wrap) == (Form.WITHHELD, (), b"")
    assert [(one.index, one.reason) for one in delivered.withheld] == [
        (0, WithheldReason.POLICY),
        (1, WithheldReason.POLICY),
    ]
    act = world.acts("withhold")[-1]
    assert act.fields["withheld"] == bytes([0, 0, 0, 0, 1, 0, 0, 0, 1, 1])


async def test_a_rule_book_narrowed_on_a_live_stream_counts_from_the_next_frame(
    world: World,
) -> None:
    for _ in range(3):
        await world.publish()
    follower = await world.follow()
    assert (await follower.delivered()).form is Form.FULL
    await world.narrow()
    await follower.expect(PolicyChanged)
    forms = [(await follower.delivered()).form for _ in range(2)]
    assert forms == [Form.WITHHELD, Form.WITHHELD]
    logged = [
        (act.kind, act.fields["sequence"]) for act in world.store.acts if "shown" in act.fields
    ]
    assert logged[-2:] == [("withhold", 2), ("withhold", 3)]


async def test_a_decision_that_waited_is_taken_again(world: World) -> None:
    ending = notice_draft(expires_at=NOW + 1000)
    for draft in (notice_draft(), ending):
        await world.publish(contents=[draft])
    follower = await world.follow()
    await follower.delivered()
    world.clock.time += 1000
    late = await follower.delivered()
    assert (late.form, late.withheld[0].reason) == (Form.WITHHELD, WithheldReason.EXPIRED)
    assert world.kinds()[-2:] == ["deliver", "withhold"]


async def test_a_decision_that_comes_out_the_same_has_one_leaf(world: World) -> None:
    for _ in range(3):
        await world.publish()
    follower = await world.follow()
    await follower.delivered()
    world.clock.time += DAY
    await follower.sequences(2)
    assert world.kinds().count("deliver") == 3


async def test_expired_and_not_yet_valid_notices_are_withheld_one_by_one(world: World) -> None:
    drafts = [
        notice_draft(b"now"),
        notice_draft(b"over", expires_at=NOW + 10),
        notice_draft(b"later", valid_from=NOW + DAY),
    ]
    frame = world.seal("gr-pol", contents=drafts)
    await world.services.publishing.publish("gr-pol", frame)
    world.clock.time += 10
    delivered = await (await world.follow()).delivered()
    assert (delivered.form, delivered.shown) == (Form.PARTIAL, (0,))
    assert [(one.index, one.reason) for one in delivered.withheld] == [
        (1, WithheldReason.EXPIRED),
        (2, WithheldReason.NOT_YET_VALID),
    ]
    assert len(delivered.paths) == 1


async def test_an_agency_that_left_the_circle_is_told_what_is_kept_back(world: World) -> None:
    await world.publish()
    await world.submit(replace(world.federation.agencies["ro-pol"].entry, circles=("other",)))
    delivered = await (await world.follow()).delivered()
    assert delivered.form is Form.WITHHELD


async def test_a_lock_ends_the_session_with_nothing_more_delivered(world: World) -> None:
    for _ in range(3):
        await world.publish()
    follower = await world.follow()
    await follower.delivered()
    await world.lock("ro-pol")
    assert await follower.ended() is Reason.AGENCY_LOCKED


async def test_a_locked_agency_opens_no_session(world: World) -> None:
    await world.lock("ro-pol")
    assert (await refusal(world.follow())).reason is Reason.AGENCY_LOCKED


# Silence, checkpoints, the end.


async def test_a_silent_session_says_so_and_where_the_topics_stand(world: World) -> None:
    await world.publish()
    follower = await world.follow()
    await follower.sequences(1)
    await follower.expect(CaughtUp)
    heartbeat = await follower.expect(Heartbeat)
    assert heartbeat.waiting is Waiting.NOTHING_NEW
    assert Cursor(topic=TOPIC, sequence=1) in heartbeat.heads


async def checkpoint(follower: Follower) -> CheckpointNote:
    while not isinstance(event := await anext(follower.events), CheckpointNote):
        pass
    return event


async def test_a_session_is_given_signed_checkpoints_of_the_log(federation: Federation) -> None:
    world = await World.of(federation, checkpoint_ms=1)
    follower = await world.follow()
    broker = federation.broker
    first = verify_checkpoint((await checkpoint(follower)).note, broker.origin, broker.log_key)
    await world.publish()
    await follower.sequences(1)
    second = verify_checkpoint((await checkpoint(follower)).note, broker.origin, broker.log_key)
    assert second.size == len(world.store.acts) > first.size


async def test_checkpoints_do_not_come_more_often_than_they_may(world: World) -> None:
    follower = await world.follow()
    kinds = [type(await anext(follower.events)) for _ in range(3)]
    assert kinds == [Opened, CheckpointNote, CaughtUp]
    await world.publish()
    kinds = [type(await anext(follower.events)) for _ in range(3)]
    assert kinds == [Delivered, Heartbeat, Heartbeat]


async def test_draining_ends_every_session_with_a_word(world: World) -> None:
    followers = [await world.follow(subscription=name) for name in ("one", "two")]
    for follower in followers:
        await follower.caught_up()
    await world.services.subscriptions.drain()
    for follower in followers:
        await follower.expect(Draining)
        with pytest.raises(StopAsyncIteration):
            await anext(follower.events)
    assert (await refusal(world.follow())).reason is Reason.DRAINING


async def test_nothing_is_delivered_when_its_leaf_cannot_be_written(world: World) -> None:
    await world.publish()
    follower = await world.follow()
    await follower.opened()
    world.store.fail(Reason.STORAGE_FULL)
    assert await follower.ended() is Reason.STORAGE_FULL
    assert "deliver" not in world.kinds()


async def test_a_full_store_ends_no_session_that_has_nothing_to_write(world: World) -> None:
    world.store.fail(Reason.STORAGE_FULL)
    follower = await world.follow()
    await follower.caught_up()
    assert await follower.waits() is Waiting.NOTHING_NEW


async def test_a_session_that_cannot_open_leaves_nothing_behind(world: World) -> None:
    for _ in range(3):
        await refusal(world.follow(wanted=Filter(topics=("nothing",))))
    assert not world.services.subscriptions._sessions
    await (await world.follow()).caught_up()
