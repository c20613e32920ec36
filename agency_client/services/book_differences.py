# SPDX-License-Identifier: Apache-2.0
"""Who gains and who loses what when one rule book follows another, in words, for those who sign.

Asks both books the same questions: every marking class (TLP, type, sanitised or not, joint
operation), addressed by name or not, on every topic that exists, for every agency that exists.
Rules about one originator are asked about with that originator. Officers' rules are compared by
their text alone.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

from keys.directory import Directory
from keys.marking import Marking
from policy.book import RuleBook
from policy.decisions import Decision
from policy.engine import PolicyEngine
from policy.facts import NOTICE_TYPES

TLPS = ("RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR")
TYPES: Mapping[str, str] = {
    kind: next(name for name, one in NOTICE_TYPES.items() if one == kind)
    for kind in dict.fromkeys(NOTICE_TYPES.values())
}
"""A type of notice for each class that books speak of."""
MAX_OPERATIONS = 4

_Cell: TypeAlias = tuple[str, str]
"""TLP and class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changes for one agency.

    Attributes:
        agency: for whom.
        gains: whether it may do more; otherwise less.
        what: in words.
        because: the sentence of the new book's deciding rules.
    """

    agency: str
    gains: bool
    what: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextChanges:
    """Ids of rules that one book has and the other has not, or has otherwise."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


def text_changes(old: RuleBook, new: RuleBook) -> TextChanges:
    """Return which rules differ."""
    both = old.rules.keys() & new.rules.keys()
    return TextChanges(
        added=tuple(sorted(new.rules.keys() - old.rules.keys())),
        removed=tuple(sorted(old.rules.keys() - new.rules.keys())),
        changed=tuple(sorted(one for one in both if old.rules[one] != new.rules[one])),
    )


def differences(
    old: RuleBook, new: RuleBook, directory: Directory, now: int
) -> Sequence[Difference]:
    """Return what changes, by agency."""
    before, after = PolicyEngine(old, directory), PolicyEngine(new, directory)
    found = [
        *_about_topics(before, after, directory, now),
        *_about_deliveries(before, after, directory, now),
    ]
    return sorted(found, key=lambda one: (one.agency, not one.gains, one.what))


def _about_topics(
    before: PolicyEngine, after: PolicyEngine, directory: Directory, now: int
) -> Iterator[Difference]:
    plain = Marking(type="FREE_TEXT", tlp="GREEN")
    for topic, member in product(directory.topics(), directory.agencies()):
        name, agency = topic.topic, member.agency
        for verb, was, becomes in (
            (
                "publish to",
                before.may_publish(plain, name, agency, now),
                after.may_publish(plain, name, agency, now),
            ),
            (
                "subscribe to",
                before.may_subscribe(name, agency, now),
                after.may_subscribe(name, agency, now),
            ),
        ):
            if was.allow != becomes.allow:
                yield _difference(agency, becomes, f"{verb} {name}")


def _difference(agency: str, decision: Decision, what: str) -> Difference:
    return Difference(
        agency=agency, gains=decision.allow, what=what, because=" ".join(decision.says)
    )


def _about_deliveries(
    before: PolicyEngine, after: PolicyEngine, directory: Directory, now: int
) -> Iterator[Difference]:
    agencies = frozenset(one.agency for one in directory.agencies())
    operations = ["", *(one.code for one in directory.operations())][: MAX_OPERATIONS + 1]
    topics = [one.topic for one in directory.topics()]
    originators = _originators(before.book, after.book, directory)
    axes = product(topics, originators, (False, True), (False, True), operations)
    for topic, originator, named, sanitised, operation in axes:
        moved: dict[tuple[str, bool, str], set[_Cell]] = defaultdict(set)
        for tlp, (kind, type_) in product(TLPS, TYPES.items()):
            marking = Marking(type=type_, tlp=tlp, sanitised=sanitised, operation=operation)
            to = [(one, named) for one in agencies]
            was = before.may_each_receive(marking, topic, originator, to, now)
            becomes = after.may_each_receive(marking, topic, originator, to, now)
            for agency in agencies:
                if was[agency].allow != becomes[agency].allow:
                    because = " ".join(becomes[agency].says)
                    moved[agency, becomes[agency].allow, because].add((tlp, kind))
        how = _how(originator, named=named, sanitised=sanitised, operation=operation)
        for (agency, gains, because), cells in moved.items():
            what = f"receive {_cells(cells)} on {topic}{how}"
            yield Difference(agency=agency, gains=gains, what=what, because=because)


def _originators(old: RuleBook, new: RuleBook, directory: Directory) -> list[str]:
    """Return one agency for all, and each that a rule of either book is about as originator."""
    names = [one.agency for one in directory.agencies() if directory.active(one.agency)]
    texts = [str(rule.tree["resource"]) for book in (old, new) for rule in book.rules.values()]
    special = [name for name in names if any(f"'id': '{name}'" in text for text in texts)]
    others = [name for name in names if name not in special][:1]
    return [*others, *special]


def _how(originator: str, *, named: bool, sanitised: bool, operation: str) -> str:
    words = [
        f" from {originator}",
        " when named" if named else " when not named",
        ", sanitised" if sanitised else ", not sanitised",
        f", in operation {operation}" if operation else "",
    ]
    return "".join(words)


def _cells(cells: set[_Cell]) -> str:
    """Return marking classes in words, whole rows and columns together."""
    tlps = [tlp for tlp in TLPS if any(one == tlp for one, _ in cells)]
    kinds = [kind for kind in TYPES if any(one == kind for _, one in cells)]
    if cells == set(product(tlps, kinds)):
        return f"{_listed(kinds, TYPES, 'any notice')} at {_listed(tlps, TLPS, 'any TLP')}"
    rows = []
    for tlp in tlps:
        own = [kind for kind in TYPES if (tlp, kind) in cells]
        rows.append(f"{_listed(own, TYPES, 'any notice')} at {tlp}")
    return "; ".join(rows)


def _listed(some: Sequence[str], everything: Collection[str], word: str) -> str:
    return word if len(some) == len(everything) else ", ".join(some)
