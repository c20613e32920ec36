# SPDX-License-Identifier: Apache-2.0
"""Comparing six words on the telephone: one side reads them out, the other types what it hears.

The side that types is not shown the words before, so that nobody confirms what nobody read out.
"""

import click

from agency_client.cli.framework import Callback
from agency_client.cli.output import safe
from agency_client.cli.runtime import ask
from agency_client.domain.words import check_spoken, spoken
from agency_client.services.steward import fingerprint


def words_options(function: Callback) -> Callback:
    """Add --words and --yes."""
    function = click.option(
        "--yes", is_flag=True, help="go on without comparing words: for exercises only"
    )(function)
    return click.option(
        "--words",
        default="",
        metavar="WORDS",
        help="the six words as they were read to you on the telephone [default: asked for]",
    )(function)


def shown(data: bytes) -> list[str]:
    """Return the lines that show words and fingerprint to the one who reads them out."""
    return [f"words        {spoken(data)}", f"fingerprint  {fingerprint(data)}"]


def compare(data: bytes, *, what: str, whose: str, given: str, yes: bool) -> None:
    """Go on only if somebody heard the words of `data` from those who ought to know them.

    Args:
        data: what was received.
        what: it, for people.
        whose: who reads its words out.
        given: the words, where they came with the command.
        yes: do not compare.

    Raises:
        AgencyError: INVALID_ARGUMENT, WORDS_DIFFER.
        CommandError: there is nobody to ask.
    """
    if yes and not given:
        click.echo("\n".join(shown(data)), err=True)
        click.echo(f"warning: nobody compared the words of {safe(what)}", err=True)
        return
    check_spoken(given or heard(whose), data, what)


def heard(whose: str) -> str:
    """Ask for the words that somebody read out on the telephone.

    Raises:
        CommandError: there is nobody to ask.
    """
    click.echo(f"call {safe(whose)} on a number that you know from elsewhere", err=True)
    return ask("the six words that they read to you", advice='give them with --words "..."')
