# SPDX-License-Identifier: Apache-2.0
"""`tocsin audit verify`: three outcomes, and only "verified" ends with 0."""

import click

from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError
from agency_client.cli.framework import LazyGroup, command, common
from agency_client.cli.output import instant, safe
from agency_client.cli.progress import progress_of
from agency_client.cli.runtime import opened, printer, run_async
from agency_client.domain.views import AuditCheck, AuditReport, Verdict

_LONG_LOG = 5_000
"""Leaves that take longer than a person waits without a word: half a second."""


@click.group(
    "audit",
    cls=LazyGroup,
    lazy={
        "verify": (f"{__name__}:verify", "verify the broker's log, the directory, your own log"),
        "findings": (f"{__name__}:findings", "what was found wrong so far"),
        "openings": ("agency_client.cli.own_log:openings", "who looked at what here, and why"),
    },
    examples=("tocsin audit verify", "tocsin audit findings --json"),
)
def audit() -> None:
    """Prove that nothing was hidden: every publish and delivery is in a log, verified here."""


@command("verify", "tocsin audit verify", "tocsin audit verify --json | jq -r .verdict")
@click.pass_context
def verify(context: click.Context) -> None:
    """Verify the broker's log from its first leaf, the directory, and this agency's own log.

    Ends with 0 only where everything was verified; 10 where something failed, 11 where something
    could not be checked.
    """
    report = run_async(_verify(context))
    printer(context).document(
        "audit", _document(report), [*map(_line, report.checks), _last(report)]
    )
    if report.verdict is Verdict.FAILED:
        raise CommandError(
            "verification FAILED",
            advice="do not rely on this log; keep a copy of the profile and tell the federation",
            code=Exit.BAD,
            reason="VERIFICATION_FAILED",
        )
    if report.verdict is Verdict.UNCHECKED:
        raise CommandError(
            "not everything could be checked, so nothing is proven",
            advice="see the lines marked `unchecked`; try again with the broker reachable",
            code=Exit.UNCHECKED,
            reason="NOT_VERIFIED",
        )


def _document(report: AuditReport) -> dict[str, object]:
    return {
        "verdict": report.verdict.value,
        "leaves": report.leaves,
        "facts": dict(report.facts),
        "checks": [
            {
                "name": one.name,
                "verdict": one.verdict.value,
                "detail": one.detail,
                "entry": None if one.entry < 0 else one.entry,
            }
            for one in report.checks
        ],
    }


def _line(check: AuditCheck) -> str:
    named = "" if check.entry < 0 else f" (entry {check.entry})"
    return f"{check.verdict.value:<10} {safe(check.name)}{named}: {safe(check.detail)}"


def _last(report: AuditReport) -> str:
    return f"{report.verdict.value.upper()}: {_leaves(report.leaves)} looked at"


def _leaves(number: int) -> str:
    return "1 leaf" if number == 1 else f"{number} leaves"


async def _verify(context: click.Context) -> AuditReport:
    async with opened(common(context)) as agency:
        with progress_of("reading the log", least=_LONG_LOG) as progress:
            return await agency.audit(progress)


@command("findings", "tocsin audit findings", "tocsin audit findings --limit 10")
@click.option(
    "--limit",
    default=100,
    show_default=True,
    help="at most that many",
    type=click.IntRange(1, 10_000),
)
@click.pass_context
def findings(context: click.Context, *, limit: int) -> None:
    """List what this agency found wrong: refused frames, gaps, forks. Kept as evidence."""
    found = run_async(_findings(context, limit))
    printer(context).document(
        "findings", {"findings": found}, [_finding_line(one) for one in found]
    )


def _finding_line(finding: dict[str, object]) -> str:
    return "  ".join(safe(finding[key]) for key in ("at", "kind", "originator", "detail"))


async def _findings(context: click.Context, limit: int) -> list[dict[str, object]]:
    async with opened(common(context)) as agency:
        return [
            {
                "at": instant(one.at_ms),
                "kind": one.kind.value,
                "reason": one.reason,
                "detail": one.detail,
                "originator": one.originator,
                "topic": one.topic,
                "sequence": one.sequence,
            }
            for one in await agency.findings(limit=limit)
        ]
