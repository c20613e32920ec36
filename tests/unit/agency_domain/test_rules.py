# SPDX-License-Identifier: Apache-2.0
"""What a schema cannot say: care for children, victims and witnesses, and codes that clash."""

from typing import Any

import pytest

from agency_client.domain.flaws import FlawReason
from agency_client.domain.rules import IDENTITY, TRACING
from tests.unit.agency_domain.samples import drafted, is_accepted, refusal

_VALUES: dict[str, Any] = {
    "aliases": [{"name": "Invented"}],
    "born": "1990",
    "documents": [{"kind": "PASSPORT"}],
    "phones": [{"number": "+30 210 000"}],
    "accounts": [{"kind": "EMAIL", "name": "a@b.example"}],
    "addresses": [{"place": "Patras"}],
}
_PERSON_FIELDS = [*IDENTITY, "documents", "phones", "accounts", "addresses"]
_THINGS: dict[str, Any] = {**_VALUES, "vehicles": [{"kind": "VAN", "plate": "XYZ-0000"}]}


def _value(field: str) -> Any:
    return _VALUES.get(field, "Invented")


def test_tlp_red_names_its_recipients() -> None:
    flaw = refusal(tlp="RED")
    assert (flaw.field, flaw.reason) == ("to", FlawReason.EMPTY_AUDIENCE)
    assert "--to" in flaw.advice
    assert drafted(tlp="RED", to=["ro-pol"]).to == ("ro-pol",)


def test_no_restriction_stands_beside_no_other() -> None:
    assert refusal(handling=["H0", "H2"]).reason is FlawReason.CONTRADICTION
    assert drafted(handling=["H0"]).marking.handling == ("H0",)
    assert drafted(handling=["H1", "H2"]).marking.handling == ("H1", "H2")


@pytest.mark.parametrize(
    "fields",
    [
        {"handling": ["H3"]},
        {"grading": {"scheme": "5x5x5", "source": "A", "information": "1", "handling": "5"}},
    ],
)
def test_conditions_that_a_code_speaks_of_are_stated(fields: dict[str, Any]) -> None:
    flaw = refusal(**fields)
    assert (flaw.field, flaw.reason) == ("handling_note", FlawReason.MISSING_FIELD)
    assert drafted(**fields, handling_note="Call before use.").notice["handling_note"]


@pytest.mark.parametrize("fields", [{"born": "2012-03"}, {"estimated_age": 17}, {"born": "2009"}])
def test_who_is_under_age_is_flagged_as_a_child(fields: dict[str, Any]) -> None:
    draft = drafted("YELLOW", persons=[{"status": "MISSING", **fields}])
    assert draft.notice["persons"][0]["child"] is True


@pytest.mark.parametrize("fields", [{"born": "1990"}, {"estimated_age": 18}, {"born": "2008"}, {}])
def test_who_may_be_of_age_is_not_flagged(fields: dict[str, Any]) -> None:
    draft = drafted("YELLOW", persons=[{"status": "MISSING", **fields}])
    assert "child" not in draft.notice["persons"][0]


def test_who_is_under_age_cannot_be_said_to_be_no_child() -> None:
    persons = [{"status": "MISSING"}, {"status": "MISSING", "born": "2012", "child": False}]
    flaw = refusal("YELLOW", persons=persons)
    assert (flaw.field, flaw.reason) == ("persons[1].child", FlawReason.CONTRADICTION)


def test_in_doubt_somebody_may_be_said_to_be_a_child() -> None:
    draft = drafted("YELLOW", persons=[{"status": "MISSING", "born": "2000", "child": True}])
    assert draft.notice["persons"][0]["child"] is True


def test_nobody_is_born_in_the_future() -> None:
    flaw = refusal("YELLOW", persons=[{"status": "MISSING", "born": "2026-11-26"}])
    assert (flaw.field, flaw.reason) == ("persons[0].born", FlawReason.IMPOSSIBLE_DATE)
    assert is_accepted("YELLOW", persons=[{"status": "MISSING", "born": "2026-11-25"}])


@pytest.mark.parametrize("field", _PERSON_FIELDS)
def test_a_sanitised_notice_does_not_identify_a_victim(field: str) -> None:
    victim = {"status": "VICTIM", field: _value(field)}
    flaw = refusal("VICTIM_REFERRAL", sanitised=True, persons=[victim])
    assert (flaw.field, flaw.reason) == (f"persons[0].{field}", FlawReason.IDENTIFIES)
    assert is_accepted("VICTIM_REFERRAL", persons=[victim])


@pytest.mark.parametrize("field", ["documents", "phones", "accounts", "addresses", "vehicles"])
def test_a_sanitised_notice_holds_nothing_that_leads_to_somebody(field: str) -> None:
    flaw = refusal(sanitised=True, **{field: _THINGS[field]})
    assert (flaw.field, flaw.reason) == (field, FlawReason.IDENTIFIES)
    assert field in TRACING


def test_a_sanitised_notice_names_who_is_missing_but_not_where_they_can_be_reached() -> None:
    missing = {"status": "MISSING", "name": "Invented", "born": "2012", "sex": "F"}
    draft = drafted("MISSING_PERSON", sanitised=True, persons=[missing])
    assert draft.marking.sanitised
    phone = {**missing, "phones": _VALUES["phones"]}
    flaw = refusal("MISSING_PERSON", sanitised=True, persons=[phone])
    assert flaw.field == "persons[0].phones"


def test_a_sanitised_referral_says_what_is_needed() -> None:
    victim = {"status": "VICTIM", "child": True, "sex": "F", "languages": ["ROM"]}
    draft = drafted(
        "VICTIM_REFERRAL", sanitised=True, persons=[victim], needs=["SHELTER", "GUARDIAN"]
    )
    assert draft.notice["needs"] == ["SHELTER", "GUARDIAN"]


@pytest.mark.parametrize("name", ["RED", "BLUE", "GREEN", "SILVER"])
def test_notices_for_law_enforcement_cannot_be_called_sanitised(name: str) -> None:
    flaw = refusal(name, sanitised=True)
    assert (flaw.field, flaw.reason) == ("sanitised", FlawReason.CONTRADICTION)


@pytest.mark.parametrize("status", ["VICTIM", "POSSIBLE_VICTIM", "WITNESS", "REPORTING_PERSON"])
def test_a_notice_for_anybody_does_not_identify_whom_it_must_shelter(status: str) -> None:
    persons = [{"status": status, "forename": "Invented"}]
    flaw = refusal("CASE_SUMMARY", tlp="CLEAR", persons=persons)
    assert (flaw.field, flaw.reason) == ("persons[0].forename", FlawReason.IDENTIFIES)
    assert is_accepted("CASE_SUMMARY", tlp="GREEN", persons=persons)
    assert drafted("YELLOW", tlp="CLEAR").marking.tlp == "CLEAR"


def test_trafficking_of_an_adult_needs_means() -> None:
    elements = {"acts": ["RECRUITMENT"], "exploitation": ["ForcedLabour"]}
    flaw = refusal(trafficking=elements)
    assert (flaw.field, flaw.reason) == ("trafficking.means", FlawReason.MISSING_FIELD)
    assert is_accepted(trafficking={**elements, "means": ["NOT_KNOWN"]})
    assert is_accepted(trafficking={"acts": ["RECRUITMENT"]})


def test_trafficking_of_a_child_needs_no_means() -> None:
    elements = {"acts": ["RECRUITMENT"], "exploitation": ["ForcedLabour"]}
    assert is_accepted(trafficking=elements, persons=[{"status": "VICTIM", "born": "2012"}])


def test_a_document_is_not_over_before_it_is_issued() -> None:
    document = {"kind": "VISA", "issued_on": "2026-02-01", "valid_until": "2026-01-31"}
    flaw = refusal(documents=[{"kind": "VISA"}, document])
    assert (flaw.field, flaw.reason) == ("documents[1].valid_until", FlawReason.WRONG_ORDER)
    persons = [{"status": "OTHER", "documents": [document]}]
    assert refusal(persons=persons).field == "persons[0].documents[0].valid_until"
    assert is_accepted(documents=[{**document, "valid_until": "2026-02-01"}])
