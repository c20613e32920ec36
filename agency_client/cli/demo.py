# SPDX-License-Identifier: Apache-2.0
"""`tocsin demo`."""

import sys
from pathlib import Path

import click

from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError
from agency_client.cli.framework import command, common
from agency_client.cli.output import Printer, safe
from agency_client.cli.runtime import run_async
from agency_client.demo.checks import Step
from agency_client.demo.run import Told, run_demo

_NEXT = """
What to try next
  tocsin demo --keep ./demo     keeps everything; ./demo/README has commands that work on it
  tocsin help exit-codes        what scripts can rely on
  README.md                     a first session of two agencies by hand, ten commands
  docs/protocol.md              every byte that is signed, for whoever wants to check"""


@command(
    "demo",
    "tocsin demo",
    "tocsin demo --keep ./demo            leaves broker, agencies and a README",
    "tocsin demo --json | jq '.steps[] | select(.held | not)'",
)
@click.option(
    "--keep", metavar="DIR", type=click.Path(path_type=Path), help="leave all of it there"
)
@click.pass_context
def demo(context: click.Context, *, keep: Path | None) -> None:
    """Tell the whole story on this machine, in under a minute.

    Starts a broker and four agencies in three countries as processes on loopback, and checks each
    step itself: ends with 0 only if all of them held. Nothing is left behind without --keep.
    """
    out = Printer(as_json=common(context).as_json)
    told = run_async(run_demo(lambda step: _show(out, step), keep=keep))
    out.document("demo", _document(told), _closing(told))
    if not told.is_held:
        last = told.steps[-1]
        raise CommandError(
            f"the demonstration failed at “{last.title}”: {last.problem}",
            advice="run `tocsin demo --keep DIR` and look into DIR/broker/serve.log",
            code=Exit.BAD,
            reason="DEMO_FAILED",
        )


def _show(out: Printer, step: Step) -> None:
    if out.is_json:
        return
    mark = "✓" if step.is_held else "✗"
    sys.stdout.write(f"{mark} {step.title} ({step.seconds:.1f} s)\n")
    for sentence in step.said:
        sys.stdout.write(f"    {safe(sentence)}\n")
    sys.stdout.flush()


def _document(told: Told) -> dict[str, object]:
    return {
        "held": told.is_held,
        "seconds": round(sum(step.seconds for step in told.steps), 2),
        "kept": str(told.kept) if told.kept else None,
        "steps": [step.document() for step in told.steps],
    }


def _closing(told: Told) -> list[str]:
    if not told.is_held:
        return []
    seconds = sum(step.seconds for step in told.steps)
    return [f"All {len(told.steps)} steps held, in {seconds:.0f} s.", *_NEXT.splitlines()]
