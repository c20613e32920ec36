# SPDX-License-Identifier: Apache-2.0
"""`tocsin schema`: the published JSON Schema of a notice type."""

import click

from agency_client.cli.framework import command, common
from agency_client.cli.output import Printer, as_json
from agency_client.domain.schemas import NOTICE_TYPES, schema_of


@command(
    "schema",
    "tocsin schema YELLOW",
    "tocsin schema VICTIM_REFERRAL > referral.schema.json",
)
@click.argument(
    "notice_type", metavar="TYPE", type=click.Choice(NOTICE_TYPES, case_sensitive=False)
)
@click.pass_context
def schema(context: click.Context, *, notice_type: str) -> None:
    """Print the JSON Schema that records of a notice type are checked against."""
    found = schema_of(notice_type.upper())
    out = Printer(as_json=common(context).as_json)
    out.document(
        "json-schema",
        {"type": notice_type.upper(), "json_schema": found},
        as_json(found, indent=2).splitlines(),
    )
