# SPDX-License-Identifier: Apache-2.0
"""Padding and attachments over any content and in any pieces."""

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from keys.attachments import AttachmentSealer
from keys.body import BUCKETS, pad, padded_length, unpad
from keys.envelope import AttachmentRef
from keys.errors import EnvelopeError, OpenError, Reason
from keys.framing import sha256
from keys.opening import AttachmentOpener

FEDERATION, CHUNK = sha256(b"federation"), 16 * 1024
CONTENTS = st.one_of(
    st.binary(max_size=3000),
    st.tuples(st.binary(min_size=1, max_size=5), st.integers(0, 30_000)).map(
        lambda pair: pair[0] * pair[1]
    ),
)
CUTS = st.lists(st.integers(0, 150_000), max_size=8)


def pieces(whole: bytes, cuts: list[int]) -> list[bytes]:
    """Return `whole` in pieces, some of them empty."""
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    return [whole[start:end] for start, end in pairwise(places)]


@given(CONTENTS)
def test_what_is_padded_comes_back(content: bytes) -> None:
    assert unpad(pad(content)) == content


@given(CONTENTS, CONTENTS)
def test_contents_of_one_bucket_cannot_be_told_apart_by_length(one: bytes, other: bytes) -> None:
    same = padded_length(len(one) + 4) == padded_length(len(other) + 4)
    assert same == (len(pad(one)) == len(pad(other)))


@given(st.binary(max_size=3000))
def test_any_bytes_are_refused_or_are_what_pad_writes(padded: bytes) -> None:
    try:
        content = unpad(padded)
    except EnvelopeError:
        return
    assert pad(content) == padded


@given(CONTENTS, st.data())
def test_padding_with_a_byte_changed_is_refused_or_is_another_content(
    content: bytes, data: st.DataObject
) -> None:
    padded = bytearray(pad(content))
    place = data.draw(st.one_of(st.integers(0, 3), st.integers(0, len(padded) - 1)))
    padded[place] ^= data.draw(st.integers(1, 255))
    try:
        read = unpad(bytes(padded))
    except EnvelopeError:
        return
    assert read != content
    assert pad(read) == bytes(padded)


@given(st.integers(0, 1 << 40))
def test_a_padded_length_is_not_shorter_and_stays_as_it_is(length: int) -> None:
    padded = padded_length(length)
    assert padded >= length
    assert padded_length(padded) == padded
    if length > BUCKETS[-1]:
        assert (padded - length) * 8 <= length


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 20))
def test_a_longer_content_is_never_padded_to_less(length: int, more: int) -> None:
    assert padded_length(length) <= padded_length(length + more)


def opened(ciphertext: bytes, cuts: list[int], ref: AttachmentRef, key: bytes) -> bytes:
    opener = AttachmentOpener(FEDERATION, "gr-pol", ref, key)
    plain = b"".join([opener.update(piece) for piece in pieces(ciphertext, cuts)])
    return plain + opener.finalize()


@given(CONTENTS, CUTS, CUTS)
def test_an_attachment_comes_back_whatever_the_pieces(
    content: bytes, sealed_in: list[int], opened_in: list[int]
) -> None:
    sealer = AttachmentSealer(FEDERATION, "gr-pol")
    parts = [sealer.update(piece) for piece in pieces(content, sealed_in)]
    ciphertext = b"".join(parts) + sealer.finalize()
    assert opened(ciphertext, opened_in, sealer.ref, sealer.key) == content
    assert (
        sealer.ref.length == len(ciphertext) == len(content) + 56 + 16 * (len(content) // CHUNK + 1)
    )


@given(CONTENTS, CUTS, st.data())
def test_an_attachment_with_anything_changed_is_refused_whatever_the_header_lists(
    content: bytes, cuts: list[int], data: st.DataObject
) -> None:
    sealer = AttachmentSealer(FEDERATION, "gr-pol")
    ciphertext = sealer.update(content) + sealer.finalize()
    start = data.draw(st.integers(0, len(ciphertext)))
    end = data.draw(st.integers(start, len(ciphertext)))
    changed = ciphertext[:start] + data.draw(st.binary(max_size=20)) + ciphertext[end:]
    assume(changed not in (ciphertext, b""))
    lying = AttachmentRef(id=sealer.id, digest=sha256(changed), length=len(changed))
    for ref in (sealer.ref, lying):
        with pytest.raises(OpenError) as refused:
            opened(changed, cuts, ref, sealer.key)
        assert refused.value.reason is Reason.ATTACHMENT_INVALID
