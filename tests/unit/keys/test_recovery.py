# SPDX-License-Identifier: Apache-2.0
"""A recovery copy opens with the recovery secret and under its own head, and not otherwise."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from keys.errors import KeyFileError, Reason
from keys.framing import framed, u8, u16, u64
from keys.recovery import RecoveryCopy, RecoveryKey, ShareSet, open_copy, seal_copy

SECRET = bytes(range(32))
SET = ShareSet(number=12_345, needed=2, shares=3, made_at=1_700_000_000_000)
HELD: Mapping[str, bytes] = {"gateway.key": b"g" * 40, "store.key": b"s" * 32}


@pytest.fixture(scope="module")
def key() -> RecoveryKey:
    return RecoveryKey.of(SECRET, SET)


@pytest.fixture(scope="module")
def copy(key: RecoveryKey) -> RecoveryCopy:
    return seal_copy(key, HELD, agency="gr-pol", request_digest=b"d" * 32, now=1_700_000_100_000)


def refusal(copy: RecoveryCopy, secret: bytes = SECRET) -> tuple[Reason, str]:
    with pytest.raises(KeyFileError) as caught:
        open_copy(copy, secret)
    return caught.value.reason, caught.value.detail


def test_the_secrets_come_back_with_the_recovery_secret(copy: RecoveryCopy) -> None:
    assert open_copy(RecoveryCopy.decode(copy.encode()), SECRET) == HELD


def test_the_key_comes_back_from_the_key_file(key: RecoveryKey) -> None:
    assert RecoveryKey.decode(key.encode()) == key


def test_the_copy_shows_no_secret_and_not_to_whom_it_is_sealed(
    copy: RecoveryCopy, key: RecoveryKey
) -> None:
    data = copy.encode()
    for text in (b"g" * 8, b"s" * 8, b"store.key", key.public[:32], key.public[-32:]):
        assert text not in data


def test_the_same_secret_gives_the_same_key_and_no_two_copies_are_alike(
    copy: RecoveryCopy, key: RecoveryKey
) -> None:
    again = RecoveryKey.of(SECRET, SET)
    other = seal_copy(again, HELD, agency="gr-pol", request_digest=b"d" * 32, now=copy.copied_at)
    assert again == key
    assert other.sealed != copy.sealed
    assert open_copy(other, SECRET) == HELD


def test_another_secret_opens_nothing(copy: RecoveryCopy) -> None:
    told = (Reason.KEY_FILE_INVALID, "the recovery copy does not open with these shares")
    assert refusal(copy, bytes(32)) == told


@pytest.mark.must("KEYFILE-5")
@pytest.mark.parametrize(
    "changed",
    [
        {"agency": "bg-pol"},
        {"share_set": replace(SET, number=1)},
        {"share_set": replace(SET, needed=3)},
        {"share_set": replace(SET, made_at=1)},
        {"copied_at": 1_700_000_100_001},
        {"request_digest": bytes(32)},
    ],
)
def test_nothing_opens_under_another_head(copy: RecoveryCopy, changed: dict[str, object]) -> None:
    assert refusal(replace(copy, **changed))[0] is Reason.KEY_FILE_INVALID  # type: ignore[arg-type]


@pytest.mark.parametrize("place", [0, 500, -1])
def test_a_changed_byte_is_refused(copy: RecoveryCopy, place: int) -> None:
    changed = bytearray(copy.sealed)
    changed[place] ^= 1
    assert refusal(replace(copy, sealed=bytes(changed)))[0] is Reason.KEY_FILE_INVALID


def test_a_secret_of_another_length_is_refused(copy: RecoveryCopy) -> None:
    assert refusal(copy, bytes(16))[0] is Reason.MALFORMED


def test_what_is_sealed_must_be_secrets(key: RecoveryKey, copy: RecoveryCopy) -> None:
    from keys.hpke import seal_to  # noqa: PLC0415 - only to seal what no key file holds

    nonsense = replace(copy, sealed=seal_to(key.public, copy.info(), b"nonsense"))
    assert refusal(nonsense)[0] is Reason.MALFORMED


@pytest.mark.parametrize("data", [b"", b"nonsense", framed("tocsin/key-file/v1", b"agency")])
def test_what_is_no_copy_is_refused(data: bytes) -> None:
    with pytest.raises(KeyFileError):
        RecoveryCopy.decode(data)


@pytest.mark.parametrize(
    ("number", "needed", "shares"), [(1, 1, 3), (1, 4, 3), (1, 2, 17), (1 << 15, 2, 3)]
)
def test_a_set_that_cannot_be_is_refused(number: int, needed: int, shares: int) -> None:
    with pytest.raises(KeyFileError) as caught:
        ShareSet(number=number, needed=needed, shares=shares, made_at=1)
    assert caught.value.reason is Reason.KEY_FILE_INVALID
    items = (u16(number), u8(needed), u8(shares), u64(1))
    with pytest.raises(KeyFileError):
        RecoveryKey.decode(framed("tocsin/recovery-set/v1", *items, bytes(1216)))


def test_a_key_that_cannot_be_sealed_to_is_refused() -> None:
    with pytest.raises(KeyFileError):
        RecoveryKey(share_set=SET, public=bytes(1215))
    broken = RecoveryKey(share_set=SET, public=b"\xff" * 1216)
    with pytest.raises(KeyFileError) as caught:
        seal_copy(broken, HELD, agency="gr-pol", request_digest=bytes(32), now=1)
    assert caught.value.reason is Reason.KEY_FILE_INVALID
