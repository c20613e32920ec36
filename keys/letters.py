# SPDX-License-Identifier: Apache-2.0
"""Letters: what one agency says to another about one notice, sealed to it and signed.

Seals and checks; `keys.opening_letters` opens. What a letter of a kind says, and who may write it
to whom, is the business of its readers. Source: docs/protocol.md section 9a.
"""

from dataclasses import dataclass
from typing import Self

from keys.body import pad
from keys.errors import EnvelopeError, FramingError, Reason, SignatureError
from keys.fields import (
    check_agency,
    check_bytes,
    check_choice,
    check_key_id,
    check_time,
    check_uuid7,
)
from keys.framing import (
    HASH_BYTES,
    framed,
    read_text,
    read_uint,
    refusing,
    sha256,
    u32,
    u64,
    unframe,
)
from keys.grants import NoticePlace
from keys.hpke import SUITE, load_public
from keys.recipients import EncryptionKey
from keys.signers import Signer
from keys.signing import PAYLOAD_LETTER, Keyset, verify

LETTER_KINDS = ("request_onward", "decision", "attestation", "break_glass")
MAX_CONTENT_BYTES = 16 * 1024 - 4
"""With its length before it, what pads to 16 KiB."""
SEALED_OVERHEAD_BYTES = 1120 + 16
"""Encapsulated key and tag around the padded content."""
MAX_SEALED_BYTES = 16 * 1024 + SEALED_OVERHEAD_BYTES

_HEADER = "tocsin/letter-header/v1"
_LETTER = "tocsin/letter/v1"
_BODY = "tocsin/letter-body/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterHeader:
    """LETTER_HEADER: who writes to whom, about which notice.

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
        answers: `letter_id` of the letter that this one answers; empty where there is none.
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
        if self.answers:
            check_uuid7(self.answers)
        if self.sender == self.recipient:
            raise FramingError(Reason.MALFORMED, "letter from an agency to itself")

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
            self.place.statement,
            u32(self.place.index),
            self.place.leaf_hash,
            self.answers,
        )

    @classmethod
    @refusing(EnvelopeError)
    def decode(cls, data: bytes) -> Self:
        """Read LETTER_HEADER bytes; raises `EnvelopeError` for any `encode` would not write."""
        items = unframe(_HEADER, data, 13)
        kind, federation, letter_id, sender, keyset_id, recipient, key_id, created_at = items[:8]
        originator, statement, index, leaf_hash, answers = items[8:]
        return cls(
            kind=read_text(kind),
            federation=federation,
            letter_id=letter_id,
            sender=read_text(sender),
            keyset_id=read_text(keyset_id),
            recipient=read_text(recipient),
            key_id=read_text(key_id),
            created_at=read_uint(created_at, 8),
            originator=read_text(originator),
            place=NoticePlace(statement=statement, index=read_uint(index, 4), leaf_hash=leaf_hash),
            answers=answers,
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
        EnvelopeError: LIMIT_EXCEEDED; the header names another key; the key cannot be sealed to.
        SignatureError: UNKNOWN_KEYSET; the header names another keyset.
    """
    if len(content) > MAX_CONTENT_BYTES:
        raise EnvelopeError(
            Reason.LIMIT_EXCEEDED, f"letter of {len(content)} bytes, at most {MAX_CONTENT_BYTES}"
        )
    if header.key_id != key.key_id:
        raise EnvelopeError(Reason.MALFORMED, f"letter names key {header.key_id}")
    if header.keyset_id != signer.keyset_id:
        raise SignatureError(Reason.UNKNOWN_KEYSET, f"letter names keyset {header.keyset_id}")
    try:
        sealed = SUITE.encrypt(pad(content), load_public(key.public), letter_info(header))
    except ValueError:
        raise EnvelopeError(Reason.KEY_INVALID, "encryption key cannot be sealed to") from None
    letter = Letter(header=header, sealed_digest=sha256(sealed)).encode()
    return SignedLetter(letter=letter, sealed=sealed, signature=signer.sign(PAYLOAD_LETTER, letter))


@refusing(EnvelopeError)
def verify_letter(signed: SignedLetter, keyset: Keyset, federation: bytes) -> Letter:
    """Return the letter, if the holder of `keyset` signed it and this content under it.

    Says nothing about when the keyset was valid, or whether the two may write to each other.

    Raises:
        SignatureError: not signed by `keyset`; UNKNOWN_KEYSET where it names another.
        EnvelopeError: malformed, FOREIGN_FEDERATION, LIMIT_EXCEEDED, or STATEMENT_MISMATCH for
            another content.
    """
    if len(signed.sealed) > MAX_SEALED_BYTES:
        raise EnvelopeError(Reason.LIMIT_EXCEEDED, f"letter of {len(signed.sealed)} bytes")
    verify(keyset, PAYLOAD_LETTER, signed.letter, signed.signature)
    letter = Letter.decode(signed.letter)
    if letter.header.keyset_id != keyset.keyset_id:
        raise SignatureError(
            Reason.UNKNOWN_KEYSET, f"letter names keyset {letter.header.keyset_id}"
        )
    if letter.header.federation != federation:
        raise EnvelopeError(Reason.FOREIGN_FEDERATION, "letter is of another federation")
    if sha256(signed.sealed) != letter.sealed_digest:
        raise EnvelopeError(Reason.STATEMENT_MISMATCH, "content is not the one signed")
    return letter
