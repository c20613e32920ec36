# SPDX-License-Identifier: Apache-2.0
"""Recalls: an originator takes one notice back, from everybody who could open it.

An object of its own and no frame, because it reaches agencies outside the topic and is itself
under no rule (decision 0005). Source: docs/protocol.md section 9a; design section 4.
"""

from dataclasses import dataclass
from typing import Self

from keys.errors import EnvelopeError, FramingError, Reason, SignatureError
from keys.fields import check_agency, check_bytes, check_choice, check_key_id, check_time
from keys.framing import (
    HASH_BYTES,
    framed,
    read_text,
    read_uint,
    refusing,
    u32,
    u64,
    unframe,
)
from keys.grants import NoticePlace
from keys.signers import Signer
from keys.signing import PAYLOAD_RECALL, Keyset, verify

RECALL_REASONS = (
    "ERROR",
    "CONSENT_WITHDRAWN",
    "SOURCE_AT_RISK",
    "COURT_ORDER",
    "NO_LONGER_NEEDED",
    "UNLAWFUL",
)
"""Why a notice is taken back. Codes only: everybody on the way reads a recall."""

_RECALL = "tocsin/recall/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """RECALL: which notice its originator takes back, and by when holders are to answer.

    Attributes:
        federation: 32 bytes.
        place: the notice.
        originator: who published it.
        keyset_id: which of its keysets signs.
        reason: one of `RECALL_REASONS`.
        recalled_at: milliseconds since 1970.
        answer_by: milliseconds since 1970; not before `recalled_at`.
    """

    federation: bytes
    place: NoticePlace
    originator: str
    keyset_id: str
    reason: str
    recalled_at: int
    answer_by: int

    @refusing(EnvelopeError)
    def __post_init__(self) -> None:
        check_bytes(self.federation, HASH_BYTES, "federation")
        check_agency(self.originator)
        check_key_id(self.keyset_id)
        check_choice(self.reason, RECALL_REASONS, "reason")
        check_time(self.recalled_at)
        check_time(self.answer_by)
        if self.answer_by < self.recalled_at:
            raise FramingError(Reason.MALFORMED, "recall is to be answered before it was made")

    def encode(self) -> bytes:
        """Return the RECALL bytes."""
        return framed(
            _RECALL,
            self.federation,
            self.place.statement,
            u32(self.place.index),
            self.place.leaf_hash,
            self.originator.encode(),
            self.keyset_id.encode(),
            self.reason.encode(),
            u64(self.recalled_at),
            u64(self.answer_by),
        )

    @classmethod
    @refusing(EnvelopeError)
    def decode(cls, data: bytes) -> Self:
        """Read RECALL bytes; raises `EnvelopeError` for any that `encode` would not write."""
        items = unframe(_RECALL, data, 9)
        federation, statement, index, leaf_hash, originator, keyset_id = items[:6]
        reason, recalled_at, answer_by = items[6:]
        return cls(
            federation=federation,
            place=NoticePlace(statement=statement, index=read_uint(index, 4), leaf_hash=leaf_hash),
            originator=read_text(originator),
            keyset_id=read_text(keyset_id),
            reason=read_text(reason),
            recalled_at=read_uint(recalled_at, 8),
            answer_by=read_uint(answer_by, 8),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRecall:
    """A recall as it travels, untrusted until checked: RECALL bytes and hybrid signature."""

    recall: bytes
    signature: bytes


def sign_recall(recall: Recall, signer: Signer) -> SignedRecall:
    """Return the recall with its originator's signature.

    Raises:
        SignatureError: UNKNOWN_KEYSET; the recall names another keyset than the signer's.
    """
    if recall.keyset_id != signer.keyset_id:
        raise SignatureError(Reason.UNKNOWN_KEYSET, f"recall names keyset {recall.keyset_id}")
    data = recall.encode()
    return SignedRecall(recall=data, signature=signer.sign(PAYLOAD_RECALL, data))


@refusing(EnvelopeError)
def verify_recall(signed: SignedRecall, keyset: Keyset, federation: bytes) -> Recall:
    """Return the recall, if the holder of `keyset` signed it for this federation.

    Says nothing about when the keyset was valid, or whose notice it is.

    Raises:
        SignatureError: not signed by `keyset`; UNKNOWN_KEYSET where it names another.
        EnvelopeError: malformed, or FOREIGN_FEDERATION.
    """
    verify(keyset, PAYLOAD_RECALL, signed.recall, signed.signature)
    recall = Recall.decode(signed.recall)
    if recall.keyset_id != keyset.keyset_id:
        raise SignatureError(Reason.UNKNOWN_KEYSET, f"recall names keyset {recall.keyset_id}")
    if recall.federation != federation:
        raise EnvelopeError(Reason.FOREIGN_FEDERATION, "recall is of another federation")
    return recall
