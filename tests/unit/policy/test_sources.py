# SPDX-License-Identifier: Apache-2.0
"""A rule book's folder and its signed texts are one book; what has no place in it is refused."""

import re

import pytest

from policy.book import RuleBook
from policy.errors import BookError
from policy.lint import check_book, check_sources
from policy.scenarios import read_scenarios, run
from policy.sources import SCENARIOS, SCHEMA, WHOLE, Sources, merged, split
from policy.standard import standard_book, standard_sources

STANDARD = standard_sources()
SCHEMA_TEXT, POLICIES, TABLE = STANDARD[SCHEMA], STANDARD[WHOLE], STANDARD[SCENARIOS]
OVERLAY = """\
@id("gr-pol.no-trends")
@says("We take no trend reports.")
forbid (principal == Tocsin::Agency::"gr-pol", action == Tocsin::Action::"deliver",
        resource is Tocsin::Notice)
when { resource.noticeType == Tocsin::NoticeType::"TREND" };
"""
TOPIC = """\
@id("T01-no-red-here")
@says("Nothing RED on this topic.")
forbid (principal, action == Tocsin::Action::"publish",
        resource is Tocsin::Notice in Tocsin::Topic::"victims/referrals")
when { resource.tlp == Tocsin::Tlp::"RED" };
"""


def files(**more: str) -> dict[str, str]:
    named = {name.replace("__", "/"): text for name, text in more.items()}
    return {SCHEMA: SCHEMA_TEXT, "core/core.cedar": POLICIES, SCENARIOS: TABLE, **named}


def whole() -> Sources:
    return files() | {
        "agencies/gr-pol/in.cedar": OVERLAY,
        "topics/victims/referrals/red.cedar": TOPIC,
    }


def test_what_was_merged_is_split_into_the_same_files() -> None:
    assert dict(split(*merged(whole()))) == {
        name: "\n".join(text.splitlines()) + "\n" for name, text in whole().items()
    }


def test_the_merged_book_has_every_rule_and_decides_its_scenarios() -> None:
    schema, policies = merged(whole())
    book = RuleBook.load(schema, policies)
    check_book(book, schema, policies)
    assert set(book.rules) == {
        *RuleBook.load(SCHEMA_TEXT, POLICIES).rules,
        "gr-pol.no-trends",
        "T01-no-red-here",
    }
    table = read_scenarios(split(schema, policies)[SCENARIOS])
    assert all(verdict.as_expected for verdict in run(book, table))


def test_the_standard_book_travels_with_its_scenarios() -> None:
    assert dict(split(*standard_book())) == dict(STANDARD)
    check_book(RuleBook.load(*standard_book()), *standard_book())


def test_policies_that_name_no_file_are_one() -> None:
    assert dict(split(SCHEMA_TEXT, POLICIES)) == {SCHEMA: SCHEMA_TEXT, WHOLE: POLICIES}


@pytest.mark.parametrize(
    "name",
    ["README.md", "core/x.txt", "agencies/x.cedar", "agencies/GR/x.cedar", "topics/x.cedar",
     "core/../x.cedar", "other/x.cedar", "/core/x.cedar"],
)  # fmt: skip
def test_a_file_without_a_place_is_refused(name: str) -> None:
    with pytest.raises(BookError, match="no place"):
        merged(files() | {name: ""})


@pytest.mark.parametrize("name", [SCHEMA, "core/core.cedar"])
def test_a_folder_without_schema_or_rules_is_refused(name: str) -> None:
    given = files()
    del given[name]
    with pytest.raises(BookError):
        merged(given)


def test_a_file_that_would_name_another_is_refused() -> None:
    with pytest.raises(BookError, match="begins with"):
        merged(files() | {"core/x.cedar": "// file: agencies/gr-pol/x.cedar\n"})


HIDDEN = '@id("X") @says("x") permit (principal, action, resource);'
SIGNED = merged(whole())


@pytest.mark.parametrize(
    "policies",
    [
        pytest.param(SIGNED[1] + HIDDEN, id="behind the last file"),
        pytest.param(HIDDEN + "\n" + SIGNED[1], id="before the first file"),
        pytest.param(SIGNED[1].replace('//   "cases"', HIDDEN), id="among the scenarios"),
        pytest.param(SIGNED[1].removesuffix("\n"), id="a line feed less"),
        pytest.param(SIGNED[1].replace("// file: sc", "// file: /sc"), id="a file without a place"),
        pytest.param(SIGNED[1].replace("// file: core/", "//file: core/"), id="no rules in core"),
        pytest.param(SIGNED[1].replace("//   ", "//\r" + HIDDEN), id="behind a carriage return"),
    ],
)
def test_a_signed_text_that_no_folder_makes_is_refused(policies: str) -> None:
    with pytest.raises(BookError):
        split(SIGNED[0], policies)
    with pytest.raises(BookError):
        check_book(RuleBook.load(*SIGNED), SIGNED[0], policies)


def test_a_rule_that_begins_in_one_file_and_ends_in_another_is_refused() -> None:
    head, _, tail = OVERLAY.partition("when")
    halves = {"agencies/gr-pol/a.cedar": head, "agencies/gr-pol/b.cedar": "when" + tail}
    assert RuleBook.load(*merged(files() | halves)).rules
    with pytest.raises(BookError, match="do not parse"):
        check_sources(files() | halves)


WRONG_OVERLAYS = {
    "permits": (OVERLAY.replace("forbid", "permit"), "only forbid"),
    "another's name": (OVERLAY.replace("gr-pol.no", "ro-pol.no"), "does not begin with"),
    "another's scope": (OVERLAY.replace('Agency::"gr-pol"', 'Agency::"ro-pol"'), "beyond gr-pol"),
    "everybody": (
        OVERLAY.replace('principal == Tocsin::Agency::"gr-pol"', "principal"),
        "beyond gr-pol",
    ),
    "a typo": (OVERLAY.replace("noticeType", "noticeTyp"), "does not fit the schema"),
    "no sentence": (OVERLAY.replace('@says("We take no trend reports.")\n', ""), "@says"),
}


@pytest.mark.parametrize(("text", "told"), WRONG_OVERLAYS.values(), ids=WRONG_OVERLAYS)
def test_an_overlay_narrows_its_own_agency_and_nothing_else(text: str, told: str) -> None:
    with pytest.raises(BookError, match=told):
        check_sources(files() | {"agencies/gr-pol/in.cedar": text})


@pytest.mark.parametrize(
    ("principal", "resource"),
    [
        ('principal in Tocsin::Agency::"gr-pol"', "resource is Tocsin::Notice"),
        ("principal is Tocsin::Agency", 'resource is Tocsin::Notice in Tocsin::Agency::"gr-pol"'),
    ],
)
def test_an_overlay_is_about_what_its_agency_does_or_publishes(
    principal: str, resource: str
) -> None:
    text = OVERLAY.replace('principal == Tocsin::Agency::"gr-pol"', principal)
    text = text.replace("resource is Tocsin::Notice", resource)
    assert "gr-pol.no-trends" in check_sources(files() | {"agencies/gr-pol/o.cedar": text}).rules


def test_a_rule_in_a_topic_s_folder_is_about_that_topic() -> None:
    with pytest.raises(BookError, match="not about topic victims/others"):
        check_sources(files() | {"topics/victims/others/red.cedar": TOPIC})


def test_an_id_in_two_files_is_refused() -> None:
    with pytest.raises(BookError, match="two rules"):
        check_sources(files() | {"core/more.cedar": TOPIC, "core/again.cedar": TOPIC})


@pytest.mark.parametrize(
    ("condition", "read"),
    [
        ("resource.namedOfficers.isEmpty()", "resource.namedOfficers"),
        ("context has approval", "context.approval"),
        ("context == {now: context.now}", "context.*"),
        ("if {a: context} has b then true else false", "context.*"),
    ],
)
def test_a_rule_for_the_broker_reads_only_what_a_broker_sees(condition: str, read: str) -> None:
    rule = (
        '@id("X") @says("x") forbid (principal, action in [Tocsin::Action::"shareOnward", '
        'Tocsin::Action::"deliver"], resource is Tocsin::Notice) '
        f"when {{ {condition} }};"
    )
    with pytest.raises(BookError, match=f"{re.escape(read)}|does not fit the schema"):
        check_sources(files() | {"core/x.cedar": rule})


def test_a_rule_for_officers_may_read_what_an_agency_knows() -> None:
    rule = (
        '@id("X") @says("x") forbid (principal is Tocsin::Officer, '
        'action == Tocsin::Action::"fetch", resource is Tocsin::Notice) '
        "when { resource.namedOfficers.contains(principal) };"
    )
    assert "X" in check_sources(files() | {"core/x.cedar": rule}).rules
