# SPDX-License-Identifier: Apache-2.0
"""`tocsin steward revoke`: a key that somebody else may hold does not count any more."""

import click

from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError
from agency_client.cli.framework import command
from agency_client.cli.output import safe
from agency_client.cli.runtime import confirm
from agency_client.cli.steward_common import (
    enter,
    level_with,
    opened_keys,
    signing_options,
    steward_home,
)
from agency_client.services.steward import describe, proposing
from keys.changes import MAX_NUMBER
from keys.directory import Directory, RevokeEntry


@command(
    "revoke",
    "tocsin steward revoke gr-pol --keyset 2026-11-25-sign --from-index 48211 \\",
    "    --reason 'laptop stolen' --broker broker.example:7443",
    "tocsin steward revoke gr-pol --encryption 2026-11-25-seal --reason 'key file copied'",
)
@click.argument("agency")
@click.option("--keyset", metavar="ID", default="", help="a signing keyset, by its id")
@click.option("--encryption", metavar="ID", default="", help="an encryption key, by its id")
@click.option(
    "--from-index",
    type=click.IntRange(0, MAX_NUMBER),
    metavar="N",
    help="of a keyset: what stands in the broker's log from this index on does not count",
)
@click.option("--reason", required=True, help="for people; it stays in the directory")
@click.option("--yes", is_flag=True, help="do not ask")
@signing_options
@click.pass_context
def revoke(
    context: click.Context,
    *,
    agency: str,
    keyset: str,
    encryption: str,
    from_index: int | None,
    reason: str,
    yes: bool,
    names: tuple[str, ...],
    address: str,
    home: str,
) -> None:
    """End one key of an agency for good, because somebody else may hold it.

    A keyset goes on counting for what it signed before --from-index, and for nothing since: choose
    the index from the time at which the agency last had the key alone. Nobody seals to a revoked
    encryption key any more. A wrong index can be made earlier and never later. The agency makes new
    keys with `tocsin keys rotate`; `tocsin steward lock` cuts it off meanwhile.
    """
    if bool(keyset) == bool(encryption):
        raise click.UsageError("name one key, with --keyset or --encryption", ctx=context)
    if keyset and from_index is None:
        raise click.UsageError("--from-index is needed: where the keyset ends", ctx=context)
    folder = steward_home(home)
    keys = opened_keys(context, folder, names)
    with proposing():
        entry = RevokeEntry(
            agency=agency,
            what="keyset" if keyset else "encryption",
            key_id=keyset or encryption,
            from_index=from_index or 0,
            reason=reason,
        )
    _check_known(level_with(folder, keys[0], address), entry)
    if not yes:
        confirm(f"{safe(describe(entry))}. For good?")
    enter(context, entry, home=folder, keys=keys, address=address)


def _check_known(directory: Directory, entry: RevokeEntry) -> None:
    """Refuse a key that the agency's entry does not name, before anybody signs its end."""
    held = directory.agency(entry.agency)
    signing = [one.keyset_id for one in held.signing] if held else []
    encryption = [one.key_id for one in held.encryption] if held else []
    known = signing if entry.what == "keyset" else encryption
    if entry.key_id not in known:
        raise CommandError(
            f"the entry of {safe(entry.agency)} has no such key: {safe(entry.key_id)}",
            advice=f"it has {safe(', '.join(known)) or 'none'}",
            code=Exit.NOT_FOUND,
            reason="NOT_FOUND",
        )
