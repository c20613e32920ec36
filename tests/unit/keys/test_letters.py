# SPDX-License-Identifier: Apache-2.0
"""Letters: what is signed, which way a kind goes, and how much fits."""

from dataclasses import replace

import pytest

from keys.envelope import Frame
from keys.errors import EnvelopeError, Reason, SignatureError, TrustError
from keys.fields import new_uuid7
from keys.framing import framed, sha256, u32, u64
from keys.hpke import OVERHEAD_BYTES
from keys.letters import (
    LETTER_KINDS,
    MAX_CONTENT_BYTES,
    SEALED_SIZES,
    Letter,
    LetterHeader,
    SignedLetter,
    letter_info,
    seal_letter,
    verify_letter,
)
from keys.signers import generate_signer
from keys.signing import PAYLOAD_GRANT, PAYLOAD_LETTER, PAYLOAD_RECALL, Keyset
from tests.simulator.federation import DAY, KEY, KEYSET, NOW, Federation
from tests.simulator.mail import letter_header, letter_of, place_of

OTHER = b"o" * 32
ASKED = new_uuid7(NOW)
TO_ORIGINATOR = [kind for kind in LETTER_KINDS if kind != "decision"]


@pytest.fixture(scope="module")
def header(federation: Federation, frame: Frame) -> LetterHeader:
    """A request of ro-pol's to gr-pol about the second notice of gr-pol's frame."""
    return letter_header(federation, frame, "request_onward", "ro-pol", "gr-pol", index=1)


@pytest.fixture(scope="module")
def signed(federation: Federation, header: LetterHeader) -> SignedLetter:
    """That request, sealed and signed."""
    return letter_of(federation, header)


@pytest.fixture(scope="module")
def sender(federation: Federation) -> Keyset:
    """The keyset of ro-pol."""
    found = federation.directory.keyset("ro-pol", KEYSET)
    assert found is not None
    return found


def refusal(federation: Federation, signed: SignedLetter, keyset: Keyset) -> TrustError:
    with pytest.raises(TrustError) as refused:
        verify_letter(signed, keyset, federation.id)
    return refused.value


def test_a_letter_says_who_writes_to_whom_about_what(
    federation: Federation, frame: Frame, header: LetterHeader, signed: SignedLetter, sender: Keyset
) -> None:
    letter = verify_letter(signed, sender, federation.id)
    assert letter.header == header
    assert letter.header.place == place_of(frame, 1)
    assert letter.sealed_digest == sha256(signed.sealed)


@pytest.mark.must("LETTER-1")
def test_a_letter_is_the_framing_of_all_it_says(header: LetterHeader, signed: SignedLetter) -> None:
    encoded = framed(
        "tocsin/letter-header/v1",
        b"request_onward",
        header.federation,
        header.letter_id,
        b"ro-pol",
        KEYSET.encode(),
        b"gr-pol",
        KEY.encode(),
        u64(NOW),
        b"gr-pol",
        header.place.statement,
        u32(1),
        header.place.leaf_hash,
        b"",
    )
    assert header.encode() == encoded
    assert signed.letter == framed("tocsin/letter/v1", encoded, sha256(signed.sealed))
    assert letter_info(header) == framed("tocsin/letter-body/v1", encoded)


def test_a_decision_may_name_the_letter_that_it_answers(
    federation: Federation, frame: Frame
) -> None:
    header = letter_header(
        federation, frame, "decision", "gr-pol", "ro-pol", letter_id=ASKED, answers=ASKED
    )
    assert LetterHeader.decode(header.encode()) == header
    assert replace(header, answers=b"").answers == b""


@pytest.mark.must("LETTER-2")
@pytest.mark.parametrize("kind", TO_ORIGINATOR)
def test_what_is_no_decision_goes_to_the_originator(header: LetterHeader, kind: str) -> None:
    right = replace(header, kind=kind)
    for ways in (
        {"sender": "gr-pol", "recipient": "ro-pol"},
        {"sender": "gr-pol"},
        {"recipient": "hr-ngo"},
        {"originator": "hr-ngo"},
    ):
        with pytest.raises(EnvelopeError) as refused:
            replace(right, **ways)  # type: ignore[arg-type]
        assert refused.value.reason is Reason.MALFORMED


@pytest.mark.must("LETTER-2")
def test_a_decision_comes_from_the_originator(federation: Federation, frame: Frame) -> None:
    right = letter_header(federation, frame, "decision", "gr-pol", "hr-ngo")
    for ways in ({"sender": "ro-pol"}, {"recipient": "gr-pol"}, {"originator": "ro-pol"}):
        with pytest.raises(EnvelopeError) as refused:
            replace(right, **ways)  # type: ignore[arg-type]
        assert refused.value.reason is Reason.MALFORMED


@pytest.mark.must("LETTER-2")
@pytest.mark.parametrize("kind", TO_ORIGINATOR)
def test_only_a_decision_answers(header: LetterHeader, kind: str) -> None:
    with pytest.raises(EnvelopeError) as refused:
        replace(header, kind=kind, answers=ASKED)
    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.must("LETTER-3")
def test_a_letter_of_another_federation_is_refused(
    federation: Federation, header: LetterHeader, sender: Keyset
) -> None:
    moved = letter_of(federation, replace(header, federation=OTHER))
    assert refusal(federation, moved, sender).reason is Reason.FOREIGN_FEDERATION


@pytest.mark.must("LETTER-4")
def test_the_content_of_another_letter_is_refused(
    federation: Federation, header: LetterHeader, signed: SignedLetter, sender: Keyset
) -> None:
    other = letter_of(federation, header)
    refused = refusal(federation, replace(signed, sealed=other.sealed), sender)
    assert (refused.reason, refused.detail) == (
        Reason.STATEMENT_MISMATCH,
        "content is not the one signed",
    )


@pytest.mark.must("LETTER-5")
@pytest.mark.parametrize("payload_type", [PAYLOAD_GRANT, PAYLOAD_RECALL])
def test_a_signature_of_another_kind_is_none_on_a_letter(
    federation: Federation, signed: SignedLetter, sender: Keyset, payload_type: str
) -> None:
    signature = federation.agencies["ro-pol"].signer.sign(payload_type, signed.letter)
    refused = refusal(federation, replace(signed, signature=signature), sender)
    assert refused.reason is Reason.SIGNATURE_INVALID


@pytest.mark.must("LETTER-5")
def test_a_letter_that_its_recipient_signed_is_refused(
    federation: Federation, signed: SignedLetter, sender: Keyset
) -> None:
    signature = federation.agencies["gr-pol"].signer.sign(PAYLOAD_LETTER, signed.letter)
    refused = refusal(federation, replace(signed, signature=signature), sender)
    assert refused.reason is Reason.SIGNATURE_INVALID


@pytest.mark.must("LETTER-5")
def test_a_letter_that_names_another_keyset_is_refused(
    federation: Federation, header: LetterHeader, sender: Keyset
) -> None:
    letter = Letter(header=replace(header, keyset_id="another"), sealed_digest=OTHER).encode()
    forged = SignedLetter(
        letter=letter,
        sealed=bytes(SEALED_SIZES[0]),
        signature=federation.agencies["ro-pol"].signer.sign(PAYLOAD_LETTER, letter),
    )
    assert refusal(federation, forged, sender).reason is Reason.UNKNOWN_KEYSET


@pytest.mark.must("SIG-6")
def test_a_letter_by_a_keyset_that_did_not_sign_then_is_refused(
    federation: Federation, signed: SignedLetter, sender: Keyset
) -> None:
    refused = refusal(federation, signed, replace(sender, valid_until=NOW))
    assert refused.reason is Reason.EXPIRED


@pytest.mark.must("FRAMING-1", "FRAMING-3", "FRAMING-6")
def test_a_changed_letter_is_refused(
    federation: Federation, header: LetterHeader, signed: SignedLetter, sender: Keyset
) -> None:
    for data in (signed.letter[:-1], signed.letter + bytes(4), b"", header.encode()):
        refused = refusal(federation, replace(signed, letter=data), sender)
        assert refused.reason is Reason.SIGNATURE_INVALID
        with pytest.raises(EnvelopeError) as malformed:
            Letter.decode(data)
        assert malformed.value.reason is Reason.MALFORMED


@pytest.mark.must("FRAMING-5")
@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "gossip"},
        {"kind": "DECISION"},
        {"federation": b""},
        {"letter_id": bytes(16)},
        {"sender": "R"},
        {"keyset_id": ""},
        {"key_id": "a/b"},
        {"created_at": -1},
        {"answers": b"\x00"},
    ],
    ids=str,
)
def test_a_field_outside_its_range_makes_no_letter(
    header: LetterHeader, changes: dict[str, object]
) -> None:
    with pytest.raises(EnvelopeError) as refused:
        replace(header, **changes)  # type: ignore[arg-type]
    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.must("LETTER-6")
@pytest.mark.parametrize(
    ("length", "bucket"), [(0, 1024), (1020, 1024), (1021, 2048), (MAX_CONTENT_BYTES, 16384)]
)
def test_a_content_fills_one_of_five_buckets(
    federation: Federation, header: LetterHeader, sender: Keyset, length: int, bucket: int
) -> None:
    signed = letter_of(federation, header, bytes(length))
    assert len(signed.sealed) == bucket + OVERHEAD_BYTES
    verify_letter(signed, sender, federation.id)


@pytest.mark.must("LETTER-6")
def test_a_content_that_fits_no_bucket_is_not_sealed(
    federation: Federation, header: LetterHeader
) -> None:
    with pytest.raises(EnvelopeError) as refused:
        letter_of(federation, header, bytes(MAX_CONTENT_BYTES + 1))
    assert refused.value.reason is Reason.LIMIT_EXCEEDED


@pytest.mark.must("LETTER-6")
@pytest.mark.parametrize("length", [0, SEALED_SIZES[0] - 1, SEALED_SIZES[-1] + 1, 1 << 20])
def test_what_fills_no_bucket_is_refused_before_anything_else(
    federation: Federation, signed: SignedLetter, sender: Keyset, length: int
) -> None:
    hostile = replace(signed, sealed=bytes(length), signature=b"")
    assert refusal(federation, hostile, sender).reason is Reason.LIMIT_EXCEEDED


@pytest.mark.must("LETTER-7")
def test_a_key_that_is_not_valid_then_is_not_sealed_to(
    federation: Federation, header: LetterHeader
) -> None:
    key = replace(
        federation.agencies["gr-pol"].entry.encryption[0],
        valid_from=NOW + 1,
        valid_until=NOW + DAY,
    )
    with pytest.raises(EnvelopeError) as refused:
        seal_letter(b"", header=header, key=key, signer=federation.agencies["ro-pol"].signer)
    assert refused.value.reason is Reason.EXPIRED


def test_a_header_that_names_other_keys_is_not_sealed(
    federation: Federation, header: LetterHeader
) -> None:
    key = federation.agencies["gr-pol"].entry.encryption[0]
    with pytest.raises(EnvelopeError) as wrong_key:
        seal_letter(
            b"",
            header=replace(header, key_id="another"),
            key=key,
            signer=federation.agencies["ro-pol"].signer,
        )
    assert wrong_key.value.reason is Reason.MALFORMED
    with pytest.raises(SignatureError) as wrong_keyset:
        seal_letter(b"", header=header, key=key, signer=generate_signer("another"))
    assert wrong_keyset.value.reason is Reason.UNKNOWN_KEYSET
