# SPDX-License-Identifier: Apache-2.0
"""`tocsin partners ls | show | verify`: the other members, and comparing words with them."""

from collections.abc import Iterator
from typing import Any

import click

from agency_client.cli import contact
from agency_client.cli.comparing import heard
from agency_client.cli.framework import LazyGroup, command, common
from agency_client.cli.output import columns, instant, safe
from agency_client.cli.runtime import login, opened, printer, run_async
from agency_client.domain.partners import Compared, NewsKind, PartnerNews, PartnerView
from agency_client.domain.words import member_bytes
from agency_client.services.steward import fingerprint

_HERE = "agency_client.cli.partners"


@click.group(
    "partners",
    cls=LazyGroup,
    lazy={
        "ls": (f"{_HERE}:list_partners", "every other member, and where it stands"),
        "show": (f"{_HERE}:show", "one member: desk, languages, rights, keys"),
        "verify": (f"{_HERE}:verify", "compare six words with a partner on the telephone"),
    },
    examples=("tocsin partners ls", "tocsin partners verify bg-pol"),
)
def partners() -> None:
    """See the other members of the federation, and compare words with them."""


@command("ls", "tocsin partners ls", "tocsin partners ls --json")
@click.pass_context
def list_partners(context: click.Context) -> None:
    """List every other member: does it take part, has it confirmed its entry, were words compared.

    A notice is sealed to members that the stewards admitted and the rules allow, compared or not.
    """
    out = printer(context)
    found, news = run_async(_all(context, told=not out.is_json))
    rows = [
        (
            one.entry.agency,
            one.entry.country,
            one.entry.kind,
            one.standing.value,
            one.agreed.value,
            one.compared.value,
            one.entry.name,
        )
        for one in found
    ]
    head = ("AGENCY", "COUNTRY", "KIND", "STANDING", "ENTRY", "WORDS", "NAME")
    body = {
        "partners": [document(one) for one in found],
        "news": [news_document(one) for one in news],
    }
    out.document("partners", body, columns(rows, head=head))
    if out.is_json:
        return
    for line in map(news_line, news):
        out.say(line)
    for one in found:
        if one.compared is Compared.CHANGED:
            out.say(f"the keys of {safe(one.entry.agency)} changed: {_again(one.entry.agency)}")


async def _all(
    context: click.Context, *, told: bool
) -> tuple[tuple[PartnerView, ...], tuple[PartnerNews, ...]]:
    async with opened(common(context)) as agency:
        found = await agency.membership.partners()
        return found, await agency.membership.news(told=told)


@command("show", "tocsin partners show bg-pol", "tocsin partners show bg-pol --json")
@click.argument("agency")
@click.pass_context
def show(context: click.Context, *, agency: str) -> None:
    """Show one member: its desk, languages and competence, its rights, its keys.

    Its six words are not shown: `tocsin partners verify` asks for them as the partner reads them.
    """
    found = run_async(_one(context, agency))
    printer(context).document("partner", document(found), list(_page(found)))


async def _one(context: click.Context, name: str) -> PartnerView:
    async with opened(common(context)) as agency:
        return await agency.membership.partner(name)


@command(
    "verify",
    "tocsin partners verify bg-pol                          asks for the words",
    "tocsin partners verify bg-pol --words 'fossil ribbon ...'",
)
@click.argument("agency")
@click.option("--words", default="", metavar="WORDS", help="six words as they were read to you")
@click.pass_context
def verify(context: click.Context, *, agency: str, words: str) -> None:
    """Compare words: call the partner on a number that you know, it reads, you type.

    That you did is kept in this profile, with your name. It speaks of the keys that the partner has
    now: after a change of keys you are warned, and compare again. The partner finds its words with
    `tocsin card words`.
    """
    found = run_async(_verify(context, agency, words or heard(agency)))
    printer(context).document(
        "partner",
        document(found),
        [f"compared     the words of {safe(agency)}, on {instant(found.compared_at)}"],
    )


async def _verify(context: click.Context, name: str, words: str) -> PartnerView:
    async with opened(common(context)) as agency:
        return await agency.membership.verify(name, words, login())


def news_line(news: PartnerNews) -> str:
    """Return one thing that happened to the membership, as it is told to an officer."""
    who = f"{safe(news.agency)} ({safe(news.name)})"
    if news.kind is NewsKind.JOINED:
        return f"new member {who}: compare words with `tocsin partners verify {safe(news.agency)}`"
    if news.kind is NewsKind.KEYS_CHANGED:
        return f"the keys of {who} changed: {_again(news.agency)}"
    heir = f"; {safe(news.successor)} took over" if news.successor else ""
    return f"{who} has left the federation{heir}"


def news_document(news: PartnerNews) -> dict[str, str]:
    """Return one thing that happened to the membership, for programs."""
    return {
        "kind": news.kind.value,
        "agency": news.agency,
        "name": news.name,
        "successor": news.successor,
    }


def _again(agency: str) -> str:
    return f"call them, and `tocsin partners verify {safe(agency)}` once more"


def _page(view: PartnerView) -> Iterator[str]:
    """Return a member to read."""
    entry, heir = view.entry, view.successor
    after = f" {instant(view.compared_at)} by {safe(view.compared_by)}" if view.compared_at else ""
    yield f"agency       {safe(entry.agency)}"
    yield from contact.entry_lines(entry)
    yield f"standing     {view.standing.value}{f'; {safe(heir)} took over' if heir else ''}"
    yield f"entry        {view.agreed.value}"
    yield f"words        {view.compared.value}{after}"
    yield f"fingerprint  {fingerprint(member_bytes(entry))}"
    yield from contact.card_lines(view.card)


def document(view: PartnerView) -> dict[str, Any]:
    """Return a member for programs."""
    return {
        **contact.entry_document(view.entry),
        "standing": view.standing.name,
        "successor": view.successor,
        "entry": view.agreed.name,
        "words": view.compared.name,
        "compared_at": instant(view.compared_at),
        "compared_by": view.compared_by,
        "fingerprint": fingerprint(member_bytes(view.entry)),
        "card": contact.card_document(view.card),
    }
