# SPDX-License-Identifier: Apache-2.0
"""`tocsin-broker status` and `doctor`."""

import asyncio
from dataclasses import asdict
from pathlib import Path

import click

from broker.bootstrap.folder import DataFolder
from broker.bootstrap.inspection import Check, Outcome, State, examine, look
from broker.cli.exits import Exit
from broker.cli.framework import DIR, command, show


@command("status", "tocsin-broker status /var/lib/tocsin && echo serving")
@click.argument("folder", metavar="DIR", type=DIR)
@click.pass_context
def status(context: click.Context, folder: Path) -> int:
    """Say whether the broker serves, and where. Ends with 7 where it does not."""
    found = asyncio.run(look(DataFolder(folder)))
    body = asdict(found)
    lines = [f"{name.replace('_', ' ')}: {_shown(value)}" for name, value in body.items()]
    show(context, "status", body, lines)
    return Exit.DONE if found.state is State.SERVING else Exit.UNREACHABLE


def _shown(value: object) -> str:
    return "-" if value in (None, "") else str(value)


@command("doctor", "tocsin-broker doctor /var/lib/tocsin")
@click.argument("folder", metavar="DIR", type=DIR)
@click.pass_context
def doctor(context: click.Context, folder: Path) -> int:
    """Check keys, disk, database and certificate, and say what to do about what is not right.

    Ends with 10 where something is bad, with 11 where something could not be checked.
    """
    checks = asyncio.run(examine(DataFolder(folder)))
    show(context, "doctor", {"checks": [asdict(check) for check in checks]}, _lines(checks))
    outcomes = {check.outcome for check in checks}
    if Outcome.BAD in outcomes:
        return Exit.BAD
    return Exit.UNCHECKED if Outcome.UNKNOWN in outcomes else Exit.DONE


def _lines(checks: list[Check]) -> list[str]:
    lines = []
    for check in checks:
        lines.append(f"{check.outcome.value:8}{check.name}: {check.detail}")
        if check.advice:
            lines.append(f"        what to do: {check.advice}")
    return lines
