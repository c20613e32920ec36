# SPDX-License-Identifier: Apache-2.0
"""Every file of tests/vectors, replayed through the code in both directions.

What is random when made (wraps, ML-DSA, ciphertexts) is opened or verified, and made anew and
opened by the same code. tests/generated.py checks that the files are what the code makes.
"""

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agency_client.domain.content import Content, SealedAttachment
from keys import merkle
from keys.attachments import AttachmentSealer, attachment_context
from keys.body import body_context, content_key, key_commitment, pad, padded_length, seal_body
from keys.checking import check_frame
from keys.directory import decode_entry
from keys.envelope import FrameHeader, Marking, NoticeHeader, Recipient, SealedNotice, Statement
from keys.errors import SignatureError
from keys.framing import framed, listed, sha256, u8, u16, u32, u64, unframe, unlisted
from keys.hpke import wrap, wrap_info
from keys.identities import DecryptionKey
from keys.opening import AttachmentOpener, open_body, open_delivery, verify_delivery
from keys.recipients import EncryptionKey
from keys.sealing import NoticeDraft, SealRecipient, seal_frame
from keys.signers import SeedSigner
from keys.signing import (
    PAYLOAD_ENTRY,
    PAYLOAD_FRAME,
    Keyset,
    ed25519_input,
    pae,
    verify,
)
from tests.vectors import reading
from tests.vectors.form import FOLDER, Json, load, parts
from tests.vectors.reading import raw, raws


def test_every_file_says_which_case_it_is() -> None:
    for path in FOLDER.rglob("*.json"):
        vector = load(str(path.relative_to(FOLDER).with_suffix("")))
        assert vector["name"] == str(path.relative_to(FOLDER).with_suffix(""))
        assert list(vector) == ["name", "about", "section", "inputs", "steps", "output"]
        assert vector["about"].endswith(".")
        assert vector["section"].isdigit()


def test_every_file_has_a_replay() -> None:
    here = Path(__file__).parent
    source = "".join(path.read_text() for path in sorted(here.glob("test_vectors*.py")))
    kinds = {f"entry-{kind}" for kind in reading.ENTRIES}
    assert {path.stem for path in FOLDER.glob("*.json") if f'"{path.stem}"' not in source} == kinds


def test_framing() -> None:
    inputs, steps, output = parts("framing")
    items = raws(inputs["items"])
    assert framed(inputs["label"], *items).hex() == output["bytes"]
    assert unframe(inputs["label"], raw(output["bytes"]), 8) == list(items)
    assert [u8(1).hex(), u16(2).hex(), u32(3).hex(), u64(4).hex()] == list(steps.values())[:4]
    assert listed([b"a", b""]).hex() == steps["list_of_a_and_nothing"]
    assert unlisted(items[7]) == [b"a", b""]


def test_pae() -> None:
    inputs, steps, output = parts("pae")
    encoded = pae(inputs["payload_type"], raw(inputs["payload"]))
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert encoded.hex() == steps["pae"]
    assert ed25519_input(encoded).hex() == output["ed25519_input"]


def test_padding() -> None:
    inputs, _, output = parts("padding")
    for length, padded in zip(inputs["content_lengths"], output["padded_lengths"], strict=True):
        assert padded_length(4 + length) == padded
        assert len(pad(bytes(length))) == padded


def test_marking() -> None:
    inputs, _, output = parts("marking")
    value = reading.marking(inputs["marking"])
    assert value.encode().hex() == output["bytes"]
    assert sha256(value.encode()).hex() == output["sha256"]
    assert Marking.decode(raw(output["bytes"])) == value


def test_marking_of_sets() -> None:
    inputs, steps, output = parts("marking-of-sets")
    value = reading.marking({**steps["marking"], **inputs["as_given"]})
    assert value == reading.marking(steps["marking"])
    assert value.encode().hex() == output["bytes"]
    assert Marking.decode(raw(output["bytes"])) == value


def test_frame_header() -> None:
    inputs, _, output = parts("frame-header")
    value = reading.frame_header(inputs["frame_header"])
    assert value.encode().hex() == output["bytes"]
    assert FrameHeader.decode(raw(output["bytes"])) == value


def test_notice_header() -> None:
    inputs, _, output = parts("notice-header")
    value = reading.notice_header(inputs["notice_header"])
    assert value.encode().hex() == output["bytes"]
    assert NoticeHeader.decode(raw(output["bytes"])) == value


def test_keyset() -> None:
    inputs, steps, output = parts("keyset")
    signer = SeedSigner(
        keyset_id=inputs["keyset_id"],
        ed25519_seed=raw(inputs["ed25519_seed"]),
        mldsa65_seed=raw(inputs["mldsa65_seed"]),
    )
    keyset = signer.public(valid_from=inputs["valid_from"], valid_until=inputs["valid_until"])
    assert keyset.ed25519.hex() == steps["ed25519"]
    assert keyset.mldsa65.hex() == steps["mldsa65"]
    assert keyset.encode().hex() == output["keyset"]
    assert Keyset.decode(raw(output["keyset"])) == keyset


def test_encryption_key() -> None:
    inputs, steps, output = parts("encryption-key")
    expanded = hashlib.shake_256(raw(inputs["seed"])).digest(96)
    assert (expanded[:64].hex(), expanded[64:].hex()) == (
        steps["mlkem768_seed"],
        steps["x25519_private"],
    )
    key = DecryptionKey(key_id=inputs["key_id"], seed=raw(inputs["seed"]))
    public = key.public(valid_from=inputs["valid_from"], valid_until=inputs["valid_until"])
    assert public.public.hex() == steps["mlkem768_public"] + steps["x25519_public"]
    assert public.encode().hex() == output["encryption_key"]
    assert EncryptionKey.decode(raw(output["encryption_key"])) == public


def test_key_commitment() -> None:
    inputs, steps, output = parts("key-commitment")
    held, federation, seal_id = map(raw, inputs.values())
    assert framed("tocsin/seal-commit/v1", federation, seal_id).hex() == steps["info"]
    assert key_commitment(held, federation, seal_id).hex() == output["key_commitment"]


def test_content_key() -> None:
    inputs, steps, output = parts("content-key")
    held, header, notice = map(raw, inputs.values())
    assert sha256(header).hex() == steps["frame_header_sha256"]
    assert sha256(notice).hex() == steps["notice_header_sha256"]
    key = content_key(held, sha256(header), sha256(notice))
    assert key.hex() == output["content_key"]


def test_wrap_info() -> None:
    inputs, steps, output = parts("wrap-info")
    digest = sha256(raw(inputs["frame_header"]))
    assert digest.hex() == steps["frame_header_sha256"]
    assert wrap_info(digest, inputs["agency"], inputs["key_id"]).hex() == output["info"]


def test_wrap() -> None:
    inputs, steps, output = parts("wrap")
    key = DecryptionKey(key_id=inputs["key_id"], seed=raw(inputs["decryption_seed"]))
    info = wrap_info(sha256(raw(inputs["frame_header"])), inputs["agency"], inputs["key_id"])
    assert info.hex() == steps["info"]
    assert (
        steps["mlkem768_ciphertext"] + steps["x25519_ephemeral"] + steps["sealed"]
        == (inputs["wrap"])
    )
    assert key.unwrap(raw(inputs["wrap"]), info).hex() == output["seal_key"]
    opened = AESGCM(raw(steps["key"])).decrypt(raw(steps["base_nonce"]), raw(steps["sealed"]), None)
    assert opened.hex() == output["seal_key"]
    again = wrap(raw(steps["public"]), info, raw(output["seal_key"]))
    assert again != raw(inputs["wrap"])
    assert key.unwrap(again, info).hex() == output["seal_key"]


def _opened_chunk(steps: Json, ciphertext: bytes) -> bytes:
    """Open the first chunk with the keys that a file states."""
    key, base = raw(steps["derived_key"]), raw(steps["derived_base"])
    return AESGCM(key).decrypt(base, ciphertext[56 : 56 + 16384 + 16], None)


@pytest.mark.parametrize("name", ["body", "body-of-five-chunks"])
def test_body(name: str) -> None:
    inputs, steps, output = parts(name)
    key, header, notice, body = map(raw, inputs.values())
    content = raw(output["content"])
    assert body_context(sha256(header), sha256(notice)).hex() == steps["context"]
    assert (body[:24].hex(), body[24:56].hex()) == (steps["salt"], steps["commitment"])
    assert len(pad(content)) == steps["padded_length"]
    assert sha256(pad(content)).hex() == steps["padded_sha256"]
    assert _opened_chunk(steps, body) == pad(content)[:16384]
    assert open_body(key, sha256(header), notice, body) == content
    again = seal_body(key, sha256(header), sha256(notice), content)
    assert len(again) == len(body)
    assert open_body(key, sha256(header), notice, again) == content


def test_content() -> None:
    inputs, steps, output = parts("content")
    attachments = tuple(
        SealedAttachment(**{**one, "id": raw(one["id"]), "key": raw(one["key"])})
        for one in inputs["attachments"]
    )
    content = Content(notice=inputs["notice"], attachments=attachments)
    assert content.encode().hex() == output["content"]
    assert content.encode().decode() == steps["text"]
    assert Content.decode(raw(output["content"])) == content
    header = NoticeHeader.decode(raw(inputs["notice_header"]))
    assert [one.id for one in attachments] == [one.id for one in header.attachments]


def test_attachment() -> None:
    inputs, steps, output = parts("attachment")
    federation, key = raw(inputs["federation"]), raw(inputs["attachment_key"])
    ref = reading.attachment_ref(inputs["attachment"])
    context = attachment_context(federation, inputs["originator"], ref.id)
    assert context.hex() == steps["context"]
    sealed = raw(inputs["ciphertext"])
    assert (sealed[:24].hex(), sealed[24:56].hex()) == (steps["salt"], steps["commitment"])
    opener = AttachmentOpener(federation, inputs["originator"], ref, key)
    plaintext = opener.update(raw(inputs["ciphertext"])) + opener.finalize()
    assert _opened_chunk(steps, sealed) == plaintext[:16384]
    assert len(plaintext) == output["plaintext_length"]
    assert sha256(plaintext).hex() == output["plaintext_sha256"]
    sealer = AttachmentSealer(federation, inputs["originator"], attachment_id=ref.id, key=key)
    again = sealer.update(plaintext) + sealer.finalize()
    assert sealer.ref.length == len(again) == ref.length
    opener = AttachmentOpener(federation, inputs["originator"], sealer.ref, key)
    assert opener.update(again) + opener.finalize() == plaintext


def test_notice_leaf() -> None:
    inputs, steps, output = parts("notice-leaf")
    notice = SealedNotice(header=raw(inputs["header"]), body=raw(inputs["body"]))
    leaf = framed("tocsin/notice/v1", notice.header, raw(steps["body_sha256"]))
    assert leaf.hex() == steps["leaf"]
    assert hashlib.sha256(b"\x00" + leaf).hexdigest() == output["leaf_hash"]
    assert notice.leaf_hash.hex() == output["leaf_hash"]
    assert NoticeHeader.decode(notice.header).notice_id.hex() == output["notice_id"]


def test_recipient() -> None:
    inputs, steps, output = parts("recipient")
    value = reading.recipient(inputs["recipient"])
    assert value.named
    assert value.seq == 2
    assert value.wrap_digest == sha256(raw(inputs["wrap"])) == raw(steps["wrap_sha256"])
    assert value.encode().hex() == output["bytes"]
    assert Recipient.decode(raw(output["bytes"])) == value
    assert merkle.hash_leaf(value.encode()).hex() == output["leaf_hash"]


def test_statement() -> None:
    inputs, steps, output = parts("statement")
    recipients = [merkle.hash_leaf(raw(one)) for one in inputs["recipients"]]
    notices = raws(inputs["notice_leaf_hashes"])
    value = Statement(
        originator=inputs["originator"],
        keyset_id=inputs["keyset_id"],
        header_digest=sha256(raw(inputs["frame_header"])),
        recipient_count=len(recipients),
        recipient_root=merkle.root(recipients),
        notice_count=len(notices),
        notice_root=merkle.root(notices),
    )
    assert value.recipient_root.hex() == steps["recipient_root"]
    assert value.notice_root.hex() == steps["notice_root"]
    assert value.encode().hex() == output["bytes"]
    assert Statement.decode(raw(output["bytes"])) == value


def test_signature() -> None:
    inputs, steps, output = parts("signature")
    signer = SeedSigner(
        keyset_id="any",
        ed25519_seed=raw(inputs["ed25519_seed"]),
        mldsa65_seed=raw(inputs["mldsa65_seed"]),
    )
    payload, keyset = raw(inputs["payload"]), signer.public(valid_from=0, valid_until=1)
    assert inputs["payload_type"] == PAYLOAD_FRAME
    assert pae(PAYLOAD_FRAME, payload).hex() == steps["pae"]
    assert output["ed25519_signature"] + output["mldsa65_signature"] == inputs["signature"]
    verify(keyset, PAYLOAD_FRAME, payload, raw(inputs["signature"]))
    again = signer.sign(PAYLOAD_FRAME, payload)
    assert again[:64].hex() == output["ed25519_signature"]
    verify(keyset, PAYLOAD_FRAME, payload, again)
    with pytest.raises(SignatureError):
        verify(keyset, PAYLOAD_ENTRY, payload, raw(inputs["signature"]))


def test_frame() -> None:
    inputs, steps, output = parts("frame")
    frame = reading.frame(output["frame"])
    keyset = Keyset.decode(raw(inputs["keyset"]))
    checked = check_frame(frame, keyset, raw(inputs["federation"]))
    assert checked.header == reading.frame_header(inputs["header"])
    assert sha256(frame.header).hex() == steps["frame_header_sha256"]
    hashes = [merkle.hash_leaf(one) for one in frame.recipients]
    assert hashes == list(raws(steps["recipient_leaf_hashes"]))
    assert merkle.inclusion_paths(hashes) == [list(raws(one)) for one in steps["recipient_paths"]]
    assert [one.leaf_hash for one in frame.notices] == list(raws(steps["notice_leaf_hashes"]))
    for index, notice in enumerate(frame.notices):
        given = inputs["notices"][index]
        assert checked.notices[index] == reading.notice_header(given["header"])
        key = content_key(raw(inputs["seal_key"]), sha256(frame.header), sha256(notice.header))
        assert key.hex() == steps["content_keys"][index]
        content = open_body(key, sha256(frame.header), notice.header, notice.body)
        assert content.hex() == given["content"]


def test_seal_frame_makes_every_part_of_the_frame_that_is_not_random() -> None:
    inputs, _, output = parts("frame")
    frame, header = reading.frame(output["frame"]), reading.frame_header(inputs["header"])
    entries = [decode_entry(unframe("tocsin/signed-entry/v1", one, 2)[0]) for one in _entries()]
    agencies = {one.content.agency: one.content for one in entries[2:5]}  # type: ignore[union-attr]
    recipients = [Recipient.decode(one) for one in frame.recipients]
    seeds = load("signature")["inputs"]
    signer = SeedSigner(
        keyset_id=Statement.decode(frame.statement).keyset_id,
        ed25519_seed=raw(seeds["ed25519_seed"]),
        mldsa65_seed=raw(seeds["mldsa65_seed"]),
    )
    again = seal_frame(
        federation=header.federation,
        topic=header.topic,
        marking=header.marking,
        outlet=header.outlet,
        created_at=header.created_at,
        rule_book=header.rule_book,
        directory=header.directory,
        log=header.log,
        recipients=[
            SealRecipient(
                agency=one.agency,
                key=agencies[one.agency].encryption[0],  # type: ignore[union-attr]
                named=one.named,
                seq=one.seq,
                prev=one.prev,
            )
            for one in reversed(recipients)
        ],
        notices=[
            NoticeDraft(header=reading.notice_header(one["header"]), content=raw(one["content"]))
            for one in inputs["notices"]
        ],
        originator="gr-pol",
        signer=signer,
        seal_id=header.seal_id,
        seal_key=raw(inputs["seal_key"]),
    )
    assert again.header == frame.header
    assert [one.header for one in again.notices] == [one.header for one in frame.notices]
    assert [len(one.body) for one in again.notices] == [len(one.body) for one in frame.notices]
    assert [one[:-32] for one in again.recipients] == [one[:-32] for one in frame.recipients]
    checked = check_frame(again, Keyset.decode(raw(inputs["keyset"])), header.federation)
    assert [one.agency for one in checked.recipients] == ["gr-pol", "hr-ngo", "ro-pol"]


def _entries() -> tuple[bytes, ...]:
    return raws(load("directory")["inputs"]["entries"])


DELIVERIES = [
    "delivery",
    "delivery-partial",
    "delivery-stub",
    "delivery-withheld",
    "delivery-by-id",
]


@pytest.mark.parametrize("name", DELIVERIES)
def test_delivery(name: str) -> None:
    inputs, steps, output = parts(name)
    delivered = reading.delivered_frame(inputs["delivery"])
    keyset = Keyset.decode(raw(inputs["keyset"]))
    federation, agency = raw(inputs["federation"]), inputs["agency"]
    checked = verify_delivery(delivered, keyset, federation, agency, inputs["topic"])
    assert list(checked.unaccounted) == output["unaccounted"]
    key = DecryptionKey(key_id=inputs["key_id"], seed=raw(inputs["decryption_seed"]))
    opened = open_delivery(checked, delivered, key) if delivered.notices else ()
    assert [
        {"index": one.index, "content_key": one.content_key.hex(), "content": one.content.hex()}
        for one in opened
    ] == output["opened"]
    assert [one.leaf_hash.hex() for one in opened] == steps["leaf_hashes"]
    if delivered.notices:
        assert key.unwrap(delivered.wrap, raw(steps["info"])).hex() == steps["seal_key"]
    for one in opened:
        listed_there = [attached.id for attached in Content.decode(one.content).attachments]
        assert listed_there == [ref.id for ref in one.header.attachments]
        assert one.header.valid_from <= inputs["now"] < one.header.expires_at


@pytest.mark.parametrize("name", DELIVERIES)
def test_the_leaf_of_a_delivery_says_what_it_holds(name: str) -> None:
    delivery, leaf = parts(name)[0], parts(f"log-leaf-of-{name}")[0]
    given, said = delivery["delivery"], leaf["fields"]
    assert leaf["salt"] == delivery["delivery_log"]["salt"]
    assert leaf["time_ms"] == delivery["delivery_log"]["time_ms"] == delivery["now"]
    assert said["shown"] == b"".join(u32(one["index"]) for one in given["notices"]).hex()
    reasons = zip(given["withheld"], delivery["withheld_reasons"], strict=True)
    assert said["withheld"] == b"".join(u32(at) + u8(why) for at, why in reasons).hex()
    assert said["statement"] == sha256(raw(given["statement"])).hex()
    assert said["sequence"] == delivery["sequence"]
    assert said["recipient"] == delivery["agency"]
