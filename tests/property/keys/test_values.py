# SPDX-License-Identifier: Apache-2.0
"""Each signed value has one encoding; bytes that are none are refused with the value's own error.

Encodings are changed by cutting, inserting, overwriting, and swapping neighbouring items.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from keys.entries import decode_content, encode_content
from keys.envelope import (
    AttachmentRef,
    FrameHeader,
    NoticeHeader,
    NoticeRef,
    Recipient,
    RuleBookRef,
    Statement,
    TreeHead,
)
from keys.errors import (
    DirectoryError,
    EnvelopeError,
    FramingError,
    LeafError,
    SignatureError,
    TrustError,
)
from keys.framing import listed, unlisted
from keys.grants import Grant
from keys.letters import Letter, LetterHeader
from keys.logleaf import LeafBody
from keys.marking import Marking
from keys.recalls import Recall
from keys.recipients import EncryptionKey
from keys.signing import Keyset
from tests.property.keys import strategies


class Codec(NamedTuple):
    """How values of one kind are drawn, written and read, and what refuses their bytes."""

    values: st.SearchStrategy[Any]
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    error: type[TrustError]


def codec(
    kind: Any, values: st.SearchStrategy[Any], error: type[TrustError] = EnvelopeError
) -> Codec:
    """Return the codec of a class with `encode` and `decode`."""
    return Codec(values, kind.encode, kind.decode, error)


CODECS = {
    "marking": codec(Marking, strategies.MARKINGS),
    "frame header": codec(FrameHeader, strategies.FRAME_HEADERS),
    "notice header": codec(NoticeHeader, strategies.NOTICE_HEADERS),
    "notice reference": codec(NoticeRef, strategies.NOTICE_REFS),
    "attachment reference": codec(AttachmentRef, strategies.ATTACHMENT_REFS),
    "recipient": codec(Recipient, strategies.RECIPIENTS),
    "statement": codec(Statement, strategies.STATEMENTS),
    "grant": codec(Grant, strategies.GRANTS),
    "recall": codec(Recall, strategies.RECALLS),
    "letter header": codec(LetterHeader, strategies.LETTER_HEADERS),
    "letter": codec(Letter, strategies.LETTERS),
    "tree head": codec(TreeHead, strategies.TREE_HEADS),
    "rule book": codec(RuleBookRef, strategies.RULE_BOOK_REFS),
    "keyset": codec(Keyset, strategies.KEYSETS, SignatureError),
    "encryption key": codec(EncryptionKey, strategies.ENCRYPTION_KEYS),
    "log leaf": codec(LeafBody, strategies.LEAF_BODIES, LeafError),
    "directory entry": Codec(strategies.ENTRIES, encode_content, decode_content, DirectoryError),
}

kinds = pytest.mark.parametrize("kind", CODECS)


@kinds
@given(data=st.data())
def test_a_value_reads_back(kind: str, data: st.DataObject) -> None:
    values, encode, decode, _ = CODECS[kind]
    value = data.draw(values)
    assert decode(encode(value)) == value


@kinds
@given(data=st.data())
def test_different_values_have_different_bytes(kind: str, data: st.DataObject) -> None:
    values, encode, _, _ = CODECS[kind]
    one, other = data.draw(values), data.draw(values)
    assert (encode(one) == encode(other)) == (one == other)


@kinds
@given(data=st.data())
def test_changed_bytes_are_refused_or_are_another_value(kind: str, data: st.DataObject) -> None:
    values, encode, decode, error = CODECS[kind]
    value = data.draw(values)
    whole = encode(value)
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 8)))
    changed = whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:]
    assume(changed != whole)
    try:
        read = decode(changed)
    except error:
        return
    assert read != value
    assert encode(read) == changed


@kinds
@given(data=st.data())
def test_items_in_another_order_are_refused_or_are_another_value(
    kind: str, data: st.DataObject
) -> None:
    values, encode, decode, error = CODECS[kind]
    value = data.draw(values)
    items = unlisted(encode(value))
    place = data.draw(st.integers(0, len(items) - 2))
    items[place], items[place + 1] = items[place + 1], items[place]
    changed = listed(items)
    assume(changed != encode(value))
    try:
        read = decode(changed)
    except error:
        return
    assert encode(read) == changed


@kinds
@given(data=st.data())
def test_what_stands_in_a_list_in_another_order_is_refused_or_another_value(
    kind: str, data: st.DataObject
) -> None:
    values, encode, decode, error = CODECS[kind]
    items = unlisted(encode(data.draw(values)))
    place = data.draw(st.integers(0, len(items) - 1))
    try:
        inner = unlisted(items[place])
    except FramingError:
        return
    assume(len(inner) > 1)
    items[place] = listed(data.draw(st.permutations(inner)))
    changed = listed(items)
    try:
        read = decode(changed)
    except error:
        return
    assert encode(read) == changed


@kinds
@given(junk=st.binary(max_size=200))
def test_junk_is_refused_or_is_a_value(kind: str, junk: bytes) -> None:
    _, encode, decode, error = CODECS[kind]
    try:
        read = decode(junk)
    except error:
        return
    assert encode(read) == junk


@kinds
@given(items=st.lists(st.binary(max_size=40), max_size=15), data=st.data())
def test_well_framed_junk_under_the_right_label_is_refused_or_is_a_value(
    kind: str, items: list[bytes], data: st.DataObject
) -> None:
    values, encode, decode, error = CODECS[kind]
    right = unlisted(encode(data.draw(values)))
    mixed = [
        data.draw(st.sampled_from([own, junk]))
        for own, junk in zip(right, [*items, *[b""] * len(right)], strict=False)
    ]
    framed = listed([right[0], *mixed[1:]])
    try:
        read = decode(framed)
    except error:
        return
    assert encode(read) == framed
