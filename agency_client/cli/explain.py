# SPDX-License-Identifier: Apache-2.0
"""`tocsin explain`: why an agency may have a notice that is kept here, or what it lacks."""

from collections.abc import Iterator
from typing import Any

import click

from agency_client.cli.framework import command, common
from agency_client.cli.looking import Looking, reasons_to_look
from agency_client.cli.output import safe
from agency_client.cli.runtime import opened, printer, run_async
from agency_client.domain.explanations import ExplanationView, Ruling
from agency_client.domain.views import Viewer


@command(
    "explain",
    "tocsin explain gr-pol/0193a7c2f4e87d1c9a4b5e6f70819203 ro-pol",
    "tocsin explain 0193a7c2f4e8 hr-ngo --json",
)
@click.argument("reference", metavar="ID")
@click.argument("agency", metavar="AGENCY")
@reasons_to_look
@click.pass_context
def explain(context: click.Context, *, reference: str, agency: str, looking: Looking) -> None:
    """Say whether an agency may have a notice, by which rule, or what it lacks.

    About your own notices and those held here, by the rule book in force now. Of any other notice
    the answer is that there is none.
    """
    view = run_async(_explain(context, reference, agency, looking()))
    printer(context).document("explanation", _document(view), list(_page(view)))


async def _explain(
    context: click.Context, reference: str, agency: str, looking: Viewer
) -> ExplanationView:
    async with opened(common(context)) as profile:
        return await profile.explain(reference, agency, looking)


def _document(view: ExplanationView) -> dict[str, Any]:
    return {
        "notice": view.reference,
        "topic": view.topic,
        "agency": view.agency,
        "sealed": view.sealed,
        "expired": view.expired,
        "rulings": [
            {
                "named": one.named,
                "allowed": one.allowed,
                "rules": list(one.rules),
                "says": list(one.says),
                "lacking": [
                    {"rule": lack.rule, "says": lack.says, "missing": list(lack.missing)}
                    for lack in one.lacking
                ],
            }
            for one in view.rulings
        ],
    }


def _page(view: ExplanationView) -> Iterator[str]:
    agency = safe(view.agency)
    yield f"notice    {safe(view.reference)}  {safe(view.topic)}"
    if view.sealed is not None:
        yield f"sealed    {'to' if view.sealed else 'not to'} {agency}"
    if view.expired:
        yield "expired   its time is over; it is delivered to nobody"
    for one in view.rulings:
        yield from _ruling(agency, one)


def _ruling(agency: str, one: Ruling) -> Iterator[str]:
    case = {None: "", True: ", if it is named", False: ", if it is not named"}[one.named]
    answer = "may have it" if one.allowed else "may not have it"
    rules = f"  [{', '.join(map(safe, one.rules))}]" if one.rules else ""
    yield f"answer    {agency} {answer}{case}: {' '.join(map(safe, one.says))}{rules}"
    for lack in one.lacking:
        yield f"  nearest {safe(lack.says)}  [{safe(lack.rule)}]"
        yield from (f"    lacks {safe(sentence)}" for sentence in lack.missing)
