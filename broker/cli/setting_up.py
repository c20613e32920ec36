# SPDX-License-Identifier: Apache-2.0
"""`tocsin-broker init` and `federation`."""

import asyncio
from pathlib import Path

import click

from broker.bootstrap.assembling import load_federation
from broker.bootstrap.faults import Kind, SetupError
from broker.bootstrap.folder import DataFolder, create_folder
from broker.cli.framework import DIR, FILE, command, show
from broker.config import load_config


@command(
    "init",
    "tocsin-broker init /var/lib/tocsin --dns broker.example.org",
    "tocsin-broker init ./broker --federation federation.json",
)
@click.argument("folder", metavar="DIR", type=DIR)
@click.option("--dns", multiple=True, metavar="NAME", help="a name in the broker's certificate")
@click.option(
    "--federation", "bundle", type=FILE, metavar="FILE", help="load this federation file as well"
)
@click.option(
    "--passphrase-file",
    type=FILE,
    metavar="FILE",
    help="where the key file's passphrase is; made if missing [DIR/keys/passphrase]",
)
@click.pass_context
def init(
    context: click.Context,
    folder: Path,
    dns: tuple[str, ...],
    bundle: Path | None,
    passphrase_file: Path | None,
) -> None:
    """Make a data folder with this broker's own keys and broker.json for the stewards.

    The keys sign the broker's log and its TLS certificate. They open no notice.
    """
    made = create_folder(folder, dns, passphrase_file)
    if bundle is not None:
        _load(made, bundle)
    show(
        context,
        "init",
        {"folder": str(folder), "descriptor": str(made.descriptor)},
        [
            f"made a broker in {folder}",
            f"give {made.descriptor} to the stewards; it holds no secret",
            f"keep {made.keys} in your backup, apart from the database",
        ],
    )


@command("federation", "tocsin-broker federation /var/lib/tocsin federation.json")
@click.argument("folder", metavar="DIR", type=DIR)
@click.argument("bundle", metavar="FILE", type=FILE)
@click.pass_context
def federation(context: click.Context, folder: Path, bundle: Path) -> None:
    """Load the federation file that the stewards made; loading it again adds what is new.

    The broker must be stopped. While it serves, stewards send new entries themselves.
    """
    name, size = _load(DataFolder(folder), bundle)
    show(
        context,
        "federation",
        {"federation": name, "directory_size": size},
        [f"federation {name}", f"{size} directory entries"],
    )


def _load(folder: DataFolder, bundle: Path) -> tuple[str, int]:
    """Load a federation file; return the federation's id and the directory's size."""
    config = load_config(folder.path)
    services = asyncio.run(load_federation(folder, config, folder.identity(config), bundle))
    directory = services.directory.current
    if directory is None:
        raise SetupError(
            Kind.USAGE, f"{bundle} holds no federation", "ask a steward for the federation file"
        )
    return directory.federation.hex(), directory.size
