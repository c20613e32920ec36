# SPDX-License-Identifier: Apache-2.0
"""What arrives is stored, then acknowledged; nothing is doubled, and every number accounted for."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from agency_client.domain.content import Content
from agency_client.domain.delivery import (
    Acknowledged,
    CheckpointSeen,
    Cursor,
    Delivery,
    Draining,
    Filter,
    Heartbeat,
    HistoryGone,
    PolicyChanged,
    WithheldReason,
)
from agency_client.domain.findings import FindingKind
from agency_client.domain.records import ChainKey, ReceivedBatch
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import LogKind
from agency_client.services import receiving
from keys.entries import TopicEntry
from keys.signers import generate_signer
from tests.simulator.agency import EVERYTHING, Draft, SimulatedAgency
from tests.simulator.broker import MemoryBroker, MemorySubscription
from tests.simulator.federation import DAY, MARKING, NOW, TOPIC, YEARS

OTHER = "victims/referrals"


def kinds(agency: SimulatedAgency) -> list[FindingKind]:
    return [one.kind for one in reversed(agency.store.inbox.findings(100))]


def subscription(agency: SimulatedAgency) -> tuple[str, str]:
    return agency.id, agency.store.inbox.subscription()


async def publish_each(agency: SimulatedAgency, *texts: str) -> None:
    for text in texts:
        await agency.publish(Draft(text=text))


async def test_notices_arrive_once_and_in_order(gr: SimulatedAgency, ro: SimulatedAgency) -> None:
    await publish_each(gr, "one", "two", "three")
    report = await ro.receiver.catch_up(EVERYTHING)
    assert (report.frames, report.notices, report.findings) == (3, 3, ())
    assert (await ro.receiver.catch_up(EVERYTHING)).frames == 0
    assert ro.titles() == ["one", "two", "three"]


async def test_what_is_stored_is_acknowledged_at_the_broker(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    await publish_each(gr, "one", "two")
    await ro.receiver.catch_up(EVERYTHING)
    assert broker.cursors[subscription(ro)] == {TOPIC: 2}


async def test_more_frames_than_the_credit_arrive_as_credit_is_given_back(
    gr: SimulatedAgency, ro: SimulatedAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "CREDIT_FRAMES", 2)
    await publish_each(gr, *"abcdefg")
    assert (await ro.receiver.catch_up(EVERYTHING)).frames == 7


async def test_our_own_notices_come_back_and_are_not_doubled(gr: SimulatedAgency) -> None:
    await publish_each(gr, "ours")
    await gr.receiver.catch_up(EVERYTHING)
    assert gr.titles() == ["ours"]
    assert kinds(gr) == []


async def test_a_batch_asks_the_store_once_for_what_a_chain_lacks(
    gr: SimulatedAgency, ro: SimulatedAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[ChainKey] = []
    missing = ro.store.inbox.missing

    def noted(key: ChainKey) -> Sequence[tuple[int, int]]:
        asked.append(key)
        return missing(key)

    await publish_each(gr, "one")
    await ro.receiver.catch_up(EVERYTHING)
    monkeypatch.setattr(ro.store.inbox, "missing", noted)
    await publish_each(gr, "two", "three", "four")
    assert (await ro.receiver.catch_up(EVERYTHING)).findings == ()
    assert len(asked) == 1


async def test_a_session_yields_what_arrives_while_it_is_open(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    session = ro.receiver.session(EVERYTHING)
    await publish_each(gr, "one")
    first = await anext(session)
    await publish_each(gr, "two")
    second = await anext(session)
    await session.aclose()
    assert (len(first.rows), len(second.rows)) == (1, 1)


async def test_a_draining_broker_ends_the_session(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    await publish_each(gr, "one")
    broker.events.extend([Draining()])
    batches = [batch async for batch in ro.receiver.session(EVERYTHING)]
    assert [len(one.rows) for one in batches] == [1]


# Stored, then acknowledged.


async def test_nothing_is_acknowledged_that_could_not_be_stored(
    gr: SimulatedAgency,
    ro: SimulatedAgency,
    broker: MemoryBroker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(_batch: ReceivedBatch, _now: int) -> list[int]:
        raise AgencyError(Reason.STORE_FAILED, "the disk is full")

    await publish_each(gr, "one")
    monkeypatch.setattr(ro.store.inbox, "record", full)
    with pytest.raises(AgencyError, match="the disk is full"):
        await ro.receiver.catch_up(EVERYTHING)
    assert broker.cursors[subscription(ro)] == {}
    monkeypatch.undo()
    assert (await ro.receiver.catch_up(EVERYTHING)).notices == 1


@pytest.mark.must("OPEN-20")
async def test_a_frame_that_comes_again_after_a_crash_is_not_doubled(
    gr: SimulatedAgency,
    ro: SimulatedAgency,
    broker: MemoryBroker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def crash(_: MemorySubscription, _cursor: Cursor) -> None:
        raise AgencyError(Reason.BROKER_UNREACHABLE, "the connection broke")

    await publish_each(gr, "one")
    monkeypatch.setattr(MemorySubscription, "acknowledge", crash)
    with pytest.raises(AgencyError):
        await ro.receiver.catch_up(EVERYTHING)
    monkeypatch.undo()
    again = ro.reopen()
    report = await again.receiver.catch_up(EVERYTHING)
    assert (report.notices, report.findings) == (0, ())
    assert again.titles() == ["one"]
    assert broker.cursors[subscription(again)] == {TOPIC: 1}
    again.store.close()


async def test_what_was_stored_is_handed_on_though_its_acknowledgement_failed(
    gr: SimulatedAgency, ro: SimulatedAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(_: MemorySubscription, _cursor: Cursor) -> None:
        raise AgencyError(Reason.BROKER_UNREACHABLE, "the connection broke")

    await publish_each(gr, "one")
    monkeypatch.setattr(MemorySubscription, "acknowledge", crash)
    handed: list[int] = []

    async def listen() -> None:
        async for batch in ro.receiver.session(EVERYTHING):
            handed.extend(batch.rows)

    with pytest.raises(AgencyError, match="the connection broke"):
        await listen()
    assert len(handed) == 1


async def test_a_store_that_is_behind_its_subscription_goes_back_and_receives_again(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    await publish_each(gr, "one", "two")
    broker.cursors[subscription(ro)] = {TOPIC: 2}
    report = await ro.receiver.catch_up(EVERYTHING)
    assert report.notices == 2
    assert broker.calls["seek"] == 1
    assert ro.titles() == ["one", "two"]


# Every number accounted for.


async def test_a_frame_outside_the_filter_arrives_as_a_stub_and_leaves_no_gap(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    await gr.publish(Draft(text="one"))
    await gr.publish(Draft(text="two", marking=replace(MARKING, type="YELLOW")))
    await gr.publish(Draft(text="three"))
    report = await ro.receiver.catch_up(Filter(topics=("#",), types=("BLUE",)))
    assert (report.frames, report.stubs, report.notices) == (3, 1, 2)
    assert report.findings == ()
    assert ro.titles() == ["one", "three"]


async def test_a_frame_that_policy_keeps_back_is_accounted_for(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    await publish_each(gr, "before")
    ro.federation.replace_agency("ro-pol", agreement_until=NOW + DAY)
    ro.clock.now = NOW + 2 * DAY
    report = await ro.receiver.catch_up(EVERYTHING)
    assert (report.frames, report.notices, report.withheld) == (1, 0, 1)
    assert report.findings == ()


async def test_an_expired_notice_is_withheld_and_the_rest_of_its_frame_arrives(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    await gr.publish(Draft(text="short", expires_at=NOW + 1000), Draft(text="long"))
    ro.clock.now = NOW + 1000
    report = await ro.receiver.catch_up(EVERYTHING)
    assert (report.notices, report.withheld) == (1, 1)
    assert ro.titles() == ["long"]


async def test_a_frame_that_did_not_arrive_is_a_gap_that_names_its_number(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.lie = lambda _, delivery: () if delivery.sequence == 2 else (delivery,)
    await publish_each(gr, "one", "two", "three")
    report = await ro.receiver.catch_up(EVERYTHING)
    (finding,) = report.findings
    assert (finding.kind, finding.originator) == (FindingKind.GAP, "gr-pol")
    assert finding.detail == "numbers 2-2 of the chain have not arrived"
    assert ro.titles() == ["one", "three"]


async def test_a_gap_is_filled_by_what_comes_late(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    kept: list[Delivery] = []

    def swap(_agency: str, delivery: Delivery) -> tuple[Delivery, ...]:
        if delivery.sequence == 1:
            kept.append(delivery)
            return ()
        return (delivery, *kept)

    broker.lie = swap
    await publish_each(gr, "one", "two")
    await ro.receiver.catch_up(EVERYTHING)
    assert kinds(ro) == [FindingKind.GAP, FindingKind.LATE]
    assert ro.titles() == ["two", "one"]
    chain = ChainKey(originator="gr-pol", outlet=gr.store.outbox.outlet(), topic=TOPIC)
    assert ro.store.inbox.missing(chain) == ()


async def test_a_frame_that_is_delivered_twice_is_kept_once(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.lie = lambda _, delivery: (delivery, delivery)
    await publish_each(gr, "one", "two")
    report = await ro.receiver.catch_up(EVERYTHING)
    assert (report.notices, report.findings) == (2, ())
    assert ro.titles() == ["one", "two"]


async def test_notices_that_were_withheld_are_added_when_the_frame_comes_whole(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    await gr.publish(Draft(text="now"), Draft(text="later", valid_from=NOW + DAY))
    first = await ro.receiver.catch_up(EVERYTHING)
    assert (first.notices, first.withheld) == (1, 1)
    ro.clock.now = NOW + 2 * DAY
    broker.cursors[subscription(ro)] = {}
    second = await ro.receiver.catch_up(EVERYTHING)
    assert (second.notices, second.findings) == (1, ())
    assert sorted(ro.titles()) == ["later", "now"]


async def test_a_new_outlet_begins_a_chain_of_its_own(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    await publish_each(gr, "one")
    gr.store.outbox.new_outlet()
    await publish_each(gr, "two")
    assert (await ro.receiver.catch_up(EVERYTHING)).findings == ()


def test_each_reason_to_withhold_has_its_number_in_the_log() -> None:
    assert [one.number for one in WithheldReason] == [1, 2, 3, 4, 0]


# Control events.


async def test_a_change_of_policy_makes_us_fetch_the_directory(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    ro.federation.lock("bg-pol")
    size = ro.federation.directory.size
    broker.events.append(PolicyChanged(directory_size=size, rule_book_version=1))
    await ro.receiver.catch_up(EVERYTHING)
    assert ro.directory.current.directory.is_locked("bg-pol")


async def test_history_that_is_gone_is_a_finding(ro: SimulatedAgency, broker: MemoryBroker) -> None:
    broker.events.append(HistoryGone(topic=TOPIC, first_available=7))
    await ro.receiver.catch_up(EVERYTHING)
    (finding,) = ro.store.inbox.findings(10)
    assert (finding.kind, finding.topic) == (FindingKind.HISTORY_GONE, TOPIC)


async def test_a_checkpoint_heard_on_the_stream_is_pinned(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    await publish_each(gr, "one")
    broker.events.append(CheckpointSeen(note=broker.log.checkpoint()))
    await ro.receiver.catch_up(EVERYTHING)
    pinned = ro.store.trust.checkpoint(LogKind.ACTS)
    assert pinned is not None
    assert pinned.size == 1


async def test_a_forked_checkpoint_is_a_finding_and_the_feed_goes_on(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.log.fill(5, NOW)
    await ro.checkpoints.advance()
    broker.log.rewritten_from(2, NOW)
    broker.log.fill(3, NOW)
    broker.events.append(CheckpointSeen(note=broker.log.checkpoint()))
    await publish_each(gr, "one")
    await ro.receiver.catch_up(EVERYTHING)
    assert kinds(ro) == [FindingKind.LOG_FORK]
    assert ro.titles() == ["one"]


async def test_a_notice_under_a_new_key_makes_us_fetch_the_directory(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    federation = ro.federation
    signer = generate_signer("2027-01-sign")
    old = federation.agencies["gr-pol"].entry.signing
    new = signer.public(valid_from=NOW - DAY, valid_until=NOW + YEARS)
    federation.replace_agency("gr-pol", signing=(*old, new))
    federation.agencies["gr-pol"].signer = signer
    content = Content(notice=Draft(text="under the new key").notice).encode()
    broker.force(federation.seal("gr-pol", [content], to=("ro-pol",)))
    report = await ro.receiver.catch_up(EVERYTHING)
    assert (report.notices, report.findings) == (1, ())


# A broker that does not keep to its credit.


async def test_a_broker_that_exceeds_its_credit_loses_the_stream(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.lie = lambda _, delivery: [delivery] * 1000
    await publish_each(gr, "one")
    with pytest.raises(AgencyError, match="more than it has credit for"):
        await ro.receiver.catch_up(EVERYTHING)


async def test_a_broker_cannot_fill_the_queue_with_control_events(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.events.extend([Acknowledged(cursor=Cursor(topic=TOPIC, sequence=1))] * 5000)
    with pytest.raises(AgencyError, match="more than it has credit for"):
        await ro.receiver.catch_up(EVERYTHING)


async def test_heartbeats_are_not_queued(ro: SimulatedAgency, broker: MemoryBroker) -> None:
    broker.events.extend([Heartbeat(waiting_for_credit=False, heads=())] * 10_000)
    assert (await ro.receiver.catch_up(EVERYTHING)).frames == 0


async def test_a_broker_that_is_away_is_an_error_and_changes_nothing(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.away = True
    with pytest.raises(AgencyError) as caught:
        await ro.receiver.catch_up(EVERYTHING)
    assert caught.value.reason is Reason.BROKER_UNREACHABLE
    assert ro.store.inbox.count() == 0


async def test_a_topic_that_is_newer_than_our_directory_makes_us_fetch_it(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    gr.federation.add(
        TopicEntry(topic=OTHER, title="Referrals", readers=("members",), publishers=("members",))
    )
    await gr.directory.sync()
    await gr.publish(Draft(text="referral", topic=OTHER))
    report = await ro.receiver.catch_up(EVERYTHING)
    assert (report.notices, report.findings) == (1, ())


async def test_only_the_topics_asked_for_arrive(gr: SimulatedAgency, ro: SimulatedAgency) -> None:
    gr.federation.add(
        TopicEntry(topic=OTHER, title="Referrals", readers=("members",), publishers=("members",))
    )
    await gr.directory.sync()
    await gr.publish(Draft(text="case"), Draft(text="referral", topic=OTHER))
    await ro.receiver.catch_up(Filter(topics=("victims/#",)))
    assert ro.titles() == ["referral"]
