# SPDX-License-Identifier: Apache-2.0
"""The broker's check of a whole frame: every part is what was signed, and fits the others."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from keys.checking import check_frame, check_limits, check_statement
from keys.envelope import (
    MAX_NOTICE_BYTES,
    MAX_WRAP_BYTES,
    Frame,
    FrameHeader,
    SealedNotice,
    Statement,
)
from keys.errors import EnvelopeError, Reason, SignatureError, TrustError
from keys.framing import framed, sha256
from keys.opening import verify_delivery
from keys.signers import generate_signer
from keys.signing import PAYLOAD_ENTRY, PAYLOAD_FRAME, PAYLOAD_RECEIPT, PAYLOAD_ROOT, Keyset
from tests.simulator.federation import KEYSET, NOW, Federation, build_federation, delivery_of
from tests.unit.keys.frames import header_with, recipient_with, signed_again

Change = Callable[[Frame], Frame]


@pytest.fixture(scope="session")
def stranger() -> Federation:
    """Another federation with agencies of the same names."""
    return build_federation(["gr-pol", "ro-pol"])


def refusal(frame: Frame, keyset: Keyset, federation: bytes) -> TrustError:
    with pytest.raises(TrustError) as refused:
        check_frame(frame, keyset, federation)
    return refused.value


def test_a_whole_frame_passes_with_its_parts_decoded(
    federation: Federation, frame: Frame, keyset: Keyset
) -> None:
    checked = check_frame(frame, keyset, federation.id)
    assert checked.frame is frame
    assert checked.statement == Statement.decode(frame.statement)
    assert [one.agency for one in checked.recipients] == ["gr-pol", "hr-ngo", "ro-pol"]
    assert len(checked.notices) == 3


def test_an_identical_frame_signed_twice_passes_both_times(
    federation: Federation, frame: Frame, keyset: Keyset
) -> None:
    again = signed_again(federation, frame)
    assert again.statement == frame.statement
    assert again.signature != frame.signature
    assert check_frame(again, keyset, federation.id).header.seal_id


def swapped_bodies(frame: Frame) -> Frame:
    one, two, three = frame.notices
    return replace(
        frame,
        notices=(
            SealedNotice(header=one.header, body=two.body),
            SealedNotice(header=two.header, body=one.body),
            three,
        ),
    )


def longer(frame: Frame) -> Frame:
    one = frame.notices[0]
    return replace(frame, notices=(replace(one, body=one.body + b"\x00"), *frame.notices[1:]))


NOT_AS_SIGNED: dict[str, Change] = {
    "bodies swapped": swapped_bodies,
    "a body longer": longer,
    "notices in another order": lambda f: replace(f, notices=f.notices[::-1]),
    "a notice left out": lambda f: replace(f, notices=f.notices[:2]),
    "a notice repeated": lambda f: replace(f, notices=(*f.notices, f.notices[0])),
    "recipients in another order": lambda f: replace(f, recipients=f.recipients[::-1]),
    "a recipient left out": lambda f: replace(f, recipients=f.recipients[:2], wraps=f.wraps[:2]),
    "a recipient added": lambda f: replace(
        f, recipients=(*f.recipients, f.recipients[0]), wraps=(*f.wraps, f.wraps[0])
    ),
    "a recipient now named": lambda f: replace(
        f, recipients=(*f.recipients[:2], recipient_with(f, 2, named=True))
    ),
    "wraps swapped": lambda f: replace(f, wraps=(f.wraps[1], f.wraps[0], f.wraps[2])),
    "a wrap left out": lambda f: replace(f, wraps=f.wraps[:2]),
    "a wrap too many": lambda f: replace(f, wraps=(*f.wraps, b"")),
    "a wrap empty": lambda f: replace(f, wraps=(b"", *f.wraps[1:])),
    "another topic": lambda f: replace(f, header=header_with(f, topic="trafficking/online")),
    "another time": lambda f: replace(f, header=header_with(f, created_at=NOW + 1)),
    "another outlet": lambda f: replace(f, header=header_with(f, outlet=b"o" * 16)),
    "a header longer": lambda f: replace(f, header=f.header + b"\x00"),
    "no header": lambda f: replace(f, header=b""),
}


@pytest.mark.parametrize("change", NOT_AS_SIGNED)
def test_what_differs_from_the_statement_is_refused(
    federation: Federation, frame: Frame, keyset: Keyset, change: str
) -> None:
    refused = refusal(NOT_AS_SIGNED[change](frame), keyset, federation.id)
    assert isinstance(refused, EnvelopeError)
    assert refused.reason is Reason.STATEMENT_MISMATCH


SIGNED_BUT_WRONG: dict[str, tuple[Callable[[Federation, Frame], Frame], Reason]] = {
    "recipients out of order": (
        lambda world, f: signed_again(world, f, recipients=f.recipients[::-1], wraps=f.wraps[::-1]),
        Reason.RECIPIENTS_INVALID,
    ),
    "an agency twice": (
        lambda world, f: signed_again(
            world,
            f,
            recipients=(f.recipients[0], f.recipients[1], recipient_with(f, 1, named=True)),
            wraps=(f.wraps[0], f.wraps[1], f.wraps[1]),
        ),
        Reason.RECIPIENTS_INVALID,
    ),
    "not to its originator": (
        lambda world, f: signed_again(world, f, recipients=f.recipients[1:], wraps=f.wraps[1:]),
        Reason.RECIPIENTS_INVALID,
    ),
    "a notice id twice": (
        lambda world, f: signed_again(
            world,
            f,
            notices=(f.notices[0], replace(f.notices[0], body=f.notices[1].body)),
        ),
        Reason.REPEATED_ID,
    ),
    "another federation": (
        lambda world, f: signed_again(world, f, header=header_with(f, federation=bytes(32))),
        Reason.FOREIGN_FEDERATION,
    ),
    "a wrap that its record does not name": (
        lambda world, f: signed_again(
            world,
            f,
            recipients=(*f.recipients[:2], recipient_with(f, 2, wrap_digest=sha256(b""))),
        ),
        Reason.STATEMENT_MISMATCH,
    ),
    "a header that is none": (
        lambda world, f: signed_again(world, f, header=b"header"),
        Reason.MALFORMED,
    ),
    "a recipient that is none": (
        lambda world, f: signed_again(world, f, recipients=(b"", *f.recipients[1:])),
        Reason.MALFORMED,
    ),
    "a notice header that is none": (
        lambda world, f: signed_again(world, f, notices=(SealedNotice(header=b"", body=b""),)),
        Reason.MALFORMED,
    ),
    "a header of another suite": (
        lambda world, f: signed_again(
            world, f, header=f.header.replace(b"\x00\x02\x00\x01", b"\x00\x02\x00\x02", 1)
        ),
        Reason.MALFORMED,
    ),
}


@pytest.mark.parametrize("wrong", SIGNED_BUT_WRONG)
def test_a_signature_makes_nothing_right(
    federation: Federation, frame: Frame, keyset: Keyset, wrong: str
) -> None:
    make, reason = SIGNED_BUT_WRONG[wrong]
    refused = refusal(make(federation, frame), keyset, federation.id)
    assert isinstance(refused, EnvelopeError)
    assert refused.reason is reason


def test_a_frame_without_notices_or_recipients_is_refused_before_its_signature(
    federation: Federation, frame: Frame, keyset: Keyset
) -> None:
    unsigned = replace(frame, signature=b"")
    for empty in (replace(unsigned, notices=()), replace(unsigned, recipients=(), wraps=())):
        assert refusal(empty, keyset, federation.id).reason is Reason.LIMIT_EXCEEDED


def test_a_frame_of_257_notices_is_refused_before_its_signature(
    federation: Federation, frame: Frame, keyset: Keyset
) -> None:
    many = replace(frame, notices=frame.notices[:1] * 257, signature=b"")
    assert refusal(many, keyset, federation.id).reason is Reason.LIMIT_EXCEEDED


def test_a_statement_for_257_notices_is_refused_although_signed(
    federation: Federation, frame: Frame, keyset: Keyset
) -> None:
    statement = frame.statement.replace(
        b"\x00\x00\x00\x04\x00\x00\x00\x03\x00\x00\x00\x20",
        b"\x00\x00\x00\x04\x00\x00\x01\x01\x00\x00\x00\x20",
    )
    assert statement != frame.statement
    signed = signed_again(federation, frame, statement=statement)
    assert refusal(signed, keyset, federation.id).reason is Reason.LIMIT_EXCEEDED


@pytest.mark.parametrize("name", ["recipient_count", "notice_count"])
@pytest.mark.parametrize("count", [2, 4])
def test_a_statement_that_counts_others_than_it_names_is_refused_although_signed(
    federation: Federation, frame: Frame, keyset: Keyset, name: str, count: int
) -> None:
    statement = Statement.decode(frame.statement)
    miscounted = replace(statement, **{name: count}).encode()  # type: ignore[arg-type]
    signed = signed_again(federation, frame, statement=miscounted)
    assert refusal(signed, keyset, federation.id).reason is Reason.STATEMENT_MISMATCH


def test_bytes_of_notices_and_wraps_are_limited(frame: Frame) -> None:
    notice = frame.notices[0]
    room = MAX_NOTICE_BYTES - len(notice.header)
    check_limits(replace(frame, notices=(replace(notice, body=bytes(room)),)))
    for big in (
        replace(frame, notices=(replace(notice, body=bytes(room + 1)),)),
        replace(frame, wraps=(bytes(MAX_WRAP_BYTES + 1),)),
    ):
        with pytest.raises(EnvelopeError) as refused:
            check_limits(big)
        assert refused.value.reason is Reason.LIMIT_EXCEEDED


@pytest.mark.parametrize("payload_type", [PAYLOAD_ENTRY, PAYLOAD_ROOT, PAYLOAD_RECEIPT])
def test_a_statement_signed_as_something_else_is_refused(
    federation: Federation, frame: Frame, keyset: Keyset, payload_type: str
) -> None:
    signed = signed_again(federation, frame, payload_type=payload_type)
    refused = refusal(signed, keyset, federation.id)
    assert isinstance(refused, SignatureError)
    assert refused.reason is Reason.SIGNATURE_INVALID


def test_a_signature_by_another_agency_is_refused(federation: Federation, frame: Frame) -> None:
    other = federation.directory.keyset("ro-pol", KEYSET)
    assert other is not None
    assert refusal(frame, other, federation.id).reason is Reason.SIGNATURE_INVALID


def test_a_frame_of_another_federation_is_refused(
    federation: Federation, stranger: Federation, keyset: Keyset
) -> None:
    theirs = stranger.seal("gr-pol")
    key = stranger.directory.keyset("gr-pol", KEYSET)
    assert key is not None
    assert check_frame(theirs, key, stranger.id).header.federation == stranger.id
    assert refusal(theirs, key, federation.id).reason is Reason.FOREIGN_FEDERATION
    assert refusal(theirs, keyset, federation.id).reason is Reason.SIGNATURE_INVALID


def test_a_statement_that_names_another_keyset_is_refused(
    federation: Federation, frame: Frame, keyset: Keyset
) -> None:
    other = replace(keyset, keyset_id="2026-12-sign")
    refused = refusal(frame, other, federation.id)
    assert isinstance(refused, SignatureError)
    assert refused.reason is Reason.UNKNOWN_KEYSET


@pytest.mark.parametrize(
    ("valid_from", "valid_until"), [(NOW + 1, NOW + 2), (NOW - 2, NOW), (0, 1)]
)
def test_a_keyset_signs_only_in_its_time(
    federation: Federation, frame: Frame, keyset: Keyset, valid_from: int, valid_until: int
) -> None:
    limited = replace(keyset, valid_from=valid_from, valid_until=valid_until)
    refused = refusal(frame, limited, federation.id)
    assert isinstance(refused, SignatureError)
    assert refused.reason is Reason.EXPIRED


def test_a_retired_keyset_still_verifies_what_it_signed_before(
    federation: Federation, frame: Frame, keyset: Keyset
) -> None:
    retired = replace(keyset, valid_until=NOW + 1)
    assert check_frame(frame, retired, federation.id).statement.originator == "gr-pol"


def test_a_statement_is_verified_before_it_is_decoded(keyset: Keyset) -> None:
    signer = generate_signer(keyset.keyset_id)
    own = signer.public(valid_from=0, valid_until=1)
    for junk in (b"", b"junk", framed("tocsin/frame/v1")):
        with pytest.raises(SignatureError):
            check_statement(junk, bytes(3373), own)
        with pytest.raises(EnvelopeError) as refused:
            check_statement(junk, signer.sign(PAYLOAD_FRAME, junk), own)
        assert refused.value.reason is Reason.MALFORMED


@pytest.mark.must("CHECK-13")
def test_another_s_ciphertext_signed_as_one_s_own_is_refused(
    federation: Federation, frame: Frame
) -> None:
    """A thief of the broker's disk who is a member, and was no recipient, claims a frame."""
    thief = federation.agencies["ro-pol"]
    statement = replace(Statement.decode(frame.statement), originator="ro-pol").encode()
    stolen = replace(
        frame, statement=statement, signature=thief.signer.sign(PAYLOAD_FRAME, statement)
    )
    refused = refusal(stolen, thief.entry.signing[0], federation.id)
    assert refused.reason is Reason.STATEMENT_MISMATCH
    assert "sealed by gr-pol and signed by ro-pol" in refused.detail
    delivered = delivery_of(stolen, "hr-ngo")
    topic = FrameHeader.decode(frame.header).topic
    with pytest.raises(EnvelopeError, match="sealed by gr-pol and signed by ro-pol"):
        verify_delivery(delivered, thief.entry.signing[0], federation.id, "hr-ngo", topic)
