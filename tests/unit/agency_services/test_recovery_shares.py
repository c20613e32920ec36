# SPDX-License-Identifier: Apache-2.0
"""Shares of a recovery secret: read as people type them, and refused in words they understand.

The published ones are from SLIP-0039's `vectors.json` (numbers 20 to 25 and 32), whose secrets are
under the passphrase "TREZOR".
"""

import random
from itertools import combinations, permutations

import pytest
from shamir_mnemonic import Share, combine_mnemonics, generate_mnemonics

from agency_client.errors import AgencyError, Reason
from agency_client.services.recovery_shares import (
    WORDS,
    Gathering,
    RecoveryShare,
    read_share,
    split,
)
from agency_client.services.recovery_sheet import sheet
from keys.recovery import ShareSet

SECRET = bytes(range(32))

PUBLISHED_1 = """
humidity disease academic always aluminum jewelry energy woman receiver strategy amuse duckling
lying evidence network walnut tactics forget hairy rebound impulse brother survive clothes
stadium mailman rival ocean reward venture always armed unwrap
"""
PUBLISHED_2 = """
humidity disease academic agency actress jacket gross physics cylinder solution fake mortgage
benefit public busy prepare sharp friar change work slow purchase ruler again tricycle involve
viral wireless mixture anatomy desert cargo upgrade
"""
PUBLISHED_SECRET = "c938b319067687e990e05e0da0ecce1278f75ff58d9853f19dcaeed5de104aae"
BAD_CHECKSUM = """
theory painting academic academic armed sweater year military elder discuss acne wildlife boring
employer fused large satoshi bundle carbon diagnose anatomy hamster leaves tracks paces beyond
phantom capital marvel lips brave detect lunar
"""
BAD_PADDING = """
theory painting academic academic campus sweater year military elder discuss acne wildlife
boring employer fused large satoshi bundle carbon diagnose anatomy hamster leaves tracks paces
beyond phantom capital marvel lips facility obtain sister
"""
ANOTHER_STRENGTH = """
shadow pistol academic always adequate wildlife fancy gross oasis cylinder mustang wrist rescue
view short owner flip making coding armed
"""


@pytest.fixture(scope="module")
def shares() -> tuple[RecoveryShare, ...]:
    return split(SECRET, needed=2, shares=3)


def text(share: RecoveryShare) -> str:
    return " ".join(share.words)


def wanted(shares: tuple[RecoveryShare, ...]) -> ShareSet:
    return ShareSet(number=shares[0].number, needed=shares[0].needed, shares=len(shares), made_at=1)


def refusal(given: str) -> str:
    with pytest.raises(AgencyError) as caught:
        read_share(given)
    assert caught.value.reason is Reason.SHARE_REFUSED
    return caught.value.message


def test_the_library_agrees_with_the_published_shares() -> None:
    published = [PUBLISHED_1, PUBLISHED_2]
    assert combine_mnemonics(published, b"TREZOR").hex() == PUBLISHED_SECRET
    assert [Share.from_mnemonic(one).words() for one in published] == [
        one.split() for one in published
    ]


def test_a_share_that_was_stretched_for_a_passphrase_is_not_ours() -> None:
    assert "of something else" in refusal(PUBLISHED_1)


@pytest.mark.parametrize("published", [BAD_CHECKSUM, BAD_PADDING])
def test_published_shares_that_are_wrong_are_refused(published: str) -> None:
    assert "checksum" in refusal(published)


def test_a_share_of_something_else_is_refused() -> None:
    assert refusal(ANOTHER_STRENGTH) == "a share has 33 words, and this has 20"
    grouped = generate_mnemonics(2, [(2, 2), (2, 2)], SECRET, iteration_exponent=0)
    assert "of something else" in refusal(grouped[0][0])
    assert "of something else" in refusal(generate_mnemonics(1, [(2, 2)], SECRET)[0][0])


@pytest.mark.parametrize(("needed", "count"), [(2, 2), (2, 3), (3, 5), (16, 16)])
def test_any_that_are_enough_give_the_secret(needed: int, count: int) -> None:
    made = split(SECRET, needed=needed, shares=count)
    assert [one.place for one in made] == list(range(1, count + 1))
    for chosen in combinations(made, needed):
        gathered = Gathering(wanted(made))
        for one in chosen:
            gathered.add(read_share(text(one)))
        assert gathered.missing == 0
        assert gathered.secret() == SECRET


def test_their_order_does_not_matter(shares: tuple[RecoveryShare, ...]) -> None:
    for chosen in permutations(shares, 2):
        gathered = Gathering(wanted(shares))
        for one in chosen:
            gathered.add(one)
        assert gathered.secret() == SECRET


def test_too_few_give_nothing(shares: tuple[RecoveryShare, ...]) -> None:
    gathered = Gathering(wanted(shares))
    gathered.add(shares[0])
    assert gathered.missing == 1
    with pytest.raises(AgencyError) as caught:
        gathered.secret()
    assert caught.value.reason is Reason.SHARES_MISSING
    assert caught.value.message == "1 of 2 shares were given"


def test_one_custodian_twice_is_still_one(shares: tuple[RecoveryShare, ...]) -> None:
    gathered = Gathering(wanted(shares))
    gathered.add(shares[1])
    with pytest.raises(AgencyError) as caught:
        gathered.add(shares[1])
    assert caught.value.reason is Reason.SHARE_REFUSED
    assert gathered.missing == 1


def test_a_share_of_another_set_is_refused(shares: tuple[RecoveryShare, ...]) -> None:
    other = ShareSet(number=shares[0].number ^ 1, needed=2, shares=3, made_at=1)
    gathered = Gathering(other)
    with pytest.raises(AgencyError) as caught:
        gathered.add(shares[0])
    assert f"it is of set {shares[0].number}" in caught.value.message
    assert gathered.places == ()


def test_shares_of_two_sets_under_one_number_are_refused(
    shares: tuple[RecoveryShare, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shamir_mnemonic.shamir._random_identifier", lambda: shares[0].number)
    others = split(bytes(32), needed=2, shares=3)
    gathered = Gathering(wanted(shares))
    gathered.add(shares[0])
    gathered.add(others[1])
    with pytest.raises(AgencyError) as caught:
        gathered.secret()
    assert caught.value.message == "the shares do not fit each other, though each is whole"


def test_a_share_is_read_as_people_write_it(shares: tuple[RecoveryShare, ...]) -> None:
    words = shares[0].words
    numbered = ", ".join(f"{place}. {word.upper()}" for place, word in enumerate(words, 1))
    short = " ".join(word[:4] for word in words)
    assert read_share(numbered) == read_share(short) == shares[0]


def test_a_misread_word_is_named_by_its_place_and_not_repeated(
    shares: tuple[RecoveryShare, ...],
) -> None:
    words = [*shares[0].words]
    words[6] = "tocsin"
    told = refusal(" ".join(words))
    assert told == "word 7 is not in the list of words of shares"


@pytest.mark.parametrize("beginning", [3, 4])
def test_three_letters_are_no_word(shares: tuple[RecoveryShare, ...], beginning: int) -> None:
    words = [shares[0].words[0][:beginning], *shares[0].words[1:]]
    if beginning == 4:
        assert read_share(" ".join(words)) == shares[0]
    else:
        assert refusal(" ".join(words)).startswith("word 1 ")


def test_every_other_word_in_one_place_is_noticed(shares: tuple[RecoveryShare, ...]) -> None:
    from shamir_mnemonic.wordlist import WORDLIST  # noqa: PLC0415

    place = random.Random(1).randrange(WORDS)
    words = [*shares[0].words]
    for other in WORDLIST:
        if other != words[place]:
            changed = [*words[:place], other, *words[place + 1 :]]
            assert "checksum" in refusal(" ".join(changed))


def test_two_words_that_changed_places_are_noticed(shares: tuple[RecoveryShare, ...]) -> None:
    words = [*shares[0].words]
    place = next(at for at in range(4, WORDS - 1) if words[at] != words[at + 1])
    words[place], words[place + 1] = words[place + 1], words[place]
    assert "checksum" in refusal(" ".join(words))


@pytest.mark.parametrize("given", ["", "   ", "1 2 3", "\x00", "academic " * 5000])
def test_nonsense_is_refused(given: str) -> None:
    assert refusal(given).startswith("a share has 33 words")


@pytest.mark.parametrize(("needed", "count"), [(1, 3), (4, 3), (2, 17), (0, 0)])
def test_numbers_that_cannot_be_are_refused(needed: int, count: int) -> None:
    with pytest.raises(AgencyError) as caught:
        split(SECRET, needed=needed, shares=count)
    assert caught.value.reason is Reason.INVALID_ARGUMENT


def test_a_share_shows_no_word_when_it_is_printed(shares: tuple[RecoveryShare, ...]) -> None:
    assert not set(shares[0].words) & set(repr(shares[0]).replace("'", " ").split())


def test_a_sheet_has_one_share_and_nothing_that_runs_or_is_fetched(
    shares: tuple[RecoveryShare, ...],
) -> None:
    page = sheet("gr-pol", "<script>alert(1)</script>", wanted(shares), shares[1])
    assert [f"<li>{word}</li>" in page for word in shares[1].words] == [True] * WORDS
    assert page.count("<li>") == WORDS
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert "http:" not in page
    assert "https:" not in page
    assert "2 of 3; any 2 are enough" in page
