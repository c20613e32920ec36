# SPDX-License-Identifier: Apache-2.0
"""What `tocsin explain` prints: the answer, the sentences, and what is lacking."""

from dataclasses import replace

from agency_client.cli.explain import _document, _page
from agency_client.domain.explanations import ExplanationView, Lack, Ruling

LACKING = Ruling(
    named=None,
    allowed=False,
    rules=(),
    says=("No rule of the book lets ee-pol receive this.",),
    lacking=(Lack(rule="P01", says="Readers receive.", missing=("It is no reader.",)),),
)
VIEW = ExplanationView(
    reference="gr-pol/" + "0" * 32,
    topic="trafficking/cases",
    agency="ee-pol",
    sealed=False,
    expired=False,
    rulings=(LACKING,),
)


def test_a_denial_without_a_rule_says_what_comes_nearest_and_what_it_lacks() -> None:
    assert list(_page(VIEW)) == [
        f"notice    {VIEW.reference}  trafficking/cases",
        "sealed    not to ee-pol",
        "answer    ee-pol may not have it: No rule of the book lets ee-pol receive this.",
        "  nearest Readers receive.  [P01]",
        "    lacks It is no reader.",
    ]


def test_two_cases_are_told_apart_and_rules_are_named() -> None:
    named = Ruling(named=True, allowed=True, rules=("P02",), says=("Named ones receive.",))
    view = replace(VIEW, sealed=None, expired=True, rulings=(replace(LACKING, named=False), named))
    page = list(_page(view))
    assert page[1] == "expired   its time is over; it is delivered to nobody"
    assert page[2].startswith("answer    ee-pol may not have it, if it is not named: ")
    assert page[-1] == "answer    ee-pol may have it, if it is named: Named ones receive.  [P02]"


def test_what_others_wrote_cannot_mislead() -> None:
    odd = replace(LACKING, says=("\x1b[2J\u202e",))
    assert all(line.isprintable() for line in _page(replace(VIEW, rulings=(odd,))))


def test_programs_are_told_the_same() -> None:
    document = _document(VIEW)
    assert document["sealed"] is False
    assert document["rulings"][0]["lacking"] == [
        {"rule": "P01", "says": "Readers receive.", "missing": ["It is no reader."]}
    ]
