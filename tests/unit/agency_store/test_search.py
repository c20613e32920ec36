# SPDX-License-Identifier: Apache-2.0
"""Search over what is kept: every script, however typed, and nothing that breaks the index."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from agency_client.domain.indexing import index_text
from agency_client.domain.searching import LONGEST_QUERY, MOST_WORDS
from agency_client.errors import AgencyError, Reason
from agency_client.store.profile_store import ProfileStore
from agency_client.store.search import write_entries
from tests.unit.agency_store.samples import (
    AGENCY,
    HOUR,
    KEY,
    NOW,
    batch,
    kept_frame,
    kept_notice,
    queue,
    refusal,
    send,
)

Keep = Callable[..., int]
Finds = Callable[[str], list[int]]


@pytest.fixture
def keep(store: ProfileStore) -> Keep:
    """Store a notice from another agency and return its row id."""
    count = 0

    def _keep(notice: dict[str, Any], **changes: Any) -> int:
        nonlocal count
        count += 1
        one = kept_notice(f"notice {count}", notice=notice, **changes)
        (row,) = store.inbox.record(batch(kept_frame(f"frame {count}", [one])), NOW)
        return row

    return _keep


@pytest.fixture
def finds(store: ProfileStore) -> Finds:
    """Index what waits, search, and return row ids, best first."""

    def _finds(words: str) -> list[int]:
        store.search.index(1000)
        return list(store.search.search(words, 50, NOW))

    return _finds


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("Łukasz Wiśniewski", "lukasz wisniewski"),
        ("Lukasz Wisniewski", "ŁUKASZ WIŚNIEWSKI"),
        ("Søren Ødegård", "soren odegard"),
        ("Đorđe Šarić", "dorde saric"),
        ("Strauß", "STRAUSS"),
        ("Işık Yıldırım", "isik yildirim"),  # noqa: RUF001
        ("İBRAHİM", "ibrahim"),
        ("Nguyễn Thị Hồng", "nguyen thi hong"),
        ("Ștefan Țîrlea", "stefan tirlea"),
        ("Cæsar Œuvrard", "caesar oeuvrard"),
        ("Ｍａｒｉａ", "maria"),  # noqa: RUF001
        ("ﬁona", "fiona"),
        ("Jose\u0301", "josé"),
        ("O\u2019Brien", "o'brien"),
        ("O\u2019Brien", "obrien"),
        ("OBrien", "o'brien"),
        ("Jean-Pierre", "jeanpierre"),
        ("al-Ḥasan", "alhasan"),
        ("Saʿd", "sad"),
        ("Фёдор Королёв", "федор королев"),
        ("Федор", "Фёдор"),
        ("Ив Ян", "ив"),
        ("Ив Ян", "ян"),
        ("Юрій Їжак", "юрій їжак"),
        ("Қанат Ғабит", "канат габит"),
        ("Мар'яна", "маряна"),  # noqa: RUF001
        ("Γιώργος", "γιωργοσ"),
        ("ΓΙΩΡΓΟΣ", "γιώργος"),
        ("Ὀδυσσεύς", "οδυσσευς"),
        ("أحمد", "احمد"),
        ("إبراهيم", "ابراهيم"),
        ("مُحَمَّد", "محمد"),
        ("محـــمد", "محمد"),
        ("فاطمة", "فاطمه"),
        ("موسى", "موسي"),
        ("علی", "علي"),
        ("ﻣﺤﻤﺪ", "محمد"),
        ("علی‌رضا", "علیرضا"),
        ("שָׁלוֹם", "שלומ"),
        ("สิริรัตน์ ตระกูลบุญ", "สิริรัตน์"),
        ("สิริรัตน์ ตระกูลบุญ", "ตระกูล"),
        ("สมชาย", "สม"),
        ("นายสมชายใจดี", "สมชาย"),
        ("王芳", "王芳"),
        ("嫌疑人王芳在北京", "王芳"),
        ("王芳", "王"),
        ("王芳", "芳"),
        ("王芳", "王 芳"),
        ("佐藤 ゆかり", "佐藤ゆかり"),
        ("佐藤　健", "佐藤健"),
        ("マイケル・ジャクソン", "マイケルジャクソン"),
        ("ｻﾄｳ", "さとう"),
        ("김민수", "민수"),
        ("김 민수", "김민수"),
        ("ကျော်စွာ", "ကျော်"),
        ("สํานักงาน", "สํานัก"),
        ("ज़रीना", "जरीना"),
        ("Anna王芳", "anna"),
        ("Anna王芳", "王芳"),
    ],
)
def test_a_name_is_found_however_it_is_typed(
    keep: Keep, finds: Finds, written: str, typed: str
) -> None:
    row = keep({"name": written})
    keep({"name": "Somebody else", "note": "其他人 другой คนอื่น آخر"})
    assert finds(typed) == [row]


@pytest.mark.parametrize(
    ("family", "given", "typed"),
    [
        ("王", "芳", "王芳"),
        ("王", "小芳", "王小芳"),
        ("佐藤", "健", "佐藤健"),
        ("김", "민수", "김민수"),
        ("ตระกูลบุญ", "สิริรัตน์", "สิริรัตน์ตระกูลบุญ"),
    ],
)
def test_a_name_stored_in_two_fields_is_found_as_one(
    keep: Keep, finds: Finds, family: str, given: str, typed: str
) -> None:
    row = keep({"person": {"forename": given, "name": family, "sex": "F"}})
    keep({"person": {"forename": "其他", "name": "人"}, "note": family})
    assert finds(typed) == [row]


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("+30 694 123 4567", "+306941234567"),
        ("+306941234567", "+30 694 123 4567"),
        ("+30 (694) 123-4567", "694 1234567"),
        ("+30 694 1234567", "0030 694 1234567"),
        ("+306941234567", "0694 1234567"),
        ("0694 1234567", "+30 694 1234567"),
        ("+30 (0)694 1234567", "+306941234567"),
        ("+306941234567", "6941234567"),
        ("tel. +306941234567", "tel 694 1234567"),
        ("AB 123456", "AB123456"),
        ("AB123456", "ab 123 456"),
        ("AB-123456", "AB 123456"),
        ("AB123456", "123456"),
        ("passport AB 123456 of Greece", "AB123456"),
        ("B-MW 1234", "bmw1234"),
        ("12-AB-34", "12ab34"),
        ("GR16 0110 1250 0000 0001 2300 695", "GR1601101250000000012300695"),
        ("GR1601101250000000012300695", "GR16 0110 1250 0000 0001 2300 695"),
        ("1992-10-12", "12.10.1992"),
        ("1992-10-12", "19921012"),
        ("٠٦٩٤١٢٣٤٥٦٧", "0694 1234567"),
    ],
)
def test_a_number_is_found_with_and_without_separators(
    keep: Keep, finds: Finds, written: str, typed: str
) -> None:
    row = keep({"number": written})
    keep({"number": "+49 30 7654321", "document": "XY 987654"})
    assert finds(typed) == [row]


def test_a_number_given_behind_other_words_is_found(keep: Keep, finds: Finds) -> None:
    row = keep({"document": "AB123456", "name": "Li Wei"})
    keep({"name": "Li Wei"})
    assert finds("li AB 123 456") == [row]


@pytest.mark.parametrize(
    "typed", ["anna.schmidt@mail.example", "schmidt@mail", "annaschmidt", "mail.example"]
)
def test_a_mail_address_is_found(keep: Keep, finds: Finds, typed: str) -> None:
    row = keep({"account": "Anna.Schmidt@mail.example"})
    keep({"account": "other@post.test"})
    assert finds(typed) == [row]


@pytest.mark.parametrize("typed", ["@dark_angel77", "dark angel", "darkangel77", "DARK-ANGEL"])
def test_a_handle_is_found(keep: Keep, finds: Finds, typed: str) -> None:
    row = keep({"account": "https://chat.example/@dark_angel77"})
    keep({"account": "@bright_day"})
    assert finds(typed) == [row]


def test_words_may_come_in_any_order(keep: Keep, finds: Finds) -> None:
    row = keep({"name": "Popescu", "forename": "Ioana Maria"})
    assert finds("maria popescu ioana") == [row]


def test_all_words_must_occur(keep: Keep, finds: Finds) -> None:
    keep({"name": "Popescu", "forename": "Ioana"})
    assert finds("popescu elena") == []


def test_the_last_word_may_be_unfinished_and_others_may_not(keep: Keep, finds: Finds) -> None:
    row = keep({"name": "Popescu", "forename": "Ioana"})
    assert finds("ioana pope") == [row]
    assert finds("pope ioana") == []


def test_the_whole_word_ranks_before_its_beginnings(keep: Keep, finds: Finds) -> None:
    keep({"name": "Annabella"})
    exact = keep({"name": "Anna"})
    keep({"name": "Annabeth"})
    assert finds("anna")[0] == exact


def test_codes_and_nested_strings_are_found_and_keys_are_not(keep: Keep, finds: Finds) -> None:
    row = keep({"persons": [{"status": "MISSING", "marks": ["scar on left hand"]}], "height": 184})
    assert finds("missing scar") == [row]
    assert finds("persons") == []
    assert finds("status") == []


def test_a_phrase_does_not_reach_across_two_runs(keep: Keep, finds: Finds) -> None:
    keep({"note": "他姓王。芳是花, 这个案件的说明很长所以不会被当作名字"})
    assert finds("王芳") == []


@pytest.mark.parametrize("state", ["superseded", "refused", "expired"])
def test_what_is_no_longer_current_stays_findable(store: ProfileStore, state: str) -> None:
    first = queue(store.outbox, "first", notice={"title": "Rotterdam"})
    if state == "superseded":
        send(store.outbox, first, 1)
        send(store.outbox, queue(store.outbox, "second", supersedes=["first"]), 2)
    elif state == "refused":
        store.outbox.set_refused(first, refusal())
    store.search.index(10)
    (row,) = store.inbox.rows(store.search.search("rotterdam", 10, NOW + 1000 * HOUR))
    assert row.state == ("queued" if state == "expired" else state)


def test_what_is_not_valid_yet_is_not_found_unless_it_is_our_own(
    store: ProfileStore, keep: Keep, finds: Finds
) -> None:
    later = keep({"title": "Rotterdam"}, valid_from=NOW + HOUR)
    queue(store.outbox, "own", notice={"title": "Rotterdam"}, valid_from=NOW + HOUR)
    assert [row.originator for row in store.inbox.rows(finds("rotterdam"))] == [AGENCY]
    assert later in store.search.search("rotterdam", 10, NOW + HOUR)


def test_the_lag_of_the_index_is_visible_and_bounded_work_shrinks_it(
    store: ProfileStore, keep: Keep
) -> None:
    for number in range(5):
        keep({"title": f"Harbour {number}"})
    assert store.search.waiting() == 5
    assert store.search.search("harbour", 10, NOW) == ()
    assert store.search.index(2) == 2
    assert store.search.waiting() == 3
    assert len(store.search.search("harbour", 10, NOW)) == 2
    assert store.search.index(100) == 3
    assert store.search.index(100) == 0


def test_two_indexers_at_once_index_each_notice_once(store: ProfileStore, keep: Keep) -> None:
    row = keep({"title": "Harbour"})
    folded = [(row, index_text({"title": "Harbour"}))]
    assert store.search.index(10) == 1
    with store._database.write() as connection:
        assert write_entries(connection, folded) == 0
    assert list(store.search.search("harbour", 10, NOW)) == [row]


def test_content_that_does_not_decode_does_not_hold_up_the_index(
    store: ProfileStore, keep: Keep
) -> None:
    damaged = keep({"title": "Harbour"})
    with store._database.write() as connection:
        connection.execute(
            text("UPDATE notices SET content = :junk WHERE id = :id"),
            {"junk": b"\xff{", "id": damaged},
        )
    row = keep({"title": "Harbour master"})
    assert store.search.index(10) == 2
    assert list(store.search.search("harbour", 10, NOW)) == [row]


@pytest.mark.parametrize(
    "typed",
    [
        '"',
        "harbour\"' OR 1=1 --",
        "harbour OR",
        "AND NOT harbour",
        "NEAR(harbour, 2)",
        "words:harbour",
        "{words runs}: harbour",
        "harbour*",
        "^harbour",
        "-harbour",
        "harbour + (",
        "harbour); DROP TABLE notices;",
        "harbour\x00x",
        "\ud800harbour",
        "\u202eharbour\u2066",
    ],
)
def test_nothing_typed_is_read_as_an_operator(
    store: ProfileStore, keep: Keep, finds: Finds, typed: str
) -> None:
    keep({"title": "Harbour or near not and"})
    if typed.strip('"'):
        finds(typed)
    assert finds("harbour")
    assert store.inbox.count() == 1


@pytest.mark.parametrize(
    "typed", ["", "   ", "\n\t", "?!", "---", '"" ""', "*", "\u200b", "😀", "\ud800"]
)
def test_a_query_without_a_letter_or_digit_is_refused(store: ProfileStore, typed: str) -> None:
    with pytest.raises(AgencyError, match="no letter or digit") as caught:
        store.search.search(typed, 10, NOW)
    assert caught.value.reason is Reason.INVALID_ARGUMENT
    assert caught.value.metadata == {"field": "words"}


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("x" * (LONGEST_QUERY + 1), f"at most {LONGEST_QUERY} characters, got 401"),
        ("x " * (MOST_WORDS + 1), f"at most {MOST_WORDS} words, got 33"),
    ],
)
def test_a_query_that_asks_for_too_much_is_refused(
    store: ProfileStore, typed: str, message: str
) -> None:
    with pytest.raises(AgencyError, match=message) as caught:
        store.search.search(typed, 10, NOW)
    assert caught.value.reason is Reason.INVALID_ARGUMENT


def test_the_largest_query_allowed_is_answered(keep: Keep, finds: Finds) -> None:
    keep({"title": "a"})
    assert finds("1 2 3 a b c " * 5) == []
    assert finds("王" * LONGEST_QUERY) == []
    assert finds("a-" * (LONGEST_QUERY // 2)) != []


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(store: ProfileStore, limit: int) -> None:
    with pytest.raises(AgencyError, match="expected at least 1") as caught:
        store.search.search("x", limit, NOW)
    assert caught.value.reason is Reason.INVALID_ARGUMENT


def test_the_limit_is_kept(keep: Keep, store: ProfileStore) -> None:
    for number in range(4):
        keep({"title": f"Harbour {number}"})
    store.search.index(10)
    assert len(store.search.search("harbour", 3, NOW)) == 3


def test_the_index_survives_reopening(folder: Any, keep: Keep, finds: Finds) -> None:
    row = keep({"title": "Harbour"})
    assert finds("harbour") == [row]
    again = ProfileStore(folder, KEY, AGENCY)
    try:
        assert list(again.search.search("harbour", 10, NOW)) == [row]
    finally:
        again.close()
