# SPDX-License-Identifier: Apache-2.0
"""The agency's own log: durable before it returns, a tree that outsiders can check, and salted."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from agency_client.domain.openings import OpeningKind, leaf_fields
from agency_client.domain.records import Opening
from agency_client.errors import AgencyError, Reason
from agency_client.store.profile_store import ProfileStore
from keys import merkle
from keys.errors import LeafError
from keys.logleaf import encode_leaf
from tests.unit.agency_store.samples import AGENCY, KEY, NOW

OPENING = Opening(
    kind=OpeningKind.SHOW,
    at_ms=NOW,
    who="officer-7",
    purpose="INVESTIGATION",
    case="2026/118",
    notices=("ro-pol/0123", "ro-pol/4567"),
)


def _append(store: ProfileStore, count: int) -> list[bytes]:
    """Append openings and return the leaves that the log holds."""
    for number in range(count):
        store.openings.append(replace(OPENING, at_ms=NOW + number))
    return [leaf for leaf, _, _ in store.openings.leaves(0, count)]


def test_an_empty_log_has_the_empty_root(store: ProfileStore) -> None:
    assert store.openings.head() == (0, merkle.EMPTY_ROOT)
    assert store.openings.leaves(0, 10) == ()


def test_a_leaf_says_who_looked_at_what_under_its_salt(store: ProfileStore) -> None:
    reference = store.openings.append(OPENING)
    ((leaf, salt, opening),) = store.openings.leaves(0, 10)
    assert opening == OPENING
    assert (reference.index, reference.salt, reference.time_ms) == (0, salt, NOW)
    assert leaf == encode_leaf(OPENING.kind, NOW, leaf_fields(OPENING), salt)
    assert len(salt) == 32
    assert b"officer-7" not in leaf
    assert b"ro-pol" not in leaf


def test_equal_openings_have_unlike_leaves(store: ProfileStore) -> None:
    store.openings.append(OPENING)
    store.openings.append(OPENING)
    first, second = store.openings.leaves(0, 2)
    assert first[0] != second[0]


def test_another_process_sees_a_leaf_as_soon_as_append_returned(
    store: ProfileStore, folder: Path
) -> None:
    other = ProfileStore(folder, KEY, AGENCY)
    for size in range(1, 4):
        store.openings.append(OPENING)
        assert other.openings.head()[0] == size
    assert other.openings.head() == store.openings.head()
    other.close()


def test_two_processes_append_to_one_tree(store: ProfileStore, folder: Path) -> None:
    other = ProfileStore(folder, KEY, AGENCY)
    for number in range(10):
        (store if number % 2 else other).openings.append(OPENING)
    hashes = [merkle.hash_leaf(leaf) for leaf, _, _ in store.openings.leaves(0, 10)]
    assert other.openings.head() == (10, merkle.root(hashes))
    other.close()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 33])
def test_the_root_is_that_of_all_leaves(store: ProfileStore, size: int) -> None:
    hashes = [merkle.hash_leaf(leaf) for leaf in _append(store, size)]
    assert store.openings.head() == (size, merkle.root(hashes))


def test_the_stored_nodes_prove_every_leaf_and_every_earlier_head(store: ProfileStore) -> None:
    hashes = [merkle.hash_leaf(leaf) for leaf in _append(store, 13)]
    size, root = store.openings.head()
    for index, leaf_hash in enumerate(hashes):
        path = merkle.stored_inclusion_path(index, size, store.openings.node)
        merkle.verify_inclusion(leaf_hash, index, path, size, root)
    for old in range(1, size):
        path = merkle.stored_consistency_path(old, size, store.openings.node)
        merkle.verify_consistency(old, size, path, merkle.root(hashes[:old]), root)


def test_leaves_are_read_in_parts(store: ProfileStore) -> None:
    _append(store, 5)
    times = [opening.at_ms - NOW for _, _, opening in store.openings.leaves(2, 2)]
    assert times == [2, 3]
    assert store.openings.leaves(5, 2) == ()


def test_a_leaf_that_cannot_be_written_is_told_and_is_not_there(store: ProfileStore) -> None:
    _append(store, 1)
    before = store.openings.head()
    with store._database.write() as connection:
        connection.execute(text("DROP TABLE opening_nodes"))
    with pytest.raises(AgencyError) as caught:
        store.openings.append(OPENING)
    assert caught.value.reason is Reason.STORE_FAILED
    assert len(store.openings.leaves(0, 10)) == before[0]


def test_text_that_is_not_unicode_is_refused_and_nothing_is_written(store: ProfileStore) -> None:
    with pytest.raises(LeafError, match="text cannot be UTF-8"):
        store.openings.append(replace(OPENING, who="\ud800"))
    assert store.openings.head() == (0, merkle.EMPTY_ROOT)
