# SPDX-License-Identifier: Apache-2.0
"""Shapes of identifiers, codes and times: what passes, and what is refused."""

import uuid

import pytest

from keys.errors import FramingError, Reason
from keys.fields import (
    LAST_MILLISECOND,
    MAX_CODES,
    check_agency,
    check_bytes,
    check_choice,
    check_code,
    check_country,
    check_key_id,
    check_label,
    check_time,
    check_topic,
    check_uuid7,
    new_uuid7,
    sorted_codes,
)

NOW = 1_795_500_000_000


@pytest.mark.parametrize("value", ["gr", "gr-pol", "00", "a" * 32])
def test_an_agency_id_is_2_to_32_of_a_small_alphabet(value: str) -> None:
    check_agency(value)


@pytest.mark.parametrize(
    "value",
    ["", "a", "a" * 33, "GR-POL", "gr_pol", "gr.pol", "gr pol", "gr-pol\n", "gr-pöl", "steward-x"],
)
def test_other_agency_ids_are_refused(value: str) -> None:
    with pytest.raises(FramingError) as refused:
        check_agency(value)
    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("value", ["t", "trafficking/labour", "/".join("12345678"), "a" * 32])
def test_a_topic_is_one_to_eight_segments(value: str) -> None:
    check_topic(value)


@pytest.mark.parametrize(
    "value",
    ["", "/", "a/", "/a", "a//b", "a/b/c/d/e/f/g/h/i", "A", "a/#", "+", "a" * 33, "a\n", "a/ b"],
)
def test_other_topics_are_refused(value: str) -> None:
    with pytest.raises(FramingError, match="topic"):
        check_topic(value)


@pytest.mark.parametrize("value", ["a", "2026-11_sign.A", "k" * 64])
def test_a_key_id_is_1_to_64_of_a_small_alphabet(value: str) -> None:
    check_key_id(value)


@pytest.mark.parametrize("value", ["", "k" * 65, "a b", "a/b", "ключ", "a\x00"])
def test_other_key_ids_are_refused(value: str) -> None:
    with pytest.raises(FramingError, match="key id"):
        check_key_id(value)


@pytest.mark.parametrize("value", ["gr", "GRC", "G", "", "G1", "GR\n"])
def test_what_is_no_country_code_is_refused(value: str) -> None:
    check_country("GR")
    with pytest.raises(FramingError, match="country"):
        check_country(value)


@pytest.mark.parametrize("value", ["H1", "AMBER+STRICT", "a b", "~", "x" * 64])
def test_a_code_is_printable_ascii(value: str) -> None:
    check_code(value)


@pytest.mark.parametrize("value", ["", " a", "a ", "x" * 65, "a\tb", "é", "a\u202eb", "a\x7f"])
def test_other_codes_are_refused(value: str) -> None:
    with pytest.raises(FramingError, match="code"):
        check_code(value)


def test_a_code_is_empty_only_where_that_is_said() -> None:
    check_code("", empty=True)
    with pytest.raises(FramingError):
        check_code(" ", empty=True)


@pytest.mark.parametrize("value", ["Ελληνική Αστυνομία", "Poliția Română", "警察", "x" * 200])
def test_a_label_is_text_of_any_script(value: str) -> None:
    check_label(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " a",
        "a ",
        "x" * 201,
        "a\nb",
        "a\x00b",
        "a\x1b[31m",
        "a\x85b",
        "a\u200eb",
        "a\u200fb",
        "a\u061cb",
        "a\u202eb",
        "a\u2066b",
        "a\u2028b",
        "a\u2029b",
        "a\uffffb",
        "a\ud800b",
    ],
)
def test_a_label_holds_nothing_that_changes_how_others_are_shown(value: str) -> None:
    with pytest.raises(FramingError, match="text"):
        check_label(value)


def test_a_label_that_is_refused_is_quoted_in_part_and_escaped() -> None:
    with pytest.raises(FramingError) as refused:
        check_label("\u202e" + "x" * 300)
    assert "\u202e" not in refused.value.detail
    assert len(refused.value.detail) < 120


@pytest.mark.parametrize("value", [0, NOW, LAST_MILLISECOND])
def test_a_time_is_from_1970_to_9999(value: int) -> None:
    check_time(value)


@pytest.mark.parametrize("value", [-1, LAST_MILLISECOND + 1, 2**63, 2**64])
def test_other_times_are_refused(value: int) -> None:
    with pytest.raises(FramingError, match="time"):
        check_time(value)


def test_bytes_and_choices_are_checked() -> None:
    check_bytes(b"ab", 2, "thing")
    check_choice("a", ("a", "b"), "letter")
    with pytest.raises(FramingError, match="thing has 2 bytes, expected 3"):
        check_bytes(b"ab", 3, "thing")
    with pytest.raises(FramingError, match="letter 'c' is not well formed"):
        check_choice("c", ("a", "b"), "letter")


def test_a_fresh_uuid7_is_one_and_says_its_time() -> None:
    made = new_uuid7(NOW)
    check_uuid7(made)
    assert uuid.UUID(bytes=made).version == 7
    assert int.from_bytes(made[:6], "big") == NOW
    assert made != new_uuid7(NOW)


def test_a_uuid7_holds_every_time_up_to_9999() -> None:
    for time_ms in (0, LAST_MILLISECOND):
        assert int.from_bytes(new_uuid7(time_ms)[:6], "big") == time_ms
    with pytest.raises(FramingError):
        new_uuid7(LAST_MILLISECOND + 1)


@pytest.mark.parametrize(
    "value",
    [uuid.uuid4().bytes, bytes(16), b"", new_uuid7(NOW)[:15], new_uuid7(NOW) + b"\x00"],
    ids=["version 4", "nil", "empty", "short", "long"],
)
def test_what_is_no_uuid7_is_refused(value: bytes) -> None:
    with pytest.raises(FramingError, match="uuid7"):
        check_uuid7(value)


def test_a_uuid7_of_another_variant_is_refused() -> None:
    made = bytearray(new_uuid7(NOW))
    made[8] |= 0xC0
    with pytest.raises(FramingError):
        check_uuid7(bytes(made))


def test_codes_become_the_set_that_they_are() -> None:
    assert sorted_codes(["b", "a", "b"]) == ("a", "b")
    assert sorted_codes([]) == ()


def test_too_many_codes_are_refused() -> None:
    many = [f"c{number}" for number in range(MAX_CODES + 1)]
    assert len(sorted_codes(many[1:])) == MAX_CODES
    with pytest.raises(FramingError) as refused:
        sorted_codes(many)
    assert refused.value.reason is Reason.LIMIT_EXCEEDED


def test_a_set_with_one_wrong_code_is_refused() -> None:
    with pytest.raises(FramingError, match="code"):
        sorted_codes(["a", " b"])
