# SPDX-License-Identifier: Apache-2.0
"""Wraps: what may be wrapped, to what keys, and what the context binds."""

import pytest

from keys.errors import EnvelopeError, OpenError, Reason
from keys.framing import framed, sha256
from keys.hpke import WRAP_BYTES, load_public, wrap, wrap_info
from keys.identities import DecryptionKey

SECRET = b"s" * 32
KEY = DecryptionKey(key_id="k", seed=sha256(b"one"))
PUBLIC = KEY.public(valid_from=0, valid_until=1).public
INFO = wrap_info(sha256(b"header"), "ro-pol", "k")


def test_a_wrap_has_one_length_and_is_never_the_same_twice() -> None:
    first, second = wrap(PUBLIC, INFO, SECRET), wrap(PUBLIC, INFO, SECRET)
    assert len(first) == len(second) == WRAP_BYTES
    assert first != second
    assert KEY.unwrap(first, INFO) == KEY.unwrap(second, INFO) == SECRET


def test_the_info_names_frame_agency_and_key() -> None:
    digest = sha256(b"header")
    assert framed("tocsin/wrap/v1", digest, b"ro-pol", b"k") == INFO
    others = {
        wrap_info(sha256(b"other"), "ro-pol", "k"),
        wrap_info(digest, "gr-pol", "k"),
        wrap_info(digest, "ro-pol", "l"),
    }
    wrapped = wrap(PUBLIC, INFO, SECRET)
    for other in (*others, b"", INFO + b"\x00"):
        with pytest.raises(OpenError) as refused:
            KEY.unwrap(wrapped, other)
        assert refused.value.reason is Reason.WRAP_INVALID


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_only_secrets_of_32_bytes_are_wrapped(length: int) -> None:
    with pytest.raises(EnvelopeError) as refused:
        wrap(PUBLIC, INFO, bytes(length))
    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.parametrize(
    "public",
    [
        b"",
        PUBLIC[:-1],
        PUBLIC + b"\x00",
        PUBLIC[1184:],
        b"\xff" * 1184 + PUBLIC[1184:],
    ],
    ids=["empty", "short", "long", "X25519 alone", "ML-KEM part not canonical"],
)
def test_what_is_no_key_is_not_wrapped_to(public: bytes) -> None:
    with pytest.raises(EnvelopeError) as refused:
        wrap(public, INFO, SECRET)
    assert refused.value.reason is Reason.KEY_INVALID


@pytest.mark.parametrize("point", [0, 1, 2**255 - 19, 2**255 - 20])
def test_an_x25519_point_of_low_order_is_not_wrapped_to(point: int) -> None:
    public = PUBLIC[:1184] + point.to_bytes(32, "little")
    with pytest.raises(EnvelopeError) as refused:
        wrap(public, INFO, SECRET)
    assert refused.value.reason is Reason.KEY_INVALID


def test_a_key_that_does_not_load_is_refused_again_the_second_time() -> None:
    for _ in range(2):
        with pytest.raises(EnvelopeError):
            load_public(PUBLIC[:-1])
    assert load_public(PUBLIC) is load_public(PUBLIC)
