# SPDX-License-Identifier: Apache-2.0
"""`tocsin attach` and `tocsin save`: files that travel with a notice, each under its own key."""

from dataclasses import replace
from pathlib import Path

import click

from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError
from agency_client.cli.framework import command, common
from agency_client.cli.gathering import Gathered, gather
from agency_client.cli.looking import Looking, reasons_to_act, reasons_to_look
from agency_client.cli.output import counted, safe
from agency_client.cli.parameters import InputFile
from agency_client.cli.publish import addressing_options, finish, publish_gathered, wait_option
from agency_client.cli.runtime import opened, printer, run_async
from agency_client.domain.views import Viewer


@command(
    "attach",
    "tocsin attach notice.json photo.jpg --topic trafficking/cases",
    "tocsin attach - report.pdf map.png --topic trafficking/cases --to ro-pol < notice.json",
)
@click.argument("notice", metavar="NOTICE")
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=InputFile(),
)
@addressing_options
@wait_option(60.0)
@reasons_to_act
@click.pass_context
def attach(
    context: click.Context,
    *,
    notice: str,
    files: tuple[Path, ...],
    topic: str,
    named: tuple[str, ...],
    wait: float,
    acting_as: Looking,
) -> None:
    """Publish the one notice in NOTICE with files attached."""
    gathered = gather((notice,), topic=topic, to=named)
    if _number(gathered) != 1:
        raise CommandError(
            f"{notice} holds {counted(_number(gathered), 'record')}, expected one",
            advice="files are attached to a single notice",
            code=Exit.USAGE,
        )
    drafts = tuple(
        replace(one, draft=replace(one.draft, attachments=files)) for one in gathered.drafts
    )
    whole = Gathered(drafts=drafts, refused=gathered.refused)
    outcome = publish_gathered(context, whole, all_or_nothing=True, wait=wait, viewer=acting_as())
    finish(context, outcome, waited=wait > 0)


def _number(gathered: Gathered) -> int:
    return len(gathered.drafts) + len(gathered.refused)


@command(
    "save",
    "tocsin save gr-pol/0193a7c2f4e87d1c9a4b5e6f70819203 photo.jpg",
    "tocsin save 0193a7c2f4e8 photo.jpg --output /secure/photo.jpg",
)
@click.argument("reference", metavar="ID")
@click.argument("name")
@click.option("--output", metavar="FILE", type=click.Path(path_type=Path), help="[default: NAME]")
@reasons_to_look
@click.pass_context
def save(
    context: click.Context,
    *,
    reference: str,
    name: str,
    output: Path | None,
    looking: Looking,
) -> None:
    """Save attachment NAME of a notice; nothing is written before all of it is verified."""
    target = output or Path(Path(name).name)
    if target.exists():
        raise CommandError(
            f"{target} exists already",
            advice="choose another --output; nothing was changed",
            code=Exit.CONFLICT,
            reason="FILE_EXISTS",
        )
    size = run_async(_save(context, reference, name, target, looking()))
    printer(context).document(
        "saved", {"file": str(target), "bytes": size}, [f"saved {size} bytes to {safe(target)}"]
    )


async def _save(
    context: click.Context, reference: str, name: str, target: Path, looking: Viewer
) -> int:
    async with opened(common(context)) as agency:
        return await agency.save_attachment(reference, name, target, looking)
