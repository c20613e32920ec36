# SPDX-License-Identifier: Apache-2.0
"""Notices in the shape of INTERPOL's public API, as records of ours: nothing lost, nothing guessed.

Unknown fields are refused. Empty texts, which that API uses for "nothing", are left out. UN special
notices have no type here. Which fields there are is in `intake.interpol_shape`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, TypeAlias

from agency_client.domain.flaws import Flaw, FlawReason, RecordError, excerpt, nearest
from agency_client.domain.forms import Form
from agency_client.domain.notices import Draft, draft_of
from agency_client.domain.tidying import tidy
from agency_client.intake.interpol_shape import ASSET_KINDS, COLOURS, interpol_schema

Json: TypeAlias = dict[str, Any]

_STATUSES = {
    "red": "WANTED",
    "yellow": "MISSING",
    "blue": "PERSON_OF_INTEREST",
    "black": "DECEASED",
    "green": "POSSIBLE_THREAT",
}
_WHOLE_NOTICE = {
    "entity_id": "reference",
    "issuing_country_id": "issuing_country",
    "tlp": "tlp",
    "not_for": "not_for",
    "title": "title",
    "countries": "countries",
    "reason": "reason",
    "threat": "threat",
    "modus_operandi": "modus_operandi",
}
_PERSON = {
    "name": "name",
    "forename": "forename",
    "birth_name": "birth_name",
    "date_of_birth": "born",
    "estimated_age": "estimated_age",
    "minor": "child",
    "sex_id": "sex",
    "nationalities": "nationalities",
    "place_of_birth": "birth_place",
    "country_of_birth_id": "birth_country",
    "languages_spoken_ids": "languages",
    "father_name": "father_name",
    "father_forename": "father_forename",
    "mother_name": "mother_name",
    "mother_forename": "mother_forename",
    "height": "height_cm",
    "weight": "weight_kg",
    "eyes_colors_id": "eyes",
    "hairs_id": "hair",
    "distinguishing_marks": "distinguishing_marks",
}
_EVENT = {"date_of_event": "on", "place": "place", "country": "country"}
_WARRANT = {
    "issuing_country_id": "country",
    "charge": "charge",
    "charge_translation": "charge_translation",
}
_ASSET = {"kind": "kind", "reference": "reference", "country": "country"}
_THEIR_NAMES = {
    **{ours: theirs for theirs, ours in _WHOLE_NOTICE.items()},
    **{f"persons[0].{ours}": theirs for theirs, ours in _PERSON.items()},
    **{f"event.{ours}": theirs for theirs, ours in _EVENT.items()},
}


def is_interpol(record: Mapping[str, Any]) -> bool:
    """Tell whether a record is in INTERPOL's shape: it names its colour in `notice`."""
    return "notice" in record and "type" not in record


def draft_of_interpol(
    record: Mapping[str, Any], *, now: int, topic: str, to: tuple[str, ...]
) -> Draft:
    """Check a record in INTERPOL's shape and return the draft that it describes.

    Raises:
        RecordError: it cannot be published as it is; the field is named as the record names it.
    """
    source = _without_empty(tidy(record))
    colour = _colour(source)
    _form(colour).check(source)
    try:
        return draft_of(_record(source, colour), now=now, topic=topic, to=to)
    except RecordError as error:
        flaw = error.flaw
        raise RecordError(replace(flaw, field=_THEIR_NAMES.get(flaw.field, flaw.field))) from None


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_empty(item) for key, item in value.items() if item != ""}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def _colour(record: Mapping[str, Any]) -> str:
    colour = record.get("notice")
    if colour in COLOURS:
        return str(colour)
    written = excerpt(str(colour)) if isinstance(colour, str) else ""
    message = f'there is no notice "{written}"; there are {", ".join(COLOURS)}'
    if written == "un":
        message = "UN special notices have no type here"
    meant = nearest(written, COLOURS)
    raise RecordError(
        Flaw(
            field="notice",
            reason=FlawReason.UNKNOWN_TYPE,
            message=message + (f'; did you mean "{meant}"?' if meant else ""),
            advice="records of our own form name their type in `type`",
        )
    )


@cache
def _form(colour: str) -> Form:
    return Form(f"interpol-{colour}", interpol_schema(colour))


def _record(source: Json, colour: str) -> Json:
    record = _renamed(source, _WHOLE_NOTICE)
    record["type"] = colour.upper()
    record["mode"] = "EXERCISE" if source.get("exercise") else "ACTUAL"
    if colour in _STATUSES:
        record["persons"] = [{"status": _STATUSES[colour], **_renamed(source, _PERSON)}]
    if source.keys() & _EVENT.keys():
        record["event"] = _renamed(source, _EVENT)
    if "arrest_warrants" in source:
        record["warrants"] = [_renamed(one, _WARRANT) for one in source["arrest_warrants"]]
    if "assets" in source:
        record["assets"] = [_renamed(one, _ASSET) for one in source["assets"]]
    return record


def _renamed(source: Json, names: Mapping[str, str]) -> Json:
    return {
        ours: _CONVERTED.get(ours, _same)(source[theirs])
        for theirs, ours in names.items()
        if theirs in source
    }


def _same(value: Any) -> Any:
    return value


def _date(text: str) -> str:
    return text.replace("/", "-")


def _centimetres(metres: float) -> float:
    """Return a height in centimetres, as exact as it was in metres."""
    centimetres = round(metres * 100, 4)
    if centimetres / 100 != metres:
        message = "has more decimals than a height can be measured to"
        raise RecordError(Flaw(field="height", reason=FlawReason.WRONG_FORMAT, message=message))
    return int(centimetres) if centimetres == int(centimetres) else centimetres


_CONVERTED: Mapping[str, Callable[[Any], Any]] = {
    "born": _date,
    "on": _date,
    "height_cm": _centimetres,
    "kind": ASSET_KINDS.__getitem__,
}
