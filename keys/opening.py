# SPDX-License-Identifier: Apache-2.0
"""Checks what was delivered to one agency, then opens it.

The order is fixed by types: `open_delivery` takes only what `verify_delivery` returned. The broker
never reaches this module (import contract). Does not keep state: repeated ids across frames and
gaps in the chain are for the caller's store. Source: docs/protocol.md section 8.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.exceptions import AlreadyFinalized, InvalidTag

from keys import merkle
from keys.attachments import attachment_context
from keys.body import body_context, content_key, key_commitment, unpad
from keys.checking import check_header, check_statement
from keys.envelope import (
    AttachmentRef,
    FrameHeader,
    NoticeHeader,
    Recipient,
    SealedNotice,
    Statement,
)
from keys.errors import EnvelopeError, OpenError, Reason
from keys.framing import refusing, sha256
from keys.hpke import wrap_info
from keys.identities import DecryptionKey
from keys.signing import Keyset


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredNotice:
    """One notice of a delivery, untrusted until checked.

    Attributes:
        index: its place in the frame.
        header: HEADER_i bytes.
        body: BODY_i bytes.
        path: inclusion path to the statement's notice root; empty where the delivery carries
            every notice of the frame.
    """

    index: int
    header: bytes
    body: bytes
    path: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredFrame:
    """A frame as one recipient gets it, untrusted until checked.

    Attributes:
        header: FRAME_HEADER bytes.
        statement: STATEMENT bytes.
        signature: hybrid signature over the statement.
        recipient: the recipient's own RECIPIENT bytes.
        recipient_index: its place among the frame's recipients.
        recipient_path: its inclusion path.
        wrap: the recipient's wrap; empty where no notice is delivered.
        notices: all, some, or none (stub or withheld), ascending by index.
        withheld: indices said to be kept back, ascending.
        stub: whether it is said that the subscription's filter does not choose the frame.
    """

    header: bytes
    statement: bytes
    signature: bytes
    recipient: bytes
    recipient_index: int
    recipient_path: tuple[bytes, ...]
    wrap: bytes
    notices: tuple[DeliveredNotice, ...]
    withheld: tuple[int, ...] = ()
    stub: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedNotice:
    """A notice that the originator's signature covers, not yet opened."""

    index: int
    header: NoticeHeader
    leaf_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedDelivery:
    """What a delivery proves: who sealed it, for whom, and which notices are in it.

    `unaccounted` are the indices that it neither carries nor says to be withheld. A stub and a
    notice fetched by id leave others out; any other delivery has none, or its broker hides some.
    """

    header: FrameHeader
    header_digest: bytes
    statement: Statement
    statement_digest: bytes
    recipient: Recipient
    notices: tuple[CheckedNotice, ...]
    unaccounted: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedNotice:
    """A notice in clear.

    Attributes:
        index: its place in the frame.
        header: its decoded header.
        leaf_hash: names its exact bytes.
        content: the plaintext.
        content_key: opens this notice's body and no other; what a receiver keeps.
    """

    index: int
    header: NoticeHeader
    leaf_hash: bytes
    content: bytes = field(repr=False)
    content_key: bytes = field(repr=False)


@refusing(EnvelopeError)
def verify_delivery(
    delivered: DeliveredFrame, keyset: Keyset, federation: bytes, agency: str, topic: str
) -> CheckedDelivery:
    """Check that everything delivered is what the holder of `keyset` signed for `agency`.

    Args:
        delivered: untrusted; may carry no notices (stub, withheld) and then no wrap.
        keyset: what the receiver's own directory has for the statement's originator.
        federation: 32 bytes.
        agency: the receiver.
        topic: the topic subscribed to.

    Raises:
        SignatureError: not signed by `keyset`.
        EnvelopeError: malformed or not covered by the statement; FOREIGN_FEDERATION, WRONG_TOPIC,
            NOT_A_RECIPIENT, REPEATED_ID, STATEMENT_MISMATCH.
        ProofError: a path does not lead to the statement's root.
    """
    statement = check_statement(delivered.statement, delivered.signature, keyset)
    header = check_header(delivered.header, statement, keyset, federation)
    if header.topic != topic:
        raise EnvelopeError(
            Reason.WRONG_TOPIC, f"frame is for topic {header.topic}, expected {topic}"
        )
    return CheckedDelivery(
        header=header,
        header_digest=statement.header_digest,
        statement=statement,
        statement_digest=sha256(delivered.statement),
        recipient=_checked_recipient(delivered, statement, agency),
        notices=_checked_notices(delivered, statement),
        unaccounted=_unaccounted(delivered, statement),
    )


def _check_form(delivered: DeliveredFrame) -> None:
    if delivered.stub and (delivered.notices or delivered.withheld):
        raise EnvelopeError(Reason.MALFORMED, "a stub carries notices or says they are withheld")
    if delivered.wrap and not delivered.notices:
        raise EnvelopeError(Reason.MALFORMED, "a wrap comes without a notice")


def _unaccounted(delivered: DeliveredFrame, statement: Statement) -> tuple[int, ...]:
    named = {*(notice.index for notice in delivered.notices), *delivered.withheld}
    return tuple(index for index in range(statement.notice_count) if index not in named)


def _checked_recipient(delivered: DeliveredFrame, statement: Statement, agency: str) -> Recipient:
    merkle.verify_inclusion(
        merkle.hash_leaf(delivered.recipient),
        delivered.recipient_index,
        delivered.recipient_path,
        statement.recipient_count,
        statement.recipient_root,
    )
    recipient = Recipient.decode(delivered.recipient)
    if recipient.agency != agency:
        raise EnvelopeError(
            Reason.NOT_A_RECIPIENT, f"record is for {recipient.agency}, not for {agency}"
        )
    if delivered.notices and sha256(delivered.wrap) != recipient.wrap_digest:
        raise EnvelopeError(Reason.STATEMENT_MISMATCH, "wrap is not the one signed")
    return recipient


def _checked_notices(delivered: DeliveredFrame, statement: Statement) -> tuple[CheckedNotice, ...]:
    _check_form(delivered)
    notices = delivered.notices
    indices = [notice.index for notice in notices]
    _check_indices(indices, delivered.withheld, statement.notice_count)
    hashes = [SealedNotice(header=notice.header, body=notice.body).leaf_hash for notice in notices]
    _check_leaves(notices, hashes, statement)
    headers = [NoticeHeader.decode(notice.header) for notice in notices]
    if len({header.notice_id for header in headers}) != len(headers):
        raise EnvelopeError(Reason.REPEATED_ID, "a notice id occurs twice in the frame")
    return tuple(
        CheckedNotice(index=index, header=header, leaf_hash=leaf_hash)
        for index, header, leaf_hash in zip(indices, headers, hashes, strict=True)
    )


def _check_indices(carried: list[int], withheld: tuple[int, ...], count: int) -> None:
    named = {*carried, *withheld}
    ascending = carried == sorted(carried) and list(withheld) == sorted(withheld)
    if not ascending or len(named) != len(carried) + len(withheld):
        raise EnvelopeError(Reason.REPEATED_ID, "an index occurs twice or out of order")
    if any(not 0 <= index < count for index in named):
        raise EnvelopeError(Reason.STATEMENT_MISMATCH, f"an index is not below {count}")


def _check_leaves(
    notices: Sequence[DeliveredNotice], hashes: list[bytes], statement: Statement
) -> None:
    if len(notices) == statement.notice_count and not any(notice.path for notice in notices):
        if merkle.root(hashes) != statement.notice_root:
            raise EnvelopeError(Reason.STATEMENT_MISMATCH, "notices are not those signed")
        return
    for notice, leaf_hash in zip(notices, hashes, strict=True):
        merkle.verify_inclusion(
            leaf_hash,
            notice.index,
            notice.path,
            statement.notice_count,
            statement.notice_root,
        )


def open_delivery(
    checked: CheckedDelivery, delivered: DeliveredFrame, key: DecryptionKey
) -> tuple[OpenedNotice, ...]:
    """Open the notices of a delivery that `verify_delivery` passed.

    Args:
        checked: what `verify_delivery` returned for `delivered`.
        delivered: the same delivery.
        key: the decryption key that the RECIPIENT names.

    Raises:
        OpenError: the wrap does not open, opens to another key than the committed one
            (COMMITMENT_MISMATCH), or a body does not open. Nothing is returned then.
    """
    recipient = checked.recipient
    if recipient.key_id != key.key_id:
        raise OpenError(Reason.WRAP_INVALID, f"sealed to key {recipient.key_id}, have {key.key_id}")
    info = wrap_info(checked.header_digest, recipient.agency, recipient.key_id)
    seal_key = key.unwrap(delivered.wrap, info)
    header = checked.header
    if key_commitment(seal_key, header.federation, header.seal_id) != header.key_commitment:
        raise OpenError(Reason.COMMITMENT_MISMATCH, "wrap opens to another key than committed to")
    return tuple(
        _opened(checked, notice, sealed, seal_key)
        for notice, sealed in zip(checked.notices, delivered.notices, strict=True)
    )


def _opened(
    checked: CheckedDelivery, notice: CheckedNotice, sealed: DeliveredNotice, seal_key: bytes
) -> OpenedNotice:
    key = content_key(seal_key, checked.header_digest, sha256(sealed.header))
    return OpenedNotice(
        index=notice.index,
        header=notice.header,
        leaf_hash=notice.leaf_hash,
        content=open_body(key, checked.header_digest, sealed.header, sealed.body),
        content_key=key,
    )


def open_body(content_key: bytes, header_digest: bytes, notice_header: bytes, body: bytes) -> bytes:
    """Return the content of one body, with the notice's own key.

    Args:
        content_key: 32 bytes.
        header_digest: SHA-256 of the FRAME_HEADER.
        notice_header: HEADER_i bytes.
        body: BODY_i bytes.

    Raises:
        OpenError: with reason BODY_INVALID, whatever is wrong with it.
    """
    try:
        context = body_context(header_digest, sha256(notice_header))
        decryptor = Cobblestone256Decryptor(content_key, context)
        return unpad(decryptor.update(body) + decryptor.finalize())
    except (InvalidTag, ValueError, EnvelopeError):
        raise OpenError(Reason.BODY_INVALID, "body does not open under its key") from None


class AttachmentOpener:
    """Decrypts one attachment piece by piece: `update` any number of times, then `finalize` once.

    What `update` returns is authentic but may be a beginning only: keep it apart, and release
    nothing until `finalize` has returned. What was refused once stays refused.
    """

    def __init__(self, federation: bytes, originator: str, ref: AttachmentRef, key: bytes) -> None:
        context = attachment_context(federation, originator, ref.id)
        try:
            self._decryptor = Cobblestone256Decryptor(key, context)
        except ValueError:
            raise OpenError(Reason.ATTACHMENT_INVALID, "attachment key is not a key") from None
        self._ref = ref
        self._digest = hashlib.sha256()
        self._length = 0

    def update(self, data: bytes) -> bytes:
        """Return the plaintext that `data` completes.

        Raises:
            OpenError: with reason ATTACHMENT_INVALID: not the attachment, or too long.
        """
        self._digest.update(data)
        self._length += len(data)
        if self._length > self._ref.length:
            raise OpenError(
                Reason.ATTACHMENT_INVALID, f"attachment is longer than {self._ref.length} bytes"
            )
        try:
            return self._decryptor.update(data)
        except (InvalidTag, AlreadyFinalized):
            raise _attachment_refused() from None

    def finalize(self) -> bytes:
        """Return the last plaintext, after checking that the ciphertext was whole.

        Raises:
            OpenError: with reason ATTACHMENT_INVALID: truncated, or not what the header lists.
        """
        if self._length != self._ref.length or self._digest.digest() != self._ref.digest:
            raise _attachment_refused()
        try:
            return self._decryptor.finalize()
        except (InvalidTag, AlreadyFinalized):
            raise _attachment_refused() from None


def _attachment_refused() -> OpenError:
    return OpenError(Reason.ATTACHMENT_INVALID, "attachment is not the one in the notice's header")
