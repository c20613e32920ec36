# SPDX-License-Identifier: Apache-2.0
"""Requirements of section 16 on the broker: forms, credit, places, and how streams end."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from broker.domain.credit import Credit
from broker.domain.cursors import Cursor
from broker.domain.deliveries import Delivered, Form, WithheldReason
from broker.domain.events import (
    Acknowledged,
    CaughtUp,
    Draining,
    Event,
    Heartbeat,
    Opened,
    PolicyChanged,
    Waiting,
)
from broker.domain.filters import Filter
from broker.domain.limits import Settings
from broker.domain.logs import LogKind
from broker.errors import BrokerError, Reason
from keys import merkle
from keys.entries import RuleBookEntry
from keys.envelope import NoticeHeader, Statement
from keys.framing import sha256
from keys.logleaf import LeafBody, Value, check_leaf
from policy import standard_book
from tests.simulator.federation import HOUR, NOW, TOPIC, notice_draft
from tests.simulator.rule_books import standard_and
from tests.unit.protocol.desk import EVERYTHING, Desk, Line, opened
from tests.unit.protocol.material import ORIGINATOR, READER

NO_ROMANIA = (
    '@id("X1") @says("Nobody in Romania for now.") forbid (principal is Tocsin::Agency,'
    ' action == Tocsin::Action::"deliver", resource is Tocsin::Notice)'
    ' when { principal.country == Tocsin::Country::"RO" };'
)


async def publish(desk: Desk, count: int) -> None:
    for at in range(count):
        await desk.publish(desk.seal(b"content %d" % at))


async def narrow(desk: Desk) -> None:
    """Put a rule book in force that lets nobody in Romania receive."""
    schema, _ = standard_book()
    entry = RuleBookEntry(version=2, schema=schema, policies=standard_and(NO_ROMANIA))
    await desk.services.directory.submit(desk.federation.add(entry).encode())


def cursor(sequence: int) -> Cursor:
    return Cursor(topic=TOPIC, sequence=sequence)


async def refusal(call: Any) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        await call
    return caught.value


# Forms.


@pytest.mark.must("SUB-1", "SUB-2", "SUB-5")
async def test_a_narrower_rule_book_withholds_what_is_stored(desk: Desk) -> None:
    await publish(desk, 1)
    line = await desk.open()
    (before,) = await line.delivered(1)
    assert before.form is Form.FULL
    await narrow(desk)
    await line.until(PolicyChanged)
    (after,) = await desk.caught_up()
    assert (after.form, after.shown, after.wrap) == (Form.WITHHELD, (), b"")
    assert [one.reason for one in after.withheld] == [WithheldReason.POLICY]
    fetched = desk.services.subscriptions.get_notice(READER, ORIGINATOR, first_id(before))
    assert (await refusal(fetched)).reason is Reason.NOT_FOUND
    await line.hang_up()


def first_id(delivered: Delivered) -> bytes:
    return NoticeHeader.decode(delivered.frame.notices[0].header).notice_id


@pytest.mark.must("SUB-3", "SUB-4", "SUB-5")
async def test_notices_come_within_their_time_only(desk: Desk) -> None:
    later = notice_draft(b"later", valid_from=NOW + HOUR)
    sooner = notice_draft(b"sooner", expires_at=NOW + HOUR)
    await desk.publish(desk.seal(b"always", later, sooner))
    seen = {}
    for at in (NOW, NOW + HOUR - 1, NOW + HOUR):
        desk.clock.ms = at
        (one,) = await desk.caught_up()
        kept = {held.index: held.reason for held in one.withheld}
        assert sorted([*one.shown, *kept]) == [0, 1, 2]
        assert one.form is Form.PARTIAL
        assert one.wrap
        hashes = [notice.leaf_hash for notice in one.frame.notices]
        statement = Statement.decode(one.frame.statement)
        for index, path in zip(one.shown, one.paths, strict=True):
            merkle.verify_inclusion(hashes[index], index, path, 3, statement.notice_root)
        seen[at] = (one.shown, kept)
    early = ((0, 2), {1: WithheldReason.NOT_YET_VALID})
    assert seen == {
        NOW: early,
        NOW + HOUR - 1: early,
        NOW + HOUR: ((0, 1), {2: WithheldReason.EXPIRED}),
    }


@pytest.mark.must("SUB-19", "SUB-5")
async def test_frames_outside_the_filter_come_as_stubs(desk: Desk) -> None:
    await publish(desk, 1)
    for wanted in (
        Filter(topics=("#",), types=("RED",)),
        Filter(topics=(TOPIC,), originators=("it-pol",)),
    ):
        (one,) = await desk.caught_up(wanted=wanted)
        assert (one.form, one.shown, one.withheld, one.wrap) == (Form.STUB, (), (), b"")
        assert one.recipient
        assert one.frame.statement
    (whole,) = await desk.caught_up(wanted=Filter(topics=("trafficking/+",), types=("BLUE",)))
    assert whole.form is Form.FULL


@pytest.mark.must("SUB-6", "LOG-5")
async def test_the_leaf_is_stored_before_the_delivery_goes_out(desk: Desk) -> None:
    await publish(desk, 1)
    line = await desk.open()
    (one,) = await line.delivered(1)
    leaf = (await desk.leaves())[one.log.index]
    fields: dict[str, Value] = {
        "recipient": READER,
        "topic": TOPIC,
        "sequence": 1,
        "statement": sha256(one.frame.statement),
        "shown": bytes(4),
        "withheld": b"",
    }
    assert check_leaf(leaf.encode(), one.log.salt, "deliver", fields).time_ms == one.log.time_ms
    await line.hang_up()


@pytest.mark.must("SUB-15")
async def test_unknown_and_forbidden_notices_are_answered_alike(desk: Desk) -> None:
    await publish(desk, 1)
    (delivered,) = await desk.caught_up()
    get = desk.services.subscriptions.get_notice
    notice_id = first_id(delivered)
    found = await get(READER, ORIGINATOR, notice_id)
    assert (found.shown, found.paths) == ((0,), ((),))
    refusals = [
        await refusal(get(READER, ORIGINATOR, bytes(16))),
        await refusal(get("hr-ngo", ORIGINATOR, notice_id)),
        await refusal(get(READER, "it-pol", notice_id)),
        await refusal(get(READER, "nobody", notice_id)),
    ]
    await narrow(desk)
    refusals.append(await refusal(get(READER, ORIGINATOR, notice_id)))
    assert {(one.reason, len(one.metadata)) for one in refusals} == {(Reason.NOT_FOUND, 0)}
    assert (await desk.kinds()).count("fetch") == 1


# Credit.


async def silence(line: Line) -> Heartbeat:
    """Return the heartbeat that says why nothing comes."""
    event = (await line.until(Heartbeat))[-1]
    assert isinstance(event, Heartbeat)
    return event


@pytest.mark.must("SUB-11", "SUB-13")
@pytest.mark.parametrize("credit", [Credit(frames=1, bytes=1 << 30), Credit(frames=9, bytes=1)])
async def test_nothing_is_sent_without_credit(tmp_path: Path, credit: Credit) -> None:
    async with opened(tmp_path, Settings(heartbeat_ms=20)) as desk:
        await publish(desk, 2)
        line = await desk.open(credit=credit)
        await line.delivered(1)
        beat = await silence(line)
        assert (beat.waiting, beat.heads) == (Waiting.CREDIT, (cursor(2),))
        line.session.add_credit(Credit(frames=1, bytes=1 << 30))
        (second,) = await line.delivered(1)
        assert second.frame.sequence == 2
        assert (await silence(line)).waiting is Waiting.NOTHING_NEW
        await line.hang_up()


async def test_no_credit_means_no_leaf_either(tmp_path: Path) -> None:
    async with opened(tmp_path, Settings(heartbeat_ms=20)) as desk:
        await publish(desk, 1)
        line = await desk.open(credit=Credit())
        await line.until(Heartbeat)
        assert "deliver" not in await desk.kinds()
        await line.hang_up()


@pytest.mark.must("SUB-13")
def test_a_broker_says_something_at_least_every_fifteen_seconds() -> None:
    assert Settings().heartbeat_ms <= 15_000


# Places.


@pytest.mark.must("SUB-12")
async def test_caught_up_comes_once_and_after_what_was_stored(desk: Desk) -> None:
    await publish(desk, 3)
    line = await desk.open()
    assert isinstance(await line.next(), Opened)
    before = await line.until(CaughtUp)
    assert len([one for one in before if isinstance(one, Delivered)]) == 3
    await publish(desk, 2)
    after: list[Event] = []
    while len([one for one in after if isinstance(one, Delivered)]) < 2:
        after.append(await line.next())
    line.session.drain()
    after += await line.until(Draining)
    assert not [one for one in after if isinstance(one, CaughtUp)]


@pytest.mark.must("SUB-8", "SUB-9")
async def test_what_is_acknowledged_never_comes_again_and_the_rest_does(desk: Desk) -> None:
    await publish(desk, 3)
    line = await desk.open()
    await line.delivered(3)
    await line.session.acknowledge(cursor(2))
    assert (await line.until(Acknowledged))[-1] == Acknowledged(cursor=cursor(2))
    await line.hang_up()
    again = await desk.open()
    assert isinstance(first := await again.next(), Opened)
    assert (first.cursors, first.heads) == ((cursor(2),), (cursor(3),))
    assert [one.frame.sequence for one in await again.delivered(1)] == [3]
    await again.hang_up()
    pulled = await desk.services.subscriptions.pull(READER, "desk", EVERYTHING, 10, 0)
    assert [one.frame.sequence for one in pulled] == [3]
    other = await desk.services.subscriptions.pull(READER, "other", EVERYTHING, 10, 0)
    assert [one.frame.sequence for one in other] == [1, 2, 3]


@pytest.mark.must("SUB-10")
async def test_what_was_not_delivered_cannot_be_acknowledged(desk: Desk) -> None:
    await publish(desk, 3)
    line = await desk.open(credit=Credit(frames=2, bytes=1 << 30))
    await line.delivered(2)
    error = await refusal(line.session.acknowledge(cursor(3)))
    assert error.reason is Reason.INVALID_ARGUMENT
    acknowledge = desk.services.subscriptions.acknowledge
    both = [cursor(1), Cursor(topic=TOPIC, sequence=3)]
    assert (await refusal(acknowledge(READER, "desk", both))).reason is Reason.INVALID_ARGUMENT
    assert dict(await desk.store.places(READER, "desk"))[TOPIC].acknowledged == 0
    await line.hang_up()


@pytest.mark.must("SUB-18")
async def test_a_place_can_be_set_back(desk: Desk) -> None:
    await publish(desk, 3)
    line = await desk.open()
    await line.delivered(3)
    await line.session.acknowledge(cursor(3))
    await line.hang_up()
    seek = desk.services.subscriptions.seek
    assert await seek(READER, "desk", TOPIC, 1) == cursor(1)
    assert [one.frame.sequence for one in await desk.caught_up()] == [2, 3]
    assert (await refusal(seek(READER, "desk", TOPIC, 4))).reason is Reason.INVALID_ARGUMENT


# Streams that end.


@pytest.mark.must("SUB-14")
async def test_a_lock_ends_a_stream(desk: Desk) -> None:
    line = await desk.open()
    await line.until(CaughtUp)
    waiting = asyncio.create_task(line.next())
    await desk.services.directory.submit(desk.federation.lock(READER).encode())
    async with asyncio.timeout(1):
        assert (await refusal(waiting)).reason is Reason.AGENCY_LOCKED
    assert (await refusal(desk.open())).reason is Reason.AGENCY_LOCKED
    await line.hang_up()


@pytest.mark.must("SUB-16")
async def test_a_broker_that_stops_says_so(desk: Desk) -> None:
    line = await desk.open()
    await line.until(CaughtUp)
    await desk.services.subscriptions.drain()
    assert isinstance((await line.until(Draining))[-1], Draining)
    with pytest.raises(StopAsyncIteration):
        await line.next()
    assert (await refusal(desk.open())).reason is Reason.DRAINING
    line.session.close()


@pytest.mark.must("SUB-20")
async def test_a_second_stream_takes_the_place_of_the_first(desk: Desk) -> None:
    await publish(desk, 1)
    first = await desk.open()
    await first.delivered(1)
    second = await desk.open()
    assert (await refusal(first.next())).reason is Reason.SUBSCRIPTION_BUSY
    late = first.session.acknowledge(cursor(1))
    assert (await refusal(late)).reason is Reason.SUBSCRIPTION_BUSY
    assert [one.frame.sequence for one in await second.delivered(1)] == [1]
    await first.hang_up()
    await second.hang_up()


@pytest.mark.must("SUB-17")
@pytest.mark.parametrize(
    "topics",
    [
        (),
        ("",),
        ("a//b",),
        ("#/a",),
        ("a#",),
        ("A",),
        ("a/" * 8 + "a",),
        ("a",) * 65,
        ("a b",),
    ],
    ids=["none", "empty", "segment", "not last", "glued", "case", "nine", "65", "space"],
)
def test_a_filter_of_another_form_is_refused(topics: tuple[str, ...]) -> None:
    with pytest.raises(BrokerError) as caught:
        Filter(topics=topics)
    assert caught.value.reason is Reason.INVALID_ARGUMENT


@pytest.mark.must("SUB-17")
def test_patterns_match_as_they_are_described() -> None:
    topics = ["a", "a/b", "a/b/c", "b"]
    matches = {
        "#": topics,
        "a/#": ["a", "a/b", "a/b/c"],
        "+": ["a", "b"],
        "a/+": ["a/b"],
        "+/b/#": ["a/b", "a/b/c"],
        "a/b/c": ["a/b/c"],
    }
    assert {one: Filter(topics=(one,)).chooses(topics) for one in matches} == matches


# Leaves.


@pytest.mark.must("LOG-2")
async def test_every_leaf_has_a_salt_of_its_own(desk: Desk) -> None:
    frame = desk.seal()
    receipt = await desk.publish(frame)
    salts = {receipt.log.salt}
    for _ in range(3):
        (one,) = await desk.caught_up()
        salts.add(one.log.salt)
        assert one.frame.publish_log.salt == receipt.log.salt
    assert len(salts) == 4
    size = await desk.store.tree_size(LogKind.ACTS)
    leaves = await desk.store.leaves(LogKind.ACTS, 0, size)
    assert all(LeafBody.decode(leaf).encode() == leaf for leaf in leaves)
