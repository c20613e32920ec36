# SPDX-License-Identifier: Apache-2.0
"""Which outlet an outbox numbers for, and that no copy of a profile goes on with the same one."""

import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from agency_client.domain.records import FIRST_LINK
from agency_client.errors import AgencyError, Reason
from agency_client.store.marker import Marker
from agency_client.store.profile_store import ProfileStore
from tests.unit.agency_store.samples import AGENCY, KEY, TOPIC, queue


def _outlet(folder: Path) -> bytes:
    store = ProfileStore(folder, KEY, AGENCY)
    try:
        return store.outbox.outlet()
    finally:
        store.close()


def test_an_outlet_stays_the_same_through_restarts(folder: Path) -> None:
    first = _outlet(folder)
    assert len(first) == 16
    assert _outlet(folder) == first


def test_an_outlet_stays_the_same_when_the_profile_is_moved(folder: Path, tmp_path: Path) -> None:
    first = _outlet(folder)
    folder.rename(tmp_path / "moved")
    assert _outlet(tmp_path / "moved") == first


def _copied(folder: Path, target: Path) -> None:
    shutil.copytree(folder, target)


def _copied_with_times(folder: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", str(folder), str(target)], check=True)


def _restored_in_place(folder: Path, target: Path) -> None:
    """Put a backup where the profile was, so that file numbers may be used again."""
    backup = target.with_suffix(".tar")
    with tarfile.open(backup, "w") as archive:
        archive.add(folder, arcname=folder.name)
    shutil.rmtree(folder)
    with tarfile.open(backup) as archive:
        archive.extractall(folder.parent, filter="fully_trusted")
    folder.rename(target)


@pytest.mark.parametrize("copy", [_copied, _copied_with_times, _restored_in_place])
def test_a_copied_or_restored_profile_begins_a_new_outlet(
    folder: Path, tmp_path: Path, copy: Callable[[Path, Path], None]
) -> None:
    first = _outlet(folder)
    copy(folder, tmp_path / "copy")
    second = _outlet(tmp_path / "copy")
    assert second != first
    assert _outlet(tmp_path / "copy") == second


def test_the_chains_of_a_new_outlet_start_anew(folder: Path, tmp_path: Path) -> None:
    store = ProfileStore(folder, KEY, AGENCY)
    queue(store.outbox, "first")
    store.close()
    shutil.copytree(folder, tmp_path / "copy")
    copy = ProfileStore(tmp_path / "copy", KEY, AGENCY)
    links = copy.outbox.links(copy.outbox.outlet(), TOPIC, [AGENCY])
    assert links == {AGENCY: FIRST_LINK}
    assert copy.outbox.count() == (1, 1)
    copy.close()


def test_the_original_keeps_its_outlet_beside_a_copy(folder: Path, tmp_path: Path) -> None:
    first = _outlet(folder)
    shutil.copytree(folder, tmp_path / "copy")
    _outlet(tmp_path / "copy")
    assert _outlet(folder) == first


@pytest.mark.parametrize("damage", ["removed", "emptied", "other bytes"])
def test_a_damaged_marker_begins_a_new_outlet(folder: Path, damage: str) -> None:
    first = _outlet(folder)
    marker = folder / "locks" / "outlet-marker"
    if damage == "removed":
        marker.unlink()
    else:
        marker.write_bytes(b"" if damage == "emptied" else bytes(16))
    assert _outlet(folder) != first


def test_a_database_from_before_the_last_outlet_begins_another(folder: Path) -> None:
    first = _outlet(folder)
    held = (folder / "store.db").read_bytes()
    store = ProfileStore(folder, KEY, AGENCY)
    second = store.outbox.new_outlet()
    store.close()
    (folder / "store.db").write_bytes(held)
    assert len({first, second, _outlet(folder)}) == 3


def test_a_new_outlet_is_asked_for_and_stays(store: ProfileStore) -> None:
    first = store.outbox.outlet()
    second = store.outbox.new_outlet()
    assert second != first
    assert store.outbox.outlet() == second


def test_a_marker_that_cannot_be_read_is_told(store: ProfileStore, folder: Path) -> None:
    store.outbox.outlet()
    (folder / "locks" / "outlet-marker").unlink()
    (folder / "locks" / "outlet-marker").mkdir()
    with pytest.raises(AgencyError, match="is a directory") as caught:
        store.outbox.outlet()
    assert caught.value.reason is Reason.STORE_FAILED


def test_a_hard_link_to_the_marker_is_no_copy_of_it(tmp_path: Path) -> None:
    marker = Marker(tmp_path / "marker")
    known = marker.renew()
    assert marker.read() == known
    os.link(tmp_path / "marker", tmp_path / "other")
    assert Marker(tmp_path / "other").read() != known
