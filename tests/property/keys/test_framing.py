# SPDX-License-Identifier: Apache-2.0
"""Framing is injective, reads back, and reads nothing that the writer would not have written."""

from hypothesis import example, given
from hypothesis import strategies as st

from keys.errors import FramingError
from keys.framing import (
    framed,
    label_of,
    listed,
    read_flag,
    read_text,
    read_uint,
    text,
    u8,
    u16,
    u32,
    u64,
    unframe,
    unlisted,
)

ITEMS = st.lists(st.binary(max_size=40), max_size=6)
LABELS = st.text(st.characters(max_codepoint=0x7F), max_size=20)


@given(LABELS, ITEMS)
def test_what_is_framed_reads_back(label: str, items: list[bytes]) -> None:
    data = framed(label, *items)
    assert unframe(label, data, len(items)) == items
    assert unframe(label, data) == items
    assert label_of(data) == label


@given(LABELS, ITEMS, LABELS, ITEMS)
@example("a", [b"bc"], "ab", [b"c"])
@example("", [b"", b""], "", [b""])
def test_different_items_have_different_bytes(
    label: str, items: list[bytes], other_label: str, others: list[bytes]
) -> None:
    same = framed(label, *items) == framed(other_label, *others)
    assert same == ((label, items) == (other_label, others))


@given(st.lists(ITEMS, max_size=4), st.lists(ITEMS, max_size=4))
def test_nested_lists_are_injective_too(one: list[list[bytes]], other: list[list[bytes]]) -> None:
    same = listed(map(listed, one)) == listed(map(listed, other))
    assert same == (one == other)


@given(st.binary(max_size=80))
def test_any_bytes_are_refused_or_are_what_the_writer_writes(data: bytes) -> None:
    try:
        items = unlisted(data)
    except FramingError:
        return
    assert listed(items) == data


@given(ITEMS, st.data())
def test_framed_bytes_with_something_changed_are_refused_or_are_other_items(
    items: list[bytes], data: st.DataObject
) -> None:
    whole = listed(items)
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    changed = whole[:start] + data.draw(st.binary(max_size=6)) + whole[end:]
    try:
        read = unlisted(changed)
    except FramingError:
        return
    assert listed(read) == changed
    assert (read == items) == (changed == whole)


@given(ITEMS, ITEMS)
def test_no_framed_bytes_begin_others_of_the_same_number_of_items(
    items: list[bytes], others: list[bytes]
) -> None:
    one, other = listed(items), listed(others)
    if len(items) == len(others) and one != other:
        assert not other.startswith(one)


@given(st.integers(-(2**70), 2**70))
def test_an_integer_reads_back_or_does_not_fit(value: int) -> None:
    for write, width in ((u8, 1), (u16, 2), (u32, 4), (u64, 8)):
        if 0 <= value < 1 << 8 * width:
            assert read_uint(write(value), width) == value
            continue
        try:
            write(value)
        except FramingError:
            continue
        raise AssertionError(value)


@given(st.binary(max_size=9))
def test_an_item_is_one_integer_one_flag_and_one_text_or_none(item: bytes) -> None:
    for read, write in (
        (lambda raw: read_uint(raw, 8), u64),
        (read_flag, u8),
        (read_text, text),
    ):
        try:
            value = read(item)
        except FramingError:
            continue
        assert write(value) == item  # type: ignore[arg-type]


@given(st.text(st.characters(), max_size=20))
def test_any_text_is_written_and_read_back_or_is_no_text(value: str) -> None:
    try:
        written = text(value)
    except FramingError:
        assert any("\ud800" <= character <= "\udfff" for character in value)
        return
    assert read_text(written) == value
