# SPDX-License-Identifier: Apache-2.0
"""Cuts the rules for one act by the agency that their heads name, so that most need not be asked.

A rule about one agency alone, as who acts or as whose notice it is, cannot apply to another.
Agencies with rules of their own are put together in small groups, each with the rules that are
about nobody in particular; the rules about notices of one originator are asked beside them. What is
asked of the parts and merged is what the whole would answer: which rules fire does not depend on
the others. `tests/differential` shows it. Source: research/policy.md 2.6.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

from policy.evaluation import Entities, Outcome, PolicySet, Schema, evaluate, policy_set
from policy.facts import Json
from policy.rules import Rule

GROUP = 4
"""Agencies whose own rules are asked together: fewer rules for each, against fewer calls."""
PORTION = 32
"""Questions that Cedar is given at once: some 2 ms in which hardly another thread runs."""

Facts: TypeAlias = tuple[Entities, Schema]
Request: TypeAlias = tuple[str, Json]
"""An agency, and what is asked about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """The rules for one act.

    Attributes:
        whole: all of them.
        groups: those about nobody in particular, first alone and then with those of some agencies.
        places: the group of each agency that has rules of its own.
        outgoing: the rules about notices of one originator, by originator.
    """

    whole: PolicySet
    groups: tuple[PolicySet, ...]
    places: Mapping[str, int]
    outgoing: Mapping[str, PolicySet]

    @classmethod
    def of(cls, rules: Sequence[Rule]) -> Self:
        """Cut the rules that can apply to an act.

        Raises:
            ValueError: a rule is nested too deeply for Cedar.
        """
        common: list[Rule] = []
        own: defaultdict[str, list[Rule]] = defaultdict(list)
        outgoing: defaultdict[str, list[Rule]] = defaultdict(list)
        for rule in rules:
            if rule.principal is not None:
                own[rule.principal].append(rule)
            elif rule.originator is not None:
                outgoing[rule.originator].append(rule)
            else:
                common.append(rule)
        names = sorted(own)
        cut = [names[at : at + GROUP] for at in range(0, len(names), GROUP)]
        groups = [common, *([*common, *(r for name in part for r in own[name])] for part in cut)]
        return cls(
            whole=policy_set(rules),
            groups=tuple(map(policy_set, groups)),
            places={name: place for place, part in enumerate(cut, start=1) for name in part},
            outgoing={name: policy_set(some) for name, some in outgoing.items()},
        )

    def group_of(self, agency: str) -> int:
        """Return the group in which an agency is asked about."""
        return self.places.get(agency, 0)


def ask(
    slices: Slices,
    rules: Mapping[str, Rule],
    originator: str,
    requests: Sequence[Request],
    facts: Facts,
) -> list[Outcome]:
    """Return what the whole book would answer to each request, asking only what can apply.

    Args:
        slices: of the act.
        rules: of the book, by id.
        originator: whose notice it is about, or who acts where there is none.
        requests: one for each agency.
        facts: what holds of them, and the schema.
    """
    own = [(slices.groups[slices.group_of(agency)], request) for agency, request in requests]
    outcomes = _evaluated(own, facts)
    beside = slices.outgoing.get(originator)
    if beside is None:
        return outcomes
    also = _evaluated([(beside, request) for _, request in requests], facts)
    return [merged(one, other, rules) for one, other in zip(outcomes, also, strict=True)]


def _evaluated(requests: Sequence[tuple[PolicySet, Json]], facts: Facts) -> list[Outcome]:
    """Ask Cedar each request of its own rules, and let other threads run after each portion.

    Cedar lets go of the interpreter and takes it back so often that a thread which waits for it
    does not get it in its turn.
    """
    together: defaultdict[int, list[int]] = defaultdict(list)
    for at, (policies, _) in enumerate(requests):
        together[id(policies)].append(at)
    found: dict[int, Outcome] = {}
    waiting = 0
    for places in together.values():
        for start in range(0, len(places), PORTION):
            portion = places[start : start + PORTION]
            given = [requests[at][1] for at in portion]
            outcomes = evaluate(given, requests[portion[0]][0], *facts)
            found.update(zip(portion, outcomes, strict=True))
            waiting += len(portion)
            if waiting >= PORTION:
                time.sleep(0)
                waiting = 0
    return [found[at] for at in range(len(requests))]


def merged(one: Outcome, other: Outcome, rules: Mapping[str, Rule]) -> Outcome:
    """Return what Cedar would answer to both sets of rules as one.

    Cedar names every forbid that fires, else every permit that does.
    """
    errors = (*one.errors, *other.errors)
    if errors:
        return Outcome(allow=False, determining=(), errors=errors)
    fired = {*one.determining, *other.determining}
    forbids = {rule for rule in fired if rules[rule].forbids}
    determining = tuple(sorted(forbids or fired))
    return Outcome(allow=bool(fired) and not forbids, determining=determining, errors=())
