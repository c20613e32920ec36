# SPDX-License-Identifier: Apache-2.0
"""From a record to a draft: what goes where, and defaults."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agency_client.domain.flaws import FlawReason
from agency_client.domain.notice_types import NOTICE_TYPES
from agency_client.domain.notices import Draft, draft_of
from keys.envelope import Marking
from keys.errors import TrustError
from tests.unit.agency_domain.samples import DAY, NOW, TOPIC, drafted, flaw_of, record, refusal

if TYPE_CHECKING:
    from agency_client.domain.publishable import Publishable


@pytest.mark.parametrize("name", NOTICE_TYPES)
def test_the_smallest_record_of_each_type_becomes_a_draft(name: str) -> None:
    draft = drafted(name)
    assert draft.marking == Marking(
        type=name, tlp="AMBER", purposes=NOTICE_TYPES[name].purposes, mode="ACTUAL"
    )
    assert draft.topic == TOPIC
    assert draft.to == ()
    assert draft.expires_at == NOW + NOTICE_TYPES[name].days * DAY


def test_a_draft_is_what_publishing_needs(tmp_path: Path) -> None:
    draft: Publishable = drafted()
    assert isinstance(draft, Draft)
    assert replace(draft, attachments=(tmp_path,)).attachments == (tmp_path,)


def test_what_policy_and_routing_need_leaves_the_sealed_document() -> None:
    draft = drafted(
        "CASE_SUMMARY",
        topic="victims/referrals",
        to=["ro-pol", "hr-ngo"],
        handling=["H2", "H1"],
        purposes=["PROSECUTION"],
        not_for=["NO", "BG"],
        regrant="originator",
        mode="EXERCISE",
        operation="op harbour 1",
        priority="FLASH",
        supersedes=["0193a7c2f4e87d1c"],
        valid_from="2026-11-20T10:00:00Z",
        expires_at="2026-12-31",
        review_on="2026-12-01",
    )
    assert draft.marking == Marking(
        type="CASE_SUMMARY",
        tlp="AMBER",
        handling=("H1", "H2"),
        purposes=("PROSECUTION",),
        not_for=("BG", "NO"),
        regrant="originator",
        mode="EXERCISE",
        operation="op harbour 1",
        priority="FLASH",
    )
    assert draft.topic == "victims/referrals"
    assert draft.to == ("ro-pol", "hr-ngo")
    assert draft.supersedes == ("0193a7c2f4e87d1c",)
    assert draft.notice == {
        "title": "Farm work",
        "summary": "Workers without pay.",
        "review_on": "2026-12-01",
    }


def test_what_the_record_says_stands_before_what_the_command_says() -> None:
    whole = record(topic="other/topic", to=["ro-pol"])
    draft = draft_of(whole, now=NOW, topic=TOPIC, to=["bg-pol"])
    assert (draft.topic, draft.to) == ("other/topic", ("ro-pol",))


def test_what_the_command_says_is_for_records_that_say_nothing() -> None:
    whole = record(to=[], topic=None)
    draft = draft_of(whole, now=NOW, topic=TOPIC, to=["bg-pol", "bg-pol"])
    assert (draft.topic, draft.to) == (TOPIC, ("bg-pol",))


def test_a_record_is_not_changed_by_being_read() -> None:
    given = record("YELLOW", not_for=["NO"], title="  x ")
    before = repr(given)
    draft_of(given, now=NOW, topic=TOPIC, to=["bg-pol"])
    assert repr(given) == before


@pytest.mark.parametrize(
    ("written", "meant"),
    [("TLP:AMBER+STRICT", "AMBER+STRICT"), ("WHITE", "CLEAR"), ("TLP:WHITE", "CLEAR")],
)
def test_a_traffic_light_may_be_written_as_others_write_it(written: str, meant: str) -> None:
    assert drafted(tlp=written).marking.tlp == meant


def test_a_record_without_a_topic_is_refused() -> None:
    flaw = flaw_of(record(), topic="")
    assert (flaw.field, flaw.reason) == ("topic", FlawReason.MISSING_FIELD)
    assert "--topic" in flaw.advice


@pytest.mark.parametrize("topic", ["Trafficking", "a//b", "a/", "a b", "/".join("abcdefghi"), "ä"])
def test_a_topic_that_cannot_be_one_is_refused_wherever_it_comes_from(topic: str) -> None:
    for flaw in (refusal(topic=topic), flaw_of(record(), topic=topic)):
        assert (flaw.field, flaw.reason) == ("topic", FlawReason.WRONG_FORMAT)


@pytest.mark.parametrize("agency", ["A", "ro_pol", "x" * 33, "steward-one", ""])
def test_a_recipient_that_cannot_be_an_agency_is_refused(agency: str) -> None:
    flaw = refusal(to=["ro-pol", agency])
    assert (flaw.field, flaw.reason) == ("to[1]", FlawReason.WRONG_FORMAT)


@pytest.mark.parametrize("name", ["yellow", "Yelow", "YELLOWS"])
def test_a_mistyped_type_is_refused_with_the_one_that_was_meant(name: str) -> None:
    flaw = flaw_of({**record("YELLOW"), "type": name})
    assert flaw.reason is FlawReason.UNKNOWN_TYPE
    assert 'did you mean "YELLOW"?' in flaw.message


def test_a_record_without_a_type_is_told_which_there_are() -> None:
    flaw = flaw_of({"tlp": "AMBER"})
    assert (flaw.field, flaw.reason) == ("type", FlawReason.MISSING_FIELD)
    assert "VICTIM_REFERRAL" in flaw.message
    assert flaw_of({"type": ["RED"]}).reason is FlawReason.WRONG_TYPE


def test_a_draft_that_exists_is_valid() -> None:
    draft = drafted()
    with pytest.raises(TrustError):
        replace(draft, topic="A")
    with pytest.raises(TrustError):
        replace(draft, to=("X",))
    with pytest.raises(TrustError):
        replace(draft, valid_from=-1)
    with pytest.raises(ValueError, match="expires before"):
        replace(draft, expires_at=draft.valid_from)
