# SPDX-License-Identifier: Apache-2.0
"""Framing: what is written, and all that a reader refuses."""

import pytest

from keys.errors import EnvelopeError, FramingError, Reason
from keys.framing import (
    framed,
    label_of,
    listed,
    read_bytes,
    read_flag,
    read_text,
    read_uint,
    refusing,
    u8,
    u16,
    u32,
    u64,
    unframe,
    unlisted,
)

LABEL = "tocsin/example/v1"


def test_every_item_has_its_length_before_it() -> None:
    assert listed([b"ab", b""]) == b"\x00\x00\x00\x02ab\x00\x00\x00\x00"
    assert framed("x", b"ab") == b"\x00\x00\x00\x01x\x00\x00\x00\x02ab"


def test_what_is_framed_reads_back() -> None:
    assert unframe(LABEL, framed(LABEL, b"one", b"", b"three"), 3) == [b"one", b"", b"three"]
    assert unframe(LABEL, framed(LABEL)) == []
    assert unlisted(b"") == []


def test_moving_a_byte_between_items_gives_other_bytes() -> None:
    assert framed(LABEL, b"ab", b"c") != framed(LABEL, b"a", b"bc")
    assert framed(LABEL, b"abc") != framed(LABEL, b"abc", b"")
    assert framed(LABEL, listed([b"a", b"b"])) != framed(LABEL, b"a", b"b")


@pytest.mark.parametrize("cut", range(len(framed(LABEL, b"one", b"two"))))
def test_no_beginning_of_framed_bytes_reads_as_the_whole(cut: int) -> None:
    with pytest.raises(FramingError) as refused:
        unframe(LABEL, framed(LABEL, b"one", b"two")[:cut], 2)
    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("tail", [b"\x00", b"\x00\x00\x00", b"\x00\x00\x00\x01", b"\xff" * 4])
def test_bytes_after_the_last_item_are_refused(tail: bytes) -> None:
    with pytest.raises(FramingError, match="item 3 runs past the end"):
        unframe(LABEL, framed(LABEL, b"one", b"two") + tail, 2)


def test_another_number_of_items_is_refused() -> None:
    data = framed(LABEL, b"one", b"two")
    for count in (0, 1, 3):
        with pytest.raises(FramingError, match=f"has 2 items, expected {count}"):
            unframe(LABEL, data, count)


@pytest.mark.parametrize("other", ["tocsin/example/v2", "tocsin/example", "", "TOCSIN/EXAMPLE/V1"])
def test_another_label_is_refused(other: str) -> None:
    with pytest.raises(FramingError, match="label is not tocsin/example/v1"):
        unframe(LABEL, framed(other, b"one"))


def test_a_length_of_four_gibibytes_is_refused_without_reading_on() -> None:
    with pytest.raises(FramingError, match="item 0 runs past the end"):
        unlisted(b"\xff\xff\xff\xffx")


def test_the_label_is_found_before_the_rest_is_read() -> None:
    assert label_of(framed(LABEL, b"one")[:-1]) == LABEL


@pytest.mark.parametrize(
    "data", [b"", b"\x00\x00\x00", b"\x00\x00\x00\x02a", b"\x00\x00\x00\x01\xc3"]
)
def test_bytes_without_a_label_have_none(data: bytes) -> None:
    with pytest.raises(FramingError, match="no label"):
        label_of(data)


def test_integers_are_big_endian_and_of_fixed_width() -> None:
    assert (u8(1), u16(1), u32(1)) == (b"\x01", b"\x00\x01", b"\x00\x00\x00\x01")
    assert u64(2**64 - 1) == b"\xff" * 8
    assert read_uint(u64(2**63), 8) == 2**63


@pytest.mark.parametrize("value", [-1, 2**64])
def test_an_integer_that_does_not_fit_is_refused(value: int) -> None:
    with pytest.raises(FramingError, match="does not fit 8 bytes"):
        u64(value)


@pytest.mark.parametrize("item", [b"", b"\x01", b"\x00" * 7, b"\x00" * 9])
def test_an_integer_of_another_width_is_refused(item: bytes) -> None:
    with pytest.raises(FramingError, match="expected 8"):
        read_uint(item, 8)


@pytest.mark.parametrize("item", [b"", b"\x02", b"\xff", b"\x00\x00", b"\x00\x01"])
def test_a_flag_is_one_byte_of_0_or_1(item: bytes) -> None:
    assert read_flag(b"\x01")
    assert not read_flag(b"\x00")
    with pytest.raises(FramingError, match="flag is neither 0 nor 1"):
        read_flag(item)


@pytest.mark.parametrize(
    "item", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\xe2\x82"]
)
def test_text_that_is_not_utf8_is_refused(item: bytes) -> None:
    with pytest.raises(FramingError, match="text is not UTF-8"):
        read_text(item)


def test_bytes_of_another_length_are_refused() -> None:
    assert read_bytes(b"ab", 2) == b"ab"
    for width in (1, 3):
        with pytest.raises(FramingError, match=f"expected {width}"):
            read_bytes(b"ab", width)


def test_refusing_keeps_reason_and_detail_and_nothing_else() -> None:
    @refusing(EnvelopeError)
    def read(item: bytes) -> int:
        return read_uint(item, 2)

    assert read(b"\x00\x07") == 7
    with pytest.raises(EnvelopeError) as refused:
        read(b"\x07")
    assert refused.value.reason is Reason.MALFORMED
    assert refused.value.detail == "integer has 1 bytes, expected 2"
    assert refused.value.__cause__ is None
