# SPDX-License-Identifier: Apache-2.0
"""Requirements of sections 5.5 and 6, against a second implementation of every derivation."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from keys import hpke
from keys.attachments import AttachmentSealer
from keys.body import content_key, key_commitment, pad, padded_length, seal_body
from keys.envelope import Frame, FrameHeader, Recipient, Statement
from keys.errors import EnvelopeError, OpenError, Reason
from keys.framing import sha256
from keys.identities import DecryptionKey, generate_decryption_key
from keys.opening import open_body
from keys.sealing import SealRecipient, seal_frame
from tests.simulator.federation import NOW, notice_draft
from tests.unit.protocol import primitives
from tests.unit.protocol.material import ORIGINATOR, READER, federation, frame
from tests.unit.protocol.second import notice_leaf

SEED = bytes(range(32))
SECRET = bytes(range(100, 132))


def seal_key_of(agency: str = READER) -> bytes:
    """Return the seal key of the shared frame, unwrapped by the second implementation."""
    records = [Recipient.decode(one) for one in frame().recipients]
    index = next(at for at, record in enumerate(records) if record.agency == agency)
    info = primitives.wrap_info(frame().header, agency, records[index].key_id)
    private = primitives.private_key(federation().agencies[agency].decryption.seed)
    return primitives.unwrap(private, info, frame().wraps[index])


@pytest.mark.must("ENV-3")
def test_the_roots_are_those_of_rfc_9162() -> None:
    statement = Statement.decode(frame().statement)
    recipients = [primitives.leaf_hash(one) for one in frame().recipients]
    notices = [notice_leaf(one.header, one.body) for one in frame().notices]
    assert statement.recipient_root == primitives.tree_root(recipients)
    assert statement.notice_root == primitives.tree_root(notices)
    assert (statement.recipient_count, statement.notice_count) == (3, 3)


@pytest.mark.must("SEAL-1")
def test_a_public_key_is_made_from_its_seed() -> None:
    expanded = hashlib.shake_256(SEED).digest(96)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64]).public_key().public_bytes_raw()
    x25519 = X25519PrivateKey.from_private_bytes(expanded[64:]).public_key().public_bytes_raw()
    public = DecryptionKey(key_id="k", seed=SEED).public(valid_from=0, valid_until=1).public
    assert public == mlkem + x25519
    assert len(public) == 1216


@pytest.mark.must("SEAL-2")
def test_a_public_key_that_is_not_canonical_is_refused() -> None:
    public = bytearray(primitives.private_key(SEED).public)
    public[0:3] = b"\xff\xff\xff"
    for bad in (bytes(public), bytes(public[:-1]), bytes(1215)):
        with pytest.raises(EnvelopeError) as caught:
            hpke.wrap(bad, b"info", SECRET)
        assert caught.value.reason is Reason.KEY_INVALID


@pytest.mark.must("SEAL-3", "SEAL-4")
def test_keys_and_ids_of_two_sealings_differ() -> None:
    one, two = (FrameHeader.decode(federation().seal(ORIGINATOR).header) for _ in "ab")
    assert one.seal_id != two.seal_id
    same_id = [
        FrameHeader.decode(federation().seal(ORIGINATOR, seal_id=one.seal_id).header) for _ in "ab"
    ]
    assert same_id[0].key_commitment != same_id[1].key_commitment


@pytest.mark.must("SEAL-5")
def test_the_commitment_is_derived_from_the_seal_key() -> None:
    header = FrameHeader.decode(frame().header)
    wanted = primitives.key_commitment(seal_key_of(), header.federation, header.seal_id)
    assert header.key_commitment == wanted
    assert key_commitment(SECRET, bytes(32), bytes(16)) == primitives.key_commitment(
        SECRET, bytes(32), bytes(16)
    )


@pytest.mark.must("SEAL-6", "SEAL-11")
def test_bodies_open_under_the_key_and_context_of_their_place() -> None:
    key = seal_key_of()
    for notice, content in zip(frame().notices, (b"first", b"second", b"third"), strict=True):
        held = primitives.content_key(key, frame().header, notice.header)
        assert held == content_key(key, sha256(frame().header), sha256(notice.header))
        context = primitives.body_context(frame().header, notice.header)
        opened = primitives.chunked_open(held, context, notice.body)
        assert primitives.unpadded(opened) == content


@pytest.mark.must("SEAL-11")
def test_a_body_opens_nowhere_else() -> None:
    first, second, _ = frame().notices
    digest, key = sha256(frame().header), content_key(SECRET, bytes(32), bytes(32))
    body = seal_body(key, digest, sha256(first.header), b"content")
    assert open_body(key, digest, first.header, body) == b"content"
    for place in ((sha256(b"other frame"), first.header), (digest, second.header)):
        with pytest.raises(OpenError):
            open_body(key, *place, body)


@pytest.mark.must("SEAL-7")
def test_a_wrap_opens_for_one_header_agency_and_key_only() -> None:
    key = generate_decryption_key("k")
    digest, public = sha256(frame().header), key.public(valid_from=0, valid_until=1).public
    info = hpke.wrap_info(digest, READER, "k")
    assert info == primitives.wrap_info(frame().header, READER, "k")
    wrapped = hpke.wrap(public, info, SECRET)
    assert len(wrapped) == 1168
    assert primitives.unwrap(primitives.private_key(key.seed), info, wrapped) == SECRET
    assert key.unwrap(primitives.wrap(public, info, SECRET), info) == SECRET
    for other in ((sha256(b""), READER, "k"), (digest, "hr-ngo", "k"), (digest, READER, "l")):
        with pytest.raises(OpenError) as caught:
            key.unwrap(wrapped, hpke.wrap_info(*other))
        assert caught.value.reason is Reason.WRAP_INVALID
    with pytest.raises(OpenError):
        key.unwrap(wrapped[:-1], info)


def recipient(agency: str, **changes: Any) -> SealRecipient:
    key = federation().agencies[agency].entry.encryption[0]
    first = SealRecipient(agency=agency, key=key, named=False, seq=1, prev=bytes(32))
    return replace(first, **changes)


def seal(recipients: Sequence[SealRecipient], **changes: Any) -> Frame:
    """Seal one notice to exactly these recipients."""
    held, header = federation(), FrameHeader.decode(frame().header)
    arguments: dict[str, Any] = {
        "federation": held.id,
        "topic": header.topic,
        "marking": header.marking,
        "outlet": header.outlet,
        "created_at": NOW,
        "rule_book": header.rule_book,
        "directory": header.directory,
        "log": header.log,
        "notices": [notice_draft()],
        "originator": ORIGINATOR,
        "signer": held.agencies[ORIGINATOR].signer,
    }
    return seal_frame(recipients=recipients, **(arguments | changes))


@pytest.mark.must("SEAL-8")
def test_a_key_that_is_not_valid_yet_or_any_more_is_not_sealed_to() -> None:
    key = recipient(READER).key
    good = replace(key, valid_from=NOW, valid_until=NOW + 1)
    assert len(seal([recipient(ORIGINATOR), recipient(READER, key=good)]).wraps) == 2
    for start, end in ((NOW + 1, NOW + 2), (NOW - 1, NOW)):
        bad = replace(key, valid_from=start, valid_until=end)
        with pytest.raises(EnvelopeError) as caught:
            seal([recipient(ORIGINATOR), recipient(READER, key=bad)])
        assert caught.value.reason is Reason.EXPIRED


@pytest.mark.must("SEAL-9")
def test_a_frame_without_its_originator_is_not_sealed() -> None:
    with pytest.raises(EnvelopeError) as caught:
        seal([recipient(READER)])
    assert caught.value.reason is Reason.RECIPIENTS_INVALID


@pytest.mark.must("SEAL-10")
def test_contents_are_padded_to_their_bucket() -> None:
    lengths = [0, 1, 1020, 1021, 2044, 4092, 16380, 16381, 65532, 65533, 99_996, 999_996]
    for length in [*lengths, *range(65_000, 70_000, 97), *range(200_000, 2_000_000, 99_991)]:
        assert padded_length(length + 4) == primitives.padded_size(length + 4)
        assert pad(bytes(length)) == primitives.padded(bytes(length))
    table = {1: 1024, 1025: 2048, 16385: 65536, 65537: 67584, 100_000: 100_352, 10**6: 1_015_808}
    assert {length: padded_length(length) for length in table} == table


@pytest.mark.must("SEAL-12")
def test_a_ciphertext_opens_under_no_other_key_and_in_no_other_shape() -> None:
    digest, header = sha256(b""), frame().notices[0].header
    body = seal_body(SECRET, digest, sha256(header), bytes(20_000))
    context = primitives.framed("tocsin/body/v1", digest, sha256(header))
    salt, commit = body[:24], body[24:56]
    assert commit == primitives.chunk_keys(SECRET, salt, context)[2]
    other = primitives.chunk_keys(SEED, salt, context)
    assert commit != other[2]
    full = body[: 56 + 16400]
    for bad in (body[:24] + other[2] + body[56:], body[:-1], body + b"\x00", full, body[:55], b""):
        with pytest.raises(OpenError) as caught:
            open_body(SECRET, digest, header, bad)
        assert caught.value.reason is Reason.BODY_INVALID
        with pytest.raises(primitives.Refused):
            primitives.chunked_open(SECRET, context, bad)


@pytest.mark.must("SEAL-13", "SEAL-14")
@pytest.mark.parametrize("size", [0, 1, 16383, 16384, 40_000])
def test_an_attachment_is_sealed_under_its_own_key(size: int) -> None:
    held = federation()
    one, two = (AttachmentSealer(held.id, ORIGINATOR) for _ in "ab")
    assert one.key != two.key
    assert one.id != two.id
    plain = bytes(size)
    sealed = one.update(plain) + one.finalize()
    context = primitives.attachment_context(held.id, ORIGINATOR, one.id)
    assert primitives.chunked_open(one.key, context, sealed) == plain
    assert (one.ref.digest, one.ref.length) == (sha256(sealed), len(sealed))
    assert len(sealed) == 56 + size + 16 * (size // 16384 + 1)
    other = primitives.attachment_context(held.id, READER, one.id)
    with pytest.raises(primitives.Refused):
        primitives.chunked_open(one.key, other, sealed)
