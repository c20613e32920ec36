# SPDX-License-Identifier: Apache-2.0
"""Grants, recalls and letters about a frame of the simulator, as honest parties make them."""

from collections.abc import Iterable
from dataclasses import replace

from keys import merkle
from keys.envelope import Frame, Marking, NoticeHeader, Statement
from keys.fields import new_uuid7
from keys.framing import sha256
from keys.grants import SignedGrant, seal_grant
from keys.letters import LetterHeader, SignedLetter, seal_letter
from keys.opening import DeliveredFrame, DeliveredNotice
from keys.places import NoticePlace
from keys.recalls import Recall, SignedRecall, sign_recall
from tests.simulator.federation import DAY, KEY, KEYSET, MARKING, NOW, Federation

OPEN_MARKING: Marking = replace(MARKING, regrant="originator")
"""A marking that lets the originator admit others."""


def place_of(frame: Frame, index: int = 0) -> NoticePlace:
    """Return how grants, recalls and letters name a notice of the frame."""
    return NoticePlace(
        statement=sha256(frame.statement), index=index, leaf_hash=frame.notices[index].leaf_hash
    )


def originator_of(frame: Frame) -> str:
    return Statement.decode(frame.statement).originator


def content_key_of(federation: Federation, frame: Frame, index: int = 0) -> bytes:
    """Return the key of one notice, as its originator knows it."""
    return federation.open(frame, originator_of(frame))[index].content_key


def grant_of(
    federation: Federation,
    frame: Frame,
    grantee: str,
    *,
    index: int = 0,
    grantor: str | None = None,
    now: int = NOW,
    expires_at: int = NOW + 30 * DAY,
    rule_book: bytes | None = None,
) -> SignedGrant:
    """Return a grant of one notice, by its originator unless said otherwise."""
    grantor = originator_of(frame) if grantor is None else grantor
    book = federation.rule_book_ref.digest if rule_book is None else rule_book
    key = federation.agencies[grantee].entry.encryption_key(now)
    assert key is not None
    return seal_grant(
        content_key_of(federation, frame, index),
        federation=federation.id,
        place=place_of(frame, index),
        notice_id=NoticeHeader.decode(frame.notices[index].header).notice_id,
        grantor=grantor,
        grantee=grantee,
        key=key,
        rule_book=book,
        granted_at=now,
        expires_at=expires_at,
        signer=federation.agencies[grantor].signer,
    )


def recall_of(
    federation: Federation,
    frame: Frame,
    *,
    index: int = 0,
    originator: str | None = None,
    reason: str = "ERROR",
    now: int = NOW,
) -> SignedRecall:
    """Return the recall of one notice, by its originator unless said otherwise."""
    originator = originator_of(frame) if originator is None else originator
    recall = Recall(
        federation=federation.id,
        place=place_of(frame, index),
        originator=originator,
        keyset_id=KEYSET,
        reason=reason,
        recalled_at=now,
        answer_by=now + DAY,
    )
    return sign_recall(recall, federation.agencies[originator].signer)


def letter_header(
    federation: Federation,
    frame: Frame,
    kind: str,
    sender: str,
    recipient: str,
    *,
    index: int = 0,
    now: int = NOW,
    letter_id: bytes | None = None,
    answers: bytes = b"",
) -> LetterHeader:
    """Return the header of a letter about one notice."""
    return LetterHeader(
        kind=kind,
        federation=federation.id,
        letter_id=new_uuid7(now) if letter_id is None else letter_id,
        sender=sender,
        keyset_id=KEYSET,
        recipient=recipient,
        key_id=KEY,
        created_at=now,
        originator=originator_of(frame),
        place=place_of(frame, index),
        answers=answers,
    )


def letter_of(
    federation: Federation, header: LetterHeader, content: bytes = b'{"why":"same vehicle"}'
) -> SignedLetter:
    """Return the letter with this header, sealed to its recipient and signed by its sender."""
    key = federation.agencies[header.recipient].entry.encryption_key(header.created_at)
    assert key is not None
    signer = federation.agencies[header.sender].signer
    return seal_letter(content, header=header, key=key, signer=signer)


def granted_delivery(frame: Frame, index: int = 0) -> DeliveredFrame:
    """Return what an honest broker gives a grantee that fetches its notice."""
    hashes = [notice.leaf_hash for notice in frame.notices]
    return DeliveredFrame(
        header=frame.header,
        statement=frame.statement,
        signature=frame.signature,
        recipient=b"",
        recipient_index=0,
        recipient_path=(),
        wrap=b"",
        notices=(_delivered(frame, index, merkle.inclusion_path(hashes, index)),),
    )


def _delivered(frame: Frame, index: int, path: Iterable[bytes]) -> DeliveredNotice:
    notice = frame.notices[index]
    return DeliveredNotice(index=index, header=notice.header, body=notice.body, path=tuple(path))
