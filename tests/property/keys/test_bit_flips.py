# SPDX-License-Identifier: Apache-2.0
"""Every single-bit flip of a frame of three notices for three recipients is refused: all of them.

Each flip goes through the real check, hashing and decoding included. One thing is remembered: that
the untouched statement and signature verify. A flip in either is verified in earnest.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from keys.checking import check_frame
from keys.envelope import Frame
from keys.errors import Reason, TrustError
from keys.opening import DeliveredFrame, open_delivery, verify_delivery
from keys.signing import PAYLOAD_FRAME, SIGNATURE_BYTES, Keyset, verify
from tests.simulator.federation import KEYSET, TOPIC, Federation, build_federation, delivery_of

AGENCIES = ("gr-pol", "hr-ngo", "ro-pol")
INDEX_BITS = 32


@pytest.fixture(scope="module")
def federation() -> Federation:
    return build_federation(AGENCIES)


@pytest.fixture(scope="module")
def frame(federation: Federation) -> Frame:
    return federation.seal("gr-pol", [b"first", b"second", b"third"])


@pytest.fixture(scope="module")
def keyset(federation: Federation) -> Keyset:
    found = federation.directory.keyset("gr-pol", KEYSET)
    assert found is not None
    return found


@pytest.fixture(autouse=True)
def _untouched_signature_is_remembered(
    frame: Frame, keyset: Keyset, monkeypatch: pytest.MonkeyPatch
) -> None:
    untouched = (frame.statement, frame.signature)

    def verify_once(by: Keyset, payload_type: str, payload: bytes, signature: bytes) -> None:
        if by is not keyset or (payload, signature) != untouched:
            verify(by, payload_type, payload, signature)

    verify(keyset, PAYLOAD_FRAME, *untouched)
    monkeypatch.setattr("keys.checking.verify", verify_once)


def flips(data: bytes) -> Iterator[bytes]:
    """Yield `data` with each of its bits flipped, one at a time."""
    for place in range(len(data)):
        for bit in range(8):
            yield data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


def flipped_in(items: tuple[Any, ...], place: int, name: str = "") -> Iterator[tuple[Any, ...]]:
    """Yield `items` with each bit of one item, or of an attribute of it, flipped."""
    item = items[place]
    for changed in flips(getattr(item, name) if name else item):
        new = replace(item, **{name: changed}) if name else changed
        yield (*items[:place], new, *items[place + 1 :])


def flipped_frames(frame: Frame) -> Iterator[tuple[str, Frame]]:
    """Yield every frame that differs in one bit, with the part that it differs in."""
    for name in ("header", "statement", "signature"):
        for data in flips(getattr(frame, name)):
            yield name, replace(frame, **{name: data})  # type: ignore[arg-type]
    for name in ("recipients", "wraps"):
        held = getattr(frame, name)
        for place in range(len(held)):
            for items in flipped_in(held, place):
                yield name, replace(frame, **{name: items})  # type: ignore[arg-type]
    for place in range(len(frame.notices)):
        for name in ("header", "body"):
            for items in flipped_in(frame.notices, place, name):
                yield f"notice {name}", replace(frame, notices=items)


def flipped_deliveries(
    delivered: DeliveredFrame, parts: tuple[str, ...]
) -> Iterator[tuple[str, DeliveredFrame]]:
    """Yield every delivery that differs in one bit, with the part that it differs in.

    Args:
        delivered: an honest delivery.
        parts: which of its whole parts to flip; paths, notices and places are always flipped.
    """
    for name in parts:
        for data in flips(getattr(delivered, name)):
            yield name, replace(delivered, **{name: data})  # type: ignore[arg-type]
    for place in range(len(delivered.recipient_path)):
        for items in flipped_in(delivered.recipient_path, place):
            yield "recipient path", replace(delivered, recipient_path=items)
    for bit in range(INDEX_BITS):
        yield (
            "recipient index",
            replace(delivered, recipient_index=delivered.recipient_index ^ 1 << bit),
        )
    yield from flipped_notices(delivered)


def flipped_notices(delivered: DeliveredFrame) -> Iterator[tuple[str, DeliveredFrame]]:
    """Yield every delivery that differs in one bit of one of its notices."""
    for place, notice in enumerate(delivered.notices):
        for name in ("header", "body"):
            for items in flipped_in(delivered.notices, place, name):
                yield f"notice {name}", replace(delivered, notices=items)
        changed = [replace(notice, index=notice.index ^ 1 << bit) for bit in range(INDEX_BITS)]
        for hash_place in range(len(notice.path)):
            changed += [replace(notice, path=path) for path in flipped_in(notice.path, hash_place)]
        for new in changed:
            items = (*delivered.notices[:place], new, *delivered.notices[place + 1 :])
            yield "notice place", replace(delivered, notices=items)


def refusals(
    candidates: Iterator[tuple[str, Any]], accept: Callable[[Any], object]
) -> Counter[tuple[str, Reason]]:
    """Count why candidates are refused, by part; fail on the first that is not."""
    counted: Counter[tuple[str, Reason]] = Counter()
    for part, candidate in candidates:
        try:
            accept(candidate)
        except TrustError as refused:
            counted[part, refused.reason] += 1
        else:
            pytest.fail(f"a flipped bit in the {part} is accepted")
    return counted


@pytest.mark.slow
def test_the_broker_refuses_every_flipped_bit(
    federation: Federation, frame: Frame, keyset: Keyset
) -> None:
    counted = refusals(
        flipped_frames(frame), lambda flipped: check_frame(flipped, keyset, federation.id)
    )
    assert counted == {
        ("header", Reason.STATEMENT_MISMATCH): 8 * len(frame.header),
        ("statement", Reason.SIGNATURE_INVALID): 8 * len(frame.statement),
        ("signature", Reason.SIGNATURE_INVALID): 8 * SIGNATURE_BYTES,
        ("recipients", Reason.STATEMENT_MISMATCH): 8 * sum(map(len, frame.recipients)),
        ("wraps", Reason.STATEMENT_MISMATCH): 8 * sum(map(len, frame.wraps)),
        ("notice header", Reason.STATEMENT_MISMATCH): 8 * sum(len(n.header) for n in frame.notices),
        ("notice body", Reason.STATEMENT_MISMATCH): 8 * sum(len(n.body) for n in frame.notices),
    }


def receiver(
    federation: Federation, keyset: Keyset, agency: str
) -> Callable[[DeliveredFrame], object]:
    """Return what an agency does with a delivery: verify, then open."""
    key = federation.agencies[agency].decryption

    def accept(delivered: DeliveredFrame) -> object:
        checked = verify_delivery(delivered, keyset, federation.id, agency, TOPIC)
        return open_delivery(checked, delivered, key)

    return accept


EVERYTHING = ("header", "statement", "signature", "recipient", "wrap")
OWN = ("header", "recipient", "wrap")
"""The parts beside those that all recipients get and `hr-ngo` checks."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("agency", "parts"), [("gr-pol", OWN), ("hr-ngo", EVERYTHING), ("ro-pol", OWN)]
)
def test_a_receiver_refuses_every_flipped_bit(
    federation: Federation, frame: Frame, keyset: Keyset, agency: str, parts: tuple[str, ...]
) -> None:
    delivered, accept = delivery_of(frame, agency), receiver(federation, keyset, agency)
    accept(delivered)
    counted = refusals(flipped_deliveries(delivered, parts), accept)
    whole = sum(len(getattr(delivered, name)) for name in parts)
    notices = sum(len(notice.header) + len(notice.body) for notice in frame.notices)
    places = INDEX_BITS * (1 + len(frame.notices))
    assert counted.total() == 8 * (whole + notices + 32 * len(delivered.recipient_path)) + places
    assert {reason for part, reason in counted if part in ("statement", "signature")} <= {
        Reason.SIGNATURE_INVALID
    }


@pytest.mark.slow
def test_a_receiver_of_a_part_refuses_every_flipped_bit(
    federation: Federation, frame: Frame, keyset: Keyset
) -> None:
    delivered, accept = delivery_of(frame, "hr-ngo", [1]), receiver(federation, keyset, "hr-ngo")
    accept(delivered)
    counted = refusals(flipped_deliveries(delivered, OWN), accept)
    assert counted["notice place", Reason.PROOF_INVALID] >= 8 * 32 * 2
    assert counted.total() > 8 * len(delivered.wrap)
