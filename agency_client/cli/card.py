# SPDX-License-Identifier: Apache-2.0
"""`tocsin card show | set`: our contact card, by which we also confirm our entry."""

from dataclasses import replace
from typing import Any

import click

from agency_client.bootstrap import Agency
from agency_client.bootstrap.profile import open_keyring
from agency_client.cli import contact
from agency_client.cli.comparing import shown
from agency_client.cli.framework import LazyGroup, command, common
from agency_client.cli.output import safe
from agency_client.cli.parameters import Code
from agency_client.cli.runtime import (
    existing_profile,
    opened,
    printer,
    profile_secret,
    run_async,
)
from agency_client.domain.languages import LANGUAGES
from agency_client.domain.partners import agreed
from agency_client.domain.words import member_bytes, spoken
from agency_client.errors import AgencyError, Reason
from agency_client.services.steward import fingerprint
from keys.directory import CardEntry

_HERE = "agency_client.cli.card"


@click.group(
    "card",
    cls=LazyGroup,
    lazy={
        "show": (f"{_HERE}:show", "our entry, our card, and the six words to read out"),
        "words": (f"{_HERE}:words", "the six words of our keys, before we are admitted too"),
        "set": (f"{_HERE}:change", "sign our card, changed; confirms our entry"),
    },
    examples=(
        "tocsin card words",
        "tocsin card show",
        "tocsin card set --phone '+30 210 0000000' --language GRE",
    ),
)
def card() -> None:
    """See and sign this agency's contact card."""


@command("words", "tocsin card words", "tocsin card words --json")
@click.pass_context
def words(context: click.Context) -> None:
    """Show the six words of the keys in this profile, to read to a steward who calls.

    Needs no broker and no admission. After the admission `tocsin card show` has the words of what
    the directory says of us; they are the same, or the stewards have something else.
    """
    folder = existing_profile(common(context))
    keyring = open_keyring(folder, profile_secret(common(context), folder))
    named = member_bytes(keyring.request)
    printer(context).document(
        "card-words",
        {
            "agency": keyring.agency,
            "words": spoken(named),
            "fingerprint": fingerprint(named),
        },
        shown(named),
    )


@command("show", "tocsin card show", "tocsin card show --json")
@click.pass_context
def show(context: click.Context) -> None:
    """Show our entry as the stewards have it, our card, and our six words.

    Read the words to a partner who calls you. The words of the federation stand beside them: a new
    member who calls asks for those.
    """
    document, lines = run_async(_shown(context))
    printer(context).document("card", document, lines)


async def _shown(context: click.Context) -> tuple[dict[str, Any], list[str]]:
    async with opened(common(context)) as agency:
        held = await agency.membership.card()
        return _document(agency, held), _lines(agency, held)


def _document(agency: Agency, held: CardEntry | None) -> dict[str, Any]:
    directory = agency.directory
    entry = directory.agency(agency.agency_id)
    if entry is None:
        raise AgencyError(
            Reason.NOT_ENROLLED, f"the stewards have not admitted {agency.agency_id} yet"
        )
    return {
        **contact.entry_document(entry),
        "entry": agreed(directory, agency.agency_id).name,
        "words": spoken(member_bytes(entry)),
        "card": contact.card_document(held),
    }


def _lines(agency: Agency, held: CardEntry | None) -> list[str]:
    entry = agency.directory.agency(agency.agency_id)
    if entry is None:
        return []
    return [
        f"agency       {safe(agency.agency_id)}",
        *contact.entry_lines(entry),
        f"entry        {agreed(agency.directory, agency.agency_id).value}",
        *shown(member_bytes(entry)),
        *contact.card_lines(held),
    ]


@command(
    "set",
    "tocsin card set --phone '+30 210 0000000' --mail desk@police.example --language GRE \\",
    "    --language ENG --time-zone Europe/Athens",
    "tocsin card set --deputy 'duty officer, Piraeus' --competence VICTIM_PROTECTION",
    "tocsin card set                         change nothing, confirm our entry as it now stands",
)
@click.option("--phone", help="of the desk; '' for none")
@click.option("--mail", help="of the desk; '' for none")
@click.option(
    "--language",
    "languages",
    multiple=True,
    type=Code(LANGUAGES, name="language"),
    help="that the desk speaks, ISO 639-2 (repeatable; replaces those that were there)",
)
@click.option(
    "--competence",
    "competence",
    multiple=True,
    metavar="CODE",
    help="what the agency may do (repeatable; replaces those that were there)",
)
@click.option("--time-zone", metavar="ZONE", help="of the desk, as Europe/Athens; '' for none")
@click.option(
    "--deputy",
    "deputies",
    multiple=True,
    help="who stands in, in this order (repeatable; replaces those that were there)",
)
@click.option("--note", help="for people; '' for none")
@click.pass_context
def change(context: click.Context, /, **given: Any) -> None:
    """Sign this agency's contact card, changed by what is given, and put it into the directory.

    The same signature confirms our entry as the stewards have it now: it is given only where every
    key of the entry is ours. All members see the card.
    """
    changed = {name: value for name, value in given.items() if value not in (None, ())}
    held = run_async(_published(context, changed))
    printer(context).document(
        "card-set",
        {"card": contact.card_document(held)},
        [f"signed card {held.version}, and with it our entry", *contact.card_lines(held)],
    )


async def _published(context: click.Context, changed: dict[str, Any]) -> CardEntry:
    async with opened(common(context)) as agency:
        return await agency.membership.publish_card(lambda held: replace(held, **changed))
