# SPDX-License-Identifier: Apache-2.0
"""The register: who is in it, which roles the directory allows, and who somebody at a desk is."""

import pytest

from agency_client.domain.openings import OpeningKind
from agency_client.domain.views import Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.services.officers import approval_key
from keys.errors import KeyFileError
from keys.errors import Reason as TrustReason
from tests.simulator.agency import SimulatedAgency
from tests.simulator.federation import DAY, NOW
from tests.unit.agency_services.conftest import Opening
from tests.unit.agency_services.people import enter, looking


@pytest.fixture
def capped(open_profile: Opening) -> SimulatedAgency:
    """An agency whose officers may be analysts and liaison officers alone."""
    return open_profile("bg-pol")


def reason_of(error: pytest.ExceptionInfo[AgencyError]) -> Reason:
    return error.value.reason


async def test_an_officer_has_a_pseudonym_that_does_not_say_the_name(ro: SimulatedAgency) -> None:
    ana, ion = await enter(ro, "ana", "LIAISON"), await enter(ro, "ion")
    assert [one.name for one in await ro.register.officers()] == ["ana", "ion"]
    assert ana.officer.pseudonym != ion.officer.pseudonym
    assert "ana" not in ana.officer.pseudonym
    assert (ana.officer.agency, ana.officer.roles) == ("ro-pol", ("LIAISON",))


async def test_the_register_is_there_after_a_restart(ro: SimulatedAgency) -> None:
    ana = await enter(ro, "ana")
    assert await ro.reopen().register.officers() == (ana,)


async def test_an_approval_key_opens_under_the_officers_own_passphrase_alone(
    ro: SimulatedAgency,
) -> None:
    ana = await enter(ro, "ana")
    key = approval_key(ana, b"ana")
    assert key.public_key().public_bytes_raw() == ana.officer.approval_key
    with pytest.raises(KeyFileError) as refused:
        approval_key(ana, b"another")
    assert refused.value.reason is TrustReason.PASSPHRASE_WRONG


@pytest.mark.parametrize(
    ("name", "roles", "more", "reason"),
    [
        ("ana", ("ANALYST",), {}, Reason.ALREADY_EXISTS),
        ("ion", ("ADMIN",), {}, Reason.OFFICER_REFUSED),
        ("ion", ("CHIEF",), {}, Reason.INVALID_ARGUMENT),
        ("ion", ("ANALYST",), {"clearance": 100}, Reason.INVALID_ARGUMENT),
        ("ion", ("ANALYST",), {"vetted_until": NOW}, Reason.INVALID_ARGUMENT),
        ("", ("ANALYST",), {}, Reason.INVALID_ARGUMENT),
        ("a\nb", ("ANALYST",), {}, Reason.INVALID_ARGUMENT),
    ],
)
async def test_who_may_not_be_entered_is_not(
    name: str,
    roles: tuple[str, ...],
    more: dict[str, int],
    reason: Reason,
    capped: SimulatedAgency,
) -> None:
    ana = await enter(capped, "ana")
    with pytest.raises(AgencyError) as refused:
        await enter(capped, name, *roles, **more)
    assert reason_of(refused) is reason
    assert await capped.register.officers() == (ana,)


async def test_each_change_of_the_register_stands_in_our_own_log(ro: SimulatedAgency) -> None:
    ana = await enter(ro, "ana")
    await ro.register.suspend("ana", "administrator")
    await ro.register.restore("ana", "administrator")
    found = [opening for _, _, opening in ro.store.openings.leaves(0, 9)]
    assert [one.purpose for one in found] == ["added", "suspended", "restored"]
    assert {one.kind for one in found} == {OpeningKind.OFFICER}
    assert {one.case for one in found} == {f"ana ({ana.officer.pseudonym})"}


async def test_nobody_who_is_not_there_is_suspended(ro: SimulatedAgency) -> None:
    with pytest.raises(AgencyError) as refused:
        await ro.register.suspend("ana", "administrator")
    assert reason_of(refused) is Reason.OFFICER_UNKNOWN
    assert ro.store.openings.head()[0] == 0


async def test_who_acts_is_the_one_named_or_of_the_login_or_the_only_one(
    ro: SimulatedAgency,
) -> None:
    assert ro.register.acting(looking("login")) is None
    ana = await enter(ro, "ana")
    assert ro.register.acting(looking("login")) == ana
    ion = await enter(ro, "ion")
    assert ro.register.acting(looking("ion")) == ion
    assert ro.register.acting(Viewer(name="ion", officer="ana")) == ana


async def test_who_it_is_has_to_be_clear(ro: SimulatedAgency) -> None:
    with pytest.raises(AgencyError) as refused:
        ro.register.acting(Viewer(name="login", officer="ana"))
    assert reason_of(refused) is Reason.OFFICER_UNKNOWN
    await enter(ro, "ana")
    await enter(ro, "ion")
    with pytest.raises(AgencyError) as refused:
        ro.register.acting(looking("login"))
    assert reason_of(refused) is Reason.OFFICER_NEEDED


async def test_a_suspended_officer_is_nobody(ro: SimulatedAgency) -> None:
    await enter(ro, "ana")
    await ro.register.suspend("ana", "administrator")
    with pytest.raises(AgencyError) as refused:
        ro.register.acting(looking("ana"))
    assert reason_of(refused) is Reason.OFFICER_REFUSED
    await ro.register.restore("ana", "administrator")
    assert ro.register.acting(looking("ana")) is not None


async def test_an_act_takes_an_officer_of_the_role_who_is_still_vetted(
    ro: SimulatedAgency,
) -> None:
    with pytest.raises(AgencyError) as refused:
        ro.register.officer(looking("ana"), "LIAISON")
    assert reason_of(refused) is Reason.OFFICER_NEEDED
    ana = await enter(ro, "ana", "LIAISON", vetted_until=NOW + DAY)
    assert ro.register.officer(looking("ana"), "LIAISON", "SUPERVISOR") == ana
    with pytest.raises(AgencyError) as refused:
        ro.register.officer(looking("ana"), "SUPERVISOR")
    assert reason_of(refused) is Reason.OFFICER_REFUSED
    ro.clock.now = NOW + DAY
    with pytest.raises(AgencyError) as refused:
        ro.register.officer(looking("ana"), "LIAISON")
    assert reason_of(refused) is Reason.OFFICER_REFUSED
