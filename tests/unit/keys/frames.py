# SPDX-License-Identifier: Apache-2.0
"""Frames that an agency signed although they are wrong, for the tests of this folder."""

from collections.abc import Sequence
from dataclasses import replace

from keys import merkle
from keys.envelope import Frame, FrameHeader, Recipient, SealedNotice, Statement
from keys.framing import sha256
from keys.signing import PAYLOAD_FRAME
from tests.simulator.federation import Federation


def signed_again(
    federation: Federation,
    frame: Frame,
    *,
    header: bytes | None = None,
    recipients: Sequence[bytes] | None = None,
    wraps: Sequence[bytes] | None = None,
    notices: Sequence[SealedNotice] | None = None,
    statement: bytes | None = None,
    payload_type: str = PAYLOAD_FRAME,
) -> Frame:
    """Return the frame with parts replaced and a statement that commits to them, signed anew."""
    changed = replace(
        frame,
        header=frame.header if header is None else header,
        recipients=tuple(frame.recipients if recipients is None else recipients),
        wraps=tuple(frame.wraps if wraps is None else wraps),
        notices=tuple(frame.notices if notices is None else notices),
    )
    decoded = Statement.decode(frame.statement)
    body = statement if statement is not None else stated(decoded, changed).encode()
    signer = federation.agencies[decoded.originator].signer
    return replace(changed, statement=body, signature=signer.sign(payload_type, body))


def stated(statement: Statement, frame: Frame) -> Statement:
    """Return a statement with everything in it as `frame` has it."""
    recipients = [merkle.hash_leaf(one) for one in frame.recipients]
    return replace(
        statement,
        header_digest=sha256(frame.header),
        recipient_count=len(recipients),
        recipient_root=merkle.root(recipients),
        notice_count=len(frame.notices),
        notice_root=merkle.root([one.leaf_hash for one in frame.notices]),
    )


def header_with(frame: Frame, **changes: object) -> bytes:
    """Return the frame's header with some attributes changed."""
    decoded = FrameHeader.decode(frame.header)
    return replace(decoded, **changes).encode()  # type: ignore[arg-type]


def recipient_with(frame: Frame, index: int, **changes: object) -> bytes:
    """Return one of the frame's recipients with some attributes changed."""
    decoded = Recipient.decode(frame.recipients[index])
    return replace(decoded, **changes).encode()  # type: ignore[arg-type]
