# SPDX-License-Identifier: Apache-2.0
"""`tocsin acts | approve`: what one officer asked for, and another has to approve."""

import json

import click

from agency_client.cli.framework import command, common
from agency_client.cli.looking import Looking, acting, as_officer, reasons_to_look
from agency_client.cli.output import columns, instant, safe
from agency_client.cli.render import marking_document
from agency_client.cli.runtime import officer_passphrase, opened, printer, run_async
from agency_client.domain.people import ActKind, TwoPersonAct
from agency_client.domain.views import Viewer
from agency_client.services.approvals import name_of
from agency_client.services.releases import ReleaseView


@command(
    "acts",
    "tocsin acts",
    "tocsin acts 3f9a1c0d77b2 --purpose INVESTIGATION --case 2026/114 --as eleni",
    "tocsin acts --json | jq '.acts[] | select(.state == \"waiting\")'",
)
@click.argument("act", metavar="[ACT]", default="")
@reasons_to_look
@click.pass_context
def acts(context: click.Context, *, act: str, looking: Looking) -> None:
    """List the acts that need two persons, newest first; with ACT, show the notice of a release.

    Looking at a notice that waits for approval is written into your own log; it takes a LIAISON
    officer or a SUPERVISOR.
    """
    if act:
        _show(context, run_async(_read(context, act, looking())))
        return
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


def _show(context: click.Context, found: ReleaseView) -> None:
    release = found.release
    shown = {
        "topic": release.topic,
        "marking": marking_document(release.marking),
        "to": list(release.to),
        "readers": list(release.readers),
        "valid_from": instant(release.valid_from),
        "expires_at": instant(release.expires_at),
        "supersedes": list(release.supersedes),
        "attachments": [
            {"file": str(path), "sha256": digest.hex()}
            for path, digest in zip(release.attachments, release.digests, strict=True)
        ],
        "notice": dict(release.notice),
    }
    text = json.dumps(shown, ensure_ascii=False, indent=2)
    lines = [f"{name_of(found.act)}  {found.act.state.value}  {safe(found.act.summary)}"]
    printer(context).document(
        "act",
        {"act": document(found.act), "release": shown},
        [*lines, *map(safe, text.splitlines())],
    )


async def _read(context: click.Context, act: str, viewer: Viewer) -> ReleaseView:
    async with opened(common(context)) as agency:
        return await agency.people.releases.read(act, viewer)


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
    """Approve, as its second person, an act that somebody else asked for; it is then done.

    ACT is what `tocsin acts` lists, or 8 or more hex digits of it. Look there first at what it is,
    and with `tocsin acts ACT` at the notice of a release: what you sign is the digest of exactly
    these bytes, and it counts for 24 hours. It takes a SUPERVISOR; nobody approves what they asked
    for themselves. Where it could not be done, approve it again. A release is published by who
    asked for it.
    """
    viewer = acting(context, officer)
    name = viewer.officer or viewer.name
    secret = officer_passphrase(officer_passphrase_file, safe(name))
    approved, is_sent = run_async(_approve(context, act, viewer, secret))
    printer(context).document(
        "act",
        {"act": document(approved), "sent": is_sent},
        [
            f"approved {name_of(approved)}: {safe(approved.summary)} ({safe(approved.notice)})",
            _next(approved, is_sent=is_sent),
        ],
    )


def _next(act: TwoPersonAct, *, is_sent: bool) -> str:
    if act.kind is ActKind.RELEASE:
        return f"{safe(act.requested_by)} publishes it: tocsin publish --act {name_of(act)}"
    if not is_sent:
        return (
            "NOT TAKEN BACK YET, the broker is not there: a running `tocsin watch`, or "
            "`tocsin outbox send`, sends it"
        )
    return "done; `tocsin holders` shows who has answered"


async def _approve(
    context: click.Context, act: str, viewer: Viewer, secret: bytes
) -> tuple[TwoPersonAct, bool]:
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
