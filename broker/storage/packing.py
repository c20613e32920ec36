# SPDX-License-Identifier: Apache-2.0
"""A frame's common part as one value of the database: exactly the bytes that came, and a digest.

A bit that rots on the disk is found here, before the broker hands out a frame that no receiver
would accept.
"""

from broker.domain.admissions import Admission
from broker.domain.deliveries import StoredFrame
from broker.domain.receipts import LogRef
from broker.storage.faults import internal
from keys.envelope import Frame, FrameHeader, NoticeHeader, SealedNotice, Statement
from keys.errors import TrustError
from keys.framing import framed, listed, sha256, unframe, unlisted

_LABEL = "tocsin/stored-frame/v1"


def packed(frame: Frame) -> bytes:
    """Return the bytes of what all recipients have in common."""
    return framed(
        _LABEL,
        frame.header,
        frame.statement,
        frame.signature,
        listed([notice.header for notice in frame.notices]),
        listed([notice.body for notice in frame.notices]),
    )


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
        header, statement, signature, headers, bodies = unframe(_LABEL, content, 5)
        return StoredFrame(
            topic=topic,
            sequence=sequence,
            header=header,
            statement=statement,
            signature=signature,
            notices=tuple(
                SealedNotice(header=one, body=body)
                for one, body in zip(unlisted(headers), unlisted(bodies), strict=True)
            ),
            publish_log=log,
            decoded=FrameHeader.decode(header),
            originator=Statement.decode(statement).originator,
            statement_digest=sha256(statement),
            notice_headers=tuple(map(NoticeHeader.decode, unlisted(headers))),
            size=len(content),
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
