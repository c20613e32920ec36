# SPDX-License-Identifier: Apache-2.0
"""`tocsin help`: help on any command, and on what belongs to no single one."""

from collections.abc import Sequence

import click

from agency_client.cli.exits import MEANINGS
from agency_client.cli.framework import LazyGroup, command, common
from agency_client.cli.output import Printer

ENVIRONMENT = {
    "TOCSIN_PROFILE": "profile folder or name, where --profile is not given",
    "TOCSIN_PASSPHRASE_FILE": "file with the passphrase, where --passphrase-file is not given",
    "TOCSIN_BROKER": "HOST:PORT of the broker, over the profile's config.toml",
    "TOCSIN_CERTIFICATE_HOURS": "validity of the gateway's certificate, over config.toml",
    "TOCSIN_PURPOSE": "why notices are looked at, where --purpose is not given",
    "TOCSIN_CASE": "reference of the case that needs it, where --case is not given",
    "TOCSIN_OFFICER": "officer who looks or acts, where --as is not given",
    "TOCSIN_OFFICER_PASSPHRASE_FILE": "file with the officer's own passphrase, for approvals",
    "TOCSIN_STEWARD_HOME": "the steward's folder, where --home is not given",
}


class _Help(LazyGroup):
    """A group in which also the names of all commands are known: they stand for their help."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a topic; else the command that the words name."""
        if args[0] in self.lazy or args[0].startswith("-"):
            return super().resolve_command(ctx, args)
        named = [word for word in args if not word.startswith("-")]
        options = [word for word in args if word.startswith("-")]
        return " ".join(named), _help_on(ctx, named), options


def _help_on(ctx: click.Context, words: Sequence[str]) -> click.Command:
    """Return a command that prints the help of the command that `words` name."""
    at, found = ctx.find_root(), ctx.find_root().command
    for word in words:
        if isinstance(found, click.Group):
            name, known, _ = found.resolve_command(at, [word])
        else:
            name, known = word, None
        if known is None:
            ctx.fail(f"`{at.command_path}` has no command `{word}`")
        at, found = click.Context(known, info_name=name, parent=at), known
    text = found.get_help(at)

    @command(" ".join(words))
    @click.pass_context
    def on_command(context: click.Context) -> None:
        """Print it."""
        Printer(as_json=common(context).as_json).document(
            "help", {"command": at.command_path, "help": text}, text.splitlines()
        )

    return on_command


@click.group(
    "help",
    cls=_Help,
    lazy={
        "exit-codes": (f"{__name__}:exit_codes", "what a command ends with"),
        "environment": (f"{__name__}:environment", "variables that tocsin reads"),
    },
    examples=("tocsin help publish", "tocsin help exit-codes", "tocsin help environment"),
    invoke_without_command=True,
)
@click.pass_context
def help_command(context: click.Context) -> None:
    """Help on a command, or on what belongs to no single one."""
    if context.invoked_subcommand is None:
        click.echo(context.find_root().get_help())


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
        [f"{name:<31} {meaning}" for name, meaning in ENVIRONMENT.items()],
    )
