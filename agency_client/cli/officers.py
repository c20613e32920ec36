# SPDX-License-Identifier: Apache-2.0
"""`tocsin officers add | ls | suspend | restore`: the agency's register of its officers."""

from datetime import UTC, datetime, timedelta

import click

from agency_client.cli.framework import LazyGroup, command, common
from agency_client.cli.output import columns, instant, safe
from agency_client.cli.parameters import Code
from agency_client.cli.runtime import login, officer_passphrase, opened, printer, run_async
from agency_client.domain.people import OfficerRecord
from officers.people import MAX_CLEARANCE, ROLES

_HERE = "agency_client.cli.officers"
_VETTED = timedelta(days=365)


@click.group(
    "officers",
    cls=LazyGroup,
    lazy={
        "add": (f"{_HERE}:add", "enter an officer, with a passphrase of their own"),
        "ls": (f"{_HERE}:list_officers", "who is in the register"),
        "suspend": (f"{_HERE}:suspend", "let an officer do nothing from now on"),
        "restore": (f"{_HERE}:restore", "lift a suspension"),
    },
    examples=("tocsin officers ls", "tocsin officers add maria --role LIAISON --clearance 2"),
)
def officers() -> None:
    """Keep the register of this agency's officers.

    As long as it is empty, this profile is a system's and shows all that the agency may have. The
    first officer ends that: from then on each look needs one.
    """


@command(
    "add",
    "tocsin officers add maria --role LIAISON --clearance 2 --vetted-until 2027-06-30",
    "tocsin officers add duty --role DUTY_247 --role ANALYST",
)
@click.argument("name")
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=Code(ROLES, name="role"),
    help="what the officer is there for (repeatable)",
)
@click.option(
    "--clearance",
    default=0,
    show_default=True,
    help="how far the officer is vetted",
    type=click.IntRange(0, MAX_CLEARANCE),
)
@click.option(
    "--vetted-until",
    metavar="YYYY-MM-DD",
    type=click.DateTime(["%Y-%m-%d"]),
    help="end of the vetting [default: in a year]",
)
@click.option(
    "--officer-passphrase-file",
    default="",
    metavar="FILE",
    help="read the officer's own passphrase from a file",
)
@click.pass_context
def add(
    context: click.Context,
    *,
    name: str,
    roles: tuple[str, ...],
    clearance: int,
    vetted_until: datetime | None,
    officer_passphrase_file: str,
) -> None:
    """Enter an officer. NAME is a login, or any name that --as will give; it stays here.

    The passphrase is the officer's own: only who knows it approves in the officer's name.
    """
    until = vetted_until.replace(tzinfo=UTC) if vetted_until else datetime.now(UTC) + _VETTED
    secret = officer_passphrase(officer_passphrase_file, safe(name), new=True)
    record = run_async(_add(context, name, roles, clearance, int(until.timestamp() * 1000), secret))
    _print(context, record, f"entered officer {safe(name)} as {record.officer.pseudonym}")


async def _add(  # noqa: PLR0917 - what a register holds
    context: click.Context,
    name: str,
    roles: tuple[str, ...],
    clearance: int,
    vetted_until: int,
    secret: bytes,
) -> OfficerRecord:
    async with opened(common(context)) as agency:
        return await agency.people.register.add(
            name,
            roles=roles,
            clearance=clearance,
            vetted_until=vetted_until,
            passphrase=secret,
            by=login(),
        )


@command("ls", "tocsin officers ls", "tocsin officers ls --json")
@click.pass_context
def list_officers(context: click.Context) -> None:
    """List the register."""
    found = run_async(_all(context))
    head = ("NAME", "PSEUDONYM", "ROLES", "CLEARANCE", "VETTED UNTIL", "STATE")
    rows = [
        (
            one.name,
            one.officer.pseudonym,
            " ".join(one.officer.roles),
            str(one.officer.clearance),
            instant(one.officer.vetted_until),
            f"SUSPENDED {instant(one.suspended_at)}" if one.suspended_at else "active",
        )
        for one in found
    ]
    out = printer(context)
    body = {"officers": [document(one) for one in found]}
    out.document("officers", body, columns(rows, head=head))
    if not found and not out.is_json:
        out.say("nobody is registered: this profile is a system's, see `tocsin officers --help`")


async def _all(context: click.Context) -> tuple[OfficerRecord, ...]:
    async with opened(common(context)) as agency:
        return tuple(await agency.people.register.officers())


@command("suspend", "tocsin officers suspend maria")
@click.argument("name")
@click.pass_context
def suspend(context: click.Context, *, name: str) -> None:
    """Let an officer do nothing from now on; what the officer asked for or approved is void."""
    record = run_async(_set(context, name, suspended=True))
    _print(context, record, f"suspended officer {safe(name)}")


@command("restore", "tocsin officers restore maria")
@click.argument("name")
@click.pass_context
def restore(context: click.Context, *, name: str) -> None:
    """Lift a suspension."""
    record = run_async(_set(context, name, suspended=False))
    _print(context, record, f"restored officer {safe(name)}")


async def _set(context: click.Context, name: str, *, suspended: bool) -> OfficerRecord:
    async with opened(common(context)) as agency:
        register = agency.people.register
        change = register.suspend if suspended else register.restore
        return await change(name, login())


def _print(context: click.Context, record: OfficerRecord, line: str) -> None:
    printer(context).document("officer", {"officer": document(record)}, [line])


def document(record: OfficerRecord) -> dict[str, object]:
    """Return an officer as a document."""
    officer = record.officer
    return {
        "name": record.name,
        "pseudonym": officer.pseudonym,
        "roles": list(officer.roles),
        "clearance": officer.clearance,
        "vetted_until": instant(officer.vetted_until),
        "suspended": bool(record.suspended_at),
        "added_by": record.added_by,
    }
