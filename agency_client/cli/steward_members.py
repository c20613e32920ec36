# SPDX-License-Identifier: Apache-2.0
"""`tocsin steward invite | rename | member | merge | operation`: members, beside admission."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import click

from agency_client.bootstrap.connecting import check_address
from agency_client.cli.comparing import shown
from agency_client.cli.framework import command, common
from agency_client.cli.output import Printer, instant, safe
from agency_client.cli.parameters import Code
from agency_client.cli.runtime import confirm
from agency_client.cli.steward_common import (
    day_ms,
    enter,
    home_option,
    level_with,
    now_ms,
    opened_keys,
    signing_options,
    steward_home,
)
from agency_client.domain.words import spoken
from agency_client.services.invitations import Invitation, invite_text
from agency_client.services.memberships import changed, merged, operation, renamed
from agency_client.services.steward import BACKDATED_MS, DAY_MS, proposing
from agency_client.services.steward_home import write_whole
from keys.directory import Directory, Entry
from officers.people import ROLES

MAX_DAYS = 365
DAY = click.DateTime(["%Y-%m-%d"])


@command(
    "invite",
    "tocsin steward invite gr-pol --name 'Hellenic Police' --broker broker.example:7443",
)
@click.argument("agency")
@click.option("--name", required=True, help="the agency, for people")
@click.option("--broker", required=True, metavar="HOST:PORT", help="where the broker listens")
@click.option(
    "--days", default=30, type=click.IntRange(1, MAX_DAYS), help="how long it counts [default: 30]"
)
@click.option("--as", "steward", default="", metavar="NAME", help="steward who signs it")
@click.option(
    "--out", metavar="FILE", default="", help="where to write it [default: AGENCY.invitation]"
)
@home_option
@click.pass_context
def invite(
    context: click.Context,
    *,
    agency: str,
    name: str,
    broker: str,
    days: int,
    steward: str,
    out: str,
    home: str,
) -> None:
    """Invite an agency: a file with the federation's root and where its broker is.

    One steward signs it. It admits nobody and is not secret; read the federation's six words to
    the agency on the telephone, which types them at `tocsin init --invitation FILE`.
    """
    check_address(broker)
    folder, now = steward_home(home), now_ms()
    bundle = folder.bundle()
    key = opened_keys(context, folder, (steward,) if steward else (), at_most=1)[0]
    with proposing():
        invitation = Invitation(
            federation=bundle.directory.federation,
            agency=agency,
            name=name,
            broker=broker,
            steward=key.name,
            issued_at=now - BACKDATED_MS,
            valid_until=now + days * DAY_MS,
        )
    path = Path(out or f"{agency}.invitation")
    write_whole(path, invite_text(bundle, key, invitation))
    first = bundle.roots[0].body
    Printer(as_json=common(context).as_json).document(
        "invitation",
        {
            "agency": agency,
            "file": str(path),
            "valid_until": instant(invitation.valid_until),
            "words": spoken(first),
        },
        [
            f"invited      {agency}, until {instant(invitation.valid_until)}",
            f"file         {path}",
            *shown(first),
            "give the file to the agency; when they call back, read the six words to them",
        ],
    )


@command("rename", "tocsin steward rename gr-pol --name 'Hellenic Police Headquarters'")
@click.argument("agency")
@click.option("--name", required=True, help="its new name, for people; its id stays")
@signing_options
@click.pass_context
def rename(
    context: click.Context,
    *,
    agency: str,
    name: str,
    names: tuple[str, ...],
    address: str,
    home: str,
) -> None:
    """Change an agency's name. Its id, its keys and its words stay as they are."""
    _enter(
        context,
        partial(renamed, agency=agency, name=name),
        names=names,
        address=address,
        home=home,
    )


@command(
    "member",
    "tocsin steward member gr-pol --agreement-until 2029-12-31",
    "tocsin steward member gr-pol --join 'JO ADRIA' --until 2027-03-31",
    "tocsin steward member gr-pol --leave 'JO ADRIA' --circle police --without-circle guests",
)
@click.argument("agency")
@click.option("--agreement-until", type=DAY, metavar="YYYY-MM-DD", help="end of its agreement")
@click.option("--join", multiple=True, metavar="OPERATION", help="it takes part (repeatable)")
@click.option(
    "--until", type=DAY, metavar="YYYY-MM-DD", help="end of its part [default: the operation's]"
)
@click.option("--leave", multiple=True, metavar="OPERATION", help="it takes no part any more")
@click.option("--circle", "circles", multiple=True, help="circle it joins (repeatable)")
@click.option("--without-circle", "without", multiple=True, help="circle it leaves (repeatable)")
@click.option(
    "--officer-role",
    "officers",
    multiple=True,
    type=Code(ROLES, name="role"),
    help="that its officers may have (repeatable; replaces those that were there)",
)
@click.option(
    "--round-the-clock/--office-hours", "contact247", default=None, help="when it is reachable"
)
@signing_options
@click.pass_context
def member(
    context: click.Context,
    *,
    agency: str,
    agreement_until: datetime | None,
    join: tuple[str, ...],
    until: datetime | None,
    leave: tuple[str, ...],
    circles: tuple[str, ...],
    without: tuple[str, ...],
    officers: tuple[str, ...],
    contact247: bool | None,
    names: tuple[str, ...],
    address: str,
    home: str,
) -> None:
    """Change what an agency takes part in, and until when: agreement, operations, circles.

    A day is its first instant in UTC. The agency then confirms its entry with `tocsin card set`.
    """
    make = partial(
        changed,
        agency=agency,
        agreement_until=day_ms(agreement_until),
        join=dict.fromkeys(join, day_ms(until)),
        leave=leave,
        circles=circles,
        without=without,
        officers=officers,
        contact247=contact247,
    )
    _enter(context, make, names=names, address=address, home=home)


@command(
    "operation",
    "tocsin steward operation 'JO ADRIA' --title 'Adriatic coast' --from 2027-01-01 \\",
    "    --until 2027-06-30                       then: tocsin steward member AGENCY --join",
)
@click.argument("code")
@click.option("--title", default="", help="for people [default: what it was]")
@click.option(
    "--from", "starts", type=DAY, required=True, metavar="YYYY-MM-DD", help="when it begins"
)
@click.option("--until", "ends", type=DAY, required=True, metavar="YYYY-MM-DD", help="when it ends")
@signing_options
@click.pass_context
def joint_operation(
    context: click.Context,
    *,
    code: str,
    title: str,
    starts: datetime,
    ends: datetime,
    names: tuple[str, ...],
    address: str,
    home: str,
) -> None:
    """Make a joint operation, or change its title and dates.

    CODE is what markings name. A day is its first instant in UTC; after the end nobody receives
    what carries the code.
    """
    make = partial(
        operation,
        code=code,
        title=title,
        starts_at=day_ms(starts),
        ends_at=day_ms(ends),
    )
    _enter(context, make, names=names, address=address, home=home)


@command("merge", "tocsin steward merge gr-pol --into gr-nat --reason 'law 5100/2026'")
@click.argument("agency")
@click.option("--into", required=True, metavar="AGENCY", help="who takes over")
@click.option("--reason", required=True, help="for people; it stays in the directory")
@click.option("--yes", is_flag=True, help="do not ask")
@signing_options
@click.pass_context
def merge(
    context: click.Context,
    *,
    agency: str,
    into: str,
    reason: str,
    yes: bool,
    names: tuple[str, ...],
    address: str,
    home: str,
) -> None:
    """End an agency for good and name the one that takes over from it.

    Its notices stay its own: the successor reads those that were sealed to the successor.
    """
    if not yes:
        confirm(f"End {safe(agency)} for good, with {safe(into)} as its successor?")
    make = partial(merged, agency=agency, into=into, reason=reason)
    _enter(context, make, names=names, address=address, home=home)


def _enter(
    context: click.Context,
    make: Callable[[Directory], Entry],
    *,
    names: Sequence[str],
    address: str,
    home: str,
) -> None:
    folder = steward_home(home)
    keys = opened_keys(context, folder, names)
    entry = make(level_with(folder, keys[0], address))
    enter(context, entry, home=folder, keys=keys, address=address)
