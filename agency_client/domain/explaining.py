# SPDX-License-Identifier: Apache-2.0
"""Says why a record does not conform to its schema: asks `jsonschema` and puts the answer in words.

Of several faults the first is told, and how many more there are. What a record says is not
repeated, but for short codes and for dates that cannot be.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from agency_client.domain.codes import TABLES
from agency_client.domain.conformity import FORMATS
from agency_client.domain.flaws import Flaw, FlawReason, Path, excerpt, field_name, nearest
from agency_client.domain.schema_form import Schema
from agency_client.domain.tidying import kind_of

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

MOST_TOLD = 20
"""Faults of one record that are counted; a record of rubbish has no end of them."""
_SHORT_LIST = 16

OTHER_NAMES: Mapping[str, str] = {
    "alias": "aliases",
    "child_flag": "child",
    "classification": "tlp",
    "country": "countries",
    "date_of_birth": "born",
    "description": "summary",
    "dob": "born",
    "exercise": "mode",
    "expires": "expires_at",
    "expiry": "expires_at",
    "family_name": "name",
    "first_name": "forename",
    "gender": "sex",
    "given_name": "forename",
    "id": "reference",
    "is_child": "child",
    "last_name": "name",
    "minor": "child",
    "nationality": "nationalities",
    "person": "persons",
    "phone": "phones",
    "recipients": "to",
    "review_date": "review_on",
    "surname": "name",
    "urgency": "priority",
    "valid_until": "expires_at",
    "vehicle": "vehicles",
}
"""What others call our fields."""
OTHER_CODES: Mapping[str, str] = {"EL": "GR", "UK": "GB"}
"""What the European Union and everyday use write for ISO codes."""
_ELSEWHERE: Mapping[str, str] = {
    "attachments": "attach files with `tocsin attach`; a record cannot name files",
    "recalls": "recalling is an act of its own, not a record",
}

_TYPE_WORDS = {
    "string": "text",
    "object": "an object",
    "array": "a list",
    "boolean": "true or false",
    "number": "a number",
    "integer": "a whole number",
}


def explain(record: Mapping[str, Any], schema: Schema, name: str) -> Flaw | None:
    """Return what is wrong first with a record, or None where the schema admits it.

    Args:
        record: tidied.
        schema: complete, with `$defs`.
        name: what `tocsin schema` calls it.
    """
    errors = list(islice(_validator(name, schema).iter_errors(record), MOST_TOLD))
    if not errors:
        return None
    flaw = _flaw(errors[0], name)
    if len(errors) == 1:
        return flaw
    more = f"{len(errors) - 1} more" if len(errors) < MOST_TOLD else "many more"
    return Flaw(
        field=flaw.field,
        reason=flaw.reason,
        message=f"{flaw.message} (and {more} in this record)",
        advice=flaw.advice,
    )


_VALIDATORS: dict[str, "Draft202012Validator"] = {}


def _validator(name: str, schema: Schema) -> "Draft202012Validator":
    from jsonschema import Draft202012Validator, FormatChecker  # noqa: PLC0415 - 50 ms, on faults

    if name not in _VALIDATORS:
        checker = FormatChecker(formats=())
        for format_name, read in FORMATS.items():
            checker.checks(format_name, raises=ValueError)(_is_read_by(read))
        _VALIDATORS[name] = Draft202012Validator(schema, format_checker=checker)
    return _VALIDATORS[name]


def _is_read_by(read: Callable[[str], object]) -> Callable[[object], bool]:
    def check(value: object) -> bool:
        if isinstance(value, str):
            read(value)
        return True

    return check


def _flaw(error: "ValidationError", name: str) -> Flaw:
    fault = _Fault(
        value=error.instance,
        keyword=str(error.validator),
        argument=error.validator_value,
        schema=error.schema if isinstance(error.schema, Mapping) else {},
    )
    reason, more, message, advice = _TELLERS[fault.keyword](fault)
    return Flaw(
        field=field_name([*error.absolute_path, *more]),
        reason=reason,
        message=message,
        advice=advice or f"`tocsin schema {name}` prints what a record may hold",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """A value, the keyword that it does not satisfy, and the piece of schema that has it."""

    value: Any
    keyword: str
    argument: Any
    schema: Mapping[str, Any]


_Told: TypeAlias = tuple[FlawReason, Path, str, str]
"""Reason, place below the value, message, advice."""


def _tell_unknown(fault: _Fault) -> _Told:
    known = fault.schema["properties"]
    key = next(key for key in fault.value if key not in known)
    shown = excerpt(key, 40)
    meant = OTHER_NAMES.get(key.casefold(), "")
    meant = meant if meant in known else nearest(key, known)
    message = f'there is no field "{shown}"' + (f'; did you mean "{meant}"?' if meant else "")
    return FlawReason.UNKNOWN_FIELD, [key], message, _ELSEWHERE.get(key, "")


def _tell_missing(fault: _Fault) -> _Told:
    key = next(key for key in fault.argument if key not in fault.value)
    described = fault.schema.get("properties", {}).get(key, {}).get("description", "")
    message = f'"{key}" is missing' + (f": {_clause(described)}" if described else "")
    return FlawReason.MISSING_FIELD, [key], message, ""


def _tell_type(fault: _Fault) -> _Told:
    expected = _TYPE_WORDS[fault.argument]
    advice = ""
    if fault.argument == "array":
        advice = "a list is written [...], even of one"
    elif fault.argument == "string" and isinstance(fault.value, (bool, int, float)):
        advice = "write it in quotes"
    message = f"expected {expected}, got {kind_of(fault.value)}"
    return FlawReason.WRONG_TYPE, [], message, advice


def _tell_code(fault: _Fault) -> _Told:
    codes: Sequence[str] = fault.argument
    if not isinstance(fault.value, str):
        return (
            FlawReason.WRONG_TYPE,
            [],
            f"expected a code, as text, got {kind_of(fault.value)}",
            "",
        )
    meant = _code_for(fault.value, codes) or nearest(fault.value, codes)
    hint = f'; did you mean "{meant}"?' if meant else ""
    among = ", ".join(codes) if len(codes) <= _SHORT_LIST else f"{len(codes)} codes"
    return (
        FlawReason.UNKNOWN_CODE,
        [],
        f'expected one of {among}, got "{excerpt(fault.value)}"{hint}',
        "",
    )


def _code_for(word: str, codes: Sequence[str]) -> str:
    """Return the code for which somebody wrote its words, or another scheme's code."""
    plain = word.casefold()
    listed = ((code, words) for table in TABLES.values() for code, words in table.items())
    found = OTHER_CODES.get(word) or next((c for c, w in listed if w.casefold() == plain), "")
    return found if found in codes else ""


def _tell_pattern(fault: _Fault) -> _Told:
    described = fault.schema.get("description", f"text of the form {fault.argument}")
    return FlawReason.WRONG_FORMAT, [], f"expected: {_clause(described)}", ""


def _tell_format(fault: _Fault) -> _Told:
    return (
        FlawReason.IMPOSSIBLE_DATE,
        [],
        f'there is no such date or time as "{excerpt(fault.value)}" between 1970 and 9999'
        if fault.argument == "instant"
        else f'there is no such date as "{excerpt(fault.value)}"',
        "",
    )


def _tell_bounds(fault: _Fault) -> _Told:
    least, most = fault.schema.get("minimum"), fault.schema.get("maximum")
    return FlawReason.OUT_OF_RANGE, [], f"expected a number from {least} to {most}", ""


def _tell_long(fault: _Fault) -> _Told:
    unit = "characters" if fault.keyword == "maxLength" else "entries"
    return (
        FlawReason.TOO_LONG,
        [],
        f"has {len(fault.value)} {unit}, at most {fault.argument}",
        "attach what is long with `tocsin attach`" if unit == "characters" else "",
    )


def _tell_short(fault: _Fault) -> _Told:
    if fault.keyword == "minProperties" and fault.value:
        return FlawReason.TOO_SHORT, [], f"says too little, expected {fault.argument} fields", ""
    return FlawReason.TOO_SHORT, [], "is empty", "leave out what is not known"


def _tell_repeated(fault: _Fault) -> _Told:
    del fault
    return FlawReason.REPEATED_VALUE, [], "lists the same value twice", ""


def _tell_nobody(fault: _Fault) -> _Told:
    wanted = fault.argument
    statuses = ", ".join(wanted["properties"]["status"]["enum"])
    named = " and a name" if "name" in wanted["required"] else ""
    return (
        FlawReason.MISSING_FIELD,
        [],
        f"expected at least one person with status {statuses}{named}",
        "",
    )


def _tell_surplus(fault: _Fault) -> _Told:
    del fault
    return FlawReason.CONTRADICTION, [], "has more parts than its scheme", ""


_TELLERS: Mapping[str, Callable[[_Fault], _Told]] = {
    "additionalProperties": _tell_unknown,
    "contains": _tell_nobody,
    "enum": _tell_code,
    "format": _tell_format,
    "maxItems": _tell_long,
    "maxLength": _tell_long,
    "maximum": _tell_bounds,
    "maxProperties": _tell_surplus,
    "minItems": _tell_short,
    "minLength": _tell_short,
    "minProperties": _tell_short,
    "minimum": _tell_bounds,
    "pattern": _tell_pattern,
    "required": _tell_missing,
    "type": _tell_type,
    "uniqueItems": _tell_repeated,
}


def _clause(sentence: str) -> str:
    """Return a description as the end of a message: no capital, no full stop."""
    plain = sentence.rstrip(".")
    return plain[:1].lower() + plain[1:]
