# SPDX-License-Identifier: Apache-2.0
"""What one rule book changes against another, in words: all of it, and nothing that stays."""

import pytest

from agency_client.services.book_differences import (
    Difference,
    differences,
    scenario_changes,
    text_changes,
)
from keys.directory import Directory, TopicEntry
from policy.book import RuleBook
from policy.lint import check_sources
from policy.scenarios import read_scenarios
from policy.sources import SCENARIOS, WHOLE
from policy.standard import standard_sources
from tests.simulator.federation import NOW, YEARS, Member, build_federation

CASES, HELP = "trafficking/cases", "trafficking/help"
STANDARD = standard_sources()
BOOK = check_sources(STANDARD)
OVERLAY = """\
@id("gr-pol.nothing-to-hr")
@says("We send nothing to Croatia.")
forbid (principal is Tocsin::Agency, action == Tocsin::Action::"deliver",
        resource is Tocsin::Notice in Tocsin::Agency::"gr-pol")
when { principal.country == Tocsin::Country::"HR" };
"""


@pytest.fixture(scope="module")
def directory() -> Directory:
    shelters = TopicEntry(
        topic=HELP,
        title="Help",
        readers=("members",),
        publishers=("members",),
        victim_assistance=True,
    )
    members = (
        *("gr-pol", "ro-pol", "hr-pol"),
        Member(agency="hr-ngo"),
        Member(agency="ro-ngo"),
        Member(agency="md-pol", circles=(), operations=(("op-harbour", NOW + YEARS),)),
        Member(agency="old-pol", country="RO", kind="POLICE", agreement_until=NOW - 1),
    )
    return build_federation(members, topics=(CASES, shelters)).directory


def book(*changes: tuple[str, str]) -> RuleBook:
    text = STANDARD[WHOLE]
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return check_sources({**STANDARD, WHOLE: text})


def found(new: RuleBook, directory: Directory, old: RuleBook = BOOK) -> list[Difference]:
    return differences(old, new, directory, NOW)


def test_the_same_book_changes_nothing(directory: Directory) -> None:
    assert found(BOOK, directory) == []


def test_another_sentence_changes_nothing_but_the_text(directory: Directory) -> None:
    new = book(("TLP:RED is never shared onward.", "RED stays."))
    assert found(new, directory) == []
    assert [one.says for one in text_changes(BOOK, new).changed] == [
        "TLP:RED is never shared onward.",
        "RED stays.",
    ]


def test_who_is_freed_gains_and_is_told_by_which_rule(directory: Directory) -> None:
    new = book(('principal.kind == Tocsin::Kind::"NGO" || principal', "principal"))
    gained = found(new, directory)
    assert {one.agencies for one in gained} == {("hr-ngo", "ro-ngo")}
    assert all(one.gains for one in gained)
    assert all("F08-ngo-sanitised-only" in one.because for one in gained)
    told = " / ".join(one.what for one in gained)
    assert f"on {CASES}" in told
    assert "not sanitised" in told


def test_the_way_back_is_a_loss_of_the_same(directory: Directory) -> None:
    new = book(('principal.kind == Tocsin::Kind::"NGO" || principal', "principal"))
    gained, lost = found(new, directory), found(BOOK, directory, new)
    assert not any(one.gains for one in lost)
    assert {(one.agencies, one.what) for one in gained} == {
        (one.agencies, one.what) for one in lost
    }


def test_what_no_rule_allows_any_more_is_said_so(directory: Directory) -> None:
    new = book(("principal.active && principal in resource.readers", "false"))
    (one,) = found(new, directory)
    assert one.agencies == ("gr-pol", "hr-ngo", "hr-pol", "old-pol", "ro-ngo", "ro-pol")
    assert (one.gains, one.what) == (False, "subscribe to any topic")
    assert one.because.startswith("no rule allows it; until now: An agency in the reader circle")


def test_an_overlay_takes_from_the_agency_s_own_notices_alone(directory: Directory) -> None:
    lost = found(check_sources({**STANDARD, "agencies/gr-pol/out.cedar": OVERLAY}), directory)
    assert lost
    assert {name for one in lost for name in one.agencies} == {"hr-ngo", "hr-pol"}
    assert all("from gr-pol" in one.what and not one.gains for one in lost)
    assert all("We send nothing to Croatia." in one.because for one in lost)


def test_an_overlay_that_stays_still_holds_for_its_agency(directory: Directory) -> None:
    trends = OVERLAY.replace("HR", "RO").replace("gr-pol", "ro-pol").replace(
        'resource is Tocsin::Notice in Tocsin::Agency::"ro-pol"', "resource is Tocsin::Notice"
    ).replace("principal is Tocsin::Agency", 'principal == Tocsin::Agency::"ro-pol"')  # fmt: skip
    kept = {**STANDARD, "agencies/ro-pol/in.cedar": trends}
    opened = {**kept, WHOLE: kept[WHOLE].replace('Tlp::"RED" }\nunless', 'Tlp::"CLEAR" }\nunless')}
    changed = found(check_sources(opened), directory, check_sources(kept))
    assert changed
    assert not any("ro-pol" in one.agencies for one in changed)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ('resource.handling.contains(Tocsin::Handling::"H1")', "handled H1"),
        ('resource.purposes.contains(Tocsin::Purpose::"STATISTICS")', "for STATISTICS"),
        ('resource.notFor.contains(Tocsin::Country::"HR")', "not for HR"),
    ],
)
def test_what_a_new_rule_reads_is_varied(condition: str, words: str, directory: Directory) -> None:
    rule = (
        '@id("X01") @says("New.") forbid (principal, action == Tocsin::Action::"deliver", '
        f"resource is Tocsin::Notice) when {{ {condition} }};"
    )
    lost = found(check_sources({**STANDARD, "core/x.cedar": rule}), directory)
    assert lost
    assert all(words in one.what and not one.gains for one in lost)


def test_topics_can_be_chosen(directory: Directory) -> None:
    new = book(('principal.kind == Tocsin::Kind::"NGO" || principal', "principal"))
    chosen = differences(BOOK, new, directory, NOW, (HELP,))
    assert chosen
    assert not any(CASES in one.what for one in chosen)


ALIKE = ("trafficking/sea", "trafficking/sea/ports", "trafficking/air")


def test_of_topics_with_the_same_readers_all_are_told() -> None:
    directory = build_federation(("gr-pol", "ro-pol", "hr-ngo"), topics=(CASES, *ALIKE)).directory
    new = book(('resource.tlp == Tocsin::Tlp::"RED" }\nunless', "false }\nunless"))
    gained = found(new, directory)
    assert gained
    assert not any(" on " in one.what for one in gained)


def test_a_topic_that_a_rule_names_is_told_with_those_below_and_no_other() -> None:
    directory = build_federation(("gr-pol", "ro-pol", "hr-ngo"), topics=(CASES, *ALIKE)).directory
    rule = """@id("T1") @says("Not by sea.") forbid (principal is Tocsin::Agency,
        action == Tocsin::Action::"deliver",
        resource is Tocsin::Notice in Tocsin::Topic::"trafficking/sea");"""
    lost = found(check_sources({**STANDARD, "topics/trafficking/sea/no.cedar": rule}), directory)
    assert {one.what.partition(" on ")[2] for one in lost} == {
        "trafficking/sea, trafficking/sea/ports"
    }


def test_what_an_agency_refuses_for_itself_is_told_of_it_alone(directory: Directory) -> None:
    rule = """@id("ro-pol.1") @says("No trends.") forbid (principal == Tocsin::Agency::"ro-pol",
        action == Tocsin::Action::"deliver", resource is Tocsin::Notice)
        when { resource.noticeType == Tocsin::NoticeType::"TREND" };"""
    lost = found(check_sources({**STANDARD, "agencies/ro-pol/in.cedar": rule}), directory)
    assert lost
    assert {(one.agencies, one.gains) for one in lost} == {(("ro-pol",), False)}
    assert all("TREND notices" in one.what for one in lost)


def test_officers_gain_and_lose_in_scenarios() -> None:
    table = read_scenarios(STANDARD[SCENARIOS])
    new = book(('duration("24h")', 'duration("48h")'))
    changed = {
        was.scenario.case: becomes.allow for was, becomes in scenario_changes(BOOK, new, [table])
    }
    assert changed == {"withdraw stale approval": True, "RED approved long ago": True}
