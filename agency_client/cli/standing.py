# SPDX-License-Identifier: Apache-2.0
"""`tocsin standing`: all later notices of one case are granted to one agency, until a day."""

from collections.abc import Sequence

import click

from agency_client.cli import afterlife
from agency_client.cli.framework import LazyGroup, command, common
from agency_client.cli.looking import Looking, reasons_to_look
from agency_client.cli.onward import until_option
from agency_client.cli.runtime import opened, printer, run_async
from agency_client.domain.onward import StandingView
from agency_client.domain.views import Viewer


@click.group(
    "standing",
    cls=LazyGroup,
    lazy={
        "list": (f"{__name__}:list_standing", "what stands, and how much it admitted to"),
        "add": (f"{__name__}:add", "admit an agency to all later notices of a case"),
        "end": (f"{__name__}:end", "let one admit to nothing more"),
    },
    examples=(
        "tocsin standing add 2026/114 it-pol --until 2027-01-31",
        "tocsin standing list",
        "tocsin standing end 3",
    ),
)
def standing() -> None:
    """Grants of all later notices of one case to one agency, until a day.

    They are applied here, to each of your own notices whose `reference` is that case, when it comes
    back from the broker; a running `tocsin watch` of its topic does that. One that its marking or
    the rule book does not let the agency have is not granted.
    """


@command("list", "tocsin standing list", "tocsin standing list --json")
@click.pass_context
def list_standing(context: click.Context) -> None:
    """List standing grants with how many notices each admitted its agency to."""
    found = run_async(_live(context))
    out = printer(context)
    out.document(
        "standing",
        {"grants": [afterlife.standing_document(one) for one in found]},
        afterlife.standing_rows(found) if found else [],
    )
    if not found and not out.is_json:
        out.say("there is none; `tocsin standing add CASE AGENCY --until DATE` makes one")


async def _live(context: click.Context) -> Sequence[StandingView]:
    async with opened(common(context)) as agency:
        return await agency.standing.live()


@command("add", "tocsin standing add 2026/114 it-pol --until 2027-01-31")
@click.argument("reference", metavar="CASE")
@click.argument("target", metavar="AGENCY")
@until_option(required=True)
@reasons_to_look
@click.pass_context
def add(
    context: click.Context, *, reference: str, target: str, until: int, looking: Looking
) -> None:
    """Admit AGENCY to all your later notices of CASE, the `reference` that they carry."""
    made = run_async(_add(context, reference, target, until, looking()))
    printer(context).document(
        "standing-grant", afterlife.standing_document(made), afterlife.standing_rows([made])
    )


async def _add(
    context: click.Context, reference: str, target: str, until: int, viewer: Viewer
) -> StandingView:
    async with opened(common(context)) as agency:
        return await agency.standing.add(reference, target, until, viewer)


@command("end", "tocsin standing end 3")
@click.argument("number", type=click.IntRange(1))
@reasons_to_look
@click.pass_context
def end(context: click.Context, *, number: int, looking: Looking) -> None:
    """Let a standing grant admit to nothing more; what it granted stays until its own end."""
    run_async(_end(context, number, looking()))
    printer(context).document(
        "standing-grant-ended", {"number": number}, [f"ended standing grant {number}"]
    )


async def _end(context: click.Context, number: int, viewer: Viewer) -> None:
    async with opened(common(context)) as agency:
        await agency.standing.end(number, viewer)
