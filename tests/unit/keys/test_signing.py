# SPDX-License-Identifier: Apache-2.0
"""Hybrid signatures: both halves, one payload type, one keyset; and keysets as values."""

from dataclasses import replace
from typing import Any

import pytest

from keys.errors import Reason, SignatureError
from keys.framing import framed, listed, sha256, unlisted
from keys.signers import SeedSigner
from keys.signing import (
    PAYLOAD_ENTRY,
    PAYLOAD_FRAME,
    PAYLOAD_GRANT,
    PAYLOAD_RECEIPT,
    PAYLOAD_ROOT,
    SIGNATURE_BYTES,
    Keyset,
    ed25519_input,
    pae,
    verify,
)

TYPES = (PAYLOAD_FRAME, PAYLOAD_ROOT, PAYLOAD_ENTRY, PAYLOAD_GRANT, PAYLOAD_RECEIPT)
PAYLOAD = b"a statement"


def signer_of(name: str) -> SeedSigner:
    return SeedSigner(
        keyset_id=name,
        ed25519_seed=sha256(name.encode()),
        mldsa65_seed=sha256(name.encode() + b"2"),
    )


SIGNER = signer_of("one")
KEYSET = SIGNER.public(valid_from=10, valid_until=20)
SIGNATURE = SIGNER.sign(PAYLOAD_FRAME, PAYLOAD)


def assert_refused(keyset: Keyset, payload_type: str, payload: bytes, signature: bytes) -> None:
    with pytest.raises(SignatureError) as refused:
        verify(keyset, payload_type, payload, signature)
    assert refused.value.reason is Reason.SIGNATURE_INVALID


def test_what_a_keyset_signed_verifies() -> None:
    assert len(SIGNATURE) == SIGNATURE_BYTES
    verify(KEYSET, PAYLOAD_FRAME, PAYLOAD, SIGNATURE)


def test_signing_says_nothing_about_time() -> None:
    expired = SIGNER.public(valid_from=0, valid_until=1)
    verify(expired, PAYLOAD_FRAME, PAYLOAD, SIGNATURE)


def test_another_payload_is_refused() -> None:
    for payload in (b"", PAYLOAD + b"\x00", PAYLOAD[:-1], b"A statement"):
        assert_refused(KEYSET, PAYLOAD_FRAME, payload, SIGNATURE)


@pytest.mark.parametrize("signed_as", TYPES)
def test_a_signature_on_one_kind_of_object_is_none_on_another(signed_as: str) -> None:
    signature = SIGNER.sign(signed_as, PAYLOAD)
    verify(KEYSET, signed_as, PAYLOAD, signature)
    for other in TYPES:
        if other != signed_as:
            assert_refused(KEYSET, other, PAYLOAD, signature)


def test_another_keyset_is_refused() -> None:
    assert_refused(
        signer_of("two").public(valid_from=0, valid_until=1), PAYLOAD_FRAME, PAYLOAD, SIGNATURE
    )


def test_either_half_alone_is_not_enough() -> None:
    other = signer_of("two").sign(PAYLOAD_FRAME, PAYLOAD)
    earlier = SIGNER.sign(PAYLOAD_FRAME, b"another statement")
    for ed25519, mldsa65 in (
        (SIGNATURE[:64], bytes(3309)),
        (bytes(64), SIGNATURE[64:]),
        (SIGNATURE[:64], other[64:]),
        (other[:64], SIGNATURE[64:]),
        (SIGNATURE[:64], earlier[64:]),
        (earlier[:64], SIGNATURE[64:]),
    ):
        assert_refused(KEYSET, PAYLOAD_FRAME, PAYLOAD, ed25519 + mldsa65)


def test_halves_of_two_signatures_on_the_same_payload_both_count() -> None:
    again = SIGNER.sign(PAYLOAD_FRAME, PAYLOAD)
    verify(KEYSET, PAYLOAD_FRAME, PAYLOAD, SIGNATURE[:64] + again[64:])


@pytest.mark.parametrize("length", [0, 64, 3309, SIGNATURE_BYTES - 1, SIGNATURE_BYTES + 1])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    signature = (SIGNATURE + b"\x00")[:length]
    with pytest.raises(SignatureError, match=f"has {length} bytes, expected 3373"):
        verify(KEYSET, PAYLOAD_FRAME, PAYLOAD, signature)


def test_a_keyset_with_one_key_of_another_is_refused() -> None:
    other = signer_of("two").public(valid_from=10, valid_until=20)
    for mixed in (replace(KEYSET, ed25519=other.ed25519), replace(KEYSET, mldsa65=other.mldsa65)):
        assert_refused(mixed, PAYLOAD_FRAME, PAYLOAD, SIGNATURE)


def test_the_ed25519_half_is_no_ed25519_signature_of_the_payload() -> None:
    encoded = pae(PAYLOAD_FRAME, PAYLOAD)
    assert ed25519_input(encoded) == framed("tocsin/hybrid/v1", encoded)
    assert ed25519_input(encoded) != encoded


def test_the_pre_authentication_encoding_does_not_confuse_type_and_payload() -> None:
    assert pae("a", b"b") == b"DSSEv1 1 a 1 b"
    assert pae("", b"") == b"DSSEv1 0  0 "
    encodings = {pae("a", b"b 1 c"), pae("a 1 b", b"c"), pae("a 5 b 1", b"c"), pae("a", b"b 1 c ")}
    assert len(encodings) == 4


def test_length_is_that_of_bytes_not_of_characters() -> None:
    assert pae("a", "ж".encode()) == b"DSSEv1 1 a 2 \xd0\xb6"


def test_a_keyset_reads_back() -> None:
    assert Keyset.decode(KEYSET.encode()) == KEYSET


@pytest.mark.parametrize(("time_ms", "valid"), [(9, False), (10, True), (19, True), (20, False)])
def test_a_keyset_signs_from_its_first_instant_up_to_its_last(time_ms: int, valid: bool) -> None:
    assert KEYSET.is_valid_at(time_ms) is valid


@pytest.mark.parametrize(
    "changes",
    [
        {"keyset_id": ""},
        {"keyset_id": "x" * 65},
        {"ed25519": bytes(31)},
        {"mldsa65": bytes(1951)},
        {"valid_from": -1},
        {"valid_until": 10},
        {"valid_until": 2**63},
    ],
)
def test_a_malformed_keyset_does_not_exist(changes: dict[str, Any]) -> None:
    with pytest.raises(SignatureError) as refused:
        replace(KEYSET, **changes)
    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("place", range(6))
def test_keyset_bytes_with_a_byte_more_in_any_item_are_refused(place: int) -> None:
    items = unlisted(KEYSET.encode())
    items[place] += b"\x00"
    with pytest.raises(SignatureError):
        Keyset.decode(listed(items))


@pytest.mark.parametrize("cut", [0, 10, 100, 2000, -1])
def test_truncated_keyset_bytes_are_refused(cut: int) -> None:
    with pytest.raises(SignatureError):
        Keyset.decode(KEYSET.encode()[:cut])


def test_a_keyset_whose_key_is_not_one_verifies_nothing() -> None:
    not_a_point = replace(KEYSET, ed25519=b"\xff" * 32)
    with pytest.raises(SignatureError):
        verify(not_a_point, PAYLOAD_FRAME, PAYLOAD, SIGNATURE)
