# SPDX-License-Identifier: Apache-2.0
"""`tocsin help TOPIC`: what belongs to no single command."""

import click

from agency_client.cli.exits import MEANINGS
from agency_client.cli.framework import LazyGroup, command, common
from agency_client.cli.output import Printer

ENVIRONMENT = {
    "TOCSIN_PROFILE": "profile folder or name, where --profile is not given",
    "TOCSIN_PASSPHRASE_FILE": "file with the passphrase, where --passphrase-file is not given",
    "TOCSIN_BROKER": "HOST:PORT of the broker, over the profile's config.toml",
    "TOCSIN_CERTIFICATE_HOURS": "validity of the gateway's certificate, over config.toml",
    "TOCSIN_STEWARD_HOME": "the steward's folder, where --home is not given",
}


@click.group(
    "help",
    cls=LazyGroup,
    lazy={
        "exit-codes": (f"{__name__}:exit_codes", "what a command ends with"),
        "environment": (f"{__name__}:environment", "variables that tocsin reads"),
    },
    examples=("tocsin help exit-codes", "tocsin help environment"),
)
def help_command() -> None:
    """Help on what belongs to no single command."""


@command("exit-codes", "tocsin help exit-codes")
@click.pass_context
def exit_codes(context: click.Context) -> None:
    """List the exit codes."""
    Printer(as_json=common(context).as_json).document(
        "exit-codes",
        {"codes": {str(int(code)): meaning for code, meaning in MEANINGS.items()}},
        [f"{int(code):>3}  {meaning}" for code, meaning in MEANINGS.items()],
    )


@command("environment", "tocsin help environment")
@click.pass_context
def environment(context: click.Context) -> None:
    """List the environment variables that tocsin reads. No secret is ever read from one."""
    Printer(as_json=common(context).as_json).document(
        "environment",
        {"variables": ENVIRONMENT},
        [f"{name:<25} {meaning}" for name, meaning in ENVIRONMENT.items()],
    )
