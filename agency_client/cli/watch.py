# SPDX-License-Identifier: Apache-2.0
"""`tocsin watch`: receive, verify, open, store, show. Also sends what waits in the outbox."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import click

from agency_client.bootstrap import Agency
from agency_client.cli import afterlife, render
from agency_client.cli.framework import command, common
from agency_client.cli.inbox import TYPE
from agency_client.cli.looking import Looking, reasons_to_look
from agency_client.cli.output import Printer, counted, safe
from agency_client.cli.partners import news_line
from agency_client.cli.runtime import opened, printer, run_async
from agency_client.domain.views import ReceiveReport, Viewer
from agency_client.errors import AgencyError

MAIL_SECONDS = 1.0
"""How often it is looked whether mail came."""
NEWS_SECONDS = 60.0
"""How often the directory is looked at for new members while nobody publishes."""


@command(
    "watch",
    "tocsin watch 'trafficking/#'             until Ctrl-C; `#` is everything below, `+` one level",
    "tocsin watch 'trafficking/#' --once      receive what is waiting, then end",
    "tocsin watch '#' --type YELLOW           show only these; all the others are kept too",
    "tocsin watch trafficking/cases --json    one JSON document a line",
)
@click.argument("topics", metavar="TOPIC...", nargs=-1, required=True)
@click.option("--once", is_flag=True, help="receive what is waiting and end")
@click.option("--type", "types", multiple=True, type=TYPE, help="show only this type (repeatable)")
@click.option(
    "--from",
    "originators",
    multiple=True,
    metavar="AGENCY",
    help="show only this originator (repeatable)",
)
@click.option("--count", default=0, help="end after showing so many", type=click.IntRange(0))
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
    looking: Looking,
) -> None:
    """Receive topics and show notices as they come. What is shown has been verified and stored.

    Whatever is shown, everything in the topics is received and kept: `inbox` and `search` have it.
    """
    if once:
        if types or originators or count:
            raise click.UsageError("--once shows nothing: leave out --type, --from and --count")
        report = run_async(_receive(context, topics))
        _print_report(printer(context), report)
        return
    run_async(
        _watch(
            context,
            topics=topics,
            types=types,
            originators=originators,
            count=count,
            looking=looking(),
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
            "granted": report.mail.granted,
            "mail": report.mail.items,
            "ended": report.mail.ended,
            "findings": [
                {"kind": one.kind.value, "reason": one.reason, "detail": one.detail}
                for one in report.findings
            ],
        },
        [f"received {counted(report.notices, 'notice')}; `tocsin inbox` lists what is kept"],
    )
    if report.mail.granted and not out.is_json:
        out.say(f"{counted(report.mail.granted, 'notice')} came by a grant")
    if report.mail.ended and not out.is_json:
        out.say(f"{counted(report.mail.ended, 'notice')} ended or taken back, and destroyed here")
    if report.mail.items and not out.is_json:
        out.say(f"{counted(report.mail.items, 'item')} of mail; `tocsin requests` lists requests")
    for finding in report.findings if not out.is_json else ():
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
        shown, line = 0, _Line(out)
        notices = agency.subscribe(
            *topics,
            types=types,
            originators=originators,
            viewer=looking,
            troubled=line.troubled,
            recovered=line.recovered,
        )
        async with _telling_news(agency, out), _telling_mail(agency, out):
            async for view in notices:
                out.item("notice", render.document(view), [*render.page(view), ""])
                shown += 1
                if shown == count:
                    return
                await asyncio.sleep(0)


@asynccontextmanager
async def _telling_news(agency: Agency, out: Printer) -> AsyncIterator[None]:
    """Say what happens to the membership for as long as the body runs."""
    if out.is_json:  # a program that listens must not keep the news from our officers
        yield
        return
    async with _beside(_tell_news(agency, out)):
        yield


@asynccontextmanager
async def _telling_mail(agency: Agency, out: Printer) -> AsyncIterator[None]:
    """Say who asks, admits and takes back, for as long as the body runs."""
    if out.is_json:  # `tocsin requests --json` and the notices themselves have it
        yield
        return
    async with _beside(_tell_mail(agency, out)):
        yield


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work, name="telling")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _tell_mail(agency: Agency, out: Printer) -> None:
    after, _ = await agency.mail()
    while True:
        try:
            after, items = await agency.mail(after)
        except AgencyError as problem:
            out.say(f"no mail can be read: {safe(problem.message)}")
            return
        for item in items:
            out.say(afterlife.came(item))
        await asyncio.sleep(MAIL_SECONDS)


async def _tell_news(agency: Agency, out: Printer) -> None:
    told = ""
    while True:
        try:
            for one in await agency.membership.news(told=True):
                out.say(news_line(one))
        except AgencyError as problem:
            if problem.message != told:
                told = problem.message
                out.say(f"no news of the members: {safe(told)}")
        await asyncio.sleep(NEWS_SECONDS)


class _Line:
    """Says how the line to the broker stands; the same trouble once for as long as it lasts."""

    def __init__(self, out: Printer) -> None:
        self._out = out
        self._told = ""

    def troubled(self, problem: AgencyError) -> None:
        """Say what is being waited out."""
        if problem.message != self._told:
            self._told = problem.message
            self._out.say(f"{safe(problem.message)}; trying again until it works")

    def recovered(self) -> None:
        """Say that it is over."""
        self._told = ""
        self._out.say("the broker is there again")
