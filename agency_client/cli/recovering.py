# SPDX-License-Identifier: Apache-2.0
"""How recovery by custodians stands, and shares on a terminal: shown once, asked for one by one."""

import sys
from collections.abc import Iterable
from secrets import SystemRandom
from typing import Any

import click

from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError
from agency_client.cli.output import instant
from agency_client.cli.runtime import ask
from agency_client.domain.recovery import RecoveryState, RecoveryStatus

_COLUMNS = 3
_BLANK = "\033[H\033[2J\033[3J"
"""Screen and what was scrolled off it: shares stay on no terminal."""
_TELLS = {
    RecoveryState.NONE: "NO CUSTODIANS: a forgotten passphrase is final; see `tocsin keys split`",
    RecoveryState.OLDER: "THE COPY HAS OTHER KEYS: `tocsin keys recovery --refresh`",
    RecoveryState.MISSING: "THE COPY IS MISSING: `tocsin keys recovery --refresh`",
}


def recovery_line(status: RecoveryStatus) -> str:
    """Return in one line whether custodians could bring the keys back."""
    told = _TELLS.get(status.state, f"the copy has the keys of {instant(status.copied_at)}")
    if status.state is RecoveryState.NONE:
        return told
    return f"{status.needed} of {status.shares} custodians, set {status.number}; {told}"


def recovery_document(status: RecoveryStatus) -> dict[str, Any]:
    """Return the same for programs."""
    return {
        "state": status.state.value,
        "set": status.number,
        "needed": status.needed,
        "custodians": status.shares,
        "made_at": instant(status.made_at),
        "copied_at": instant(status.copied_at),
    }


def check_terminal() -> None:
    """Refuse to show shares where they would end in a file or a log.

    Raises:
        CommandError: what is shown or typed does not go over a terminal.
    """
    if not (sys.stderr.isatty() and sys.stdin.isatty()):
        raise CommandError(
            "shares are shown to custodians, and there is no terminal to show them on",
            advice="run it on a terminal, or have sheets to print written with --sheets DIR",
            code=Exit.USAGE,
            reason="TERMINAL_NEEDED",
        )


def hand_out(place: int, shares: int, words: tuple[str, ...]) -> None:
    """Show one share to its custodian until two of its words were typed from the paper."""
    _say(f"Share {place} of {shares}. Only its custodian looks at the screen now.")
    _wait("Enter when ready")
    for line in word_lines(words):
        _say(line)
    _say("Write the words down with their numbers. They are not shown again.")
    first, second = sorted(SystemRandom().sample(range(len(words)), 2))
    question = f"From the paper, words {first + 1} and {second + 1}"
    while _asked(question).lower().split() != [words[first], words[second]]:
        _say("that is not what is on the screen: compare the paper with it")
    blank()


def word_lines(words: Iterable[str]) -> list[str]:
    """Return a share's words with their numbers, read down the columns."""
    numbered = [f"{place:>2}. {word:<10}" for place, word in enumerate(words, 1)]
    height = -(-len(numbered) // _COLUMNS)
    return ["   ".join(numbered[row::height]).rstrip() for row in range(height)]


def blank() -> None:
    """Clear the terminal that shares were shown or typed on."""
    if sys.stderr.isatty():
        sys.stderr.write(_BLANK)
        sys.stderr.flush()


def ask_share(missing: int) -> str:
    """Ask a custodian for a share; the words can be seen, for 33 are not typed blindly."""
    given = _asked(f"Share of the next custodian ({missing} missing)")
    blank()
    return given


def _asked(question: str) -> str:
    return ask(question, advice="run it on a terminal; `recover` reads a file with --shares-from")


def _wait(question: str) -> None:
    click.prompt(question, default="", show_default=False, err=True)


def _say(line: str) -> None:
    click.echo(line, err=True)
