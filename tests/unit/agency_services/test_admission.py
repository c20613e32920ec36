# SPDX-License-Identifier: Apache-2.0
"""What an agency asks for is its keys; what it may do the stewards say, also at a renewal."""

from dataclasses import replace

import pytest

from agency_client.errors import AgencyError, Reason
from agency_client.services.admission import AUDITOR, OFFICERS_OF_MEMBERS, admitted
from keys.directory import AgencyEntry
from tests.simulator.federation import DAY, NOW, build_federation


@pytest.fixture(scope="module")
def asked() -> AgencyEntry:
    entry = build_federation(["gr-pol"]).agencies["gr-pol"].entry
    return replace(entry, circles=("grabbed",), asserts_roles=("GRABBED",), role="auditor")


@pytest.fixture(scope="module")
def known() -> AgencyEntry:
    entry = build_federation(["gr-pol"]).agencies["gr-pol"].entry
    return replace(
        entry,
        name="As the stewards renamed it",
        circles=("police",),
        operations=(("JO ADRIA", NOW + DAY),),
        agreement_until=NOW + DAY,
        contact247=False,
        asserts_roles=("ANALYST",),
    )


def test_a_new_agency_has_the_rights_that_the_stewards_give(asked: AgencyEntry) -> None:
    entry = admitted(asked, circles=("police",))
    assert (entry.circles, entry.role, entry.operations) == (("police",), "agency", ())
    assert set(entry.asserts_roles) == set(OFFICERS_OF_MEMBERS)
    assert (entry.signing, entry.encryption) == (asked.signing, asked.encryption)


def test_the_stewards_say_what_its_officers_may_be_and_until_when(asked: AgencyEntry) -> None:
    entry = admitted(asked, circles=("police",), officers=("ANALYST",), agreement_until=NOW + DAY)
    assert (entry.asserts_roles, entry.agreement_until) == (("ANALYST",), NOW + DAY)


def test_an_auditor_s_officers_are_auditors(asked: AgencyEntry) -> None:
    assert admitted(asked, role=AUDITOR).asserts_roles == ("AUDITOR",)


def test_a_renewal_brings_keys_and_contact_and_nothing_else(
    asked: AgencyEntry, known: AgencyEntry
) -> None:
    request = replace(asked, role="agency", name="Old name", contact="new desk")
    entry = admitted(request, known=known)
    assert entry == replace(
        known,
        contact="new desk",
        signing=asked.signing,
        encryption=asked.encryption,
        tls_roots=asked.tls_roots,
        tls_key_pin=asked.tls_key_pin,
        assertion_keys=asked.assertion_keys,
    )


@pytest.mark.parametrize("other", [{"kind": "NGO"}, {"country": "BG"}], ids=str)
def test_a_renewal_makes_nobody_another_kind_of_agency(
    asked: AgencyEntry, known: AgencyEntry, other: dict[str, str]
) -> None:
    with pytest.raises(AgencyError) as caught:
        admitted(replace(asked, **other), known=known)  # type: ignore[arg-type]
    assert caught.value.reason is Reason.INVALID_ARGUMENT
    assert "another agency" in caught.value.message
