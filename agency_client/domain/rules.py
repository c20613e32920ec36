# SPDX-License-Identifier: Apache-2.0
"""What a notice must satisfy beyond its schema: between fields, and for those who need care.

Works on conforming records; the day is passed in. Sources: FIRST TLP 2.0 (RED names its
recipients); Europol handling codes; Palermo Protocol article 3 (means are not needed for a child);
INTERPOL's Rules on the Processing of Data articles 39 to 42 and 61 (care for victims, witnesses and
minors; status is not made public).
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, TypeAlias

from agency_client.domain.flaws import Flaw, FlawReason, RecordError
from agency_client.domain.moments import first_day, is_surely_under_age, read_day
from agency_client.domain.notice_types import HARMED, NOTICE_TYPES, SEARCHED

Record: TypeAlias = Mapping[str, Any]
Rule: TypeAlias = Callable[[Record], Flaw | None]

FULL_AGE = 18
TRACING = ("documents", "phones", "accounts", "addresses", "vehicles", "assets")
"""Leads to a person or to what they own."""
IDENTITY = (
    "name",
    "forename",
    "birth_name",
    "name_original",
    "aliases",
    "born",
    "birth_place",
    "father_name",
    "father_forename",
    "mother_name",
    "mother_forename",
    "distinguishing_marks",
)
"""Says who a person is."""
SHELTERED = (*HARMED, "WITNESS", "REPORTING_PERSON")
"""Whose identity is not for everybody."""
SOUGHT = (*SEARCHED, "DECEASED")
"""Who is to be found or identified, so that partners need to know who it is."""


def check_rules(record: Record, today: date) -> None:
    """Check a conforming record, children already flagged.

    Raises:
        RecordError: a rule is not satisfied.
    """
    for rule in _RULES:
        flaw = rule(record)
        if flaw is not None:
            raise RecordError(flaw)
    for place, person in _persons(record):
        _check_birth(place, person, today)


def with_child_flags(record: Record, today: date) -> dict[str, Any]:
    """Return the record with `child` set where nothing was said and birth or age says so."""
    if "persons" not in record:
        return dict(record)
    persons = [
        {**person, "child": True} if "child" not in person and _is_young(person, today) else person
        for person in record["persons"]
    ]
    return {**record, "persons": persons}


def _persons(record: Record) -> Iterator[tuple[str, Record]]:
    for position, person in enumerate(record.get("persons", ())):
        yield f"persons[{position}]", person


def _is_young(person: Record, today: date) -> bool:
    if "born" in person:
        return is_surely_under_age(person["born"], today)
    return bool(person.get("estimated_age", FULL_AGE) < FULL_AGE)


def _check_birth(place: str, person: Record, today: date) -> None:
    if "born" in person and first_day(person["born"]) > today + timedelta(days=1):
        raise RecordError(_flaw(f"{place}.born", FlawReason.IMPOSSIBLE_DATE, "lies in the future"))
    if person.get("child") is False and _is_young(person, today):
        raise RecordError(
            _flaw(
                f"{place}.child",
                FlawReason.CONTRADICTION,
                f"says that the person is no child, their age says that they are under {FULL_AGE}",
                "correct whichever is wrong; in doubt a person is taken to be a child",
            )
        )


def _names_somebody(record: Record) -> Flaw | None:
    if record["tlp"] != "RED" or record.get("to"):
        return None
    return _flaw(
        "to",
        FlawReason.EMPTY_AUDIENCE,
        "TLP:RED is for recipients that are named, and none is",
        "name them in `to` or with --to",
    )


def _handling(record: Record) -> Flaw | None:
    codes = record.get("handling", ())
    if "H0" in codes and len(codes) > 1:
        return _flaw(
            "handling", FlawReason.CONTRADICTION, "H0 means no restriction, and others stand by it"
        )
    grade = record.get("grading", {}).get("handling")
    if ("H3" in codes or grade == "5") and "handling_note" not in record:
        return _flaw(
            "handling_note",
            FlawReason.MISSING_FIELD,
            '"handling_note" is missing: the handling code says that there are conditions',
            "state the conditions there",
        )
    return None


def _trafficking(record: Record) -> Flaw | None:
    elements = record.get("trafficking", {})
    stated = "acts" in elements and "exploitation" in elements
    if not stated or "means" in elements:
        return None
    if any(person.get("child") for _, person in _persons(record)):
        return None
    return _flaw(
        "trafficking.means",
        FlawReason.MISSING_FIELD,
        '"means" is missing: acts and exploitation of an adult are trafficking only with means',
        'state them, "NOT_KNOWN" included, or flag the child',
    )


def _documents(record: Record) -> Flaw | None:
    holders = [("", record), *((f"{place}.", person) for place, person in _persons(record))]
    for before, holder in holders:
        for position, one in enumerate(holder.get("documents", ())):
            if "issued_on" not in one or "valid_until" not in one:
                continue
            if read_day(one["valid_until"]) < read_day(one["issued_on"]):
                field = f"{before}documents[{position}].valid_until"
                return _flaw(field, FlawReason.WRONG_ORDER, "lies before the day of issue")
    return None


def _sanitised(record: Record) -> Flaw | None:
    if not record.get("sanitised"):
        return None
    if not NOTICE_TYPES[record["type"]].may_be_sanitised:
        return _flaw(
            "sanitised",
            FlawReason.CONTRADICTION,
            f"a {record['type']} notice is for law enforcement only",
            "publish a CASE_SUMMARY or FREE_TEXT notice for the others",
        )
    for before, holder in [("", record), *_persons(record)]:
        sought = bool(before) and holder["status"] in SOUGHT
        fields = TRACING if not before or sought else (*TRACING, *IDENTITY)
        found = next((field for field in fields if field in holder), None)
        if found is not None:
            return _flaw(
                f"{before}.{found}" if before else found,
                FlawReason.IDENTIFIES,
                "identifies or traces a person, in a notice that says it is sanitised",
                "leave it out, or publish the notice without `sanitised`",
            )
    return None


def _public(record: Record) -> Flaw | None:
    if record["tlp"] != "CLEAR":
        return None
    for place, person in _persons(record):
        found = next((field for field in (*IDENTITY, *TRACING) if field in person), None)
        if found is not None and person["status"] in SHELTERED:
            return _flaw(
                f"{place}.{found}",
                FlawReason.IDENTIFIES,
                "identifies a victim or witness, in a notice that anybody may see (TLP:CLEAR)",
                "leave it out, or choose another TLP",
            )
    return None


_RULES: tuple[Rule, ...] = (
    _names_somebody,
    _handling,
    _sanitised,
    _public,
    _trafficking,
    _documents,
)


def _flaw(field: str, reason: FlawReason, message: str, advice: str = "") -> Flaw:
    return Flaw(field=field, reason=reason, message=message, advice=advice)
