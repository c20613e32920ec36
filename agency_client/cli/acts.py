# SPDX-License-Identifier: Apache-2.0
"""`tocsin acts | approve`: what one officer asked for, and another has to approve."""

import click

from agency_client.cli.framework import command, common
from agency_client.cli.looking import acting, as_officer
from agency_client.cli.output import columns, instant, safe
from agency_client.cli.runtime import officer_passphrase, opened, printer, run_async
from agency_client.domain.people import TwoPersonAct
from agency_client.domain.views import Viewer
from agency_client.services.approvals import name_of


@command("acts", "tocsin acts", "tocsin acts --json | jq '.acts[] | select(.state == \"waiting\")'")
@click.pass_context
def acts(context: click.Context) -> None:
    """List the acts that need two persons, newest first."""
    found = run_async(_acts(context))
    head = ("ACT", "STATE", "WHAT", "NOTICE", "ASKED BY", "AT")
    rows = [
        (
            name_of(one),
            one.state.value,
            one.summary,
            one.notice,
            one.requested_by,
            instant(one.requested_at),
        )
        for one in found
    ]
    out = printer(context)
    out.document("acts", {"acts": [document(one) for one in found]}, columns(rows, head=head))
    if not found and not out.is_json:
        out.say("nobody asked for anything that needs two persons")


async def _acts(context: click.Context) -> tuple[TwoPersonAct, ...]:
    async with opened(common(context)) as agency:
        return tuple(await agency.people.approvals.acts())


@command(
    "approve",
    "tocsin approve 3f9a1c0d77b2 --as eleni",
    "tocsin approve 3f9a1c0d77b2 --as eleni --officer-passphrase-file eleni.txt",
)
@click.argument("act", metavar="ACT")
@click.option(
    "--officer-passphrase-file",
    default="",
    metavar="FILE",
    help="read the officer's own passphrase from a file",
)
@as_officer
@click.pass_context
def approve(
    context: click.Context, *, act: str, officer_passphrase_file: str, officer: str
) -> None:
    """Approve, as its second person, an act that somebody else asked for; it is done at once.

    ACT is what `tocsin acts` lists, or 8 or more hex digits of it. Look there first at what it is:
    what you sign is the digest of exactly these bytes, and it counts for 24 hours. It takes a
    SUPERVISOR; nobody approves what they asked for themselves. Where it could not be done, approve
    it again.
    """
    viewer = acting(context, officer)
    name = viewer.officer or viewer.name
    secret = officer_passphrase(officer_passphrase_file, safe(name))
    approved = run_async(_approve(context, act, viewer, secret))
    printer(context).document(
        "act",
        {"act": document(approved)},
        [
            f"approved {name_of(approved)}: {safe(approved.summary)} ({safe(approved.notice)})",
            "done; `tocsin holders` shows who has answered",
        ],
    )


async def _approve(context: click.Context, act: str, viewer: Viewer, secret: bytes) -> TwoPersonAct:
    async with opened(common(context)) as agency:
        return await agency.people.approve(act, viewer, secret)


def document(act: TwoPersonAct) -> dict[str, object]:
    """Return an act as a document."""
    return {
        "digest": act.digest.hex(),
        "kind": act.kind.value,
        "state": act.state.value,
        "summary": act.summary,
        "notice": act.notice,
        "requested_by": act.requested_by,
        "requested_at": instant(act.requested_at),
        "purpose": act.purpose,
        "case": act.case,
        "approver": act.approver,
        "approved_at": instant(act.approved_at) if act.approved_at else "",
        "done_at": instant(act.done_at) if act.done_at else "",
    }
