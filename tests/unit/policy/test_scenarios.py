# SPDX-License-Identifier: Apache-2.0
"""The standard book decides each of its scenarios as it says, and each of its rules matters."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from policy import standard_book
from policy.book import RuleBook
from policy.errors import BookError
from policy.rules import Rule
from policy.scenarios import Scenario, Verdict, read_scenarios, run

BOOK = RuleBook.load(*standard_book())
TEXT = resources.files("policy").joinpath("book/scenarios.json").read_text(encoding="utf-8")
TABLE = read_scenarios(TEXT)
VERDICTS = {verdict.scenario.case: verdict for verdict in run(BOOK, TABLE)}


def rows() -> list[list[str]]:
    """The table that lawyers agreed on, which the scenarios begin with."""
    text = Path(__file__).with_name("scenarios.md").read_text(encoding="utf-8")
    table = [line for line in text.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_the_agreed_table_has_36_rows_and_the_book_begins_with_them() -> None:
    assert len(rows()) == 36
    for row, one in zip(rows(), TABLE.cases, strict=False):
        case, _, who, act, expected, rules = row
        decided = "permit" if one.allow else "deny"
        assert [one.case, " ".join(one.who), one.act, decided] == [case, who, act, expected]
        assert list(one.rules) == rules.split()


@pytest.mark.parametrize("one", TABLE.cases, ids=lambda one: one.case)
def test_the_standard_book_decides_the_scenario(one: Scenario) -> None:
    verdict = VERDICTS[one.case]
    assert verdict.as_expected, (verdict.allow, verdict.rules, verdict.errors)


@pytest.mark.parametrize("rule", BOOK.rules.values(), ids=lambda rule: rule.id)
def test_a_scenario_changes_when_the_rule_is_removed(rule: Rule) -> None:
    """By its decision; by its reason where another rule refuses the same act."""
    changed = [
        (before, after)
        for before, after in zip(VERDICTS.values(), run(BOOK, TABLE, without=rule.id), strict=True)
        if (before.allow, before.rules) != (after.allow, after.rules)
    ]
    assert changed
    assert all(rule.id in before.rules for before, _ in changed)
    permits = rule.tree["effect"] == "permit"
    flipped = [before for before, after in changed if before.allow != after.allow]
    assert all(before.allow is permits for before in flipped)
    if rule.id != "F15-suspended-agency":  # every permit asks the same; it names the reason
        assert flipped


@pytest.mark.parametrize("rule", BOOK.rules.values(), ids=lambda rule: rule.id)
def test_an_act_that_the_rule_is_about_also_ends_the_other_way(rule: Rule) -> None:
    """A permit has a refusal of the same act beside it, and a forbid something it lets pass."""
    about = {one.scenario.act for one in VERDICTS.values() if rule.id in one.rules}
    permits = rule.tree["effect"] == "permit"
    others = [
        one
        for one in VERDICTS.values()
        if one.scenario.act in about and rule.id not in one.rules and one.allow is not permits
    ]
    assert others


def changed(**case: Any) -> list[Verdict]:
    document = json.loads(TEXT)
    document["cases"] = [document["cases"][0] | case]
    return run(BOOK, read_scenarios(json.dumps(document)))


@pytest.mark.parametrize(
    "case", [{"expected": "deny"}, {"rules": ["P02"]}, {"rules": []}, {"rules": ["P01", "P02"]}]
)
def test_what_a_case_says_wrongly_is_not_as_expected(case: dict[str, Any]) -> None:
    (verdict,) = changed(**case)
    assert not verdict.as_expected


@pytest.mark.parametrize(
    "case", [{"notice": {"tlp": "REDD"}}, {"notice": {"colour": 1}}, {"who": "Agency NOBODY"}]
)
def test_a_case_in_other_words_is_refused_or_denied_with_an_error(case: dict[str, Any]) -> None:
    try:
        (verdict,) = changed(**case)
    except BookError:
        return
    assert not verdict.as_expected


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "{" * 9999, '{"facts":{},"usual":{},"cases":[{}]}', "null"]
)
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(BookError):
        read_scenarios(text)
