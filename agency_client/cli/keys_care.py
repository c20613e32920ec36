# SPDX-License-Identifier: Apache-2.0
"""`tocsin keys exposure`: what a stolen key would open, or has signed."""

from typing import Any

import click

from agency_client.cli.framework import command, common
from agency_client.cli.output import columns, counted, instant, safe
from agency_client.cli.runtime import (
    opened,
    printer,
    run_async,
)
from agency_client.domain.key_uses import Exposure, KeyUse, Used

_HEAD = ("TOPIC", "ORIGINATOR", "NOTICES", "FIRST", "LAST")


@command(
    "exposure",
    "tocsin keys exposure 2026-11-25-seal",
    "tocsin keys exposure 2026-11-25-sign --json | jq .exposed[0].last_index",
)
@click.argument("key", metavar="KEY")
@click.pass_context
def exposure(context: click.Context, *, key: str) -> None:
    """Say what somebody who holds a copy of one of our keys could open, or have signed.

    KEY is an id that `tocsin keys` lists. Of an encryption key: the notices sealed to it, by topic
    and originator; those who wrote them have to be told. Of a signing keyset: what it signed, with
    its first and last index in the broker's log, which `tocsin steward revoke` asks for. Counted is
    what this profile holds; what it never received it cannot know.
    """
    found = run_async(_exposure(context, key))
    lines = [line for one in found for line in _lines(one)]
    printer(context).document(
        "keys-exposure", {"exposed": [_document(one) for one in found]}, lines
    )


async def _exposure(context: click.Context, key: str) -> tuple[Exposure, ...]:
    async with opened(common(context)) as agency:
        return await agency.key_life.exposure(key)


def _lines(found: Exposure) -> list[str]:
    notices = counted(found.notices, "notice")
    if found.use is KeyUse.ENCRYPTION:
        told = f"encryption key {safe(found.key_id)} opens {notices} of those that we hold"
    else:
        told = f"keyset {safe(found.key_id)} signed {notices} of those that we hold"
        if found.last_index >= 0:
            told += f", in the broker's log from {found.first_index} to {found.last_index}"
    rows = [
        (one.topic, one.originator, str(one.notices), instant(one.first), instant(one.last))
        for one in found.used
    ]
    return [told, *(columns(rows, head=_HEAD) if rows else ())]


def _document(found: Exposure) -> dict[str, Any]:
    return {
        "use": found.use.value,
        "id": found.key_id,
        "notices": found.notices,
        "first_index": found.first_index,
        "last_index": found.last_index,
        "used": [_used_document(one) for one in found.used],
    }


def _used_document(used: Used) -> dict[str, Any]:
    return {
        "topic": used.topic,
        "originator": used.originator,
        "frames": used.frames,
        "notices": used.notices,
        "first": instant(used.first),
        "last": instant(used.last),
    }
