# SPDX-License-Identifier: Apache-2.0
"""The one place that asks Cedar, so that no answer can fail open.

An act is allowed only when Cedar says Allow and reports no error: Cedar skips a rule that it
cannot evaluate, and a skipped `forbid` would open the door. Entities are loaded with the schema
and requests are checked against it; "no decision" is a deny.

Source: Cedar, "Authorization": default deny, forbid overrides permit, skip on error.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cedarpy

from policy.errors import FactError
from policy.facts import Json, instant, reference, reference_value
from policy.rules import Rule

GATEWAY_PURPOSE = "INVESTIGATION"
"""A gateway subscribes for all its officers, so the schema's purpose says nothing there; each
officer's own purpose is judged at the agency, when a notice is opened."""

Entities = cedarpy.Entities
PolicySet = cedarpy.PolicySet
Schema = cedarpy.Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What Cedar answered; `determining` holds ids of rules and is empty when there were errors."""

    allow: bool
    determining: tuple[str, ...]
    errors: tuple[str, ...]


def policy_set(rules: Iterable[Rule]) -> PolicySet:
    """Return rules in the form that Cedar evaluates.

    Raises:
        ValueError: a rule is nested too deeply for Cedar.
    """
    trees = {rule.id: rule.tree for rule in rules}
    text = {"templates": {}, "staticPolicies": trees, "templateLinks": []}
    return PolicySet.from_json_str(json.dumps(text))


def load_entities(
    entities: Sequence[Json], schema: Schema, base: Entities | None = None
) -> Entities:
    """Parse entities and check them against the schema, on top of `base` if there is one.

    Raises:
        FactError: an entity is not what the schema says it must be.
    """
    text = json.dumps(entities)
    try:
        if base is None:
            return Entities.from_json_str(text, schema)
        return base.with_added_json_str(text, schema)
    except ValueError as refusal:
        raise FactError("a fact does not fit the schema of the rule book") from refusal


def agency_request(action: str, agency: str, resource: Json, now: int) -> Json:
    """Return the question "may `agency` do `action` to `resource` at `now` (milliseconds)?"."""
    context: Json = {"now": instant(now)}
    if action == "subscribe":
        context["purpose"] = reference_value("Purpose", GATEWAY_PURPOSE)
    return {
        "principal": reference("Agency", agency),
        "action": reference("Action", action),
        "resource": resource,
        "context": context,
    }


def evaluate(
    requests: Sequence[Json], policies: PolicySet, entities: Entities, schema: Schema
) -> list[Outcome]:
    """Ask Cedar each question; an engine that fails answers every one with a deny."""
    try:
        results = cedarpy.is_authorized_batch(list(requests), policies, entities, schema)
    except (ValueError, TypeError, KeyError) as failure:
        broken = Outcome(allow=False, determining=(), errors=(f"engine: {failure}",))
        return [broken] * len(requests)
    return [_outcome(result) for result in results]


def satisfied(
    request: Json, policies: PolicySet, entities: Entities, schema: Schema
) -> frozenset[str]:
    """Return which of `policies`, all of them permits, apply; for explaining, never for deciding.

    A policy that cannot be evaluated is not among them, and its error is not one: `evaluate` is
    what denies on errors.
    """
    try:
        (result,) = cedarpy.is_authorized_batch([request], policies, entities, schema)
    except (ValueError, TypeError, KeyError):
        return frozenset()
    return frozenset(result.diagnostics.reasons)


def _outcome(result: cedarpy.AuthzResult) -> Outcome:
    errors = tuple(result.diagnostics.errors)
    if not errors and result.decision is cedarpy.Decision.NoDecision:
        errors = ("engine: no decision",)
    if errors:
        return Outcome(allow=False, determining=(), errors=errors)
    allow = result.decision is cedarpy.Decision.Allow
    return Outcome(allow=allow, determining=tuple(sorted(result.diagnostics.reasons)), errors=())
