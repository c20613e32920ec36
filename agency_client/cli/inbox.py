# SPDX-License-Identifier: Apache-2.0
"""Reading what the agency holds: `inbox`, `show`, `search`, `ack`. All work without the broker.

Each look is written into the agency's own log of openings before anything is shown.
"""

from dataclasses import replace

import click

from agency_client.cli import render
from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError
from agency_client.cli.framework import command, common
from agency_client.cli.looking import Looking, reasons_to_look
from agency_client.cli.output import Printer, counted, safe
from agency_client.cli.parameters import Code
from agency_client.cli.runtime import opened, printer, run_async
from agency_client.domain.codes import NOTICE_TYPES
from agency_client.domain.patterns import check_pattern
from agency_client.domain.views import InboxQuery, NoticeView, SearchResult, Viewer
from agency_client.errors import AgencyError

TYPE = Code(NOTICE_TYPES, name="type")


@command(
    "inbox",
    "tocsin inbox                          newest first",
    "tocsin inbox --new --type YELLOW      not acknowledged yet, one type",
    "tocsin inbox --json | jq '.notices[].reference'",
)
@click.option(
    "--topic",
    "topics",
    multiple=True,
    metavar="TOPIC",
    help="only this topic or pattern (repeatable)",
)
@click.option("--type", "types", multiple=True, type=TYPE, help="only this type (repeatable)")
@click.option(
    "--from", "originators", multiple=True, metavar="AGENCY", help="only this one's (repeatable)"
)
@click.option("--new", is_flag=True, help="only what is not acknowledged")
@click.option("--current", is_flag=True, help="leave out superseded notices")
@click.option("--received", is_flag=True, help="leave out this agency's own notices")
@click.option(
    "--limit",
    default=50,
    show_default=True,
    help="at most that many",
    type=click.IntRange(1, 10_000),
)
@reasons_to_look
@click.pass_context
def inbox(
    context: click.Context,
    *,
    topics: tuple[str, ...],
    types: tuple[str, ...],
    originators: tuple[str, ...],
    new: bool,
    current: bool,
    received: bool,
    limit: int,
    looking: Looking,
) -> None:
    """List the notices this agency holds, newest first."""
    query = InboxQuery(
        topics=tuple(map(check_pattern, topics)),
        types=types,
        originators=originators,
        unacknowledged=new,
        include_superseded=not current,
        own=not received,
        limit=limit,
    )
    found = run_async(_list(context, query, looking()))
    out = printer(context)
    out.document("inbox", {"notices": [render.document(one) for one in found]}, render.rows(found))
    if not found and not out.is_json:
        _say_empty(out, narrowed=bool(topics or types or originators or new or current or received))


def _say_empty(out: Printer, *, narrowed: bool) -> None:
    if narrowed:
        out.say("nothing kept here matches; leave an option out to see more")
    else:
        out.say("nothing here; `tocsin watch TOPIC` receives, `tocsin topics` lists topics")


async def _list(
    context: click.Context, query: InboxQuery, looking: Viewer
) -> tuple[NoticeView, ...]:
    async with opened(common(context)) as agency:
        return tuple(await agency.inbox(query, looking))


@command(
    "show",
    "tocsin show gr-pol/0193a7c2f4e87d1c9a4b5e6f70819203",
    "tocsin show 0193a7c2f4e8 --purpose INVESTIGATION --case 2026/114",
)
@click.argument("reference", metavar="ID")
@reasons_to_look
@click.pass_context
def show(context: click.Context, *, reference: str, looking: Looking) -> None:
    """Read one notice.

    ID is ORIGINATOR/HEX, or the first 8 or more hex digits where only one notice has them.
    """
    view = run_async(_show(context, reference, looking()))
    printer(context).document("notice", render.document(view), render.page(view))


async def _show(context: click.Context, reference: str, looking: Viewer) -> NoticeView:
    async with opened(common(context)) as agency:
        return await agency.show(reference, looking)


@command(
    "search",
    "tocsin search Χριστοπουλος             with or without accents",
    "tocsin search 王伟 --limit 5            two characters are enough",
)
@click.argument("words", nargs=-1, required=True)
@click.option(
    "--limit", default=20, show_default=True, help="at most that many", type=click.IntRange(1, 1000)
)
@reasons_to_look
@click.pass_context
def search(context: click.Context, *, words: tuple[str, ...], limit: int, looking: Looking) -> None:
    """Search everything this agency holds, best first.

    Any script, with or without accents, also with the broker away. No query leaves the agency.
    """
    result = run_async(_search(context, " ".join(words), limit, looking()))
    out = printer(context)
    out.document(
        "search",
        {
            "notices": [render.document(one) for one in result.notices],
            "not_indexed_yet": result.waiting,
        },
        render.rows(result.notices),
    )
    if result.waiting:
        out.say(f"{result.waiting} stored notices are not indexed yet: search again in a moment")
    elif not result.notices and not out.is_json:
        out.say("no notice held here matches; that says nothing about what others hold")


async def _search(context: click.Context, words: str, limit: int, looking: Viewer) -> SearchResult:
    async with opened(common(context)) as agency:
        return await agency.search(words, looking, limit=limit)


@command("ack", "tocsin ack gr-pol/0193a7c2f4e87d1c9a4b5e6f70819203")
@click.argument("references", metavar="ID...", nargs=-1, required=True)
@click.option("--by", default="", help="who dealt with it [default: your login name]")
@reasons_to_look
@click.pass_context
def ack(context: click.Context, *, references: tuple[str, ...], by: str, looking: Looking) -> None:
    """Mark notices as dealt with, at this agency."""
    viewer = looking()
    dealing = replace(viewer, name=by or viewer.name)
    done, refusal = run_async(_acknowledge(context, references, dealing))
    if refusal is not None and not done:
        raise refusal
    printer(context).document(
        "acknowledged",
        {"notices": [render.document(one) for one in done]},
        [f"acknowledged {safe(one.reference)}  {render.mode_banner(one.marking)}" for one in done],
    )
    if refusal is not None:
        raise CommandError(
            f"{counted(len(done), 'notice')} acknowledged, then: {refusal.message}",
            advice="`tocsin inbox --new` lists what is left",
            code=Exit.PARTIAL,
            reason=refusal.reason,
        )


async def _acknowledge(
    context: click.Context, references: tuple[str, ...], looking: Viewer
) -> tuple[list[NoticeView], AgencyError | None]:
    """Return what is acknowledged, and what ended it before the last."""
    done: list[NoticeView] = []
    async with opened(common(context)) as agency:
        try:
            for reference in references:
                done.append(await agency.acknowledge(reference, looking))  # noqa: PERF401 - may end
        except AgencyError as error:
            return done, error
    return done, None
