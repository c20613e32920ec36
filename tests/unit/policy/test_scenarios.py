# SPDX-License-Identifier: Apache-2.0
"""The standard book decides each of its scenarios as it says, and each of its rules matters."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policy import standard_book
from policy.book import RuleBook
from policy.errors import BookError
from policy.rules import Rule
from policy.scenarios import Scenario, Verdict, proofs, read_scenarios, run, unconditional
from policy.sources import SCENARIOS
from policy.standard import standard_sources

BOOK = RuleBook.load(*standard_book())
TEXT = standard_sources()[SCENARIOS]
TABLE = read_scenarios(TEXT)
VERDICTS = {verdict.scenario.case: verdict for verdict in run(BOOK, TABLE)}
PROOFS = proofs(BOOK, TABLE)


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


def flipped(mutant: dict[str, Rule]) -> set[str]:
    """Cases that go the other way in a book of other rules."""
    after = run(replace(BOOK, rules=mutant), TABLE)
    return {
        one.scenario.case for one in after if one.allow is not VERDICTS[one.scenario.case].allow
    }


@pytest.mark.parametrize("rule", BOOK.rules.values(), ids=lambda rule: rule.id)
def test_some_permit_and_some_refusal_hang_on_each_rule(rule: Rule) -> None:
    """Permits on a permit and refusals on a forbid itself, the others on what it asks for."""
    proof = PROOFS[rule.id]
    own, others = proof.permits, proof.refusals
    if rule.tree["effect"] == "forbid":
        own, others = others, own
    assert own
    assert others
    assert flipped({name: one for name, one in BOOK.rules.items() if name != rule.id}) == {*own}
    assert flipped({**BOOK.rules, rule.id: unconditional(rule)}) == {*others}


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


TWICE = json.dumps({**json.loads(TEXT), "cases": json.loads(TEXT)["cases"][:1] * 2})


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "[" * 99999, '{"facts":{},"usual":{},"cases":[{}]}', "null", TWICE],
)
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(BookError):
        read_scenarios(text)


@pytest.mark.parametrize("facts", [{}, {"agencies": 1}, {"agencies": [{"id": []}]}, "x", None])
def test_facts_in_other_words_are_refused(facts: Any) -> None:
    table = json.loads(TEXT) | {"facts": facts}
    with pytest.raises(BookError, match="words"):
        run(BOOK, read_scenarios(json.dumps(table)))
