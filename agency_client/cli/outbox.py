# SPDX-License-Identifier: Apache-2.0
"""`tocsin outbox`: what waits to be sent, and sending it."""

import click

from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError
from agency_client.cli.framework import LazyGroup, command, common
from agency_client.cli.parameters import Seconds
from agency_client.cli.profile import waiting
from agency_client.cli.runtime import opened, printer, run_async
from agency_client.domain.views import SendReport, StatusReport


@click.group(
    "outbox",
    cls=LazyGroup,
    lazy={
        "list": (f"{__name__}:list_waiting", "how much waits"),
        "send": (f"{__name__}:send", "send it now"),
    },
    examples=("tocsin outbox list", "tocsin outbox send"),
)
def outbox() -> None:
    """What is sealed and waits to be sent: it survives a power cut and is sent once."""


@command("list", "tocsin outbox list", "tocsin outbox list --json")
@click.pass_context
def list_waiting(context: click.Context) -> None:
    """Say how much waits in the outbox."""
    report = run_async(_status(context))
    printer(context).document(
        "outbox",
        {"frames": report.queued_frames, "notices": report.queued_notices},
        [f"{waiting(report)} to be sent"],
    )


async def _status(context: click.Context) -> StatusReport:
    async with opened(common(context)) as agency:
        return await agency.status()


@command("send", "tocsin outbox send", "tocsin outbox send --wait 120")
@click.option("--wait", default=30.0, show_default=True, help="seconds to try", type=Seconds())
@click.pass_context
def send(context: click.Context, *, wait: float) -> int:
    """Send what waits in the outbox."""
    report = run_async(_send(context, wait))
    printer(context).document(
        "sent",
        {
            "accepted": report.accepted,
            "refused": report.refused,
            "waiting": report.waiting,
            "problem": report.problem,
            "reason": report.problem_reason,
        },
        [f"accepted {report.accepted}, refused {report.refused}, waiting {report.waiting}"],
    )
    if report.waiting or report.refused:
        raise CommandError(
            report.problem or f"{report.refused} were refused for good",
            advice="nothing is lost: `tocsin outbox send` goes on, `tocsin inbox` shows both",
            code=_code(report),
            reason=report.problem_reason,
        )
    return Exit.DONE


def _code(report: SendReport) -> Exit:
    if report.accepted or report.refused:
        return Exit.PARTIAL
    return Exit.UNREACHABLE if report.problem_reason == "BROKER_UNREACHABLE" else Exit.PARTIAL


async def _send(context: click.Context, wait: float) -> SendReport:
    async with opened(common(context)) as agency:
        return await agency.send(wait_s=wait)
