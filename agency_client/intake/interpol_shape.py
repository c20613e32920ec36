# SPDX-License-Identifier: Apache-2.0
"""The shape of INTERPOL's public API, as schemas: which fields a notice of a colour has.

Red and yellow fields as that API names them, the other colours in the same manner; `tlp`,
`exercise` and `not_for` are added by whoever hands the notice on. `intake.interpol` converts.

Source: the OpenAPI description of the public notices API by the bundesAPI community.
"""

from collections.abc import Mapping

from agency_client.domain.schema_form import Schema, flag, listing, number, ref, thing
from agency_client.domain.schemas import with_defs

_DATE: Schema = {
    "type": "string",
    "description": "A date, YYYY/MM/DD; or as much of it as is known.",
    "pattern": "^[0-9]{4}(/[0-9]{2}(/[0-9]{2})?)?$",
}
_FRAME: Mapping[str, Schema] = {
    "notice": {"type": "string", "description": "Colour."},
    "entity_id": ref("file_number", "Number of the notice.", "2026/00001"),
    "issuing_country_id": ref("country", "Who asked for it.", "GR"),
    "tlp": ref("tlp", "Traffic Light Protocol 2.0.", "AMBER"),
    "exercise": flag("Whether it is part of an exercise."),
    "not_for": listing("country", "Countries that must not get it.", most=64),
    "title": ref("line", "Title."),
}
_PERSON: Mapping[str, Schema] = {
    "name": ref("line", "Family name."),
    "forename": ref("line", "Given names."),
    "date_of_birth": _DATE,
    "sex_id": ref("sex", "Sex."),
    "nationalities": listing("country_or_unknown", "Nationalities."),
    "place_of_birth": ref("line", "Place of birth."),
    "country_of_birth_id": ref("country_or_unknown", "Country of birth."),
    "languages_spoken_ids": listing("language", "Languages."),
    "height": number("Height in metres.", 0.2, 2.8),
    "weight": number("Weight in kilograms.", 0.3, 500),
    "eyes_colors_id": listing("eyes", "Colour of the eyes."),
    "hairs_id": listing("hair", "Colour of the hair."),
    "distinguishing_marks": ref("text", "Marks."),
}
_EVENT: Mapping[str, Schema] = {
    "date_of_event": _DATE,
    "place": ref("line", "Place."),
    "country": ref("country_or_unknown", "Country."),
}
_WARRANT = thing(
    "A warrant of arrest.",
    {
        "issuing_country_id": ref("country", "Who issued it."),
        "charge": ref("text", "The charge."),
        "charge_translation": ref("text", "The charge in English."),
    },
    required=["issuing_country_id", "charge"],
)
ASSET_KINDS: Mapping[str, str] = {
    "bank account": "BANK_ACCOUNT",
    "company": "COMPANY",
    "real estate": "REAL_ESTATE",
    "valuables": "VALUABLES",
    "vehicle": "VEHICLE",
    "vessel": "VESSEL",
    "virtual currency wallet": "VIRTUAL_CURRENCY_WALLET",
}
"""Kinds of assets, and our codes for them."""
_ASSET = thing(
    "An asset.",
    {
        "kind": {"enum": list(ASSET_KINDS), "description": "What it is."},
        "reference": ref("file_number", "What it goes by."),
        "country": ref("country_or_unknown", "Where it is."),
    },
    required=["kind", "reference"],
)
_REASON: Mapping[str, Schema] = {"reason": ref("text", "Reason.")}
_COUNTRIES: Mapping[str, Schema] = {
    "countries": listing("country_or_unknown", "Countries concerned.", most=64)
}


def _list_of(schema: Schema, description: str) -> Schema:
    return {
        "type": "array",
        "description": description,
        "items": schema,
        "minItems": 1,
        "maxItems": 200,
    }


_COLOURS: Mapping[str, Mapping[str, Schema]] = {
    "red": {**_PERSON, "arrest_warrants": _list_of(_WARRANT, "Warrants of arrest.")},
    "yellow": {
        **_PERSON,
        **_EVENT,
        "minor": flag("Whether the person is under 18."),
        "birth_name": ref("line", "Family name at birth."),
        "father_name": ref("line", "Father's family name."),
        "father_forename": ref("line", "Father's given names."),
        "mother_name": ref("line", "Mother's family name."),
        "mother_forename": ref("line", "Mother's given names."),
    },
    "blue": {**_PERSON, **_REASON},
    "black": {
        **_EVENT,
        "estimated_age": number("Age in years.", 0, 120, whole=True),
        "sex_id": ref("sex", "Sex."),
    },
    "green": {**_PERSON, **_REASON},
    "orange": {**_COUNTRIES, "threat": ref("text", "The threat.")},
    "purple": {**_COUNTRIES, "modus_operandi": ref("text", "The way of working.")},
    "silver": {**_COUNTRIES, "assets": _list_of(_ASSET, "The assets.")},
}
_NEEDED = {
    "red": ("name", "arrest_warrants"),
    "blue": ("name", "reason"),
    "green": ("name", "reason"),
    "orange": ("title", "threat"),
    "purple": ("title", "modus_operandi"),
    "silver": ("assets",),
}
COLOURS: tuple[str, ...] = tuple(_COLOURS)


def interpol_schema(colour: str) -> Schema:
    """Return the schema of a colour in INTERPOL's shape.

    Raises:
        KeyError: there is no such colour.
    """
    whole = thing(
        f"A {colour} notice in the shape of INTERPOL's public API.",
        {**_FRAME, **_COLOURS[colour]},
        required=("notice", "entity_id", "tlp", *_NEEDED.get(colour, ())),
    )
    return with_defs(f"interpol:{colour}", f"INTERPOL {colour}", whole)
