# SPDX-License-Identifier: Apache-2.0
"""docs/notices.md says what is so: its examples are read, its tables and lists are the code's."""

import re
from pathlib import Path

import pytest

from agency_client.domain import codes
from agency_client.domain.flaws import FlawReason
from agency_client.domain.notice_types import COMMON, MARKING, NOTICE_TYPES
from agency_client.intake.found import MAX_RECORD_BYTES
from agency_client.intake.reading import MAX_INPUT_BYTES, MAX_RECORDS
from tests.unit.intake.inputs import read

PAGE = (Path(__file__).parents[3] / "docs" / "notices.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```(json|jsonl|yaml)\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", [text for _, text in EXAMPLES])
def test_every_example_of_the_page_is_accepted(text: str) -> None:
    batch = read(text)
    assert batch.refused == ()
    assert len(batch.drafts) == (text.count("\n") if text.count('{"type"') else 1)
    assert {one.draft.marking.mode for one in batch.drafts} == {"EXERCISE"}


def test_the_page_shows_each_form_and_four_types() -> None:
    assert {form for form, _ in EXAMPLES} == {"json", "jsonl", "yaml"}
    shown = {one.draft.marking.type for _, text in EXAMPLES for one in read(text).drafts}
    assert shown == {"MISSING_PERSON", "VICTIM_REFERRAL", "REQUEST", "REPLY", "YELLOW"}


def _span(days: int) -> str:
    years, rest = divmod(days, 365)
    if years > 1 or rest < 2 <= years * 2:
        return "1 year" if years == 1 else f"{years} years"
    return f"{days} days"


@pytest.mark.parametrize("name", NOTICE_TYPES)
def test_the_table_of_types_is_the_codes(name: str) -> None:
    kind = NOTICE_TYPES[name]
    found = re.search(rf"^\| `{name}` \|.*\| (.*) \| (.*) \|$", PAGE, re.MULTILINE)
    assert found is not None
    assert tuple(re.findall(r"`(\w+)`", found[1])) == kind.required
    assert found[2] == f"{_span(kind.days)}, {_span(kind.most_days)}"


@pytest.mark.parametrize("field", [*MARKING, *COMMON, "topic", "to", "expires_at"])
def test_every_common_field_is_on_the_page(field: str) -> None:
    assert f"`{field}`" in PAGE


@pytest.mark.parametrize("table", [codes.TLP, codes.HANDLING, codes.PURPOSES, codes.PRIORITIES])
def test_every_code_that_policy_reads_is_on_the_page(table: codes.CodeTable) -> None:
    assert all(f"`{code}`" in PAGE for code in table)


def test_the_list_of_reasons_is_complete() -> None:
    found = re.search(r"Reasons are stable: `([A-Z0-9_ ]+)`", PAGE)
    assert found is not None
    assert found[1].split() == [reason.value for reason in FlawReason]


def test_the_limits_on_the_page_are_the_codes() -> None:
    assert MAX_RECORD_BYTES == 1 << 20
    assert MAX_INPUT_BYTES == 64 << 20
    assert f"64 MiB and {MAX_RECORDS:,} records" in PAGE


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", PAGE))))
def test_what_the_page_links_to_is_there(link: str) -> None:
    assert (Path(__file__).parents[3] / "docs" / link).resolve().exists()
