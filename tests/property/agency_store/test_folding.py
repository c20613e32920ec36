# SPDX-License-Identifier: Apache-2.0
"""Folding and indexing for any text whatever: stable, quotable, and complete."""

import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlcipher3 import dbapi2

from agency_client.domain.folding import FIELD_MARK, fold
from agency_client.domain.indexing import MOST_JOINED, index_text
from agency_client.domain.searching import parse_query
from agency_client.errors import AgencyError, Reason
from agency_client.store.search import match_expression

SCRIPTS = (
    st.characters(codec="utf-8", exclude_characters=FIELD_MARK),
    st.sampled_from("aåÅäł'-_. 019+()@/"),
    st.sampled_from("王芳佐藤さサ김민ก็สิ่ค์ကျျ"),
    st.sampled_from("ЁёйΣςάأإآىةـًمחם\u200c\u200d"),
    st.characters(categories=["Mn", "Mc", "Lo", "Lm", "Nd", "Cf"]),
)
TEXT = st.text(st.one_of(SCRIPTS), max_size=40)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(TEXT)
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(TEXT)
def test_folded_text_holds_letters_marks_digits_and_separators_only(text: str) -> None:
    kinds = {unicodedata.category(one)[0] for one in fold(text) if one not in "- \n"}
    assert kinds <= {"L", "M", "N"}


@given(TEXT, st.sampled_from(["NFC", "NFD"]))
def test_the_normal_form_in_which_a_text_comes_does_not_matter(text: str, form: Any) -> None:
    assert fold(unicodedata.normalize(form, text)) == fold(text)


@given(st.text(st.characters(categories=["Lu", "Ll"]), max_size=20))
def test_case_does_not_matter(text: str) -> None:
    assert fold(text.upper()) == fold(text.upper().casefold())


@given(st.text(st.characters(), max_size=60))
def test_any_query_is_answered_or_refused_as_an_invalid_argument(typed: str) -> None:
    try:
        expression = match_expression(typed)
    except AgencyError as error:
        assert error.reason is Reason.INVALID_ARGUMENT  # noqa: PT017 - either answer is right
        return
    assert _index([]).execute(_MATCH, (expression,)).fetchall() == []


@given(ANYTHING)
def test_any_json_value_can_be_indexed(document: Any) -> None:
    _index([document])


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_whatever_was_written_is_found_by_typing_it(strings: list[str]) -> None:
    connection = _index([{"other": "nothing of that"}, {"texts": strings}])
    for typed in strings:
        try:
            expression = match_expression(typed)
        except AgencyError:
            continue
        assert (2,) in connection.execute(_MATCH, (expression,)).fetchall(), typed


@given(st.lists(st.sampled_from(["7", "42", "ab", "x", "1991", "694"]), min_size=2, max_size=6))
@settings(max_examples=60)
def test_a_number_is_found_whatever_the_separators(groups: list[str]) -> None:
    if not any(group.isdigit() for group in groups):
        return
    forms = [" ".join(groups), "-".join(groups), "".join(groups), "/".join(groups)]
    connection = _index([{"number": form} for form in forms])
    for typed in forms[:3]:
        rows = connection.execute(_MATCH, (match_expression(typed),)).fetchall()
        assert {row for (row,) in rows} >= {1, 2}, (typed, rows)


@pytest.mark.parametrize(
    "make",
    [
        lambda: "1 " * 100_000,
        lambda: "a1-" * 60_000,
        lambda: "9" * 200_000,
        lambda: "ab " * 70_000,
        lambda: "王" * 100_000,
        lambda: "x'" * 100_000,
        lambda: {"a": ["王芳"] * 5000},
    ],
    ids=["figures", "codes", "one figure", "short words", "one run", "joiners", "names"],
)
def test_a_hostile_notice_costs_the_index_no_more_than_its_size(make: Callable[[], Any]) -> None:
    document = make()
    indexed = index_text(document)
    assert len(indexed.words) < 3 * 200_000 + 45 * MOST_JOINED
    assert len(indexed.runs) < 400_000


@given(TEXT)
def test_a_query_is_never_without_a_clause(typed: str) -> None:
    try:
        clauses = parse_query(typed)
    except AgencyError:
        return
    assert clauses
    assert all(term for clause in clauses for way in clause for term in way)


_MATCH = "SELECT rowid FROM search WHERE search MATCH ?"


def _index(documents: list[Any]) -> Any:
    connection = dbapi2.connect(":memory:")
    connection.execute(
        "CREATE VIRTUAL TABLE search USING fts5(words, runs, content='', tokenize='ascii')"
    )
    for row, document in enumerate(documents, start=1):
        entry = index_text(document)
        connection.execute(
            "INSERT INTO search (rowid, words, runs) VALUES (?, ?, ?)",
            (row, entry.words, entry.runs),
        )
    return connection
