# SPDX-License-Identifier: Apache-2.0
"""Requirements of section 8 that need no store: what a receiver refuses of one delivery."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keys import hpke
from keys.attachments import AttachmentSealer
from keys.body import body_context, content_key, seal_body
from keys.envelope import AttachmentRef, Frame, Recipient
from keys.errors import OpenError, Reason, TrustError
from keys.framing import sha256
from keys.identities import DecryptionKey, generate_decryption_key
from keys.opening import (
    AttachmentOpener,
    DeliveredFrame,
    open_body,
    open_delivery,
    verify_delivery,
)
from tests.simulator.federation import TOPIC, build_federation, delivery_of
from tests.unit.protocol import primitives
from tests.unit.protocol.material import (
    ORIGINATOR,
    READER,
    federation,
    frame,
    keyset,
    resigned,
    verify_and_open,
    with_item,
)

WHOLE = delivery_of(frame(), READER)
PART = delivery_of(frame(), READER, [0, 2])
STUB = replace(delivery_of(frame(), READER, []), withheld=())
FORMS = pytest.mark.parametrize("good", [WHOLE, PART, STUB], ids=["whole", "part", "stub"])


def refusal(
    changed: DeliveredFrame, *, agency: str = READER, topic: str = TOPIC, of: bytes | None = None
) -> Reason:
    with pytest.raises(TrustError) as caught:
        verify_delivery(changed, keyset(), of or federation().id, agency, topic)
    return caught.value.reason


def my_key() -> DecryptionKey:
    return federation().agencies[READER].decryption


def test_the_good_deliveries_open() -> None:
    assert [one.content for one in verify_and_open(WHOLE)] == [b"first", b"second", b"third"]
    assert [(one.index, one.content) for one in verify_and_open(PART)] == [
        (0, b"first"),
        (2, b"third"),
    ]
    assert verify_delivery(STUB, keyset(), federation().id, READER, TOPIC).notices == ()


@pytest.mark.must("OPEN-2")
@FORMS
def test_an_unsigned_or_foreign_delivery_is_refused(good: DeliveredFrame) -> None:
    flipped = bytes([good.signature[0] ^ 1]) + good.signature[1:]
    assert refusal(replace(good, signature=flipped)) is Reason.SIGNATURE_INVALID
    assert refusal(good, of=bytes(32)) is Reason.FOREIGN_FEDERATION
    header = with_item(good.header, 5, b"trafficking/other")
    assert refusal(replace(good, header=header)) is Reason.STATEMENT_MISMATCH
    other = build_federation().agencies[ORIGINATOR].entry.signing[0]
    with pytest.raises(TrustError):
        verify_delivery(good, other, federation().id, READER, TOPIC)


@pytest.mark.must("OPEN-3")
@FORMS
def test_a_frame_of_another_topic_is_refused(good: DeliveredFrame) -> None:
    assert refusal(good, topic="trafficking/other") is Reason.WRONG_TOPIC


@pytest.mark.must("OPEN-4")
@FORMS
def test_a_recipient_that_the_root_does_not_cover_is_refused(good: DeliveredFrame) -> None:
    path = good.recipient_path
    for changed in (
        replace(good, recipient=with_item(good.recipient, 3, b"\x00")),
        replace(good, recipient_index=good.recipient_index - 1),
        replace(good, recipient_index=99),
        replace(good, recipient_path=path[:-1]),
        replace(good, recipient_path=(*path, bytes(32))),
        replace(good, recipient_path=(b"short", *path[1:])),
    ):
        assert refusal(changed) is Reason.PROOF_INVALID


@pytest.mark.must("OPEN-5")
@FORMS
def test_a_recipient_for_another_agency_is_refused(good: DeliveredFrame) -> None:
    assert refusal(good, agency="hr-ngo") is Reason.NOT_A_RECIPIENT


@pytest.mark.must("OPEN-6")
@pytest.mark.parametrize("good", [WHOLE, PART], ids=["whole", "part"])
def test_a_wrap_that_is_not_the_one_signed_is_refused(good: DeliveredFrame) -> None:
    for wrap in (b"", bytes(1168), delivery_of(frame(), ORIGINATOR).wrap):
        assert refusal(replace(good, wrap=wrap)) is Reason.STATEMENT_MISMATCH


@pytest.mark.must("OPEN-7")
def test_indices_that_do_not_account_for_the_frame_are_refused() -> None:
    first, third = PART.notices
    for changed in (
        replace(PART, notices=(third, first)),
        replace(PART, notices=(first, first)),
        replace(PART, withheld=(0, 1)),
        replace(PART, withheld=(1, 1)),
        replace(WHOLE, withheld=(2,)),
        replace(STUB, withheld=(2, 0)),
    ):
        assert refusal(changed) is Reason.REPEATED_ID
    for withheld in ((3,), (-1,)):
        assert refusal(replace(PART, withheld=withheld)) is Reason.STATEMENT_MISMATCH


@pytest.mark.must("OPEN-23")
def test_a_form_that_contradicts_itself_is_refused() -> None:
    for changed in (
        replace(PART, stub=True),
        replace(WHOLE, stub=True),
        replace(STUB, stub=True, withheld=(0, 1, 2)),
        replace(STUB, stub=True, withheld=(0,)),
        replace(STUB, withheld=(0, 1, 2), wrap=WHOLE.wrap),
        replace(STUB, stub=True, wrap=WHOLE.wrap),
    ):
        assert refusal(changed) is Reason.MALFORMED


@pytest.mark.must("OPEN-8")
def test_notices_that_the_root_does_not_cover_are_refused() -> None:
    first, third = PART.notices
    for notice in (
        replace(first, path=()),
        replace(first, path=third.path),
        replace(first, index=1),
        replace(first, body=third.body),
        replace(first, header=third.header),
    ):
        assert refusal(replace(PART, notices=(notice, third), withheld=())) is (
            Reason.PROOF_INVALID
        )
    one, two, three = WHOLE.notices
    swapped = replace(one, body=two.body), replace(two, body=one.body), three
    assert refusal(replace(WHOLE, notices=swapped)) is Reason.STATEMENT_MISMATCH


@pytest.mark.must("OPEN-9")
def test_a_notice_id_twice_in_a_delivery_is_refused() -> None:
    first, second, third = frame().notices
    twice = resigned(replace(frame(), notices=(first, replace(second, header=first.header), third)))
    assert refusal(delivery_of(twice, READER)) is Reason.REPEATED_ID


@pytest.mark.must("OPEN-11")
def test_only_the_key_that_the_recipient_names_unwraps() -> None:
    checked = verify_delivery(WHOLE, keyset(), federation().id, READER, TOPIC)
    renamed = DecryptionKey(key_id="another", seed=my_key().seed)
    stranger = DecryptionKey(key_id=my_key().key_id, seed=bytes(32))
    for key in (renamed, stranger, generate_decryption_key("fresh")):
        with pytest.raises(OpenError) as caught:
            open_delivery(checked, WHOLE, key)
        assert caught.value.reason is Reason.WRAP_INVALID


def rewrapped(secret: bytes) -> Frame:
    """Return the frame with another seal key wrapped to the reader, properly signed."""
    records = [Recipient.decode(one) for one in frame().recipients]
    place = next(at for at, record in enumerate(records) if record.agency == READER)
    record, digest = records[place], sha256(frame().header)
    public = my_key().public(valid_from=0, valid_until=1).public
    wrap = hpke.wrap(public, hpke.wrap_info(digest, READER, record.key_id), secret)
    recipients, wraps = list(frame().recipients), list(frame().wraps)
    recipients[place] = replace(record, wrap_digest=sha256(wrap)).encode()
    wraps[place] = wrap
    return resigned(replace(frame(), recipients=tuple(recipients), wraps=tuple(wraps)))


@pytest.mark.must("SEAL-17")
@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31)])
def test_a_wrap_to_which_x25519_adds_nothing_does_not_open(point: bytes) -> None:
    public = my_key().public(valid_from=0, valid_until=1).public
    mlkem = MLKEM768PublicKey.from_public_bytes(public[:1184])
    first, ciphertext = mlkem.encapsulate()
    shared = primitives.combined(first, bytes(32), point, public[1184:])
    key, nonce = primitives.hpke_keys(shared, b"info")
    sealed = AESGCM(key).encrypt(nonce, b"s" * 32, None)
    with pytest.raises(OpenError) as caught:
        my_key().unwrap(ciphertext + point + sealed, b"info")
    assert caught.value.reason is Reason.WRAP_INVALID


@pytest.mark.must("OPEN-12")
def test_a_seal_key_that_was_not_committed_to_is_refused() -> None:
    delivered = delivery_of(rewrapped(bytes(32)), READER)
    with pytest.raises(OpenError) as caught:
        verify_and_open(delivered)
    assert caught.value.reason is Reason.COMMITMENT_MISMATCH


def sealed_as(plain: bytes) -> bytes:
    """Return a body with this padded plaintext, under a key of zeros and empty digests."""
    return primitives.chunked_seal(bytes(32), body_context(sha256(b""), sha256(b"")), plain)


@pytest.mark.must("OPEN-13")
@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"\x00\x00",
        primitives.padded(b"content")[:-1],
        primitives.padded(b"content") + b"\x00",
        primitives.padded(b"content") + bytes(1024),
        primitives.padded(b"content")[:-1] + b"\x01",
        b"\xff\xff\xff\xff" + bytes(1020),
        (1021).to_bytes(4, "big") + bytes(1020),
    ],
)
def test_padding_that_nobody_writes_is_refused(plain: bytes) -> None:
    good = sealed_as(primitives.padded(b"content"))
    assert open_body(bytes(32), sha256(b""), b"", good) == b"content"
    with pytest.raises(OpenError) as caught:
        open_body(bytes(32), sha256(b""), b"", sealed_as(plain))
    assert caught.value.reason is Reason.BODY_INVALID


@pytest.mark.must("OPEN-14")
def test_one_bad_body_keeps_back_the_whole_delivery() -> None:
    first, second, third = frame().notices
    key = content_key(bytes(32), sha256(frame().header), sha256(third.header))
    other = seal_body(key, sha256(frame().header), sha256(third.header), b"under another key")
    bad = resigned(replace(frame(), notices=(first, second, replace(third, body=other))))
    delivered = delivery_of(bad, READER)
    checked = verify_delivery(delivered, keyset(), federation().id, READER, TOPIC)
    with pytest.raises(OpenError) as caught:
        open_delivery(checked, delivered, my_key())
    assert caught.value.reason is Reason.BODY_INVALID


def opened(sealer: AttachmentSealer, ref: AttachmentRef, sealed: bytes) -> bytes:
    opener = AttachmentOpener(federation().id, ORIGINATOR, ref, sealer.key)
    return opener.update(sealed) + opener.finalize()


@pytest.mark.must("OPEN-22")
def test_an_attachment_is_not_finished_before_it_is_whole_and_right() -> None:
    sealer = AttachmentSealer(federation().id, ORIGINATOR)
    sealed = sealer.update(bytes(40_000)) + sealer.finalize()
    assert opened(sealer, sealer.ref, sealed) == bytes(40_000)
    flipped = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for bad in (sealed[:-1], sealed[: 56 + 16400], flipped, b"", sealed + b"\x00"):
        with pytest.raises(OpenError) as caught:
            opened(sealer, sealer.ref, bad)
        assert caught.value.reason is Reason.ATTACHMENT_INVALID
    with pytest.raises(OpenError):
        opened(sealer, replace(sealer.ref, digest=bytes(32)), sealed)
