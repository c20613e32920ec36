# SPDX-License-Identifier: Apache-2.0
"""Drafts become sealed frames of the outbox, durable before the network is tried."""

from dataclasses import replace
from pathlib import Path

from agency_client.domain.outbox import FrameState
from agency_client.domain.views import PublishState
from agency_client.errors import Reason
from keys.envelope import FrameHeader, NoticeHeader
from tests.simulator.agency import EVERYTHING, Draft, SimulatedAgency
from tests.simulator.broker import MemoryBroker
from tests.simulator.federation import MARKING, TOPIC


async def test_a_notice_is_queued_durably_while_the_broker_is_away(
    gr: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.away = True
    report = await gr.publish(Draft())
    assert [one.state for one in report.notices] == [PublishState.QUEUED]
    assert gr.reopen().store.outbox.count() == (1, 1)


async def test_what_was_queued_is_sent_once_after_a_restart(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.away = True
    await gr.publish(Draft(text="while it was away"))
    broker.away = False
    again = gr.reopen()
    await again.send()
    await again.send()
    await ro.receiver.catch_up(EVERYTHING)
    assert ro.titles() == ["while it was away"]
    assert len(broker.received) == 1
    again.store.close()


async def test_drafts_of_one_topic_marking_and_audience_share_a_frame(gr: SimulatedAgency) -> None:
    strict = replace(MARKING, tlp="AMBER+STRICT")
    queued = await gr.publisher.queue(
        [
            Draft(),
            Draft(marking=strict),
            Draft(),
            Draft(marking=strict),
            Draft(marking=strict, to=("ro-pol",)),
        ]
    )
    positions = [[one.position for one in plan.notices] for _, plan in queued.frames]
    assert positions == [[0, 2], [1, 3], [4]]
    assert gr.store.outbox.count() == (3, 5)


async def test_a_frame_holds_at_most_256_notices(gr: SimulatedAgency) -> None:
    queued = await gr.publisher.queue([Draft()] * 257)
    assert [len(plan.notices) for _, plan in queued.frames] == [256, 1]


async def test_a_receipt_says_where_the_notice_stands(gr: SimulatedAgency) -> None:
    await gr.publish(Draft())
    (outcome,) = (await gr.publish(Draft())).notices
    assert outcome.state is PublishState.ACCEPTED
    assert (outcome.topic, outcome.sequence, outcome.log_index) == (TOPIC, 2, 1)
    assert outcome.recipients == ("bg-pol", "gr-pol", "ro-pol")


async def test_a_frame_names_the_checkpoint_that_was_pinned(gr: SimulatedAgency) -> None:
    await gr.publish(Draft())
    pinned = await gr.checkpoints.advance()
    await gr.publish(Draft())
    header = FrameHeader.decode(gr.broker.frames[TOPIC][1].frame.header)
    assert (header.log.size, header.log.root) == (pinned.size, pinned.root)


async def test_a_new_version_supersedes_our_own_notice(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    (first,) = (await gr.publish(Draft(text="old"))).notices
    await gr.publish(Draft(text="new", supersedes=(first.notice_id.hex(),)))
    await ro.receiver.catch_up(EVERYTHING)
    (row,) = ro.store.inbox.find(first.notice_id.hex())
    assert row.state == "superseded"


# Refusals.


async def test_good_drafts_go_where_others_are_refused(gr: SimulatedAgency) -> None:
    report = await gr.publish(Draft(topic="no/such"), Draft())
    assert [one.state for one in report.notices] == [PublishState.REFUSED, PublishState.ACCEPTED]
    assert report.notices[0].reason == Reason.TOPIC_UNKNOWN


async def test_all_or_nothing_queues_nothing_where_one_is_refused(gr: SimulatedAgency) -> None:
    queued = await gr.publisher.queue([Draft(), Draft(topic="no/such")], all_or_nothing=True)
    assert queued.frames == ()
    assert [one.position for one in queued.refused] == [1]
    assert gr.store.outbox.count() == (0, 0)


async def test_all_or_nothing_leaves_no_sealed_attachment_behind(
    gr: SimulatedAgency, tmp_path: Path
) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(b"an invented picture")
    drafts = [Draft(attachments=(file,)), Draft(topic="no/such")]
    await gr.publisher.queue(drafts, all_or_nothing=True)
    assert list((gr.folder / "attachments").iterdir()) == []


async def test_a_notice_of_another_agency_cannot_be_superseded(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    (theirs,) = (await ro.publish(Draft())).notices
    await gr.receiver.catch_up(EVERYTHING)
    (outcome,) = (await gr.publish(Draft(supersedes=(theirs.notice_id.hex(),)))).notices
    assert outcome.reason == Reason.NOT_ORIGINATOR
    assert gr.store.outbox.count() == (0, 0)


async def test_what_the_broker_refuses_for_good_is_reported_and_not_kept_waiting(
    gr: SimulatedAgency, broker: MemoryBroker
) -> None:
    queued = await gr.publisher.queue([Draft()])
    broker.federation.directory = replace(
        broker.federation.directory, _retired=frozenset({"gr-pol"})
    )
    await gr.send()
    (outcome,) = gr.publisher.report(queued).notices
    assert (outcome.state, outcome.reason) == (PublishState.REFUSED, Reason.DENIED)
    assert gr.store.outbox.count() == (0, 0)


async def test_an_agency_without_a_valid_key_is_not_sealed_to(gr: SimulatedAgency) -> None:
    (entry,) = gr.federation.agencies["ro-pol"].entry.encryption
    expired = replace(entry, valid_until=gr.clock.now)
    gr.federation.replace_agency("ro-pol", encryption=(expired,))
    await gr.directory.sync()
    (outcome,) = (await gr.publish(Draft())).notices
    assert outcome.recipients == ("bg-pol", "gr-pol")


async def test_a_resealed_frame_keeps_its_notice_ids(gr: SimulatedAgency) -> None:
    queued = await gr.publisher.queue([Draft(), Draft()])
    ((frame_id, plan),) = queued.frames
    gr.store.outbox.rewind(gr.store.outbox.outlet(), TOPIC)
    assert gr.store.outbox.frame(frame_id).state is FrameState.STALE
    assert await gr.publisher.reseal_stale() == 1
    headers = [NoticeHeader.decode(one.header) for one in gr.store.outbox.notices(frame_id)]
    assert [one.notice_id for one in headers] == [one.header.notice_id for one in plan.notices]
