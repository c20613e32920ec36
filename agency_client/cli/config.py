# SPDX-License-Identifier: Apache-2.0
"""`tocsin config show`: settings and where each comes from."""

import click

from agency_client.cli.framework import LazyGroup, command, common
from agency_client.cli.output import columns
from agency_client.cli.runtime import printer, profile_folder
from agency_client.config import describe


@click.group(
    "config",
    cls=LazyGroup,
    lazy={"show": (f"{__name__}:show", "print the settings")},
    examples=("tocsin config show", "tocsin config show --origin"),
)
def config() -> None:
    """Settings of this profile."""


@command("show", "tocsin config show", "tocsin config show --origin")
@click.option("--origin", is_flag=True, help="say where each value comes from")
@click.pass_context
def show(context: click.Context, *, origin: bool) -> None:
    """Print the settings in force. Order: option, environment, config.toml, default."""
    folder, out = profile_folder(common(context)), printer(context)
    settings = describe(folder)
    if not folder.is_dir() and not out.is_json:
        out.say(f"there is no profile in {folder} yet; it would have these settings")
    out.document(
        "config",
        {"settings": {one.name: {"value": one.value, "origin": one.origin} for one in settings}},
        columns([(one.name, one.value, one.origin)[: 3 if origin else 2] for one in settings]),
    )
