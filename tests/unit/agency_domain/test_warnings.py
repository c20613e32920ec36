# SPDX-License-Identifier: Apache-2.0
"""What an officer is warned of before a draft is sent, and what is no reason to warn."""

from dataclasses import replace
from typing import Any

import pytest

from agency_client.domain.warnings import SOON_MS, WarningKind, ending, identifying, lowered
from keys.envelope import Marking
from tests.simulator.federation import DAY, MARKING, NOW, Member, build_federation

CITED = "ro-pol/0193a7c2f4e87d1c9a4b5e6f70819203"
PHONE = [{"number": "+30 210 000 0000"}]


def told(status: str, **fields: Any) -> list[str]:
    return [one.message for one in identifying({"persons": [{"status": status, **fields}]})]


@pytest.mark.parametrize("status", ["VICTIM", "POSSIBLE_VICTIM", "WITNESS", "REPORTING_PERSON"])
def test_whatever_identifies_a_victim_or_witness_is_not_for_everybody(status: str) -> None:
    assert told(status, phones=PHONE) == ["everybody may see persons[0]: phones"]
    assert told(status, name="Anna Invented", born="2009") == [
        "everybody may see persons[0]: name, born"
    ]


def test_who_is_sought_may_be_known_but_not_traced() -> None:
    assert told("MISSING", name="Anna Invented", born="2009") == []
    assert told("MISSING", phones=PHONE) == ["everybody may see persons[0]: phones"]


def test_suspects_and_notices_without_persons_are_no_reason_to_warn() -> None:
    assert told("SUSPECT", name="Bob Invented", phones=PHONE) == []
    assert list(identifying({"title": "a van"})) == []


def test_a_warning_does_not_repeat_what_the_notice_says() -> None:
    (warning,) = identifying({"persons": [{"status": "VICTIM", "phones": PHONE}]})
    assert warning.kind is WarningKind.IDENTIFIES
    assert "210" not in warning.message + warning.advice


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"tlp": "AMBER+STRICT"}, "TLP:AMBER, there TLP:AMBER+STRICT"),
        ({"tlp": "RED"}, "TLP:AMBER, there TLP:RED"),
        ({"tlp": "NEW"}, "TLP:AMBER, there TLP:NEW"),
        ({"handling": ("H1", "H2")}, "without H1, H2"),
        ({"not_for": ("US",)}, "for US too"),
        ({"purposes": ("PREVENTION",)}, "for INVESTIGATION too"),
    ],
)
def test_a_marking_lower_than_its_source_is_told(source: dict[str, Any], said: str) -> None:
    warning = lowered(MARKING, CITED, replace(MARKING, **source))
    assert warning is not None
    assert warning.kind is WarningKind.LOWERED
    assert warning.notice == CITED
    assert warning.message == f"it is marked lower than {CITED}: {said}"


def test_what_may_be_granted_on_is_lower_than_what_may_not() -> None:
    warning = lowered(replace(MARKING, regrant="originator"), CITED, MARKING)
    assert warning is not None
    assert lowered(MARKING, CITED, replace(MARKING, regrant="originator")) is None


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"tlp": "GREEN"},
        {"handling": ("H0",)},
        {"purposes": ("INVESTIGATION", "PROSECUTION")},
        {"sanitised": True},
    ],
)
def test_a_marking_as_high_as_its_source_is_no_reason_to_warn(source: dict[str, Any]) -> None:
    assert lowered(MARKING, CITED, replace(MARKING, **source)) is None


def test_all_differences_are_told_at_once() -> None:
    source = Marking(type="RED", tlp="RED", handling=("H2",), purposes=("INVESTIGATION",))
    warning = lowered(MARKING, CITED, source)
    assert warning is not None
    assert warning.message.endswith("TLP:AMBER, there TLP:RED; without H2")


def test_agreements_that_end_within_a_month_are_told_with_their_day() -> None:
    agencies = [
        Member(agency="ro-pol", agreement_until=NOW + 5 * DAY),
        Member(agency="bg-pol", agreement_until=NOW + SOON_MS),
        Member(agency="it-pol", agreement_until=NOW + SOON_MS + 1),
        Member(agency="mt-pol", agreement_until=NOW),
    ]
    directory = build_federation(agencies).directory
    warning = ending(directory.agencies(), NOW)
    assert warning is not None
    assert warning.message.endswith("ro-pol (2026-11-29), bg-pol (2026-12-24)")
    assert ending([one for one in directory.agencies() if one.agency == "it-pol"], NOW) is None
