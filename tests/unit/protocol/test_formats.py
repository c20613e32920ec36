# SPDX-License-Identifier: Apache-2.0
"""Requirements on every format alike: framing, ranges, identifiers, codes and times."""

from collections.abc import Callable

import pytest

from keys.directory import SignedEntry
from keys.errors import FramingError, TrustError
from keys.fields import (
    check_agency,
    check_code,
    check_country,
    check_key_id,
    check_label,
    check_time,
    check_topic,
    check_uuid7,
)
from keys.framing import framed, listed, u16, u32, u64, unlisted
from tests.unit.protocol.material import Format, example, formats, nested, refuses, with_item

EVERY = pytest.mark.parametrize("one", formats(), ids=lambda one: one.name)
BIG = 1 << 63


@EVERY
def test_a_good_example_is_read_and_written_again(one: Format) -> None:
    assert one.write(one.read(one.example)) == one.example


@pytest.mark.must("FRAMING-1")
@EVERY
def test_bytes_cut_off_are_refused(one: Format) -> None:
    step = max(1, len(one.example) // 200)
    cuts = [*range(0, len(one.example), step), *range(len(one.example) - 40, len(one.example))]
    assert [cut for cut in cuts if not refuses(one.read, one.example[:cut])] == []


@pytest.mark.must("FRAMING-2")
@EVERY
def test_another_label_is_refused(one: Format) -> None:
    label = unlisted(one.example)[0]
    for other in (label[:-1] + b"2", label.upper(), b"", label + b" ", b"\xff" + label):
        assert refuses(one.read, with_item(one.example, 0, other)), other


@pytest.mark.must("FRAMING-3")
@EVERY
def test_an_item_more_or_fewer_is_refused(one: Format) -> None:
    items = unlisted(one.example)
    assert refuses(one.read, listed([*items, b""]))
    assert refuses(one.read, listed(items[:-1]))
    assert refuses(one.read, one.example + b"\x00")


@pytest.mark.must("FRAMING-4")
@EVERY
def test_an_item_of_another_type_is_refused(one: Format) -> None:
    items = unlisted(one.example)
    for index in one.fixed:
        assert refuses(one.read, with_item(one.example, index, items[index] + b"\x00")), index
        assert refuses(one.read, with_item(one.example, index, items[index][1:])), index
    for index in one.flags:
        for flag in (b"", b"\x02", b"\x00\x01"):
            assert refuses(one.read, with_item(one.example, index, flag)), index
    for index in one.texts:
        for text in (b"\xff", b"A\xc0\x80", b"\xed\xa0\x80"):
            assert refuses(one.read, with_item(one.example, index, text)), index


HEAD_OF_2_63 = listed((u64(BIG), bytes(32)))
DAY = u64(86_400_000)
OUT_OF_RANGE: list[tuple[str, int, bytes]] = [
    ("MARKING", 6, b"anybody"),
    ("MARKING", 7, b"actual"),
    ("MARKING", 10, b""),
    ("FRAME_HEADER", 9, HEAD_OF_2_63),
    ("FRAME_HEADER", 10, HEAD_OF_2_63),
    ("FRAME_HEADER", 11, HEAD_OF_2_63),
    ("HEADER", 3, u64(0)),
    ("HEADER", 6, listed([listed((bytes(16), bytes(32), u64(0)))])),
    ("HEADER", 6, listed([listed((bytes(16), bytes(32), u64((1 << 40) + 1)))])),
    ("RECIPIENT", 4, u64(0)),
    ("RECIPIENT", 4, u64(BIG)),
    ("STATEMENT", 4, u32(0)),
    ("STATEMENT", 4, u32(1001)),
    ("STATEMENT", 6, u32(0)),
    ("STATEMENT", 6, u32(257)),
    ("KEYSET", 5, u64(0)),
    ("ENCRYPTION_KEY", 4, u64(0)),
    ("STEWARD", 3, b""),
    ("STEWARD", 3, bytes(16 * 1024 + 1)),
    ("ROOT", 1, u64(0)),
    ("ROOT", 1, u64(2)),
    ("ROOT", 3, u32(0)),
    ("ROOT", 3, u32(3)),
    ("ROOT", 4, b""),
    ("ROOT", 7, b""),
    ("ROOT", 9, u64(0)),
    ("ROOT", 10, b"\x01" * 32),
    ("ROOT", 11, u64(1)),
    ("AGENCY", 5, b"steward"),
    ("AGENCY", 10, listed([b""])),
    ("AGENCY", 10, listed([b"same", b"same"])),
    ("AGENCY", 10, listed([bytes([at]) for at in range(65)])),
    ("RULE_BOOK", 1, u64(0)),
    ("RULE_BOOK", 1, u64(BIG)),
    ("RULE_BOOK", 3, b"/" * (1 << 20)),
]


@pytest.mark.must("FRAMING-5")
@pytest.mark.parametrize(("name", "index", "item"), OUT_OF_RANGE)
def test_a_value_out_of_its_range_is_refused(name: str, index: int, item: bytes) -> None:
    one = example(name)
    assert refuses(one.read, with_item(one.example, index, item))


@pytest.mark.must("FRAMING-5")
def test_an_entry_beyond_its_size_is_refused() -> None:
    one = example("SIGNED_ENTRY")
    assert refuses(SignedEntry.decode, with_item(one.example, 1, bytes(2 << 20)))


@pytest.mark.must("FRAMING-6")
@EVERY
def test_changed_bytes_are_refused_or_mean_exactly_themselves(one: Format) -> None:
    for place in range(0, len(one.example), max(1, len(one.example) // 500)):
        changed = bytearray(one.example)
        changed[place] ^= 1 << place % 8
        try:
            value = one.read(bytes(changed))
        except TrustError:
            continue
        assert one.write(value) == changed


@pytest.mark.must("SUITE-1")
@pytest.mark.parametrize("suite", [0, 2, 0xFFFF])
def test_another_suite_is_refused(suite: int) -> None:
    one = example("FRAME_HEADER")
    assert refuses(one.read, with_item(one.example, 1, u16(suite)))


TOO_LONG = "a" * 33
FORMS: list[tuple[Callable[[str], None], list[str], list[str]]] = [
    (
        check_agency,
        ["gr-pol", "a0", "-" * 32, "steward"],
        ["", "a", TOO_LONG, "Gr-pol", "gr_pol", "gr pol", "steward-alpha", "gr-pol\n", "ж2"],
    ),
    (
        check_topic,
        ["a", "trafficking/cases", "/".join("a" * 8), "a" * 32],
        ["", "/", "a/", "/a", "a//b", "/".join("a" * 9), TOO_LONG, "A", "a/+", "a/#", "a\n"],
    ),
    (check_key_id, ["2026-11.enc_A", "x" * 64], ["", "x" * 65, "a b", "a/b", "é", "a\n"]),
    (check_code, ["AMBER+STRICT", "a b", "!", "x" * 64], ["", " a", "a ", "x" * 65, "a\tb", "é"]),
    (check_country, ["GR", "XX"], ["", "G", "GRE", "gr", "G1", "GR\n"]),
    (
        check_label,
        ["Ελληνική Αστυνομία", "a", "x" * 200],
        [
            "",
            " a",
            "a ",
            "x" * 201,
            "a\nb",
            "a\x00b",
            "a\u202eb",
            "a\u2066b",
            "a\u200fb",
            "a\uffff",
        ],
    ),
]


@pytest.mark.must("ID-1")
@pytest.mark.parametrize(
    ("check", "good", "bad"), FORMS, ids=lambda one: getattr(one, "__name__", "")
)
def test_identifiers_of_another_form_are_refused(
    check: Callable[[str], None], good: list[str], bad: list[str]
) -> None:
    for value in good:
        check(value)
    for value in bad:
        with pytest.raises(FramingError):
            check(value)


@pytest.mark.must("ID-1")
@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("STATEMENT", 1),
        ("STATEMENT", 2),
        ("RECIPIENT", 1),
        ("RECIPIENT", 2),
        ("FRAME_HEADER", 5),
        ("FRAME_HEADER", 12),
        ("MARKING", 1),
        ("MARKING", 2),
        ("AGENCY", 1),
        ("AGENCY", 2),
        ("AGENCY", 3),
        ("LOCK", 2),
    ],
)
def test_formats_hold_identifiers_to_their_form(name: str, index: int) -> None:
    one = example(name)
    assert refuses(one.read, with_item(one.example, index, b"\x07 bad "))


@pytest.mark.must("ID-2")
@pytest.mark.parametrize("index", [3, 4, 5])
@pytest.mark.parametrize(
    "codes",
    [(b"B", b"A"), (b"A", b"A"), (b"",), tuple(b"%03d" % at for at in range(65))],
    ids=["descending", "twice", "empty", "65"],
)
def test_a_set_of_codes_in_another_form_is_refused(index: int, codes: tuple[bytes, ...]) -> None:
    one = example("MARKING")
    assert refuses(one.read, with_item(one.example, index, listed(codes)))


@pytest.mark.must("ID-3")
def test_times_beyond_the_year_9999_are_refused() -> None:
    check_time(253_402_300_799_999)
    with pytest.raises(FramingError):
        check_time(253_402_300_800_000)
    for name, index in (("FRAME_HEADER", 6), ("HEADER", 3), ("KEYSET", 5), ("LOG_LEAF", 2)):
        one = example(name)
        assert refuses(one.read, with_item(one.example, index, u64(253_402_300_800_000))), name


@pytest.mark.must("ID-4")
def test_a_notice_id_that_is_no_uuid_of_version_7_is_refused() -> None:
    one = example("HEADER")
    good = unlisted(one.example)[1]
    version, variant = bytearray(good), bytearray(good)
    version[6] = version[6] & 0x0F | 0x40
    variant[8] = variant[8] & 0x3F
    for bad in (bytes(version), bytes(variant), bytes(16)):
        with pytest.raises(FramingError):
            check_uuid7(bad)
        assert refuses(one.read, with_item(one.example, 1, bad))


@pytest.mark.must("ENV-1")
@pytest.mark.parametrize("index", [4, 6])
def test_a_reference_twice_or_more_than_64_are_refused(index: int) -> None:
    one = example("HEADER")
    reference = unlisted(unlisted(one.example)[index])[0]
    digest, name = (2, 1) if index == 4 else (1, 0)
    for other in (reference, with_item(reference, digest, b"\x07" * 32)):
        assert refuses(one.read, with_item(one.example, index, listed([reference, other])))
    id_ = unlisted(reference)[name]
    many = [with_item(reference, name, id_[:-1] + bytes([at])) for at in range(65)]
    assert not refuses(one.read, with_item(one.example, index, listed(many[:64])))
    assert refuses(one.read, with_item(one.example, index, listed(many)))


@pytest.mark.must("ENV-2")
def test_only_the_first_of_a_chain_has_no_previous() -> None:
    one = example("RECIPIENT")
    assert refuses(one.read, with_item(one.example, 5, b"\x01" * 32))
    second = with_item(one.example, 4, u64(2))
    assert refuses(one.read, second)
    assert not refuses(one.read, with_item(second, 5, b"\x01" * 32))


def test_the_example_of_the_document_is_right() -> None:
    text = "00000008 746f6373696e2f78 00000001 07 00000002 6162"
    assert framed("tocsin/x", b"\x07", b"ab").hex() == text.replace(" ", "")


def test_nested_lists_are_held_to_their_form() -> None:
    one = example("FRAME_HEADER")
    assert refuses(one.read, nested(one.example, 9, 0, u32(1)))
