# SPDX-License-Identifier: Apache-2.0
"""Tells what changes when one rule book follows another."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from agency_client.cli.framework import common
from agency_client.cli.output import Printer, safe
from agency_client.cli.steward_common import now_ms
from agency_client.services.book_differences import (
    Difference,
    TextChanges,
    differences,
    scenario_changes,
    text_changes,
)
from agency_client.services.rule_books import CheckedBook, tables
from keys.directory import Directory
from policy.rules import Rule
from policy.scenarios import Verdict


def print_differences(
    context: click.Context,
    before: CheckedBook,
    after: CheckedBook,
    directory: Directory,
    topics: Sequence[str] = (),
) -> None:
    """Print which rules differ, who gains and loses what, and which scenarios go otherwise."""
    texts = text_changes(before.book, after.book)
    found = differences(before.book, after.book, directory, now_ms(), topics)
    cases = scenario_changes(before.book, after.book, tables(before, after))
    Printer(as_json=common(context).as_json).document(
        "rules-diff",
        {
            "added": [one.id for one in texts.added],
            "removed": [one.id for one in texts.removed],
            "changed": list(dict.fromkeys(one.id for one in texts.changed)),
            "differences": [_document(one) for one in found],
            "scenarios": [_case(was, becomes) for was, becomes in cases],
        },
        [*_text_lines(texts), *_lines(found), *_case_lines(cases)],
    )


def _document(one: Difference) -> Mapping[str, Any]:
    return {
        "agencies": list(one.agencies),
        "gains": one.gains,
        "what": one.what,
        "because": one.because,
    }


def _case(was: Verdict, becomes: Verdict) -> Mapping[str, Any]:
    return {
        "case": was.scenario.case,
        "who": " ".join(was.scenario.who),
        "act": was.scenario.act,
        "allowed": becomes.allow,
        "old_rules": list(was.rules),
        "new_rules": list(becomes.rules),
    }


def _text_lines(texts: TextChanges) -> Iterator[str]:
    for word, rules in (("added", texts.added), ("removed", texts.removed)):
        yield from (_rule_line(word, one) for one in rules)
    told: set[str] = set()
    for one in texts.changed:
        yield _rule_line("is now" if one.id in told else "was", one)
        told.add(one.id)


def _rule_line(word: str, rule: Rule) -> str:
    return f"{word:<12} {safe(rule.id)}: {safe(rule.says)}"


def _lines(found: Sequence[Difference]) -> Iterator[str]:
    if not found:
        yield "no agency gains or loses anything"
    for one in found:
        who, verb = ", ".join(map(safe, one.agencies)), "may now" if one.gains else "may no longer"
        yield f"{who} {verb} {safe(one.what)}"
        yield f"{'':<12} {safe(one.because)}"


def _case_lines(cases: Sequence[tuple[Verdict, Verdict]]) -> Iterator[str]:
    for was, becomes in cases:
        one, verb = was.scenario, "may now" if becomes.allow else "may no longer"
        yield f'{safe(" ".join(one.who))} {verb} {safe(one.act)}, in scenario "{safe(one.case)}"'
        rules = [", ".join(map(safe, verdict.rules)) or "no rule" for verdict in (was, becomes)]
        yield f"{'':<12} until now {rules[0]}; then {rules[1]}"
