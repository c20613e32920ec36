# SPDX-License-Identifier: Apache-2.0
"""Public encryption keys: form, and the time in which they may be sealed to."""

from dataclasses import replace
from typing import Any

import pytest

from keys.errors import EnvelopeError, Reason
from keys.framing import listed, unlisted
from keys.recipients import PUBLIC_KEY_BYTES, EncryptionKey

KEY = EncryptionKey(key_id="k", public=bytes(PUBLIC_KEY_BYTES), valid_from=10, valid_until=20)


def test_a_key_reads_back() -> None:
    assert EncryptionKey.decode(KEY.encode()) == KEY


@pytest.mark.parametrize(("time_ms", "valid"), [(9, False), (10, True), (19, True), (20, False)])
def test_a_key_is_valid_from_its_first_instant_up_to_its_last(time_ms: int, valid: bool) -> None:
    assert KEY.is_valid_at(time_ms) is valid


@pytest.mark.parametrize(
    "changes",
    [
        {"key_id": ""},
        {"key_id": "a b"},
        {"public": bytes(PUBLIC_KEY_BYTES - 1)},
        {"public": bytes(32)},
        {"valid_from": -1},
        {"valid_until": 2**60},
        {"valid_until": 10},
        {"valid_from": 21},
    ],
)
def test_a_malformed_key_does_not_exist(changes: dict[str, Any]) -> None:
    with pytest.raises(EnvelopeError) as refused:
        replace(KEY, **changes)
    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("place", range(5))
def test_key_bytes_with_a_byte_more_in_any_item_are_refused(place: int) -> None:
    items = unlisted(KEY.encode())
    items[place] += b"\x00"
    with pytest.raises(EnvelopeError):
        EncryptionKey.decode(listed(items))


def test_truncated_and_extended_key_bytes_are_refused() -> None:
    for data in (KEY.encode()[:-1], KEY.encode() + b"\x00", b"", KEY.encode() + bytes(4)):
        with pytest.raises(EnvelopeError):
            EncryptionKey.decode(data)
