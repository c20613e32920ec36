# SPDX-License-Identifier: Apache-2.0
"""The rule book: parsed, checked and ready to be asked.

A book is refused whole or taken whole. It must parse, validate against its own schema, fit the
words this program speaks (`policy.facts`), give each rule a unique `@id` and a sentence for people
(`@says`), hold no templates, and not be nested so deeply that Cedar itself would fail. Who may sign
a book is `keys.directory`'s business.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import cedarpy

from keys.entries import MAX_RULE_BOOK_BYTES, rule_book_digest
from policy.errors import BookError, FactError
from policy.evaluation import Schema, agency_request, evaluate, load_entities
from policy.facts import Json, notice_name, reference, specimens
from policy.nesting import check_policies, check_schema
from policy.rules import Rule
from policy.slicing import Slices

ACTIONS = ("publish", "subscribe", "deliver")
"""What agencies do at the broker; officers' acts are judged at the agency."""

_RULE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The rules that can apply to one action; the others cannot change its answer.

    Attributes:
        slices: those rules, each under its own `@id`, and cut by whom they are about.
        bounded: whether its answers change only at dates that the facts hold.
    """

    slices: Slices
    bounded: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RuleBook:
    """A checked rule book; make one with `RuleBook.load`.

    Attributes:
        digest: SHA-256, as signed in the directory and named in every frame header.
        rules: every rule by its id, in the order of the book.
        schema: the parsed schema.
        sections: the rules of each of `ACTIONS`.
    """

    digest: bytes
    rules: Mapping[str, Rule]
    schema: Schema
    sections: Mapping[str, Section]

    @classmethod
    def load(cls, schema: str, policies: str) -> "RuleBook":
        """Parse and check a book.

        Raises:
            BookError: says which rule breaks which condition of the module's first paragraph.
        """
        digest = _digest(schema, policies)
        check_schema(schema)
        check_policies(policies)
        parsed = _parse_schema(schema)
        rules = read_rules(policies)
        _validate(policies, schema)
        sections = {action: _section(rules.values(), action) for action in ACTIONS}
        _check_words(parsed, sections)
        return cls(digest=digest, rules=rules, schema=parsed, sections=sections)

    def says(self, rule_id: str) -> str:
        """Return the sentence of a rule.

        Raises:
            BookError: the book has no such rule.
        """
        if rule_id not in self.rules:
            raise BookError(f"the rule book has no rule {rule_id}")
        return self.rules[rule_id].says


def _digest(schema: str, policies: str) -> bytes:
    try:
        size = len(schema.encode()) + len(policies.encode())
    except UnicodeEncodeError as refusal:
        raise BookError("the rule book is no UTF-8 text") from refusal
    if size > MAX_RULE_BOOK_BYTES:
        raise BookError(f"the rule book has {size} bytes, expected {MAX_RULE_BOOK_BYTES} at most")
    return rule_book_digest(schema, policies)


def _parse_schema(schema: str) -> Schema:
    try:
        return Schema.from_str(schema)
    except ValueError as refusal:
        raise BookError(f"the schema does not parse: {refusal}") from refusal


def _validate(policies: str, schema: str) -> None:
    result = cedarpy.validate_policies(policies, schema)
    if not result.validation_passed:
        names = result.id_annotations_by_policy_id
        first = result.errors[0]
        where = names.get(first.policy_id, first.policy_id)
        raise BookError(f"rule {where} does not fit the schema: {first.error}")


def read_rules(policies: str) -> dict[str, Rule]:
    """Return the rules of a text by their ids, in its order; they fit no schema yet.

    Raises:
        BookError: it does not parse, or a rule lacks its id or its sentence.
    """
    try:
        book = json.loads(cedarpy.policies_to_json_str(policies))
    except RecursionError as refusal:
        raise BookError("a rule is nested too deeply") from refusal
    except ValueError as refusal:
        raise BookError(f"the policies do not parse: {refusal}") from refusal
    if book["templates"] or book["templateLinks"]:
        raise BookError("the rule book holds a template")
    rules: dict[str, Rule] = {}
    for tree in book["staticPolicies"].values():
        rule = _read_rule(tree)
        if rule.id in rules:
            raise BookError(f"two rules have the id {rule.id}")
        rules[rule.id] = rule
    return rules


def _read_rule(tree: Json) -> Rule:
    annotations = tree.get("annotations", {})
    annotated = annotations if isinstance(annotations, dict) else {}
    rule_id, says = annotated.get("id"), annotated.get("says")
    if not isinstance(rule_id, str) or not _RULE_ID.fullmatch(rule_id):
        raise BookError("a rule has no @id of 1 to 64 letters, digits, dots, dashes or underscores")
    if not isinstance(says, str) or not says.strip() or not says.isprintable():
        raise BookError(f"rule {rule_id} has no @says, or one with unprintable characters")
    return Rule(id=rule_id, says=says, tree=tree)


def _section(rules: Iterable[Rule], action: str) -> Section:
    applicable = [rule for rule in rules if rule.can_apply(action)]
    try:
        slices = Slices.of(applicable)
    except ValueError as refusal:
        raise BookError(f"a rule for {action} is nested too deeply for Cedar") from refusal
    return Section(
        slices=slices,
        bounded=all(rule.is_bounded() for rule in applicable),
    )


def _check_words(schema: Schema, sections: Mapping[str, Section]) -> None:
    """Put one question of each kind, so that a book in other words is refused before it is used."""
    try:
        entities = load_entities(specimens(), schema)
    except FactError as refusal:
        raise BookError("the schema has other entities than this program speaks of") from refusal
    topic, notice = reference("Topic", "specimen"), reference("Notice", notice_name(None))
    for action, section in sections.items():
        resource = topic if action == "subscribe" else notice
        question = agency_request(action, "specimen", resource, now=0)
        (outcome,) = evaluate([question], section.slices.whole, entities, schema)
        if outcome.errors:
            raise BookError(f"the book cannot decide on {action}: {outcome.errors[0]}")
