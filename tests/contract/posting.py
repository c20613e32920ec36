# SPDX-License-Identifier: Apache-2.0
"""Mail ready for a store, about a frame that is in it: real places, made-up bytes."""

import secrets
from dataclasses import replace

from broker.domain.acts import Act
from broker.domain.mail import Mail, MailKind, Posting
from broker.domain.receipts import Receipt
from keys.framing import sha256, u32
from tests.simulator.federation import NOW


def posting(
    receipt: Receipt,
    kind: MailKind = MailKind.LETTER,
    *,
    sender: str = "ro-pol",
    recipient: str = "gr-pol",
    index: int = 0,
    **more: object,
) -> Posting:
    """Return an object about a notice of the frame of `receipt`."""
    signed = kind.name.encode() + secrets.token_bytes(100)
    sealed = b"" if kind is MailKind.RECALL else secrets.token_bytes(1168)
    mail = Mail(kind=kind, signed=signed, sealed=sealed, signature=secrets.token_bytes(50))
    made = Posting(
        mail=mail,
        sender=sender,
        name=secrets.token_bytes(16),
        digest=sha256(signed),
        topic=receipt.topic,
        sequence=receipt.sequence,
        index=index,
        recipient=recipient,
        act=Act(kind="letter", time_ms=NOW, fields={}, salt=secrets.token_bytes(32)),
    )
    return replace(made, **more)  # type: ignore[arg-type]


def grant_to(grantee: str, receipt: Receipt, *, until: int = NOW + 1, index: int = 0) -> Posting:
    """Return a grant of a notice by gr-pol."""
    made = posting(receipt, MailKind.GRANT, sender="gr-pol", recipient=grantee, index=index)
    return replace(made, until=until, needs_notice=True)


def recall_of(receipt: Receipt, *, index: int = 0) -> Posting:
    """Return the recall of a notice by gr-pol."""
    made = posting(receipt, MailKind.RECALL, sender="gr-pol", recipient="", index=index)
    return replace(made, name=u32(receipt.sequence) + u32(index), outlives=True)
