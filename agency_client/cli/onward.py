# SPDX-License-Identifier: Apache-2.0
"""Passing one notice on: `request-onward`, `requests`, `grant`, `refuse`.

What is asked and decided is kept here at once, and sent as soon as the broker answers.
"""

from collections.abc import Callable, Sequence

import click

from agency_client.cli import afterlife
from agency_client.cli.framework import Callback, command, common
from agency_client.cli.looking import PURPOSE, Looking, reasons_to_look
from agency_client.cli.output import Printer
from agency_client.cli.parameters import Instant
from agency_client.cli.runtime import opened, printer, run_async
from agency_client.domain.onward import AdmissionView, RequestView
from agency_client.domain.views import Viewer
from agency_client.services.onward import Terms

UNSENT = "it waits to be sent: a running `tocsin watch`, or `tocsin outbox send`, sends it once"


def until_option(*, required: bool) -> Callable[[Callback], Callback]:
    """Return the option that says until when somebody is admitted."""
    told = "last day of it, or an instant" + ("" if required else " [default: the notice's]")

    def decorate(function: Callback) -> Callback:
        return click.option("--until", required=required, type=Instant(), help=told)(function)

    return decorate


@command(
    "request-onward",
    "tocsin request-onward gr-pol/0193a7c2f4e87d1c9a4b5e6f70819203 it-pol \\",
    "    --why 'They know the vehicle.' --for INVESTIGATION",
)
@click.argument("reference", metavar="ID")
@click.argument("target", metavar="AGENCY")
@click.option("--why", required=True, help="for the originator's people")
@click.option(
    "--for", "purposes", multiple=True, type=PURPOSE, help="what AGENCY needs it for (repeatable)"
)
@reasons_to_look
@click.pass_context
def request_onward(
    context: click.Context,
    *,
    reference: str,
    target: str,
    why: str,
    purposes: tuple[str, ...],
    looking: Looking,
) -> None:
    """Ask the originator of a notice to admit one more agency to it.

    AGENCY learns nothing of this: only what the originator grants goes to it.
    """
    asked = run_async(_ask(context, reference, target, why, purposes, looking()))
    _say_request(printer(context), asked)


async def _ask(  # noqa: PLR0917 - one call of the library
    context: click.Context,
    reference: str,
    target: str,
    why: str,
    purposes: tuple[str, ...],
    viewer: Viewer,
) -> RequestView:
    async with opened(common(context)) as agency:
        return await agency.onward.request(reference, target, why, purposes, viewer)


@command(
    "requests",
    "tocsin requests                       what waits for a decision, here or elsewhere",
    "tocsin requests --all --json",
)
@click.option("--all", "everything", is_flag=True, help="also what was decided")
@click.pass_context
def requests(context: click.Context, *, everything: bool) -> None:
    """List who asked that one more agency be admitted to a notice, newest first.

    Listed is what this profile has: `tocsin watch` fetches mail, also with --once.
    """
    found = run_async(_requests(context, everything=everything))
    out = printer(context)
    out.document(
        "requests",
        {"requests": [afterlife.request_document(one) for one in found]},
        afterlife.request_rows(found) if found else [],
    )
    if not found and not out.is_json:
        out.say("nobody has asked yet" if everything else "no request waits for a decision")


async def _requests(context: click.Context, *, everything: bool) -> Sequence[RequestView]:
    async with opened(common(context)) as agency:
        return await agency.onward.requests(waiting=not everything)


@command(
    "grant",
    "tocsin grant 0193a7c2f4e87d1c9a4b5e6f70819203 --until 2027-01-31     as it was requested",
    "tocsin grant gr-pol/0193a7c2f4e8 --to it-pol --until 2027-01-31      where nobody asked",
)
@click.argument("reference", metavar="REQUEST|ID")
@click.option("--to", "target", default="", metavar="AGENCY", help="whom, where nobody asked")
@until_option(required=False)
@click.option(
    "--for",
    "purposes",
    multiple=True,
    type=PURPOSE,
    help="what it may use it for (repeatable) [default: the marking's]",
)
@click.option("--court-use", is_flag=True, help="it may be used as evidence (H1)")
@click.option("--reason", default="", help="what the other side should know")
@reasons_to_look
@click.pass_context
def grant(
    context: click.Context,
    *,
    reference: str,
    target: str,
    until: int | None,
    purposes: tuple[str, ...],
    court_use: bool,
    reason: str,
    looking: Looking,
) -> None:
    """Admit one more agency to one notice of yours, until a day.

    REQUEST is what `tocsin requests` lists, or the first 8 or more hex digits of it; where nobody
    asked, name the notice, and the agency with --to. The rest of what was published with it stays
    closed to that agency, and it can admit nobody.
    """
    terms = Terms(until=until or 0, purposes=purposes, court_use=court_use, reason=reason)
    viewer = looking()
    if not target:
        _say_request(printer(context), run_async(_answer(context, reference, terms, viewer)))
        return
    granted = run_async(_grant(context, reference, target, terms, viewer))
    out = printer(context)
    out.document(
        "admission",
        afterlife.admission_document(granted),
        [f"admitted {afterlife.admitted(granted)}"],
    )
    if not granted.sent:
        out.say(UNSENT)


async def _answer(
    context: click.Context, request: str, terms: Terms, viewer: Viewer
) -> RequestView:
    async with opened(common(context)) as agency:
        return await agency.onward.answer(request, terms, viewer)


async def _grant(
    context: click.Context, reference: str, target: str, terms: Terms, viewer: Viewer
) -> AdmissionView:
    async with opened(common(context)) as agency:
        return await agency.onward.grant(reference, target, terms, viewer)


@command(
    "refuse",
    "tocsin refuse 0193a7c2f4e87d1c9a4b5e6f70819203 --reason 'The source is at risk.'",
)
@click.argument("request", metavar="REQUEST")
@click.option("--reason", required=True, help="what the other side should know")
@reasons_to_look
@click.pass_context
def refuse(context: click.Context, *, request: str, reason: str, looking: Looking) -> None:
    """Refuse a request; who asked is told, with the reason."""
    refused = run_async(_refuse(context, request, reason, looking()))
    _say_request(printer(context), refused)


async def _refuse(context: click.Context, request: str, reason: str, viewer: Viewer) -> RequestView:
    async with opened(common(context)) as agency:
        return await agency.onward.refuse(request, reason, viewer)


def _say_request(out: Printer, request: RequestView) -> None:
    out.document("request", afterlife.request_document(request), afterlife.request_page(request))
    if not request.sent:
        out.say(UNSENT)
