# SPDX-License-Identifier: Apache-2.0
"""`tocsin correct`: a notice of ours that was wrong is published anew, and takes its place."""

from dataclasses import replace

import click

from agency_client.cli.framework import command, common
from agency_client.cli.gathering import Gathered, gather
from agency_client.cli.looking import Looking, reasons_to_act
from agency_client.cli.publish import addressing_options, finish, publish_gathered, wait_option
from agency_client.cli.runtime import opened, run_async


@command(
    "correct",
    "tocsin correct gr-pol/0193a7c2f4e8 corrected.json",
    "tocsin correct 0193a7c2f4e8 corrected.json --to ro-pol --as maria",
)
@click.argument("reference", metavar="ID")
@click.argument("file", metavar="FILE")
@addressing_options
@wait_option()
@reasons_to_act
@click.pass_context
def correct(
    context: click.Context,
    *,
    reference: str,
    file: str,
    topic: str,
    named: tuple[str, ...],
    wait: float,
    acting_as: Looking,
) -> None:
    """Publish one notice of yours anew, whole, as FILE has it; it takes the place of ID.

    It goes to the topic of ID unless --topic or FILE says otherwise. Whoever holds ID sees that it
    is superseded, and of the new one which fields are others. Nothing is taken back by that: where
    the old one must not be read any more, `tocsin recall` it.
    """
    viewer = acting_as()
    known = run_async(_topic(context, reference))
    gathered = gather((file,), topic=topic or known, to=named)
    if len(gathered.drafts) + len(gathered.refused) != 1:
        raise click.UsageError("a correction is one record")
    outcome = publish_gathered(
        context,
        _superseding(gathered, reference),
        all_or_nothing=True,
        wait=wait,
        viewer=viewer,
    )
    finish(context, outcome, waited=wait > 0)


async def _topic(context: click.Context, reference: str) -> str:
    async with opened(common(context)) as agency:
        return await agency.own_topic(reference)


def _superseding(gathered: Gathered, reference: str) -> Gathered:
    """Return the record with the notice whose place it takes."""
    drafts = tuple(
        replace(
            record,
            draft=replace(
                record.draft,
                supersedes=tuple(dict.fromkeys((*record.draft.supersedes, reference))),
            ),
        )
        for record in gathered.drafts
    )
    return replace(gathered, drafts=drafts)
