# SPDX-License-Identifier: Apache-2.0
"""The frames that were used last stay, up to a number of bytes."""

from broker.domain.deliveries import StoredFrame
from broker.domain.receipts import LogRef
from broker.storage.cache import FrameCache
from broker.storage.packing import stored
from tests.property.storage.frames import admission

LOG = LogRef(index=0, salt=bytes(32), time_ms=0)


def frame(sequence: int, size: int = 9000) -> StoredFrame:
    links = {"gr-pol": (1, bytes(32))}
    return stored(admission(links=links), sequence, LOG, size)


def kept(cache: FrameCache, frames: list[StoredFrame]) -> list[int]:
    return [one.sequence for one in frames if cache.get(*one.key) is not None]


def test_a_frame_that_was_not_put_is_not_here() -> None:
    cache = FrameCache(1 << 20)
    cache.put(frame(1))
    assert cache.get("trafficking/cases", 2) is None
    assert cache.get("trafficking/labour", 1) is None


def test_the_same_object_comes_back() -> None:
    cache, one = FrameCache(1 << 20), frame(1)
    cache.put(one)
    cache.put(frame(1))
    assert cache.get(*one.key) is one


def test_what_was_used_longest_ago_goes_first() -> None:
    cache, frames = FrameCache(32_000), [frame(number) for number in range(4)]
    for one in frames[:3]:
        cache.put(one)
    cache.get(*frames[0].key)
    cache.put(frames[3])
    assert kept(cache, frames) == [0, 2, 3]


def test_a_frame_larger_than_the_cache_is_not_kept_and_empties_it() -> None:
    cache, frames = FrameCache(32_000), [frame(0), frame(1, 40_000), frame(2)]
    for one in frames:
        cache.put(one)
    assert kept(cache, frames) == [2]


def test_a_cache_of_nothing_keeps_nothing() -> None:
    cache = FrameCache(0)
    cache.put(frame(1))
    assert cache.get("trafficking/cases", 1) is None
