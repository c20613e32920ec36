# SPDX-License-Identifier: Apache-2.0
"""Recalls: an originator takes one notice back, from everybody who could open it.

An object of its own and no frame, because it reaches agencies outside the topic and is itself
under no rule (decision 0005). Signs and checks; what is destroyed, and whose notice it is, is for
others. Source: docs/protocol.md section 21.2.
"""

from dataclasses import dataclass
from typing import Self

from keys.errors import EnvelopeError, FramingError, Reason, SignatureError
from keys.fields import check_agency, check_bytes, check_choice, check_key_id, check_time
from keys.framing import HASH_BYTES, framed, read_text, read_uint, refusing, u64, unframe
from keys.places import NoticePlace
from keys.signers import Signer
from keys.signing import PAYLOAD_RECALL, Keyset, check_signed_at, verify

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
            *self.place.items(),
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
        originator, keyset_id, reason, recalled_at, answer_by = items[4:]
        return cls(
            federation=items[0],
            place=NoticePlace.read(items[1:4]),
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

    Says nothing about whose notice it is.

    Raises:
        SignatureError: not signed by `keyset`; UNKNOWN_KEYSET where it names another; EXPIRED
            where it did not sign at the time that the recall states.
        EnvelopeError: malformed, or FOREIGN_FEDERATION.
    """
    verify(keyset, PAYLOAD_RECALL, signed.recall, signed.signature)
    recall = Recall.decode(signed.recall)
    check_signed_at(keyset, recall.keyset_id, recall.recalled_at)
    if recall.federation != federation:
        raise EnvelopeError(Reason.FOREIGN_FEDERATION, "recall is of another federation")
    return recall
