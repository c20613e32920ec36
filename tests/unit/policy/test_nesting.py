# SPDX-License-Identifier: Apache-2.0
"""Rule books on which Cedar itself would fail are refused before it sees them."""

import pytest

from policy.book import RuleBook
from policy.errors import BookError
from policy.nesting import MAX_DEPTH, MAX_RULE_CHARACTERS, check_policies, check_schema
from tests.unit.policy.test_book import POLICIES, SCHEMA, refusal, when

DEEP = {
    "brackets": "(" * 50_000 + "true" + ")" * 50_000,
    "sets": "[" * 50_000 + "1" + "]" * 50_000 + " == 1",
    "records": '{"a":' * 50_000 + "1" + "}" * 50_000 + " == 1",
    "refusals": "!(" * 50_000 + "true" + ")" * 50_000,
    "alternatives": "if true then 1 else " * 20_000 + "1 == 1",
    "conjunctions": "true" + " && true" * 50_000,
    "attributes": "principal" + ".country" * 50_000 + " == 1",
    "presence": "principal has a" + ".b" * 50_000,
}


@pytest.mark.parametrize("kind", DEEP)
@pytest.mark.must("POLICY-6")
def test_a_rule_that_would_end_the_process_is_refused(kind: str) -> None:
    assert refusal(POLICIES + when(DEEP[kind]))


@pytest.mark.parametrize("condition", ["true" + " && true" * 400, "if true then " * 90 + "true"])
def test_a_rule_that_cedar_cannot_write_down_is_refused(condition: str) -> None:
    condition += " else false" * condition.count("if")
    assert "nested too deeply" in refusal(POLICIES + when(condition))


def test_a_schema_that_is_nested_too_deeply_is_refused() -> None:
    for deep in ("{a: " * 50_000 + "Long" + "}" * 50_000, "Set<" * 50_000 + "Long" + ">" * 50_000):
        assert "inside each other" in refusal(POLICIES, f"{SCHEMA}\ntype Deep = {deep};")


def test_as_many_brackets_as_are_allowed_are_taken() -> None:
    inside = MAX_DEPTH - 1  # those of the condition itself count
    RuleBook.load(SCHEMA, POLICIES + when("(" * inside + "true" + ")" * inside))
    assert refusal(POLICIES + when("(" * MAX_DEPTH + "true" + ")" * MAX_DEPTH))


@pytest.mark.parametrize("text", ['"' + "(" * 99 + '"', "// " + "(" * 99, '"\\"' + "(" * 99 + '"'])
def test_what_stands_in_texts_and_comments_is_not_counted(text: str) -> None:
    check_policies(text)
    check_schema(text)


def test_a_comment_ends_where_cedar_ends_it() -> None:
    with pytest.raises(BookError):
        check_policies("// comment\r" + "(" * 99)


def test_rules_are_measured_one_by_one_and_without_comments() -> None:
    rule = "x" * MAX_RULE_CHARACTERS
    check_policies(f"{rule};{rule};// {rule}\n{rule[:-1]}")
    for longer in (f"{rule}y;", f"{rule};{rule}y", f"// short\n{rule};"):
        with pytest.raises(BookError, match="expected 4096 at most"):
            check_policies(longer)
