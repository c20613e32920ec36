# SPDX-License-Identifier: Apache-2.0
"""Opens what came by a mailbox: a granted content key, the notice it is for, a letter's content.

The broker never reaches this module (import contract). Takes what `keys.grants.verify_grant` and
`keys.letters.verify_letter` returned. Source: docs/protocol.md section 9a.
"""

from dataclasses import dataclass

from keys import merkle
from keys.body import unpad
from keys.checking import check_header, check_statement
from keys.envelope import FrameHeader, NoticeHeader, SealedNotice
from keys.errors import EnvelopeError, OpenError, Reason
from keys.framing import refusing, sha256
from keys.grants import Grant, SignedGrant, grant_wrap_info
from keys.identities import DecryptionKey
from keys.letters import Letter, SignedLetter, letter_info
from keys.opening import DeliveredNotice, OpenedNotice, open_body
from keys.signing import Keyset


def open_grant(grant: Grant, signed: SignedGrant, key: DecryptionKey) -> bytes:
    """Return the content key of the notice that was granted, 32 bytes.

    Raises:
        OpenError: WRAP_INVALID; it is wrapped to another key, or does not open with this one.
    """
    if grant.key_id != key.key_id:
        raise OpenError(Reason.WRAP_INVALID, f"sealed to key {grant.key_id}, have {key.key_id}")
    info = grant_wrap_info(grant.place, grant.grantor, grant.grantee, grant.key_id)
    return key.unwrap(signed.wrap, info)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedNotice:
    """A granted notice in clear, and the header of the frame that it is in."""

    frame: FrameHeader
    notice: OpenedNotice


@refusing(EnvelopeError)
def open_granted(
    grant: Grant,
    content_key: bytes,
    *,
    header: bytes,
    statement: bytes,
    signature: bytes,
    sealed: DeliveredNotice,
    keyset: Keyset,
) -> GrantedNotice:
    """Check one notice of a frame against its originator's signature and the grant, and open it.

    Args:
        grant: as verified.
        content_key: what `open_grant` returned.
        header: FRAME_HEADER bytes.
        statement: STATEMENT bytes.
        signature: hybrid signature over the statement.
        sealed: the notice with its path; without one where it is the only notice of its frame.
        keyset: what the grantee's own directory has for the statement's originator.

    Raises:
        SignatureError: the frame is not signed by `keyset`.
        EnvelopeError: malformed, FOREIGN_FEDERATION, or STATEMENT_MISMATCH for another notice than
            the one granted.
        ProofError: the path does not lead to the statement's root.
        OpenError: the body does not open with the granted key.
    """
    checked = check_statement(statement, signature, keyset)
    frame = check_header(header, checked, keyset, grant.federation)
    leaf_hash = SealedNotice(header=sealed.header, body=sealed.body).leaf_hash
    place = (sha256(statement), sealed.index, leaf_hash)
    if place != (grant.place.statement, grant.place.index, grant.place.leaf_hash):
        raise EnvelopeError(Reason.STATEMENT_MISMATCH, "not the notice that was granted")
    merkle.verify_inclusion(
        leaf_hash, sealed.index, sealed.path, checked.notice_count, checked.notice_root
    )
    content = open_body(content_key, checked.header_digest, sealed.header, sealed.body)
    notice = OpenedNotice(
        index=sealed.index,
        header=NoticeHeader.decode(sealed.header),
        leaf_hash=leaf_hash,
        content=content,
        content_key=content_key,
    )
    return GrantedNotice(frame=frame, notice=notice)


def open_letter(letter: Letter, signed: SignedLetter, key: DecryptionKey) -> bytes:
    """Return a letter's content.

    Raises:
        OpenError: WRAP_INVALID; it is sealed to another key, or does not open with this one.
            PADDING_INVALID where its content is not padded as it must be.
    """
    header = letter.header
    if header.key_id != key.key_id:
        raise OpenError(Reason.WRAP_INVALID, f"sealed to key {header.key_id}, have {key.key_id}")
    try:
        return unpad(key.decrypt(signed.sealed, letter_info(header)))
    except EnvelopeError as error:
        raise OpenError(error.reason, error.detail) from None
