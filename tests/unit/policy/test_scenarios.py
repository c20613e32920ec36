# SPDX-License-Identifier: Apache-2.0
"""The standard book decides each row of scenarios.md as the row says, by the rules it names."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from policy import standard_book
from policy.book import RuleBook
from policy.evaluation import PolicySet, evaluate, load_entities
from policy.facts import instant, reference, reference_value
from tests.unit.policy.worlds import DAY, FAR, NOW

HOUR = DAY // 24
BOOK = RuleBook.load(*standard_book())
WHOLE = PolicySet.from_json_str(
    json.dumps(
        {
            "templates": {},
            "templateLinks": [],
            "staticPolicies": {rule.id: rule.tree for rule in BOOK.rules.values()},
        }
    )
)


def rows() -> list[list[str]]:
    text = Path(__file__).with_name("scenarios.md").read_text(encoding="utf-8")
    table = [line for line in text.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def agency(name: str, country: str, kind: str, circles: str, **tags: int) -> dict[str, Any]:
    return {
        "uid": reference("Agency", name),
        "attrs": {
            "country": reference_value("Country", country),
            "kind": reference_value("Kind", kind),
            "active": True,
            "contact247": True,
            "agreementUntil": instant(FAR),
        },
        "parents": [
            reference("Country", country),
            *(reference("Circle", circle) for circle in circles.split()),
        ],
        "tags": {operation: instant(until) for operation, until in tags.items()},
    }


def officer(name: str, of: str, clearance: int, roles: str) -> dict[str, Any]:
    return {
        "uid": reference("Officer", name),
        "attrs": {
            "agency": reference_value("Agency", of),
            "clearance": clearance,
            "vettedUntil": instant(FAR),
        },
        "parents": [
            reference("Agency", of),
            *(reference("Role", role) for role in roles.split()),
        ],
    }


def topic(name: str, *, victim_assistance: bool) -> dict[str, Any]:
    attrs = {
        "readers": reference_value("Circle", "rd"),
        "publishers": reference_value("Circle", "pb"),
        "victimAssistance": victim_assistance,
        "minClearance": 1,
    }
    return {"uid": reference("Topic", name), "attrs": attrs, "parents": []}


STANDING = [
    agency("GR-POL", "GR", "POLICE", "rd pb"),
    agency("RO-POL", "RO", "POLICE", "rd"),
    agency("XX-POL", "XX", "POLICE", "rd"),
    agency("HELP", "RO", "NGO", "rd"),
    agency("EE", "EE", "POLICE", "", OPX=FAR),
    agency("EE2", "EE", "POLICE", "", OPX=NOW - DAY),
    officer("ro.analyst", "RO-POL", 2, "ANALYST"),
    officer("ro.junior", "RO-POL", 0, "ANALYST"),
    officer("ro.duty", "RO-POL", 0, "DUTY_247"),
    officer("ro.super", "RO-POL", 2, "SUPERVISOR"),
    officer("ro.audit", "RO-POL", 2, "AUDITOR"),
    officer("xx.duty", "XX-POL", 0, "DUTY_247"),
    officer("gr.liaison", "GR-POL", 2, "LIAISON"),
    officer("gr.super", "GR-POL", 2, "LIAISON SUPERVISOR"),
    topic("exploitation", victim_assistance=False),
    topic("assist", victim_assistance=True),
    {
        "uid": reference("Operation", "OPX"),
        "attrs": {"startsAt": instant(NOW - DAY), "endsAt": instant(FAR)},
        "parents": [],
    },
    *(
        {
            "uid": reference("AuditLog", of),
            "attrs": {"agency": reference_value("Agency", of)},
            "parents": [],
        }
        for of in ("RO-POL", "GR-POL")
    ),
]
VALUES = {
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
BASE: dict[str, Any] = {
    "originator": "GR-POL",
    "topic": "exploitation",
    "noticeType": "ALERT",
    "tlp": "AMBER",
    "handling": ["H0"],
    "purposes": ["INVESTIGATION", "THREAT_TO_LIFE"],
    "notFor": [],
    "namedAgencies": [],
    "namedOfficers": [],
    "onwardGrants": [],
    "sanitised": False,
    "withdrawn": False,
    "validFrom": {"days": -1},
    "validUntil": {"days": 1},
}


def value(name: str, given: Any) -> Any:
    if isinstance(given, dict):
        return instant(NOW + given["days"] * DAY)
    if name not in VALUES:
        return given
    if isinstance(given, list):
        return [reference_value(VALUES[name], one) for one in given]
    return reference_value(VALUES[name], given)


def notice(differs: str) -> dict[str, Any]:
    text = re.sub(r"T\((-?\d+)\)", r'{"days":\1}', differs.replace("True", "true"))
    given = BASE | json.loads(text or "{}")
    attrs = {name: value(name, one) for name, one in given.items()}
    if "operation" in given:
        attrs["operationId"] = given["operation"]
    parents = [reference("Topic", given["topic"]), reference("Agency", given["originator"])]
    return {"uid": reference("Notice", "n"), "attrs": attrs, "parents": parents}


def context(case: str, act: str) -> dict[str, Any]:
    given: dict[str, Any] = {"now": instant(NOW)}
    if act == "shareOnward":
        target = "GR-POL" if case == "H2 back to originator" else "XX-POL"
        given["target"] = reference_value("Agency", target)
    if act in {"fetch", "useAsEvidence"}:
        emergency = "glass" in case
        purpose = "THREAT_TO_LIFE" if emergency else "INVESTIGATION"
        given["purpose"] = reference_value("Purpose", purpose)
        if emergency and case != "no glass broken":
            given["breakGlass"] = {"reason": "child in danger", "ticket": "1"}
    approvals = {
        "withdraw approved": ("gr.super", NOW - HOUR),
        "withdraw self-approved": ("gr.super", NOW - HOUR),
        "withdraw stale approval": ("gr.super", NOW - 25 * HOUR),
        "withdraw foreign approver": ("ro.super", NOW - HOUR),
    }
    if case in approvals:
        by, at = approvals[case]
        given["approval"] = {"by": reference_value("Officer", by), "at": instant(at)}
    return given


def resource(case: str, act: str) -> dict[str, Any]:
    if act == "readAudit":
        return reference("AuditLog", "RO-POL" if "own" in case else "GR-POL")
    return reference("Notice", "n")


def test_the_table_has_its_36_rows() -> None:
    assert len(rows()) == 36


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_the_standard_book_decides_the_scenario(row: list[str]) -> None:
    case, differs, who, act, expected, rules = row
    kind, name = who.split()
    entities = load_entities([*STANDING, notice(differs)], BOOK.schema)
    request = {
        "principal": reference(kind, name),
        "action": reference("Action", act),
        "resource": resource(case, act),
        "context": context(case, act),
    }
    (outcome,) = evaluate([request], WHOLE, entities, BOOK.schema)
    assert outcome.errors == ()
    assert outcome.allow is (expected == "permit")
    assert [rule.split("-")[0] for rule in outcome.determining] == rules.split()
    if kind == "Agency" and act in BOOK.sections:
        assert evaluate([request], BOOK.sections[act].policies, entities, BOOK.schema) == [outcome]
