# SPDX-License-Identifier: Apache-2.0
"""Seals notices into a frame and signs it. Opens nothing and keeps no key.

Who the recipients are, and their places in their chains, are decided by the caller.
Source: docs/protocol.md section 6.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from keys import merkle
from keys.body import KEY_BYTES, content_key, key_commitment, seal_body
from keys.checking import check_limits
from keys.envelope import (
    ID_BYTES,
    Frame,
    FrameHeader,
    Marking,
    NoticeHeader,
    Recipient,
    RuleBookRef,
    SealedNotice,
    Statement,
    TreeHead,
    check_counts,
)
from keys.errors import EnvelopeError, Reason
from keys.framing import refusing, sha256
from keys.hpke import wrap, wrap_info
from keys.recipients import EncryptionKey
from keys.signers import Signer
from keys.signing import PAYLOAD_FRAME


@dataclass(frozen=True, slots=True, kw_only=True)
class SealRecipient:
    """One agency to seal to.

    Attributes:
        agency: its id.
        key: the key to seal to; valid at the frame's `created_at`.
        named: whether the originator names the agency as addressee.
        seq: the frame's number in the outlet's chain to this agency on this topic, from 1.
        prev: SHA-256 of the STATEMENT before it; `keys.envelope.NO_PREVIOUS` for the first.
    """

    agency: str
    key: EncryptionKey
    named: bool
    seq: int
    prev: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeDraft:
    """One notice to seal: what is in clear about it, and what is not."""

    header: NoticeHeader
    content: bytes


@refusing(EnvelopeError)
def seal_frame(
    *,
    federation: bytes,
    topic: str,
    marking: Marking,
    outlet: bytes,
    created_at: int,
    rule_book: RuleBookRef,
    directory: TreeHead,
    log: TreeHead,
    recipients: Sequence[SealRecipient],
    notices: Sequence[NoticeDraft],
    originator: str,
    signer: Signer,
    seal_id: bytes | None = None,
    seal_key: bytes | None = None,
) -> Frame:
    """Seal `notices` to `recipients` as one frame and sign it.

    Args:
        federation: 32 bytes.
        topic: where it will be published.
        marking: of every notice in it.
        outlet: 16 bytes: the outbox that numbers it.
        created_at: milliseconds since 1970.
        rule_book: the rule book that the audience was decided under.
        directory: the directory that the keys were taken from.
        log: the highest checkpoint verified.
        recipients: in any order; the originator must be among them.
        notices: 1 to 256, in the order they will have.
        originator: the agency that signs.
        signer: its signer.
        seal_id: 16 bytes; fresh random ones unless given (a retry never seals again).
        seal_key: 32 bytes; fresh random ones unless given (test vectors only).

    Raises:
        EnvelopeError: a limit, a repeated or missing agency, a repeated notice id, or a key that
            is not valid at `created_at`.
    """
    check_counts(len(recipients), len(notices))
    seal_id = secrets.token_bytes(ID_BYTES) if seal_id is None else seal_id
    seal_key = secrets.token_bytes(KEY_BYTES) if seal_key is None else seal_key
    header = FrameHeader(
        federation=federation,
        seal_id=seal_id,
        outlet=outlet,
        topic=topic,
        created_at=created_at,
        marking=marking,
        key_commitment=key_commitment(seal_key, federation, seal_id),
        rule_book=rule_book,
        directory=directory,
        log=log,
        originator=originator,
    ).encode()
    digest = sha256(header)
    ordered = _in_order(recipients, originator, created_at)
    wraps = tuple(_wrapped(recipient, digest, seal_key) for recipient in ordered)
    records = tuple(map(_record, ordered, wraps))
    sealed = _sealed_notices(notices, digest, seal_key)
    statement = Statement(
        originator=originator,
        keyset_id=signer.keyset_id,
        header_digest=digest,
        recipient_count=len(records),
        recipient_root=merkle.root([merkle.hash_leaf(record) for record in records]),
        notice_count=len(sealed),
        notice_root=merkle.root([notice.leaf_hash for notice in sealed]),
    ).encode()
    frame = Frame(
        header=header,
        recipients=records,
        wraps=wraps,
        notices=sealed,
        statement=statement,
        signature=signer.sign(PAYLOAD_FRAME, statement),
    )
    check_limits(frame)
    return frame


def _in_order(
    recipients: Sequence[SealRecipient], originator: str, created_at: int
) -> list[SealRecipient]:
    ordered = sorted(recipients, key=lambda recipient: recipient.agency)
    agencies = {recipient.agency for recipient in ordered}
    if len(agencies) != len(ordered):
        raise EnvelopeError(Reason.RECIPIENTS_INVALID, "an agency is a recipient twice")
    if originator not in agencies:
        raise EnvelopeError(Reason.RECIPIENTS_INVALID, "the originator is not a recipient")
    for recipient in ordered:
        if not recipient.key.is_valid_at(created_at):
            raise EnvelopeError(
                Reason.EXPIRED,
                f"key {recipient.key.key_id} of {recipient.agency} is not valid at {created_at}",
            )
    return ordered


def _wrapped(recipient: SealRecipient, digest: bytes, seal_key: bytes) -> bytes:
    info = wrap_info(digest, recipient.agency, recipient.key.key_id)
    return wrap(recipient.key.public, info, seal_key)


def _record(recipient: SealRecipient, wrapped: bytes) -> bytes:
    return Recipient(
        agency=recipient.agency,
        key_id=recipient.key.key_id,
        named=recipient.named,
        seq=recipient.seq,
        prev=recipient.prev,
        wrap_digest=sha256(wrapped),
    ).encode()


def _sealed_notices(
    notices: Sequence[NoticeDraft], digest: bytes, seal_key: bytes
) -> tuple[SealedNotice, ...]:
    if len({notice.header.notice_id for notice in notices}) != len(notices):
        raise EnvelopeError(Reason.REPEATED_ID, "a notice id occurs twice in the frame")
    sealed = []
    for notice in notices:
        header = notice.header.encode()
        header_digest = sha256(header)
        key = content_key(seal_key, digest, header_digest)
        body = seal_body(key, digest, header_digest, notice.content)
        sealed.append(SealedNotice(header=header, body=body))
    return tuple(sealed)
