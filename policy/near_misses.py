# SPDX-License-Identifier: Apache-2.0
"""Says why no rule permits an act: which condition of which permit fails, nearest miss first.

Cedar answers with the rules that fired and says nothing of those that did not. So each condition of
each permit is put to it twice as a rule of its own, as it stands and the other way round: it holds,
it fails, or it cannot be judged, since it asks for what another condition makes sure of. Decides
nothing: an answer here lets nobody do anything. Source: research/policy.md 2.5.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from policy.book import RuleBook
from policy.decisions import Decision
from policy.evaluation import Entities, policy_set, satisfied
from policy.facts import Json
from policy.rules import Rule

_OTHER_WAY = {"when": "unless", "unless": "when"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMiss:
    """A permit that does not apply.

    Attributes:
        rule: its id.
        says: its sentence.
        failed: what fails, a sentence for each condition: the rule's own (`@c1` for the first
            condition, and so on), or the number of the condition where the rule gives none.
    """

    rule: str
    says: str
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A decision, and where no rule permits the act, the permits that come nearest."""

    decision: Decision
    near_misses: tuple[NearMiss, ...] = ()


def near_misses(
    book: RuleBook, action: str, request: Json, entities: Entities
) -> tuple[NearMiss, ...]:
    """Return the permits for `action` that could apply to `request` and do not."""
    permits = [
        rule
        for rule in book.rules.values()
        if rule.tree["effect"] == "permit" and rule.can_apply(action)
    ]
    probes = policy_set(probe for rule in permits for probe in _probes(rule))
    held = satisfied(request, probes, entities, book.schema)
    found = (_near_miss(rule, held) for rule in permits if rule.id in held)
    missed = [one for one in found if one is not None]
    return tuple(sorted(missed, key=lambda one: (len(one.failed), one.rule)))


def _probes(rule: Rule) -> Iterator[Rule]:
    """Yield the head of a rule by itself, and each of its conditions both ways."""
    yield _probe(rule, rule.id)
    for number, condition in enumerate(rule.tree["conditions"], start=1):
        opposite = {**condition, "kind": _OTHER_WAY[condition["kind"]]}
        yield _probe(rule, f"{rule.id}#{number}", condition)
        yield _probe(rule, f"{rule.id}#not{number}", opposite)


def _probe(rule: Rule, name: str, *conditions: Mapping[str, Any]) -> Rule:
    return replace(rule, id=name, tree={**rule.tree, "conditions": list(conditions)})


def _near_miss(rule: Rule, held: frozenset[str]) -> NearMiss | None:
    numbers = range(1, len(rule.tree["conditions"]) + 1)
    open_ones = [number for number in numbers if f"{rule.id}#{number}" not in held]
    failed = [number for number in open_ones if f"{rule.id}#not{number}" in held]
    if not open_ones:
        return None
    told = tuple(_sentence(rule, number) for number in failed or open_ones)
    return NearMiss(rule=rule.id, says=rule.says, failed=told)


def _sentence(rule: Rule, number: int) -> str:
    annotations: Mapping[str, Any] = rule.tree.get("annotations", {})
    said = annotations.get(f"c{number}")
    if isinstance(said, str) and said.strip() and said.isprintable():
        return said
    return f"Condition {number} of the rule is not met."
