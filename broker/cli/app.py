# SPDX-License-Identifier: Apache-2.0
"""The root of the command tree, and the one place where errors become messages and exit codes."""

import json
import sys
import traceback
from collections.abc import Sequence

import click

from broker.cli.exits import MEANINGS, Exit
from broker.cli.framework import CONTEXT, Common, LazyGroup

_CLI = "broker.cli"

COMMANDS: dict[str, tuple[str, str]] = {
    "init": (f"{_CLI}.setting_up:init", "make a data folder with this broker's own keys"),
    "federation": (f"{_CLI}.setting_up:federation", "load the federation that it shall serve"),
    "serve": (f"{_CLI}.serving:serve", "serve until told to stop"),
    "status": (f"{_CLI}.looking:status", "whether it is serving, and where"),
    "doctor": (f"{_CLI}.looking:doctor", "check keys, disk, database and certificate"),
}


def _version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if not value or context.resilient_parsing:
        return
    from importlib.metadata import version  # noqa: PLC0415 - no other command pays for it

    click.echo(f"tocsin-broker {version('tocsin')}")
    context.exit()


@click.group(
    "tocsin-broker",
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings=CONTEXT,
    epilog="Exit codes: " + "; ".join(f"{code:d} {text}" for code, text in MEANINGS.items()) + ".",
    examples=(
        "tocsin-broker init /var/lib/tocsin --dns broker.example.org",
        "tocsin-broker federation /var/lib/tocsin federation.json",
        "tocsin-broker serve /var/lib/tocsin --listen 0.0.0.0:7443",
    ),
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_version,
    help="print the version",
)
def app() -> None:
    """Run a broker: it takes sealed notices, keeps them, and hands them to their recipients.

    It can read none of them.
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; nothing else may decide one."""
    shared = Common()
    try:
        result = app.main(
            args=None if arguments is None else list(arguments),
            prog_name="tocsin-broker",
            standalone_mode=False,
            obj=shared,
        )
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stderr.write(f"{error.format_message()}\n")
        return Exit.USAGE
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        advice = f"see {context.command_path} --help" if context else ""
        return _tell(Exit.USAGE, error.format_message(), advice, shared)
    except (KeyboardInterrupt, click.Abort):
        return _tell(Exit.INTERRUPTED, "interrupted", "", shared)
    except Exception as error:  # noqa: BLE001 - the outermost edge
        return _failed(error, shared)
    return result if isinstance(result, int) else Exit.DONE


def _failed(error: Exception, shared: Common) -> int:
    from broker.cli.failures import explain  # noqa: PLC0415 - loads bootstrap, only on failure

    code, message, advice = explain(error)
    _tell(code, message, advice, shared)
    if shared.debug:
        _trace(error)
    return code


def _tell(code: Exit, message: str, advice: str, shared: Common) -> int:
    if shared.as_json:
        body = {"reason": code.name, "message": message, "advice": advice, "exit": int(code)}
        sys.stderr.write(json.dumps({"schema": "tocsin.error.v1", **body}) + "\n")
        return code
    sys.stderr.write(f"tocsin-broker: {message}\n")
    if advice:
        sys.stderr.write(f"  what to do: {advice}\n")
    return code


def _trace(error: BaseException) -> None:
    """Say where it failed: kinds and places, never values, so that no key or content can show."""
    seen: BaseException | None = error
    while seen is not None:
        sys.stderr.write(f"debug: {type(seen).__module__}.{type(seen).__name__}\n")
        for frame in traceback.extract_tb(seen.__traceback__):
            sys.stderr.write(f"debug:   {frame.filename}:{frame.lineno} in {frame.name}\n")
        seen = seen.__cause__ or seen.__context__
