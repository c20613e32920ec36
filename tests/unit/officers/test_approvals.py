# SPDX-License-Identifier: Apache-2.0
"""An approval carries one exact act of somebody else of the same agency, for a day."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from officers.approvals import MAX_AGE_MS, Approval, approve, check_approval
from officers.errors import OfficerError, Reason
from officers.people import Officer
from tests.unit.officers.conftest import NOW, officer_with

ACT = b"take back notice 1"
HOUR_MS = 3_600_000


@pytest.fixture
def approval(supervisor: Officer, key: Ed25519PrivateKey) -> Approval:
    return approve(ACT, officer=supervisor, key=key, now=NOW)


def refusal(
    approval: Approval,
    requester: Officer,
    approver: Officer,
    *,
    act: bytes = ACT,
    now: int = NOW,
) -> Reason:
    with pytest.raises(OfficerError) as refused:
        check_approval(approval, act, requester=requester, approver=approver, now=now)
    return refused.value.reason


@pytest.mark.must("APPROVAL-1")
@pytest.mark.parametrize("age_ms", [0, HOUR_MS, MAX_AGE_MS - 1])
def test_a_fresh_approval_of_a_supervisor_carries_the_act(
    age_ms: int, approval: Approval, requester: Officer, supervisor: Officer
) -> None:
    check_approval(approval, ACT, requester=requester, approver=supervisor, now=NOW + age_ms)


@pytest.mark.must("APPROVAL-2")
@pytest.mark.parametrize("place", range(len(ACT)))
def test_a_changed_byte_of_the_act_voids_the_approval(
    place: int, approval: Approval, requester: Officer, supervisor: Officer
) -> None:
    changed = ACT[:place] + bytes([ACT[place] ^ 1]) + ACT[place + 1 :]
    assert refusal(approval, requester, supervisor, act=changed) is Reason.OTHER_ACT


def test_a_digest_put_in_place_of_another_is_not_signed(
    approval: Approval, requester: Officer, supervisor: Officer
) -> None:
    other = b"take back notice 2"
    moved = replace(approval, act=approve_digest(other))
    assert refusal(moved, requester, supervisor, act=other) is Reason.SIGNATURE_INVALID


def approve_digest(act: bytes) -> bytes:
    stranger = Ed25519PrivateKey.generate()
    return approve(act, officer=officer_with(stranger, "x", "SUPERVISOR"), key=stranger, now=0).act


@pytest.mark.must("APPROVAL-3")
@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (NOW + MAX_AGE_MS, Reason.EXPIRED),
        (NOW + 2 * MAX_AGE_MS, Reason.EXPIRED),
        (NOW - 1, Reason.NOT_YET),
        (NOW - HOUR_MS, Reason.NOT_YET),
    ],
)
def test_a_stale_approval_or_one_from_the_future_is_refused(
    now: int, reason: Reason, approval: Approval, requester: Officer, supervisor: Officer
) -> None:
    assert refusal(approval, requester, supervisor, now=now) is reason


def test_an_approval_made_to_look_fresh_is_not_signed(
    approval: Approval, requester: Officer, supervisor: Officer
) -> None:
    fresh = replace(approval, approved_at=NOW + MAX_AGE_MS)
    assert refusal(fresh, requester, supervisor, now=NOW + MAX_AGE_MS) is Reason.SIGNATURE_INVALID


APPROVERS: dict[str, tuple[Callable[[Officer], Officer], Reason]] = {
    "suspended": (lambda one: replace(one, is_suspended=True), Reason.SUSPENDED),
    "liaison": (lambda one: replace(one, roles=("LIAISON",)), Reason.ROLE_MISSING),
    "not vetted": (lambda one: replace(one, vetted_until=NOW), Reason.NOT_VETTED),
    "other agency": (lambda one: replace(one, agency="hr-ngo"), Reason.OTHER_AGENCY),
    "other officer": (lambda one: replace(one, pseudonym="officer-3"), Reason.OTHER_AGENCY),
}


@pytest.mark.must("APPROVAL-3")
@pytest.mark.parametrize(("change", "reason"), APPROVERS.values(), ids=APPROVERS)
def test_an_approver_who_may_not_approve_is_refused(
    change: Callable[[Officer], Officer],
    reason: Reason,
    approval: Approval,
    requester: Officer,
    supervisor: Officer,
) -> None:
    assert refusal(approval, requester, change(supervisor)) is reason


def test_a_foreign_approval_is_refused(requester: Officer, key: Ed25519PrivateKey) -> None:
    foreign = replace(officer_with(key, "officer-2", "SUPERVISOR"), agency="hr-ngo")
    approval = approve(ACT, officer=foreign, key=key, now=NOW)
    assert refusal(approval, requester, foreign) is Reason.OTHER_AGENCY


@pytest.mark.must("APPROVAL-3")
def test_nobody_approves_what_they_asked_for_themselves(
    approval: Approval, supervisor: Officer
) -> None:
    assert refusal(approval, supervisor, supervisor) is Reason.SAME_PERSON


@pytest.mark.must("APPROVAL-2")
def test_an_approval_under_somebody_elses_key_is_refused(
    requester: Officer, supervisor: Officer
) -> None:
    forged = approve(ACT, officer=supervisor, key=Ed25519PrivateKey.generate(), now=NOW)
    assert refusal(forged, requester, supervisor) is Reason.SIGNATURE_INVALID


def test_an_officer_is_valid_when_it_exists(supervisor: Officer) -> None:
    for change in ({"clearance": 100}, {"roles": ("CHIEF",)}, {"pseudonym": ""}):
        with pytest.raises(OfficerError) as refused:
            replace(supervisor, **change)
        assert refused.value.reason is Reason.MALFORMED


def test_an_officer_acts_in_its_roles_while_vetted_and_not_suspended(supervisor: Officer) -> None:
    assert supervisor.may_act_as("SUPERVISOR", NOW)
    assert not supervisor.may_act_as("DUTY_247", NOW)
    assert not supervisor.may_act_as("SUPERVISOR", supervisor.vetted_until)
    assert not replace(supervisor, is_suspended=True).may_act_as("SUPERVISOR", NOW)
