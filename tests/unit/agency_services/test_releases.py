# SPDX-License-Identifier: Apache-2.0
"""What the rule book gives only to two is published from the very bytes that both wanted."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agency_client.domain.openings import OpeningKind
from agency_client.domain.outbox import FrameState
from agency_client.domain.people import ActKind, ActState, TwoPersonAct
from agency_client.domain.releases import Release
from agency_client.domain.views import Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.services.publishing import Queued
from keys.entries import RuleBookEntry
from keys.envelope import NoticeHeader
from keys.errors import EnvelopeError
from officers.approvals import MAX_AGE_MS
from policy import standard_book
from tests.simulator.agency import EVERYTHING, Draft, SimulatedAgency
from tests.simulator.federation import MARKING, TOPIC
from tests.simulator.rule_books import standard_and
from tests.unit.agency_services.people import enter, looking

RED = Draft(marking=replace(MARKING, tlp="RED"), to=("ro-pol",))


@pytest.fixture
async def gr(gr: SimulatedAgency) -> SimulatedAgency:
    """An agency with an analyst, two liaison officers and two supervisors."""
    await enter(gr, "nikos")
    await enter(gr, "maria", "LIAISON")
    await enter(gr, "kostas", "LIAISON", "SUPERVISOR")
    await enter(gr, "eleni", "SUPERVISOR")
    return gr


async def queue(
    agency: SimulatedAgency, *drafts: Draft | Release, by: str | None = "maria", **more: Any
) -> Queued:
    viewer = None if by is None else looking(by)
    return await agency.publisher.queue(drafts, viewer=viewer, **more)


async def refused(agency: SimulatedAgency, draft: Draft | Release, by: str | None = "maria") -> str:
    """Return why a draft is refused, after looking that nothing came into the outbox."""
    before = len(agency.store.outbox.waiting())
    queued = await queue(agency, draft, by=by)
    assert (len(queued.refused), queued.frames) == (1, ())
    assert len(agency.store.outbox.waiting()) == before
    return queued.refused[0].reason


async def asked(agency: SimulatedAgency, draft: Draft = RED, by: str = "maria") -> TwoPersonAct:
    assert await refused(agency, draft, by) == Reason.APPROVAL_NEEDED
    return (await agency.approvals.acts())[0]


async def approved(agency: SimulatedAgency, draft: Draft = RED, by: str = "eleni") -> Release:
    act = await asked(agency, draft)
    await agency.approvals.approve(act.digest.hex(), looking(by), by.encode())
    return await agency.releases.find(act.digest.hex())


async def reason(work: Any) -> Reason:
    with pytest.raises(AgencyError) as caught:
        await work
    return caught.value.reason


async def test_what_the_book_leaves_to_one_person_goes_at_once(gr: SimulatedAgency) -> None:
    assert (await queue(gr, Draft(), by="nikos")).refused == ()
    assert await gr.approvals.acts() == ()


async def test_red_goes_out_once_a_supervisor_approved_it(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    release = await approved(gr)
    queued = await queue(gr, release)
    assert queued.refused == ()
    (frame_id, _) = queued.frames[0]
    (own,) = gr.store.outbox.notices(frame_id)
    assert NoticeHeader.decode(own.header).notice_id == release.notice_id
    await gr.send()
    await ro.receiver.catch_up(EVERYTHING)
    assert ro.titles() == [RED.text]
    assert (await gr.approvals.acts())[0].state is ActState.DONE


async def test_a_system_without_officers_publishes_as_before(ro: SimulatedAgency) -> None:
    queued = await ro.publisher.queue([replace(RED, to=("gr-pol",))], viewer=Viewer(name="feed"))
    assert queued.refused == ()


async def test_the_second_person_sees_what_it_is_and_that_stands_in_our_log(
    gr: SimulatedAgency,
) -> None:
    act = await asked(gr)
    assert act.kind is ActKind.RELEASE
    assert act.summary == f"publish TLP:RED BLUE on {TOPIC}, for ro-pol"
    before, _ = gr.store.openings.head()
    view = await gr.releases.read(act.digest.hex(), looking("eleni"))
    assert view.release.notice == RED.notice
    (opening,) = [one for _, _, one in gr.store.openings.leaves(before, 9)]
    assert (opening.kind, opening.who, opening.notices) == (
        OpeningKind.SHOW,
        "eleni",
        (view.release.reference,),
    )


async def test_files_go_as_they_were_approved(gr: SimulatedAgency, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"a photograph")
    release = await approved(gr, replace(RED, attachments=(path,)))
    path.write_bytes(b"another photograph")
    assert await refused(gr, release) == Reason.APPROVAL_REFUSED
    path.write_bytes(b"a photograph")
    assert (await queue(gr, release)).refused == ()


# Refusals.


async def test_red_is_not_published_before_it_is_approved(gr: SimulatedAgency) -> None:
    act = await asked(gr)
    release = await gr.releases.find(act.digest.hex())
    assert await refused(gr, release) == Reason.APPROVAL_NEEDED


async def test_all_or_nothing_waits_for_the_second_person_too(gr: SimulatedAgency) -> None:
    queued = await queue(gr, Draft(), RED, all_or_nothing=True)
    assert [one.reason for one in queued.refused] == [Reason.APPROVAL_NEEDED]
    assert queued.frames == ()


CHANGED: tuple[dict[str, Any], ...] = (
    {"topic": "trafficking/labour"},
    {"marking": replace(RED.marking, handling=("H1",))},
    {"to": ("ro-pol", "hr-ngo")},
    {"readers": ("gr-pol", "hr-ngo", "ro-pol")},
    {"notice": {"type": "YELLOW", "title": "another case"}},
    {"expires_at": RED.expires_at + 1},
    {"notice_id": bytes(16)},
    {"federation": bytes(32)},
    {"supersedes": ("gr-pol/0193a7c2f4e87d1c9a4b5e6f70819203",)},
    {"digests": (bytes(32),)},
)


async def test_what_differs_in_anything_was_not_approved(gr: SimulatedAgency) -> None:
    release = await approved(gr)
    assert gr.approvals.check_act(release.encode()).state is ActState.APPROVED
    for changed in CHANGED:
        with pytest.raises(AgencyError) as caught:
            gr.approvals.check_act(replace(release, **changed).encode())
        assert caught.value.reason is Reason.ACT_UNKNOWN


async def test_another_text_is_not_published_under_an_approval(gr: SimulatedAgency) -> None:
    release = await approved(gr)
    other = replace(release, notice={"type": "YELLOW", "title": "another case"})
    assert await refused(gr, other) == Reason.ACT_UNKNOWN


async def test_nobody_approves_what_they_asked_for(gr: SimulatedAgency) -> None:
    act = await asked(gr, by="kostas")
    work = gr.approvals.approve(act.digest.hex(), looking("kostas"), b"kostas")
    assert await reason(work) is Reason.APPROVAL_REFUSED


async def test_an_analyst_does_not_ask_for_it(gr: SimulatedAgency) -> None:
    assert await refused(gr, RED, by="nikos") == Reason.OFFICER_REFUSED
    assert await gr.approvals.acts() == ()


async def test_asking_takes_a_purpose_and_a_case(gr: SimulatedAgency) -> None:
    queued = await gr.publisher.queue([RED], viewer=Viewer(name="maria"))
    assert queued.refused[0].reason == Reason.PURPOSE_NEEDED
    assert await gr.approvals.acts() == ()


async def test_nobody_in_particular_does_not_publish_it(gr: SimulatedAgency) -> None:
    assert await refused(gr, RED, by=None) == Reason.OFFICER_NEEDED
    assert (await queue(gr, Draft(), by=None)).refused == ()


async def test_somebody_unknown_publishes_nothing(gr: SimulatedAgency) -> None:
    assert await refused(gr, Draft(), by="stranger") == Reason.OFFICER_NEEDED


async def test_a_stale_approval_does_not_count(gr: SimulatedAgency) -> None:
    release = await approved(gr)
    gr.clock.now += MAX_AGE_MS + 1
    assert await refused(gr, release) == Reason.APPROVAL_REFUSED


async def test_another_officer_does_not_publish_it(gr: SimulatedAgency) -> None:
    assert await refused(gr, await approved(gr), by="kostas") == Reason.OFFICER_REFUSED


async def test_it_is_published_once(gr: SimulatedAgency) -> None:
    release = await approved(gr)
    await queue(gr, release)
    assert await refused(gr, release) == Reason.ALREADY_EXISTS


async def test_an_approval_by_who_was_suspended_since_does_not_count(gr: SimulatedAgency) -> None:
    release = await approved(gr)
    await gr.register.suspend("eleni", "administrator")
    assert await refused(gr, release) == Reason.APPROVAL_REFUSED


async def test_other_readers_than_were_approved_are_asked_about_anew(gr: SimulatedAgency) -> None:
    await put_in_force(gr, NONE_ALONE)
    release = await approved(gr, Draft())
    gr.federation.add_agency("fr-pol")
    await gr.directory.sync()
    assert await refused(gr, release) == Reason.APPROVAL_REFUSED


async def test_sealing_anew_adds_no_reader_that_two_persons_did_not_want(
    gr: SimulatedAgency,
) -> None:
    await put_in_force(gr, NONE_ALONE)
    release = await approved(gr, Draft())
    ((frame_id, _),) = (await queue(gr, release)).frames
    gr.store.outbox.rewind(gr.store.outbox.outlet(), TOPIC)
    gr.federation.add_agency("fr-pol")
    await gr.directory.sync()
    assert await gr.publisher.reseal_stale() == 0
    frame = gr.store.outbox.frame(frame_id)
    assert (frame.state, frame.reason) == (FrameState.REFUSED, Reason.APPROVAL_NEEDED)


async def test_what_two_persons_wanted_is_sealed_anew_for_the_same_readers(
    gr: SimulatedAgency,
) -> None:
    ((frame_id, _),) = (await queue(gr, await approved(gr))).frames
    gr.store.outbox.rewind(gr.store.outbox.outlet(), TOPIC)
    gr.clock.now += MAX_AGE_MS + 1
    assert await gr.publisher.reseal_stale() == 1
    assert gr.store.outbox.frame(frame_id).state is FrameState.QUEUED


async def test_a_book_that_keeps_publishing_from_a_person_is_obeyed(gr: SimulatedAgency) -> None:
    await put_in_force(gr, NO_ANALYSTS)
    assert await refused(gr, Draft(), by="nikos") == Reason.DENIED
    assert (await queue(gr, Draft())).refused == ()


@pytest.mark.parametrize("act", [b"", b"act", b"\0\0\0\x11tocsin/release/v1"])
def test_bytes_that_are_no_release_are_refused(act: bytes) -> None:
    with pytest.raises(EnvelopeError):
        Release.decode(act)


async def test_an_act_of_another_kind_publishes_nothing(gr: SimulatedAgency) -> None:
    act = await gr.approvals.ask(
        ActKind.RECALL, b"recall", notice="gr-pol/00", summary="", viewer=looking("maria")
    )
    assert await reason(gr.releases.find(act.digest.hex())) is Reason.ACT_UNKNOWN


async def test_an_analyst_does_not_read_what_waits(gr: SimulatedAgency) -> None:
    act = await asked(gr)
    work = gr.releases.read(act.digest.hex(), looking("nikos"))
    assert await reason(work) is Reason.OFFICER_REFUSED


PUBLISHING = 'principal is Tocsin::Officer, action == Tocsin::Action::"publish", resource'
NONE_ALONE = f"""\
@id("X1") @says("Nobody publishes alone.") forbid ({PUBLISHING}) unless {{ context has approval }};
"""
NO_ANALYSTS = f"""\
@id("X2") @says("Analysts do not publish.") forbid ({PUBLISHING})
when {{ principal in Tocsin::Role::"ANALYST" }};
"""


async def put_in_force(agency: SimulatedAgency, rules: str) -> None:
    entry = RuleBookEntry(version=2, schema=standard_book()[0], policies=standard_and(rules))
    agency.federation.add(entry)
    await agency.directory.sync()
