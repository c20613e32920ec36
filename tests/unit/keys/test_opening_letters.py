# SPDX-License-Identifier: Apache-2.0
"""What a grantee and the reader of a letter open, and what they do not."""

from dataclasses import replace

import pytest

from keys import merkle
from keys.envelope import Frame, FrameHeader, NoticeHeader, Statement
from keys.errors import EnvelopeError, OpenError, ProofError, Reason, TrustError
from keys.fields import new_uuid7
from keys.framing import sha256
from keys.grants import Grant, SignedGrant, grant_wrap_info, verify_grant
from keys.hpke import seal_to, wrap, wrap_info
from keys.identities import DecryptionKey, generate_decryption_key
from keys.letters import Letter, SignedLetter, letter_info, verify_letter
from keys.opening import DeliveredFrame, OpenedNotice
from keys.opening_letters import open_grant, open_granted, open_letter, verify_granted
from keys.signing import Keyset
from tests.simulator.federation import KEY, KEYSET, MARKING, NOW, Federation
from tests.simulator.mail import (
    OPEN_MARKING,
    content_key_of,
    grant_of,
    granted_delivery,
    letter_header,
    letter_of,
    place_of,
)

OTHER = b"o" * 32
CONTENTS = [b"first", b"second", b"third"]
GRANTEE = "hr-ngo"


@pytest.fixture(scope="module")
def open_frame(federation: Federation) -> Frame:
    """Three notices of gr-pol for ro-pol, which gr-pol may pass on."""
    return federation.seal("gr-pol", CONTENTS, to=["ro-pol"], marking=OPEN_MARKING)


@pytest.fixture(scope="module")
def signed(federation: Federation, open_frame: Frame) -> SignedGrant:
    """The second notice, granted to hr-ngo."""
    return grant_of(federation, open_frame, GRANTEE, index=1)


@pytest.fixture
def grant(federation: Federation, signed: SignedGrant, keyset: Keyset) -> Grant:
    """That grant, verified."""
    return verify_grant(signed, keyset, federation.id)


@pytest.fixture
def delivered(open_frame: Frame) -> DeliveredFrame:
    """What the grantee fetches."""
    return granted_delivery(open_frame, 1)


@pytest.fixture(scope="module")
def key(federation: Federation) -> DecryptionKey:
    """The grantee's decryption key."""
    return federation.agencies[GRANTEE].decryption


def opened(
    grant: Grant, wrapped: bytes, delivered: DeliveredFrame, keyset: Keyset, key: DecryptionKey
) -> OpenedNotice:
    checked = verify_granted(grant, delivered, keyset)
    return open_granted(checked, delivered, open_grant(grant, wrapped, key))


def refusal(grant: Grant, delivered: DeliveredFrame, keyset: Keyset) -> TrustError:
    with pytest.raises(TrustError) as refused:
        verify_granted(grant, delivered, keyset)
    return refused.value


def test_a_grantee_opens_its_notice(
    signed: SignedGrant,
    grant: Grant,
    delivered: DeliveredFrame,
    keyset: Keyset,
    key: DecryptionKey,
) -> None:
    notice = opened(grant, signed.wrap, delivered, keyset, key)
    assert (notice.index, notice.content) == (1, b"second")


def test_a_grant_gives_the_key_that_its_grantor_has(
    federation: Federation,
    open_frame: Frame,
    signed: SignedGrant,
    grant: Grant,
    key: DecryptionKey,
) -> None:
    assert open_grant(grant, signed.wrap, key) == content_key_of(federation, open_frame, 1)


def test_what_was_granted_is_known_before_it_is_opened(
    grant: Grant, delivered: DeliveredFrame, keyset: Keyset
) -> None:
    checked = verify_granted(grant, delivered, keyset)
    assert (checked.statement.originator, checked.header.originator) == ("gr-pol", "gr-pol")
    assert checked.header.marking == OPEN_MARKING
    assert checked.notice.leaf_hash == grant.place.leaf_hash


def test_a_grant_opens_no_other_notice_of_the_frame(
    open_frame: Frame, signed: SignedGrant, grant: Grant, keyset: Keyset, key: DecryptionKey
) -> None:
    other = granted_delivery(open_frame, 0)
    first = NoticeHeader.decode(open_frame.notices[0].header)
    claimed = replace(grant, place=place_of(open_frame, 0), notice_id=first.notice_id)
    checked = verify_granted(claimed, other, keyset)
    with pytest.raises(OpenError) as refused:
        open_granted(checked, other, open_grant(grant, signed.wrap, key))
    assert refused.value.reason is Reason.BODY_INVALID


def test_the_only_notice_of_a_frame_is_granted_without_a_path(
    federation: Federation, keyset: Keyset, key: DecryptionKey
) -> None:
    frame = federation.seal("gr-pol", [b"alone"], to=["ro-pol"], marking=OPEN_MARKING)
    signed = grant_of(federation, frame, GRANTEE)
    grant = verify_grant(signed, keyset, federation.id)
    assert opened(grant, signed.wrap, granted_delivery(frame), keyset, key).content == b"alone"


@pytest.mark.must("GRANT-2")
def test_another_agency_does_not_open_the_wrap(
    federation: Federation, signed: SignedGrant, grant: Grant
) -> None:
    with pytest.raises(OpenError) as refused:
        open_grant(grant, signed.wrap, federation.agencies["ro-pol"].decryption)
    assert refused.value.reason is Reason.WRAP_INVALID


def test_a_grant_to_another_key_is_not_tried(signed: SignedGrant, grant: Grant) -> None:
    with pytest.raises(OpenError) as refused:
        open_grant(grant, signed.wrap, generate_decryption_key("2027-01-enc"))
    assert refused.value.detail == f"wrapped to key {KEY}, have 2027-01-enc"


@pytest.mark.must("GRANT-2")
@pytest.mark.parametrize(
    "changes", [{"grantor": "ro-pol"}, {"grantee": "ro-pol"}], ids=["grantor", "grantee"]
)
def test_a_wrap_opens_for_its_two_agencies_only(
    signed: SignedGrant, grant: Grant, key: DecryptionKey, changes: dict[str, str]
) -> None:
    with pytest.raises(OpenError) as refused:
        open_grant(replace(grant, **changes), signed.wrap, key)  # type: ignore[arg-type]
    assert refused.value.reason is Reason.WRAP_INVALID


@pytest.mark.must("GRANT-2")
def test_a_wrap_opens_for_its_notice_only(
    open_frame: Frame, signed: SignedGrant, grant: Grant, key: DecryptionKey
) -> None:
    for place in (replace(grant.place, statement=OTHER), place_of(open_frame, 0)):
        with pytest.raises(OpenError) as refused:
            open_grant(replace(grant, place=place), signed.wrap, key)
        assert refused.value.reason is Reason.WRAP_INVALID


@pytest.mark.must("GRANT-2")
def test_a_wrap_of_a_frame_is_none_of_a_grant_nor_the_reverse(
    federation: Federation, open_frame: Frame, grant: Grant, key: DecryptionKey
) -> None:
    public = federation.agencies[GRANTEE].entry.encryption[0].public
    frame_info = wrap_info(sha256(open_frame.header), GRANTEE, KEY)
    grant_info = grant_wrap_info(grant.place, "gr-pol", GRANTEE, KEY)
    with pytest.raises(OpenError) as as_grant:
        open_grant(grant, wrap(public, frame_info, OTHER), key)
    with pytest.raises(OpenError) as as_frame:
        key.unwrap(wrap(public, grant_info, OTHER), frame_info)
    assert as_grant.value.reason is as_frame.value.reason is Reason.WRAP_INVALID


@pytest.mark.parametrize("length", [0, 1167, 1169])
def test_a_truncated_or_extended_wrap_does_not_open(
    signed: SignedGrant, grant: Grant, key: DecryptionKey, length: int
) -> None:
    with pytest.raises(OpenError) as refused:
        open_grant(grant, signed.wrap.ljust(length, b"\x00")[:length], key)
    assert refused.value.reason is Reason.WRAP_INVALID


@pytest.mark.must("GRANT-9")
def test_another_frame_or_notice_than_the_granted_one_is_refused(
    federation: Federation, open_frame: Frame, grant: Grant, keyset: Keyset
) -> None:
    twin = federation.seal("gr-pol", CONTENTS, to=["ro-pol"], marking=OPEN_MARKING)
    for other in (granted_delivery(twin, 1), granted_delivery(open_frame, 2)):
        assert refusal(grant, other, keyset).reason is Reason.STATEMENT_MISMATCH


@pytest.mark.must("GRANT-9")
def test_a_changed_body_or_header_is_another_notice(
    grant: Grant, delivered: DeliveredFrame, keyset: Keyset
) -> None:
    (notice,) = delivered.notices
    for changed in (
        replace(notice, body=notice.body[:-1]),
        replace(notice, header=notice.header + b"\x00"),
        replace(notice, index=2),
    ):
        refused = refusal(grant, replace(delivered, notices=(changed,)), keyset)
        assert refused.reason is Reason.STATEMENT_MISMATCH


@pytest.mark.must("GRANT-9")
def test_a_notice_of_another_id_is_refused(
    federation: Federation, open_frame: Frame, delivered: DeliveredFrame, keyset: Keyset
) -> None:
    signed = grant_of(federation, open_frame, GRANTEE, index=1)
    named = replace(Grant.decode(signed.grant), notice_id=new_uuid7(NOW))
    assert refusal(named, delivered, keyset).reason is Reason.STATEMENT_MISMATCH


@pytest.mark.must("GRANT-9")
def test_a_notice_whose_path_leads_elsewhere_is_refused(
    grant: Grant, delivered: DeliveredFrame, keyset: Keyset
) -> None:
    (notice,) = delivered.notices
    for path in ((), (OTHER, OTHER), notice.path[:1], (*notice.path, OTHER)):
        lost = replace(delivered, notices=(replace(notice, path=path),))
        refused = refusal(grant, lost, keyset)
        assert isinstance(refused, ProofError)
        assert refused.reason is Reason.PROOF_INVALID


@pytest.mark.must("GRANT-9")
def test_a_frame_that_its_originator_did_not_sign_is_refused(
    federation: Federation, grant: Grant, delivered: DeliveredFrame, keyset: Keyset
) -> None:
    forged = replace(delivered, signature=delivered.signature[::-1])
    assert refusal(grant, forged, keyset).reason is Reason.SIGNATURE_INVALID
    other = federation.directory.keyset("ro-pol", KEYSET)
    assert other is not None
    assert refusal(grant, delivered, other).reason is Reason.SIGNATURE_INVALID


@pytest.mark.must("GRANT-8")
def test_a_notice_that_its_marking_keeps_closed_is_refused(
    federation: Federation, keyset: Keyset
) -> None:
    closed = federation.seal("gr-pol", CONTENTS, to=["ro-pol"], marking=MARKING)
    grant = verify_grant(grant_of(federation, closed, GRANTEE), keyset, federation.id)
    assert refusal(grant, granted_delivery(closed), keyset).reason is Reason.REGRANT_INVALID


@pytest.mark.must("GRANT-8")
def test_a_notice_that_a_recipient_passed_on_is_refused(
    federation: Federation, open_frame: Frame, delivered: DeliveredFrame, keyset: Keyset
) -> None:
    signed = grant_of(federation, open_frame, GRANTEE, index=1, grantor="ro-pol")
    recipients = federation.directory.keyset("ro-pol", KEYSET)
    assert recipients is not None
    grant = verify_grant(signed, recipients, federation.id)
    assert refusal(grant, delivered, keyset).reason is Reason.REGRANT_INVALID


@pytest.mark.must("GRANT-10")
def test_more_or_less_than_one_notice_is_refused(
    open_frame: Frame, grant: Grant, delivered: DeliveredFrame, keyset: Keyset
) -> None:
    (notice,) = delivered.notices
    for changes in (
        {"notices": ()},
        {"notices": (notice, *granted_delivery(open_frame, 2).notices)},
        {"withheld": (0,)},
        {"stub": True},
        {"recipient": open_frame.recipients[0]},
        {"recipient_path": (OTHER,)},
        {"wrap": open_frame.wraps[0]},
    ):
        refused = refusal(grant, replace(delivered, **changes), keyset)
        assert isinstance(refused, EnvelopeError)
        assert refused.reason is Reason.MALFORMED


def test_another_content_key_opens_nothing(
    open_frame: Frame,
    federation: Federation,
    grant: Grant,
    delivered: DeliveredFrame,
    keyset: Keyset,
) -> None:
    checked = verify_granted(grant, delivered, keyset)
    for other in (OTHER, content_key_of(federation, open_frame, 2), b"short"):
        with pytest.raises(OpenError) as refused:
            open_granted(checked, delivered, other)
        assert refused.value.reason is Reason.BODY_INVALID


@pytest.fixture(scope="module")
def request_(federation: Federation, open_frame: Frame) -> SignedLetter:
    """A request of ro-pol's to gr-pol."""
    header = letter_header(federation, open_frame, "request_onward", "ro-pol", "gr-pol")
    return letter_of(federation, header, b"please")


@pytest.fixture
def letter(federation: Federation, request_: SignedLetter) -> Letter:
    """That request, verified."""
    keyset = federation.directory.keyset("ro-pol", KEYSET)
    assert keyset is not None
    return verify_letter(request_, keyset, federation.id)


def test_the_reader_of_a_letter_opens_it(
    federation: Federation, request_: SignedLetter, letter: Letter
) -> None:
    key = federation.agencies["gr-pol"].decryption
    assert open_letter(letter, request_.sealed, key) == b"please"


@pytest.mark.must("LETTER-8")
@pytest.mark.parametrize("agency", ["ro-pol", "hr-ngo"])
def test_nobody_but_its_reader_opens_a_letter(
    federation: Federation, request_: SignedLetter, letter: Letter, agency: str
) -> None:
    with pytest.raises(OpenError) as refused:
        open_letter(letter, request_.sealed, federation.agencies[agency].decryption)
    assert refused.value.reason is Reason.BODY_INVALID


def test_a_letter_to_another_key_is_not_tried(request_: SignedLetter, letter: Letter) -> None:
    with pytest.raises(OpenError) as refused:
        open_letter(letter, request_.sealed, generate_decryption_key("2027-01-enc"))
    assert refused.value.detail == f"sealed to key {KEY}, have 2027-01-enc"


@pytest.mark.must("LETTER-8")
@pytest.mark.parametrize(
    "changes",
    [{"kind": "attestation"}, {"created_at": 1}, {"sender": "hr-ngo"}, {"keyset_id": "another"}],
    ids=str,
)
def test_a_content_opens_under_its_own_header_only(
    federation: Federation, request_: SignedLetter, letter: Letter, changes: dict[str, object]
) -> None:
    moved = replace(letter, header=replace(letter.header, **changes))  # type: ignore[arg-type]
    with pytest.raises(OpenError) as refused:
        open_letter(moved, request_.sealed, federation.agencies["gr-pol"].decryption)
    assert refused.value.reason is Reason.BODY_INVALID


@pytest.mark.must("LETTER-6")
@pytest.mark.parametrize(
    "padded",
    [b"", b"\x00\x00\x00\x01a", (1).to_bytes(4, "big") + b"ab".ljust(1020, b"\x00")],
    ids=["empty", "no bucket", "not zero"],
)
def test_a_content_that_is_not_padded_as_one_does_not_open(
    federation: Federation, letter: Letter, padded: bytes
) -> None:
    agency = federation.agencies["gr-pol"]
    sealed = seal_to(agency.entry.encryption[0].public, letter_info(letter.header), padded)
    with pytest.raises(OpenError) as refused:
        open_letter(letter, sealed, agency.decryption)
    assert (refused.value.reason, refused.value.detail) == (
        Reason.BODY_INVALID,
        "letter does not open with its key",
    )


@pytest.mark.parametrize("length", [0, 1, 1136, 2159])
def test_a_truncated_content_does_not_open(
    federation: Federation, request_: SignedLetter, letter: Letter, length: int
) -> None:
    with pytest.raises(OpenError) as refused:
        open_letter(letter, request_.sealed[:length], federation.agencies["gr-pol"].decryption)
    assert refused.value.reason is Reason.BODY_INVALID


def test_the_header_of_a_granted_frame_is_the_one_signed(
    grant: Grant, delivered: DeliveredFrame, keyset: Keyset
) -> None:
    header = FrameHeader.decode(delivered.header)
    other = replace(delivered, header=replace(header, topic="trafficking/other").encode())
    assert refusal(grant, other, keyset).reason is Reason.STATEMENT_MISMATCH


def test_a_path_proves_the_place_in_the_signed_tree(
    open_frame: Frame, delivered: DeliveredFrame
) -> None:
    statement = Statement.decode(delivered.statement)
    (notice,) = delivered.notices
    merkle.verify_inclusion(
        open_frame.notices[1].leaf_hash,
        1,
        notice.path,
        statement.notice_count,
        statement.notice_root,
    )
