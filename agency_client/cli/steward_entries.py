# SPDX-License-Identifier: Apache-2.0
"""`tocsin steward admit | topic | rules | lock | unlock | retire`: entries of the directory."""

from datetime import datetime
from pathlib import Path

import click

from agency_client.cli.comparing import compare, words_options
from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError
from agency_client.cli.framework import command
from agency_client.cli.output import safe
from agency_client.cli.parameters import InputFile
from agency_client.cli.runtime import confirm
from agency_client.cli.steward_common import (
    day_ms,
    enter,
    level_with,
    opened_keys,
    signing_options,
    steward_home,
)
from agency_client.domain.words import member_bytes
from agency_client.services.admission import AUDITOR, MEMBER, admitted, read_request
from agency_client.services.memberships import differences
from agency_client.services.steward import describe, proposing
from agency_client.services.steward_home import read_text
from keys.directory import (
    AgencyEntry,
    Directory,
    LockEntry,
    RetireEntry,
    TopicEntry,
    UnlockEntry,
)


@command(
    "admit",
    "tocsin steward admit gr-pol.request --circle police",
    "tocsin steward admit hr-ngo.request --circle shelters --broker broker.example:7443 \\",
    "    --words 'fossil ribbon ...'              as the agency read them out",
)
@click.argument("request", type=InputFile())
@click.option(
    "--circle",
    "circles",
    multiple=True,
    help="circle it joins (repeatable) [default: those it is in]",
)
@click.option(
    "--agreement-until",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="end of its agreement [default: as it was; as a new one asks]",
)
@click.option("--auditor", is_flag=True, help="a new auditor: reads the log, never contents")
@words_options
@signing_options
@click.pass_context
def admit(
    context: click.Context,
    *,
    request: Path,
    circles: tuple[str, ...],
    agreement_until: datetime | None,
    auditor: bool,
    words: str,
    yes: bool,
    names: tuple[str, ...],
    address: str,
    home: str,
) -> None:
    """Admit the agency whose enrolment request this is, or renew its keys.

    Before you sign, call the agency on a number that you know from elsewhere: it reads out six
    words, you type what you hear. Its rights are yours to give: whatever else the request says of
    them does not count.
    """
    folder, asked = steward_home(home), read_request(read_text(request))
    keys = opened_keys(context, folder, names)
    directory = level_with(folder, keys[0], address)
    role, until = AUDITOR if auditor else MEMBER, day_ms(agreement_until)
    entry = _admission(directory, asked, circles, role=role, until=until)
    for line in (describe(entry), *differences(directory.agency(entry.agency), entry)):
        click.echo(safe(line), err=True)
    compare(member_bytes(asked), what="this request", whose=entry.name, given=words, yes=yes)
    enter(context, entry, home=folder, keys=keys, address=address)


def _admission(
    directory: Directory, request: AgencyEntry, circles: tuple[str, ...], *, role: str, until: int
) -> AgencyEntry:
    known = directory.agency(request.agency)
    if known is None and not circles:
        raise CommandError(
            f"{request.agency} is new, and no circle was named: it could neither read nor publish",
            advice="name one with --circle; `tocsin steward directory` lists topics and circles",
            code=Exit.USAGE,
            reason="CIRCLE_MISSING",
        )
    with proposing():
        return admitted(request, circles=circles, role=role, known=known, agreement_until=until)


@command(
    "topic",
    "tocsin steward topic trafficking/cases --readers police --publishers police",
    "tocsin steward topic victims/referrals --readers shelters --publishers police \\",
    "    --victim-assistance --title 'Referrals of victims'",
)
@click.argument("topic")
@click.option("--title", help="for people [default: what it was, or the topic]")
@click.option(
    "--readers",
    multiple=True,
    required=True,
    metavar="CIRCLE",
    help="circle whose members read it (repeatable)",
)
@click.option(
    "--publishers",
    multiple=True,
    required=True,
    metavar="CIRCLE",
    help="circle whose members publish to it (repeatable)",
)
@click.option("--victim-assistance", is_flag=True, help="carries victims' referrals")
@signing_options
@click.pass_context
def topic(
    context: click.Context,
    *,
    topic: str,
    title: str | None,
    readers: tuple[str, ...],
    publishers: tuple[str, ...],
    victim_assistance: bool,
    names: tuple[str, ...],
    address: str,
    home: str,
) -> None:
    """Add a topic, or change who reads it and who publishes to it."""
    folder = steward_home(home)
    known = folder.bundle().directory.topic(topic)
    with proposing():
        entry = TopicEntry(
            topic=topic,
            title=title or (known.title if known else topic),
            readers=readers,
            publishers=publishers,
            victim_assistance=victim_assistance,
        )
    keys = opened_keys(context, folder, names)
    enter(context, entry, home=folder, keys=keys, address=address)


@command(
    "lock",
    "tocsin steward lock gr-pol --reason 'laptop stolen' --broker broker.example:7443",
)
@click.argument("agency")
@click.option("--reason", required=True, help="for people; it stays in the directory")
@signing_options
@click.pass_context
def lock(
    context: click.Context,
    *,
    agency: str,
    reason: str,
    names: tuple[str, ...],
    address: str,
    home: str,
) -> None:
    """Cut an agency off: its open streams end within a second. One steward suffices."""
    folder = steward_home(home)
    keys = opened_keys(context, folder, names, at_most=1)
    with proposing():
        entry = LockEntry(agency=agency, reason=reason)
    enter(context, entry, home=folder, keys=keys, address=address)


@command("unlock", "tocsin steward unlock gr-pol --reason 'laptop found, keys renewed'")
@click.argument("agency")
@click.option("--reason", required=True, help="for people; it stays in the directory")
@signing_options
@click.pass_context
def unlock(
    context: click.Context,
    *,
    agency: str,
    reason: str,
    names: tuple[str, ...],
    address: str,
    home: str,
) -> None:
    """Lift a lock; as many stewards sign as the root asks for."""
    folder = steward_home(home)
    keys = opened_keys(context, folder, names)
    with proposing():
        entry = UnlockEntry(agency=agency, reason=reason)
    enter(context, entry, home=folder, keys=keys, address=address)


@command("retire", "tocsin steward retire gr-pol --reason 'merged into gr-nat'")
@click.argument("agency")
@click.option("--reason", required=True, help="for people; it stays in the directory")
@click.option("--yes", is_flag=True, help="do not ask")
@signing_options
@click.pass_context
def retire(
    context: click.Context,
    *,
    agency: str,
    reason: str,
    yes: bool,
    names: tuple[str, ...],
    address: str,
    home: str,
) -> None:
    """End an agency's part for good. It cannot come back under its id."""
    if not yes:
        confirm(f"Retire {safe(agency)} for good?")
    folder = steward_home(home)
    keys = opened_keys(context, folder, names)
    with proposing():
        entry = RetireEntry(agency=agency, reason=reason)
    enter(context, entry, home=folder, keys=keys, address=address)
