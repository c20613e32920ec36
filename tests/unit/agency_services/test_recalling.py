# SPDX-License-Identifier: Apache-2.0
"""A recall takes two of the originator's officers, destroys at every holder, and is answered."""

from collections.abc import Awaitable
from dataclasses import replace

import pytest

from agency_client.domain.findings import FindingKind
from agency_client.domain.onward import HolderState
from agency_client.domain.views import InboxQuery, NoticeState
from agency_client.errors import AgencyError, Reason
from agency_client.services.approvals import name_of
from keys.recalls import Recall
from tests.simulator.agency import VIEWER, Draft, SimulatedAgency
from tests.simulator.broker import MemoryBroker
from tests.simulator.federation import DAY, HOUR, NOW
from tests.simulator.mail import OPEN_MARKING
from tests.unit.agency_services.controlling import (
    LIAISON,
    SUPERVISOR,
    published,
    recalled,
    shown,
    with_two,
)
from tests.unit.agency_services.people import enter, looking


@pytest.fixture
async def reference(gr: SimulatedAgency, ro: SimulatedAgency) -> str:
    reference = await published(gr, ro)
    await with_two(gr)
    return reference


async def refusal(work: Awaitable[object]) -> Reason:
    with pytest.raises(AgencyError) as refused:
        await work
    return refused.value.reason


async def states(gr: SimulatedAgency, reference: str) -> dict[str, HolderState]:
    return {one.agency: one.state for one in await gr.recalls.holders(reference)}


async def test_a_recall_destroys_at_the_holder_which_answers(
    gr: SimulatedAgency, ro: SimulatedAgency, reference: str
) -> None:
    assert (await shown(ro, reference)).content["title"]
    view = await recalled(gr, reference)
    assert (view.notice, view.reason, view.sent) == (reference, "SOURCE_AT_RISK", True)
    assert (await states(gr, reference))["ro-pol"] is HolderState.NO_ANSWER
    await ro.receive()
    kept = await shown(ro, reference)
    assert (kept.state, kept.content, kept.attachments) == (NoticeState.RECALLED, {}, ())
    assert kept.afterlife.recall is not None
    assert kept.afterlife.recall.reason == "SOURCE_AT_RISK"
    assert kept.afterlife.recall.destroyed_at == NOW
    await gr.receive()
    held = await gr.recalls.holders(reference)
    assert [(one.state, one.answered_at) for one in held if one.agency == "ro-pol"] == [
        (HolderState.DESTROYED, NOW)
    ]


async def test_what_nobody_there_had_opened_is_told_so(
    gr: SimulatedAgency, ro: SimulatedAgency, reference: str
) -> None:
    await recalled(gr, reference)
    await ro.receive()
    await gr.receive()
    assert (await states(gr, reference))["ro-pol"] is HolderState.DESTROYED_UNOPENED


async def test_who_never_fetched_cannot_any_more(
    gr: SimulatedAgency, ro: SimulatedAgency, reference: str
) -> None:
    assert (await states(gr, reference))["bg-pol"] is HolderState.NEVER_FETCHED
    await recalled(gr, reference)
    await ro.receive()
    await gr.receive()
    assert (await states(gr, reference))["bg-pol"] is HolderState.NEVER_FETCHED


async def test_after_the_deadline_an_answer_is_overdue(gr: SimulatedAgency, reference: str) -> None:
    await recalled(gr, reference)
    gr.clock.now += 73 * HOUR
    assert (await states(gr, reference))["ro-pol"] is HolderState.OVERDUE


async def test_its_words_are_not_found_any_more(
    gr: SimulatedAgency, ro: SimulatedAgency, reference: str
) -> None:
    assert (await ro.viewing.search("invented", VIEWER)).notices
    await recalled(gr, reference)
    await ro.receive()
    assert not (await ro.viewing.search("invented", VIEWER)).notices


async def test_a_recall_that_came_is_done_before_anything_is_shown(
    gr: SimulatedAgency, ro: SimulatedAgency, reference: str
) -> None:
    await recalled(gr, reference)
    await ro.mailbox.fetch()
    (listed,) = await ro.viewing.inbox(InboxQuery(), VIEWER)
    assert (listed.state, listed.content) == (NoticeState.RECALLED, {})


async def test_our_own_copy_goes_too(gr: SimulatedAgency, reference: str) -> None:
    await recalled(gr, reference)
    own = await gr.viewing.show(reference, LIAISON)
    assert (own.state, own.content) == (NoticeState.RECALLED, {})


async def test_it_waits_for_the_broker_and_is_sent_once(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker, reference: str
) -> None:
    broker.away = True
    assert not (await recalled(gr, reference)).sent
    assert (await gr.viewing.show(reference, LIAISON)).content
    broker.away, tried = False, broker.calls["submit_recall"]
    for _ in range(2):
        await gr.exchange()
    assert broker.calls["submit_recall"] == tried + 1
    await ro.receive()
    assert (await shown(ro, reference)).state is NoticeState.RECALLED


async def test_each_recall_carries_two_assertions(
    gr: SimulatedAgency, broker: MemoryBroker, reference: str
) -> None:
    await recalled(gr, reference)
    assert len(set(broker.assertions)) == 2


async def test_nobody_alone_takes_a_notice_back(gr: SimulatedAgency, reference: str) -> None:
    act = await gr.recalls.ask(reference, "ERROR", LIAISON)
    assert await refusal(gr.recalls.carry_out(act.act)) is Reason.APPROVAL_NEEDED
    await enter(gr, "boss", "SUPERVISOR", "LIAISON")
    alone = await gr.recalls.ask(reference, "UNLAWFUL", looking("boss"))
    refused = gr.approvals.approve(name_of(alone), looking("boss"), b"boss")
    assert await refusal(refused) is Reason.APPROVAL_REFUSED


async def test_a_changed_byte_voids_the_approval(gr: SimulatedAgency, reference: str) -> None:
    act = await gr.recalls.ask(reference, "ERROR", LIAISON)
    await gr.approvals.approve(name_of(act), SUPERVISOR, b"supervisor")
    other = replace(Recall.decode(act.act), reason="UNLAWFUL")
    assert await refusal(gr.recalls.carry_out(other.encode())) is Reason.ACT_UNKNOWN


async def test_an_approval_ages(gr: SimulatedAgency, reference: str) -> None:
    act = await gr.recalls.ask(reference, "ERROR", LIAISON)
    await gr.approvals.approve(name_of(act), SUPERVISOR, b"supervisor")
    gr.clock.now += DAY + 1
    assert await refusal(gr.recalls.carry_out(act.act)) is Reason.APPROVAL_REFUSED


async def test_it_takes_a_liaison_officer_to_ask(gr: SimulatedAgency, reference: str) -> None:
    await enter(gr, "boss", "SUPERVISOR")
    asked = gr.recalls.ask(reference, "ERROR", looking("boss"))
    assert await refusal(asked) is Reason.OFFICER_REFUSED
    assert await gr.approvals.acts() == ()


async def test_a_profile_without_officers_takes_nothing_back(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    reference = await published(gr, ro)
    assert await refusal(gr.recalls.ask(reference, "ERROR", VIEWER)) is Reason.OFFICER_NEEDED


async def test_only_its_originator_takes_a_notice_back(ro: SimulatedAgency, reference: str) -> None:
    await with_two(ro)
    assert await refusal(ro.recalls.ask(reference, "ERROR", LIAISON)) is Reason.NOT_ORIGINATOR
    assert await refusal(ro.recalls.holders(reference)) is Reason.NOT_ORIGINATOR


async def test_a_notice_is_taken_back_once(gr: SimulatedAgency, reference: str) -> None:
    await recalled(gr, reference)
    assert await refusal(gr.recalls.ask(reference, "ERROR", LIAISON)) is Reason.ALREADY_EXISTS


@pytest.mark.parametrize(
    ("reason", "answer_by"), [("BORED", 0), ("ERROR", NOW), ("ERROR", NOW - DAY)]
)
async def test_a_recall_without_reason_or_time_to_answer_is_refused(
    reason: str, answer_by: int, gr: SimulatedAgency, reference: str
) -> None:
    asked = gr.recalls.ask(reference, reason, LIAISON, answer_by=answer_by)
    assert await refusal(asked) is Reason.INVALID_ARGUMENT


async def test_what_is_not_published_is_not_taken_back(
    gr: SimulatedAgency, broker: MemoryBroker
) -> None:
    await with_two(gr)
    broker.away = True
    (queued,) = (await gr.publish(Draft(marking=OPEN_MARKING))).notices
    asked = gr.recalls.ask(f"gr-pol/{queued.notice_id.hex()}", "ERROR", LIAISON)
    assert await refusal(asked) is Reason.UNKNOWN_NOTICE


async def test_a_recall_that_is_refused_for_good_is_told_and_may_be_asked_again(
    gr: SimulatedAgency, broker: MemoryBroker, reference: str
) -> None:
    broker.away = True
    await recalled(gr, reference)
    gr.clock.now += DAY + 1
    broker.away = False
    await gr.exchange()
    (finding,) = gr.store.inbox.findings(9)
    assert (finding.kind, finding.reason) == (FindingKind.UNTOLD, Reason.APPROVAL_REFUSED)
    assert (await gr.viewing.show(reference, LIAISON)).content
    await recalled(gr, reference)
    assert (await states(gr, reference))["ro-pol"] is HolderState.NO_ANSWER


async def test_a_held_notice_is_kept_and_the_originator_told_why(
    gr: SimulatedAgency, ro: SimulatedAgency, reference: str
) -> None:
    await ro.holds.hold(reference, "Code of criminal procedure, s. 110", NOW + 9 * DAY, VIEWER)
    await recalled(gr, reference)
    await ro.receive()
    kept = await shown(ro, reference)
    assert (kept.state, kept.content) == (NoticeState.RECALLED, {})
    assert b"an invented case" in ro.store.inbox.rows((1,))[0].content
    assert not (await ro.viewing.search("invented", VIEWER)).notices
    assert kept.afterlife.recall is not None
    assert kept.afterlife.recall.legal_basis == "Code of criminal procedure, s. 110"
    await gr.receive()
    (held,) = [one for one in await gr.recalls.holders(reference) if one.agency == "ro-pol"]
    assert (held.state, held.legal_basis, held.review) == (
        HolderState.HELD,
        "Code of criminal procedure, s. 110",
        NOW + 9 * DAY,
    )


async def test_a_held_notice_of_a_later_frame_is_taken_back_too(
    gr: SimulatedAgency, ro: SimulatedAgency, reference: str
) -> None:
    later = await published(gr, ro, draft=Draft(text="later", marking=OPEN_MARKING))
    await ro.holds.hold(later, "s. 110", NOW + 9 * DAY, VIEWER)
    await recalled(gr, later)
    await ro.receive()
    states = {view.reference: view.state for view in await ro.viewing.inbox(InboxQuery(), VIEWER)}
    assert states == {reference: NoticeState.CURRENT, later: NoticeState.RECALLED}


async def test_a_correction_tells_nothing_of_what_is_held_and_was_taken_back(
    gr: SimulatedAgency, ro: SimulatedAgency, reference: str
) -> None:
    newer = await published(gr, ro, draft=Draft(text="corrected", supersedes=(reference,)))
    assert (await shown(ro, newer)).changes
    await ro.holds.hold(reference, "s. 110", NOW + 9 * DAY, VIEWER)
    await recalled(gr, reference)
    await ro.receive()
    assert (await shown(ro, newer)).changes == ()


async def test_what_is_held_no_longer_is_destroyed_and_told(
    gr: SimulatedAgency, ro: SimulatedAgency, reference: str
) -> None:
    await ro.holds.hold(reference, "s. 110", NOW + 9 * DAY, VIEWER)
    await recalled(gr, reference)
    await ro.receive()
    assert await ro.holds.release(reference, VIEWER)
    assert (await shown(ro, reference)).content == {}
    await ro.exchange()
    await gr.receive()
    assert (await states(gr, reference))["ro-pol"] is HolderState.DESTROYED_UNOPENED


async def test_an_officer_reads_nothing_that_is_held_and_was_taken_back(
    gr: SimulatedAgency, ro: SimulatedAgency, reference: str
) -> None:
    await enter(ro, "ana", "ANALYST")
    await enter(ro, "boss", "SUPERVISOR")
    assert (await ro.viewing.show(reference, looking("ana"))).content
    await ro.holds.hold(reference, "s. 110", NOW + 9 * DAY, looking("boss"))
    await recalled(gr, reference)
    await ro.receive()
    assert await refusal(ro.viewing.show(reference, looking("ana"))) is Reason.UNKNOWN_NOTICE


async def test_an_officer_learns_that_a_notice_was_taken_back(
    gr: SimulatedAgency, ro: SimulatedAgency, reference: str
) -> None:
    await enter(ro, "ana", "ANALYST")
    await recalled(gr, reference)
    await ro.receive()
    view = await ro.viewing.show(reference, looking("ana"))
    assert (view.state, view.content) == (NoticeState.RECALLED, {})


async def test_a_hold_takes_a_supervisor_a_law_and_a_day(
    gr: SimulatedAgency, ro: SimulatedAgency, reference: str
) -> None:
    await enter(ro, "ana", "ANALYST")
    await enter(ro, "boss", "SUPERVISOR")
    boss, later = looking("boss"), NOW + DAY
    for basis, review, who, reason in (
        ("s. 110", later, looking("ana"), Reason.OFFICER_REFUSED),
        ("", later, boss, Reason.INVALID_ARGUMENT),
        ("s. 110", NOW, boss, Reason.INVALID_ARGUMENT),
    ):
        assert await refusal(ro.holds.hold(reference, basis, review, who)) is reason
    assert await refusal(ro.holds.release(reference, boss)) is Reason.NOT_FOUND
    own = gr.holds.hold(reference, "s. 110", later, SUPERVISOR)
    assert await refusal(own) is Reason.INVALID_ARGUMENT
    await recalled(gr, reference)
    await ro.receive()
    assert await refusal(ro.holds.hold(reference, "s. 1", later, boss)) is Reason.UNKNOWN_NOTICE


async def test_expiry_needs_nobody_and_no_broker(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    reference = await published(gr, ro, draft=Draft(marking=OPEN_MARKING, expires_at=NOW + 2 * DAY))
    broker.away = True
    ro.clock.now += 3 * 7 * DAY
    view = await shown(ro, reference)
    assert (view.state, view.content) == (NoticeState.EXPIRED, {})


async def test_two_sweeps_answer_once(
    gr: SimulatedAgency, ro: SimulatedAgency, reference: str
) -> None:
    await recalled(gr, reference)
    await ro.mailbox.fetch()
    recalls = ro.store.post.unanswered(9)
    ro.ending.do()
    ro.store.post.answer([ro.ending._answer(one) for one in recalls])
    assert len(ro.store.post.waiting(9)) == 1
