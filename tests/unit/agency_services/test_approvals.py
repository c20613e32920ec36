# SPDX-License-Identifier: Apache-2.0
"""An act of two: asked for by one, approved by another, and the very same bytes when it is done."""

from collections.abc import Awaitable

import pytest

from agency_client.domain.openings import OpeningKind
from agency_client.domain.people import ActKind, ActState, TwoPersonAct
from agency_client.domain.views import Viewer
from agency_client.errors import AgencyError, Reason
from keys.errors import KeyFileError
from officers.approvals import MAX_AGE_MS
from tests.simulator.agency import SimulatedAgency
from tests.simulator.federation import DAY
from tests.unit.agency_services.people import enter, looking

ACT = b"take back notice 1"
NOTICE = "gr-pol/0193a7c2f4e87d1c9a4b5e6f70819203"
HOUR_MS = 3_600_000


async def ask(agency: SimulatedAgency, by: Viewer, act: bytes = ACT) -> TwoPersonAct:
    return await agency.approvals.ask(
        ActKind.RECALL, act, notice=NOTICE, summary="take it back", viewer=by
    )


async def approve(agency: SimulatedAgency, act: TwoPersonAct, name: str) -> TwoPersonAct:
    return await agency.approvals.approve(act.digest.hex(), looking(name), name.encode())


@pytest.fixture
async def gr(gr: SimulatedAgency) -> SimulatedAgency:
    """An agency with two liaison officers, of whom one is a supervisor, and another supervisor."""
    await enter(gr, "maria", "LIAISON")
    await enter(gr, "kostas", "LIAISON", "SUPERVISOR")
    await enter(gr, "eleni", "SUPERVISOR")
    return gr


async def refusal(work: Awaitable[object]) -> Reason:
    with pytest.raises(AgencyError) as refused:
        await work
    return refused.value.reason


def not_done(agency: SimulatedAgency, act: bytes = ACT) -> Reason:
    with pytest.raises(AgencyError) as refused:
        agency.approvals.check_act(act)
    return refused.value.reason


async def test_an_act_that_a_supervisor_approved_may_be_done(gr: SimulatedAgency) -> None:
    asked = await ask(gr, looking("maria"))
    assert asked.state is ActState.WAITING
    assert not_done(gr) is Reason.APPROVAL_NEEDED
    approved = await approve(gr, asked, "eleni")
    assert approved.state is ActState.APPROVED
    assert gr.approvals.check_act(ACT) == approved
    gr.approvals.done(approved)
    assert [one.state for one in await gr.approvals.acts()] == [ActState.DONE]


async def test_asking_and_approving_stand_in_our_own_log(gr: SimulatedAgency) -> None:
    before, _ = gr.store.openings.head()
    asked = await ask(gr, looking("maria"))
    await approve(gr, asked, "eleni")
    found = [opening for _, _, opening in gr.store.openings.leaves(before, 9)]
    assert [(one.kind, one.who) for one in found] == [
        (OpeningKind.ACT, "maria"),
        (OpeningKind.APPROVAL, "eleni"),
    ]
    assert {(one.purpose, one.case) for one in found} == {("recall", asked.digest.hex())}


async def test_a_changed_act_is_one_that_nobody_asked_for(gr: SimulatedAgency) -> None:
    await approve(gr, await ask(gr, looking("maria")), "eleni")
    for place in range(len(ACT)):
        changed = ACT[:place] + bytes([ACT[place] ^ 1]) + ACT[place + 1 :]
        assert not_done(gr, changed) is Reason.ACT_UNKNOWN


async def test_an_approval_of_one_act_is_none_of_another(gr: SimulatedAgency) -> None:
    await approve(gr, await ask(gr, looking("maria")), "eleni")
    await ask(gr, looking("maria"), b"take back notice 2")
    assert not_done(gr, b"take back notice 2") is Reason.APPROVAL_NEEDED


async def test_nobody_approves_their_own_act(gr: SimulatedAgency) -> None:
    asked = await ask(gr, looking("kostas"))
    assert await refusal(approve(gr, asked, "kostas")) is Reason.APPROVAL_REFUSED
    assert not_done(gr) is Reason.APPROVAL_NEEDED


async def test_only_a_supervisor_approves(gr: SimulatedAgency) -> None:
    asked = await ask(gr, looking("kostas"))
    assert await refusal(approve(gr, asked, "maria")) is Reason.OFFICER_REFUSED
    assert not_done(gr) is Reason.APPROVAL_NEEDED


async def test_nobody_approves_with_somebody_elses_passphrase(gr: SimulatedAgency) -> None:
    asked = await ask(gr, looking("maria"))
    with pytest.raises(KeyFileError):
        await gr.approvals.approve(asked.digest.hex(), looking("eleni"), b"maria")
    assert not_done(gr) is Reason.APPROVAL_NEEDED


@pytest.mark.parametrize("late_ms", [MAX_AGE_MS, -HOUR_MS, -1])
async def test_a_stale_approval_does_not_count_nor_does_one_from_the_future(
    late_ms: int, gr: SimulatedAgency
) -> None:
    await approve(gr, await ask(gr, looking("maria")), "eleni")
    gr.clock.now += late_ms
    assert not_done(gr) is Reason.APPROVAL_REFUSED


async def test_a_stale_approval_may_be_given_anew(gr: SimulatedAgency) -> None:
    asked = await ask(gr, looking("maria"))
    await approve(gr, asked, "eleni")
    gr.clock.now += 2 * DAY
    await approve(gr, asked, "eleni")
    assert gr.approvals.check_act(ACT).approved_at == gr.clock.now


@pytest.mark.parametrize("name", ["maria", "eleni"])
async def test_suspending_either_person_voids_the_approval(name: str, gr: SimulatedAgency) -> None:
    await approve(gr, await ask(gr, looking("maria")), "eleni")
    await gr.register.suspend(name, "administrator")
    assert not_done(gr) is Reason.APPROVAL_REFUSED


async def test_an_approval_whose_signature_was_exchanged_does_not_count(
    gr: SimulatedAgency,
) -> None:
    await approve(gr, await ask(gr, looking("maria")), "eleni")
    other = await ask(gr, looking("maria"), b"take back notice 2")
    await approve(gr, other, "eleni")
    (given,) = gr.store.people.approvals(other.digest)
    (held,) = gr.store.people.approvals(await_digest(gr))
    forged = type(given)(
        agency=held.agency,
        officer=held.officer,
        act=held.act,
        approved_at=held.approved_at,
        signature=given.signature,
    )
    gr.store.people.add_approval(forged)
    assert not_done(gr) is Reason.APPROVAL_REFUSED


def await_digest(agency: SimulatedAgency) -> bytes:
    return next(one.digest for one in agency.store.people.acts(9) if one.act == ACT)


@pytest.mark.parametrize(
    ("viewer", "reason"),
    [
        (looking("nobody"), Reason.OFFICER_NEEDED),
        (Viewer(name="x", officer="nobody"), Reason.OFFICER_UNKNOWN),
        (looking("ana"), Reason.OFFICER_REFUSED),
        (looking("maria", purpose=""), Reason.PURPOSE_NEEDED),
        (looking("maria", case=" "), Reason.PURPOSE_NEEDED),
    ],
)
async def test_who_may_not_ask_does_not(
    viewer: Viewer, reason: Reason, gr: SimulatedAgency
) -> None:
    await enter(gr, "ana", "ANALYST")
    assert await refusal(ask(gr, viewer)) is reason
    assert await gr.approvals.acts() == ()


async def test_an_act_is_asked_for_once(gr: SimulatedAgency) -> None:
    await ask(gr, looking("maria"))
    assert await refusal(ask(gr, looking("kostas"))) is Reason.ALREADY_EXISTS


async def test_what_is_done_is_not_approved_again(gr: SimulatedAgency) -> None:
    approved = await approve(gr, await ask(gr, looking("maria")), "eleni")
    gr.approvals.done(approved)
    assert await refusal(approve(gr, approved, "eleni")) is Reason.APPROVAL_REFUSED


@pytest.mark.parametrize("digits", ["", "0193", "zzzzzzzz", "ff" * 32])
async def test_an_act_that_is_not_there_is_not_found(digits: str, gr: SimulatedAgency) -> None:
    await ask(gr, looking("maria"))
    assert await refusal(gr.approvals.approve(digits, looking("eleni"), b"eleni")) is (
        Reason.ACT_UNKNOWN
    )


async def test_a_profile_without_officers_does_nothing_that_takes_two(ro: SimulatedAgency) -> None:
    assert await refusal(ask(ro, looking("maria"))) is Reason.OFFICER_NEEDED
