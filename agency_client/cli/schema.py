# SPDX-License-Identifier: Apache-2.0
"""`tocsin schema`: the published JSON Schemas of notice records."""

import click

from agency_client.cli.framework import command, common
from agency_client.cli.output import Printer, as_json
from agency_client.domain import codes
from agency_client.domain.schemas import NOTICE_TYPES, schema_of
from agency_client.intake.interpol_shape import COLOURS, interpol_schema

_INTERPOL = {f"INTERPOL-{colour.upper()}": colour for colour in COLOURS}
_NAMES = (*NOTICE_TYPES, *_INTERPOL)


@command(
    "schema",
    "tocsin schema                                        list the types",
    "tocsin schema YELLOW",
    "tocsin schema INTERPOL-YELLOW                        in the shape of INTERPOL's public API",
    "tocsin schema VICTIM_REFERRAL > referral.schema.json",
)
@click.argument(
    "notice_type",
    metavar="[TYPE]",
    type=click.Choice(_NAMES, case_sensitive=False),
    required=False,
)
@click.pass_context
def schema(context: click.Context, *, notice_type: str | None) -> None:
    """Print the JSON Schema that records of a notice type are checked against."""
    out = Printer(as_json=common(context).as_json)
    if notice_type is None:
        out.document(
            "notice-types",
            {"types": dict(codes.NOTICE_TYPES)},
            [f"{name:<16} {words}" for name, words in codes.NOTICE_TYPES.items()],
        )
        return
    name = notice_type.upper()
    found = interpol_schema(_INTERPOL[name]) if name in _INTERPOL else schema_of(name)
    out.document(
        "json-schema",
        {"type": name, "json_schema": found},
        as_json(found, indent=2).splitlines(),
    )
