# SPDX-License-Identifier: Apache-2.0
"""What is kept of an agency's people: it is there after a restart, and first times stay."""

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agency_client.domain.people import (
    ActKind,
    ActState,
    BreakGlassUse,
    OfficerRecord,
    TwoPersonAct,
)
from agency_client.errors import AgencyError, Reason
from agency_client.store.people_tables import officers
from agency_client.store.profile_store import ProfileStore
from officers.approvals import approve
from officers.people import Officer
from tests.unit.agency_store.samples import AGENCY, KEY

NOW = 1_790_000_000_000
NOTICE = "gr-pol/0193a7c2f4e87d1c9a4b5e6f70819203"


def record(name: str) -> OfficerRecord:
    key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    officer = Officer(
        agency=AGENCY,
        pseudonym=f"officer-{name}",
        roles=("ANALYST", "LIAISON"),
        clearance=3,
        vetted_until=NOW,
        approval_key=key,
    )
    return OfficerRecord(
        name=name, officer=officer, sealed_key=b"sealed", added_at=NOW, added_by="administrator"
    )


ACT = TwoPersonAct(
    kind=ActKind.RECALL,
    act=b"the exact bytes",
    notice=NOTICE,
    summary="take it back",
    requester="officer-a",
    requested_by="a",
    requested_at=NOW,
    purpose="INVESTIGATION",
    case="2026/1",
)
USE = BreakGlassUse(
    notice=NOTICE,
    officer="officer-a",
    opened_by="a",
    opened_at=NOW,
    reason="danger",
    ticket="T-1",
    rules=("P11-break-glass", "X-1"),
)


def test_people_are_there_after_a_restart(store: ProfileStore, folder: Path) -> None:
    people = store.people
    for name in ("b", "a"):
        people.add_officer(record(name))
    people.add_act(ACT)
    people.add_break_glass(USE)
    held = people.officers(), people.acts(9), people.break_glass_uses(unreviewed=False)
    store.close()
    again = ProfileStore(folder, KEY, AGENCY)
    found = again.people
    assert (found.officers(), found.acts(9)) == held[:2]
    assert found.break_glass_uses(unreviewed=False) == held[2] == (replace(USE, number=1),)
    assert [one.name for one in found.officers()] == ["a", "b"]
    again.close()


@pytest.mark.parametrize("again", [record("a"), replace(record("b"), officer=record("a").officer)])
def test_a_name_and_a_pseudonym_are_given_once(store: ProfileStore, again: OfficerRecord) -> None:
    store.people.add_officer(record("a"))
    before = store.people.officers()
    with pytest.raises(AgencyError) as refused:
        store.people.add_officer(again)
    assert refused.value.reason is Reason.ALREADY_EXISTS
    assert store.people.officers() == before


def test_a_register_that_was_changed_by_hand_is_refused(store: ProfileStore) -> None:
    store.people.add_officer(record("a"))
    with store.people._database.write() as connection:
        connection.execute(officers.update().values(roles="CHIEF"))
    with pytest.raises(AgencyError) as refused:
        store.people.officers()
    assert refused.value.reason is Reason.STORE_INVALID


def test_an_act_is_kept_once_and_done_once(store: ProfileStore) -> None:
    people = store.people
    people.add_act(ACT)
    with pytest.raises(AgencyError) as refused:
        people.add_act(replace(ACT, summary="another summary"))
    assert refused.value.reason is Reason.ALREADY_EXISTS
    people.set_done(ACT.digest, NOW + 1)
    people.set_done(ACT.digest, NOW + 2)
    (kept,) = people.acts(9)
    assert (kept.state, kept.done_at, kept.summary) == (ActState.DONE, NOW + 1, "take it back")
    assert people.act(b"x" * 32) is None


def test_a_newer_approval_takes_the_place_of_an_older_one(store: ProfileStore) -> None:
    key, people = Ed25519PrivateKey.generate(), store.people
    people.add_act(ACT)
    assert people.approvals(ACT.digest) == ()
    given = [approve(ACT.act, officer=record("b").officer, key=key, now=NOW + n) for n in (1, 2)]
    for one in given:
        people.add_approval(one)
    assert people.approvals(ACT.digest) == (given[1],)


def test_the_first_review_stays(store: ProfileStore) -> None:
    people = store.people
    number = people.add_break_glass(USE)
    people.set_reviewed(number, NOW + 1, "b", "justified")
    people.set_reviewed(number, NOW + 2, "c", "not justified")
    assert people.break_glass_uses(unreviewed=True) == ()
    (use,) = people.break_glass_uses(unreviewed=False)
    assert (use.reviewed_at, use.reviewed_by, use.outcome) == (NOW + 1, "b", "justified")
