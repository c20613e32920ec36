# SPDX-License-Identifier: Apache-2.0
"""The shared frame as a broker's store gives it."""

from broker.domain.deliveries import StoredFrame
from broker.domain.receipts import LogRef
from keys.envelope import FrameHeader, NoticeHeader
from keys.framing import sha256
from tests.simulator.federation import NOW
from tests.unit.protocol.material import ORIGINATOR, frame


def stored_frame(sequence: int) -> StoredFrame:
    held = frame()
    header = FrameHeader.decode(held.header)
    return StoredFrame(
        topic=header.topic,
        sequence=sequence,
        header=held.header,
        statement=held.statement,
        signature=held.signature,
        notices=held.notices,
        publish_log=LogRef(index=0, salt=bytes(32), time_ms=NOW),
        decoded=header,
        originator=ORIGINATOR,
        statement_digest=sha256(held.statement),
        notice_headers=tuple(NoticeHeader.decode(one.header) for one in held.notices),
        size=len(held.header),
    )
