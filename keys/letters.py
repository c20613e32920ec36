# SPDX-License-Identifier: Apache-2.0
"""Letters: what one agency says to another about one notice, sealed to it and signed.

Seals and checks; `keys.opening_letters` opens. What a content says, and whether both agencies are
parties to the notice, is the business of its readers. Source: docs/protocol.md section 21.3.
"""

from dataclasses import dataclass
from typing import Self

from keys.body import BUCKETS, pad
from keys.errors import EnvelopeError, FramingError, Reason, SignatureError
from keys.fields import (
    check_agency,
    check_bytes,
    check_choice,
    check_key_id,
    check_time,
    check_uuid7,
)
from keys.framing import HASH_BYTES, framed, read_text, read_uint, refusing, sha256, u64, unframe
from keys.hpke import OVERHEAD_BYTES, seal_to
from keys.places import NoticePlace
from keys.recipients import EncryptionKey
from keys.signers import Signer
from keys.signing import PAYLOAD_LETTER, Keyset, check_signed_at, verify

DECISION = "decision"
LETTER_KINDS = ("request_onward", DECISION, "attestation", "break_glass")
MAX_PADDED_BYTES = 16 * 1024
MAX_CONTENT_BYTES = MAX_PADDED_BYTES - 4
"""With its length before it, what pads to 16 KiB."""
SEALED_SIZES = tuple(size + OVERHEAD_BYTES for size in BUCKETS if size <= MAX_PADDED_BYTES)
"""Bytes of a sealed content: its bucket, with the encapsulated key and tag around it."""

_HEADER = "tocsin/letter-header/v1"
_LETTER = "tocsin/letter/v1"
_BODY = "tocsin/letter-body/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterHeader:
    """LETTER_HEADER: who writes to whom, about which notice.

    A decision goes from the notice's originator, every other kind to it.

    Attributes:
        kind: one of `LETTER_KINDS`.
        federation: 32 bytes.
        letter_id: UUID of version 7 as 16 bytes.
        sender: who writes.
        keyset_id: which of its keysets signs.
        recipient: to whom.
        key_id: which encryption key of the recipient.
        created_at: milliseconds since 1970.
        originator: who published the notice.
        place: the notice.
        answers: `letter_id` of the letter that a decision answers; empty where there is none.
    """

    kind: str
    federation: bytes
    letter_id: bytes
    sender: str
    keyset_id: str
    recipient: str
    key_id: str
    created_at: int
    originator: str
    place: NoticePlace
    answers: bytes = b""

    @refusing(EnvelopeError)
    def __post_init__(self) -> None:
        check_choice(self.kind, LETTER_KINDS, "kind of letter")
        check_bytes(self.federation, HASH_BYTES, "federation")
        check_uuid7(self.letter_id)
        for agency in (self.sender, self.recipient, self.originator):
            check_agency(agency)
        for key_id in (self.keyset_id, self.key_id):
            check_key_id(key_id)
        check_time(self.created_at)
        self._check_direction()
        if self.answers:
            check_uuid7(self.answers)

    def _check_direction(self) -> None:
        decides = self.kind == DECISION
        home, away = (self.sender, self.recipient) if decides else (self.recipient, self.sender)
        if home != self.originator or away == self.originator:
            raise FramingError(
                Reason.MALFORMED, f"{self.kind} goes the wrong way, or to its own sender"
            )
        if self.answers and not decides:
            raise FramingError(Reason.MALFORMED, f"{self.kind} answers a letter")

    def encode(self) -> bytes:
        """Return the LETTER_HEADER bytes."""
        return framed(
            _HEADER,
            self.kind.encode(),
            self.federation,
            self.letter_id,
            self.sender.encode(),
            self.keyset_id.encode(),
            self.recipient.encode(),
            self.key_id.encode(),
            u64(self.created_at),
            self.originator.encode(),
            *self.place.items(),
            self.answers,
        )

    @classmethod
    @refusing(EnvelopeError)
    def decode(cls, data: bytes) -> Self:
        """Read LETTER_HEADER bytes; raises `EnvelopeError` for any `encode` would not write."""
        items = unframe(_HEADER, data, 13)
        kind, federation, letter_id, sender, keyset_id, recipient, key_id = items[:7]
        return cls(
            kind=read_text(kind),
            federation=federation,
            letter_id=letter_id,
            sender=read_text(sender),
            keyset_id=read_text(keyset_id),
            recipient=read_text(recipient),
            key_id=read_text(key_id),
            created_at=read_uint(items[7], 8),
            originator=read_text(items[8]),
            place=NoticePlace.read(items[9:12]),
            answers=items[12],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """LETTER: a letter's header, and the SHA-256 of what is sealed under it."""

    header: LetterHeader
    sealed_digest: bytes

    @refusing(EnvelopeError)
    def __post_init__(self) -> None:
        check_bytes(self.sealed_digest, HASH_BYTES, "digest of the sealed content")

    def encode(self) -> bytes:
        """Return the LETTER bytes."""
        return framed(_LETTER, self.header.encode(), self.sealed_digest)

    @classmethod
    @refusing(EnvelopeError)
    def decode(cls, data: bytes) -> Self:
        """Read LETTER bytes; raises `EnvelopeError` for any that `encode` would not write."""
        header, sealed_digest = unframe(_LETTER, data, 2)
        return cls(header=LetterHeader.decode(header), sealed_digest=sealed_digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedLetter:
    """A letter as it travels, untrusted until checked: LETTER bytes, content, signature."""

    letter: bytes
    sealed: bytes
    signature: bytes


def letter_info(header: LetterHeader) -> bytes:
    """Return the HPKE info that binds a letter's content to its header."""
    return framed(_BODY, header.encode())


@refusing(EnvelopeError)
def seal_letter(
    content: bytes, *, header: LetterHeader, key: EncryptionKey, signer: Signer
) -> SignedLetter:
    """Seal a letter's content to its recipient, and sign the letter.

    Args:
        content: at most `MAX_CONTENT_BYTES`.
        header: names `key` and the signer's keyset.
        key: an encryption key of the recipient, from a directory that the sender verified.
        signer: signs as the sender.

    Raises:
        EnvelopeError: LIMIT_EXCEEDED; the header names another key; the key is not valid at
            `created_at` or cannot be sealed to.
        SignatureError: UNKNOWN_KEYSET; the header names another keyset.
    """
    if len(content) > MAX_CONTENT_BYTES:
        raise EnvelopeError(
            Reason.LIMIT_EXCEEDED, f"letter of {len(content)} bytes, at most {MAX_CONTENT_BYTES}"
        )
    if header.key_id != key.key_id:
        raise EnvelopeError(Reason.MALFORMED, f"letter names key {header.key_id}")
    if not key.is_valid_at(header.created_at):
        raise EnvelopeError(
            Reason.EXPIRED, f"key {key.key_id} of {header.recipient} is not valid then"
        )
    if header.keyset_id != signer.keyset_id:
        raise SignatureError(Reason.UNKNOWN_KEYSET, f"letter names keyset {header.keyset_id}")
    sealed = seal_to(key.public, letter_info(header), pad(content))
    letter = Letter(header=header, sealed_digest=sha256(sealed)).encode()
    return SignedLetter(letter=letter, sealed=sealed, signature=signer.sign(PAYLOAD_LETTER, letter))


@refusing(EnvelopeError)
def verify_letter(signed: SignedLetter, keyset: Keyset, federation: bytes) -> Letter:
    """Return the letter, if the holder of `keyset` signed it and this content under it.

    Says nothing about whether the two are parties to the notice.

    Raises:
        SignatureError: not signed by `keyset`; UNKNOWN_KEYSET where it names another; EXPIRED
            where it did not sign at the time that the letter states.
        EnvelopeError: malformed, FOREIGN_FEDERATION, LIMIT_EXCEEDED, or STATEMENT_MISMATCH for
            another content.
    """
    if len(signed.sealed) not in SEALED_SIZES:
        raise EnvelopeError(
            Reason.LIMIT_EXCEEDED, f"content of {len(signed.sealed)} bytes fills no bucket"
        )
    verify(keyset, PAYLOAD_LETTER, signed.letter, signed.signature)
    letter = Letter.decode(signed.letter)
    check_signed_at(keyset, letter.header.keyset_id, letter.header.created_at)
    if letter.header.federation != federation:
        raise EnvelopeError(Reason.FOREIGN_FEDERATION, "letter is of another federation")
    if sha256(signed.sealed) != letter.sealed_digest:
        raise EnvelopeError(Reason.STATEMENT_MISMATCH, "content is not the one signed")
    return letter
