# SPDX-License-Identifier: Apache-2.0
"""The root of the command tree, and the one place where errors become messages and exit codes."""

import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from agency_client.cli.exits import Exit
from agency_client.cli.framework import CONTEXT, Common, LazyGroup

_CLI = "agency_client.cli"
_MESSAGE_LENGTH = 400

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": (f"{_CLI}.demo:demo", "a broker and four agencies on this machine, the whole story"),
    "init": (f"{_CLI}.profile:init", "make this agency's keys and its enrolment request"),
    "enrol": (f"{_CLI}.profile:enrol", "join a federation with the file a steward gives you"),
    "status": (f"{_CLI}.profile:status", "how this agency stands: broker, queue, keys"),
    "keys": (f"{_CLI}.keys:keys", "this agency's keys: list, renew, end, share, recover them"),
    "card": (f"{_CLI}.card:card", "our contact card; signing it confirms our admission"),
    "partners": (f"{_CLI}.partners:partners", "the other members; compare words with them"),
    "topics": (f"{_CLI}.topics:topics", "topics you may publish to and read"),
    "publish": (f"{_CLI}.publish:publish", "check, seal and send notices from files or stdin"),
    "attach": (f"{_CLI}.attach:attach", "publish a notice with files attached"),
    "preview": (f"{_CLI}.publish:preview", "who would get a notice, and why not the others"),
    "explain": (f"{_CLI}.explain:explain", "why an agency may have a notice, or what it lacks"),
    "outbox": (f"{_CLI}.outbox:outbox", "what waits to be sent; send it now"),
    "watch": (f"{_CLI}.watch:watch", "receive topics and show notices as they come"),
    "inbox": (f"{_CLI}.inbox:inbox", "list the notices this agency holds"),
    "show": (f"{_CLI}.inbox:show", "read one notice"),
    "search": (f"{_CLI}.inbox:search", "search everything held, in any script, offline"),
    "ack": (f"{_CLI}.inbox:ack", "mark a notice as dealt with"),
    "save": (f"{_CLI}.attach:save", "save a notice's attachment to a file"),
    "request-onward": (
        f"{_CLI}.onward:request_onward",
        "ask a notice's originator to admit one more agency",
    ),
    "requests": (f"{_CLI}.onward:requests", "who asked that somebody be admitted to a notice"),
    "grant": (f"{_CLI}.onward:grant", "admit one more agency to one notice of yours"),
    "refuse": (f"{_CLI}.onward:refuse", "refuse a request that somebody be admitted"),
    "standing": (f"{_CLI}.standing:standing", "grants of all later notices of a case"),
    "correct": (f"{_CLI}.correcting:correct", "publish a notice anew that was wrong"),
    "recall": (f"{_CLI}.taking_back:recall", "take one notice of yours back; it takes two"),
    "holders": (f"{_CLI}.taking_back:holders", "who has a notice of yours, and who destroyed it"),
    "hold": (f"{_CLI}.taking_back:hold", "keep a notice as evidence, under a law"),
    "officers": (f"{_CLI}.officers:officers", "this agency's officers: who may see and do what"),
    "acts": (f"{_CLI}.acts:acts", "acts that need two persons, and where they stand"),
    "approve": (f"{_CLI}.acts:approve", "approve an act that somebody else asked for"),
    "break-glass": (f"{_CLI}.reviews:break_glass", "open a notice at once for danger to life"),
    "review": (f"{_CLI}.reviews:review", "look at a break-glass afterwards, as a supervisor"),
    "audit": (f"{_CLI}.audit:audit", "verify the log, the directory and your own log"),
    "schema": (f"{_CLI}.schema:schema", "the JSON Schema of a notice type"),
    "config": (f"{_CLI}.config:config", "settings and where each comes from"),
    "steward": (f"{_CLI}.steward:steward", "create a federation, admit, lock and unlock agencies"),
    "help": (f"{_CLI}.help:help_command", "help on a command, exit-codes, environment"),
}


def _version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if not value or context.resilient_parsing:
        return
    from importlib.metadata import version  # noqa: PLC0415 - 14 ms that no other command pays

    click.echo(f"tocsin {version('tocsin')}")
    context.exit()


@click.group(
    "tocsin",
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings=CONTEXT,
    examples=(
        "tocsin demo                           the whole story in a minute, on this machine alone",
        "tocsin publish notices.jsonl --topic trafficking/cases",
        "tocsin watch 'trafficking/#'          receive, and show notices as they come",
        "tocsin search Χριστοπουλος            in any script, offline",
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
    """Share case notices against human trafficking between agencies.

    Notices are sealed here and opened at the agencies you choose; nobody in between can read them.
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; nothing else may decide one."""
    common = Common()
    try:
        result = app.main(
            args=None if arguments is None else list(arguments),
            prog_name="tocsin",
            standalone_mode=False,
            obj=common,
        )
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stderr.write(f"{error.format_message()}\n")
        return Exit.USAGE
    except click.ClickException as error:
        return _usage(error, common)
    except BrokenPipeError:
        return Exit.FAILED  # whoever read our output is gone (`| head`): end quietly
    except (Exception, KeyboardInterrupt, click.Abort) as error:  # noqa: BLE001 - the outermost edge
        return _failed(error, common)
    return result if isinstance(result, int) else Exit.DONE


def _usage(error: click.ClickException, common: Common) -> int:
    context = getattr(error, "ctx", None)
    advice = f"see `{context.command_path if context else 'tocsin'} --help`"
    body = {"reason": "USAGE", "message": error.format_message(), "advice": advice}
    _print_failure({**body, "exit": int(Exit.USAGE)}, common)
    return Exit.USAGE


def _failed(error: BaseException, common: Common) -> int:
    from agency_client.cli.failures import explain  # noqa: PLC0415 - loads the library's errors

    if isinstance(error, click.Abort):
        error = KeyboardInterrupt()
    failure = explain(error, common.command)
    _print_failure(
        {
            "reason": failure.reason,
            "message": failure.message,
            "advice": failure.advice,
            "exit": int(failure.code),
        },
        common,
    )
    if common.debug and failure.code is not Exit.INTERRUPTED:
        _trace(error)
    return failure.code


def _print_failure(body: dict[str, Any], common: Common) -> None:
    from agency_client.cli.output import as_json, safe  # noqa: PLC0415 - only on failure

    body["message"] = _cut(body["message"])
    if common.as_json:
        sys.stderr.write(as_json({"schema": "tocsin.error.v1", **body}) + "\n")
        return
    sys.stderr.write(f"tocsin: {safe(body['message'])}\n")
    if body["advice"]:
        sys.stderr.write(f"  what to do: {safe(body['advice'])}\n")


def _cut(message: str) -> str:
    """Return a sentence to read: some repeat an argument, which may be of any length."""
    return message if len(message) <= _MESSAGE_LENGTH else f"{message[:_MESSAGE_LENGTH]}…"


def _trace(error: BaseException) -> None:
    """Say where it failed: kinds and places, never values, so that no key or content can show."""
    seen: BaseException | None = error
    while seen is not None:
        sys.stderr.write(f"debug: {type(seen).__module__}.{type(seen).__name__}\n")
        for frame in traceback.extract_tb(seen.__traceback__):
            sys.stderr.write(f"debug:   {frame.filename}:{frame.lineno} in {frame.name}\n")
        seen = seen.__cause__ or seen.__context__
