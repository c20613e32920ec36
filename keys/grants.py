# SPDX-License-Identifier: Apache-2.0
"""Grants: one notice's content key, wrapped to one further agency and signed.

The rest of the frame stays closed to the grantee. Seals and checks; `keys.opening_letters` opens.
Whether the rule book allows a grant is for its readers to decide.
Source: docs/protocol.md section 21.1.
"""

from dataclasses import dataclass
from typing import Self

from keys.envelope import FrameHeader
from keys.errors import EnvelopeError, FramingError, Reason
from keys.fields import check_agency, check_bytes, check_key_id, check_time, check_uuid7
from keys.framing import HASH_BYTES, framed, read_text, read_uint, refusing, sha256, u64, unframe
from keys.hpke import wrap
from keys.places import NoticePlace
from keys.recipients import EncryptionKey
from keys.signers import Signer
from keys.signing import PAYLOAD_GRANT, Keyset, check_signed_at, verify

REGRANT_ORIGINATOR = "originator"
"""The `regrant` of a marking under which its originator, and nobody else, may grant."""

_GRANT = "tocsin/grant/v1"
_GRANT_WRAP = "tocsin/grant-wrap/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """GRANT: who admits whom to which notice, until when.

    Attributes:
        federation: 32 bytes.
        place: the notice.
        grantor: who admits.
        keyset_id: which of its keysets signs.
        grantee: who is admitted.
        key_id: which encryption key of the grantee.
        wrap_digest: SHA-256 of the wrap.
        rule_book: digest of the rule book that the grantor decided under.
        granted_at: milliseconds since 1970.
        expires_at: milliseconds since 1970; later than `granted_at`.
        notice_id: UUID of version 7 as 16 bytes: what the grantee fetches the notice by.
    """

    federation: bytes
    place: NoticePlace
    grantor: str
    keyset_id: str
    grantee: str
    key_id: str
    wrap_digest: bytes
    rule_book: bytes
    granted_at: int
    expires_at: int
    notice_id: bytes

    @refusing(EnvelopeError)
    def __post_init__(self) -> None:
        for digest in (self.federation, self.wrap_digest, self.rule_book):
            check_bytes(digest, HASH_BYTES, "digest")
        check_uuid7(self.notice_id)
        for agency in (self.grantor, self.grantee):
            check_agency(agency)
        for key_id in (self.keyset_id, self.key_id):
            check_key_id(key_id)
        for time in (self.granted_at, self.expires_at):
            check_time(time)
        if self.granted_at >= self.expires_at:
            raise FramingError(Reason.MALFORMED, "grant ends before it begins")
        if self.grantor == self.grantee:
            raise FramingError(Reason.MALFORMED, "grant from an agency to itself")

    def is_live_at(self, time_ms: int) -> bool:
        """Whether the notice may be handed out under the grant at `time_ms`."""
        return time_ms < self.expires_at

    def encode(self) -> bytes:
        """Return the GRANT bytes."""
        return framed(
            _GRANT,
            self.federation,
            *self.place.items(),
            self.grantor.encode(),
            self.keyset_id.encode(),
            self.grantee.encode(),
            self.key_id.encode(),
            self.wrap_digest,
            self.rule_book,
            u64(self.granted_at),
            u64(self.expires_at),
            self.notice_id,
        )

    @classmethod
    @refusing(EnvelopeError)
    def decode(cls, data: bytes) -> Self:
        """Read GRANT bytes; raises `EnvelopeError` for any that `encode` would not write."""
        items = unframe(_GRANT, data, 13)
        grantor, keyset_id, grantee, key_id, wrap_digest, rule_book = items[4:10]
        granted_at, expires_at, notice_id = items[10:]
        return cls(
            federation=items[0],
            place=NoticePlace.read(items[1:4]),
            grantor=read_text(grantor),
            keyset_id=read_text(keyset_id),
            grantee=read_text(grantee),
            key_id=read_text(key_id),
            wrap_digest=wrap_digest,
            rule_book=rule_book,
            granted_at=read_uint(granted_at, 8),
            expires_at=read_uint(expires_at, 8),
            notice_id=notice_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedGrant:
    """A grant as it travels, untrusted until checked: GRANT bytes, wrap and hybrid signature."""

    grant: bytes
    wrap: bytes
    signature: bytes


def grant_wrap_info(place: NoticePlace, grantor: str, grantee: str, key_id: str) -> bytes:
    """Return the HPKE info of a granted content key's wrap."""
    return framed(
        _GRANT_WRAP,
        place.statement,
        place.leaf_hash,
        grantor.encode(),
        grantee.encode(),
        key_id.encode(),
    )


@refusing(EnvelopeError)
def seal_grant(
    content_key: bytes,
    *,
    federation: bytes,
    place: NoticePlace,
    notice_id: bytes,
    grantor: str,
    grantee: str,
    key: EncryptionKey,
    rule_book: bytes,
    granted_at: int,
    expires_at: int,
    signer: Signer,
) -> SignedGrant:
    """Wrap a notice's content key (32 bytes) to one further agency, and sign that.

    Args:
        content_key: opens the notice's body and no other.
        federation: 32 bytes.
        place: the notice.
        notice_id: its id, 16 bytes.
        grantor: whose `signer` it is.
        grantee: whose `key` it is.
        key: an encryption key from a directory that the grantor verified.
        rule_book: digest of the rule book that the grantor decided under.
        granted_at: milliseconds since 1970.
        expires_at: milliseconds since 1970.
        signer: signs as the grantor.

    Raises:
        EnvelopeError: a value has not its form, or the key is not valid at `granted_at` or cannot
            be sealed to.
    """
    if not key.is_valid_at(granted_at):
        raise EnvelopeError(
            Reason.EXPIRED, f"key {key.key_id} of {grantee} is not valid at {granted_at}"
        )
    info = grant_wrap_info(place, grantor, grantee, key.key_id)
    wrapped = wrap(key.public, info, content_key)
    grant = Grant(
        federation=federation,
        place=place,
        grantor=grantor,
        keyset_id=signer.keyset_id,
        grantee=grantee,
        key_id=key.key_id,
        wrap_digest=sha256(wrapped),
        rule_book=rule_book,
        granted_at=granted_at,
        expires_at=expires_at,
        notice_id=notice_id,
    ).encode()
    signature = signer.sign(PAYLOAD_GRANT, grant)
    return SignedGrant(grant=grant, wrap=wrapped, signature=signature)


@refusing(EnvelopeError)
def verify_grant(signed: SignedGrant, keyset: Keyset, federation: bytes) -> Grant:
    """Return the grant, if the holder of `keyset` signed it for this federation and this wrap.

    Says nothing about whether the grantor may grant (`check_grantor`), or the grant is still live.

    Raises:
        SignatureError: not signed by `keyset`; UNKNOWN_KEYSET where it names another; EXPIRED
            where it did not sign at the time that the grant states.
        EnvelopeError: malformed, FOREIGN_FEDERATION, or STATEMENT_MISMATCH for another wrap.
    """
    verify(keyset, PAYLOAD_GRANT, signed.grant, signed.signature)
    grant = Grant.decode(signed.grant)
    check_signed_at(keyset, grant.keyset_id, grant.granted_at)
    if grant.federation != federation:
        raise EnvelopeError(Reason.FOREIGN_FEDERATION, "grant is of another federation")
    if sha256(signed.wrap) != grant.wrap_digest:
        raise EnvelopeError(Reason.STATEMENT_MISMATCH, "wrap is not the one signed")
    return grant


def check_grantor(grant: Grant, header: FrameHeader) -> None:
    """Refuse a grant by an agency that the notice's own marking does not let grant.

    Raises:
        EnvelopeError: with reason REGRANT_INVALID.
    """
    regrant = header.marking.regrant
    if regrant != REGRANT_ORIGINATOR or grant.grantor != header.originator:
        raise EnvelopeError(
            Reason.REGRANT_INVALID, f"{grant.grantor} may not grant: regrant is {regrant}"
        )
