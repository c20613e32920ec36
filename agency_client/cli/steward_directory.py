# SPDX-License-Identifier: Apache-2.0
"""`tocsin steward directory`: who and what is in the federation."""

from collections.abc import Mapping, Sequence

import click

from agency_client.cli.framework import command, common
from agency_client.cli.output import Printer, columns
from agency_client.cli.steward_common import home_option, steward_home
from agency_client.domain.partners import agreed
from agency_client.services.steward import day
from keys.directory import AgencyEntry, Directory

_AGENCY = (
    "agency",
    "country",
    "kind",
    "state",
    "successor",
    "agreement_until",
    "operations",
    "entry",
    "name",
)
_TOPIC = ("topic", "readers", "publishers")
_OPERATION = ("operation", "starts", "ends", "title")

_Table = tuple[Sequence[str], Sequence[Sequence[str]]]


@command("directory", "tocsin steward directory", "tocsin steward directory --json")
@home_option
@click.pass_context
def show_directory(context: click.Context, *, home: str) -> None:
    """List agencies, topics and joint operations in the federation file, after verifying it.

    ENTRY says whether an agency has confirmed its entry by signing its contact card.
    """
    directory = steward_home(home).bundle().directory
    tables = _tables(directory)
    rows = {
        name: [dict(zip(fields, row, strict=True)) for row in found]
        for name, (fields, found) in tables.items()
    }
    Printer(as_json=common(context).as_json).document(
        "steward-directory",
        {"entries": directory.size, **rows},
        [
            line
            for fields, found in tables.values()
            if found
            for line in columns(found, head=tuple(map(str.upper, fields)))
        ],
    )


def _tables(directory: Directory) -> Mapping[str, _Table]:
    topics = [
        (one.topic, " ".join(one.readers), " ".join(one.publishers)) for one in directory.topics()
    ]
    operations = [
        (one.code, day(one.starts_at), day(one.ends_at), one.title)
        for one in directory.operations()
    ]
    return {
        "agencies": (_AGENCY, [_row(directory, one) for one in directory.agencies()]),
        "topics": (_TOPIC, topics),
        "operations": (_OPERATION, operations),
    }


def _row(directory: Directory, entry: AgencyEntry) -> tuple[str, ...]:
    return (
        entry.agency,
        entry.country,
        entry.kind,
        _state(directory, entry.agency),
        directory.successor(entry.agency),
        day(entry.agreement_until),
        ", ".join(f"{code} until {day(until)}" for code, until in entry.operations),
        agreed(directory, entry.agency).value,
        entry.name,
    )


def _state(directory: Directory, agency: str) -> str:
    if directory.is_retired(agency):
        return "retired"
    return "locked" if directory.is_locked(agency) else "active"
