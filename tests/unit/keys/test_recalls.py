# SPDX-License-Identifier: Apache-2.0
"""Recalls: what is signed, and what is no recall."""

from dataclasses import replace

import pytest

from keys.envelope import Frame
from keys.errors import EnvelopeError, Reason, SignatureError, TrustError
from keys.framing import framed, u32, u64
from keys.recalls import RECALL_REASONS, Recall, SignedRecall, sign_recall, verify_recall
from keys.signing import PAYLOAD_GRANT, PAYLOAD_LETTER, PAYLOAD_RECALL, Keyset
from tests.simulator.federation import DAY, KEYSET, NOW, Federation
from tests.simulator.mail import place_of, recall_of

OTHER = b"o" * 32


@pytest.fixture(scope="module")
def signed(federation: Federation, frame: Frame) -> SignedRecall:
    """The second notice of gr-pol's frame, taken back."""
    return recall_of(federation, frame, index=1)


@pytest.fixture
def recall(signed: SignedRecall) -> Recall:
    """What was signed."""
    return Recall.decode(signed.recall)


def refusal(federation: Federation, signed: SignedRecall, keyset: Keyset) -> TrustError:
    with pytest.raises(TrustError) as refused:
        verify_recall(signed, keyset, federation.id)
    return refused.value


def test_a_recall_says_which_notice_why_and_until_when(
    federation: Federation, frame: Frame, signed: SignedRecall, keyset: Keyset
) -> None:
    recall = verify_recall(signed, keyset, federation.id)
    assert recall.place == place_of(frame, 1)
    assert (recall.originator, recall.reason) == ("gr-pol", "ERROR")
    assert (recall.recalled_at, recall.answer_by) == (NOW, NOW + DAY)


@pytest.mark.must("RECALL-1")
@pytest.mark.parametrize("reason", RECALL_REASONS)
def test_a_recall_is_the_framing_of_all_it_says(recall: Recall, reason: str) -> None:
    given = replace(recall, reason=reason)
    assert given.encode() == framed(
        "tocsin/recall/v1",
        recall.federation,
        recall.place.statement,
        u32(1),
        recall.place.leaf_hash,
        b"gr-pol",
        KEYSET.encode(),
        reason.encode(),
        u64(NOW),
        u64(NOW + DAY),
    )
    assert Recall.decode(given.encode()) == given


@pytest.mark.must("RECALL-2")
def test_a_recall_of_another_federation_is_refused(
    federation: Federation, recall: Recall, keyset: Keyset
) -> None:
    signer = federation.agencies["gr-pol"].signer
    moved = sign_recall(replace(recall, federation=OTHER), signer)
    assert refusal(federation, moved, keyset).reason is Reason.FOREIGN_FEDERATION


@pytest.mark.must("RECALL-3")
@pytest.mark.parametrize("payload_type", [PAYLOAD_GRANT, PAYLOAD_LETTER])
def test_a_signature_of_another_kind_is_none_on_a_recall(
    federation: Federation, signed: SignedRecall, keyset: Keyset, payload_type: str
) -> None:
    signature = federation.agencies["gr-pol"].signer.sign(payload_type, signed.recall)
    refused = refusal(federation, replace(signed, signature=signature), keyset)
    assert refused.reason is Reason.SIGNATURE_INVALID


@pytest.mark.must("RECALL-3")
def test_a_recall_that_another_agency_signed_is_refused(
    federation: Federation, signed: SignedRecall, keyset: Keyset
) -> None:
    signature = federation.agencies["ro-pol"].signer.sign(PAYLOAD_RECALL, signed.recall)
    refused = refusal(federation, replace(signed, signature=signature), keyset)
    assert refused.reason is Reason.SIGNATURE_INVALID


@pytest.mark.must("RECALL-3")
def test_a_recall_that_names_another_keyset_is_neither_made_nor_believed(
    federation: Federation, recall: Recall, keyset: Keyset
) -> None:
    signer = federation.agencies["gr-pol"].signer
    other = replace(recall, keyset_id="another")
    with pytest.raises(SignatureError) as refused:
        sign_recall(other, signer)
    assert refused.value.reason is Reason.UNKNOWN_KEYSET
    data = other.encode()
    forged = SignedRecall(recall=data, signature=signer.sign(PAYLOAD_RECALL, data))
    assert refusal(federation, forged, keyset).reason is Reason.UNKNOWN_KEYSET


@pytest.mark.must("SIG-6")
def test_a_recall_by_a_keyset_that_did_not_sign_then_is_refused(
    federation: Federation, signed: SignedRecall, keyset: Keyset
) -> None:
    refused = refusal(federation, signed, replace(keyset, valid_from=NOW + 1))
    assert refused.reason is Reason.EXPIRED


@pytest.mark.must("FRAMING-1", "FRAMING-2", "FRAMING-3")
def test_a_changed_recall_is_refused(
    federation: Federation, signed: SignedRecall, keyset: Keyset
) -> None:
    for data in (signed.recall[:-1], signed.recall + bytes(4), b"", signed.recall[4:]):
        assert (
            refusal(federation, replace(signed, recall=data), keyset).reason
            is Reason.SIGNATURE_INVALID
        )
        with pytest.raises(EnvelopeError) as refused:
            Recall.decode(data)
        assert refused.value.reason is Reason.MALFORMED


@pytest.mark.must("FRAMING-5", "RECALL-4")
@pytest.mark.parametrize(
    "changes",
    [
        {"federation": b""},
        {"originator": "a"},
        {"keyset_id": " "},
        {"reason": ""},
        {"reason": "error"},
        {"reason": "REVENGE"},
        {"recalled_at": -1},
        {"answer_by": NOW - 1},
        {"answer_by": 1 << 62},
    ],
    ids=str,
)
def test_a_field_outside_its_range_makes_no_recall(
    recall: Recall, changes: dict[str, object]
) -> None:
    with pytest.raises(EnvelopeError) as refused:
        replace(recall, **changes)  # type: ignore[arg-type]
    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.must("FRAMING-5")
def test_a_notice_beyond_the_end_of_any_frame_is_none(frame: Frame) -> None:
    place = place_of(frame)
    assert replace(place, index=255).index == 255
    for changes in ({"index": 256}, {"index": -1}, {"statement": b""}, {"leaf_hash": bytes(33)}):
        with pytest.raises(EnvelopeError) as refused:
            replace(place, **changes)
        assert refused.value.reason is Reason.MALFORMED
