# SPDX-License-Identifier: Apache-2.0
"""`tocsin break-glass | review`: opening for danger to life, and looking at it afterwards."""

import time
from collections.abc import Iterator

import click

from agency_client.cli import render
from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError
from agency_client.cli.framework import command, common
from agency_client.cli.looking import acting, as_officer
from agency_client.cli.output import columns, counted, instant, safe
from agency_client.cli.runtime import opened, printer, run_async
from agency_client.domain.people import BreakGlassUse, PeopleStatus
from agency_client.domain.views import NoticeView, Viewer


@command(
    "break-glass",
    "tocsin break-glass 0193a7c2f4e8 --reason 'child seen in Patras' --ticket 4711 --as duty",
)
@click.argument("reference", metavar="ID")
@click.option("--reason", required=True, help="which danger to life")
@click.option("--ticket", required=True, help="where it is recorded at this agency")
@as_officer
@click.pass_context
def break_glass(
    context: click.Context, *, reference: str, reason: str, ticket: str, officer: str
) -> None:
    """Open a notice for danger to life, at once, that you otherwise may not read.

    It takes the role DUTY_247. The rule book says what opens: never RED, never against a national
    restriction. The originator and this agency's supervisors are told with REASON and TICKET; one
    of them reviews it within 72 hours, else nobody here breaks the glass again.
    """
    viewer = acting(context, officer)
    view = run_async(_open(context, reference, viewer, reason, ticket))
    out = printer(context)
    out.document("notice", render.document(view), render.page(view))
    out.say("the originator and the supervisors are told; a supervisor reviews it in 72 hours")


async def _open(
    context: click.Context, reference: str, viewer: Viewer, reason: str, ticket: str
) -> NoticeView:
    async with opened(common(context)) as agency:
        return await agency.people.open_in_danger(reference, viewer, reason=reason, ticket=ticket)


@command(
    "review",
    "tocsin review                         what is to be reviewed, and what was",
    "tocsin review 3 --outcome 'justified: the child was found' --as eleni",
)
@click.argument("number", required=False, type=click.IntRange(1))
@click.option("--outcome", default="", help="what you found, for the file")
@as_officer
@click.pass_context
def review(context: click.Context, *, number: int | None, outcome: str, officer: str) -> None:
    """Review a use of break-glass as a supervisor, or list all uses.

    It takes a SUPERVISOR, and not the officer who broke the glass.
    """
    if number is None:
        _list(context)
        return
    if not outcome:
        raise CommandError(
            "a review says what was found",
            advice="give it with --outcome",
            code=Exit.USAGE,
            reason="OUTCOME_NEEDED",
        )
    use = run_async(_review(context, number, outcome, acting(context, officer)))
    printer(context).document(
        "review", {"use": document(use)}, [f"reviewed {use.number}: {safe(use.outcome)}"]
    )


def _list(context: click.Context) -> None:
    found = run_async(_uses(context))
    head = ("NUMBER", "NOTICE", "OPENED BY", "AT", "TICKET", "REASON", "REVIEW")
    rows = [
        (
            str(one.number),
            one.notice,
            one.opened_by,
            instant(one.opened_at),
            one.ticket,
            one.reason,
            _reviewed(one),
        )
        for one in found
    ]
    out = printer(context)
    out.document("reviews", {"uses": [document(one) for one in found]}, columns(rows, head=head))
    if not found and not out.is_json:
        out.say("nobody here broke the glass")


def _reviewed(use: BreakGlassUse) -> str:
    if use.reviewed_at:
        return f"{instant(use.reviewed_at)} {use.reviewed_by}: {use.outcome}"
    return f"OVERDUE since {instant(use.review_by)}" if _is_past(use.review_by) else "to be made"


def _is_past(time_ms: int) -> bool:
    return time_ms / 1000 <= time.time()


async def _uses(context: click.Context) -> tuple[BreakGlassUse, ...]:
    async with opened(common(context)) as agency:
        return tuple(await agency.people.break_glass.all())


async def _review(
    context: click.Context, number: int, outcome: str, viewer: Viewer
) -> BreakGlassUse:
    async with opened(common(context)) as agency:
        return await agency.people.break_glass.review(number, outcome, viewer)


def document(use: BreakGlassUse) -> dict[str, object]:
    """Return a use of break-glass as a document."""
    return {
        "number": use.number,
        "notice": use.notice,
        "opened_by": use.opened_by,
        "officer": use.officer,
        "opened_at": instant(use.opened_at),
        "reason": use.reason,
        "ticket": use.ticket,
        "rules": list(use.rules),
        "review_by": instant(use.review_by),
        "reviewed_at": instant(use.reviewed_at),
        "reviewed_by": use.reviewed_by,
        "outcome": use.outcome,
    }


def people_lines(people: PeopleStatus) -> Iterator[str]:
    """Return what a supervisor has to see to, for `tocsin status`."""
    if people.to_approve:
        yield f"to approve  {counted(people.to_approve, 'act')}; see `tocsin acts`"
    if people.to_review:
        uses = "break-glass" if people.to_review == 1 else "uses of break-glass"
        due = instant(people.review_by)
        by = (
            f"OVERDUE since {due}, it blocks the next"
            if _is_past(people.review_by)
            else f"by {due}"
        )
        yield f"to review   {people.to_review} {uses}, {by}; see `tocsin review`"


def people_document(people: PeopleStatus) -> dict[str, object]:
    """Return the same as a document."""
    return {
        "officers": people.officers,
        "acts_to_approve": people.to_approve,
        "break_glass_to_review": people.to_review,
        "review_by": instant(people.review_by),
    }
