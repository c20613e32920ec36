# SPDX-License-Identifier: Apache-2.0
"""How a member's entry and its contact card look, to people and to programs."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agency_client.cli.output import instant, safe
from agency_client.domain.countries import COUNTRIES
from agency_client.domain.languages import LANGUAGES
from keys.directory import AgencyEntry, CardEntry


def entry_lines(entry: AgencyEntry) -> Iterator[str]:
    """Return what the stewards say of a member, to read."""
    country = COUNTRIES.get(entry.country, "")
    yield f"name         {safe(entry.name)}"
    yield f"country      {safe(entry.country)}{f' ({country})' if country else ''}"
    yield f"kind         {safe(entry.kind)}{', auditor' if entry.role == 'auditor' else ''}"
    yield f"circles      {_listed(entry.circles)}"
    yield f"agreement    until {instant(entry.agreement_until)}"
    for code, until in entry.operations:
        yield f"operation    {safe(code)} until {instant(until)}"


def card_lines(card: CardEntry | None) -> Iterator[str]:
    """Return a contact card, to read."""
    if card is None:
        yield "card         none yet"
        return
    yield f"card         version {card.version}"
    desk = [safe(one) for one in (card.phone, card.mail) if one]
    yield f"desk         {', '.join(desk) or 'not given'}"
    yield f"languages    {', '.join(_language(code) for code in card.languages) or 'not given'}"
    yield f"competence   {_listed(card.competence)}"
    if card.time_zone:
        yield f"time zone    {safe(card.time_zone)}{_there(card.time_zone)}"
    for deputy in card.deputies:
        yield f"deputy       {safe(deputy)}"
    if card.note:
        yield f"note         {safe(card.note)}"


def _listed(codes: tuple[str, ...]) -> str:
    return ", ".join(map(safe, codes)) or "none"


def _language(code: str) -> str:
    name = LANGUAGES.get(code, "")
    return f"{name} ({code})" if name else safe(code)


def _there(time_zone: str) -> str:
    """Return what time it is at the desk, where this machine knows the zone."""
    try:
        now = datetime.now(UTC).astimezone(ZoneInfo(time_zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ""
    return f" (there it is {now:%H:%M} now)"


def entry_document(entry: AgencyEntry) -> dict[str, Any]:
    """Return what the stewards say of a member, for programs."""
    return {
        "agency": entry.agency,
        "name": entry.name,
        "country": entry.country,
        "kind": entry.kind,
        "role": entry.role,
        "circles": list(entry.circles),
        "agreement_until": instant(entry.agreement_until),
        "operations": [{"code": code, "until": instant(until)} for code, until in entry.operations],
    }


def card_document(card: CardEntry | None) -> dict[str, Any] | None:
    """Return a contact card, for programs."""
    if card is None:
        return None
    return {
        "version": card.version,
        "phone": card.phone,
        "mail": card.mail,
        "languages": list(card.languages),
        "competence": list(card.competence),
        "time_zone": card.time_zone,
        "deputies": list(card.deputies),
        "note": card.note,
    }
