# SPDX-License-Identifier: Apache-2.0
"""Puts what the directory and a marking say into the words of the rule book, as Cedar entities.

Only values travel here, as JSON; no policy text is ever built from one. The schema of the book
checks every entity when it is loaded (`policy.evaluation`), so a code outside its vocabularies is
refused there; what the schema cannot know (our notice types, the form of a country code) is
refused here. Decides nothing.

Source: the schema in `policy/book/`.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias

from policy.decisions import FAR_FUTURE
from policy.errors import FactError

if TYPE_CHECKING:
    from keys.directory import AgencyEntry, OperationEntry, TopicEntry
    from keys.envelope import Marking

Json: TypeAlias = dict[str, Any]
"""An entity, a reference or a request in Cedar's JSON form."""

NAMESPACE = "Tocsin"
NOTICE_TYPES: Mapping[str, str] = {
    "RED": "SUSPECT",
    "YELLOW": "ALERT",
    "BLUE": "SUSPECT",
    "BLACK": "ALERT",
    "GREEN": "ALERT",
    "ORANGE": "ALERT",
    "PURPLE": "TREND",
    "SILVER": "FINANCIAL",
    "MISSING_PERSON": "ALERT",
    "CASE_SUMMARY": "CASE_SUMMARY",
    "VICTIM_REFERRAL": "VICTIM_REFERRAL",
    "REQUEST": "REQUEST",
    "REPLY": "REQUEST",
    "FREE_TEXT": "ALERT",
}
"""Notice type of a marking to the class that the book speaks of. A type not here is refused."""

_COUNTRY = re.compile(r"[A-Z]{2}")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  (Cedar's text form is written without a zone name)


def reference(kind: str, name: str) -> Json:
    """Return the id of an entity, as requests and parents name it."""
    return {"type": f"{NAMESPACE}::{kind}", "id": name}


def reference_value(kind: str, name: str) -> Json:
    """Return a reference to an entity, as the value of an attribute."""
    return {"__entity": reference(kind, name)}


def notice_name(recipient: str | None) -> str:
    """Return the entity name of the notice as `recipient` was named on it, or as nobody was."""
    return "notice" if recipient is None else f"notice/{recipient}"


def granted_name(grantee: str) -> str:
    """Return the entity name of the notice as it was released to `grantee`."""
    return f"granted/{grantee}"


def instant(milliseconds: int) -> Json:
    """Return a Cedar datetime; instants a book cannot name become the nearest that it can."""
    within = min(max(milliseconds, 0), FAR_FUTURE)
    text = (_EPOCH + timedelta(milliseconds=within)).isoformat(timespec="milliseconds")
    return {"__extn": {"fn": "datetime", "arg": f"{text}Z"}}


def circle_name(circles: Collection[str]) -> str:
    """Return the name of the circle of all who are in any of `circles`; nobody is in that of none.

    The book's topics have one circle of readers and one of publishers, the directory's any number.
    A code holds no line feed, so no circle of the directory has the name of such a union.
    """
    return "\n".join(circles)


def agency_entity(
    entry: "AgencyEntry", *, active: bool, unions: Iterable[Collection[str]] = ()
) -> Json:
    """Return an agency with its country, kind, circles, agreement and joint operations.

    Args:
        entry: what the directory says.
        active: whether it is neither locked nor retired.
        unions: sets of circles that topics are read or published by.
    """
    circles = {*entry.circles}
    joined = sorted(circles | {circle_name(union) for union in unions if circles & {*union}})
    parents: list[Json] = [reference("Country", entry.country)]
    parents += [reference("Circle", circle) for circle in joined]
    return {
        "uid": reference("Agency", entry.agency),
        "attrs": {
            "country": reference_value("Country", entry.country),
            "kind": reference_value("Kind", entry.kind),
            "active": active,
            "contact247": entry.contact247,
            "agreementUntil": instant(entry.agreement_until),
        },
        "parents": parents,
        "tags": {operation: instant(until) for operation, until in entry.operations},
    }


def topic_entity(entry: "TopicEntry") -> Json:
    """Return a topic; the topics above it in its path are its parents."""
    segments = entry.topic.split("/")
    above = ["/".join(segments[:depth]) for depth in range(1, len(segments))]
    return {
        "uid": reference("Topic", entry.topic),
        "attrs": {
            "readers": reference_value("Circle", circle_name(entry.readers)),
            "publishers": reference_value("Circle", circle_name(entry.publishers)),
            "victimAssistance": entry.victim_assistance,
            "minClearance": _clearance(entry.min_clearance),
        },
        "parents": [reference("Topic", name) for name in above],
    }


def notice_entities(
    marking: "Marking",
    topic: str,
    originator: str,
    named: Iterable[str | None],
    *,
    granted: Iterable[str] = (),
    operation: "OperationEntry | None" = None,
) -> list[Json]:
    """Return the notice of this marking, once for each way in which it is addressed.

    Args:
        marking: the signed marking of the frame.
        topic: its topic; must be in the directory.
        originator: who signed it; must be in the directory.
        named: for each notice wanted, the one agency that it names, or None for nobody. A rule
            thus sees whether the recipient itself is named and nothing of the others, which is
            what a receiver can check.
        granted: agencies to which the originator released the notice, each for a notice of its own.
        operation: what the directory says of the operation that the marking names.

    Raises:
        FactError: the notice type or a country code is none that the book's words cover.
    """
    attributes = _marking_attributes(marking)
    attributes["originator"] = reference_value("Agency", originator)
    attributes["topic"] = reference_value("Topic", topic)
    parents: list[Json] = [reference("Topic", topic), reference("Agency", originator)]
    notices: list[Json] = []
    for recipient in named:
        names: list[Json] = [] if recipient is None else [reference_value("Agency", recipient)]
        attrs: Json = {**attributes, "namedAgencies": names}
        uid = reference("Notice", notice_name(recipient))
        notices.append({"uid": uid, "attrs": attrs, "parents": parents})
    for grantee in granted:
        released = [reference_value("Agency", grantee)]
        attrs = {**attributes, "namedAgencies": [], "onwardGrants": released}
        uid = reference("Notice", granted_name(grantee))
        notices.append({"uid": uid, "attrs": attrs, "parents": parents})
    if marking.operation:
        notices.append(_operation_entity(marking.operation, operation))
    return notices


def specimens() -> list[Json]:
    """Return one entity of every kind that this program speaks of, to try a schema with."""
    agency: Any = SimpleNamespace(
        agency="specimen",
        country="XX",
        kind="POLICE",
        circles=("circle",),
        contact247=False,
        agreement_until=FAR_FUTURE,
        operations=(("operation", FAR_FUTURE),),
    )
    topic: Any = SimpleNamespace(
        topic="specimen",
        readers=("circle",),
        publishers=("circle", "other"),
        victim_assistance=False,
        min_clearance="",
    )
    marking: Any = SimpleNamespace(
        type="RED",
        tlp="AMBER",
        handling=("H0",),
        purposes=("INVESTIGATION",),
        not_for=("YY",),
        sanitised=False,
        operation="operation",
    )
    notices = notice_entities(marking, "specimen", "specimen", (None, "specimen"))
    return [agency_entity(agency, active=True), topic_entity(topic), *notices]


def operation_boundaries(entry: "OperationEntry") -> Iterable[int]:
    """Yield each instant at which a comparison with one of the operation's dates can change."""
    for date in (entry.starts_at, entry.ends_at):
        yield date
        yield date + 1


def boundaries(entry: "AgencyEntry") -> Iterable[int]:
    """Yield each instant at which a comparison with one of the agency's dates can change."""
    for date in (entry.agreement_until, *(until for _, until in entry.operations)):
        yield date
        yield date + 1


def _marking_attributes(marking: "Marking") -> Json:
    """Return what the marking says; validity and withdrawal are judged in code, not by the book."""
    if marking.type not in NOTICE_TYPES:
        raise FactError("unknown notice type")
    if not all(_COUNTRY.fullmatch(country) for country in marking.not_for):
        raise FactError("a country in not_for is no two-letter code")
    attributes: Json = {
        "noticeType": reference_value("NoticeType", NOTICE_TYPES[marking.type]),
        "tlp": reference_value("Tlp", marking.tlp),
        "handling": [reference_value("Handling", code) for code in marking.handling],
        "purposes": [reference_value("Purpose", code) for code in marking.purposes],
        "notFor": [reference_value("Country", code) for code in marking.not_for],
        "namedOfficers": [],
        "onwardGrants": [],
        "sanitised": marking.sanitised,
        "withdrawn": False,
        "validFrom": instant(0),
        "validUntil": instant(FAR_FUTURE),
    }
    if marking.operation:
        attributes["operation"] = reference_value("Operation", marking.operation)
        attributes["operationId"] = marking.operation
    return attributes


def _clearance(code: str) -> int | str:
    """Return the number that a clearance code is; another code fits no schema and is refused."""
    return int(code) if code.isdecimal() else code or 0


def _operation_entity(operation: str, entry: "OperationEntry | None") -> Json:
    """Return an operation; one without an entry has no end but that of each agency's membership."""
    starts_at, ends_at = (entry.starts_at, entry.ends_at) if entry else (0, FAR_FUTURE)
    return {
        "uid": reference("Operation", operation),
        "attrs": {"startsAt": instant(starts_at), "endsAt": instant(ends_at)},
        "parents": [],
    }
