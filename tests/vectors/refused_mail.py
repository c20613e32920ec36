# SPDX-License-Identifier: Apache-2.0
"""Grants, recalls and letters that must be refused, one failure each. Their signatures verify."""

from dataclasses import replace

from keys.body import pad
from keys.envelope import Frame
from keys.errors import Reason
from keys.framing import framed, sha256, u32, u64
from keys.grants import SignedGrant
from keys.letters import SignedLetter
from keys.recalls import SignedRecall
from keys.signing import PAYLOAD_FRAME, PAYLOAD_GRANT, PAYLOAD_LETTER, PAYLOAD_RECALL
from tests.simulator.mail import granted_delivery, place_of
from tests.vectors import mail, sealing
from tests.vectors.cast import DAY, NOW, secret, uuid7
from tests.vectors.form import Json, Vector, refusal, with_item
from tests.vectors.refused_frames import Case, cases
from tests.vectors.sealing import Sealed, signed_frame

SECTION = "21"
GrantForm = tuple[str, str, Reason, SignedGrant]
RecallForm = tuple[str, str, Reason, SignedRecall]
LetterForm = tuple[str, str, Reason, SignedLetter]


def vectors(sealed: Sealed) -> list[Vector]:
    """Return the refusals of mail."""
    return [
        *cases("grant", SECTION, mail.fetch_inputs(sealed), _grants(sealed)),
        *cases("grant", SECTION, mail.fetch_inputs(sealed), _fetches(sealed)),
        *cases("recall", SECTION, sealing.frame_inputs(sealed), _recalls(sealed)),
        *cases("letter", SECTION, _letter_inputs(sealed), _letters(sealed)),
        *_formats(sealed),
    ]


def _grants(sealed: Sealed) -> list[Case]:
    value, signed = mail.grant(sealed), mail.signed_grant(sealed, mail.grant(sealed))
    elsewhere = replace(value, federation=secret("another federation"))
    frame_wrap = sealed.frame.wraps[0]
    wrapped_for_frame = with_item(signed.grant, 9, sha256(frame_wrap))
    found: list[GrantForm] = [
        (
            "of-another-federation",
            "Made for another federation.",
            Reason.FOREIGN_FEDERATION,
            mail.signed_grant(sealed, elsewhere),
        ),
        (
            "signed-as-a-frame",
            "The signature is over it as a STATEMENT.",
            Reason.SIGNATURE_INVALID,
            mail.signed_grant(sealed, value, kind=PAYLOAD_FRAME),
        ),
        (
            "with-another-wrap",
            "The wrap is one of the frame's.",
            Reason.STATEMENT_MISMATCH,
            replace(signed, wrap=frame_wrap),
        ),
        (
            "with-a-wrap-of-the-frame",
            "It names the frame's wrap to gr-pol, which no grant binds.",
            Reason.WRAP_INVALID,
            replace(
                signed,
                grant=wrapped_for_frame,
                wrap=frame_wrap,
                signature=sealed.cast.signer("gr-pol").sign(PAYLOAD_GRANT, wrapped_for_frame),
            ),
        ),
        (
            "before-its-keyset-signs",
            "Made before the keyset of its grantor is valid.",
            Reason.EXPIRED,
            mail.signed_grant(sealed, replace(value, granted_at=NOW - 60 * DAY)),
        ),
    ]
    return [(name, about, {"granted": one}, reason) for name, about, reason, one in found]


def _fetches(sealed: Sealed) -> list[Case]:
    fetched = mail.fetched(sealed)
    pathless = replace(fetched.notices[0], path=())
    closed = _closed(sealed)
    recipient_grants = replace(mail.grant(sealed), grantor="ro-pol")
    return [
        (
            "fetch-of-another-notice",
            "Notice 2 is given for notice 1.",
            {"delivery": granted_delivery(sealed.frame, 2)},
            Reason.STATEMENT_MISMATCH,
        ),
        (
            "fetch-without-a-path",
            "The notice has no path.",
            {"delivery": replace(fetched, notices=(pathless,))},
            Reason.PROOF_INVALID,
        ),
        (
            "fetch-with-a-recipient",
            "It comes with the RECIPIENT of gr-pol.",
            {"delivery": replace(fetched, recipient=sealed.frame.recipients[0])},
            Reason.MALFORMED,
        ),
        (
            "by-a-recipient",
            "A recipient of the frame admits another; regrant lets the originator alone.",
            {
                "granted": mail.signed_grant(sealed, recipient_grants),
                "grantor_keyset": sealed.cast.signer("ro-pol").public().encode(),
            },
            Reason.REGRANT_INVALID,
        ),
        (
            "against-the-marking",
            "The frame's regrant is none.",
            {
                "granted": mail.signed_grant(
                    sealed, replace(mail.grant(sealed), place=place_of(closed, mail.INDEX))
                ),
                "delivery": granted_delivery(closed, mail.INDEX),
            },
            Reason.REGRANT_INVALID,
        ),
    ]


def _closed(sealed: Sealed) -> Frame:
    """Return the frame with a marking under which nobody is admitted later."""
    header = sealing.frame_header(sealed.story)
    closed = replace(header, marking=replace(header.marking, regrant="none")).encode()
    frame = sealed.frame
    recipients = list(zip(frame.recipients, frame.wraps, strict=True))
    return signed_frame(sealed.cast, closed, recipients, list(frame.notices))


def _recalls(sealed: Sealed) -> list[Case]:
    cast, value = sealed.cast, mail.recall(sealed)
    elsewhere = replace(value, federation=secret("another federation"))
    signed = mail.signed_recall(cast, value)
    found: list[RecallForm] = [
        (
            "of-another-federation",
            "Made for another federation.",
            Reason.FOREIGN_FEDERATION,
            mail.signed_recall(cast, elsewhere),
        ),
        (
            "signed-as-a-grant",
            "The signature is over it as a GRANT.",
            Reason.SIGNATURE_INVALID,
            mail.signed_recall(cast, value, kind=PAYLOAD_GRANT),
        ),
        (
            "signed-by-a-recipient",
            "ro-pol signs the recall of gr-pol's notice.",
            Reason.SIGNATURE_INVALID,
            replace(signed, signature=cast.signer("ro-pol").sign(PAYLOAD_RECALL, signed.recall)),
        ),
        (
            "after-its-keyset-signed",
            "Made when the keyset of its originator is no longer valid.",
            Reason.EXPIRED,
            mail.signed_recall(
                cast,
                replace(value, recalled_at=NOW + 400 * DAY, answer_by=NOW + 401 * DAY),
            ),
        ),
    ]
    return [(name, about, {"signed": one}, reason) for name, about, reason, one in found]


def _letter_inputs(sealed: Sealed) -> Json:
    return mail.letter_inputs(sealed, mail.request(sealed))


def _letters(sealed: Sealed) -> list[Case]:
    cast, header, padded = sealed.cast, mail.request(sealed), pad(mail.REQUEST)
    signed = mail.signed_letter(cast, header, padded)
    other = mail.signed_letter(cast, replace(header, letter_id=uuid7("another")), padded)
    found: list[LetterForm] = [
        (
            "of-another-federation",
            "Made for another federation.",
            Reason.FOREIGN_FEDERATION,
            mail.signed_letter(
                cast, replace(header, federation=secret("another federation")), padded
            ),
        ),
        (
            "signed-as-a-recall",
            "The signature is over it as a RECALL.",
            Reason.SIGNATURE_INVALID,
            mail.signed_letter(cast, header, padded, kind=PAYLOAD_RECALL),
        ),
        (
            "with-another-content",
            "The content is that of another letter.",
            Reason.STATEMENT_MISMATCH,
            replace(signed, sealed=other.sealed),
        ),
        (
            "of-another-size",
            "The content fills no bucket.",
            Reason.LIMIT_EXCEEDED,
            mail.signed_letter(cast, header, padded + b"\x00"),
        ),
        (
            "moved-under-another-header",
            "A content that was sealed under another letter's header, signed anew.",
            Reason.BODY_INVALID,
            _moved(sealed, signed, other),
        ),
        (
            "with-padding-not-zero",
            "The padding ends in 01.",
            Reason.BODY_INVALID,
            mail.signed_letter(cast, header, padded[:-1] + b"\x01"),
        ),
    ]
    return [(name, about, {"signed": one}, reason) for name, about, reason, one in found]


def _moved(sealed: Sealed, letter: SignedLetter, other: SignedLetter) -> SignedLetter:
    data = with_item(letter.letter, 2, sha256(other.sealed))
    signature = sealed.cast.signer("ro-pol").sign(PAYLOAD_LETTER, data)
    return SignedLetter(letter=data, sealed=other.sealed, signature=signature)


def _formats(sealed: Sealed) -> list[Vector]:
    grant, recall = mail.grant(sealed).encode(), mail.recall(sealed).encode()
    request, decision = mail.request(sealed).encode(), mail.answer(sealed).encode()
    found = [
        ("GRANT", "to-itself", "gr-pol admits gr-pol.", with_item(grant, 7, b"gr-pol")),
        ("GRANT", "without-time", "It expires before it is made.", with_item(grant, 12, u64(NOW))),
        ("GRANT", "index-256", "A notice beyond any frame.", with_item(grant, 3, u32(256))),
        ("RECALL", "other-reason", "Outside the closed list.", with_item(recall, 7, b"WISH")),
        ("RECALL", "due-before", "Due before it was made.", with_item(recall, 9, u64(NOW))),
        ("LETTER_HEADER", "other-kind", "A kind outside the list.", _kind(request, b"gossip")),
        ("LETTER_HEADER", "wrong-way", "A recipient decides.", _kind(request, b"decision")),
        (
            "LETTER_HEADER",
            "request-that-answers",
            "A request answers a letter.",
            with_item(request, 13, uuid7("another")),
        ),
        (
            "LETTER_HEADER",
            "answer-of-eight-bytes",
            "What it answers is no id.",
            with_item(decision, 13, bytes(8)),
        ),
        ("LETTER", "header-alone", "Without a digest.", framed("tocsin/letter/v1", request)),
    ]
    return [
        refusal(
            f"format-{name.lower().replace('_', '-')}-{what}",
            about,
            SECTION,
            {"format": name, "bytes": data},
            Reason.MALFORMED.value,
        )
        for name, what, about, data in found
    ]


def _kind(header: bytes, kind: bytes) -> bytes:
    return with_item(header, 1, kind)
