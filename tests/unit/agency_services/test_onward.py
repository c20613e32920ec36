# SPDX-License-Identifier: Apache-2.0
"""Who asks, is granted and is refused a notice; what its marking and the rule book forbid."""

from collections.abc import Awaitable
from dataclasses import replace

import pytest

from agency_client.domain.findings import FindingKind
from agency_client.domain.onward import RequestState, RequestView
from agency_client.domain.post import Ending, PostKind, PostState
from agency_client.domain.views import InboxQuery, NoticeState
from agency_client.errors import AgencyError, Reason
from agency_client.services.onward import Terms
from keys.envelope import Marking
from tests.simulator.agency import VIEWER, Draft, SimulatedAgency, working_federation
from tests.simulator.broker import MemoryBroker
from tests.simulator.federation import DAY, MARKING, NOW, Federation, Member
from tests.simulator.mail import OPEN_MARKING
from tests.unit.agency_services.conftest import Opening
from tests.unit.agency_services.controlling import (
    LIAISON,
    published,
    recalled,
    shown,
    with_two,
)
from tests.unit.agency_services.people import enter, looking

LAB = "it-pol"
"""In no circle of the topic: only a grant lets it have a notice."""
LATER = NOW + 9 * DAY
TERMS = Terms(until=LATER, purposes=("INVESTIGATION",), court_use=True, reason="for the plate")


@pytest.fixture
def federation() -> Federation:
    outside = (Member(agency=LAB, circles=("labs",)), Member(agency="it-ngo", kind="NGO"))
    return working_federation(("gr-pol", "ro-pol", "bg-pol", *outside))


@pytest.fixture
def lab(open_profile: Opening) -> SimulatedAgency:
    return open_profile(LAB)


@pytest.fixture
async def reference(gr: SimulatedAgency, ro: SimulatedAgency) -> str:
    return await published(gr, ro)


async def refusal(work: Awaitable[object]) -> Reason:
    with pytest.raises(AgencyError) as refused:
        await work
    return refused.value.reason


async def asked(
    gr: SimulatedAgency, ro: SimulatedAgency, reference: str, target: str = LAB
) -> RequestView:
    """Have ro-pol ask for an agency, and return the request as gr-pol sees it."""
    why = "It reads number plates."
    sent = await ro.onward.request(reference, target, why, ("INVESTIGATION",), VIEWER)
    assert sent.sent
    await gr.receive()
    return next(one for one in await gr.onward.requests() if one.request_id == sent.request_id)


async def test_a_request_is_granted_and_the_grantee_reads_the_notice(
    gr: SimulatedAgency, ro: SimulatedAgency, lab: SimulatedAgency, reference: str
) -> None:
    request = await asked(gr, ro, reference)
    assert (request.notice, request.asked_by, request.target) == (reference, "ro-pol", LAB)
    assert (request.why, request.purposes) == ("It reads number plates.", ("INVESTIGATION",))
    assert request.state is RequestState.WAITING
    given = await gr.onward.answer(request.request_id.hex(), TERMS, VIEWER)
    assert (given.state, given.until, given.sent) == (RequestState.GRANTED, LATER, True)
    await lab.receive()
    assert (await shown(lab, reference)).content["title"] == "an invented case"


async def test_both_sides_see_who_asked_who_was_admitted_and_until_when(
    gr: SimulatedAgency, ro: SimulatedAgency, lab: SimulatedAgency, reference: str
) -> None:
    request = await asked(gr, ro, reference)
    await gr.onward.answer(request.request_id.hex()[:20], TERMS, VIEWER)
    for agency in (gr, ro, lab):
        await agency.receive()
    for agency in (gr, ro):
        (seen,) = (await shown(agency, reference)).afterlife.requests
        assert (seen.asked_by, seen.target, seen.state) == ("ro-pol", LAB, RequestState.GRANTED)
        assert (seen.until, seen.court_use, seen.reason) == (LATER, True, "for the plate")
    for agency in (gr, lab):
        (admitted,) = (await shown(agency, reference)).afterlife.admitted
        assert (admitted.agency, admitted.admitted_by, admitted.until) == (LAB, "gr-pol", LATER)
        assert (admitted.purposes, admitted.court_use) == (("INVESTIGATION",), True)
        assert admitted.reason == "for the plate"


async def test_a_refusal_says_why_to_who_asked(
    gr: SimulatedAgency, ro: SimulatedAgency, lab: SimulatedAgency, reference: str
) -> None:
    request = await asked(gr, ro, reference)
    await gr.onward.refuse(request.request_id.hex(), "The source is at risk.", VIEWER)
    await ro.receive()
    (seen,) = await ro.onward.requests()
    assert (seen.state, seen.reason) == (RequestState.REFUSED, "The source is at risk.")
    await lab.receive()
    assert await lab.viewing.inbox(InboxQuery(), VIEWER) == ()


async def test_signed_objects_are_kept_on_both_sides(
    gr: SimulatedAgency, ro: SimulatedAgency, reference: str
) -> None:
    request = await asked(gr, ro, reference)
    await gr.onward.answer(request.request_id.hex(), TERMS, VIEWER)
    await ro.receive()
    kinds = [PostKind.REQUEST, PostKind.DECISION]
    ours = {one.name: one.signed for one in gr.store.post.of_kinds(kinds, 9) if one.signed}
    theirs = {one.name: one.signed for one in ro.store.post.of_kinds(kinds, 9)}
    assert len(theirs) == 2
    assert theirs.items() <= ours.items()


async def test_a_grant_that_nobody_asked_for(
    gr: SimulatedAgency, lab: SimulatedAgency, reference: str
) -> None:
    admitted = await gr.onward.grant(reference, LAB, Terms(until=LATER), VIEWER)
    assert (admitted.agency, admitted.until, admitted.sent) == (LAB, LATER, True)
    await lab.receive()
    assert (await shown(lab, reference)).content
    (holder,) = [one for one in await gr.recalls.holders(reference) if one.agency == LAB]
    assert (holder.grantee, holder.until) == (True, LATER)


async def test_a_grant_opens_one_notice_and_not_the_rest_of_the_frame(
    gr: SimulatedAgency, lab: SimulatedAgency
) -> None:
    drafts = [Draft(text=text, marking=OPEN_MARKING) for text in ("first", "second")]
    report = await gr.publish(*drafts)
    await gr.receive()
    await gr.onward.grant(report.notices[1].notice_id.hex(), LAB, Terms(), VIEWER)
    await lab.receive()
    (kept,) = await lab.viewing.inbox(InboxQuery(), VIEWER)
    assert kept.content["title"] == "second"


async def test_at_its_end_the_grantee_has_nothing_left(
    gr: SimulatedAgency, lab: SimulatedAgency, broker: MemoryBroker, reference: str
) -> None:
    await gr.onward.grant(reference, LAB, Terms(until=LATER), VIEWER)
    await lab.receive()
    assert (await shown(lab, reference)).content
    broker.away = True
    lab.clock.now = LATER
    view = await shown(lab, reference)
    assert (view.state, view.content) == (NoticeState.ENDED, {})
    (row,) = lab.store.inbox.rows((1,))
    assert (row.content, row.content_key, row.header) == (b"", b"", b"")


async def test_what_is_granted_again_after_its_end_is_there_again(
    gr: SimulatedAgency, lab: SimulatedAgency, reference: str
) -> None:
    await gr.onward.grant(reference, LAB, Terms(until=LATER), VIEWER)
    await lab.receive()
    gr.clock.now = LATER
    assert (await shown(lab, reference)).state is NoticeState.ENDED
    await gr.onward.grant(reference, LAB, Terms(until=LATER + DAY), VIEWER)
    await lab.receive()
    view = await shown(lab, reference)
    assert (view.state, view.content["title"]) == (NoticeState.CURRENT, "an invented case")
    assert (await lab.viewing.search("invented", VIEWER)).notices
    gr.clock.now = LATER + DAY
    assert (await shown(lab, reference)).state is NoticeState.ENDED


async def test_what_was_recalled_comes_back_by_no_grant(
    gr: SimulatedAgency, lab: SimulatedAgency, reference: str
) -> None:
    await gr.onward.grant(reference, LAB, Terms(until=LATER), VIEWER)
    await lab.receive()
    (row,) = lab.store.inbox.rows((1,))
    lab.store.endings.destroy([(row.id, Ending.RECALLED)], NOW)
    assert lab.store.post.grants_to_fetch(NOW, 9) == ()


async def test_a_granted_notice_that_is_held_is_listed_as_taken_back(
    gr: SimulatedAgency, lab: SimulatedAgency, reference: str
) -> None:
    await gr.onward.grant(reference, LAB, Terms(), VIEWER)
    await lab.receive()
    await lab.holds.hold(reference, "s. 110", LATER, VIEWER)
    await with_two(gr)
    await recalled(gr, reference)
    await lab.receive()
    (listed,) = await lab.viewing.inbox(InboxQuery(), VIEWER)
    assert (listed.state, listed.content) == (NoticeState.RECALLED, {})


async def test_a_recall_reaches_who_was_admitted_later(
    gr: SimulatedAgency, lab: SimulatedAgency, reference: str
) -> None:
    await gr.onward.grant(reference, LAB, Terms(), VIEWER)
    await lab.receive()
    await with_two(gr)
    await recalled(gr, reference)
    await lab.receive()
    assert (await shown(lab, reference)).state is NoticeState.RECALLED
    assert await refusal(gr.onward.grant(reference, "bg-pol", Terms(), LIAISON)) is (
        Reason.UNKNOWN_NOTICE
    )


async def test_a_grantee_grants_nobody(
    gr: SimulatedAgency, lab: SimulatedAgency, reference: str
) -> None:
    await gr.onward.grant(reference, LAB, Terms(), VIEWER)
    await lab.receive()
    on = lab.onward.grant(reference, "bg-pol", Terms(), VIEWER)
    assert await refusal(on) is Reason.NOT_ORIGINATOR
    assert lab.store.post.waiting(9) == ()


async def test_a_marking_that_says_none_admits_nobody(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    closed = await published(gr, ro, draft=Draft(marking=MARKING))
    assert await refusal(gr.onward.grant(closed, LAB, Terms(), VIEWER)) is Reason.DENIED
    request = ro.onward.request(closed, LAB, "why not", ("INVESTIGATION",), VIEWER)
    assert await refusal(request) is Reason.DENIED


@pytest.mark.parametrize(
    ("marking", "target", "rule"),
    [
        (replace(OPEN_MARKING, not_for=("IT",)), LAB, "F05-national-restriction-deliver"),
        (OPEN_MARKING, "it-ngo", "F08-ngo-sanitised-only"),
    ],
    ids=["a country that is excluded", "an NGO and what is not sanitised"],
)
async def test_the_rule_book_refuses_a_grant_and_says_by_which_rule(
    marking: Marking, target: str, rule: str, gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    closed = await published(gr, ro, draft=Draft(marking=marking))
    with pytest.raises(AgencyError) as refused:
        await gr.onward.grant(closed, target, Terms(), VIEWER)
    assert refused.value.reason is Reason.DENIED
    assert refused.value.metadata["rules"] == rule
    assert gr.store.post.waiting(9) == ()


async def test_red_is_granted_to_nobody(gr: SimulatedAgency, ro: SimulatedAgency) -> None:
    red = Draft(marking=replace(OPEN_MARKING, tlp="RED"), to=("ro-pol",))
    reference = await published(gr, ro, draft=red)
    assert await refusal(gr.onward.grant(reference, LAB, Terms(), VIEWER)) is Reason.DENIED
    asked = ro.onward.request(reference, LAB, "why", ("INVESTIGATION",), VIEWER)
    assert await refusal(asked) is Reason.DENIED


@pytest.mark.parametrize(
    ("target", "until", "reason"),
    [
        ("xx-none", LATER, Reason.UNKNOWN_RECIPIENT),
        ("gr-pol", LATER, Reason.INVALID_ARGUMENT),
        (LAB, NOW, Reason.INVALID_ARGUMENT),
        (LAB, NOW + 31 * DAY, Reason.INVALID_ARGUMENT),
    ],
    ids=["no agency", "ourselves", "an end that was", "longer than the notice"],
)
async def test_a_grant_that_makes_no_sense(
    target: str, until: int, reason: Reason, gr: SimulatedAgency, reference: str
) -> None:
    assert await refusal(gr.onward.grant(reference, target, Terms(until=until), VIEWER)) is reason
    assert gr.store.post.about(gr.store.endings.places((1,))[1]) == ()


async def test_an_agency_is_admitted_once(gr: SimulatedAgency, reference: str) -> None:
    await gr.onward.grant(reference, LAB, Terms(), VIEWER)
    again = gr.onward.grant(reference, LAB, Terms(), VIEWER)
    assert await refusal(again) is Reason.ALREADY_EXISTS


async def test_a_request_is_decided_once_and_only_by_whom_it_was_sent_to(
    gr: SimulatedAgency, ro: SimulatedAgency, reference: str
) -> None:
    request = await asked(gr, ro, reference)
    name = request.request_id.hex()
    await gr.onward.refuse(name, "no", VIEWER)
    assert await refusal(gr.onward.answer(name, TERMS, VIEWER)) is Reason.ALREADY_EXISTS
    for wrong in (name[:6], "zz" * 16, "", "0" * 32):
        assert await refusal(gr.onward.answer(wrong, TERMS, VIEWER)) is Reason.NOT_FOUND
    assert await refusal(ro.onward.answer(name, TERMS, VIEWER)) is Reason.NOT_FOUND


async def test_a_request_for_our_own_notice_or_one_that_is_not_there(
    gr: SimulatedAgency, ro: SimulatedAgency, lab: SimulatedAgency, reference: str
) -> None:
    for agency, target, reason in (
        (gr, LAB, Reason.NOT_ORIGINATOR),
        (lab, "bg-pol", Reason.UNKNOWN_NOTICE),
        (ro, "gr-pol", Reason.INVALID_ARGUMENT),
        (ro, "xx-none", Reason.UNKNOWN_RECIPIENT),
    ):
        request = agency.onward.request(reference, target, "why", ("INVESTIGATION",), VIEWER)
        assert await refusal(request) is reason
    empty = ro.onward.request(reference, LAB, "", ("INVESTIGATION",), VIEWER)
    assert await refusal(empty) is Reason.INVALID_ARGUMENT


async def test_where_there_are_officers_a_liaison_officer_decides(
    gr: SimulatedAgency, ro: SimulatedAgency, reference: str
) -> None:
    request = await asked(gr, ro, reference)
    await enter(gr, "ana", "ANALYST")
    await enter(gr, "liaison", "LIAISON")
    name = request.request_id.hex()
    analyst = gr.onward.answer(name, TERMS, looking("ana"))
    assert await refusal(analyst) is Reason.OFFICER_REFUSED
    assert await refusal(gr.onward.refuse(name, "no", looking("ana"))) is Reason.OFFICER_REFUSED
    given = await gr.onward.answer(name, TERMS, LIAISON)
    assert given.state is RequestState.GRANTED


async def test_with_the_broker_away_everything_waits_and_is_sent_once(
    gr: SimulatedAgency,
    ro: SimulatedAgency,
    lab: SimulatedAgency,
    broker: MemoryBroker,
    reference: str,
) -> None:
    broker.away = True
    sent = await ro.onward.request(reference, LAB, "why", ("INVESTIGATION",), VIEWER)
    assert not sent.sent
    granted = await gr.onward.grant(reference, LAB, Terms(), VIEWER)
    assert not granted.sent
    broker.away, tried = False, broker.calls["submit_grant"]
    for agency in (ro, gr, gr, lab):
        await agency.receive()
    assert (await shown(lab, reference)).content
    assert [one.state for one in await gr.onward.requests()] == [RequestState.WAITING]
    assert broker.calls["submit_grant"] == tried + 1


async def test_a_grant_that_the_broker_refuses_is_told_and_kept_as_refused(
    gr: SimulatedAgency, broker: MemoryBroker, reference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> None:
        raise AgencyError(Reason.DENIED, "the rule book does not let it")

    monkeypatch.setattr(broker.mailbox, "grant", denied)
    assert await refusal(gr.onward.grant(reference, LAB, Terms(), VIEWER)) is Reason.DENIED
    (finding,) = gr.store.inbox.findings(9)
    assert finding.kind is FindingKind.UNTOLD
    states = {one.kind: one.state for one in gr.store.post.of_kinds([PostKind.GRANT], 9)}
    assert states == {PostKind.GRANT: PostState.REFUSED}
    monkeypatch.undo()
    assert (await gr.onward.grant(reference, LAB, Terms(), VIEWER)).sent


async def test_a_grant_waits_until_our_own_notice_came_back(
    gr: SimulatedAgency,
) -> None:
    (one,) = (await gr.publish(Draft(marking=OPEN_MARKING))).notices
    name = one.notice_id.hex()
    assert await refusal(gr.onward.grant(name, LAB, Terms(), VIEWER)) is Reason.UNKNOWN_NOTICE
    await gr.receive()
    assert (await gr.onward.grant(name, LAB, Terms(), VIEWER)).sent


async def test_a_retired_agency_is_admitted_to_nothing(
    gr: SimulatedAgency, federation: Federation, reference: str
) -> None:
    federation.retire(LAB)
    await gr.directory.sync()
    granted = gr.onward.grant(reference, LAB, Terms(), VIEWER)
    assert await refusal(granted) is Reason.RETIRED_RECIPIENT
