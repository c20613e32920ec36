# SPDX-License-Identifier: Apache-2.0
"""What every command has in common: its options, examples in its help, and how results are shown.

Imports neither grpc nor the broker, so that `--help` answers at once.
"""

import importlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from broker.cli.interrupts import interrupts_end_in_order

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
DIR = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)


@dataclass(slots=True, kw_only=True)
class Common:
    """The options that every command takes, wherever on the line they stand."""

    as_json: bool = False
    debug: bool = False


def common(context: click.Context) -> Common:
    """Return the options common to all commands."""
    found: Common = context.find_root().ensure_object(Common)
    return found


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value and parameter.name:
        setattr(common(context), parameter.name, value)


def _flag(name: str, target: str, text: str) -> click.Option:
    return click.Option(
        [name, target],
        is_flag=True,
        default=None,
        help=text,
        expose_value=False,
        is_eager=True,
        callback=_remember,
    )


class Command(click.Command):
    """A command that takes the common options and whose help ends with examples."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        self.params.append(_flag("--json", "as_json", "print one JSON document"))
        self.params.append(_flag("--debug", "debug", "on failure, say where it failed"))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; from here on an interrupt lets work end in order."""
        if not isinstance(self, click.Group):
            interrupts_end_in_order()
        return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"  {example}\n")
        super().format_epilog(ctx, formatter)


class LazyGroup(Command, click.Group):
    """A group that imports a subcommand's module when it is used.

    `lazy` maps a name to ("module:attribute", its one-line help).
    """

    def __init__(
        self, *args: Any, lazy: Mapping[str, tuple[str, str]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of use."""
        del ctx
        return [*self.lazy]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a subcommand, importing its module."""
        del ctx
        if cmd_name not in self.lazy:
            return None
        module, _, attribute = self.lazy[cmd_name][0].partition(":")
        found: click.Command = getattr(importlib.import_module(module), attribute)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.lazy.items()])


def command(name: str, *examples: str) -> Callable[[Callable[..., Any]], Command]:
    """Make a function a command; its docstring is the help, and `examples` end it."""

    def decorate(function: Callable[..., Any]) -> Command:
        return click.command(name, cls=Command, examples=examples, context_settings=CONTEXT)(
            function
        )

    return decorate


def show(context: click.Context, kind: str, body: Mapping[str, Any], lines: Iterable[str]) -> None:
    """Print a result: one document, or lines."""
    if common(context).as_json:
        sys.stdout.write(json.dumps({"schema": f"tocsin-broker.{kind}.v1", **body}) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()
