# SPDX-License-Identifier: Apache-2.0
"""Where no rule permits an act, it is said what each permit lacks, and nothing is allowed by it."""

from dataclasses import replace
from typing import Any

import cedarpy
import pytest

from policy import standard_book
from policy.book import RuleBook
from policy.engine import PolicyEngine
from policy.near_misses import Explanation, NearMiss
from tests.unit.policy.worlds import DAY, NOW, Agency, Topic, marking, world

SCHEMA, POLICIES = standard_book()
BOOK = RuleBook.load(SCHEMA, POLICIES)
TOPIC = Topic(topic="exploitation")
SENDER = Agency(agency="gr-police", country="GR", circles=("readers", "publishers"))
OUTSIDER = Agency(agency="ee-police", country="EE", circles=())

NOT_READER = "The agency is not in the topic's reader circle."
NOT_RELEASED = "The originator did not release the notice to the agency."
NOT_NAMED = "The originator did not name the agency."
ENDED = "The sharing agreement of the agency has ended."
NO_OPERATION = "The notice belongs to no joint operation."


def explain(
    agency: Agency = OUTSIDER, *, book: RuleBook = BOOK, named: bool = False, **differs: Any
) -> Explanation:
    engine = PolicyEngine(book, world((SENDER, agency), TOPIC))
    about = marking(**differs)
    return engine.explain(about, "exploitation", "gr-police", agency.agency, named, NOW)


def failed(explanation: Explanation) -> dict[str, tuple[str, ...]]:
    return {one.rule: one.failed for one in explanation.near_misses}


def test_each_permit_says_which_of_its_conditions_fails() -> None:
    assert failed(explain()) == {
        "P01-topic-member-delivery": (NOT_READER,),
        "P02-named-recipient-delivery": (NOT_NAMED,),
        "P14-released-recipient-delivery": (NOT_RELEASED,),
        "P07-joint-operation-member": (NO_OPERATION,),
    }


def test_the_nearest_miss_comes_first() -> None:
    lapsed = replace(OUTSIDER, agreement_until=NOW, circles=("readers",))
    first, *_, last = explain(lapsed).near_misses
    assert (first.rule, first.failed) == ("P01-topic-member-delivery", (ENDED,))
    assert (last.rule, last.failed) == ("P14-released-recipient-delivery", (ENDED, NOT_RELEASED))


def test_a_member_of_another_operation_learns_that_it_is_no_member_of_this_one() -> None:
    member = replace(OUTSIDER, operations=(("other", NOW + DAY),))
    assert failed(explain(member, operation="opx"))["P07-joint-operation-member"] == (
        "The agency is not a member of the joint operation, or its membership has ended.",
    )


def test_a_rule_that_forbids_is_the_whole_explanation() -> None:
    explanation = explain(not_for=("EE",))
    assert explanation.decision.determining == ("F05-national-restriction-deliver",)
    assert explanation.near_misses == ()


def test_what_is_allowed_or_decided_by_code_has_no_near_miss() -> None:
    allowed = explain(replace(OUTSIDER, circles=("readers",)))
    assert allowed.decision.allow
    audit = explain(replace(OUTSIDER, role="auditor"))
    assert audit.decision.determining == ("code:auditor",)
    assert allowed.near_misses == audit.near_misses == ()


def test_what_cannot_be_decided_has_no_near_miss() -> None:
    explanation = explain(type="MAUVE")
    assert explanation.decision.errors == ("unknown notice type",)
    assert explanation.near_misses == ()


def test_an_explanation_decides_as_delivery_does() -> None:
    engine = PolicyEngine(BOOK, world((SENDER, OUTSIDER), TOPIC))
    asked = (marking(), "exploitation", "gr-police", "ee-police", False, NOW)
    assert engine.explain(*asked).decision == engine.may_receive(*asked)


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        ("", "Condition 2 of the rule is not met."),
        ('@c2("Not in Greece.")', "Not in Greece."),
        ('@c2("  ")', "Condition 2 of the rule is not met."),
        ('@c2("\\u{202e}")', "Condition 2 of the rule is not met."),
    ],
)
def test_a_rule_without_sentences_for_its_conditions_counts_them(
    annotations: str, said: str
) -> None:
    rule = (
        f'@id("P90") @says("Greeks receive.") {annotations} permit (principal is Tocsin::Agency, '
        'action == Tocsin::Action::"deliver", resource is Tocsin::Notice) '
        'when { principal.active } when { principal.country == Tocsin::Country::"GR" };'
    )
    book = RuleBook.load(SCHEMA, POLICIES + rule)
    assert failed(explain(book=book))["P90"] == (said,)


def test_an_unless_fails_where_what_it_says_is_so() -> None:
    rule = (
        '@id("P90") @says("All but Estonians.") permit (principal is Tocsin::Agency, '
        'action == Tocsin::Action::"deliver", resource is Tocsin::Notice) '
        'unless { principal.country == Tocsin::Country::"EE" };'
    )
    found = explain(book=RuleBook.load(SCHEMA, POLICIES + rule)).near_misses
    says, met = "All but Estonians.", "Condition 1 of the rule is not met."
    assert NearMiss(rule="P90", says=says, failed=(met,)) in found


def test_a_permit_whose_head_is_of_others_is_no_near_miss() -> None:
    rule = (
        '@id("P90") @says("For one.") permit (principal == Tocsin::Agency::"gr-police", '
        'action == Tocsin::Action::"deliver", resource is Tocsin::Notice) '
        "when { resource.sanitised };"
    )
    assert "P90" not in failed(explain(book=RuleBook.load(SCHEMA, POLICIES + rule)))


def test_an_engine_that_fails_to_explain_explains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = PolicyEngine(BOOK, world((SENDER, OUTSIDER), TOPIC))
    asked = (marking(), "exploitation", "gr-police", "ee-police", False, NOW)
    engine.may_receive(*asked)

    def fail(*_: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(cedarpy, "is_authorized_batch", fail)
    explanation = engine.explain(*asked)
    assert not explanation.decision.allow
    assert explanation.near_misses == ()


def test_every_permit_of_the_standard_book_has_a_sentence_for_each_condition() -> None:
    for rule in BOOK.rules.values():
        is_about = rule.tree["action"].get("entity", {}).get("id") in BOOK.sections
        if rule.tree["effect"] == "permit" and is_about:
            numbers = range(1, len(rule.tree["conditions"]) + 1)
            assert {f"c{number}" for number in numbers} <= set(rule.tree["annotations"]), rule.id
