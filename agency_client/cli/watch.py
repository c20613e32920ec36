# SPDX-License-Identifier: Apache-2.0
"""`tocsin watch`: receive, verify, open, store, show. Also sends what waits in the outbox."""

import asyncio
from collections.abc import Callable

import click

from agency_client.cli import render
from agency_client.cli.framework import command, common
from agency_client.cli.inbox import reasons_to_look
from agency_client.cli.output import Printer, safe
from agency_client.cli.runtime import opened, printer, run_async, viewer
from agency_client.domain.views import ReceiveReport, Viewer
from agency_client.errors import AgencyError


@command(
    "watch",
    "tocsin watch 'trafficking/#'             until Ctrl-C; `#` is everything below, `+` one level",
    "tocsin watch 'trafficking/#' --once      receive what is waiting, then end",
    "tocsin watch trafficking/cases --json    one JSON document a line",
)
@click.argument("topics", metavar="TOPIC...", nargs=-1, required=True)
@click.option("--once", is_flag=True, help="receive what is waiting and end")
@click.option("--type", "types", multiple=True, help="only this notice type (repeatable)")
@click.option("--from", "originators", multiple=True, help="only this originator (repeatable)")
@click.option("--count", default=0, help="end after that many notices", type=click.IntRange(0))
@reasons_to_look
@click.pass_context
def watch(
    context: click.Context,
    *,
    topics: tuple[str, ...],
    once: bool,
    types: tuple[str, ...],
    originators: tuple[str, ...],
    count: int,
    purpose: str,
    case: str,
) -> None:
    """Receive topics and show notices as they come. What is shown has been verified and stored."""
    if once:
        report = run_async(_receive(context, topics))
        _print_report(printer(context), report)
        return
    looking = viewer(purpose=purpose, case=case)
    kinds = tuple(one.upper() for one in types)
    run_async(
        _watch(
            context,
            topics=topics,
            types=kinds,
            originators=originators,
            count=count,
            looking=looking,
        )
    )


async def _receive(context: click.Context, topics: tuple[str, ...]) -> ReceiveReport:
    async with opened(common(context)) as agency:
        return await agency.receive(*topics)


def _print_report(out: Printer, report: ReceiveReport) -> None:
    out.document(
        "received",
        {
            "frames": report.frames,
            "notices": report.notices,
            "stubs": report.stubs,
            "withheld": report.withheld,
            "findings": [
                {"kind": one.kind.value, "reason": one.reason, "detail": one.detail}
                for one in report.findings
            ],
        },
        [f"received {report.notices} notices; `tocsin inbox` lists them"],
    )
    for finding in report.findings:
        out.say(f"finding: {finding.kind.value}: {safe(finding.detail)}")


async def _watch(
    context: click.Context,
    *,
    topics: tuple[str, ...],
    types: tuple[str, ...],
    originators: tuple[str, ...],
    count: int,
    looking: Viewer,
) -> None:
    out = printer(context)
    async with opened(common(context)) as agency:
        out.say(f"watching {', '.join(map(safe, topics))}; Ctrl-C ends")
        shown = 0
        notices = agency.subscribe(
            *topics,
            types=types,
            originators=originators,
            viewer=looking,
            troubled=_teller(out),
        )
        async for view in notices:
            out.item("notice", render.document(view), [*render.page(view), ""])
            shown += 1
            if shown == count:
                return
            await asyncio.sleep(0)


def _teller(out: Printer) -> Callable[[AgencyError], None]:
    """Say what is being waited out, once for as long as it is the same."""
    told = ""

    def tell(problem: AgencyError) -> None:
        nonlocal told
        if problem.message != told:
            told = problem.message
            out.say(f"{safe(told)}; trying again until it works")

    return tell
