# SPDX-License-Identifier: Apache-2.0
"""Puts the facts of a book's scenarios into the words of the book, as Cedar entities and requests.

Times are hours from the moment of asking. Values only, as JSON; what the schema does not know it
refuses when they are loaded. Decides nothing.
"""

from collections.abc import Mapping
from typing import Any

from policy.facts import Json, instant, reference, reference_value

NOW = 1_790_000_000_000
"""When every case is asked, milliseconds since 1970."""
HOUR_MS = 3_600_000
A_YEAR = 8760
"""Hours for which agreements and vettings run where nothing is said."""

_REFERENCES: Mapping[str, str] = {
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
"""Attributes of a notice that name entities, and the kinds of these."""
_TIMES = ("validFrom", "validUntil")


def standing(facts: Mapping[str, Any]) -> list[Json]:
    """Return who and what is there in all cases; each agency has its log."""
    return [
        *map(_agency, facts["agencies"]),
        *map(_officer, facts["officers"]),
        *map(_topic, facts["topics"]),
        *map(_operation, facts["operations"]),
        *(_log(one["id"]) for one in facts["agencies"]),
    ]


def notice(given: Mapping[str, Any], name: str) -> Json:
    """Return the notice of one case."""
    attrs = {attribute: _value(attribute, value) for attribute, value in given.items()}
    if "operation" in given:
        attrs["operationId"] = given["operation"]
    parents = [reference("Topic", given["topic"]), reference("Agency", given["originator"])]
    return {"uid": reference("Notice", name), "attrs": attrs, "parents": parents}


def request(who: tuple[str, str], act: str, given: Mapping[str, Any], name: str) -> Json:
    """Return the question of one case, about the notice of that name, a log or a topic."""
    resource = reference("Notice", name)
    if "log" in given:
        resource = reference("AuditLog", given["log"])
    elif "topic" in given:
        resource = reference("Topic", given["topic"])
    return {
        "principal": reference(*who),
        "action": reference("Action", act),
        "resource": resource,
        "context": _context(given),
    }


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
        by = reference_value("Officer", approval["by"])
        context["approval"] = {"by": by, "at": _hours(-approval["hours_ago"])}
    return context


def _value(attribute: str, value: Any) -> Any:
    if attribute in _TIMES:
        return _hours(value)
    kind = _REFERENCES.get(attribute)
    if kind is None:
        return value
    if isinstance(value, list):
        return [reference_value(kind, one) for one in value]
    return reference_value(kind, value)


def _hours(from_now: float) -> Json:
    return instant(int(NOW + from_now * HOUR_MS))


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
            "agreementUntil": _hours(given.get("agreement_hours", A_YEAR)),
        },
        "parents": [reference("Country", given["country"]), *circles],
        "tags": {code: _hours(until) for code, until in operations.items()},
    }


def _officer(given: Mapping[str, Any]) -> Json:
    roles = [reference("Role", role) for role in given["roles"]]
    return {
        "uid": reference("Officer", given["id"]),
        "attrs": {
            "agency": reference_value("Agency", given["agency"]),
            "clearance": given.get("clearance", 0),
            "vettedUntil": _hours(given.get("vetted_hours", A_YEAR)),
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
    starts, ends = _hours(given["starts_hours"]), _hours(given["ends_hours"])
    return {
        "uid": reference("Operation", given["id"]),
        "attrs": {"startsAt": starts, "endsAt": ends},
        "parents": [],
    }


def _log(agency: str) -> Json:
    return {
        "uid": reference("AuditLog", agency),
        "attrs": {"agency": reference_value("Agency", agency)},
        "parents": [],
    }
