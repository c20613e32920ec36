# SPDX-License-Identifier: Apache-2.0
"""What we hold others to is kept, grows, and is never replaced by less or by something else."""

from dataclasses import replace

import pytest

from agency_client.domain.records import Head, PinnedCheckpoint
from agency_client.errors import AgencyError, Reason
from agency_client.store.profile_store import ProfileStore
from tests.unit.agency_store.samples import NOW, OTHER, batch, digest, ident


def _checkpoint(size: int, root: str = "") -> PinnedCheckpoint:
    name = root or f"root {size}"
    return PinnedCheckpoint(size=size, root=digest(name), note=f"note {name}", seen_at=NOW)


def _head(size: int, root: str = "") -> Head:
    return Head(
        log="acts",
        size=size,
        root=digest(root or f"root {size}"),
        originator=OTHER,
        seal_id=ident("seal"),
    )


def test_roots_are_kept_in_order(store: ProfileStore) -> None:
    assert store.trust.roots() == ()
    store.trust.set_roots([b"one"])
    store.trust.set_roots([b"one", b"two"])
    assert store.trust.roots() == (b"one", b"two")


def test_a_shorter_list_of_roots_takes_nothing_away(store: ProfileStore) -> None:
    store.trust.set_roots([b"one", b"two"])
    store.trust.set_roots([b"one"])
    store.trust.set_roots([])
    assert store.trust.roots() == (b"one", b"two")


def test_entries_are_appended_and_read_in_order(store: ProfileStore) -> None:
    store.trust.add_entries(0, [b"a", b"b"])
    store.trust.add_entries(2, [b"c"])
    store.trust.add_entries(3, [])
    assert store.trust.entries() == (b"a", b"b", b"c")


def test_entries_that_another_process_appended_stay(store: ProfileStore) -> None:
    store.trust.add_entries(0, [b"a", b"b"])
    store.trust.add_entries(1, [b"x", b"c"])
    assert store.trust.entries() == (b"a", b"b", b"c")


def test_entries_that_leave_a_gap_are_refused(store: ProfileStore) -> None:
    store.trust.add_entries(0, [b"a"])
    with pytest.raises(AgencyError, match="entries from 2 on would leave a gap behind 1") as caught:
        store.trust.add_entries(2, [b"c"])
    assert caught.value.reason is Reason.DIRECTORY_INVALID
    assert store.trust.entries() == (b"a",)


def test_the_largest_checkpoint_of_each_log_is_pinned(store: ProfileStore) -> None:
    assert store.trust.checkpoint("acts") is None
    for size in (4, 9, 7):
        store.trust.pin("acts", _checkpoint(size))
    store.trust.pin("directory", _checkpoint(2))
    assert store.trust.checkpoint("acts") == _checkpoint(9)
    assert store.trust.checkpoint("directory") == _checkpoint(2)


def test_another_root_of_the_pinned_size_is_refused_and_the_first_stays(
    store: ProfileStore,
) -> None:
    store.trust.pin("acts", _checkpoint(4))
    with pytest.raises(AgencyError, match="another root of size 4 is pinned") as caught:
        store.trust.pin("acts", _checkpoint(4, "fork"))
    assert caught.value.reason is Reason.LOG_INVALID
    assert store.trust.checkpoint("acts") == _checkpoint(4)


def test_pinning_a_checkpoint_again_changes_nothing(store: ProfileStore) -> None:
    store.trust.pin("acts", _checkpoint(4))
    store.trust.pin("acts", replace(_checkpoint(4), seen_at=NOW + 1))
    assert store.trust.checkpoint("acts") == _checkpoint(4)


def test_heads_are_compared_once_smallest_first(store: ProfileStore) -> None:
    heads = [_head(9), _head(2), _head(5), _head(5, "fork")]
    store.inbox.record(batch(heads=heads), NOW)
    assert [head.size for head in store.trust.unchecked_heads("acts", 10)] == [2, 5, 5, 9]
    assert [head.size for head in store.trust.unchecked_heads("acts", 1)] == [2]
    store.trust.set_checked([_head(2), _head(5)])
    left = store.trust.unchecked_heads("acts", 10)
    assert [(head.size, head.root) for head in left] == [(5, digest("fork")), (9, heads[0].root)]
    store.inbox.record(batch(heads=heads), NOW)
    assert len(store.trust.unchecked_heads("acts", 10)) == 2
    assert store.trust.unchecked_heads("directory", 10) == ()
