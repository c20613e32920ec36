# SPDX-License-Identifier: Apache-2.0
"""Six words name keys: the same on both sides, others for any other key, and nothing is close."""

import hashlib
from dataclasses import replace

import pytest

from agency_client.domain.word_list import WORDS
from agency_client.domain.words import check_spoken, member_bytes, spoken
from agency_client.errors import AgencyError, Reason
from keys.entries import AgencyEntry
from tests.simulator.federation import build_federation

BIP39 = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
"""SHA-256 of bip-0039/english.txt, as published with it."""
KNOWN = {
    b"": "action invite trip describe mention index",
    b"tocsin": "scale sword sudden edit mixed glass",
}
"""Also in docs/protocol.md."""


@pytest.fixture(scope="module")
def entries() -> tuple[AgencyEntry, AgencyEntry]:
    agencies = build_federation(["gr-pol", "bg-pol"]).agencies
    return agencies["gr-pol"].entry, agencies["bg-pol"].entry


def refusal(given: str, data: bytes) -> AgencyError:
    with pytest.raises(AgencyError) as caught:
        check_spoken(given, data, "this")
    return caught.value


def test_the_list_is_the_published_one_word_by_word() -> None:
    text = "".join(f"{word}\n" for word in WORDS)
    assert hashlib.sha256(text.encode()).hexdigest() == BIP39
    assert len({word[:4] for word in WORDS}) == len(WORDS) == 2048


@pytest.mark.must("WORD-1")
@pytest.mark.parametrize(("named", "words"), KNOWN.items())
def test_words_are_those_of_the_document(named: bytes, words: str) -> None:
    assert spoken(named) == words


def test_words_are_six_of_the_list() -> None:
    words = spoken(b"anything").split(" ")
    assert len(words) == 6
    assert set(words) <= set(WORDS)


@pytest.mark.parametrize("given", ["{}", "  {}  ", "{}.", "1. {}"])
def test_words_are_heard_whatever_stands_around_them(given: str) -> None:
    check_spoken(given.format(spoken(b"x").upper().replace(" ", ", ")), b"x", "this")


def test_the_words_of_something_else_are_refused() -> None:
    assert refusal(spoken(b"y"), b"x").reason is Reason.WORDS_DIFFER


@pytest.mark.must("WORD-2")
def test_five_of_six_words_are_no_match() -> None:
    words = spoken(b"x").split(" ")
    other = next(word for word in WORDS if word != words[5])
    assert refusal(" ".join([*words[:5], other]), b"x").reason is Reason.WORDS_DIFFER
    assert refusal(" ".join(reversed(words)), b"x").reason is Reason.WORDS_DIFFER


@pytest.mark.parametrize("count", [0, 5, 7])
def test_another_number_of_words_is_told_as_such(count: int) -> None:
    error = refusal(" ".join(["abandon"] * count), b"x")
    assert (error.reason, error.message) == (
        Reason.INVALID_ARGUMENT,
        f"{count} words were given, expected 6",
    )


def test_a_word_that_was_misheard_is_named_by_its_place() -> None:
    error = refusal("abandon ability able abbout above absent", b"x")
    assert error.reason is Reason.INVALID_ARGUMENT
    assert "word 4 is not in the list" in error.message


def test_a_refusal_does_not_tell_the_right_words() -> None:
    message = refusal(spoken(b"y"), b"x").message
    assert not set(spoken(b"x").split()) & set(message.split())


def test_what_stewards_change_of_a_member_leaves_its_words(
    entries: tuple[AgencyEntry, AgencyEntry],
) -> None:
    entry = entries[0]
    renamed = replace(
        entry, name="Another name", circles=("other",), agreement_until=entry.agreement_until + 1
    )
    assert member_bytes(renamed) == member_bytes(entry)


@pytest.mark.parametrize("part", ["tls_roots", "tls_key_pin", "signing", "encryption", "agency"])
def test_any_other_key_or_id_has_other_words(
    entries: tuple[AgencyEntry, AgencyEntry], part: str
) -> None:
    entry, other = entries
    exchanged = replace(entry, **{part: getattr(other, part)})
    assert member_bytes(exchanged) != member_bytes(entry)


@pytest.mark.parametrize(("part", "value"), [("country", "XX"), ("kind", "NGO")])
def test_another_country_or_kind_has_other_words(
    entries: tuple[AgencyEntry, AgencyEntry], part: str, value: str
) -> None:
    exchanged = replace(entries[0], **{part: value})  # type: ignore[arg-type]
    assert member_bytes(exchanged) != member_bytes(entries[0])
