# SPDX-License-Identifier: Apache-2.0
"""What notices are made of: texts, codes, dates, persons, documents, vehicles, phones, accounts.

The shared `$defs` of all schemas. Which notice type holds what is in `domain.notice_types`; what a
schema cannot say is in `domain.rules`.
"""

from agency_client.domain.codes import GRADINGS, OPEN_TABLES, TABLES
from agency_client.domain.schema_form import (
    Schema,
    flag,
    listing,
    number,
    ref,
    several,
    thing,
    when,
)

MOST_PERSONS = 100

_TEXTS: dict[str, Schema] = {
    "line": {
        "type": "string",
        "description": "Text of one line.",
        "minLength": 1,
        "maxLength": 300,
        "pattern": "^[^\\n\\t]*$",
    },
    "text": {
        "type": "string",
        "description": "Text of any number of lines.",
        "minLength": 1,
        "maxLength": 50_000,
    },
    "date": {
        "type": "string",
        "description": "A day, YYYY-MM-DD.",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        "format": "date",
    },
    "partial_date": {
        "type": "string",
        "description": "A day, or as much of it as is known: YYYY-MM-DD, YYYY-MM or YYYY.",
        "pattern": "^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$",
        "format": "partial-date",
    },
    "instant": {
        "type": "string",
        "description": "An instant with its zone (RFC 3339), or a day in UTC; 1970 to 9999.",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}"
        "(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,3})?)?(Z|[+-][0-9]{2}:[0-9]{2}))?$",
        "format": "instant",
    },
    "topic": {
        "type": "string",
        "description": "Up to 8 segments of a-z, 0-9 and '-', joined by '/'.",
        "pattern": "^[a-z0-9-]{1,32}(/[a-z0-9-]{1,32}){0,7}$",
    },
    "agency": {
        "type": "string",
        "description": "The id of an agency: 2 to 32 of a-z, 0-9 and '-'.",
        "pattern": "^(?!steward-)[a-z0-9-]{2,32}$",
    },
    "reference": {
        "type": "string",
        "description": "A notice, AGENCY/HEX with 8 to 32 hexadecimal digits; of our own, HEX.",
        "pattern": "^([a-z0-9-]{2,32}/)?[0-9a-f]{8,32}$",
    },
    "operation_code": {
        "type": "string",
        "description": "Code of a joint operation, as the directory has it: printable ASCII.",
        "pattern": "^[!-~]([ -~]{0,62}[!-~])?$",
    },
    "phone_number": {
        "type": "string",
        "description": "Digits, with or without separators; '+' and the country code first.",
        "pattern": "^\\+?[0-9][0-9 ()./-]{2,30}$",
    },
    "file_number": {
        "type": "string",
        "description": "A number of a document, plate, file or the like, as it is written.",
        "minLength": 1,
        "maxLength": 100,
        "pattern": "^[^\\n\\t]*$",
    },
}

_NAMES: dict[str, Schema] = {
    "name": ref("line", "Family name, as in the documents, in any script.", "Παπαδόπουλος"),
    "forename": ref("line", "Given names.", "Άννα"),
}

_ALIAS = thing(
    "Another name that a person uses or used.",
    {**_NAMES, "kind": ref("line", "What kind of name it is.", "name in Latin script", "alias")},
)

_DOCUMENT = thing(
    "An identity or travel document.",
    {
        "kind": ref("document_kind", "What it is.", "PASSPORT"),
        "number": ref("file_number", "Its number.", "ZZ0000000"),
        "country": ref("country_or_unknown", "Who issued it, by its own word.", "GR"),
        "issued_on": ref("date", "Day of issue.", "2021-05-04"),
        "valid_until": ref("date", "Last day of validity.", "2031-05-03"),
        "condition": ref("document_condition", "What is wrong with it, if anything.", "STOLEN"),
        "remarks": ref("text", "Anything else, such as the name it bears."),
    },
    required=["kind"],
)

_VEHICLE = thing(
    "A vehicle, vessel or aircraft.",
    {
        "kind": ref("vehicle_kind", "What it is.", "VAN"),
        "plate": ref("file_number", "Registration plate or mark, as it is written.", "XYZ-0000"),
        "country": ref("country_or_unknown", "Where it is registered.", "GR"),
        "vin": ref("file_number", "Vehicle identification number, or a vessel's IMO number."),
        "make": ref("line", "Make.", "Example Motors"),
        "model": ref("line", "Model.", "Carrier"),
        "colour": ref("line", "Colour.", "white"),
        "year": number("Year of build.", 1900, 2100, whole=True),
        "remarks": ref("text", "Anything else, such as damage or lettering."),
    },
    required=["kind"],
    least=2,
)

_PHONE = thing(
    "A telephone number or device.",
    {
        "number": ref("phone_number", "The number.", "+30 210 000 0000"),
        "country": ref("country", "Whose numbering plan it belongs to.", "GR"),
        "imei": ref("file_number", "IMEI of the device.", "000000000000000"),
        "remarks": ref("text", "Who uses it, and for what."),
    },
    rules=[
        {
            "if": {"properties": {"number": {"pattern": "^[^+]"}}, "required": ["number"]},
            "then": {"required": ["country"]},
        }
    ],
)

_ACCOUNT = thing(
    "An account or address on the internet.",
    {
        "kind": ref("account_kind", "What it is.", "SOCIAL_NETWORK"),
        "service": ref("line", "The service, by its host name or own name.", "social.example"),
        "name": ref("line", "Name or address that it goes by.", "@invented.name"),
        "id": ref("file_number", "Number that the service gave it."),
        "url": ref("line", "Web address.", "https://social.example/invented.name"),
        "remarks": ref("text", "Anything else."),
    },
    required=["kind"],
    least=2,
)

_ADDRESS = thing(
    "A place where somebody lives or stays.",
    {
        "address": ref("line", "Street and number, or a description.", "1 Invented Street"),
        "place": ref("line", "Town or village.", "Patras"),
        "country": ref("country_or_unknown", "Country.", "GR"),
        "remarks": ref("text", "Anything else, such as since when."),
    },
)

_ASSET = thing(
    "Something of value that may come from the crime.",
    {
        "kind": ref("asset_kind", "What it is.", "BANK_ACCOUNT"),
        "reference": ref("file_number", "Number or name that it goes by.", "XX00-0000-AAAA"),
        "country": ref("country_or_unknown", "Where it is.", "CY"),
        "value": number("Worth, in the currency given.", 0, 2**53 - 1),
        "currency": {
            "type": "string",
            "description": "ISO 4217 code.",
            "pattern": "^[A-Z]{3}$",
            "examples": ["EUR"],
        },
        "owner": ref("line", "In whose name it is.", "Invented Holdings"),
        "description": ref("text", "Anything else."),
    },
    required=["kind"],
    least=2,
)

_WARRANT = thing(
    "A warrant of arrest or judgment.",
    {
        "country": ref("country", "Who issued it.", "GR"),
        "charge": ref("text", "The charge, in the language of the warrant.", "Εμπορία ανθρώπων"),
        "charge_translation": ref("text", "The charge in English.", "Trafficking in human beings"),
        "reference": ref("file_number", "Its number.", "2026/0001"),
        "issued_on": ref("date", "Day of issue.", "2026-02-03"),
        "court": ref("line", "Who issued it there."),
    },
    required=["country", "charge"],
)

_EVENT = thing(
    "When and where it happened.",
    {
        "on": ref("partial_date", "Day, as far as known.", "2026-11-03"),
        "place": ref("line", "Town, village or other place.", "Patras"),
        "country": ref("country_or_unknown", "Country.", "GR"),
        "description": ref("text", "What happened."),
    },
)

_TRAFFICKING = thing(
    "Elements of trafficking: acts and means of the Palermo Protocol, the rest as in HTCDS 2.0.",
    {
        "acts": listing("act", "What was done.", "RECRUITMENT", "TRANSPORTATION"),
        "means": listing("means", "By which means; not needed for a child.", "DECEPTION"),
        "exploitation": listing("exploitation", "For which exploitation.", "ForcedLabour"),
        "controls": listing("control", "How the victim is controlled.", "DebtBondage"),
        "recruitment": listing("recruitment", "How the victim was recruited.", "AtWork"),
    },
)

_CONTACT = thing(
    "Whom to ask about the notice.",
    {
        "office": ref("line", "Unit or desk.", "Duty desk, invented unit"),
        "phone": ref("phone_number", "Telephone.", "+30 210 000 0000"),
        "email": ref("line", "E-mail address.", "desk@police.example"),
        "hours": ref("line", "When somebody is there.", "24/7"),
    },
)

_CONSENT = thing(
    "What the victim agreed to.",
    {
        "given": flag("Whether consent was given."),
        "by": ref("consent_giver", "Who gave or refused it.", "SELF"),
        "on": ref("date", "Day.", "2026-11-20"),
        "scope": ref("text", "What it covers.", "Contact by a shelter."),
    },
    required=["given"],
)

_GRADING = thing(
    "How good source and information are. What the codes say depends on the scheme.",
    {
        "scheme": {
            "enum": list(GRADINGS),
            "description": "4x4 (Europol) or 5x5x5 (United Kingdom).",
        },
        "source": {"type": "string", "description": "Grade of the source.", "examples": ["B"]},
        "information": {"type": "string", "description": "Grade of it.", "examples": ["2"]},
        "handling": {
            "type": "string",
            "description": "5x5x5 only. 4, within the originating agency, cannot be published.",
        },
    },
    required=["scheme", "source", "information"],
    rules=[
        when(
            "scheme",
            scheme,
            {
                "properties": {part: {"enum": list(table)} for part, table in parts.items()},
                "required": list(parts),
                "maxProperties": 1 + len(parts),
            },
        )
        for scheme, parts in GRADINGS.items()
    ],
)

_PERSON = thing(
    "A person, with what they are in the case.",
    {
        "status": ref("status", "What the person is in the case.", "MISSING"),
        "child": flag("Under 18, or taken to be. Follows from the date of birth where it says so."),
        **_NAMES,
        "birth_name": ref("line", "Family name at birth."),
        "name_original": ref("line", "Whole name in its original script.", "แอนนา สมมติ"),
        "aliases": several("alias", "Other names."),
        "born": ref("partial_date", "Date of birth, as far as known.", "2009-05", "1990-01-31"),
        "estimated_age": number("Age in years, where it is a guess.", 0, 120, whole=True),
        "birth_place": ref("line", "Place of birth.", "Patras"),
        "birth_country": ref("country_or_unknown", "Country of birth.", "GR"),
        "sex": ref("sex", "Sex.", "F"),
        "nationalities": listing("country_or_unknown", "Nationalities.", "GR"),
        "languages": listing("language", "Languages spoken, ISO 639-2.", "GRE", "ENG"),
        "father_name": ref("line", "Father's family name."),
        "father_forename": ref("line", "Father's given names."),
        "mother_name": ref("line", "Mother's family name."),
        "mother_forename": ref("line", "Mother's given names."),
        "height_cm": number("Height in centimetres.", 20, 280),
        "weight_kg": number("Weight in kilograms.", 0.3, 500),
        "eyes": listing("eyes", "Colour of the eyes, INTERPOL code.", "BRO"),
        "hair": listing("hair", "Colour of the hair, INTERPOL code.", "BLA"),
        "distinguishing_marks": ref("text", "Marks.", "tattoo of a swallow on the neck"),
        "clothing": ref("text", "What the person wore."),
        "documents": several("document", "Identity and travel documents."),
        "phones": several("phone", "Telephones."),
        "accounts": several("account", "Accounts on the internet."),
        "addresses": several("address", "Where the person lives or stays."),
        "occupation": ref("line", "Occupation."),
        "warnings": ref("text", "What to mind when meeting the person.", "needs insulin"),
        "remarks": ref("text", "Anything else."),
    },
    required=["status"],
)

DEFS: dict[str, Schema] = {
    **_TEXTS,
    **{name: {"enum": list(table)} for name, table in TABLES.items()},
    **{name: {"type": "string", "pattern": "^[A-Z]{3,4}$"} for name in OPEN_TABLES},
    "account": _ACCOUNT,
    "address": _ADDRESS,
    "alias": _ALIAS,
    "asset": _ASSET,
    "consent": _CONSENT,
    "contact": _CONTACT,
    "document": _DOCUMENT,
    "event": _EVENT,
    "grading": _GRADING,
    "person": _PERSON,
    "phone": _PHONE,
    "trafficking": _TRAFFICKING,
    "vehicle": _VEHICLE,
    "warrant": _WARRANT,
}
"""Every shared kind, by its name."""
