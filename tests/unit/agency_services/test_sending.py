# SPDX-License-Identifier: Apache-2.0
"""The outbox is emptied: the same bytes until there is an outcome, anew after a refusal."""

import itertools
from collections.abc import AsyncIterator, Sequence

import pytest

from agency_client.domain.frames import decode_frame, encode_frame
from agency_client.domain.outbox import (
    LONGEST_PAUSE_MS,
    MOST_RESEALS,
    FrameState,
    PublishOutcome,
    Refusal,
)
from agency_client.errors import Reason
from agency_client.services import sending
from keys.entries import TopicEntry
from keys.envelope import FrameHeader, NoticeHeader, Recipient
from tests.simulator.agency import EVERYTHING, Draft, SimulatedAgency
from tests.simulator.broker import Fault, MemoryBroker, MemoryPublishStream
from tests.simulator.federation import TOPIC

HOUR = 3_600_000
OTHER = "victims/referrals"


def refused(reason: Reason) -> Refusal:
    return Refusal(reason=reason, message="the test says so")


def seal_ids(broker: MemoryBroker) -> list[bytes]:
    return [FrameHeader.decode(decode_frame(one).header).seal_id for one in broker.received]


def notice_ids(broker: MemoryBroker) -> list[list[bytes]]:
    frames = map(decode_frame, broker.received)
    return [[NoticeHeader.decode(one.header).notice_id for one in f.notices] for f in frames]


def numbers(broker: MemoryBroker) -> list[int]:
    """Return the number that each frame offered has in the chain to ourselves."""
    frames = map(decode_frame, broker.received)
    decoded = [[Recipient.decode(one) for one in frame.recipients] for frame in frames]
    return [next(one.seq for one in record if one.agency == "gr-pol") for record in decoded]


async def queue_each(agency: SimulatedAgency, *texts: str, topic: str = TOPIC) -> None:
    """Queue each text as a frame of its own."""
    for text in texts:
        await agency.publisher.queue([Draft(text=text, topic=topic)])


# The outcome is unknown.


@pytest.mark.parametrize("fault", [Fault.LOSE_ANSWER, Fault.BREAK, Fault.END])
async def test_after_an_unknown_outcome_identical_bytes_are_sent_and_stored_once(
    gr: SimulatedAgency, broker: MemoryBroker, fault: Fault
) -> None:
    broker.script.append(fault)
    await queue_each(gr, "one")
    report = await gr.send(HOUR)
    assert (report.accepted, report.waiting) == (1, 0)
    assert len(broker.received) == 2
    assert broker.received[0] == broker.received[1]
    assert len(broker.frames[TOPIC]) == 1


async def test_identical_bytes_are_sent_after_a_restart_too(
    gr: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.script.append(Fault.LOSE_ANSWER)
    await queue_each(gr, "one")
    assert (await gr.send()).waiting == 1
    again = gr.reopen()
    assert (await again.send()).accepted == 1
    assert broker.received[0] == broker.received[1]
    again.store.close()


async def test_a_topic_with_an_unknown_outcome_is_not_sealed_anew(
    gr: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.script.extend([Fault.BREAK])
    await queue_each(gr, "one")
    await gr.send()
    gr.store.outbox.rewind(gr.store.outbox.outlet(), TOPIC)
    assert await gr.publisher.reseal_stale() == 0
    (frame,) = gr.store.outbox.waiting()
    assert frame.state is FrameState.SENT


async def test_nothing_is_sent_again_once_it_is_accepted(
    gr: SimulatedAgency, broker: MemoryBroker
) -> None:
    await queue_each(gr, "one")
    await gr.send()
    assert (await gr.send()).accepted == 0
    assert len(broker.received) == 1


# A definite refusal.


@pytest.mark.parametrize("reason", [Reason.RESEAL_REQUIRED, Reason.CHAIN_BROKEN, Reason.CLOCK_SKEW])
async def test_after_a_refusal_the_same_notices_are_sealed_anew(
    gr: SimulatedAgency, broker: MemoryBroker, reason: Reason
) -> None:
    broker.script.append(refused(reason))
    await queue_each(gr, "one")
    assert (await gr.send(HOUR)).accepted == 1
    first, second = seal_ids(broker)
    assert first != second
    assert notice_ids(broker)[0] == notice_ids(broker)[1]
    assert numbers(broker) == [1, 1]


async def test_a_wrong_clock_loses_no_notice_however_long_it_stays_wrong(
    gr: SimulatedAgency, broker: MemoryBroker
) -> None:
    await queue_each(gr, "one")
    broker.script.append(refused(Reason.CLOCK_SKEW))
    for _ in range(2 * MOST_RESEALS):
        broker.script.append(refused(Reason.CLOCK_SKEW))
        report = await gr.send(HOUR)
        assert (report.refused, report.waiting, report.held) == (0, 1, True)
        assert report.problem_reason == Reason.CLOCK_SKEW
    assert (await gr.send(HOUR)).accepted == 1


@pytest.mark.must("PUB-15")
async def test_frames_behind_a_refused_one_are_numbered_anew_and_keep_their_order(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.window = 3
    broker.script.extend([refused(Reason.RESEAL_REQUIRED)])
    await queue_each(gr, "one", "two", "three")
    assert (await gr.send(HOUR)).accepted == 3
    await ro.receiver.catch_up(EVERYTHING)
    assert ro.titles() == ["one", "two", "three"]
    assert ro.store.inbox.finding_count() == 0
    assert numbers(broker)[-3:] == [1, 2, 3]


async def test_after_a_final_refusal_the_chain_goes_on_without_a_gap(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.window = 1
    await queue_each(gr, "one", "two", "three")
    broker.script.extend([None, refused(Reason.DENIED)])
    report = await gr.send(HOUR)
    assert (report.accepted, report.refused, report.waiting) == (2, 1, 0)
    received = await ro.receiver.catch_up(EVERYTHING)
    assert ro.titles() == ["one", "three"]
    assert received.findings == ()


async def test_a_refusal_that_moved_the_directory_makes_us_fetch_it_first(
    gr: SimulatedAgency, broker: MemoryBroker
) -> None:
    await queue_each(gr, "one")
    gr.federation.lock("ro-pol")
    assert (await gr.send(HOUR)).accepted == 1
    (first, second) = map(decode_frame, broker.received)
    assert len(first.recipients) == 3
    assert [Recipient.decode(one).agency for one in second.recipients] == ["bg-pol", "gr-pol"]


async def test_a_frame_that_nobody_may_have_any_more_is_refused_when_it_is_sealed_anew(
    gr: SimulatedAgency,
) -> None:
    queued = await gr.publisher.queue([Draft()])
    gr.federation.lock("ro-pol")
    gr.federation.lock("bg-pol")
    report = await gr.send(HOUR)
    assert (report.accepted, report.waiting) == (0, 0)
    (outcome,) = gr.publisher.report(queued).notices
    assert outcome.reason == Reason.EMPTY_AUDIENCE


async def test_a_frame_refused_again_and_again_is_given_up(
    gr: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.script.extend([refused(Reason.RESEAL_REQUIRED)] * 20)
    queued = await gr.publisher.queue([Draft()])
    report = await gr.send(24 * HOUR)
    assert (report.accepted, report.waiting) == (0, 0)
    assert gr.publisher.report(queued).notices[0].reason == Reason.RESEAL_REQUIRED
    assert len(broker.received) == 7


@pytest.mark.must("SEAL-16")
async def test_a_chain_that_stays_broken_begins_a_new_outlet(
    gr: SimulatedAgency, broker: MemoryBroker
) -> None:
    before = gr.store.outbox.outlet()
    broker.script.extend([refused(Reason.CHAIN_BROKEN)] * 2)
    await queue_each(gr, "one")
    assert (await gr.send(HOUR)).accepted == 1
    assert gr.store.outbox.outlet() != before


async def test_a_topic_with_a_stale_frame_does_not_hold_up_another_topic(
    gr: SimulatedAgency, broker: MemoryBroker
) -> None:
    gr.federation.add(
        TopicEntry(topic=OTHER, title="Referrals", readers=("members",), publishers=("members",))
    )
    await gr.directory.sync()
    broker.window = 1
    await queue_each(gr, "one", "two")
    await queue_each(gr, "three", topic=OTHER)
    broker.script.extend([refused(Reason.RESEAL_REQUIRED)])
    await gr.send(-1)
    assert len(broker.frames.get(TOPIC, [])) == 0
    assert len(broker.frames[OTHER]) == 1


# Waiting.


async def test_a_locked_agency_holds_its_frames_and_sends_them_when_it_is_unlocked(
    gr: SimulatedAgency, broker: MemoryBroker
) -> None:
    gr.federation.lock("gr-pol")
    await queue_each(gr, "one")
    report = await gr.send(HOUR)
    assert (report.waiting, report.problem_reason) == (1, Reason.AGENCY_LOCKED)
    assert gr.clock.slept == []
    gr.federation.unlock("gr-pol")
    assert (await gr.send(HOUR)).accepted == 1
    assert len(broker.frames[TOPIC]) == 1


async def test_a_broker_that_is_away_is_asked_at_growing_intervals(
    gr: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.away = True
    await queue_each(gr, "one")
    report = await gr.send(HOUR)
    assert (report.waiting, report.problem_reason) == (1, Reason.BROKER_UNREACHABLE)
    assert gr.clock.slept[:4] == [750, 1500, 3000, 6000]
    assert set(gr.clock.slept[7:]) == {LONGEST_PAUSE_MS * 3 // 4}


async def test_progress_makes_the_intervals_short_again(
    gr: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.window = 1
    await queue_each(gr, "one", "two")
    broker.script.extend([Fault.BREAK, Fault.BREAK, None, Fault.BREAK])
    assert (await gr.send(HOUR)).accepted == 2
    assert gr.clock.slept == [750, 1500, 0]


async def test_at_least_one_attempt_is_made_however_short_the_time(gr: SimulatedAgency) -> None:
    await queue_each(gr, "one")
    assert (await gr.send(-HOUR)).accepted == 1


@pytest.mark.parametrize("window", [1, 2, 5])
async def test_never_more_frames_are_unanswered_than_the_window_allows(
    gr: SimulatedAgency, broker: MemoryBroker, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    unanswered = Watched(monkeypatch)
    broker.window = window
    await queue_each(gr, *"abcdef")
    await gr.send()
    assert unanswered.most == window
    assert len(broker.frames[TOPIC]) == 6


class Watched:
    """Counts what is sent and not answered on every stream."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = self.most = 0
        send, outcomes = MemoryPublishStream.send, MemoryPublishStream.outcomes

        async def counted(stream: MemoryPublishStream, number: int, frame: object) -> None:
            self.now += 1
            self.most = max(self.most, self.now)
            await send(stream, number, frame)  # type: ignore[arg-type]

        async def answered(
            stream: MemoryPublishStream,
        ) -> AsyncIterator[Sequence[PublishOutcome]]:
            async for answers in outcomes(stream):
                self.now -= len(answers)
                yield answers

        monkeypatch.setattr(MemoryPublishStream, "send", counted)
        monkeypatch.setattr(MemoryPublishStream, "outcomes", answered)


async def test_progress_is_told_as_frames_are_accepted(gr: SimulatedAgency) -> None:
    told: list[int] = []
    await queue_each(gr, "one", "two")
    await gr.sender.drain(gr.clock.now, progress=told.append)
    assert sum(told) == 2


# A broker that answers wrongly.


async def test_an_answer_for_a_frame_that_was_not_sent_ends_the_attempt(
    gr: SimulatedAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def outcomes(
        _: MemoryPublishStream,
    ) -> AsyncIterator[Sequence[PublishOutcome]]:
        yield (PublishOutcome(number=99, outcome=refused(Reason.DENIED)),)

    monkeypatch.setattr(MemoryPublishStream, "outcomes", outcomes)
    await queue_each(gr, "one")
    report = await gr.send()
    assert (report.waiting, report.problem_reason) == (1, Reason.MALFORMED)
    assert report.problem == "the broker answered frame 99, which was not sent"


async def test_a_broker_that_does_not_answer_is_left_and_the_outcome_stays_unknown(
    gr: SimulatedAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send(_: MemoryPublishStream, _number: int, _frame: object) -> None:
        pass

    monkeypatch.setattr(MemoryPublishStream, "send", send)
    monkeypatch.setattr(sending, "ANSWER_SECONDS", 0)
    await queue_each(gr, "one")
    report = await gr.send()
    assert report.problem_reason == Reason.DEADLINE_EXCEEDED
    assert gr.store.outbox.waiting()[0].state is FrameState.SENT


async def test_two_frames_under_one_seal_id_never_leave_one_outbox(
    gr: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.script.extend([refused(Reason.RESEAL_REQUIRED), Fault.LOSE_ANSWER])
    await queue_each(gr, "one", "two", "three")
    await gr.send(HOUR)
    by_seal = sorted(zip(seal_ids(broker), broker.received, strict=True))
    for _, group in itertools.groupby(by_seal, key=lambda pair: pair[0]):
        assert len({frame for _, frame in group}) == 1


def test_a_frame_survives_the_outbox_byte_for_byte(gr: SimulatedAgency) -> None:
    frame = gr.federation.seal("gr-pol", [b"one", b"two"])
    assert decode_frame(encode_frame(frame)) == frame
