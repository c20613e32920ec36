# SPDX-License-Identifier: Apache-2.0
"""`tocsin topics`."""

import click

from agency_client.cli.framework import command, common
from agency_client.cli.output import columns
from agency_client.cli.runtime import opened, printer, run_async
from agency_client.domain.delivery import TopicView


@command("topics", "tocsin topics", "tocsin topics --json")
@click.pass_context
def topics(context: click.Context) -> None:
    """List the topics this agency may publish to or read, as the broker answers now."""
    found = run_async(_topics(context))
    printer(context).document(
        "topics",
        {
            "topics": [
                {
                    "name": one.name,
                    "title": one.title,
                    "may_publish": one.may_publish,
                    "may_subscribe": one.may_subscribe,
                    "head": one.head,
                }
                for one in found
            ]
        },
        columns(
            [(one.name, _rights(one), one.title) for one in found],
            head=("TOPIC", "YOU MAY", "TITLE"),
        ),
    )


def _rights(topic: TopicView) -> str:
    rights = [("publish", topic.may_publish), ("read", topic.may_subscribe)]
    return ", ".join(name for name, held in rights if held) or "nothing"


async def _topics(context: click.Context) -> tuple[TopicView, ...]:
    async with opened(common(context)) as agency:
        return tuple(await agency.topics())
