# SPDX-License-Identifier: Apache-2.0
"""Frames, bodies and attachments that must be refused, one failure each.

Their signatures verify unless they are it.
"""

from collections.abc import Callable
from dataclasses import replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

from keys.attachments import attachment_context
from keys.body import body_context, content_key, pad
from keys.envelope import AttachmentRef, Frame, SealedNotice
from keys.errors import Reason
from keys.framing import listed, sha256
from keys.signing import PAYLOAD_ENTRY, PAYLOAD_FRAME, SIGNATURE_BYTES, ed25519_input, pae
from tests.vectors import sealing
from tests.vectors.cast import AGENCIES, NOW, secret
from tests.vectors.form import Json, Vector, refusal, with_item
from tests.vectors.sealing import CONTENTS, SEAL_KEY, Sealed, record, sealed_notice, wrapped

Part = tuple[bytes, bytes]
Case = tuple[str, str, Json, Reason]


def vectors(sealed: Sealed) -> list[Vector]:
    """Return the refusals of a frame and its parts."""
    return [
        *cases("frame", "7", _frame_inputs(sealed), [*_frames(sealed), *_signed_frames(sealed)]),
        *cases("frame", "7", _frame_inputs(sealed), [*_signatures(sealed), *_keysets(sealed)]),
        *cases("frame", "7", _frame_inputs(sealed), [_stolen(sealed)]),
        *cases("body", "6", _body_inputs(sealed), _bodies(sealed)),
        *cases("attachment", "6", _attachment_inputs(sealed), _attachments(sealed)),
    ]


def cases(kind: str, section: str, inputs: Json, found: list[Case]) -> list[Vector]:
    """Return a refusal for each case, which changes some of the inputs."""
    return [
        refusal(f"{kind}-{name}", about, section, {**inputs, **changed}, reason.value)
        for name, about, changed, reason in found
    ]


def _frame_inputs(sealed: Sealed) -> Json:
    return {**sealing.frame_inputs(sealed), "frame": sealed.frame}


def _frames(sealed: Sealed) -> list[Case]:
    """Return frames that are not what was signed."""
    frame, notices = sealed.frame, sealed.frame.notices
    swapped = (
        SealedNotice(header=notices[0].header, body=notices[1].body),
        SealedNotice(header=notices[1].header, body=notices[0].body),
        notices[2],
    )
    mismatch = Reason.STATEMENT_MISMATCH
    header = with_item(frame.header, 5, b"trafficking/online")
    return [
        (
            "body-swapped",
            "Two bodies changed places.",
            {"frame": replace(frame, notices=swapped)},
            mismatch,
        ),
        (
            "notice-missing",
            "The last notice is left out.",
            {"frame": replace(frame, notices=notices[:2])},
            mismatch,
        ),
        (
            "other-header",
            "The header names another topic than the one that was signed.",
            {"frame": replace(frame, header=header)},
            mismatch,
        ),
        (
            "wraps-exchanged",
            "Two wraps changed places.",
            {"frame": replace(frame, wraps=(frame.wraps[1], frame.wraps[0], frame.wraps[2]))},
            mismatch,
        ),
    ]


def _signatures(sealed: Sealed) -> list[Case]:
    frame, wrong = sealed.frame, Reason.SIGNATURE_INVALID
    classical, post_quantum = frame.signature[:64], frame.signature[64:]
    as_entry = sealed.cast.signer("gr-pol").sign(PAYLOAD_ENTRY, frame.statement)
    bare = Ed25519PrivateKey.from_private_bytes(secret("gr-pol ed25519")).sign(
        pae(PAYLOAD_FRAME, frame.statement)
    )
    cases = [
        ("classical-only", "The ML-DSA half is zero.", classical + bytes(len(post_quantum))),
        ("post-quantum-only", "The Ed25519 half is zero.", bytes(64) + post_quantum),
        ("over-bare-pae", "The Ed25519 half is over PAE without its framing.", bare + post_quantum),
        (
            "without-context",
            "The ML-DSA half is over PAE with an empty context.",
            _without_context(sealed),
        ),
        ("of-another-type", "The statement is signed as a directory entry.", as_entry),
        ("cut", "The signature lacks its last byte.", frame.signature[:-1]),
    ]
    return [
        (f"signature-{name}", about, {"frame": replace(frame, signature=signature)}, wrong)
        for name, about, signature in cases
    ]


def _without_context(sealed: Sealed) -> bytes:
    """Return a signature whose ML-DSA half has no context: an earlier one, or a new one."""
    message = pae(PAYLOAD_FRAME, sealed.frame.statement)
    private = MLDSA65PrivateKey.from_seed_bytes(secret("gr-pol mldsa65"))

    def fits(signature: bytes) -> bool:
        try:
            private.public_key().verify(signature[64:], message, context=b"")
        except InvalidSignature:
            return False
        return True

    kept = sealed.cast.kept
    classical = Ed25519PrivateKey.from_private_bytes(secret("gr-pol ed25519")).sign(
        ed25519_input(message)
    )
    return kept.first(SIGNATURE_BYTES, fits) or kept.add(classical + private.sign(message, b""))


def _keysets(sealed: Sealed) -> list[Case]:
    """Return the good frame where the directory has another keyset of its originator's."""
    keyset = sealed.cast.signer("gr-pol").public()
    other = replace(keyset, keyset_id="another")
    cases = [
        (
            "signed-before-its-keyset",
            "The keyset begins a millisecond after the frame was made.",
            replace(keyset, valid_from=NOW + 1),
            Reason.EXPIRED,
        ),
        (
            "signed-after-its-keyset",
            "The keyset ended when the frame was made.",
            replace(keyset, valid_until=NOW),
            Reason.EXPIRED,
        ),
        (
            "keyset-of-another-id",
            "The directory has the right keys, under another id than the statement names.",
            other,
            Reason.UNKNOWN_KEYSET,
        ),
    ]
    return [(name, about, {"keyset": one.encode()}, reason) for name, about, one, reason in cases]


def _signed_frames(sealed: Sealed) -> list[Case]:
    """Return frames that their originator signed although they are wrong."""
    header = sealing.notice_headers()[0].encode()
    refs = [
        AttachmentRef(id=bytes(16), digest=secret(name), length=1).encode()
        for name in ("one", "two")
    ]
    cases: list[tuple[str, str, Frame, Reason]] = [
        (
            "recipients-out-of-order",
            "Signed, but its recipients are not ascending by agency.",
            _signed(sealed, parts=lambda parts: parts[::-1]),
            Reason.RECIPIENTS_INVALID,
        ),
        (
            "originator-not-a-recipient",
            "Signed, but not sealed to its originator.",
            _signed(sealed, parts=lambda parts: parts[1:]),
            Reason.RECIPIENTS_INVALID,
        ),
        (
            "wrap-of-another-recipient",
            "Signed, but each of two records comes with the other's wrap.",
            _signed(sealed, parts=_crossed),
            Reason.STATEMENT_MISMATCH,
        ),
        (
            "first-of-a-chain-with-a-previous",
            "Signed, but a record of number 1 names a statement before it.",
            _signed(sealed, parts=_with_previous),
            Reason.MALFORMED,
        ),
        (
            "notice-id-repeated",
            "Signed, but two notices have one id.",
            _signed(sealed, headers=(header, header)),
            Reason.REPEATED_ID,
        ),
        (
            "attachment-id-repeated",
            "Signed, but a notice header lists two attachments of one id.",
            _signed(sealed, headers=(with_item(header, 6, listed(refs)),)),
            Reason.REPEATED_ID,
        ),
        (
            "foreign-federation",
            "Signed, but for another federation.",
            _signed(sealed, federation=secret("another federation")),
            Reason.FOREIGN_FEDERATION,
        ),
    ]
    return [(name, about, {"frame": one}, reason) for name, about, one, reason in cases]


def _stolen(sealed: Sealed) -> Case:
    """Return the frame as another member signs it, who may copy it and not open it."""
    cast, frame = sealed.cast, sealed.frame
    recipients = list(zip(frame.recipients, frame.wraps, strict=True))
    stolen = sealing.signed_frame(cast, frame.header, recipients, [*frame.notices], "ro-pol")
    return (
        "sealed-by-another",
        "Its header names gr-pol, and ro-pol signed it as its own.",
        {"keyset": cast.signer("ro-pol").public().encode(), "frame": stolen},
        Reason.STATEMENT_MISMATCH,
    )


def _crossed(parts: list[Part]) -> list[Part]:
    (one, first), (two, second) = parts
    return [(one, second), (two, first)]


def _with_previous(parts: list[Part]) -> list[Part]:
    (one, first), second = parts
    return [(with_item(one, 5, secret("statement before")), first), second]


def _signed(
    sealed: Sealed,
    *,
    parts: Callable[[list[Part]], list[Part]] = list,
    headers: tuple[bytes, ...] = (),
    federation: bytes | None = None,
) -> Frame:
    """Return a small frame that its originator signed although it is wrong."""
    cast, held = sealed.cast, secret(SEAL_KEY)
    header = sealing.frame_header(sealed.story, federation=federation).encode()
    digest = sha256(header)
    recipients = []
    for agency in AGENCIES[:2]:
        wrap = wrapped(cast, digest, agency, held)
        recipients.append((record(agency, wrap).encode(), wrap))
    headers = headers or (sealing.notice_headers()[0].encode(),)
    notices = [sealed_notice(cast, digest, one, CONTENTS[0], held) for one in headers]
    return sealing.signed_frame(cast, header, parts(recipients), notices)


def _body_inputs(sealed: Sealed) -> Json:
    notice = sealed.frame.notices[1]
    digest, notice_digest = sha256(sealed.frame.header), sha256(notice.header)
    return {
        "content_key": content_key(secret(SEAL_KEY), digest, notice_digest),
        "frame_header": sealed.frame.header,
        "notice_header": notice.header,
        "body": notice.body,
    }


def _bodies(sealed: Sealed) -> list[Case]:
    inputs, cast = _body_inputs(sealed), sealed.cast
    key, body = inputs["content_key"], inputs["body"]
    digest = sha256(inputs["frame_header"])
    context = body_context(digest, sha256(inputs["notice_header"]))
    other_context = body_context(digest, sha256(sealed.frame.notices[0].header))
    good = pad(CONTENTS[1])
    flipped = body[:24] + bytes([body[24] ^ 1]) + body[25:]
    cases = [
        ("padding-not-zero", "The last byte of the padding is 01.", good[:-1] + b"\x01"),
        ("padding-of-another-size", "Padded to 2048 bytes instead of 1024.", good + bytes(1024)),
        ("without-padding", "Not padded at all.", good.rstrip(b"\x00")),
        ("length-beyond", "It states a byte more than it has.", (1021).to_bytes(4) + good[4:]),
        ("without-a-length", "Three bytes are all that it holds.", good[:3]),
    ]
    return [
        *(
            (name, about, {"body": cast.encrypted(key, context, plain)}, Reason.BODY_INVALID)
            for name, about, plain in cases
        ),
        (
            "of-another-notice",
            "It was sealed behind another notice header, under the same key.",
            {"body": cast.encrypted(key, other_context, good)},
            Reason.BODY_INVALID,
        ),
        (
            "other-commitment",
            "One bit of the commitment to the key is another.",
            {"body": flipped},
            Reason.BODY_INVALID,
        ),
        ("cut", "The last byte is missing.", {"body": body[:-1]}, Reason.BODY_INVALID),
    ]


def _attachment_inputs(sealed: Sealed) -> Json:
    ref, key, ciphertext = sealing.sealed_attachment(sealed.story)
    return {
        "federation": sealed.story.federation,
        "originator": "gr-pol",
        "attachment_key": key,
        "attachment": ref,
        "ciphertext": ciphertext,
    }


def _attachments(sealed: Sealed) -> list[Case]:
    inputs = _attachment_inputs(sealed)
    ref, ciphertext = inputs["attachment"], inputs["ciphertext"]
    cut = ciphertext[: 56 + 16384 + 16]
    context = attachment_context(inputs["federation"], "ro-pol", ref.id)
    foreign = sealed.cast.encrypted(inputs["attachment_key"], context, sealing.ATTACHMENT)
    return [
        (
            "of-another-digest",
            "Its digest is not the one in the notice header.",
            {"attachment": replace(ref, digest=secret("another digest"))},
            Reason.ATTACHMENT_INVALID,
        ),
        (
            "cut-after-a-whole-chunk",
            "Listed as it is, but its last chunk is of full size.",
            {"attachment": _ref_to(ref.id, cut), "ciphertext": cut},
            Reason.ATTACHMENT_INVALID,
        ),
        (
            "of-another-originator",
            "Listed as it is, but it was sealed by ro-pol.",
            {"attachment": _ref_to(ref.id, foreign), "ciphertext": foreign},
            Reason.ATTACHMENT_INVALID,
        ),
    ]


def _ref_to(attachment_id: bytes, ciphertext: bytes) -> AttachmentRef:
    return AttachmentRef(id=attachment_id, digest=sha256(ciphertext), length=len(ciphertext))
