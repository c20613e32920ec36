# SPDX-License-Identifier: Apache-2.0
"""What every command has in common: its options, examples in its help, lazy loading, did-you-mean.

Imports neither grpc nor the library, so that `--help` and `--version` answer at once.
"""

import difflib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from agency_client.cli.interrupts import interrupts_end_in_order

Callback = TypeVar("Callback", bound=Callable[..., Any])

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@dataclass(slots=True, kw_only=True)
class Common:
    """The options that every command takes, wherever on the line they stand; and the command."""

    command: str = "tocsin"
    as_json: bool = False
    debug: bool = False
    profile: str = ""
    passphrase_file: str = ""


def common(context: click.Context) -> Common:
    """Return the options common to all commands."""
    found: Common = context.find_root().ensure_object(Common)
    return found


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value and parameter.name:
        setattr(common(context), parameter.name, value)


def common_options() -> list[click.Parameter]:
    """Return fresh options: each command carries its own."""
    return [
        _option("--json", "as_json", "print one JSON document (streams: JSON Lines)", flag=True),
        _option("--profile", "profile", "profile folder, or the name of one", metavar="DIR|NAME"),
        _option(
            "--passphrase-file",
            "passphrase_file",
            "read the passphrase from a file",
            metavar="FILE",
        ),
        _option("--debug", "debug", "on failure, say where it failed", flag=True),
    ]


def _option(
    name: str, target: str, text: str, *, flag: bool = False, metavar: str | None = None
) -> click.Option:
    return click.Option(
        [name, target],
        is_flag=flag,
        default=None,
        metavar=metavar,
        help=text,
        expose_value=False,
        is_eager=True,
        callback=_remember,
    )


class _WithExamples(click.Command):
    """A command whose help ends with examples."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        self.params = [*self.params, *common_options()]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"  {example}\n")
        super().format_epilog(ctx, formatter)


class Command(_WithExamples):
    """A command: takes the common options, shows its examples."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; from here on an interrupt lets work end in order."""
        interrupts_end_in_order()
        common(ctx).command = ctx.command_path
        return super().invoke(ctx)


def command(name: str, *examples: str) -> Callable[[Callable[..., Any]], Command]:
    """Make a function a command; its docstring is the help, and `examples` end it."""

    def decorate(function: Callable[..., Any]) -> Command:
        return click.command(name, cls=Command, examples=examples, context_settings=CONTEXT)(
            function
        )

    return decorate


class LazyGroup(_WithExamples, click.Group):
    """A group that imports a subcommand's module when it is used.

    `lazy` maps a name to ("module:attribute", its one-line help).
    """

    def __init__(
        self, *args: Any, lazy: Mapping[str, tuple[str, str]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which they were given: the order of use."""
        return [*self.lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a subcommand, importing its module."""
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.lazy[cmd_name][0].partition(":")
        found = getattr(importlib.import_module(module), attribute)
        if not isinstance(found, click.Command):
            raise TypeError(f"{module}:{attribute} is not a command")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.lazy.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; for an unknown one say what was probably meant."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            close = difflib.get_close_matches(name, self.list_commands(ctx), n=3)
            meant = f" Did you mean {' or '.join(f'`{one}`' for one in close)}?" if close else ""
            ctx.fail(f"there is no command `{name}`.{meant}")
        return super().resolve_command(ctx, args)
