# SPDX-License-Identifier: Apache-2.0
"""What the stewards' commands share: folder, keys, the way to the broker, the outcome."""

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from platformdirs import user_data_path

from agency_client.bootstrap import connect_broker
from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError
from agency_client.cli.framework import Callback, common
from agency_client.cli.output import Printer, safe
from agency_client.cli.runtime import passphrase, run_async
from agency_client.ports.broker import Broker
from agency_client.services.memberships import without_topic
from agency_client.services.steward import StewardKey, check_steward
from agency_client.services.steward_home import Outcome, StewardHome
from keys.directory import Directory, Entry

HOME = "TOCSIN_STEWARD_HOME"


def now_ms() -> int:
    """Return the time."""
    return time.time_ns() // 1_000_000


def day_ms(day: datetime | None) -> int:
    """Return the first instant of a day in UTC, in ms; 0 for none."""
    return int(day.replace(tzinfo=UTC).timestamp() * 1000) if day else 0


def home_option(function: Callback) -> Callback:
    """Add --home."""
    return click.option(
        "--home",
        metavar="DIR",
        default="",
        help=f"the steward's folder [default: {HOME}, else in your home folder]",
    )(function)


def signing_options(function: Callback) -> Callback:
    """Add --home, --as and --broker."""
    function = click.option(
        "--broker", "address", metavar="HOST:PORT", default="", help="put it in force there at once"
    )(function)
    function = click.option(
        "--as",
        "names",
        metavar="NAME",
        multiple=True,
        help="steward who signs (repeatable) [default: all with keys in the folder]",
    )(function)
    return home_option(function)


def steward_home(given: str) -> StewardHome:
    """Return the steward's folder."""
    chosen = given or os.environ.get(HOME, "")
    return StewardHome(Path(chosen) if chosen else user_data_path("tocsin") / "steward")


def opened_keys(
    context: click.Context, home: StewardHome, names: Sequence[str], *, at_most: int = 0
) -> list[StewardKey]:
    """Open the keys of the stewards who sign; `at_most` 0 means all.

    Raises:
        CommandError: there are none.
        AgencyError: INVALID_ARGUMENT; one who was named is no steward of the federation here.
    """
    root = home.root()
    held = sorted(path.stem for path in home.path.glob("*.key"))
    chosen = list(names) or [one for one in held if root is None or root.steward(one)]
    if not chosen:
        raise CommandError(
            f"there are no keys of a steward in {home.path}",
            advice="make some with `tocsin steward new-key NAME`, or choose --home",
            code=Exit.CREDENTIAL,
            reason="NO_STEWARD_KEY",
        )
    secret = passphrase(common(context))
    keys = [home.key(name, secret) for name in chosen[: at_most or None]]
    for key in keys:
        if root is not None:
            check_steward(root, key)
    return keys


@asynccontextmanager
async def broker_as(home: StewardHome, key: StewardKey, address: str) -> AsyncIterator[Broker]:
    """Connect to the broker as a steward."""
    root, leaf = home.bundle().directory.root_document, key.leaf(now_ms())
    broker = connect_broker(
        address,
        certificate_pem=leaf.certificate_pem,
        key_pem=leaf.key_pem,
        broker_root=root.broker_tls_root,
    )
    try:
        yield broker
    finally:
        await broker.close()


def online(
    home: StewardHome, key: StewardKey, address: str, act: Callable[[Broker], Awaitable[Outcome]]
) -> Outcome:
    """Do one act at the broker as a steward."""

    async def work() -> Outcome:
        async with broker_as(home, key, address) as broker:
            return await act(broker)

    return run_async(work())


def level_with(home: StewardHome, key: StewardKey, address: str) -> Directory:
    """Return the directory to propose by: brought level with the broker's, where one is given.

    An entry replaces an agency whole, so one made from an old state would undo what others signed.
    """
    if address:

        async def work() -> None:
            async with broker_as(home, key, address) as broker:
                await home.bring_level(broker)

        run_async(work())
    return home.bundle().directory


def enter(
    context: click.Context,
    entry: Entry,
    *,
    home: StewardHome,
    keys: Sequence[StewardKey],
    address: str,
) -> None:
    """Sign an entry, put it into the federation, say what became of it."""
    warn(home.bundle().directory, entry)
    if address:
        outcome = online(
            home, keys[0], address, lambda broker: home.add_online(entry, keys, now_ms(), broker)
        )
    else:
        outcome = home.add(entry, keys, now_ms())
    print_outcome(context, home, outcome, in_force=bool(address))


def warn(directory: Directory, entry: Entry) -> None:
    """Tell what is probably a slip, and may be right."""
    for line in without_topic(directory, entry):
        click.echo(f"warning: {safe(line)}", err=True)


def print_outcome(
    context: click.Context, home: StewardHome, outcome: Outcome, *, in_force: bool
) -> None:
    """Print what became of a proposal.

    Raises:
        CommandError: it waits for signatures.
    """
    out = Printer(as_json=common(context).as_json)
    out.document(
        "steward-act",
        {
            "act": outcome.says,
            "signatures": outcome.signatures,
            "needed": outcome.needed,
            "index": outcome.index if outcome.is_applied else None,
            "in_force": in_force and outcome.is_applied,
            "pending": str(outcome.pending) if outcome.pending else None,
            "federation_file": str(home.bundle_path),
        },
        [f"signed: {safe(outcome.says)} ({outcome.signatures} of {outcome.needed} signatures)"],
    )
    if outcome.pending is not None:
        raise CommandError(
            f"{outcome.needed - outcome.signatures} more must sign {outcome.pending}",
            advice="give that file to another steward: `tocsin steward sign FILE`",
            code=Exit.PARTIAL,
            reason="NOT_ENOUGH_SIGNATURES",
        )
    if not in_force:
        out.say(f"it is in {home.bundle_path}; the broker's operator loads that file")
