# SPDX-License-Identifier: Apache-2.0
"""Requirements of section 4, against a second implementation of PAE and of both halves."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

from keys.errors import Reason, SignatureError
from keys.framing import framed
from keys.signers import SeedSigner
from keys.signing import (
    PAYLOAD_ENTRY,
    PAYLOAD_FRAME,
    PAYLOAD_GRANT,
    PAYLOAD_RECEIPT,
    PAYLOAD_ROOT,
    Keyset,
    verify,
)
from tests.unit.protocol import primitives

SEEDS = bytes(range(32)), bytes(range(32, 64))
SIGNER = SeedSigner(keyset_id="k", ed25519_seed=SEEDS[0], mldsa65_seed=SEEDS[1])
OTHER = SeedSigner(keyset_id="k", ed25519_seed=SEEDS[1], mldsa65_seed=SEEDS[0])
PAYLOAD = b"what is signed"
ED25519, MLDSA65 = (
    Ed25519PrivateKey.from_private_bytes(SEEDS[0]),
    MLDSA65PrivateKey.from_seed_bytes(SEEDS[1]),
)


def keyset(signer: SeedSigner = SIGNER) -> Keyset:
    return signer.public(valid_from=1, valid_until=2)


def refused(signature: bytes, kind: str = PAYLOAD_FRAME, signed: bytes = PAYLOAD) -> None:
    with pytest.raises(SignatureError) as caught:
        verify(keyset(), kind, signed, signature)
    assert caught.value.reason is Reason.SIGNATURE_INVALID


@pytest.mark.must("SIG-1")
def test_a_signature_of_another_length_is_refused() -> None:
    good = SIGNER.sign(PAYLOAD_FRAME, PAYLOAD)
    assert len(good) == 64 + 3309
    for bad in (b"", good[:64], good[:-1], good + b"\x00", good[64:]):
        refused(bad)


@pytest.mark.must("SIG-2")
def test_a_signature_counts_only_with_both_halves_of_one_keyset() -> None:
    good, other = SIGNER.sign(PAYLOAD_FRAME, PAYLOAD), OTHER.sign(PAYLOAD_FRAME, PAYLOAD)
    verify(keyset(), PAYLOAD_FRAME, PAYLOAD, good)
    refused(good[:64] + other[64:])
    refused(other[:64] + good[64:])
    refused(good[:64] + bytes(3309))
    refused(bytes(64) + good[64:])
    refused(good, signed=PAYLOAD + b" ")


@pytest.mark.must("SIG-3")
def test_the_ed25519_half_is_over_the_framed_encoding() -> None:
    message = primitives.pae(PAYLOAD_FRAME, PAYLOAD)
    mldsa65 = MLDSA65.sign(message, context=PAYLOAD_FRAME.encode())
    halves = ED25519.sign(framed("tocsin/hybrid/v1", message))
    verify(keyset(), PAYLOAD_FRAME, PAYLOAD, halves + mldsa65)
    refused(ED25519.sign(message) + mldsa65)
    refused(ED25519.sign(PAYLOAD) + mldsa65)


@pytest.mark.must("SIG-4")
def test_the_mldsa_half_has_the_payload_type_as_its_context() -> None:
    message = primitives.pae(PAYLOAD_FRAME, PAYLOAD)
    ed25519 = ED25519.sign(framed("tocsin/hybrid/v1", message))
    verify(
        keyset(),
        PAYLOAD_FRAME,
        PAYLOAD,
        ed25519 + MLDSA65.sign(message, context=PAYLOAD_FRAME.encode()),
    )
    refused(ed25519 + MLDSA65.sign(message))
    refused(ed25519 + MLDSA65.sign(message, context=PAYLOAD_ROOT.encode()))
    refused(ed25519 + MLDSA65.sign(PAYLOAD, context=PAYLOAD_FRAME.encode()))


@pytest.mark.must("SIG-5")
@pytest.mark.parametrize("kind", [PAYLOAD_ROOT, PAYLOAD_ENTRY, PAYLOAD_GRANT, PAYLOAD_RECEIPT, ""])
def test_a_signature_over_another_kind_is_refused(kind: str) -> None:
    refused(SIGNER.sign(kind, PAYLOAD))


def test_ours_verifies_by_the_second_implementation() -> None:
    signature, held = SIGNER.sign(PAYLOAD_ENTRY, PAYLOAD), keyset()
    primitives.verify(held.encode(), PAYLOAD_ENTRY, PAYLOAD, signature, at=1)
    with pytest.raises(primitives.Refused):
        primitives.verify(held.encode(), PAYLOAD_ROOT, PAYLOAD, signature, at=1)
    with pytest.raises(primitives.Refused):
        primitives.verify(held.encode(), PAYLOAD_ENTRY, PAYLOAD, signature, at=2)
