# SPDX-License-Identifier: Apache-2.0
"""Vectors of sealing: one frame in all its steps. `delivering` has what is delivered of it."""

from dataclasses import dataclass

from agency_client.domain.content import Content, SealedAttachment
from keys import merkle
from keys.attachments import attachment_context
from keys.body import body_context, content_key, key_commitment, pad
from keys.envelope import (
    NO_PREVIOUS,
    AttachmentRef,
    Frame,
    FrameHeader,
    Marking,
    NoticeHeader,
    NoticeRef,
    Recipient,
    RuleBookRef,
    SealedNotice,
    Statement,
    TreeHead,
)
from keys.framing import framed, sha256
from keys.hpke import wrap_info
from keys.signing import PAYLOAD_FRAME, ed25519_input, pae
from tests.vectors import inside
from tests.vectors.cast import (
    AGENCIES,
    DAY,
    NOW,
    SEAL_KEY_ID,
    TOPIC,
    Cast,
    secret,
    short_id,
    uuid7,
)
from tests.vectors.federation import Story
from tests.vectors.form import Json, Vector
from tests.vectors.log import checkpoint

ATTACHMENT = bytes(range(256)) * 70
"""Two chunks: 17,920 bytes."""
ATTACHMENT_NAMES = ("attachment key", "attachment id")
SEAL_KEY, SEAL_ID = "seal key", "seal id"
SEQUENCE = {"gr-pol": 1, "hr-ngo": 1, "ro-pol": 2}
NAMED = ("ro-pol",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The frame of the vectors with what made it."""

    cast: Cast
    story: Story
    frame: Frame


def blue(title: str, *, text: str = "", attachments: tuple[SealedAttachment, ...] = ()) -> bytes:
    """Return the content document of an invented BLUE notice."""
    notice: Json = {
        "type": "BLUE",
        "title": title,
        "reason": "Seen with workers who were locked in.",
        "persons": [{"status": "SUSPECT", "name": "Inventat", "forename": "Ion"}],
    }
    if text:
        notice["remarks"] = text
    return Content(notice=notice, attachments=attachments).encode()


def listed_attachment() -> SealedAttachment:
    """Return what the content of notice 2 says about its attachment."""
    key, attachment_id = ATTACHMENT_NAMES
    return SealedAttachment(
        id=short_id(attachment_id),
        key=secret(key),
        name="picture.jpg",
        media_type="image/jpeg",
        length=len(ATTACHMENT),
    )


CONTENTS = (
    blue("Where is he now?"),
    blue("Ελένη, Олена, 丽"),
    blue("The van and its driver", text="x" * 1500, attachments=(listed_attachment(),)),
)


def sealed_attachment(story: Story) -> tuple[AttachmentRef, bytes, bytes]:
    """Return the attachment's reference, key and ciphertext."""
    listed = listed_attachment()
    context = attachment_context(story.federation, "gr-pol", listed.id)
    ciphertext = story.cast.encrypted(listed.key, context, ATTACHMENT)
    ref = AttachmentRef(id=listed.id, digest=sha256(ciphertext), length=len(ciphertext))
    return ref, listed.key, ciphertext


def notice_headers(attachment: AttachmentRef | None = None) -> list[NoticeHeader]:
    """Return the headers of the frame's notices; notice 1 is valid longest."""
    old = NoticeRef(
        originator="gr-pol", notice_id=uuid7("superseded"), leaf_hash=secret("superseded leaf")
    )
    soon, late = NOW + 10 * DAY, NOW + 30 * DAY
    return [
        NoticeHeader(notice_id=uuid7("notice 0"), valid_from=NOW, expires_at=soon),
        NoticeHeader(
            notice_id=uuid7("notice 1"), valid_from=NOW, expires_at=late, supersedes=(old,)
        ),
        NoticeHeader(
            notice_id=uuid7("notice 2"),
            valid_from=NOW,
            expires_at=soon,
            attachments=(attachment,) if attachment else (),
        ),
    ]


def frame_header(story: Story, *, federation: bytes | None = None) -> FrameHeader:
    """Return the frame's header."""
    federation = story.federation if federation is None else federation
    book = story.at_sealing.rule_book
    assert book is not None
    head = checkpoint()
    return FrameHeader(
        federation=federation,
        seal_id=short_id(SEAL_ID),
        outlet=short_id("outlet"),
        topic=TOPIC,
        created_at=NOW,
        marking=Marking(
            type="BLUE",
            tlp="AMBER",
            handling=("H1",),
            purposes=("INVESTIGATION", "VICTIM_PROTECTION"),
            not_for=("XX",),
            regrant="originator",
            operation="OP-LANTERN",
            priority="PRIORITY",
        ),
        key_commitment=key_commitment(secret(SEAL_KEY), federation, short_id(SEAL_ID)),
        rule_book=RuleBookRef(version=book.version, digest=book.digest),
        directory=TreeHead(size=story.at_sealing.size, root=story.at_sealing.root),
        log=TreeHead(size=head.size, root=head.root),
        originator="gr-pol",
    )


def wrapped(cast: Cast, digest: bytes, agency: str, held: bytes) -> bytes:
    """Return the wrap of a seal key to one agency for the frame with this header digest."""
    return cast.wrapped(agency, wrap_info(digest, agency, SEAL_KEY_ID), held)


def record(agency: str, wrap: bytes) -> Recipient:
    """Return an agency's record."""
    seq = SEQUENCE[agency]
    return Recipient(
        agency=agency,
        key_id=SEAL_KEY_ID,
        named=agency in NAMED,
        seq=seq,
        prev=NO_PREVIOUS if seq == 1 else secret("statement before"),
        wrap_digest=sha256(wrap),
    )


def sealed_notice(
    cast: Cast, digest: bytes, header: bytes, content: bytes, held: bytes
) -> SealedNotice:
    """Return one notice sealed under the seal key `held` behind a HEADER, whatever it says."""
    key = content_key(held, digest, sha256(header))
    body = cast.encrypted(key, body_context(digest, sha256(header)), pad(content))
    return SealedNotice(header=header, body=body)


def signed_frame(
    cast: Cast,
    header: bytes,
    recipients: list[tuple[bytes, bytes]],
    notices: list[SealedNotice],
    originator: str = "gr-pol",
) -> Frame:
    """Return a frame over parts as they are given, whatever is wrong with them, signed."""
    records = [merkle.hash_leaf(one) for one, _ in recipients]
    statement = Statement(
        originator=originator,
        keyset_id=cast.signer(originator).keyset_id,
        header_digest=sha256(header),
        recipient_count=len(recipients),
        recipient_root=merkle.root(records),
        notice_count=len(notices),
        notice_root=merkle.root([one.leaf_hash for one in notices]),
    ).encode()
    return Frame(
        header=header,
        recipients=tuple(one for one, _ in recipients),
        wraps=tuple(wrap for _, wrap in recipients),
        notices=tuple(notices),
        statement=statement,
        signature=cast.signer(originator).sign(PAYLOAD_FRAME, statement),
    )


def seal(story: Story) -> Sealed:
    """Return the frame: three notices of gr-pol for three agencies, ro-pol named."""
    cast, held = story.cast, secret(SEAL_KEY)
    header = frame_header(story).encode()
    digest = sha256(header)
    recipients = []
    for agency in AGENCIES:
        wrap = wrapped(cast, digest, agency, held)
        recipients.append((record(agency, wrap).encode(), wrap))
    headers = notice_headers(sealed_attachment(story)[0])
    notices = [
        sealed_notice(cast, digest, one.encode(), content, held)
        for one, content in zip(headers, CONTENTS, strict=True)
    ]
    frame = signed_frame(cast, header, recipients, notices)
    return Sealed(cast=cast, story=story, frame=frame)


def vectors(sealed: Sealed) -> list[Vector]:
    """Return the cases about sealing and opening."""
    return [
        _commitment(sealed),
        _content_key(sealed),
        _wrap_info(sealed),
        _wrap(sealed),
        _signature(sealed),
        _frame(sealed),
    ]


def _commitment(sealed: Sealed) -> Vector:
    federation, seal_id = sealed.story.federation, short_id(SEAL_ID)
    return Vector(
        name="key-commitment",
        about="What the frame header holds so that only one seal key is the right one.",
        section="6",
        inputs={"seal_key": secret(SEAL_KEY), "federation": federation, "seal_id": seal_id},
        steps={"info": framed("tocsin/seal-commit/v1", federation, seal_id)},
        output={"key_commitment": key_commitment(secret(SEAL_KEY), federation, seal_id)},
    )


def _content_key(sealed: Sealed) -> Vector:
    frame, held = sealed.frame, secret(SEAL_KEY)
    digest, notice = sha256(frame.header), sha256(frame.notices[0].header)
    return Vector(
        name="content-key",
        about="The key of notice 0 of the frame in frame.json.",
        section="6",
        inputs={
            "seal_key": held,
            "frame_header": frame.header,
            "notice_header": frame.notices[0].header,
        },
        steps={
            "frame_header_sha256": digest,
            "notice_header_sha256": notice,
            "info": framed("tocsin/content-key/v1", digest, notice),
        },
        output={"content_key": content_key(held, digest, notice)},
    )


def _wrap_info(sealed: Sealed) -> Vector:
    digest = sha256(sealed.frame.header)
    return Vector(
        name="wrap-info",
        about="The HPKE info of the wrap to ro-pol of the frame in frame.json.",
        section="6",
        inputs={
            "frame_header": sealed.frame.header,
            "agency": "ro-pol",
            "key_id": SEAL_KEY_ID,
        },
        steps={"frame_header_sha256": digest},
        output={"info": wrap_info(digest, "ro-pol", SEAL_KEY_ID)},
    )


def _wrap(sealed: Sealed) -> Vector:
    wrap, digest = sealed.frame.wraps[2], sha256(sealed.frame.header)
    return Vector(
        name="wrap",
        about="The seal key wrapped to ro-pol. Wrapping is random: open this one.",
        section="6",
        inputs={
            "decryption_seed": secret("ro-pol decryption"),
            "frame_header": sealed.frame.header,
            "agency": "ro-pol",
            "key_id": SEAL_KEY_ID,
            "wrap": wrap,
        },
        steps={
            "frame_header_sha256": digest,
            "info": wrap_info(digest, "ro-pol", SEAL_KEY_ID),
            "public": sealed.cast.encryption("ro-pol").public,
            "mlkem768_ciphertext": wrap[:1088],
            "x25519_ephemeral": wrap[1088:1120],
            "sealed": wrap[1120:],
            **inside.wrap_steps(
                secret("ro-pol decryption"), wrap, wrap_info(digest, "ro-pol", SEAL_KEY_ID)
            ),
        },
        output={"seal_key": secret(SEAL_KEY)},
    )


def _signature(sealed: Sealed) -> Vector:
    frame = sealed.frame
    encoded = pae(PAYLOAD_FRAME, frame.statement)
    return Vector(
        name="signature",
        about="The hybrid signature over the statement in statement.json. ML-DSA's half is random.",
        section="4",
        inputs={
            "ed25519_seed": secret("gr-pol ed25519"),
            "mldsa65_seed": secret("gr-pol mldsa65"),
            "payload_type": PAYLOAD_FRAME,
            "payload": frame.statement,
            "signature": frame.signature,
        },
        steps={
            "pae": encoded,
            "ed25519_input": ed25519_input(encoded),
            "mldsa65_context": PAYLOAD_FRAME.encode(),
        },
        output={
            "ed25519_signature": frame.signature[:64],
            "mldsa65_signature": frame.signature[64:],
        },
    )


def frame_inputs(sealed: Sealed) -> Json:
    """Return what a receiver of the frame starts from: the originator's keyset and federation."""
    return {
        "federation": sealed.story.federation,
        "keyset": sealed.cast.signer("gr-pol").public().encode(),
    }


def _frame(sealed: Sealed) -> Vector:
    frame, held, story = sealed.frame, secret(SEAL_KEY), sealed.story
    digest = sha256(frame.header)
    headers = notice_headers(sealed_attachment(story)[0])
    digests = [sha256(notice.header) for notice in frame.notices]
    return Vector(
        name="frame",
        about="A whole frame: three notices of gr-pol for three agencies.",
        section="6",
        inputs={
            **frame_inputs(sealed),
            "seal_key": held,
            "header": frame_header(story),
            "notices": [
                {"header": one, "content": content}
                for one, content in zip(headers, CONTENTS, strict=True)
            ],
        },
        steps={
            "frame_header_sha256": digest,
            "notice_header_sha256": digests,
            "content_keys": [content_key(held, digest, one) for one in digests],
            "notice_leaf_hashes": [notice.leaf_hash for notice in frame.notices],
            "recipient_leaf_hashes": [merkle.hash_leaf(one) for one in frame.recipients],
            "recipient_paths": merkle.inclusion_paths(
                [merkle.hash_leaf(one) for one in frame.recipients]
            ),
        },
        output={"frame": frame},
    )
