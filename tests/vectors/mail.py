# SPDX-License-Identifier: Apache-2.0
"""Vectors of what follows the frame: a grant and its fetch, a recall, a request and its answer."""

from dataclasses import replace

from keys.body import content_key, pad
from keys.envelope import NoticeHeader, SealedNotice
from keys.framing import sha256
from keys.grants import Grant, SignedGrant, grant_wrap_info
from keys.letters import Letter, LetterHeader, SignedLetter, letter_info
from keys.opening import DeliveredFrame
from keys.places import NoticePlace
from keys.recalls import Recall, SignedRecall
from keys.signing import PAYLOAD_GRANT, PAYLOAD_LETTER, PAYLOAD_RECALL
from tests.simulator.mail import granted_delivery, place_of
from tests.vectors.cast import (
    DAY,
    GRANTEE,
    HOUR,
    NOW,
    SEAL_KEY_ID,
    SIGN_KEYSET,
    Cast,
    secret,
    uuid7,
)
from tests.vectors.form import Json, Vector
from tests.vectors.sealing import CONTENTS, SEAL_KEY, Sealed, frame_inputs

INDEX = 1
"""The notice that everything here is about."""
REQUEST = b'{"purposes":["INVESTIGATION"],"target":"it-lab","why":"It can read the number plates."}'
ANSWER = (
    b'{"court_use":false,"decision":"granted","purposes":["INVESTIGATION"],'
    b'"reason":"For the plates alone.","target":"it-lab","until":1798092000000}'
)


def place(sealed: Sealed) -> NoticePlace:
    """Return how notice 1 is named."""
    return place_of(sealed.frame, INDEX)


def notice_key(sealed: Sealed, index: int = INDEX) -> bytes:
    """Return the content key of a notice of the frame."""
    digests = sha256(sealed.frame.header), sha256(sealed.frame.notices[index].header)
    return content_key(secret(SEAL_KEY), *digests)


def grant(sealed: Sealed) -> Grant:
    """Return gr-pol's grant of notice 1 to it-lab."""
    book = sealed.story.at_sealing.rule_book
    assert book is not None
    info = grant_wrap_info(place(sealed), "gr-pol", GRANTEE, SEAL_KEY_ID)
    return Grant(
        federation=sealed.story.federation,
        place=place(sealed),
        grantor="gr-pol",
        keyset_id=SIGN_KEYSET,
        grantee=GRANTEE,
        key_id=SEAL_KEY_ID,
        wrap_digest=sha256(sealed.cast.wrapped(GRANTEE, info, notice_key(sealed))),
        rule_book=book.digest,
        granted_at=NOW + 2 * HOUR,
        expires_at=NOW + 30 * DAY,
        notice_id=NoticeHeader.decode(sealed.frame.notices[INDEX].header).notice_id,
    )


def signed_grant(sealed: Sealed, value: Grant, *, kind: str = PAYLOAD_GRANT) -> SignedGrant:
    """Return a grant with the wrap that its own items bind, and signed by its grantor."""
    info = grant_wrap_info(value.place, value.grantor, value.grantee, value.key_id)
    wrap = sealed.cast.wrapped(GRANTEE, info, notice_key(sealed))
    data = replace(value, wrap_digest=sha256(wrap)).encode()
    signature = sealed.cast.signer(value.grantor).sign(kind, data)
    return SignedGrant(grant=data, wrap=wrap, signature=signature)


def fetched(sealed: Sealed) -> DeliveredFrame:
    """Return what it-lab is given when it fetches notice 1."""
    return granted_delivery(sealed.frame, INDEX)


def fetch_inputs(sealed: Sealed) -> Json:
    """Return what a grant and its fetch are checked and opened with."""
    return {
        **frame_inputs(sealed),
        "agency": GRANTEE,
        "key_id": SEAL_KEY_ID,
        "decryption_seed": secret(f"{GRANTEE} decryption"),
        "granted": signed_grant(sealed, grant(sealed)),
        "delivery": fetched(sealed),
    }


def recall(sealed: Sealed) -> Recall:
    """Return gr-pol's recall of notice 1."""
    return Recall(
        federation=sealed.story.federation,
        place=place(sealed),
        originator="gr-pol",
        keyset_id=SIGN_KEYSET,
        reason="SOURCE_AT_RISK",
        recalled_at=NOW + 5 * DAY,
        answer_by=NOW + 8 * DAY,
    )


def signed_recall(cast: Cast, value: Recall, *, kind: str = PAYLOAD_RECALL) -> SignedRecall:
    """Return a recall that its originator signed."""
    data = value.encode()
    return SignedRecall(recall=data, signature=cast.signer(value.originator).sign(kind, data))


def request(sealed: Sealed) -> LetterHeader:
    """Return the header of ro-pol's request that notice 1 be shown to it-lab."""
    return LetterHeader(
        kind="request_onward",
        federation=sealed.story.federation,
        letter_id=uuid7("request", NOW + HOUR),
        sender="ro-pol",
        keyset_id=SIGN_KEYSET,
        recipient="gr-pol",
        key_id=SEAL_KEY_ID,
        created_at=NOW + HOUR,
        originator="gr-pol",
        place=place(sealed),
    )


def answer(sealed: Sealed) -> LetterHeader:
    """Return the header of gr-pol's answer to it."""
    return replace(
        request(sealed),
        kind="decision",
        letter_id=uuid7("answer", NOW + 2 * HOUR),
        sender="gr-pol",
        recipient="ro-pol",
        created_at=NOW + 2 * HOUR,
        answers=request(sealed).letter_id,
    )


def signed_letter(
    cast: Cast, header: LetterHeader, padded: bytes, *, kind: str = PAYLOAD_LETTER
) -> SignedLetter:
    """Return the letter under a header around anything that stands for a padded content."""
    sealed = cast.sealed(header.recipient, letter_info(header), padded)
    data = Letter(header=header, sealed_digest=sha256(sealed)).encode()
    signature = cast.signer(header.sender).sign(kind, data)
    return SignedLetter(letter=data, sealed=sealed, signature=signature)


def vectors(sealed: Sealed) -> list[Vector]:
    """Return the cases about mail."""
    return [
        _grant(sealed),
        _fetched(sealed),
        _recall(sealed),
        _letter(
            sealed,
            "letter",
            "ro-pol asks gr-pol whether it-lab may have notice 1. Sealing is random: open it.",
            request(sealed),
            REQUEST,
        ),
        _letter(
            sealed,
            "letter-decision",
            "What gr-pol answers. That it-lab may have the notice is in grant.json.",
            answer(sealed),
            ANSWER,
        ),
    ]


def _grant(sealed: Sealed) -> Vector:
    value = grant(sealed)
    return Vector(
        name="grant",
        about="gr-pol admits it-lab to notice 1 of the frame in frame.json. Wrapping is random.",
        section="21",
        inputs={
            "grant": value,
            "wrap": signed_grant(sealed, value).wrap,
            "decryption_seed": secret(f"{GRANTEE} decryption"),
        },
        steps={
            "statement_sha256": sha256(sealed.frame.statement),
            "info": grant_wrap_info(value.place, value.grantor, value.grantee, value.key_id),
            "content_key": notice_key(sealed),
        },
        output={"bytes": value.encode(), "signature": signed_grant(sealed, value).signature},
    )


def _fetched(sealed: Sealed) -> Vector:
    (notice,) = fetched(sealed).notices
    return Vector(
        name="delivery-granted",
        about="Notice 1 as it-lab fetches it under the grant in grant.json: no RECIPIENT, no wrap.",
        section="21",
        inputs=fetch_inputs(sealed),
        steps={"leaf_hash": SealedNotice(header=notice.header, body=notice.body).leaf_hash},
        output={
            "index": INDEX,
            "content_key": notice_key(sealed),
            "content": CONTENTS[INDEX],
        },
    )


def _recall(sealed: Sealed) -> Vector:
    value = recall(sealed)
    signed = signed_recall(sealed.cast, value)
    return Vector(
        name="recall",
        about="gr-pol takes notice 1 of the frame in frame.json back.",
        section="21",
        inputs={**frame_inputs(sealed), "recall": value},
        output={"bytes": signed.recall, "signature": signed.signature},
    )


def letter_inputs(sealed: Sealed, header: LetterHeader) -> Json:
    """Return what a letter is checked and opened with."""
    return {
        "federation": sealed.story.federation,
        "keyset": sealed.cast.signer(header.sender).public().encode(),
        "key_id": SEAL_KEY_ID,
        "decryption_seed": secret(f"{header.recipient} decryption"),
    }


def _letter(sealed: Sealed, name: str, about: str, header: LetterHeader, content: bytes) -> Vector:
    signed = signed_letter(sealed.cast, header, pad(content))
    return Vector(
        name=name,
        about=about,
        section="21",
        inputs={**letter_inputs(sealed, header), "header": header, "signed": signed},
        steps={
            "letter_header": header.encode(),
            "info": letter_info(header),
            "padded_length": len(pad(content)),
            "sealed_sha256": sha256(signed.sealed),
        },
        output={"content": content},
    )
