# SPDX-License-Identifier: Apache-2.0
"""An act takes a liaison officer and another person who is a supervisor, both vouched for.

By the agency on the connection, for the certificate it shows, for the very bytes, now, and once.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from broker.errors import BrokerError, Reason
from broker.services.federation import Federation as Standing
from broker.services.vouching import Vouching
from keys.framing import sha256
from officers.assertions import Assertion
from tests.simulator.federation import DAY, NOW, Federation, Member, build_federation
from tests.simulator.officers import asserted_two, assertion_of, one_person, signed

ACT = b"the exact recall"
LEAF = sha256(b"the certificate that is shown")
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def federation() -> Federation:
    return build_federation(
        ("gr-pol", "ro-pol", Member(agency="bg-pol", asserts_roles=("ANALYST", "LIAISON")))
    )


@pytest.fixture(scope="module")
def standing(federation: Federation) -> Standing:
    return Standing(directory=federation.directory, engine=None)


@pytest.fixture
def vouching() -> Vouching:
    return Vouching()


def check(
    vouching: Vouching,
    standing: Standing,
    assertions: Sequence[str],
    *,
    agency: str = "gr-pol",
    act: bytes = ACT,
    now: int = NOW,
) -> None:
    vouching.check_two(
        standing, agency=agency, certificate=LEAF, act=act, assertions=assertions, now=now
    )


def why(
    vouching: Vouching,
    standing: Standing,
    assertions: Sequence[str],
    *,
    agency: str = "gr-pol",
    act: bytes = ACT,
    now: int = NOW,
) -> str:
    """Return what a caller is told."""
    with pytest.raises(BrokerError) as refused:
        check(vouching, standing, assertions, agency=agency, act=act, now=now)
    assert refused.value.reason is Reason.DENIED
    return refused.value.metadata["assertion"]


def two(federation: Federation, agency: str = "gr-pol", *, now: int = NOW) -> tuple[str, str]:
    return asserted_two(federation, agency, ACT, now=now, certificate=LEAF)


def of(federation: Federation, role: str, *, agency: str = "gr-pol") -> Assertion:
    return assertion_of(federation, agency, ACT, role, certificate=LEAF)


@pytest.mark.parametrize("order", [1, -1])
def test_a_liaison_officer_and_a_supervisor_stand_behind_an_act(
    order: int, federation: Federation, standing: Standing, vouching: Vouching
) -> None:
    check(vouching, standing, two(federation)[::order])


def test_each_assertion_counts_once(
    federation: Federation, standing: Standing, vouching: Vouching
) -> None:
    assertions = two(federation)
    check(vouching, standing, assertions)
    assert why(vouching, standing, assertions) == "replayed"
    assert why(vouching, standing, (two(federation)[0], assertions[1])) == "replayed"


def test_the_same_assertion_does_not_stand_for_two(
    federation: Federation, standing: Standing, vouching: Vouching
) -> None:
    liaison, _ = two(federation)
    assert why(vouching, standing, (liaison, liaison)) == "replayed"


def test_one_person_in_two_roles_is_one(
    federation: Federation, standing: Standing, vouching: Vouching
) -> None:
    person = one_person(of(federation, "LIAISON"), "LIAISON", "SUPERVISOR")
    again = one_person(person, "SUPERVISOR")
    both = signed(federation, person), signed(federation, again)
    assert why(vouching, standing, both) == "not_two"


@pytest.mark.parametrize(
    "roles", [("LIAISON", "LIAISON"), ("SUPERVISOR", "SUPERVISOR"), ("ANALYST", "SUPERVISOR")]
)
def test_two_persons_of_other_roles_do_not_do(
    roles: tuple[str, str], federation: Federation, standing: Standing, vouching: Vouching
) -> None:
    one, other = (of(federation, role) for role in roles)
    people = signed(federation, one), signed(federation, replace(other, subject="officer-2"))
    assert why(vouching, standing, people) == "not_two"


@pytest.mark.parametrize("count", [0, 1, 3])
def test_it_takes_two_assertions(
    count: int, federation: Federation, standing: Standing, vouching: Vouching
) -> None:
    assertions = (*two(federation), *two(federation))[:count]
    assert why(vouching, standing, assertions) == "not_two"


CHANGES: dict[str, tuple[Callable[[Assertion], Assertion], str]] = {
    "other TLS key": (lambda one: replace(one, certificate=sha256(b"x")), "other_certificate"),
    "other act": (lambda one: replace(one, act=sha256(b"x")), "other_act"),
    "no act": (lambda one: replace(one, act=b""), "other_act"),
    "other federation": (lambda one: replace(one, federation=sha256(b"x")), "other_audience"),
    "other agency": (lambda one: replace(one, agency="ro-pol"), "other_agency"),
    "not vetted": (lambda one: replace(one, vetted_until=0), "not_vetted"),
    "an hour long": (lambda one: replace(one, expires_at=one.issued_at + HOUR_MS), "too_long"),
}


@pytest.mark.parametrize(("change", "told"), CHANGES.values(), ids=CHANGES)
def test_an_assertion_for_something_else_is_refused(
    change: Callable[[Assertion], Assertion],
    told: str,
    federation: Federation,
    standing: Standing,
    vouching: Vouching,
) -> None:
    liaison, _ = two(federation)
    changed = signed(federation, change(of(federation, "SUPERVISOR")), by="gr-pol")
    assert why(vouching, standing, (liaison, changed)) == told


def test_another_agencys_signature_is_refused(
    federation: Federation, standing: Standing, vouching: Vouching
) -> None:
    liaison, _ = two(federation)
    forged = signed(federation, of(federation, "SUPERVISOR"), by="ro-pol")
    assert why(vouching, standing, (liaison, forged)) == "signature_invalid"


def test_whose_it_must_be_comes_from_the_connection(
    federation: Federation, standing: Standing, vouching: Vouching
) -> None:
    assert why(vouching, standing, two(federation), agency="ro-pol") == "signature_invalid"


def test_a_role_that_the_agency_may_not_assert_is_refused(
    federation: Federation, standing: Standing, vouching: Vouching
) -> None:
    theirs = two(federation, "bg-pol")
    assert why(vouching, standing, theirs, agency="bg-pol") == "role_not_allowed"


@pytest.mark.parametrize(("now", "told"), [(NOW + HOUR_MS, "expired"), (NOW - HOUR_MS, "not_yet")])
def test_a_clock_an_hour_off_is_refused(
    now: int, told: str, federation: Federation, standing: Standing, vouching: Vouching
) -> None:
    assert why(vouching, standing, two(federation), now=now) == told


def test_a_changed_byte_of_the_act_voids_both(
    federation: Federation, standing: Standing, vouching: Vouching
) -> None:
    assert why(vouching, standing, two(federation), act=ACT + b"!") == "other_act"
    check(vouching, standing, two(federation), now=NOW + DAY // 24 // 60)


def test_an_agency_that_is_not_in_the_directory_asserts_nothing(
    federation: Federation, standing: Standing, vouching: Vouching
) -> None:
    assert why(vouching, standing, two(federation), agency="xx-pol") == "unknown_key"
