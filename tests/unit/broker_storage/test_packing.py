# SPDX-License-Identifier: Apache-2.0
"""A frame comes back as it was packed; other bytes are refused by our own error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.domain.deliveries import StoredFrame
from broker.domain.receipts import LogRef
from broker.errors import BrokerError, Reason
from broker.storage.packing import packed, stored, unpacked
from keys.framing import framed, listed, sha256, u8, u32
from tests.property.storage.frames import admission, notice_id

LOG = LogRef(index=3, salt=b"s" * 32, time_ms=7)
TOPIC = "trafficking/cases"
LABEL = "tocsin/stored-frame/v1"
ADMITTED = admission(
    links={"gr-pol": (1, bytes(32)), "ro-pol": (1, bytes(32))},
    notice_ids=[notice_id(number) for number in range(3)],
)
CONTENT = packed(ADMITTED.checked.frame)


def parts(content: bytes = CONTENT) -> list[bytes]:
    frame = ADMITTED.checked.frame
    headers = listed([notice.header for notice in frame.notices])
    bodies = listed([notice.body for notice in frame.notices])
    return [frame.header, frame.statement, frame.signature, headers, bodies, listed([])]


def gone(*indices: int, reason: int = 3) -> bytes:
    """Return what a frame says of notices that were destroyed."""
    return listed([listed([u32(index), u8(reason), bytes(32)]) for index in indices])


def refusal(content: bytes, digest: bytes | None = None) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        unpacked(TOPIC, 1, LOG, content, sha256(content) if digest is None else digest)
    assert caught.value.reason is Reason.INTERNAL
    return caught.value


def test_bytes_that_changed_since_are_damaged() -> None:
    changed = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]
    assert refusal(changed, sha256(CONTENT)).detail == f"frame 1 of {TOPIC} is damaged"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        CONTENT[:-1],
        CONTENT + b"x",
        framed(LABEL, *parts()[:5]),
        framed("tocsin/other/v1", *parts()),
        framed(LABEL, b"header", *parts()[1:]),
        framed(LABEL, parts()[0], b"statement", *parts()[2:]),
        framed(LABEL, *parts()[:4], listed([b"body"] * 2), parts()[5]),
        framed(LABEL, *parts()[:3], listed([b"header"] * 3), *parts()[4:]),
        framed(LABEL, *parts()[:5], b"gone"),
        framed(LABEL, *parts()[:5], gone(1)[:-1]),
        framed(LABEL, *parts()[:5], gone(3)),
        framed(LABEL, *parts()[:5], gone(1, reason=9)),
        framed(LABEL, *parts()[:5], gone(1, 1)),
    ],
)
def test_other_bytes_do_not_decode_even_under_their_own_digest(content: bytes) -> None:
    assert refusal(content).detail.startswith(f"frame 1 of {TOPIC} does not decode")


@given(st.binary(max_size=200))
def test_hostile_bytes_raise_our_error(content: bytes) -> None:
    refusal(content)


def test_a_frame_comes_back_from_its_bytes_as_from_its_parts() -> None:
    from_bytes = unpacked(TOPIC, 5, LOG, CONTENT, sha256(CONTENT))
    from_parts = stored(ADMITTED, 5, LOG, len(CONTENT))
    for name in StoredFrame.__slots__:
        assert getattr(from_bytes, name) == getattr(from_parts, name), name
