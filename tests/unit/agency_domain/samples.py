# SPDX-License-Identifier: Apache-2.0
"""Records of every notice type. All people and cases are invented."""

from typing import Any

from agency_client.domain.flaws import Flaw, RecordError
from agency_client.domain.notices import Draft, draft_of

NOW = 1_795_500_000_000
"""2026-11-24T06:00:00Z"""
DAY = 86_400_000
TOPIC = "trafficking/cases"

_MISSING: dict[str, Any] = {
    "status": "MISSING",
    "name": "Παπαδόπουλος",
    "forename": "Άννα",
    "born": "2012-03",
}
_WANTED: dict[str, Any] = {"status": "WANTED", "name": "Invented", "forename": "Vasile"}

MINIMAL: dict[str, dict[str, Any]] = {
    "RED": {"persons": [_WANTED], "warrants": [{"country": "GR", "charge": "Εμπορία ανθρώπων"}]},
    "YELLOW": {"persons": [_MISSING]},
    "BLUE": {"persons": [{"status": "PERSON_OF_INTEREST"}], "reason": "Whereabouts."},
    "BLACK": {"persons": [{"status": "DECEASED", "estimated_age": 30}]},
    "GREEN": {"persons": [{"status": "POSSIBLE_THREAT"}], "reason": "Travelling offender."},
    "ORANGE": {"title": "Unsafe vessel", "threat": "Believed in use."},
    "PURPLE": {"title": "Hotel rotation", "modus_operandi": "Moved every two nights."},
    "SILVER": {"assets": [{"kind": "BANK_ACCOUNT", "reference": "XX00-0000-AAAA"}]},
    "MISSING_PERSON": {"persons": [_MISSING]},
    "CASE_SUMMARY": {"title": "Farm work", "summary": "Workers without pay."},
    "VICTIM_REFERRAL": {"summary": "Adult, needs a safe place."},
    "REQUEST": {
        "kind": "IDENTITY_CHECK",
        "question": "Is this person known?",
        "reasons": "Seen with victims.",
    },
    "REPLY": {"in_reply_to": "ro-pol/0193a7c2f4e87d1c", "outcome": "NOTHING_KNOWN"},
    "FREE_TEXT": {"title": "Office closed", "text": "The duty desk answers."},
}
"""What each type must hold, beyond type and TLP."""


def record(notice_type: str = "CASE_SUMMARY", **more: Any) -> dict[str, Any]:
    """Return a record of a type, with fields added or replaced."""
    return {"type": notice_type, "tlp": "AMBER", **MINIMAL[notice_type], **more}


def drafted(notice_type: str = "CASE_SUMMARY", *, now: int = NOW, **more: Any) -> Draft:
    """Return the draft of such a record."""
    return draft_of(record(notice_type, **more), now=now, topic=TOPIC)


def is_accepted(notice_type: str = "CASE_SUMMARY", **more: Any) -> bool:
    """Tell whether such a record becomes a draft."""
    try:
        drafted(notice_type, **more)
    except RecordError:
        return False
    return True


def flaw_of(what: object, *, now: int = NOW, topic: str = TOPIC) -> Flaw:
    """Return why a record is refused."""
    try:
        draft_of(what, now=now, topic=topic)
    except RecordError as error:
        return error.flaw
    raise AssertionError("the record was accepted")


def refusal(notice_type: str = "CASE_SUMMARY", **more: Any) -> Flaw:
    """Return why a sample with fields added or replaced is refused."""
    return flaw_of(record(notice_type, **more))
