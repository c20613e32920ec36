# SPDX-License-Identifier: Apache-2.0
"""Opens what came by mail: a granted content key, the notice it is for, a letter's content.

The order is fixed by types: grants and letters come as `keys.grants.verify_grant` and
`keys.letters.verify_letter` returned them, and `open_granted` takes what `verify_granted` returned.
The broker never reaches this module (import contract). Does not ask the rule book.
Source: docs/protocol.md section 21.
"""

from dataclasses import dataclass

from keys import merkle
from keys.body import unpad
from keys.checking import check_header, check_statement
from keys.envelope import FrameHeader, NoticeHeader, SealedNotice, Statement
from keys.errors import EnvelopeError, OpenError, Reason
from keys.framing import refusing, sha256
from keys.grants import Grant, check_grantor, grant_wrap_info
from keys.identities import DecryptionKey
from keys.letters import Letter, letter_info
from keys.opening import CheckedNotice, DeliveredFrame, DeliveredNotice, OpenedNotice, open_body
from keys.signing import Keyset


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedGranted:
    """What a fetch under a grant proves: the one notice granted, not yet opened, and its frame."""

    header: FrameHeader
    header_digest: bytes
    statement: Statement
    notice: CheckedNotice


def open_grant(grant: Grant, wrap: bytes, key: DecryptionKey) -> bytes:
    """Return the content key of the notice that was granted, 32 bytes.

    Args:
        grant: as verified.
        wrap: what it was verified with.
        key: the decryption key that the grant names.

    Raises:
        OpenError: WRAP_INVALID; it is wrapped to another key, or does not open with this one.
    """
    if grant.key_id != key.key_id:
        raise OpenError(Reason.WRAP_INVALID, f"wrapped to key {grant.key_id}, have {key.key_id}")
    info = grant_wrap_info(grant.place, grant.grantor, grant.grantee, grant.key_id)
    return key.unwrap(wrap, info)


@refusing(EnvelopeError)
def verify_granted(grant: Grant, delivered: DeliveredFrame, keyset: Keyset) -> CheckedGranted:
    """Check that what was fetched under a grant is the one notice that it admits to.

    Args:
        grant: as verified.
        delivered: untrusted: that notice with its path, no RECIPIENT and no wrap.
        keyset: what the grantee's own directory has for the statement's originator.

    Raises:
        SignatureError: the frame is not signed by `keyset`.
        EnvelopeError: malformed, FOREIGN_FEDERATION, STATEMENT_MISMATCH for another frame or
            notice than the one granted, REGRANT_INVALID where the marking does not let the
            grantor grant.
        ProofError: the path does not lead to the statement's root.
    """
    if sha256(delivered.statement) != grant.place.statement:
        raise EnvelopeError(Reason.STATEMENT_MISMATCH, "frame is not the one of the grant")
    statement = check_statement(delivered.statement, delivered.signature, keyset)
    header = check_header(delivered.header, statement, keyset, grant.federation)
    check_grantor(grant, header)
    return CheckedGranted(
        header=header,
        header_digest=statement.header_digest,
        statement=statement,
        notice=_checked_notice(_only_notice(delivered), grant, statement),
    )


def _only_notice(delivered: DeliveredFrame) -> DeliveredNotice:
    if len(delivered.notices) != 1 or delivered.withheld or delivered.stub:
        raise EnvelopeError(Reason.MALFORMED, "a grantee is given one notice and nothing else")
    if delivered.recipient or delivered.recipient_path or delivered.wrap:
        raise EnvelopeError(Reason.MALFORMED, "a grantee is given a recipient's record or wrap")
    return delivered.notices[0]


def _checked_notice(notice: DeliveredNotice, grant: Grant, statement: Statement) -> CheckedNotice:
    leaf_hash = SealedNotice(header=notice.header, body=notice.body).leaf_hash
    if (notice.index, leaf_hash) != (grant.place.index, grant.place.leaf_hash):
        raise EnvelopeError(Reason.STATEMENT_MISMATCH, "notice is not the one granted")
    merkle.verify_inclusion(
        leaf_hash, notice.index, notice.path, statement.notice_count, statement.notice_root
    )
    header = NoticeHeader.decode(notice.header)
    if header.notice_id != grant.notice_id:
        raise EnvelopeError(Reason.STATEMENT_MISMATCH, "notice has not the id of the grant")
    return CheckedNotice(index=notice.index, header=header, leaf_hash=leaf_hash)


def open_granted(
    checked: CheckedGranted, delivered: DeliveredFrame, content_key: bytes
) -> OpenedNotice:
    """Open the notice that `verify_granted` passed.

    Args:
        checked: what `verify_granted` returned for `delivered`.
        delivered: the same delivery.
        content_key: what `open_grant` returned for the same grant.

    Raises:
        OpenError: BODY_INVALID; the body does not open with that key.
    """
    sealed = delivered.notices[0]
    return OpenedNotice(
        index=checked.notice.index,
        header=checked.notice.header,
        leaf_hash=checked.notice.leaf_hash,
        content=open_body(content_key, checked.header_digest, sealed.header, sealed.body),
        content_key=content_key,
    )


def open_letter(letter: Letter, sealed: bytes, key: DecryptionKey) -> bytes:
    """Return a letter's content.

    Args:
        letter: as verified.
        sealed: what it was verified with.
        key: the decryption key that the letter names.

    Raises:
        OpenError: with reason BODY_INVALID, whatever is wrong with it.
    """
    header = letter.header
    if header.key_id != key.key_id:
        raise OpenError(Reason.BODY_INVALID, f"sealed to key {header.key_id}, have {key.key_id}")
    try:
        return unpad(key.decrypt(sealed, letter_info(header)))
    except (EnvelopeError, OpenError):
        raise OpenError(Reason.BODY_INVALID, "letter does not open with its key") from None
