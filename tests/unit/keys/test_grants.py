# SPDX-License-Identifier: Apache-2.0
"""Grants: what is signed, what the wrap is bound to, and who may admit whom."""

from dataclasses import replace

import pytest

from keys.envelope import Frame, FrameHeader, NoticeHeader
from keys.errors import EnvelopeError, Reason, SignatureError, TrustError
from keys.framing import framed, sha256, u32, u64
from keys.grants import (
    Grant,
    SignedGrant,
    check_grantor,
    grant_wrap_info,
    seal_grant,
    verify_grant,
)
from keys.hpke import WRAP_BYTES
from keys.signing import PAYLOAD_ENTRY, PAYLOAD_GRANT, PAYLOAD_RECALL, Keyset
from tests.simulator.federation import DAY, KEY, KEYSET, NOW, YEARS, Federation, TestAgency
from tests.simulator.mail import OPEN_MARKING, content_key_of, grant_of, place_of

OTHER = b"o" * 32


@pytest.fixture(scope="module")
def open_frame(federation: Federation) -> Frame:
    """Three notices of gr-pol for ro-pol, which gr-pol may pass on."""
    return federation.seal(
        "gr-pol", [b"first", b"second", b"third"], to=["ro-pol"], marking=OPEN_MARKING
    )


@pytest.fixture(scope="module")
def signed(federation: Federation, open_frame: Frame) -> SignedGrant:
    """The second notice, granted to hr-ngo."""
    return grant_of(federation, open_frame, "hr-ngo", index=1)


@pytest.fixture
def grant(signed: SignedGrant) -> Grant:
    """What was signed."""
    return Grant.decode(signed.grant)


def signed_anew(
    agency: TestAgency, signed: SignedGrant, *, payload_type: str = PAYLOAD_GRANT, **changes: object
) -> SignedGrant:
    """Return the grant with attributes changed, signed by an agency all the same."""
    grant = replace(Grant.decode(signed.grant), **changes).encode()  # type: ignore[arg-type]
    return replace(signed, grant=grant, signature=agency.signer.sign(payload_type, grant))


def notice_id(frame: Frame, index: int = 1) -> bytes:
    return NoticeHeader.decode(frame.notices[index].header).notice_id


def refusal(federation: Federation, signed: SignedGrant, keyset: Keyset) -> TrustError:
    with pytest.raises(TrustError) as refused:
        verify_grant(signed, keyset, federation.id)
    return refused.value


def test_a_grant_says_who_admits_whom_to_what_until_when(
    federation: Federation, open_frame: Frame, signed: SignedGrant, keyset: Keyset
) -> None:
    grant = verify_grant(signed, keyset, federation.id)
    assert grant.place == place_of(open_frame, 1)
    assert (grant.grantor, grant.grantee) == ("gr-pol", "hr-ngo")
    assert (grant.granted_at, grant.expires_at) == (NOW, NOW + 30 * DAY)
    assert grant.rule_book == federation.rule_book_ref.digest
    assert len(signed.wrap) == WRAP_BYTES


@pytest.mark.must("GRANT-1")
def test_a_grant_is_the_framing_of_all_it_says(open_frame: Frame, grant: Grant) -> None:
    assert grant.encode() == framed(
        "tocsin/grant/v1",
        grant.federation,
        grant.place.statement,
        u32(1),
        grant.place.leaf_hash,
        b"gr-pol",
        KEYSET.encode(),
        b"hr-ngo",
        KEY.encode(),
        grant.wrap_digest,
        grant.rule_book,
        u64(NOW),
        u64(NOW + 30 * DAY),
        notice_id(open_frame),
    )
    assert Grant.decode(grant.encode()) == grant


@pytest.mark.must("GRANT-2")
def test_the_info_of_a_wrap_names_notice_grantor_grantee_and_key(grant: Grant) -> None:
    assert grant_wrap_info(grant.place, "gr-pol", "hr-ngo", KEY) == framed(
        "tocsin/grant-wrap/v1",
        grant.place.statement,
        grant.place.leaf_hash,
        b"gr-pol",
        b"hr-ngo",
        KEY.encode(),
    )


def test_a_grant_is_live_before_it_expires(grant: Grant) -> None:
    assert grant.is_live_at(grant.expires_at - 1)
    assert not grant.is_live_at(grant.expires_at)


def test_a_grant_prints_no_key(
    signed: SignedGrant, open_frame: Frame, federation: Federation
) -> None:
    assert content_key_of(federation, open_frame, 1).hex() not in repr(signed)


@pytest.mark.must("GRANT-3")
def test_a_grant_of_another_federation_is_refused(
    federation: Federation, signed: SignedGrant, keyset: Keyset
) -> None:
    with pytest.raises(EnvelopeError) as refused:
        verify_grant(signed, keyset, OTHER)
    assert refused.value.reason is Reason.FOREIGN_FEDERATION
    moved = signed_anew(federation.agencies["gr-pol"], signed, federation=OTHER)
    assert refusal(federation, moved, keyset).reason is Reason.FOREIGN_FEDERATION


@pytest.mark.must("GRANT-4")
def test_a_wrap_moved_from_another_grant_is_refused(
    federation: Federation, open_frame: Frame, signed: SignedGrant, keyset: Keyset
) -> None:
    other = grant_of(federation, open_frame, "hr-ngo", index=2)
    refused = refusal(federation, replace(signed, wrap=other.wrap), keyset)
    assert (refused.reason, refused.detail) == (
        Reason.STATEMENT_MISMATCH,
        "wrap is not the one signed",
    )


@pytest.mark.must("GRANT-5")
@pytest.mark.parametrize("payload_type", [PAYLOAD_ENTRY, PAYLOAD_RECALL])
def test_a_signature_of_another_kind_is_none_on_a_grant(
    federation: Federation, signed: SignedGrant, keyset: Keyset, payload_type: str
) -> None:
    other = signed_anew(federation.agencies["gr-pol"], signed, payload_type=payload_type)
    assert refusal(federation, other, keyset).reason is Reason.SIGNATURE_INVALID


@pytest.mark.must("GRANT-5")
def test_a_grant_that_another_agency_signed_is_refused(
    federation: Federation, signed: SignedGrant, keyset: Keyset
) -> None:
    signature = federation.agencies["ro-pol"].signer.sign(PAYLOAD_GRANT, signed.grant)
    refused = refusal(federation, replace(signed, signature=signature), keyset)
    assert refused.reason is Reason.SIGNATURE_INVALID


@pytest.mark.must("GRANT-5")
def test_a_grant_that_names_another_keyset_is_refused(
    federation: Federation, signed: SignedGrant, keyset: Keyset
) -> None:
    other = signed_anew(federation.agencies["gr-pol"], signed, keyset_id="another")
    assert refusal(federation, other, keyset).reason is Reason.UNKNOWN_KEYSET


@pytest.mark.must("SIG-6")
def test_a_grant_by_a_keyset_that_did_not_sign_then_is_refused(
    federation: Federation, signed: SignedGrant, keyset: Keyset
) -> None:
    ended = replace(keyset, valid_until=NOW)
    refused = refusal(federation, signed, ended)
    assert isinstance(refused, SignatureError)
    assert refused.reason is Reason.EXPIRED


@pytest.mark.must("FRAMING-1", "FRAMING-3", "FRAMING-6")
def test_a_changed_grant_is_refused(
    federation: Federation, signed: SignedGrant, keyset: Keyset
) -> None:
    for grant in (signed.grant[:-1], signed.grant + b"\x00", b"", signed.grant.swapcase()):
        refused = refusal(federation, replace(signed, grant=grant), keyset)
        assert refused.reason is Reason.SIGNATURE_INVALID
    for grant in (signed.grant[:-1], signed.grant + bytes(4), b"", signed.grant[4:]):
        with pytest.raises(EnvelopeError) as malformed:
            Grant.decode(grant)
        assert malformed.value.reason is Reason.MALFORMED


@pytest.mark.must("FRAMING-5")
@pytest.mark.parametrize(
    "changes",
    [
        {"federation": b"short"},
        {"grantor": "GR"},
        {"keyset_id": "a b"},
        {"grantee": "steward-alpha"},
        {"key_id": ""},
        {"wrap_digest": b""},
        {"rule_book": bytes(31)},
        {"granted_at": -1},
        {"expires_at": 1 << 63},
        {"notice_id": bytes(16)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_field_outside_its_range_makes_no_grant(grant: Grant, changes: dict[str, object]) -> None:
    with pytest.raises(EnvelopeError) as refused:
        replace(grant, **changes)  # type: ignore[arg-type]
    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.must("GRANT-6")
def test_a_grant_to_oneself_or_without_time_is_refused(grant: Grant) -> None:
    for changes in ({"grantee": "gr-pol"}, {"expires_at": NOW}, {"expires_at": NOW - 1}):
        with pytest.raises(EnvelopeError) as refused:
            replace(grant, **changes)
        assert refused.value.reason is Reason.MALFORMED


@pytest.mark.must("GRANT-7")
def test_a_key_that_is_not_valid_then_is_not_wrapped_to(
    federation: Federation, open_frame: Frame
) -> None:
    agency = federation.agencies["hr-ngo"]
    key = replace(agency.entry.encryption[0], valid_from=NOW - 2, valid_until=NOW)
    with pytest.raises(EnvelopeError) as refused:
        seal_grant(
            OTHER,
            federation=federation.id,
            place=place_of(open_frame),
            notice_id=notice_id(open_frame, 0),
            grantor="gr-pol",
            grantee="hr-ngo",
            key=key,
            rule_book=OTHER,
            granted_at=NOW,
            expires_at=NOW + YEARS,
            signer=federation.agencies["gr-pol"].signer,
        )
    assert refused.value.reason is Reason.EXPIRED


def test_only_a_content_key_is_granted(federation: Federation, open_frame: Frame) -> None:
    key = federation.agencies["hr-ngo"].entry.encryption[0]
    with pytest.raises(EnvelopeError) as refused:
        seal_grant(
            b"no key",
            federation=federation.id,
            place=place_of(open_frame),
            notice_id=notice_id(open_frame, 0),
            grantor="gr-pol",
            grantee="hr-ngo",
            key=key,
            rule_book=OTHER,
            granted_at=NOW,
            expires_at=NOW + DAY,
            signer=federation.agencies["gr-pol"].signer,
        )
    assert refused.value.reason is Reason.MALFORMED


def test_the_originator_grants_where_the_marking_says_so(open_frame: Frame, grant: Grant) -> None:
    check_grantor(grant, FrameHeader.decode(open_frame.header))


@pytest.mark.must("GRANT-8")
@pytest.mark.parametrize(("grantor", "regrant"), [("ro-pol", "originator"), ("gr-pol", "none")])
def test_nobody_else_grants_and_nobody_against_the_marking(
    open_frame: Frame, grant: Grant, grantor: str, regrant: str
) -> None:
    header = FrameHeader.decode(open_frame.header)
    marked = replace(header, marking=replace(header.marking, regrant=regrant))
    with pytest.raises(EnvelopeError) as refused:
        check_grantor(replace(grant, grantor=grantor), marked)
    assert refused.value.reason is Reason.REGRANT_INVALID


def test_a_grant_names_the_wrap_by_its_hash(signed: SignedGrant, grant: Grant) -> None:
    assert grant.wrap_digest == sha256(signed.wrap)
