# SPDX-License-Identifier: Apache-2.0
"""Frames and notices as the services would hand them to the store. Nothing here is sealed."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from agency_client.domain.content import Content
from agency_client.domain.delivery import Cursor, LogReference, Withheld
from agency_client.domain.outbox import FrameState, PublishReceipt, Refusal
from agency_client.domain.records import (
    ChainKey,
    Evidence,
    Head,
    KeptFrame,
    KeptNotice,
    Link,
    OutboxFrame,
    OwnNotice,
    ReceivedBatch,
)
from agency_client.errors import Reason
from agency_client.ports.store import Outbox

AGENCY = "gr-pol"
OTHER = "ro-pol"
KEY = bytes(range(32))
TOPIC = "trafficking/cases"
NOW = 1_795_500_000_000
HOUR = 3_600_000
OUTLET = b"outlet of ro-pol"
MARKING = b"marking"


def ident(name: str) -> bytes:
    """Return 16 bytes that stand for `name`."""
    return hashlib.sha256(name.encode()).digest()[:16]


def digest(name: str) -> bytes:
    """Return 32 bytes that stand for `name`."""
    return hashlib.sha256(name.encode()).digest()


def content(notice: dict[str, Any] | None = None) -> bytes:
    """Return a content document."""
    return Content(notice=notice or {"title": "Hotel rotation"}).encode()


def own_notice(
    name: str,
    *,
    position: int = 0,
    notice: dict[str, Any] | None = None,
    supersedes: Sequence[str] = (),
    valid_from: int = NOW,
) -> OwnNotice:
    return OwnNotice(
        position=position,
        notice_id=ident(name),
        type="BLUE",
        valid_from=valid_from,
        expires_at=NOW + 24 * HOUR,
        header=b"header of " + name.encode(),
        leaf_hash=digest(name),
        content=content(notice),
        supersedes=tuple(map(ident, supersedes)),
    )


def sealed(
    outbox: Outbox,
    name: str,
    *,
    frame_id: int = 0,
    topic: str = TOPIC,
    to: Sequence[str] = (AGENCY, OTHER),
) -> OutboxFrame:
    """Return a frame numbered as the next one to each of `to`."""
    outlet = outbox.outlet()
    links = outbox.links(outlet, topic, to)
    return OutboxFrame(
        id=frame_id,
        topic=topic,
        outlet=outlet,
        seal_id=ident(f"seal {name}"),
        statement_hash=digest(f"statement {name}"),
        marking=MARKING,
        named=(OTHER,),
        recipients=tuple((agency, links[agency].seq + 1) for agency in to),
        frame=b"sealed bytes of " + name.encode(),
        state=FrameState.QUEUED,
        reseals=0,
        created_at=NOW,
    )


def queue(outbox: Outbox, name: str, *, topic: str = TOPIC, **notice: Any) -> int:
    """Put a frame of one notice into the outbox."""
    return outbox.append(sealed(outbox, name, topic=topic), [own_notice(name, **notice)])


def receipt(sequence: int, *, topic: str = TOPIC) -> PublishReceipt:
    log = LogReference(index=sequence + 100, salt=digest(f"salt {sequence}"), time_ms=NOW)
    return PublishReceipt(topic=topic, sequence=sequence, log=log, duplicate=False)


def refusal(reason: Reason = Reason.DENIED) -> Refusal:
    return Refusal(reason=reason, message="no rule permits it")


def send(outbox: Outbox, frame_id: int, sequence: int) -> None:
    """Play a broker that accepts."""
    outbox.set_sent([frame_id])
    outbox.set_accepted([(frame_id, receipt(sequence))])


def kept_notice(
    name: str,
    *,
    position: int = 0,
    notice: dict[str, Any] | None = None,
    supersedes: Sequence[str] = (),
    valid_from: int = NOW,
    kind: str = "BLUE",
) -> KeptNotice:
    return KeptNotice(
        position=position,
        notice_id=ident(name),
        type=kind,
        valid_from=valid_from,
        expires_at=NOW + 24 * HOUR,
        header=b"header of " + name.encode(),
        body=b"body of " + name.encode(),
        leaf_hash=digest(name),
        content=content(notice),
        content_key=digest(f"key {name}"),
        supersedes=tuple(map(ident, supersedes)),
    )


def kept_frame(
    name: str,
    notices: Sequence[KeptNotice] | None = None,
    *,
    originator: str = OTHER,
    topic: str = TOPIC,
    sequence: int = 1,
    seq: int = 1,
    form: str = "full",
    withheld: Sequence[Withheld] = (),
    delivery_index: int = 0,
    delivery_kind: str = "deliver",
) -> KeptFrame:
    notices = [kept_notice(name)] if notices is None else notices
    return KeptFrame(
        key=ChainKey(originator=originator, outlet=OUTLET, topic=topic),
        seal_id=ident(f"seal {name}"),
        sequence=sequence,
        seq=seq,
        created_at=NOW,
        marking=MARKING,
        form=form,
        header=b"frame header",
        statement=b"statement " + name.encode(),
        statement_hash=digest(f"statement {name}"),
        signature=b"signature",
        recipient=b"recipient",
        publish_log=LogReference(index=sequence, salt=digest("publish salt"), time_ms=NOW),
        delivery_log=LogReference(
            index=delivery_index or 1000 + sequence, salt=digest("delivery salt"), time_ms=NOW
        ),
        delivery_kind=delivery_kind,
        shown=b"".join(one.position.to_bytes(4, "big") for one in notices),
        notices=tuple(notices),
        withheld=tuple(withheld),
    )


def batch(
    *frames: KeptFrame,
    subscription: str = "inbox-1",
    links: Iterable[tuple[ChainKey, Link]] = (),
    missing: Iterable[tuple[ChainKey, int, int]] = (),
    found: Iterable[tuple[ChainKey, int]] = (),
    cursors: Iterable[Cursor] = (),
    findings: Iterable[Evidence] = (),
    heads: Iterable[Head] = (),
) -> ReceivedBatch:
    return ReceivedBatch(
        subscription=subscription,
        frames=frames,
        links=tuple(links),
        missing=tuple(missing),
        found=tuple(found),
        cursors=tuple(cursors),
        findings=tuple(findings),
        heads=tuple(heads),
    )
