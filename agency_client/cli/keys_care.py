# SPDX-License-Identifier: Apache-2.0
"""`tocsin keys exposure | destroy`: what a stolen key would open, and the end of one."""

from typing import Any

import click

from agency_client.bootstrap import Agency
from agency_client.cli.framework import command, common
from agency_client.cli.output import columns, counted, instant, safe
from agency_client.cli.runtime import (
    confirm,
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


@command(
    "destroy",
    "tocsin keys destroy 2026-11-25-seal",
    "tocsin keys destroy 2026-11-25-seal --yes --json",
)
@click.argument("key", metavar="KEY")
@click.option(
    "--lose-unread",
    is_flag=True,
    help="receive nothing before: what the broker still holds for KEY is lost to us for good",
)
@click.option("--yes", is_flag=True, help="do not ask")
@click.pass_context
def destroy(context: click.Context, *, key: str, lose_unread: bool, yes: bool) -> None:
    """Destroy an encryption key that has ended, so that nobody opens what was sealed to it.

    KEY is an id that `tocsin keys` lists. First everything that the broker has for us is received;
    it is kept under keys of its own, and shown and found as before. Refused is a key to which
    partners may still seal, the newest one, one that ended less than a day ago, and one that mail
    which was not read yet needs. Programs that receive do the same by themselves when a key is due.
    Backups of `agency.key` that were made before still hold the key: destroy those too.
    """
    run_async(_destroy(context, key, lose_unread=lose_unread, is_asked=not yes))
    printer(context).document(
        "keys-destroyed",
        {"destroyed": key, "received_before": not lose_unread},
        [
            f"destroyed    {safe(key)}: what was sealed to it opens nowhere any more",
            "backups of agency.key from before still hold it; destroy them too",
        ],
    )


async def _destroy(context: click.Context, key: str, *, lose_unread: bool, is_asked: bool) -> None:
    async with opened(common(context)) as agency:
        await agency.check_key(key, lose_unread=lose_unread)
        if is_asked:
            _confirm(agency, key, lose_unread=lose_unread)
        await agency.destroy_key(key, lose_unread=lose_unread)


def _confirm(agency: Agency, key: str, *, lose_unread: bool) -> None:
    lost = " and lose what it alone opens" if lose_unread else ""
    confirm(f"Destroy {safe(key)} of {agency.agency_id} for good{lost}?")


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
