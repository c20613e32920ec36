# SPDX-License-Identifier: Apache-2.0
"""A receiver's check and opening of what it is given: all of it, some of it, none of it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from keys.body import body_context, content_key
from keys.envelope import Frame, Recipient
from keys.errors import EnvelopeError, OpenError, ProofError, Reason, SignatureError, TrustError
from keys.framing import sha256
from keys.hpke import wrap, wrap_info
from keys.identities import generate_decryption_key
from keys.opening import (
    CheckedDelivery,
    DeliveredFrame,
    OpenedNotice,
    open_body,
    open_delivery,
    verify_delivery,
)
from keys.signing import PAYLOAD_ENTRY, Keyset
from tests.simulator.federation import (
    KEY,
    KEYSET,
    NOW,
    TOPIC,
    Federation,
    build_federation,
    delivery_of,
)
from tests.unit.keys.frames import header_with, recipient_with, signed_again

OTHER = b"o" * 32
AGENCY = "ro-pol"


@pytest.fixture
def delivered(frame: Frame) -> DeliveredFrame:
    """The whole frame as ro-pol gets it."""
    return delivery_of(frame, AGENCY)


@pytest.fixture
def partial(frame: Frame) -> DeliveredFrame:
    """Notice 1 of three, the others withheld."""
    return delivery_of(frame, AGENCY, [1])


def checked(
    federation: Federation, delivered: DeliveredFrame, *, agency: str = AGENCY
) -> CheckedDelivery:
    """Verify a delivery of gr-pol's."""
    keyset = federation.directory.keyset("gr-pol", KEYSET)
    assert keyset is not None
    return verify_delivery(delivered, keyset, federation.id, agency, TOPIC)


def opened(federation: Federation, delivered: DeliveredFrame) -> tuple[OpenedNotice, ...]:
    """Verify and open a delivery of gr-pol's to ro-pol."""
    key = federation.agencies[AGENCY].decryption
    return open_delivery(checked(federation, delivered), delivered, key)


def refusal(federation: Federation, delivered: DeliveredFrame) -> TrustError:
    with pytest.raises(TrustError) as refused:
        opened(federation, delivered)
    return refused.value


def test_a_delivery_opens_to_what_was_sealed(
    federation: Federation, delivered: DeliveredFrame
) -> None:
    notices = opened(federation, delivered)
    assert [notice.content for notice in notices] == [b"first", b"second", b"third"]
    assert [notice.index for notice in notices] == [0, 1, 2]


def test_what_a_delivery_proves_is_known_before_it_is_opened(
    federation: Federation, frame: Frame, delivered: DeliveredFrame
) -> None:
    proof = checked(federation, delivered)
    assert proof.statement.originator == "gr-pol"
    assert proof.statement_digest == sha256(frame.statement)
    assert (proof.header.topic, proof.recipient.agency) == (TOPIC, AGENCY)
    assert [notice.leaf_hash for notice in proof.notices] == [
        notice.leaf_hash for notice in frame.notices
    ]


def test_a_part_of_a_frame_opens_with_its_paths(
    federation: Federation, partial: DeliveredFrame
) -> None:
    assert [notice.content for notice in opened(federation, partial)] == [b"second"]
    assert partial.withheld == (0, 2)


def test_what_a_delivery_does_not_account_for_is_known(
    federation: Federation, delivered: DeliveredFrame, partial: DeliveredFrame
) -> None:
    for complete in (
        delivered,
        partial,
        replace(partial, notices=(), wrap=b"", withheld=(0, 1, 2)),
    ):
        assert checked(federation, complete).unaccounted == ()
    assert checked(federation, replace(partial, withheld=(2,))).unaccounted == (0,)
    assert checked(federation, replace(partial, withheld=())).unaccounted == (0, 2)
    silent = replace(partial, notices=(), wrap=b"", withheld=())
    assert checked(federation, silent).unaccounted == (0, 1, 2)
    assert checked(federation, replace(silent, stub=True)).unaccounted == (0, 1, 2)


def test_all_notices_may_come_with_their_paths(federation: Federation, frame: Frame) -> None:
    delivered = delivery_of(frame, AGENCY, [0, 1, 2])
    assert len(opened(federation, delivered)) == 3


def test_a_stub_proves_its_place_and_opens_nothing(federation: Federation, frame: Frame) -> None:
    stub = delivery_of(frame, AGENCY, [])
    assert (stub.wrap, stub.notices) == (b"", ())
    assert checked(federation, stub).recipient.seq == 1
    refused = refusal(federation, stub)
    assert isinstance(refused, OpenError)
    assert refused.reason is Reason.WRAP_INVALID


def test_a_stub_that_accounts_for_no_notice_proves_its_place_too(
    federation: Federation, frame: Frame
) -> None:
    stub = replace(delivery_of(frame, AGENCY, []), withheld=())
    assert checked(federation, stub).notices == ()


def test_a_single_notice_is_a_frame_of_one(federation: Federation) -> None:
    delivered = delivery_of(federation.seal("gr-pol", [b"alone"]), AGENCY, [0])
    assert delivered.notices[0].path == ()
    assert opened(federation, delivered)[0].content == b"alone"


def test_a_content_key_opens_its_notice_and_no_other(
    federation: Federation, frame: Frame, delivered: DeliveredFrame
) -> None:
    first, second, _ = opened(federation, delivered)
    digest = sha256(frame.header)
    for notice, key in ((0, second.content_key), (1, first.content_key)):
        sealed = frame.notices[notice]
        with pytest.raises(OpenError) as refused:
            open_body(key, digest, sealed.header, sealed.body)
        assert refused.value.reason is Reason.BODY_INVALID
    sealed = frame.notices[0]
    assert open_body(first.content_key, digest, sealed.header, sealed.body) == b"first"


def test_an_opened_notice_shows_neither_content_nor_key(
    federation: Federation, delivered: DeliveredFrame
) -> None:
    notice = opened(federation, delivered)[0]
    assert "first" not in repr(notice)
    assert repr(notice.content_key) not in repr(notice)


Change = Callable[[DeliveredFrame], DeliveredFrame]


def with_notice(delivered: DeliveredFrame, place: int, **changes: object) -> DeliveredFrame:
    """Return a delivery with one of its notices changed."""
    notices = list(delivered.notices)
    notices[place] = replace(notices[place], **changes)  # type: ignore[arg-type]
    return replace(delivered, notices=tuple(notices))


def swapped(delivered: DeliveredFrame) -> DeliveredFrame:
    one, two = delivered.notices[:2]
    return with_notice(with_notice(delivered, 0, body=two.body), 1, body=one.body)


WHOLE: dict[str, tuple[Change, type[TrustError], Reason]] = {
    "bodies swapped": (swapped, EnvelopeError, Reason.STATEMENT_MISMATCH),
    "a body cut": (
        lambda d: with_notice(d, 2, body=d.notices[2].body[:-1]),
        EnvelopeError,
        Reason.STATEMENT_MISMATCH,
    ),
    "a header of another notice": (
        lambda d: with_notice(d, 0, header=d.notices[1].header),
        EnvelopeError,
        Reason.STATEMENT_MISMATCH,
    ),
    "a notice twice": (
        lambda d: replace(d, notices=(d.notices[0], *d.notices)),
        EnvelopeError,
        Reason.REPEATED_ID,
    ),
    "notices out of order": (
        lambda d: replace(d, notices=d.notices[::-1]),
        EnvelopeError,
        Reason.REPEATED_ID,
    ),
    "an index beyond": (
        lambda d: with_notice(d, 2, index=3),
        EnvelopeError,
        Reason.STATEMENT_MISMATCH,
    ),
    "a withheld index beyond": (
        lambda d: replace(d, withheld=(3,)),
        EnvelopeError,
        Reason.STATEMENT_MISMATCH,
    ),
    "a negative index": (
        lambda d: replace(d, withheld=(-1,)),
        EnvelopeError,
        Reason.STATEMENT_MISMATCH,
    ),
    "withheld indices out of order": (
        lambda d: replace(d, notices=(), wrap=b"", withheld=(1, 0, 2)),
        EnvelopeError,
        Reason.REPEATED_ID,
    ),
    "a wrap without notices": (
        lambda d: replace(d, notices=(), withheld=(0, 1, 2)),
        EnvelopeError,
        Reason.MALFORMED,
    ),
    "a stub that carries notices": (
        lambda d: replace(d, stub=True),
        EnvelopeError,
        Reason.MALFORMED,
    ),
    "a stub that withholds": (
        lambda d: replace(d, notices=(), wrap=b"", withheld=(0,), stub=True),
        EnvelopeError,
        Reason.MALFORMED,
    ),
    "an index shown and withheld": (
        lambda d: replace(d, withheld=(1,)),
        EnvelopeError,
        Reason.REPEATED_ID,
    ),
    "a notice missing without a path": (
        lambda d: replace(d, notices=d.notices[:2]),
        ProofError,
        Reason.PROOF_INVALID,
    ),
    "a path where none is needed": (
        lambda d: with_notice(d, 0, path=(bytes(32),)),
        ProofError,
        Reason.PROOF_INVALID,
    ),
    "another wrap": (
        lambda d: replace(d, wrap=d.wrap[:-1] + b"\x00"),
        EnvelopeError,
        Reason.STATEMENT_MISMATCH,
    ),
    "no wrap": (lambda d: replace(d, wrap=b""), EnvelopeError, Reason.STATEMENT_MISMATCH),
    "another place": (
        lambda d: replace(d, recipient_index=1),
        ProofError,
        Reason.PROOF_INVALID,
    ),
    "a place beyond": (
        lambda d: replace(d, recipient_index=3),
        ProofError,
        Reason.PROOF_INVALID,
    ),
    "a negative place": (
        lambda d: replace(d, recipient_index=-1),
        ProofError,
        Reason.PROOF_INVALID,
    ),
    "a recipient's path too long": (
        lambda d: replace(d, recipient_path=(*d.recipient_path, bytes(32))),
        ProofError,
        Reason.PROOF_INVALID,
    ),
    "a recipient's path too short": (
        lambda d: replace(d, recipient_path=d.recipient_path[:-1]),
        ProofError,
        Reason.PROOF_INVALID,
    ),
    "a recipient's path of another hash length": (
        lambda d: replace(d, recipient_path=(*d.recipient_path[:-1], b"")),
        ProofError,
        Reason.PROOF_INVALID,
    ),
    "another recipient's record": (
        lambda d: replace(d, recipient=b"record"),
        ProofError,
        Reason.PROOF_INVALID,
    ),
    "another header": (
        lambda d: replace(d, header=d.header + b"\x00"),
        EnvelopeError,
        Reason.STATEMENT_MISMATCH,
    ),
    "another statement": (
        lambda d: replace(d, statement=d.statement[:-1] + b"\x00"),
        SignatureError,
        Reason.SIGNATURE_INVALID,
    ),
    "half a signature": (
        lambda d: replace(d, signature=d.signature[:64]),
        SignatureError,
        Reason.SIGNATURE_INVALID,
    ),
}


@pytest.mark.parametrize("change", WHOLE)
def test_a_delivery_that_is_not_what_was_signed_is_refused(
    federation: Federation, delivered: DeliveredFrame, change: str
) -> None:
    make, kind, reason = WHOLE[change]
    refused = refusal(federation, make(delivered))
    assert (type(refused), refused.reason) == (kind, reason)


def test_a_notice_of_a_part_is_refused_without_its_own_path(
    federation: Federation, frame: Frame, partial: DeliveredFrame
) -> None:
    other = delivery_of(frame, AGENCY, [2]).notices[0]
    for wrong in (
        with_notice(partial, 0, path=()),
        with_notice(partial, 0, path=other.path),
        with_notice(partial, 0, index=2),
        with_notice(partial, 0, path=(*partial.notices[0].path, bytes(32))),
        replace(partial, notices=(replace(other, index=1),)),
    ):
        refused = refusal(federation, replace(wrong, withheld=()))
        assert (type(refused), refused.reason) == (ProofError, Reason.PROOF_INVALID)


def test_a_delivery_for_another_agency_is_refused(federation: Federation, frame: Frame) -> None:
    with pytest.raises(EnvelopeError, match="record is for hr-ngo, not for ro-pol") as refused:
        checked(federation, delivery_of(frame, "hr-ngo"))
    assert refused.value.reason is Reason.NOT_A_RECIPIENT


def test_a_delivery_on_another_topic_is_refused(
    federation: Federation, delivered: DeliveredFrame, keyset: Keyset
) -> None:
    with pytest.raises(EnvelopeError) as refused:
        verify_delivery(delivered, keyset, federation.id, AGENCY, "trafficking/online")
    assert refused.value.reason is Reason.WRONG_TOPIC


def test_a_delivery_of_another_federation_is_refused(
    federation: Federation, delivered: DeliveredFrame, keyset: Keyset
) -> None:
    with pytest.raises(EnvelopeError) as refused:
        verify_delivery(delivered, keyset, OTHER, AGENCY, TOPIC)
    assert refused.value.reason is Reason.FOREIGN_FEDERATION


def test_a_delivery_signed_by_another_agency_is_refused(
    federation: Federation, delivered: DeliveredFrame
) -> None:
    other = federation.directory.keyset("ro-pol", KEYSET)
    assert other is not None
    with pytest.raises(SignatureError) as refused:
        verify_delivery(delivered, other, federation.id, AGENCY, TOPIC)
    assert refused.value.reason is Reason.SIGNATURE_INVALID


def test_a_keyset_that_did_not_sign_at_that_time_is_refused(
    federation: Federation, delivered: DeliveredFrame, keyset: Keyset
) -> None:
    ended = replace(keyset, valid_until=NOW)
    with pytest.raises(SignatureError) as refused:
        verify_delivery(delivered, ended, federation.id, AGENCY, TOPIC)
    assert refused.value.reason is Reason.EXPIRED


def test_a_statement_signed_as_a_directory_entry_is_refused(
    federation: Federation, frame: Frame
) -> None:
    signed = signed_again(federation, frame, payload_type=PAYLOAD_ENTRY)
    refused = refusal(federation, delivery_of(signed, AGENCY))
    assert refused.reason is Reason.SIGNATURE_INVALID


def test_a_notice_id_twice_is_refused_although_signed(federation: Federation, frame: Frame) -> None:
    one, two, _ = frame.notices
    signed = signed_again(federation, frame, notices=(one, replace(one, body=two.body)))
    refused = refusal(federation, delivery_of(signed, AGENCY))
    assert (type(refused), refused.reason) == (EnvelopeError, Reason.REPEATED_ID)


def test_a_record_that_is_none_is_refused_although_signed(
    federation: Federation, frame: Frame, delivered: DeliveredFrame
) -> None:
    signed = signed_again(federation, frame, recipients=(b"",), wraps=(b"",))
    forged = replace(
        delivered,
        statement=signed.statement,
        signature=signed.signature,
        recipient=b"",
        recipient_index=0,
        recipient_path=(),
    )
    refused = refusal(federation, forged)
    assert (type(refused), refused.reason) == (EnvelopeError, Reason.MALFORMED)


def resealed(federation: Federation, frame: Frame, wrapped: bytes) -> DeliveredFrame:
    """Return ro-pol's delivery of the frame, signed with another wrap for it."""
    record = recipient_with(frame, 2, wrap_digest=sha256(wrapped))
    signed = signed_again(
        federation,
        frame,
        recipients=(*frame.recipients[:2], record),
        wraps=(*frame.wraps[:2], wrapped),
    )
    return delivery_of(signed, AGENCY)


def test_a_wrap_of_another_seal_key_is_refused_by_the_commitment(
    federation: Federation, frame: Frame
) -> None:
    public = federation.agencies[AGENCY].entry.encryption[0].public
    info = wrap_info(sha256(frame.header), AGENCY, KEY)
    refused = refusal(federation, resealed(federation, frame, wrap(public, info, OTHER)))
    assert (type(refused), refused.reason) == (OpenError, Reason.COMMITMENT_MISMATCH)


def test_a_wrap_for_the_key_of_another_agency_is_refused(
    federation: Federation, frame: Frame
) -> None:
    public = federation.agencies["hr-ngo"].entry.encryption[0].public
    info = wrap_info(sha256(frame.header), AGENCY, KEY)
    refused = refusal(federation, resealed(federation, frame, wrap(public, info, OTHER)))
    assert (type(refused), refused.reason) == (OpenError, Reason.WRAP_INVALID)


@pytest.mark.parametrize("length", [0, 1, 1167, 1169])
def test_a_wrap_of_another_length_is_refused_although_signed(
    federation: Federation, frame: Frame, length: int
) -> None:
    refused = refusal(federation, resealed(federation, frame, bytes(length)))
    assert (type(refused), refused.reason) == (OpenError, Reason.WRAP_INVALID)


def test_a_wrap_moved_from_another_frame_is_refused(federation: Federation, frame: Frame) -> None:
    other = federation.seal("gr-pol", [b"other"], chain=dict.fromkeys(PLACES, (1, bytes(32))))
    refused = refusal(federation, resealed(federation, frame, other.wraps[2]))
    assert (type(refused), refused.reason) == (OpenError, Reason.WRAP_INVALID)


PLACES = ("gr-pol", "hr-ngo", "ro-pol")


def test_a_wrap_moved_under_another_header_is_refused(federation: Federation, frame: Frame) -> None:
    signed = signed_again(federation, frame, header=header_with(frame, created_at=NOW + 1))
    refused = refusal(federation, delivery_of(signed, AGENCY))
    assert (type(refused), refused.reason) == (OpenError, Reason.WRAP_INVALID)


def test_a_key_of_another_name_is_refused_before_it_is_tried(
    federation: Federation, delivered: DeliveredFrame
) -> None:
    key = replace(federation.agencies[AGENCY].decryption, key_id="2026-12-enc")
    with pytest.raises(OpenError, match="sealed to key 2026-11-enc, have 2026-12-enc"):
        open_delivery(checked(federation, delivered), delivered, key)


def test_another_key_of_the_same_name_is_refused(
    federation: Federation, delivered: DeliveredFrame
) -> None:
    with pytest.raises(OpenError) as refused:
        open_delivery(checked(federation, delivered), delivered, generate_decryption_key(KEY))
    assert refused.value.reason is Reason.WRAP_INVALID


def test_one_body_that_does_not_open_opens_none(federation: Federation, frame: Frame) -> None:
    bodies = [frame.notices[0].body, b"", frame.notices[2].body]
    notices = [
        replace(notice, body=body) for notice, body in zip(frame.notices, bodies, strict=True)
    ]
    delivered = delivery_of(signed_again(federation, frame, notices=notices), AGENCY)
    assert len(checked(federation, delivered).notices) == 3
    refused = refusal(federation, delivered)
    assert (type(refused), refused.reason) == (OpenError, Reason.BODY_INVALID)


def test_a_retired_key_still_opens_notices_sealed_before_it_retired() -> None:
    world = build_federation(["gr-pol", "ro-pol"])
    frame = world.seal("gr-pol", [b"old"])
    key = world.agencies[AGENCY].entry.encryption[0]
    world.replace_agency(AGENCY, encryption=(replace(key, valid_until=NOW + 1),))
    assert world.directory.encryption_key(AGENCY, NOW + 1) is None
    assert world.open(frame, AGENCY)[0].content == b"old"


def test_the_context_of_a_body_names_its_place(federation: Federation, frame: Frame) -> None:
    digest = sha256(frame.header)
    first, second = (sha256(notice.header) for notice in frame.notices[:2])
    assert body_context(digest, first) != body_context(digest, second)
    assert content_key(OTHER, digest, first) != content_key(OTHER, digest, second)
    assert Recipient.decode(frame.recipients[2]).key_id == KEY
