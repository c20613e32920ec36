# SPDX-License-Identifier: Apache-2.0
"""The cases by which a rule book shows what it does: facts, acts, and the decision expected.

A book's authors write them beside the rules (`scenarios.json`); `run` puts each to the whole book
and says what came out, `proofs` which cases hang on which rule. Lawyers read the same cases on the
book's page.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policy.book import RuleBook
from policy.errors import BookError, FactError
from policy.evaluation import Entities, Outcome, evaluate, load_entities, policy_set
from policy.facts import Json
from policy.rules import Rule
from policy.staging import notice, request, standing

MAX_CASES = 2000
"""A book is also checked where it is signed, so a table may not take minutes."""
_WHO = ("Agency", "Officer")
_EXPECTED = ("permit", "deny")
_ILL_FORMED = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
"""What reading somebody's table can end in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One case.

    Attributes:
        case: its name.
        who: "Agency" or "Officer", and an id.
        act: an action of the schema.
        notice: how its notice differs from the usual one.
        context: purpose, target, approval, break_glass; or log or topic in place of the notice.
        allow: whether it is to be allowed.
        rules: exactly the rules that are to decide: their ids, or these up to the first dash.
    """

    case: str
    who: tuple[str, str]
    act: str
    notice: Mapping[str, Any]
    context: Mapping[str, Any]
    allow: bool
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenarios:
    """A table of cases with the facts that they stand on."""

    facts: Mapping[str, Any]
    usual: Mapping[str, Any]
    cases: tuple[Scenario, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a book decided in a case; `as_expected` where that is what the case says."""

    scenario: Scenario
    allow: bool
    rules: tuple[str, ...]
    errors: tuple[str, ...]

    @property
    def as_expected(self) -> bool:
        """Whether the decision and the rules are those of the case."""
        wanted = self.scenario.rules
        pairs = zip(self.rules, wanted, strict=False)
        return (
            not self.errors
            and self.allow is self.scenario.allow
            and len(self.rules) == len(wanted)
            and all(rule == one or rule.startswith(f"{one}-") for rule, one in pairs)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Cases that hang on one rule: without it, or without its conditions, they go otherwise."""

    permits: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()


def read_scenarios(text: str) -> Scenarios:
    """Read a table.

    Raises:
        BookError: it is not one.
    """
    try:
        document = json.loads(text)
        cases = tuple(map(_scenario, document["cases"]))
        table = Scenarios(facts=document["facts"], usual=document["usual"], cases=cases)
    except _ILL_FORMED as error:
        raise BookError(f"the scenarios do not read: {error!r:.80}") from None
    names = [one.case for one in cases]
    if len(names) != len({*names}) or len(names) > MAX_CASES:
        raise BookError(f"two scenarios have one name, or there are more than {MAX_CASES}")
    return table


def _scenario(given: Mapping[str, Any]) -> Scenario:
    kind, _, name = given["who"].partition(" ")
    if kind not in _WHO or given["expected"] not in _EXPECTED:
        raise ValueError(given["case"])
    return Scenario(
        case=str(given["case"]),
        who=(kind, name),
        act=str(given["act"]),
        notice=dict(given.get("notice", {})),
        context=dict(given.get("context", {})),
        allow=given["expected"] == "permit",
        rules=tuple(given["rules"]),
    )


def run(book: RuleBook, table: Scenarios) -> list[Verdict]:
    """Put each case to all rules of the book; what came out, in the order of the cases.

    Raises:
        BookError: the facts or a case are not in the book's words.
    """
    requests, entities = _staged(book, table)
    outcomes = evaluate(requests, policy_set(book.rules.values()), entities, book.schema)
    return [
        Verdict(scenario=one, allow=out.allow, rules=out.determining, errors=out.errors)
        for one, out in zip(table.cases, outcomes, strict=True)
    ]


def proofs(book: RuleBook, table: Scenarios) -> Mapping[str, Proof]:
    """Return for each rule the cases that show it at work.

    A case hangs on a rule that alone decides it; and it shows the rule's conditions where the rule
    without them would turn it.

    Raises:
        BookError: as `run`.
    """
    requests, entities = _staged(book, table)
    rules = book.rules.values()
    found = evaluate(requests, policy_set(rules), entities, book.schema)
    permits = [rule for rule in rules if rule.tree["effect"] == "permit"]
    else_allowed = evaluate(requests, policy_set(permits), entities, book.schema)
    allowed = [one.allow for one in else_allowed]
    proven: dict[str, Proof] = {}
    for rule in rules:
        widened = evaluate(requests, policy_set([unconditional(rule)]), entities, book.schema)
        turned = [bool(one.determining) for one in widened]
        proven[rule.id] = _proof(table, rule, found, turned, allowed)
    return proven


def _proof(
    table: Scenarios,
    rule: Rule,
    found: Sequence[Outcome],
    turned: Sequence[bool],
    else_allowed: Sequence[bool],
) -> Proof:
    """Return the cases of one rule.

    Args:
        table: the cases.
        rule: which.
        found: what the book decided.
        turned: whether the rule without its conditions applies.
        else_allowed: whether some permit applies, whatever is forbidden.
    """
    permits: list[str] = []
    refusals: list[str] = []
    for at, (one, outcome) in enumerate(zip(table.cases, found, strict=True)):
        alone = outcome.determining == (rule.id,)
        if rule.tree["effect"] == "permit":
            shows = alone if outcome.allow else not outcome.determining and turned[at]
        else:
            shows = turned[at] if outcome.allow else alone and else_allowed[at]
        if shows and not outcome.errors:
            (permits if outcome.allow else refusals).append(one.case)
    return Proof(permits=tuple(permits), refusals=tuple(refusals))


def unconditional(rule: Rule) -> Rule:
    """Return a rule without its conditions; one that has none, for everybody."""
    tree = dict(rule.tree)
    if tree["conditions"]:
        tree["conditions"] = []
    else:
        tree["principal"] = {"op": "All"}
    return Rule(id=rule.id, says=rule.says, tree=tree)


def _staged(book: RuleBook, table: Scenarios) -> tuple[list[Json], Entities]:
    """Return each case's question, and the facts of all; each case has a notice of its own."""
    try:
        named = [(f"notice/{at}", one) for at, one in enumerate(table.cases)]
        facts = [
            *standing(table.facts),
            *(notice({**table.usual, **one.notice}, name) for name, one in named),
        ]
        requests = [request(one.who, one.act, one.context, name) for name, one in named]
        return requests, load_entities(facts, book.schema)
    except (FactError, *_ILL_FORMED) as error:
        raise BookError(f"the scenarios are not in the book's words: {error!r:.80}") from None
