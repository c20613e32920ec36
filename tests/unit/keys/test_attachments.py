# SPDX-License-Identifier: Apache-2.0
"""Attachments as streams: whole, or refused."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace

import pytest

from keys.attachments import AttachmentSealer, attachment_context
from keys.envelope import AttachmentRef
from keys.errors import EnvelopeError, OpenError, Reason
from keys.framing import framed, sha256
from keys.opening import AttachmentOpener

FEDERATION, OTHER = sha256(b"federation"), sha256(b"another federation")
CHUNK = 16 * 1024
PLAIN = bytes(range(256)) * 200
"""Four chunks, the last of them short."""


def sealed(plain: bytes) -> tuple[AttachmentSealer, bytes]:
    """Return a finished sealer and its ciphertext."""
    sealer = AttachmentSealer(FEDERATION, "gr-pol")
    return sealer, sealer.update(plain) + sealer.finalize()


SEALER, CIPHERTEXT = sealed(PLAIN)


def matching(ciphertext: bytes) -> AttachmentRef:
    """Return a reference that lists `ciphertext`, as a lying originator could."""
    digest = hashlib.sha256(ciphertext).digest()
    return AttachmentRef(id=SEALER.id, digest=digest, length=len(ciphertext))


def opened(ciphertext: Iterable[bytes], ref: AttachmentRef, key: bytes = SEALER.key) -> bytes:
    """Open pieces of ciphertext as an attachment of gr-pol."""
    opener = AttachmentOpener(FEDERATION, "gr-pol", ref, key)
    plain = b"".join([opener.update(piece) for piece in ciphertext])
    return plain + opener.finalize()


def assert_refused(ciphertext: bytes, ref: AttachmentRef, key: bytes = SEALER.key) -> None:
    with pytest.raises(OpenError) as refused:
        opened([ciphertext], ref, key)
    assert refused.value.reason is Reason.ATTACHMENT_INVALID


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_an_attachment_of_any_length_comes_back(length: int) -> None:
    plain = bytes(length)
    sealer, ciphertext = sealed(plain)
    assert opened([ciphertext], sealer.ref, sealer.key) == plain
    assert sealer.ref.length == len(ciphertext) == 56 + length + 16 * (length // CHUNK + 1)
    assert sealer.ref.digest == sha256(ciphertext)


def test_the_pieces_make_no_difference() -> None:
    sealer = AttachmentSealer(FEDERATION, "gr-pol", attachment_id=SEALER.id, key=SEALER.key)
    pieces = [sealer.update(PLAIN[i : i + 777]) for i in range(0, len(PLAIN), 777)]
    ciphertext = b"".join(pieces) + sealer.finalize()
    assert len(ciphertext) == len(CIPHERTEXT)
    parts = [ciphertext[i : i + 501] for i in range(0, len(ciphertext), 501)]
    assert opened(parts, sealer.ref) == PLAIN


def test_each_attachment_has_a_key_and_an_id_of_its_own() -> None:
    other = AttachmentSealer(FEDERATION, "gr-pol")
    assert (other.key, other.id) != (SEALER.key, SEALER.id)
    assert other.key != SEALER.key


def test_the_context_names_federation_originator_and_id() -> None:
    context = attachment_context(FEDERATION, "gr-pol", SEALER.id)
    assert context == framed("tocsin/attachment/v1", FEDERATION, b"gr-pol", SEALER.id)


@pytest.mark.parametrize(
    ("federation", "originator", "attachment_id"),
    [(b"", "gr-pol", bytes(16)), (FEDERATION, "GR", bytes(16)), (FEDERATION, "gr-pol", b"x")],
)
def test_a_malformed_place_is_refused(
    federation: bytes, originator: str, attachment_id: bytes
) -> None:
    with pytest.raises(EnvelopeError) as refused:
        AttachmentSealer(federation, originator, attachment_id=attachment_id)
    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.parametrize(
    ("federation", "originator", "attachment_id", "key"),
    [
        (OTHER, "gr-pol", SEALER.id, SEALER.key),
        (FEDERATION, "ro-pol", SEALER.id, SEALER.key),
        (FEDERATION, "gr-pol", bytes(16), SEALER.key),
        (FEDERATION, "gr-pol", SEALER.id, bytes(32)),
    ],
    ids=["federation", "originator", "id", "key"],
)
def test_an_attachment_opens_nowhere_else(
    federation: bytes, originator: str, attachment_id: bytes, key: bytes
) -> None:
    ref = replace(SEALER.ref, id=attachment_id)
    opener = AttachmentOpener(federation, originator, ref, key)
    with pytest.raises(OpenError) as refused:
        opener.update(CIPHERTEXT)
    assert refused.value.reason is Reason.ATTACHMENT_INVALID


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_opens_nothing(length: int) -> None:
    with pytest.raises(OpenError, match="key is not a key"):
        AttachmentOpener(FEDERATION, "gr-pol", SEALER.ref, bytes(length))


def test_a_shortened_attachment_is_refused_at_its_end() -> None:
    for cut in (0, 1, 55, 56, 56 + CHUNK, 56 + CHUNK + 16, len(CIPHERTEXT) - 1):
        assert_refused(CIPHERTEXT[:cut], SEALER.ref)


@pytest.mark.parametrize("cut", [1, 55, 56, 57, 56 + CHUNK + 16, 56 + 2 * (CHUNK + 16)])
def test_a_shortened_attachment_is_refused_even_where_the_header_lists_it(cut: int) -> None:
    assert_refused(CIPHERTEXT[:cut], matching(CIPHERTEXT[:cut]))


def test_an_extended_attachment_is_refused_before_its_end() -> None:
    opener = AttachmentOpener(FEDERATION, "gr-pol", SEALER.ref, SEALER.key)
    opener.update(CIPHERTEXT)
    with pytest.raises(OpenError, match=f"longer than {len(CIPHERTEXT)} bytes"):
        opener.update(b"\x00")
    assert_refused(CIPHERTEXT + b"\x00", matching(CIPHERTEXT + b"\x00"))


def test_chunks_in_another_order_are_refused() -> None:
    head, first, second = (
        CIPHERTEXT[:56],
        CIPHERTEXT[56 : 56 + CHUNK + 16],
        CIPHERTEXT[56 + CHUNK + 16 : 56 + 2 * (CHUNK + 16)],
    )
    for body in (second + first, first + first, second):
        turned = head + body + CIPHERTEXT[56 + 2 * (CHUNK + 16) :]
        assert_refused(turned, matching(turned))


@pytest.mark.parametrize("place", [0, 23, 24, 55, 56, CHUNK + 100, -1])
def test_a_flipped_bit_is_refused_even_where_the_header_lists_it(place: int) -> None:
    damaged = bytearray(CIPHERTEXT)
    damaged[place] ^= 0x10
    assert_refused(bytes(damaged), matching(bytes(damaged)))


def test_another_attachment_under_the_same_key_is_refused_by_its_digest() -> None:
    other = AttachmentSealer(FEDERATION, "gr-pol", attachment_id=SEALER.id, key=SEALER.key)
    ciphertext = other.update(PLAIN[::-1]) + other.finalize()
    assert_refused(ciphertext, SEALER.ref)


def test_what_was_refused_stays_refused() -> None:
    damaged = bytearray(CIPHERTEXT)
    damaged[100] ^= 1
    opener = AttachmentOpener(FEDERATION, "gr-pol", matching(bytes(damaged)), SEALER.key)
    for piece in (bytes(damaged), b"", b""):
        with pytest.raises(OpenError) as refused:
            opener.update(piece)
        assert refused.value.reason is Reason.ATTACHMENT_INVALID
    with pytest.raises(OpenError):
        opener.finalize()


def test_nothing_comes_after_the_end() -> None:
    opener = AttachmentOpener(FEDERATION, "gr-pol", SEALER.ref, SEALER.key)
    assert opener.update(CIPHERTEXT) + opener.finalize() == PLAIN
    with pytest.raises(OpenError):
        opener.update(b"")
    with pytest.raises(OpenError):
        opener.finalize()
