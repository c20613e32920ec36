# SPDX-License-Identifier: Apache-2.0
"""A sealed frame as one byte string, for the outbox. Never leaves the agency in this form."""

from keys.envelope import Frame, SealedNotice
from keys.framing import framed, listed, unframe, unlisted

_LABEL = "tocsin/outbox-frame/v1"


def encode_frame(frame: Frame) -> bytes:
    """Return the bytes that `decode_frame` reads."""
    return framed(
        _LABEL,
        frame.header,
        listed(frame.recipients),
        listed(frame.wraps),
        listed([notice.header for notice in frame.notices]),
        listed([notice.body for notice in frame.notices]),
        frame.statement,
        frame.signature,
    )


def decode_frame(data: bytes) -> Frame:
    """Read what `encode_frame` wrote.

    Raises:
        keys.errors.FramingError: anything else.
    """
    header, recipients, wraps, headers, bodies, statement, signature = unframe(_LABEL, data, 7)
    return Frame(
        header=header,
        recipients=tuple(unlisted(recipients)),
        wraps=tuple(unlisted(wraps)),
        notices=tuple(
            SealedNotice(header=one, body=body)
            for one, body in zip(unlisted(headers), unlisted(bodies), strict=True)
        ),
        statement=statement,
        signature=signature,
    )
