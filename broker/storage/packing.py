# SPDX-License-Identifier: Apache-2.0
"""A frame's common part as one value of the database: exactly the bytes that came, and a digest.

A bit that rots on the disk is found here, before the broker hands out a frame that no receiver
would accept. Of a notice that was destroyed its leaf hash is left.
"""

from collections.abc import Mapping, Sequence

from broker.domain.admissions import Admission
from broker.domain.deliveries import Gone, StoredFrame, WithheldReason
from broker.domain.receipts import LogRef
from broker.storage.faults import internal
from keys.envelope import Frame, FrameHeader, NoticeHeader, SealedNotice, Statement
from keys.errors import TrustError
from keys.framing import framed, listed, read_uint, sha256, u8, u32, unframe, unlisted

_LABEL = "tocsin/stored-frame/v1"


def packed(frame: Frame | StoredFrame) -> bytes:
    """Return the bytes of what all recipients have in common."""
    gone = frame.gone if isinstance(frame, StoredFrame) else {}
    return framed(
        _LABEL,
        frame.header,
        frame.statement,
        frame.signature,
        listed([notice.header for notice in frame.notices]),
        listed([notice.body for notice in frame.notices]),
        listed([_gone(index, one) for index, one in sorted(gone.items())]),
    )


def _gone(index: int, gone: Gone) -> bytes:
    return listed([u32(index), u8(gone.reason), gone.leaf_hash])


def _read_gone(items: Sequence[bytes], count: int) -> Mapping[int, Gone]:
    """Return what is left of destroyed notices, of a frame of `count`."""
    found: dict[int, Gone] = {}
    for item in items:
        index, reason, leaf_hash = unlisted(item)
        left = Gone(leaf_hash=leaf_hash, reason=WithheldReason(read_uint(reason, 1)))
        found[read_uint(index, 4)] = left
    if len(found) != len(items) or max(found, default=-1) >= count:
        raise ValueError("a notice is destroyed that is none of the frame's")
    return found


def unpacked(topic: str, sequence: int, log: LogRef, content: bytes, digest: bytes) -> StoredFrame:
    """Return a frame as it was stored.

    Args:
        topic: where it stands.
        sequence: its place there.
        log: the leaf of its publication.
        content: what `packed` gave.
        digest: SHA-256 of that.

    Raises:
        BrokerError: INTERNAL where the bytes changed since.
    """
    try:
        if sha256(content) != digest:
            raise internal(f"frame {sequence} of {topic} is damaged")
        header, statement, signature, *lists = unframe(_LABEL, content, 6)
        headers, bodies, left = map(unlisted, lists)
        gone = _read_gone(left, len(headers))
        return StoredFrame(
            topic=topic,
            sequence=sequence,
            header=header,
            statement=statement,
            signature=signature,
            notices=tuple(
                SealedNotice(header=one, body=body)
                for one, body in zip(headers, bodies, strict=True)
            ),
            publish_log=log,
            decoded=FrameHeader.decode(header),
            originator=Statement.decode(statement).originator,
            statement_digest=sha256(statement),
            notice_headers=tuple(
                None if index in gone else NoticeHeader.decode(one)
                for index, one in enumerate(headers)
            ),
            size=len(content),
            gone=gone,
        )
    except (TrustError, ValueError) as error:
        raise internal(f"frame {sequence} of {topic} does not decode: {error}") from error


def stored(admission: Admission, sequence: int, log: LogRef, size: int) -> StoredFrame:
    """Return the frame that was just stored as `unpacked` would, from its parts at hand."""
    frame = admission.checked.frame
    return StoredFrame(
        topic=admission.topic,
        sequence=sequence,
        header=frame.header,
        statement=frame.statement,
        signature=frame.signature,
        notices=frame.notices,
        publish_log=log,
        decoded=admission.checked.header,
        originator=admission.originator,
        statement_digest=admission.statement_digest,
        notice_headers=admission.checked.notices,
        size=size,
    )
