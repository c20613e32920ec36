# SPDX-License-Identifier: Apache-2.0
"""Both halves of a signature, and what is signed, against what others published.

Ed25519: RFC 8032's reference inputs. ML-DSA-65: NIST's known answers, with contexts. PAE: the
example of DSSE's protocol.md and cases of its testvectors/vectors.json (secure-systems-lab/dsse).
"""

import base64

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey

from keys.errors import Reason, SignatureError
from keys.signers import SeedSigner
from keys.signing import (
    ED25519_SIGNATURE_BYTES,
    MLDSA65_SIGNATURE_BYTES,
    PAYLOAD_FRAME,
    Keyset,
    ed25519_input,
    pae,
    verify,
)
from tests.unit.keys import published

ED25519 = [
    tuple(map(bytes.fromhex, line.split(":")[:4]))
    for line in published.read_text("asymmetric/Ed25519/sign.input").splitlines()
]
MLDSA65 = list(published.read_responses("asymmetric/MLDSA/kat_MLDSA_65_det_pure.rsp"))


def signer(ed25519_seed: bytes, mldsa65_seed: bytes) -> SeedSigner:
    return SeedSigner(keyset_id="k", ed25519_seed=ed25519_seed, mldsa65_seed=mldsa65_seed)


def public(of: SeedSigner) -> Keyset:
    return of.public(valid_from=0, valid_until=1)


def test_there_are_cases_to_check() -> None:
    assert (len(ED25519), len(MLDSA65)) == (1024, 100)


def test_every_ed25519_key_and_signature_is_the_rfcs() -> None:
    for secret, key, message, signed in ED25519:
        seed, signature = secret[:32], signed[:ED25519_SIGNATURE_BYTES]
        private = Ed25519PrivateKey.from_private_bytes(seed)
        assert public(signer(seed, bytes(32))).ed25519 == key
        assert private.sign(message) == signature
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)


def test_every_mldsa65_key_is_nists_and_every_signature_verifies() -> None:
    for case in MLDSA65:
        assert public(signer(bytes(32), case["xi"])).mldsa65 == case["pk"]
        key = MLDSA65PublicKey.from_public_bytes(case["pk"])
        signature = case["sm"][:MLDSA65_SIGNATURE_BYTES]
        key.verify(signature, case["msg"], context=case["ctx"])
        for message, context in ((case["msg"] + b"\x00", case["ctx"]), (case["msg"], b"other")):
            with pytest.raises(InvalidSignature):
                key.verify(signature, message, context=context)


def test_a_hybrid_signature_is_one_of_each_over_the_published_keys() -> None:
    """Both halves are put together by hand from the published keys, and verify as a keyset."""
    (secret, ed25519, *_), case = ED25519[1], MLDSA65[1]
    keyset = Keyset(keyset_id="k", ed25519=ed25519, mldsa65=case["pk"], valid_from=0, valid_until=1)
    encoded = pae(PAYLOAD_FRAME, b"statement")
    half = Ed25519PrivateKey.from_private_bytes(secret[:32])
    other = MLDSA65PrivateKey.from_seed_bytes(case["xi"])
    signature = half.sign(ed25519_input(encoded)) + other.sign(
        encoded, context=PAYLOAD_FRAME.encode()
    )
    verify(keyset, PAYLOAD_FRAME, b"statement", signature)
    for wrong in (
        half.sign(encoded) + signature[64:],
        signature[:64] + other.sign(encoded),
        signature[:64] + other.sign(ed25519_input(encoded), context=PAYLOAD_FRAME.encode()),
    ):
        with pytest.raises(SignatureError) as refused:
            verify(keyset, PAYLOAD_FRAME, b"statement", wrong)
        assert refused.value.reason is Reason.SIGNATURE_INVALID


def test_an_ed25519_signature_with_s_beyond_the_group_order_is_refused() -> None:
    """RFC 8032 section 5.1.7: S + L would verify too if it were not refused."""
    own = signer(b"e" * 32, b"m" * 32)
    signature = own.sign(PAYLOAD_FRAME, b"statement")
    order = 2**252 + 27742317777372353535851937790883648493
    beyond = int.from_bytes(signature[32:64], "little") + order
    malleable = signature[:32] + beyond.to_bytes(32, "little") + signature[64:]
    verify(public(own), PAYLOAD_FRAME, b"statement", signature)
    with pytest.raises(SignatureError):
        verify(public(own), PAYLOAD_FRAME, b"statement", malleable)


IN_TOTO = "application/vnd.in-toto+json"
STATEMENT = b'{"_type":"https://in-toto.io/Statement/v1"}'


@pytest.mark.parametrize(
    ("payload_type", "payload", "encoded"),
    [
        (
            "http://example.com/HelloWorld",
            b"hello world",
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world",
        ),
        (IN_TOTO, STATEMENT, b"DSSEv1 28 application/vnd.in-toto+json 43 " + STATEMENT),
        (IN_TOTO, b"\xfb\xff\xbf>?", b"DSSEv1 28 application/vnd.in-toto+json 5 \xfb\xff\xbf>?"),
        (IN_TOTO, b"", b"DSSEv1 28 application/vnd.in-toto+json 0 "),
        ("", STATEMENT, b"DSSEv1 0  43 " + STATEMENT),
    ],
)
def test_the_pre_authentication_encoding_is_dsses(
    payload_type: str, payload: bytes, encoded: bytes
) -> None:
    assert pae(payload_type, payload) == encoded


def test_a_published_dsse_signature_is_over_our_encoding() -> None:
    """Cases "single-signature" and "payload-type-swapped"; key A is RFC 8032's first."""
    signature = base64.b64decode(
        "2WAfaHm5jluo0w+0rk8uVkluELJYWjSmU9x7EUzx+AyteDGJ4/nqyJXfmAUVFIAoQafWm7AxBZNw5M9ixNHiCA=="
    )
    key = Ed25519PublicKey.from_public_bytes(ED25519[0][1])
    key.verify(signature, pae(IN_TOTO, STATEMENT))
    with pytest.raises(InvalidSignature):
        key.verify(signature, pae("application/vnd.example.other+json", STATEMENT))
