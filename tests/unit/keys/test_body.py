# SPDX-License-Identifier: Apache-2.0
"""Bodies: derived keys, padding to buckets, encryption that commits to key and place."""

import hashlib
import hmac

import pytest

from keys.body import (
    BUCKETS,
    body_context,
    content_key,
    key_commitment,
    pad,
    padded_length,
    seal_body,
    unpad,
)
from keys.errors import EnvelopeError, OpenError, Reason
from keys.framing import framed, sha256
from keys.opening import open_body

KEY, FRAME, NOTICE = b"k" * 32, sha256(b"frame"), b"notice header"


def test_a_commitment_is_hkdf_expand_of_rfc_5869_over_sha512() -> None:
    info = framed("tocsin/seal-commit/v1", FRAME, bytes(16))
    expected = hmac.digest(KEY, info + b"\x01", hashlib.sha512)[:32]
    assert key_commitment(KEY, FRAME, bytes(16)) == expected


def test_a_content_key_is_hkdf_expand_of_rfc_5869_over_sha512() -> None:
    info = framed("tocsin/content-key/v1", FRAME, sha256(NOTICE))
    expected = hmac.digest(KEY, info + b"\x01", hashlib.sha512)[:32]
    assert content_key(KEY, FRAME, sha256(NOTICE)) == expected


def test_each_notice_of_each_frame_has_a_key_of_its_own() -> None:
    other = sha256(b"other")
    derived = {
        content_key(KEY, FRAME, other),
        content_key(KEY, other, FRAME),
        content_key(b"K" * 32, FRAME, other),
        key_commitment(KEY, FRAME, other[:16]),
    }
    assert len(derived) == 4


@pytest.mark.parametrize("key", [b"", b"k" * 31, b"k" * 33])
def test_a_seal_key_has_32_bytes(key: bytes) -> None:
    with pytest.raises(EnvelopeError, match="expected 32"):
        key_commitment(key, FRAME, bytes(16))
    with pytest.raises(EnvelopeError, match="expected 32"):
        content_key(key, FRAME, FRAME)


@pytest.mark.parametrize(
    ("length", "padded"),
    [
        (0, 1024),
        (1024, 1024),
        (1025, 2048),
        (16385, 65536),
        (65536, 65536),
        (65537, 67584),
        (100_000, 100_352),
        (1_000_000, 1_015_808),
    ],
)
def test_lengths_fall_into_buckets_and_then_into_padme(length: int, padded: int) -> None:
    assert padded_length(length) == padded


def test_padding_adds_at_most_an_eighth_to_a_long_body() -> None:
    for length in range(BUCKETS[-1] + 1, 1 << 21, 997):
        padded = padded_length(length)
        assert length <= padded <= length * 9 // 8
        assert padded_length(padded) == padded


@pytest.mark.parametrize("length", [0, 1, 1020, 1021, 65532, 65533, 70_000])
def test_what_is_padded_comes_back(length: int) -> None:
    content = b"\x00" * (length // 2) + b"\xff" * (length - length // 2)
    assert unpad(pad(content)) == content
    assert len(pad(content)) == padded_length(length + 4)


@pytest.mark.parametrize(
    "padded",
    [
        b"",
        b"\x00\x00\x00",
        pad(b"x")[:-1],
        pad(b"x") + b"\x00",
        pad(b"x") + bytes(1024),
        pad(b"x")[:-1] + b"\x01",
        b"\x00\x00\x00\x01x\x01" + bytes(1018),
        b"\x00\x00\x03\xfd" + bytes(1020),
        b"\xff\xff\xff\xff" + bytes(1020),
        (1).to_bytes(4, "big") + b"x" + bytes(2043),
    ],
    ids=[
        "empty",
        "no length",
        "short",
        "long",
        "next bucket",
        "last byte",
        "first byte",
        "length beyond",
        "4 GiB",
        "too large a bucket",
    ],
)
def test_padding_that_pad_would_not_write_is_refused(padded: bytes) -> None:
    with pytest.raises(EnvelopeError) as refused:
        unpad(padded)
    assert refused.value.reason is Reason.PADDING_INVALID


def test_a_body_opens_with_its_key_in_its_place() -> None:
    body = seal_body(KEY, FRAME, sha256(NOTICE), b"content")
    assert open_body(KEY, FRAME, NOTICE, body) == b"content"


def test_bodies_of_one_bucket_have_one_length() -> None:
    lengths = {len(seal_body(KEY, FRAME, FRAME, bytes(size))) for size in (0, 1, 500, 1020)}
    assert len(lengths) == 1


def test_a_body_is_never_the_same_twice() -> None:
    assert seal_body(KEY, FRAME, FRAME, b"x") != seal_body(KEY, FRAME, FRAME, b"x")


def test_a_body_opens_nowhere_else() -> None:
    body = seal_body(KEY, FRAME, sha256(NOTICE), b"content")
    for key, frame, notice in (
        (b"K" * 32, FRAME, NOTICE),
        (KEY, sha256(b"other"), NOTICE),
        (KEY, FRAME, b"other header"),
        (KEY[:31], FRAME, NOTICE),
        (b"", FRAME, NOTICE),
    ):
        with pytest.raises(OpenError) as refused:
            open_body(key, frame, notice, body)
        assert refused.value.reason is Reason.BODY_INVALID


@pytest.mark.parametrize("cut", [0, 1, 24, 55, 56, 57, 1000])
def test_a_shortened_body_does_not_open(cut: int) -> None:
    body = seal_body(KEY, FRAME, sha256(NOTICE), b"content")
    with pytest.raises(OpenError) as refused:
        open_body(KEY, FRAME, NOTICE, body[:cut])
    assert refused.value.reason is Reason.BODY_INVALID


def test_a_body_with_a_byte_more_does_not_open() -> None:
    body = seal_body(KEY, FRAME, sha256(NOTICE), b"content")
    with pytest.raises(OpenError):
        open_body(KEY, FRAME, NOTICE, body + b"\x00")


def test_a_context_names_frame_and_notice() -> None:
    assert body_context(FRAME, KEY) == framed("tocsin/body/v1", FRAME, KEY)
