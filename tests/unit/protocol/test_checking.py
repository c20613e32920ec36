# SPDX-License-Identifier: Apache-2.0
"""Requirements of section 7 on whoever checks a whole frame.

Frames that are wrong behind the signature are signed again by their originator, so that nothing
but the check in question can refuse them.
"""

from dataclasses import replace

import pytest

from broker.errors import BrokerError
from broker.errors import Reason as Refused
from broker.services.admitting import check_authentic
from broker.services.federation import Federation as BrokersView
from keys import checking, envelope
from keys.checking import check_frame
from keys.envelope import Frame, FrameHeader, SealedNotice
from keys.errors import Reason, SignatureError, TrustError
from keys.fields import new_uuid7
from keys.framing import framed
from keys.signing import PAYLOAD_FRAME
from tests.simulator.federation import NOW, TOPIC
from tests.unit.protocol.material import (
    ORIGINATOR,
    federation,
    frame,
    keyset,
    resigned,
    with_item,
)


def refusal(changed: Frame, *, federation_id: bytes | None = None) -> Reason:
    with pytest.raises(TrustError) as caught:
        check_frame(changed, keyset(), federation_id or federation().id)
    return caught.value.reason


def test_the_good_frame_is_accepted() -> None:
    checked = check_frame(frame(), keyset(), federation().id)
    assert checked.header.topic == TOPIC
    assert check_frame(resigned(frame()), keyset(), federation().id).frame is not frame()


OVER = SealedNotice(header=frame().notices[0].header, body=bytes(envelope.MAX_NOTICE_BYTES))


@pytest.mark.must("CHECK-1")
@pytest.mark.parametrize(
    "changes",
    [
        {"recipients": (), "wraps": ()},
        {"recipients": frame().recipients * 334},
        {"notices": ()},
        {"notices": frame().notices * 86},
        {"notices": (OVER,)},
        {"wraps": (bytes(envelope.MAX_WRAP_BYTES + 1),)},
    ],
    ids=["nobody", "1002 recipients", "nothing", "258 notices", "2 MiB", "1.5 MiB of wraps"],
)
def test_limits_come_before_the_signature(changes: dict[str, tuple[object, ...]]) -> None:
    unsigned = replace(frame(), signature=b"", **changes)  # type: ignore[arg-type]
    assert refusal(unsigned) is Reason.LIMIT_EXCEEDED


@pytest.mark.must("CHECK-2")
def test_the_signature_comes_before_what_hangs_on_the_statement() -> None:
    broken = Frame(
        header=b"no header",
        recipients=(b"no recipient",),
        wraps=(b"",),
        notices=(SealedNotice(header=b"no header", body=b""),),
        statement=frame().statement + b"\x00",
        signature=frame().signature,
    )
    assert refusal(broken) is Reason.SIGNATURE_INVALID
    flipped = bytearray(frame().signature)
    flipped[70] ^= 1
    assert refusal(replace(broken, statement=frame().statement, signature=bytes(flipped))) is (
        Reason.SIGNATURE_INVALID
    )


@pytest.mark.must("CHECK-3")
def test_a_statement_that_names_another_keyset_is_refused() -> None:
    assert refusal(resigned(frame(), keyset_id="another")) is Reason.UNKNOWN_KEYSET


@pytest.mark.must("CHECK-3")
def test_the_keyset_is_the_originators_and_not_anothers_of_that_id() -> None:
    held = BrokersView(directory=federation().directory, engine=None)
    other = federation().agencies["hr-ngo"]
    assert other.signer.keyset_id == keyset().keyset_id
    statement = frame().statement
    forged = replace(frame(), signature=other.signer.sign(PAYLOAD_FRAME, statement))
    assert check_authentic(frame(), ORIGINATOR, held).statement.originator == ORIGINATOR
    for bad in (forged, resigned(frame(), keyset_id="another")):
        with pytest.raises(BrokerError) as caught:
            check_authentic(bad, ORIGINATOR, held)
        assert caught.value.reason is Refused.SIGNATURE_INVALID


@pytest.mark.must("CHECK-4")
def test_another_header_than_the_one_signed_is_refused() -> None:
    header = with_item(frame().header, 5, b"another/topic")
    assert refusal(replace(frame(), header=header)) is Reason.STATEMENT_MISMATCH


@pytest.mark.must("CHECK-5")
def test_a_frame_of_another_federation_is_refused() -> None:
    assert refusal(frame(), federation_id=bytes(32)) is Reason.FOREIGN_FEDERATION


@pytest.mark.must("CHECK-6", "SIG-6")
def test_a_frame_from_outside_its_keysets_time_is_refused() -> None:
    held, header = keyset(), FrameHeader.decode(frame().header)
    for at in (held.valid_from - 1, held.valid_until):
        moved = resigned(replace(frame(), header=replace(header, created_at=at).encode()))
        with pytest.raises(SignatureError) as caught:
            check_frame(moved, held, federation().id)
        assert caught.value.reason is Reason.EXPIRED
    for at in (held.valid_from, held.valid_until - 1):
        moved = resigned(replace(frame(), header=replace(header, created_at=at).encode()))
        assert check_frame(moved, held, federation().id).header.created_at == at


@pytest.mark.must("CHECK-7")
def test_other_recipients_than_those_signed_are_refused() -> None:
    good = frame()
    records, wraps = good.recipients, good.wraps
    unnamed = with_item(records[-1], 3, b"\x00")
    for changed in (
        replace(good, recipients=records[:-1], wraps=wraps[:-1]),
        replace(good, recipients=(*records, records[-1]), wraps=(*wraps, wraps[-1])),
        replace(good, recipients=(*records[:-1], unnamed)),
        replace(good, recipients=records[::-1], wraps=wraps[::-1]),
        resigned(good, recipient_count=2),
    ):
        assert refusal(changed) is Reason.STATEMENT_MISMATCH


@pytest.mark.must("CHECK-8")
def test_wraps_that_are_not_those_signed_are_refused() -> None:
    good = frame()
    first, second, third = good.wraps
    for wraps in (
        (second, first, third),
        (first, second),
        (first, second, third, third),
        (first, second, bytes(1168)),
    ):
        assert refusal(resigned(replace(good, wraps=wraps))) is Reason.STATEMENT_MISMATCH


@pytest.mark.must("CHECK-9")
def test_recipients_that_do_not_ascend_are_refused() -> None:
    good = frame()
    swapped = replace(good, recipients=good.recipients[::-1], wraps=good.wraps[::-1])
    twice = replace(
        good,
        recipients=(good.recipients[0], *good.recipients),
        wraps=(good.wraps[0], *good.wraps),
    )
    for changed in (swapped, twice):
        assert refusal(resigned(changed)) is Reason.RECIPIENTS_INVALID


@pytest.mark.must("CHECK-10")
def test_a_frame_without_its_originator_is_refused() -> None:
    good = frame()
    others = [at for at, one in enumerate(good.recipients) if ORIGINATOR.encode() not in one]
    without = replace(
        good,
        recipients=tuple(good.recipients[at] for at in others),
        wraps=tuple(good.wraps[at] for at in others),
    )
    assert refusal(resigned(without)) is Reason.RECIPIENTS_INVALID


@pytest.mark.must("CHECK-11")
def test_other_notices_than_those_signed_are_refused() -> None:
    good = frame()
    first, second, third = good.notices
    swapped = replace(first, body=second.body), replace(second, body=first.body), third
    renamed = replace(first, header=with_item(first.header, 1, new_uuid7(NOW)))
    for notices in (
        (first, second),
        (second, first, third),
        (first, second, third, third),
        swapped,
        (renamed, second, third),
        (replace(first, body=first.body + b"\x00"), second, third),
    ):
        assert refusal(replace(good, notices=notices)) is Reason.STATEMENT_MISMATCH
    assert refusal(resigned(good, notice_count=4)) is Reason.STATEMENT_MISMATCH


@pytest.mark.must("CHECK-12")
def test_a_notice_id_twice_is_refused() -> None:
    first, second, third = frame().notices
    again = replace(second, header=first.header)
    assert refusal(resigned(replace(frame(), notices=(first, again, third)))) is (
        Reason.REPEATED_ID
    )


def test_a_signature_over_a_framed_statement_is_none() -> None:
    signer = federation().agencies[ORIGINATOR].signer
    signature = signer.sign("application/vnd.tocsin.frame.v1", framed("x", frame().statement))
    assert refusal(replace(frame(), signature=signature)) is Reason.SIGNATURE_INVALID


def test_limits_alone_are_checked_without_a_keyset() -> None:
    checking.check_limits(frame())
