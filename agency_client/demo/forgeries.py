# SPDX-License-Identifier: Apache-2.0
"""Envelopes as a forger would offer them: changed on the way, or signed with somebody else's key.

Sealed as the agency would seal them and offered to the broker past the outbox, so that the agency's
own numbers stay as they are.
"""

import asyncio
from dataclasses import replace
from typing import Any

from agency_client.bootstrap import Agency
from agency_client.bootstrap.wiring import Wiring
from agency_client.domain.content import Content
from agency_client.domain.frames import decode_frame
from agency_client.domain.outbox import PublishReceipt
from agency_client.domain.publishable import Publishable
from agency_client.domain.records import NoticeRow
from agency_client.errors import AgencyError, Reason
from agency_client.services.planning import audience_of
from agency_client.services.sealing import seal
from keys.envelope import Frame, NoticeHeader, TreeHead
from keys.fields import new_uuid7
from keys.grants import seal_grant
from keys.merkle import EMPTY_ROOT
from keys.places import NoticePlace
from keys.sealing import NoticeDraft
from keys.signers import Signer, generate_signer


async def offer_changed(agency: Agency, draft: Publishable, how: str) -> dict[str, Any]:
    """Offer the broker a draft in an envelope that is not what its agency made.

    Args:
        agency: whose envelope it is.
        draft: what is in it.
        how: "byte" changes one bit of it on the way, "signature" has another key sign it.

    Returns:
        `refused`, and the broker's `reason`.
    """
    wiring = agency.wiring
    signer = wiring.signing()
    if how != "byte":
        signer = generate_signer(signer.keyset_id)
    frame = await asyncio.to_thread(_sealed, wiring, draft, signer)
    if how == "byte":
        frame = _with_one_bit_changed(frame)
    reason = await _refusal(wiring, frame)
    return {"refused": bool(reason), "reason": reason}


def _sealed(wiring: Wiring, draft: Publishable, signer: Signer) -> Frame:
    now, federation = wiring.clock.now_ms(), wiring.directory.current
    audience = audience_of(draft, federation, now)
    outlet = wiring.store.outbox.outlet()
    header = NoticeHeader(
        notice_id=new_uuid7(now), valid_from=draft.valid_from, expires_at=draft.expires_at
    )
    row, _ = seal(
        audience=audience,
        notices=[NoticeDraft(header=header, content=Content(notice=draft.notice).encode())],
        links=wiring.store.outbox.links(outlet, audience.topic, audience.admitted),
        outlet=outlet,
        federation=federation,
        log=TreeHead(size=0, root=EMPTY_ROOT),
        signer=signer,
        now=now,
    )
    return decode_frame(row.frame)


def _with_one_bit_changed(frame: Frame) -> Frame:
    (notice,) = frame.notices
    body = bytearray(notice.body)
    body[len(body) // 2] ^= 1
    return replace(frame, notices=(replace(notice, body=bytes(body)),))


async def offer_grant(agency: Agency, row: NoticeRow, place: NoticePlace, target: str) -> str:
    """Offer the broker a grant of a notice that we hold and that is not ours, properly signed.

    Returns:
        The reason why it is refused; empty where it was taken.
    """
    wiring, now = agency.wiring, agency.wiring.clock.now_ms()
    federation = wiring.directory.current
    key = federation.directory.encryption_key(target, now)
    if key is None:
        raise AgencyError(Reason.RECIPIENT_REFUSED, f"{target} has no key")
    grant = await asyncio.to_thread(
        seal_grant,
        row.content_key,
        federation=federation.id,
        place=place,
        notice_id=row.notice_id,
        grantor=agency.agency_id,
        grantee=target,
        key=key,
        rule_book=federation.rule_book.digest,
        granted_at=now,
        expires_at=row.expires_at,
        signer=wiring.signing(),
    )
    try:
        await wiring.broker.submit_grant(grant)
    except AgencyError as error:
        return error.reason
    return ""


async def _refusal(wiring: Wiring, frame: Frame) -> str:
    """Return the reason why the broker refuses a frame; empty where it takes it."""
    async with wiring.broker.publish_stream() as stream:
        await stream.send(1, frame)
        async for outcomes in stream.outcomes():
            for answered in outcomes:
                outcome = answered.outcome
                return "" if isinstance(outcome, PublishReceipt) else outcome.reason
    raise AgencyError(Reason.DRAINING, "the broker ended the stream without an answer")
