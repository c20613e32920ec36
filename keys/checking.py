# SPDX-License-Identifier: Apache-2.0
"""Checks that a whole frame is what its originator signed. Needs no private key; opens nothing.

Order: limits; signature over the STATEMENT; then everything else against the signed statement.
Whether the frame may be published (policy, idempotency, chains) is for the caller.
Source: docs/protocol.md section 7.
"""

from dataclasses import dataclass
from itertools import pairwise

from keys import merkle
from keys.envelope import (
    MAX_NOTICE_BYTES,
    MAX_WRAP_BYTES,
    Frame,
    FrameHeader,
    NoticeHeader,
    Recipient,
    Statement,
    check_counts,
)
from keys.errors import EnvelopeError, Reason, SignatureError
from keys.framing import refusing, sha256
from keys.signing import PAYLOAD_FRAME, Keyset, verify


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFrame:
    """A frame whose every byte is what `statement.originator` signed, with its parts decoded."""

    frame: Frame
    header: FrameHeader
    statement: Statement
    recipients: tuple[Recipient, ...]
    notices: tuple[NoticeHeader, ...]


def check_limits(frame: Frame) -> None:
    """Refuse a frame that is too large or empty, before anything else is done with it.

    Raises:
        EnvelopeError: with reason LIMIT_EXCEEDED.
    """
    _check_counts(len(frame.recipients), len(frame.notices))
    wraps = sum(map(len, frame.wraps))
    notices = sum(len(notice.header) + len(notice.body) for notice in frame.notices)
    if wraps > MAX_WRAP_BYTES or notices > MAX_NOTICE_BYTES:
        raise EnvelopeError(
            Reason.LIMIT_EXCEEDED,
            f"{wraps} bytes of wraps and {notices} of notices, "
            f"at most {MAX_WRAP_BYTES} and {MAX_NOTICE_BYTES}",
        )


_check_counts = refusing(EnvelopeError)(check_counts)


def check_frame(frame: Frame, keyset: Keyset, federation: bytes) -> CheckedFrame:
    """Check that a frame is whole and wholly what the holder of `keyset` signed.

    Args:
        frame: untrusted.
        keyset: the one that the directory has for the statement's originator and keyset id.
        federation: 32 bytes; a frame of another federation is refused.

    Raises:
        SignatureError: not signed by `keyset`, or at a time when it did not sign.
        EnvelopeError: malformed, beyond a limit, or not what the statement commits to.
    """
    check_limits(frame)
    statement = check_statement(frame.statement, frame.signature, keyset)
    header = check_header(frame.header, statement, keyset, federation)
    return CheckedFrame(
        frame=frame,
        header=header,
        statement=statement,
        recipients=_checked_recipients(frame, statement),
        notices=_checked_notices(frame, statement),
    )


def check_statement(statement: bytes, signature: bytes, keyset: Keyset) -> Statement:
    """Verify the signature over a STATEMENT, then decode it."""
    verify(keyset, PAYLOAD_FRAME, statement, signature)
    decoded = Statement.decode(statement)
    if decoded.keyset_id != keyset.keyset_id:
        raise SignatureError(
            Reason.UNKNOWN_KEYSET,
            f"statement names keyset {decoded.keyset_id}, checked with {keyset.keyset_id}",
        )
    return decoded


def check_header(
    header: bytes, statement: Statement, keyset: Keyset, federation: bytes
) -> FrameHeader:
    """Decode the FRAME_HEADER that a verified statement commits to.

    Raises:
        SignatureError: the keyset did not sign at the time that the header states.
        EnvelopeError: another header, malformed, or of another federation.
    """
    if sha256(header) != statement.header_digest:
        raise EnvelopeError(Reason.STATEMENT_MISMATCH, "frame header is not the one signed")
    decoded = FrameHeader.decode(header)
    if decoded.federation != federation:
        raise EnvelopeError(Reason.FOREIGN_FEDERATION, "frame belongs to another federation")
    if decoded.originator != statement.originator:
        raise EnvelopeError(
            Reason.STATEMENT_MISMATCH,
            f"frame was sealed by {decoded.originator} and signed by {statement.originator}",
        )
    if not keyset.is_valid_at(decoded.created_at):
        raise SignatureError(
            Reason.EXPIRED,
            f"keyset {keyset.keyset_id} did not sign at {decoded.created_at}",
        )
    return decoded


def _checked_recipients(frame: Frame, statement: Statement) -> tuple[Recipient, ...]:
    hashes = [merkle.hash_leaf(recipient) for recipient in frame.recipients]
    if len(hashes) != statement.recipient_count or merkle.root(hashes) != statement.recipient_root:
        raise EnvelopeError(Reason.STATEMENT_MISMATCH, "recipients are not those signed")
    if len(frame.wraps) != len(hashes):
        raise EnvelopeError(
            Reason.STATEMENT_MISMATCH, f"{len(frame.wraps)} wraps for {len(hashes)} recipients"
        )
    recipients = tuple(map(Recipient.decode, frame.recipients))
    for recipient, wrap in zip(recipients, frame.wraps, strict=True):
        if sha256(wrap) != recipient.wrap_digest:
            raise EnvelopeError(
                Reason.STATEMENT_MISMATCH, f"wrap for {recipient.agency} is not the one signed"
            )
    agencies = [recipient.agency for recipient in recipients]
    if any(first >= second for first, second in pairwise(agencies)):
        raise EnvelopeError(Reason.RECIPIENTS_INVALID, "recipients are not ascending by agency")
    if statement.originator not in agencies:
        raise EnvelopeError(Reason.RECIPIENTS_INVALID, "the originator is not a recipient")
    return recipients


def _checked_notices(frame: Frame, statement: Statement) -> tuple[NoticeHeader, ...]:
    hashes = [notice.leaf_hash for notice in frame.notices]
    if len(hashes) != statement.notice_count or merkle.root(hashes) != statement.notice_root:
        raise EnvelopeError(Reason.STATEMENT_MISMATCH, "notices are not those signed")
    notices = tuple([NoticeHeader.decode(notice.header) for notice in frame.notices])
    if len({notice.notice_id for notice in notices}) != len(notices):
        raise EnvelopeError(Reason.REPEATED_ID, "a notice id occurs twice in the frame")
    return notices
