# SPDX-License-Identifier: Apache-2.0
"""Taking a notice back and learning who has it: `recall`, `holders`; keeping one: `hold`."""

from collections.abc import Sequence

import click

from agency_client.cli import afterlife
from agency_client.cli.acts import document as act_document
from agency_client.cli.framework import command, common
from agency_client.cli.looking import Looking, reasons_to_look
from agency_client.cli.output import instant, safe
from agency_client.cli.parameters import Code, Instant
from agency_client.cli.runtime import confirm, opened, printer, run_async
from agency_client.domain.onward import HolderState, HolderView
from agency_client.domain.people import TwoPersonAct
from agency_client.domain.views import Viewer
from agency_client.services.approvals import name_of
from keys.recalls import RECALL_REASONS

REASON = Code(RECALL_REASONS, name="reason")


@command(
    "recall",
    "tocsin recall gr-pol/0193a7c2f4e87d1c9a4b5e6f70819203 --reason SOURCE_AT_RISK --as nikos",
    "tocsin recall 0193a7c2f4e8 --reason ERROR --answer-by 2027-01-31 --yes",
)
@click.argument("reference", metavar="ID")
@click.option("--reason", required=True, type=REASON, help="in clear, to everybody who has it")
@click.option("--answer-by", type=Instant(), help="until when holders answer [default: in 3 days]")
@click.option("--yes", is_flag=True, help="it is meant: do not ask")
@reasons_to_look
@click.pass_context
def recall(
    context: click.Context,
    *,
    reference: str,
    reason: str,
    answer_by: int | None,
    yes: bool,
    looking: Looking,
) -> None:
    """Ask that one notice of yours be taken back, for good; a supervisor then approves it.

    With `tocsin approve` it is done: the broker destroys it at once; agencies that have it destroy
    it and answer, which `tocsin holders` shows. What somebody has read cannot be taken back. It
    takes a LIAISON officer to ask and another SUPERVISOR to approve.
    """
    viewer = looking()
    if not yes:
        confirm(f"Take {reference} back from everybody, for good?")
    act = run_async(_recall(context, reference, reason, viewer, answer_by or 0))
    printer(context).document(
        "act",
        {"act": act_document(act)},
        [
            f"asked {name_of(act)}: {safe(act.summary)} ({safe(act.notice)})",
            f"nothing is taken back yet: tocsin approve {name_of(act)} --as SUPERVISOR",
        ],
    )


async def _recall(
    context: click.Context, reference: str, reason: str, viewer: Viewer, answer_by: int
) -> TwoPersonAct:
    async with opened(common(context)) as agency:
        return await agency.recalls.ask(reference, reason, viewer, answer_by=answer_by)


@command(
    "holders",
    "tocsin holders gr-pol/0193a7c2f4e8",
    "tocsin holders 0193a7c2f4e8 --overdue --json",
)
@click.argument("reference", metavar="ID")
@click.option("--overdue", is_flag=True, help="only who should have answered a recall by now")
@click.pass_context
def holders(context: click.Context, *, reference: str, overdue: bool) -> None:
    """Say who could open a notice of yours, and how far each is; the broker is asked.

    That it was handed out, or not, is the broker's word; that it was destroyed, or is held and
    under which law, is what the agency itself signed.
    """
    found = run_async(_holders(context, reference))
    if overdue:
        found = [one for one in found if one.state is HolderState.OVERDUE]
    out = printer(context)
    out.document(
        "holders",
        {"holders": [afterlife.holder_document(one) for one in found]},
        afterlife.holder_rows(found) if found else [],
    )
    if not found and not out.is_json:
        out.say("nobody is overdue" if overdue else "nobody else could open it")


async def _holders(context: click.Context, reference: str) -> Sequence[HolderView]:
    async with opened(common(context)) as agency:
        await agency.exchange()
        return await agency.recalls.holders(reference)


@command(
    "hold",
    "tocsin hold gr-pol/0193a7c2f4e8 --basis 'Evidence, district court 2026/114' \\",
    "    --review 2027-06-30",
    "tocsin hold gr-pol/0193a7c2f4e8 --end",
)
@click.argument("reference", metavar="ID")
@click.option("--basis", default="", help="which law demands that it is kept")
@click.option("--review", type=Instant(), help="when keeping it is looked at again")
@click.option("--end", is_flag=True, help="hold it no longer")
@reasons_to_look
@click.pass_context
def hold(
    context: click.Context,
    *,
    reference: str,
    basis: str,
    review: int | None,
    end: bool,
    looking: Looking,
) -> None:
    """Keep another agency's notice as evidence although it ends or is recalled.

    When its originator takes it back, it is told the legal basis and the day of the next look, and
    the notice is shown to nobody here any more. Where officers are registered it takes a
    SUPERVISOR.
    """
    out = printer(context)
    if end:
        if basis or review is not None:
            raise click.UsageError("--end takes neither --basis nor --review")
        is_destroyed = run_async(_release(context, reference, looking()))
        told = "; it was due, and is destroyed" if is_destroyed else ""
        out.document(
            "hold-ended",
            {"notice": reference, "destroyed": is_destroyed},
            [f"held no longer: {safe(reference)}{told}"],
        )
        return
    if not basis or review is None:
        raise click.UsageError("a hold needs --basis and --review")
    run_async(_hold(context, reference, basis, review, looking()))
    out.document(
        "hold",
        {"notice": reference, "legal_basis": basis, "review": instant(review)},
        [f"held: {safe(reference)}, {safe(basis)}; to be looked at again {instant(review)}"],
    )


async def _hold(
    context: click.Context, reference: str, basis: str, review: int, viewer: Viewer
) -> None:
    async with opened(common(context)) as agency:
        await agency.holds.hold(reference, basis, review, viewer)


async def _release(context: click.Context, reference: str, viewer: Viewer) -> bool:
    async with opened(common(context)) as agency:
        return await agency.holds.release(reference, viewer)
