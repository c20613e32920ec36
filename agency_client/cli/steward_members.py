# SPDX-License-Identifier: Apache-2.0
"""`tocsin steward invite`: what concerns one member, beside its admission."""

from pathlib import Path

import click

from agency_client.bootstrap.connecting import check_address
from agency_client.cli.comparing import shown
from agency_client.cli.framework import command, common
from agency_client.cli.output import Printer, instant
from agency_client.cli.steward_common import home_option, now_ms, opened_keys, steward_home
from agency_client.domain.words import spoken
from agency_client.services.invitations import Invitation, invite_text
from agency_client.services.steward import BACKDATED_MS, DAY_MS, proposing
from agency_client.services.steward_home import write_whole

MAX_DAYS = 365


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
