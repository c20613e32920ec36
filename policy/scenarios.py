# SPDX-License-Identifier: Apache-2.0
"""The cases by which a rule book shows what it does: facts, acts, and the decision expected.

A book's authors write them beside the rules (`scenarios.json`); `run` puts each to the whole book
and says what came out. Times are hours from the moment of asking. Lawyers read the same cases on
the book's page.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policy.book import RuleBook
from policy.errors import BookError, FactError
from policy.evaluation import Entities, PolicySet, evaluate, load_entities
from policy.facts import Json, instant, reference, reference_value

NOW = 1_790_000_000_000
"""When every case is asked, milliseconds since 1970."""
HOUR_MS = 3_600_000

_NOTICE: Mapping[str, str] = {
    "originator": "Agency",
    "topic": "Topic",
    "noticeType": "NoticeType",
    "tlp": "Tlp",
    "handling": "Handling",
    "purposes": "Purpose",
    "notFor": "Country",
    "namedAgencies": "Agency",
    "namedOfficers": "Officer",
    "onwardGrants": "Agency",
    "operation": "Operation",
}
"""Attributes of a notice that name entities."""
_TIMES = ("validFrom", "validUntil")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One case.

    Attributes:
        case: its name.
        who: "Agency" or "Officer", and an id.
        act: an action of the schema.
        notice: how its notice differs from the usual one.
        context: purpose, target, approval, break_glass, log.
        allow: whether it is to be allowed.
        rules: beginnings of the ids of exactly the rules that are to decide.
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
        wanted = self.scenario
        short = [rule.split("-")[0] for rule in self.rules]
        known = all(
            one in (rule, begin)
            for rule, begin, one in zip(self.rules, short, wanted.rules, strict=False)
        )
        return (
            not self.errors
            and self.allow is wanted.allow
            and known
            and len(self.rules) == len(wanted.rules)
        )


def read_scenarios(text: str) -> Scenarios:
    """Read a table.

    Raises:
        BookError: it is not one.
    """
    try:
        document = json.loads(text)
        cases = tuple(map(_scenario, document["cases"]))
        return Scenarios(facts=document["facts"], usual=document["usual"], cases=cases)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BookError(f"the scenarios do not read: {error!r:.80}") from None


def _scenario(given: Mapping[str, Any]) -> Scenario:
    kind, _, name = given["who"].partition(" ")
    expected = given["expected"]
    if kind not in {"Agency", "Officer"} or expected not in {"permit", "deny"}:
        raise ValueError(f"case {given['case']}")
    return Scenario(
        case=str(given["case"]),
        who=(kind, name),
        act=str(given["act"]),
        notice=dict(given.get("notice", {})),
        context=dict(given.get("context", {})),
        allow=expected == "permit",
        rules=tuple(given["rules"]),
    )


def run(book: RuleBook, table: Scenarios, without: str = "") -> list[Verdict]:
    """Put each case to the book and return what came out, in order.

    Args:
        book: all of its rules are asked.
        table: the cases.
        without: id of a rule that is left out.

    Raises:
        BookError: the facts or a case are not in the book's words.
    """
    trees = {rule.id: rule.tree for rule in book.rules.values() if rule.id != without}
    text = json.dumps({"templates": {}, "templateLinks": [], "staticPolicies": trees})
    policies = PolicySet.from_json_str(text)
    try:
        standing = load_entities(_standing(table.facts), book.schema)
        return [_decided(book, policies, standing, table, one) for one in table.cases]
    except (FactError, KeyError, TypeError, ValueError) as error:
        raise BookError(f"the scenarios are not in the book's words: {error!r:.80}") from None


def _decided(
    book: RuleBook, policies: PolicySet, standing: Entities, table: Scenarios, one: Scenario
) -> Verdict:
    entities = load_entities([_notice({**table.usual, **one.notice})], book.schema, standing)
    log = one.context.get("log")
    request = {
        "principal": reference(*one.who),
        "action": reference("Action", one.act),
        "resource": reference("AuditLog", log) if log else _resource(one),
        "context": _context(one.context),
    }
    (outcome,) = evaluate([request], policies, entities, book.schema)
    return Verdict(
        scenario=one, allow=outcome.allow, rules=outcome.determining, errors=outcome.errors
    )


def _resource(one: Scenario) -> Json:
    if one.act == "subscribe":
        return reference("Topic", one.context["topic"])
    return reference("Notice", "n")


def _context(given: Mapping[str, Any]) -> Json:
    context: Json = {"now": instant(NOW)}
    if "purpose" in given:
        context["purpose"] = reference_value("Purpose", given["purpose"])
    if "target" in given:
        context["target"] = reference_value("Agency", given["target"])
    if "break_glass" in given:
        context["breakGlass"] = dict(given["break_glass"])
    if "approval" in given:
        approval = given["approval"]
        at = instant(NOW - approval["hours_ago"] * HOUR_MS)
        context["approval"] = {"by": reference_value("Officer", approval["by"]), "at": at}
    return context


def _notice(given: Mapping[str, Any]) -> Json:
    attrs: Json = {}
    for name, value in given.items():
        kind = _NOTICE.get(name)
        if name in _TIMES:
            attrs[name] = instant(NOW + value * HOUR_MS)
        elif kind is None:
            attrs[name] = value
        elif isinstance(value, list):
            attrs[name] = [reference_value(kind, one) for one in value]
        else:
            attrs[name] = reference_value(kind, value)
    if "operation" in given:
        attrs["operationId"] = given["operation"]
    parents = [reference("Topic", given["topic"]), reference("Agency", given["originator"])]
    return {"uid": reference("Notice", "n"), "attrs": attrs, "parents": parents}


def _standing(facts: Mapping[str, Any]) -> Sequence[Json]:
    return [
        *map(_agency, facts["agencies"]),
        *map(_officer, facts["officers"]),
        *map(_topic, facts["topics"]),
        *map(_operation, facts["operations"]),
        *(_log(one["id"]) for one in facts["agencies"]),
    ]


def _agency(given: Mapping[str, Any]) -> Json:
    circles = [reference("Circle", circle) for circle in given.get("circles", ())]
    operations = given.get("operations", {})
    return {
        "uid": reference("Agency", given["id"]),
        "attrs": {
            "country": reference_value("Country", given["country"]),
            "kind": reference_value("Kind", given["kind"]),
            "active": given.get("active", True),
            "contact247": given.get("contact247", True),
            "agreementUntil": instant(NOW + given.get("agreement_hours", 8760) * HOUR_MS),
        },
        "parents": [reference("Country", given["country"]), *circles],
        "tags": {code: instant(NOW + hours * HOUR_MS) for code, hours in operations.items()},
    }


def _officer(given: Mapping[str, Any]) -> Json:
    roles = [reference("Role", role) for role in given["roles"]]
    return {
        "uid": reference("Officer", given["id"]),
        "attrs": {
            "agency": reference_value("Agency", given["agency"]),
            "clearance": given.get("clearance", 0),
            "vettedUntil": instant(NOW + given.get("vetted_hours", 8760) * HOUR_MS),
        },
        "parents": [reference("Agency", given["agency"]), *roles],
    }


def _topic(given: Mapping[str, Any]) -> Json:
    return {
        "uid": reference("Topic", given["id"]),
        "attrs": {
            "readers": reference_value("Circle", given["readers"]),
            "publishers": reference_value("Circle", given["publishers"]),
            "victimAssistance": given.get("victim_assistance", False),
            "minClearance": given.get("min_clearance", 0),
        },
        "parents": [],
    }


def _operation(given: Mapping[str, Any]) -> Json:
    starts, ends = given["starts_hours"], given["ends_hours"]
    return {
        "uid": reference("Operation", given["id"]),
        "attrs": {
            "startsAt": instant(NOW + starts * HOUR_MS),
            "endsAt": instant(NOW + ends * HOUR_MS),
        },
        "parents": [],
    }


def _log(agency: str) -> Json:
    return {
        "uid": reference("AuditLog", agency),
        "attrs": {"agency": reference_value("Agency", agency)},
        "parents": [],
    }
