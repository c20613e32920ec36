# SPDX-License-Identifier: Apache-2.0
"""What stewards change of a member, and what they are told of it before they sign."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from agency_client.errors import AgencyError, Reason
from agency_client.services.memberships import (
    brings_keys,
    changed,
    differences,
    merged,
    operation,
    renamed,
    without_topic,
)
from keys.directory import AgencyEntry, Directory, OperationEntry
from keys.fields import LAST_MILLISECOND
from tests.simulator.federation import DAY, NOW, Federation, build_federation

ADRIA = OperationEntry(
    code="JO ADRIA", title="Adriatic coast", starts_at=NOW, ends_at=NOW + 90 * DAY
)


@pytest.fixture
def federation() -> Federation:
    made = build_federation(["gr-pol", "bg-pol", "ro-old"])
    made.add(ADRIA)
    made.retire("ro-old")
    return made


@pytest.fixture
def directory(federation: Federation) -> Directory:
    return federation.directory


def member(directory: Directory, agency: str = "gr-pol") -> AgencyEntry:
    entry = directory.agency(agency)
    assert entry is not None
    return entry


def refusal(make: Callable[..., object], directory: Directory, **given: Any) -> Reason:
    with pytest.raises(AgencyError) as caught:
        make(directory, **given)
    return caught.value.reason


def test_another_name_changes_the_name_alone(directory: Directory) -> None:
    entry = renamed(directory, agency="gr-pol", name="Police of Greece")
    assert entry == replace(member(directory), name="Police of Greece")


@pytest.mark.parametrize("name", ["", " Police", "two\nlines", "x" * 201, "right\u202eleft"])
def test_a_name_that_is_none_is_refused(directory: Directory, name: str) -> None:
    assert refusal(renamed, directory, agency="gr-pol", name=name) is Reason.INVALID_ARGUMENT


def test_a_name_that_it_has_already_needs_no_signatures(directory: Directory) -> None:
    name = member(directory).name
    assert refusal(renamed, directory, agency="gr-pol", name=name) is Reason.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("agency", "reason"), [("xx-pol", Reason.NOT_FOUND), ("ro-old", Reason.INVALID_ARGUMENT)]
)
def test_who_is_not_there_or_has_left_is_not_changed(
    directory: Directory, agency: str, reason: Reason
) -> None:
    assert refusal(renamed, directory, agency=agency, name="New") is reason
    assert refusal(changed, directory, agency=agency, circles=["new"]) is reason
    assert refusal(merged, directory, agency=agency, into="gr-pol", reason="x") is reason
    assert refusal(merged, directory, agency="gr-pol", into=agency, reason="x") is reason


def test_a_member_joins_an_operation_to_its_end_unless_a_day_is_named(
    directory: Directory,
) -> None:
    whole = changed(directory, agency="gr-pol", join={"JO ADRIA": 0})
    part = changed(directory, agency="gr-pol", join={"JO ADRIA": NOW + DAY})
    assert whole.operations == (("JO ADRIA", ADRIA.ends_at),)
    assert part.operations == (("JO ADRIA", NOW + DAY),)


def test_a_part_does_not_outlast_its_operation(directory: Directory) -> None:
    joining = {"JO ADRIA": ADRIA.ends_at + 1}
    assert refusal(changed, directory, agency="gr-pol", join=joining) is Reason.INVALID_ARGUMENT


def test_nobody_joins_an_operation_that_is_not_there(directory: Directory) -> None:
    assert refusal(changed, directory, agency="gr-pol", join={"JO X": 0}) is Reason.NOT_FOUND


def test_a_member_leaves_an_operation_and_a_circle(federation: Federation) -> None:
    federation.add(changed(federation.directory, agency="gr-pol", join={"JO ADRIA": 0}))
    entry = changed(
        federation.directory,
        agency="gr-pol",
        leave=["JO ADRIA"],
        circles=["new"],
        without=["members"],
    )
    assert (entry.operations, entry.circles) == ((), ("new",))


@pytest.mark.parametrize("given", [{"leave": ["JO ADRIA"]}, {"without": ["strangers"]}], ids=str)
def test_nobody_leaves_what_it_is_not_in(directory: Directory, given: dict[str, Any]) -> None:
    assert refusal(changed, directory, agency="gr-pol", **given) is Reason.INVALID_ARGUMENT


def test_an_agreement_gets_another_end(directory: Directory) -> None:
    entry = changed(directory, agency="gr-pol", agreement_until=NOW + DAY)
    assert entry == replace(member(directory), agreement_until=NOW + DAY)


@pytest.mark.parametrize(
    "given", [{}, {"circles": ["members"]}, {"agreement_until": LAST_MILLISECOND + 1}], ids=str
)
def test_a_change_that_changes_nothing_or_cannot_stand_is_refused(
    directory: Directory, given: dict[str, Any]
) -> None:
    assert refusal(changed, directory, agency="gr-pol", **given) is Reason.INVALID_ARGUMENT


def test_no_change_of_membership_brings_keys(directory: Directory) -> None:
    known = member(directory)
    for entry in (
        renamed(directory, agency="gr-pol", name="New"),
        changed(directory, agency="gr-pol", circles=["new"], join={"JO ADRIA": 0}),
    ):
        assert not brings_keys(known, entry)


def test_an_operation_keeps_its_title_where_none_is_given(directory: Directory) -> None:
    entry = operation(directory, code="JO ADRIA", title="", starts_at=NOW, ends_at=NOW + DAY)
    assert (entry.title, entry.ends_at) == ("Adriatic coast", NOW + DAY)


@pytest.mark.parametrize(
    "given",
    [
        {"code": "JO X", "title": "", "ends_at": NOW + DAY},
        {"code": "JO X", "title": "Backwards", "ends_at": NOW},
        {"code": "", "title": "Nameless", "ends_at": NOW + DAY},
    ],
    ids=str,
)
def test_an_operation_that_cannot_stand_is_refused(
    directory: Directory, given: dict[str, Any]
) -> None:
    assert refusal(operation, directory, starts_at=NOW, **given) is Reason.INVALID_ARGUMENT


def test_a_merger_ends_one_and_names_the_other(federation: Federation) -> None:
    entry = merged(federation.directory, agency="gr-pol", into="bg-pol", reason="one police")
    federation.add(entry)
    assert federation.directory.is_retired("gr-pol")
    assert federation.directory.successor("gr-pol") == "bg-pol"


def test_an_agency_is_not_merged_into_itself(directory: Directory) -> None:
    given = {"agency": "gr-pol", "into": "gr-pol", "reason": "x"}
    assert refusal(merged, directory, **given) is Reason.INVALID_ARGUMENT


def test_what_an_entry_changes_is_told_before_it_is_signed(directory: Directory) -> None:
    known = member(directory)
    entry = replace(
        known,
        name="New name",
        circles=("new",),
        agreement_until=NOW + DAY,
        operations=(("JO ADRIA", NOW + DAY),),
        asserts_roles=("ANALYST",),
    )
    told = differences(known, entry)
    assert f"name: {known.name} becomes New name" in told
    assert "circles: members becomes new" in told
    assert "operations: none becomes JO ADRIA until 2026-11-25" in told
    held = ", ".join(known.asserts_roles)
    assert f"its officers: {held} becomes ANALYST" in told
    assert len(told) == 5


def test_other_keys_are_told_and_have_to_be_compared(federation: Federation) -> None:
    known = member(federation.directory)
    other = member(build_federation(["gr-pol"]).directory)
    assert differences(known, replace(known, encryption=other.encryption)) == ["its keys change"]
    assert brings_keys(known, replace(known, encryption=other.encryption))
    assert not brings_keys(known, known)


def test_the_words_of_a_new_member_have_to_be_compared(directory: Directory) -> None:
    assert brings_keys(None, member(directory))
    assert differences(None, member(directory))[0].startswith("a new member")


def test_a_circle_that_no_topic_names_is_told(directory: Directory) -> None:
    known = member(directory)
    named = directory.topics()[0].readers[0]
    entry = replace(known, circles=(named, "polcie"))
    assert without_topic(directory, entry) == ["no topic names the circle polcie"]
    assert without_topic(directory, replace(known, circles=(named,))) == []
    assert without_topic(directory, ADRIA) == []
