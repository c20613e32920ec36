# SPDX-License-Identifier: Apache-2.0
"""A rule book is refused whole, with what is wrong with it, or taken whole."""

import hashlib

import pytest

from keys.entries import MAX_RULE_BOOK_BYTES
from keys.framing import framed
from policy import standard_book
from policy.book import RuleBook
from policy.errors import BookError

SCHEMA, POLICIES = standard_book()
ANY = 'permit (principal is Tocsin::Agency, action == Tocsin::Action::"deliver", resource);'


def rule(body: str = ANY, *, rule_id: str = "X01", says: str = "Anything.") -> str:
    return f'@id("{rule_id}") @says("{says}") {body}\n'


def when(condition: str) -> str:
    return rule(ANY.replace(";", f" when {{ {condition} }};"))


def refusal(policies: str, schema: str = SCHEMA) -> str:
    with pytest.raises(BookError) as caught:
        RuleBook.load(schema, policies)
    return str(caught.value)


def test_the_standard_book_loads_with_all_its_rules() -> None:
    book = RuleBook.load(SCHEMA, POLICIES)
    assert len(book.rules) == 33
    assert book.says("F05-national-restriction-deliver") == (
        "The originator excluded the recipient's country."
    )


def test_the_digest_is_over_the_framed_texts() -> None:
    framing = framed("tocsin/rule-book/v1", SCHEMA.encode(), POLICIES.encode())
    assert RuleBook.load(SCHEMA, POLICIES).digest == hashlib.sha256(framing).digest()


def test_another_space_is_another_book() -> None:
    changed = RuleBook.load(SCHEMA, POLICIES + " ")
    assert changed.digest != RuleBook.load(SCHEMA, POLICIES).digest


def test_a_rule_unknown_to_the_book_has_no_sentence() -> None:
    with pytest.raises(BookError, match="no rule P99"):
        RuleBook.load(SCHEMA, POLICIES).says("P99")


def test_a_word_outside_a_vocabulary_is_refused_by_rule() -> None:
    policies = POLICIES.replace('Tocsin::Tlp::"RED" }', 'Tocsin::Tlp::"REDD" }', 1)
    assert "F01-tlp-red-named-only does not fit the schema" in refusal(policies)


def test_a_mistyped_attribute_is_refused_by_rule() -> None:
    policies = POLICIES.replace("resource.notFor.contains(principal.country)", "resource.notFro")
    assert "F05-national-restriction-deliver" in refusal(policies)


def test_policies_that_do_not_parse_are_refused() -> None:
    assert "the policies do not parse" in refusal("permit (principal")


def test_a_schema_that_does_not_parse_is_refused() -> None:
    assert "the schema does not parse" in refusal(POLICIES, SCHEMA + "}")


def test_two_rules_of_one_id_are_refused() -> None:
    assert refusal(rule() + rule()) == "two rules have the id X01"


@pytest.mark.parametrize("rule_id", ["", " ", "a b", "x" * 65, "-x", "x\u202e"])
def test_a_rule_with_no_usable_id_is_refused(rule_id: str) -> None:
    assert "a rule has no @id" in refusal(rule(rule_id=rule_id))


def test_a_rule_without_any_id_is_refused() -> None:
    assert "a rule has no @id" in refusal(f'@says("Anything.") {ANY}')


@pytest.mark.parametrize("says", ["", "  ", "all\\nof it", "all \u202efo it", "nul \\0"])
def test_a_rule_with_no_readable_sentence_is_refused(says: str) -> None:
    assert refusal(rule(says=says)) == "rule X01 has no @says, or one with unprintable characters"


def test_a_rule_without_any_sentence_is_refused() -> None:
    assert refusal(f'@id("X01") {ANY}').startswith("rule X01 has no @says")


def test_a_template_is_refused() -> None:
    assert refusal(rule(ANY.replace("is Tocsin::Agency", "== ?principal"))) == (
        "the rule book holds a template"
    )


def test_a_schema_of_other_words_is_refused() -> None:
    schema = SCHEMA.replace("sanitised: Bool,", "").replace("withdrawn: Bool,", "")
    assert "other entities than this program speaks of" in refusal(rule(), schema)


def test_a_schema_without_an_act_is_refused() -> None:
    schema = SCHEMA.replace("action subscribe", "action enrol")
    assert "the book cannot decide on subscribe" in refusal(rule(), schema)


def test_a_book_of_a_megabyte_is_refused() -> None:
    assert "expected 1048576 at most" in refusal(" " * (MAX_RULE_BOOK_BYTES + 1))


def test_a_book_that_is_no_text_is_refused() -> None:
    assert refusal("\ud800") == "the rule book is no UTF-8 text"


def test_the_standard_book_depends_on_stored_dates_only() -> None:
    sections = RuleBook.load(SCHEMA, POLICIES).sections
    assert all(section.bounded for section in sections.values())


@pytest.mark.parametrize(
    "condition",
    [
        "principal.agreementUntil > context.now",
        "context.now <= resource.originator.agreementUntil",
        'principal.hasTag("op") && context.now < principal.getTag("op")',
        "resource has operation && resource.operation.startsAt != context.now",
        "context has now && principal.active",
        '!(resource.tlp == Tocsin::Tlp::"RED") && [1, 2].contains(1)',
    ],
)
def test_a_comparison_with_a_stored_date_is_bounded(condition: str) -> None:
    assert RuleBook.load(SCHEMA, when(condition)).sections["deliver"].bounded


@pytest.mark.parametrize(
    "condition",
    [
        'context.now.toTime() < duration("3h")',
        'context.now < datetime("2026-01-01")',
        'context.now.offset(duration("1d")) < principal.agreementUntil',
        'context.now < principal.agreementUntil.offset(duration("1d"))',
        'context.now.durationSince(principal.agreementUntil) < duration("24h")',
        "[principal.agreementUntil].contains(context.now)",
        "context == {now: principal.agreementUntil}",
        "(if principal.active then context.now else context.now) < principal.agreementUntil",
        "context.now < (if principal.active then principal.agreementUntil else context.now)",
        "!(context.now == context.now)",
    ],
)
def test_any_other_use_of_the_time_is_not_bounded(condition: str) -> None:
    sections = RuleBook.load(SCHEMA, when(condition)).sections
    assert not sections["deliver"].bounded
    assert sections["subscribe"].bounded
