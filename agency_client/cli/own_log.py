# SPDX-License-Identifier: Apache-2.0
"""`tocsin audit openings`: the agency's own log, for its auditor."""

from collections.abc import Sequence
from typing import Any

import click

from agency_client.cli.framework import command, common
from agency_client.cli.looking import acting, as_officer
from agency_client.cli.output import columns, instant
from agency_client.cli.runtime import opened, printer, run_async
from agency_client.domain.records import Opening
from agency_client.domain.views import Viewer

_HEAD = ("PLACE", "AT", "WHAT", "WHO", "PURPOSE", "CASE", "NOTICES")


@command(
    "openings",
    "tocsin audit openings --as eleni",
    "tocsin audit openings --about 0193a7c2f4e8            who looked at one notice",
    "tocsin audit openings --json | jq '.entries[] | select(.what == \"break-glass\")'",
)
@click.option("--about", metavar="ID", default="", help="only what names this notice")
@click.option(
    "--limit",
    default=100,
    show_default=True,
    help="at most that many, the newest",
    type=click.IntRange(1, 100_000),
)
@as_officer
@click.pass_context
def openings(context: click.Context, *, about: str, limit: int, officer: str) -> None:
    """List this agency's own log, newest first: who looked at what, what for, in which case.

    And what else it tells of our people: officers entered, acts asked for and approved, break-glass
    and its reviews, shares of the keys. Where officers are registered it takes an AUDITOR or a
    SUPERVISOR; that you read it stands in it afterwards. `tocsin audit verify` says whether it is
    whole.
    """
    found = run_async(_read(context, acting(context, officer), limit, about))
    printer(context).document(
        "openings",
        {"entries": [_document(place, one) for place, one in found]},
        columns([_row(place, one) for place, one in found], head=_HEAD),
    )


async def _read(
    context: click.Context, viewer: Viewer, limit: int, about: str
) -> Sequence[tuple[int, Opening]]:
    async with opened(common(context)) as agency:
        return await agency.own_log.read(viewer, limit=limit, about=about)


def _document(place: int, one: Opening) -> dict[str, Any]:
    return {
        "place": place,
        "at": instant(one.at_ms),
        "what": str(one.kind),
        "who": one.who,
        "purpose": one.purpose,
        "case": one.case,
        "notices": list(one.notices),
    }


def _row(place: int, one: Opening) -> tuple[str, ...]:
    notices = one.notices[0] if len(one.notices) == 1 else str(len(one.notices))
    return (
        str(place),
        instant(one.at_ms),
        str(one.kind),
        one.who,
        one.purpose,
        one.case,
        notices,
    )
