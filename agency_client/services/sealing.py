# SPDX-License-Identifier: Apache-2.0
"""Sealing a planned frame: to keys of the directory verified here, numbered by the outbox's chain.

CPU work, no I/O.
"""

from collections.abc import Mapping, Sequence

from agency_client.domain.frames import encode_frame
from agency_client.domain.outbox import FrameState
from agency_client.domain.plans import Audience
from agency_client.domain.records import Link, OutboxFrame, OwnNotice
from agency_client.errors import AgencyError, Reason
from agency_client.services.federation import Federation
from keys.envelope import Frame, FrameHeader, Marking, NoticeHeader, Recipient, TreeHead
from keys.framing import sha256
from keys.sealing import NoticeDraft, SealRecipient, seal_frame
from keys.signers import Signer


def seal(
    *,
    audience: Audience,
    notices: Sequence[NoticeDraft],
    links: Mapping[str, Link],
    outlet: bytes,
    federation: Federation,
    log: TreeHead,
    signer: Signer,
    now: int,
) -> tuple[OutboxFrame, tuple[OwnNotice, ...]]:
    """Seal one frame and return it as the outbox keeps it, with its notices.

    Args:
        audience: topic, marking and whom to.
        notices: headers and contents, in order.
        links: the last number given to each agency of the audience.
        outlet: our outlet's id.
        federation: whose keys are used.
        log: the broker's log as we pinned it.
        signer: signs.
        now: milliseconds since 1970.
    """
    frame = seal_frame(
        federation=federation.id,
        topic=audience.topic,
        marking=audience.marking,
        outlet=outlet,
        created_at=now,
        rule_book=federation.rule_book,
        directory=federation.head,
        log=log,
        recipients=[
            _recipient(agency, audience, links[agency], federation, now)
            for agency in audience.admitted
        ],
        notices=notices,
        originator=federation.agency,
        signer=signer,
    )
    return _row(frame, audience, now), _own(frame, audience.marking, notices, federation.agency)


def _recipient(
    agency: str, audience: Audience, link: Link, federation: Federation, now: int
) -> SealRecipient:
    key = federation.directory.encryption_key(agency, now)
    if key is None:
        raise AgencyError(
            Reason.RECIPIENT_REFUSED, f"{agency} has no encryption key valid now", agency=agency
        )
    return SealRecipient(
        agency=agency,
        key=key,
        named=agency in audience.named,
        seq=link.seq + 1,
        prev=link.statement_hash,
    )


def _row(frame: Frame, audience: Audience, now: int) -> OutboxFrame:
    header = FrameHeader.decode(frame.header)
    recipients = [Recipient.decode(one) for one in frame.recipients]
    return OutboxFrame(
        id=0,
        topic=audience.topic,
        outlet=header.outlet,
        seal_id=header.seal_id,
        statement_hash=sha256(frame.statement),
        marking=audience.marking.encode(),
        named=tuple(sorted(audience.named)),
        recipients=tuple((one.agency, one.seq) for one in recipients),
        frame=encode_frame(frame),
        state=FrameState.QUEUED,
        reseals=0,
        created_at=now,
    )


def _own(
    frame: Frame, marking: Marking, notices: Sequence[NoticeDraft], agency: str
) -> tuple[OwnNotice, ...]:
    return tuple(
        OwnNotice(
            position=position,
            notice_id=draft.header.notice_id,
            type=marking.type,
            valid_from=draft.header.valid_from,
            expires_at=draft.header.expires_at,
            header=sealed.header,
            leaf_hash=sealed.leaf_hash,
            content=draft.content,
            supersedes=_own_superseded(draft.header, agency),
        )
        for position, (draft, sealed) in enumerate(zip(notices, frame.notices, strict=True))
    )


def _own_superseded(header: NoticeHeader, agency: str) -> tuple[bytes, ...]:
    return tuple(ref.notice_id for ref in header.supersedes if ref.originator == agency)
