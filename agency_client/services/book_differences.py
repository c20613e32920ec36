# SPDX-License-Identifier: Apache-2.0
"""Who gains and who loses what when one rule book follows another, in words, for those who sign.

Both books are asked the same questions, about every agency and topic that exists: may it publish,
subscribe, receive. Varied are TLP, class of notice, whether it is sanitised, whether the recipient
is named, joint operations, who the originator is, and what else a rule reads that changed. Of
agencies with the same facts one is asked for all. What officers may do is compared by the books'
scenarios. Takes no decision itself.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from agency_client.domain.boxes import Box, Case, boxes
from agency_client.services.book_questions import Questions
from keys.directory import Directory
from policy.book import ACTIONS, RuleBook
from policy.decisions import CODE_RULES, Decision
from policy.engine import PolicyEngine
from policy.lint import concerns
from policy.rules import Rule
from policy.scenarios import Scenarios, Verdict, run

VERBS: Mapping[str, str] = {
    "publish": "publish",
    "subscribe": "subscribe",
    "deliver": "receive",
}

_Change: TypeAlias = tuple[str, bool, str]
"""Action, whether it is allowed now, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changes.

    Attributes:
        agencies: for whom.
        gains: whether they may do more; otherwise less.
        what: in words.
        because: the sentences of the rules that decide or no longer do.
    """

    agencies: tuple[str, ...]
    gains: bool
    what: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextChanges:
    """Rules that one book has and the other has not, or has otherwise."""

    added: tuple[Rule, ...]
    removed: tuple[Rule, ...]
    changed: tuple[Rule, ...]

    def touch(self, action: str) -> bool:
        """Whether a rule among them can apply to what agencies do."""
        return any(concerns(one, action) for one in (*self.added, *self.removed, *self.changed))


def text_changes(old: RuleBook, new: RuleBook) -> TextChanges:
    """Return which rules differ; of changed ones both forms."""
    both = [one for one in old.rules if one in new.rules]
    moved = [one for one in both if old.rules[one] != new.rules[one]]
    return TextChanges(
        added=tuple(rule for name, rule in new.rules.items() if name not in old.rules),
        removed=tuple(rule for name, rule in old.rules.items() if name not in new.rules),
        changed=tuple(book.rules[one] for one in moved for book in (old, new)),
    )


def differences(
    old: RuleBook, new: RuleBook, directory: Directory, now: int, topics: Sequence[str] = ()
) -> list[Difference]:
    """Return what changes for the agencies of a directory.

    Args:
        old: the book that was.
        new: the one that follows.
        directory: whose agencies, topics and joint operations are asked about.
        now: milliseconds since 1970.
        topics: those that are asked about; all where there are none.
    """
    texts = text_changes(old, new)
    before, after = PolicyEngine(old, directory), PolicyEngine(new, directory)
    moved = (*texts.added, *texts.removed, *texts.changed)
    questions = Questions.of(directory, moved, (*old.rules.values(),), now, topics)
    found: dict[_Change, list[Case]] = defaultdict(list)
    for action in ACTIONS:
        if texts.touch(action):
            for change, case in _changes(action, before, after, questions):
                found[change].append(case)
    return [
        _difference(change, box, questions)
        for change, cases in found.items()
        for box in boxes(cases)
    ]


def _changes(
    action: str, before: PolicyEngine, after: PolicyEngine, questions: Questions
) -> Iterator[tuple[_Change, Case]]:
    for asked in questions.about(action):
        was, becomes = asked.answers(before), asked.answers(after)
        for agency in asked.groups:
            if was[agency].allow is becomes[agency].allow:
                continue
            change = action, becomes[agency].allow, _because(was[agency], becomes[agency])
            yield from ((change, case) for case in asked.cases(agency))


def _because(was: Decision, becomes: Decision) -> str:
    """Return why: what forbids or no longer does, else what allows or no longer does."""
    if becomes.allow:
        return f"until now: {_said(was)}" if was.determining else _said(becomes)
    if becomes.determining or becomes.errors:
        return _said(becomes)
    return f"no rule allows it; until now: {_said(was)}"


def _said(decision: Decision) -> str:
    rules = decision.determining
    if not rules:
        return " ".join(decision.says)
    pairs = zip(rules, decision.says, strict=True)
    return " ".join(says if rule in CODE_RULES else f"{says} ({rule})" for rule, says in pairs)


def _difference(change: _Change, box: Box, questions: Questions) -> Difference:
    action, gains, because = change
    agencies, words = questions.words(action, box)
    what = f"{VERBS[action]} {words}"
    return Difference(agencies=agencies, gains=gains, what=what, because=because)


def scenario_changes(
    old: RuleBook, new: RuleBook, tables: Iterable[Scenarios]
) -> list[tuple[Verdict, Verdict]]:
    """Return the cases of both books' tables that the two decide differently.

    Raises:
        BookError: a case is not in the words of both books.
    """
    found: dict[str, tuple[Verdict, Verdict]] = {}
    for table in tables:
        for was, becomes in zip(run(old, table), run(new, table), strict=True):
            if was.allow is not becomes.allow:
                found[was.scenario.case] = was, becomes
    return list(found.values())
