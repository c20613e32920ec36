# SPDX-License-Identifier: Apache-2.0
"""Frames with real formats and no cryptography, for tests that need many: a store checks neither
signatures nor wraps."""

import secrets
from collections.abc import Mapping, Sequence

from broker.domain.admissions import Admission
from keys import merkle
from keys.checking import CheckedFrame
from keys.envelope import (
    AttachmentRef,
    Frame,
    FrameHeader,
    Marking,
    NoticeHeader,
    Recipient,
    RuleBookRef,
    SealedNotice,
    Statement,
    TreeHead,
)
from keys.framing import sha256

NOW = 1_795_500_000_000
NOWHERE = TreeHead(size=0, root=merkle.EMPTY_ROOT)
WRAP = bytes(1168)


def admission(
    *,
    originator: str = "gr-pol",
    topic: str = "trafficking/cases",
    links: Mapping[str, tuple[int, bytes]],
    outlet: bytes = bytes(16),
    seal_id: bytes | None = None,
    notice_ids: Sequence[bytes] = (),
    attachments: tuple[AttachmentRef, ...] = (),
    body: bytes = b"body",
) -> Admission:
    """Return a frame to the agencies of `links`, each with its (seq, prev)."""
    header = FrameHeader(
        federation=bytes(32),
        seal_id=secrets.token_bytes(16) if seal_id is None else seal_id,
        outlet=outlet,
        topic=topic,
        created_at=NOW,
        marking=Marking(type="BLUE", tlp="AMBER", purposes=("INVESTIGATION",)),
        key_commitment=bytes(32),
        rule_book=RuleBookRef(version=1, digest=bytes(32)),
        directory=NOWHERE,
        log=NOWHERE,
        originator=originator,
    )
    recipients = tuple(
        Recipient(
            agency=agency,
            key_id="key-1",
            named=False,
            seq=seq,
            prev=prev,
            wrap_digest=sha256(WRAP),
        )
        for agency, (seq, prev) in sorted(links.items())
    )
    notices = tuple(
        NoticeHeader(notice_id=one, valid_from=NOW, expires_at=NOW + 1, attachments=attachments)
        for one in notice_ids or (notice_id(),)
    )
    return _admission(originator, header, recipients, notices, body)


def _admission(
    originator: str,
    header: FrameHeader,
    recipients: tuple[Recipient, ...],
    notices: tuple[NoticeHeader, ...],
    body: bytes,
) -> Admission:
    sealed = tuple(SealedNotice(header=one.encode(), body=body) for one in notices)
    statement = Statement(
        originator=originator,
        keyset_id="keyset-1",
        header_digest=sha256(header.encode()),
        recipient_count=len(recipients),
        recipient_root=merkle.root([merkle.hash_leaf(one.encode()) for one in recipients]),
        notice_count=len(sealed),
        notice_root=merkle.root([one.leaf_hash for one in sealed]),
    )
    frame = Frame(
        header=header.encode(),
        recipients=tuple(one.encode() for one in recipients),
        wraps=(WRAP,) * len(recipients),
        notices=sealed,
        statement=statement.encode(),
        signature=b"signature",
    )
    checked = CheckedFrame(
        frame=frame, header=header, statement=statement, recipients=recipients, notices=notices
    )
    return Admission(checked=checked, time_ms=NOW, salt=secrets.token_bytes(32))


def notice_id(number: int | None = None) -> bytes:
    """Return a UUID of version 7: a random one, or the one of a number."""
    tail = secrets.token_bytes(8) if number is None else number.to_bytes(8, "big")
    return bytes(6) + b"\x70\x00\x80" + tail[1:]
