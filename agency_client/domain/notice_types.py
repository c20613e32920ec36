# SPDX-License-Identifier: Apache-2.0
"""The notice types: what each holds and must hold, for what and how long by default.

Retention: an initial period of at most five years, less where the purpose needs less (INTERPOL's
Rules on the Processing of Data). Shared kinds are in `domain.parts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agency_client.domain.parts import MOST_PERSONS
from agency_client.domain.schema_form import Schema, flag, listing, ref, several, when

FIVE_YEARS = 5 * 365 + 1
YEAR = 365
SEARCHED = ("MISSING", "VULNERABLE", "UNIDENTIFIED")
SUSPECTED = ("WANTED", "CONVICTED", "CHARGED", "SUSPECT")
HARMED = ("VICTIM", "POSSIBLE_VICTIM")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeType:
    """What holds for one notice type.

    Attributes:
        fields: what it may hold beyond `ADDRESSING`, `MARKING` and `COMMON`.
        required: what it must hold beyond `type` and `tlp`.
        purposes: what it may be used for where the record does not say.
        days: how long it is valid where the record does not say.
        most_days: how long it can be valid at most.
        rules: conditions between its fields.
        may_be_sanitised: whether it makes sense outside law enforcement.
    """

    fields: Mapping[str, Schema]
    required: tuple[str, ...]
    purposes: tuple[str, ...]
    days: int
    most_days: int
    rules: tuple[Schema, ...] = ()
    may_be_sanitised: bool = True


ADDRESSING: Mapping[str, Schema] = {
    "topic": ref("topic", "Where to publish; else as the command says.", "trafficking/cases"),
    "to": listing("agency", "Agencies addressed by name.", "ro-pol", most=1000),
    "valid_from": ref("instant", "Since when it is valid; not in the future.", "2026-11-01"),
    "expires_at": ref(
        "instant",
        "Until when it is valid; a day means its end. Else as long as the type's default.",
        "2027-06-30",
        "2027-01-31T12:00:00Z",
    ),
    "supersedes": listing("reference", "Our notices that it takes the place of.", most=64),
}
"""Goes into the notice's header; not part of the sealed document."""

MARKING: Mapping[str, Schema] = {
    "tlp": ref("tlp", "Traffic Light Protocol 2.0: who may see it.", "AMBER"),
    "mode": ref("mode", "Real, exercise or test; ACTUAL where it is not said.", "EXERCISE"),
    "handling": listing("handling", "Europol handling codes.", "H1", "H2"),
    "purposes": listing("purpose", "What it may be used for; else as the type says.", "PREVENTION"),
    "not_for": listing("country", "Countries that must not get it.", "XK", most=64),
    "regrant": ref("regrant", "Who may admit a further agency; none where it is not said."),
    "sanitised": flag("Whether it is fit for partners outside law enforcement."),
    "operation": ref("operation_code", "Joint operation, whose members receive it.", "op-harbour"),
    "priority": ref("priority", "Urgency; ROUTINE where it is not said.", "IMMEDIATE"),
}
"""Goes into the frame's signed marking, which policy reads; not part of the sealed document."""

COMMON: Mapping[str, Schema] = {
    "title": ref("line", "What a list of notices shows.", "Missing since Tuesday, Patras"),
    "summary": ref("text", "What it is about."),
    "reference": ref("file_number", "Number of the file at the issuer.", "2026/00001"),
    "issuing_country": ref("country", "On behalf of which country it is issued.", "GR"),
    "countries": listing("country_or_unknown", "Countries concerned.", "GR", "RO", most=64),
    "legal_basis": ref("line", "Law that it is issued under."),
    "handling_note": ref("text", "What handling code H3 asks for."),
    "grading": ref("grading", "How good source and information are."),
    "review_on": ref("date", "Day on which the issuer looks at it again.", "2027-01-31"),
    "contact": ref("contact", "Whom to ask."),
    "officers": listing("line", "Officers for whose eyes it is, as their agencies name them."),
    "language": ref("language", "Language of the texts, ISO 639-2.", "ENG"),
    "related": listing("reference", "Other notices about the same matter.", most=64),
    "in_reply_to": ref("reference", "The notice that it answers.", "ro-pol/0193a7c2f4e87d1c"),
    "remarks": ref("text", "Anything else."),
}

_PERSONS = several("person", "Persons that it is about.", most=MOST_PERSONS)
_THINGS: Mapping[str, Schema] = {
    "vehicles": several("vehicle", "Vehicles."),
    "phones": several("phone", "Telephones whose user is not known."),
    "accounts": several("account", "Accounts on the internet whose user is not known."),
    "documents": several("document", "Documents whose holder is not known."),
    "addresses": several("address", "Places."),
}
_CASE: Mapping[str, Schema] = {
    **_THINGS,
    "persons": _PERSONS,
    "event": ref("event", "When and where it happened."),
    "trafficking": ref("trafficking", "Elements of trafficking."),
}
_INSTRUMENT: Mapping[str, Schema] = {"instrument": ref("instrument", "INTERPOL instrument.")}
_POLICE = ("PREVENTION", "INVESTIGATION", "PROSECUTION")
_VICTIMS = ("INVESTIGATION", "VICTIM_PROTECTION", "THREAT_TO_LIFE")


def _with_person(*statuses: str, named: bool = False) -> Schema:
    """Return a list of persons of whom at least one has one of these statuses."""
    needed: Schema = {
        "properties": {"status": {"enum": list(statuses)}},
        "required": ["status", "name"] if named else ["status"],
    }
    return {**_PERSONS, "minItems": 1, "contains": needed}


_SOMEBODY = {**_PERSONS, "minItems": 1}

NOTICE_TYPES: Mapping[str, NoticeType] = {
    "RED": NoticeType(
        fields={
            **_CASE,
            **_INSTRUMENT,
            "persons": _with_person(*SUSPECTED, named=True),
            "warrants": several("warrant", "Warrants of arrest or judgments.", least=1),
        },
        required=("persons", "warrants"),
        purposes=_POLICE,
        days=FIVE_YEARS,
        most_days=FIVE_YEARS,
        may_be_sanitised=False,
    ),
    "YELLOW": NoticeType(
        fields={**_CASE, **_INSTRUMENT, "persons": _with_person(*SEARCHED)},
        required=("persons",),
        purposes=_VICTIMS,
        days=FIVE_YEARS,
        most_days=FIVE_YEARS,
    ),
    "BLUE": NoticeType(
        fields={
            **_CASE,
            **_INSTRUMENT,
            "persons": _SOMEBODY,
            "reason": ref("text", "Why information is wanted."),
        },
        required=("persons", "reason"),
        purposes=("INVESTIGATION", "PROSECUTION"),
        days=YEAR,
        most_days=FIVE_YEARS,
        may_be_sanitised=False,
    ),
    "BLACK": NoticeType(
        fields={**_CASE, **_INSTRUMENT, "persons": _with_person("DECEASED")},
        required=("persons",),
        purposes=("INVESTIGATION", "VICTIM_PROTECTION"),
        days=FIVE_YEARS,
        most_days=FIVE_YEARS,
    ),
    "GREEN": NoticeType(
        fields={
            **_CASE,
            **_INSTRUMENT,
            "persons": _SOMEBODY,
            "reason": ref("text", "What the warning is about."),
        },
        required=("persons", "reason"),
        purposes=("PREVENTION", "INVESTIGATION"),
        days=YEAR,
        most_days=FIVE_YEARS,
        may_be_sanitised=False,
    ),
    "ORANGE": NoticeType(
        fields={**_CASE, **_INSTRUMENT, "threat": ref("text", "What the threat is.")},
        required=("title", "threat"),
        purposes=("PREVENTION", "INVESTIGATION", "THREAT_TO_LIFE"),
        days=90,
        most_days=YEAR,
    ),
    "PURPLE": NoticeType(
        fields={
            **_CASE,
            **_INSTRUMENT,
            "modus_operandi": ref("text", "The way of working."),
        },
        required=("title", "modus_operandi"),
        purposes=("PREVENTION", "INVESTIGATION"),
        days=FIVE_YEARS,
        most_days=FIVE_YEARS,
    ),
    "SILVER": NoticeType(
        fields={
            **_CASE,
            **_INSTRUMENT,
            "assets": several("asset", "The assets.", least=1, most=200),
        },
        required=("assets",),
        purposes=("INVESTIGATION", "PROSECUTION", "ASSET_RECOVERY"),
        days=YEAR,
        most_days=FIVE_YEARS,
        may_be_sanitised=False,
    ),
    "MISSING_PERSON": NoticeType(
        fields={
            **_CASE,
            "persons": _with_person(*SEARCHED),
            "risk": ref("risk", "How great the risk is.", "HIGH"),
            "risk_reason": ref("text", "Why the risk is high."),
            "alert_category": ref("alert_category", "Category of SIS II.", "32A"),
            "unaccompanied_minor": flag("Whether it is an unaccompanied minor."),
        },
        required=("persons",),
        purposes=_VICTIMS,
        days=YEAR,
        most_days=FIVE_YEARS,
        rules=(when("risk", "HIGH", {"required": ["risk_reason"]}),),
    ),
    "CASE_SUMMARY": NoticeType(
        fields={**_CASE, "assets": several("asset", "Assets.", most=200)},
        required=("title", "summary"),
        purposes=_POLICE,
        days=YEAR,
        most_days=FIVE_YEARS,
    ),
    "VICTIM_REFERRAL": NoticeType(
        fields={
            **_CASE,
            "persons": {**_with_person(*HARMED), "minItems": 0},
            "needs": listing("need", "What is needed.", "SHELTER", "INTERPRETER"),
            "consent": ref("consent", "What the victim agreed to."),
            "needed_from": ref("instant", "From when help is needed.", "2026-12-01"),
        },
        required=("summary",),
        purposes=("VICTIM_PROTECTION", "THREAT_TO_LIFE"),
        days=90,
        most_days=YEAR,
    ),
    "REQUEST": NoticeType(
        fields={
            **_CASE,
            "kind": ref("request_kind", "What is asked for.", "IDENTITY_CHECK"),
            "question": ref("text", "The question."),
            "reasons": ref("text", "Why it is asked: the offence, and the link to it."),
            "reply_by": ref("instant", "Until when the answer is needed.", "2026-12-04T08:00:00Z"),
        },
        required=("kind", "question", "reasons"),
        purposes=_POLICE,
        days=90,
        most_days=YEAR,
    ),
    "REPLY": NoticeType(
        fields={
            **_CASE,
            "outcome": ref("outcome", "What became of the request.", "ANSWERED"),
            "refusal_reason": ref("text", "Why it is refused."),
        },
        required=("in_reply_to", "outcome"),
        purposes=_POLICE,
        days=YEAR,
        most_days=FIVE_YEARS,
        rules=(when("outcome", "REFUSED", {"required": ["refusal_reason"]}),),
    ),
    "FREE_TEXT": NoticeType(
        fields={"text": ref("text", "The text."), "event": ref("event", "When and where.")},
        required=("title", "text"),
        purposes=("PREVENTION", "INVESTIGATION"),
        days=30,
        most_days=YEAR,
    ),
}
