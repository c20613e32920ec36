# SPDX-License-Identifier: Apache-2.0
"""What officers are told of other members; what a member wrote is shown as text and no more."""

from dataclasses import replace

import pytest

from agency_client.cli.contact import card_document, card_lines, entry_lines
from agency_client.cli.partners import news_line
from agency_client.domain.partners import NewsKind, PartnerNews
from keys.directory import AgencyEntry, CardEntry
from tests.simulator.federation import DAY, NOW, build_federation

CARD = CardEntry(
    agency="bg-pol",
    version=3,
    admitted=bytes(32),
    phone="+359 2 000 0000",
    mail="desk@police.example",
    languages=("BUL", "ENG"),
    competence=("CHILD_PROTECTION",),
    time_zone="Europe/Sofia",
    deputies=("duty officer, Burgas", "duty officer, Varna"),
    note="by telephone first",
)


@pytest.fixture(scope="module")
def entry() -> AgencyEntry:
    made = build_federation(["bg-pol"]).agencies["bg-pol"].entry
    return replace(made, operations=(("JO ADRIA", NOW + DAY),))


def told(kind: NewsKind, successor: str = "") -> str:
    return news_line(
        PartnerNews(kind=kind, agency="bg-pol", name="Police\u202e of", successor=successor)
    )


def test_a_new_member_is_told_with_what_to_do() -> None:
    assert "new member bg-pol" in told(NewsKind.JOINED)
    assert "tocsin partners verify bg-pol" in told(NewsKind.JOINED)


def test_changed_keys_are_told_with_what_to_do() -> None:
    assert "changed: call them" in told(NewsKind.KEYS_CHANGED)


def test_who_took_over_is_told() -> None:
    assert told(NewsKind.LEFT, "bg-nat").endswith("has left the federation; bg-nat took over")
    assert told(NewsKind.LEFT).endswith("has left the federation")


@pytest.mark.parametrize("kind", list(NewsKind))
def test_no_name_steers_the_screen(kind: NewsKind) -> None:
    assert "\u202e" not in told(kind)
    assert "\\u202e" in told(kind)


def test_a_card_is_shown_whole_with_words_for_its_codes() -> None:
    text = "\n".join(card_lines(CARD))
    for part in (CARD.phone, CARD.mail, "Bulgarian (BUL)", *CARD.deputies, CARD.note, "version 3"):
        assert part in text
    assert "Europe/Sofia (there it is " in text


def test_a_time_zone_that_this_machine_does_not_know_is_shown_as_it_is() -> None:
    (line,) = [one for one in card_lines(replace(CARD, time_zone="Mars/North")) if "zone" in one]
    assert line.endswith("Mars/North")


def test_a_member_without_a_card_is_told_as_such() -> None:
    assert list(card_lines(None)) == ["card         none yet"]
    assert card_document(None) is None


def test_what_the_stewards_say_of_a_member_is_shown(entry: AgencyEntry) -> None:
    text = "\n".join(entry_lines(entry))
    assert "Bulgaria" in text
    assert "JO ADRIA until 2026-11-25" in text
