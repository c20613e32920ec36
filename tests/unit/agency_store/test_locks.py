# SPDX-License-Identifier: Apache-2.0
"""One publisher per outlet and one receiver per profile, whatever happens to them."""

import subprocess
import sys
from pathlib import Path

import pytest

from agency_client.errors import AgencyError, Reason
from agency_client.store.locks import FileLocks

_HOLDER = """
import sys
from pathlib import Path
from agency_client.store.locks import FileLocks

with getattr(FileLocks(Path(sys.argv[1])), sys.argv[2])():
    print("held", flush=True)
    sys.stdin.read()
"""


def _holder(folder: Path, name: str) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(folder), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def _take(locks: FileLocks, name: str) -> None:
    with getattr(locks, name)():
        pass


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("outlet", "another process is publishing from this profile"),
        ("receiver", "another process is receiving into this profile"),
    ],
)
def test_a_second_process_is_refused_until_the_first_has_ended(
    tmp_path: Path, name: str, message: str
) -> None:
    with _holder(tmp_path, name) as child:
        with pytest.raises(AgencyError, match=message) as caught:
            _take(FileLocks(tmp_path), name)
        child.communicate()
    assert caught.value.reason is Reason.PROFILE_IN_USE
    _take(FileLocks(tmp_path), name)


@pytest.mark.parametrize("name", ["outlet", "receiver"])
def test_a_killed_process_lets_its_lock_go(tmp_path: Path, name: str) -> None:
    with _holder(tmp_path, name) as child:
        child.kill()
        child.communicate()
    _take(FileLocks(tmp_path), name)


def test_publisher_and_receiver_do_not_stand_in_each_others_way(tmp_path: Path) -> None:
    with _holder(tmp_path, "receiver") as child:
        _take(FileLocks(tmp_path), "outlet")
        child.communicate()


def test_a_second_holder_in_one_process_is_refused(tmp_path: Path) -> None:
    with FileLocks(tmp_path).outlet(), pytest.raises(AgencyError) as caught:
        _take(FileLocks(tmp_path), "outlet")
    assert caught.value.reason is Reason.PROFILE_IN_USE


def test_a_holder_that_raises_lets_its_lock_go(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path)
    with pytest.raises(KeyError), locks.outlet():
        raise KeyError
    _take(locks, "outlet")


def test_a_patient_one_takes_the_lock_when_it_is_free(tmp_path: Path) -> None:
    with _holder(tmp_path, "outlet") as child:
        assert child.stdin is not None
        child.stdin.close()
        _take(FileLocks(tmp_path, patience_seconds=30), "outlet")


def test_patience_ends(tmp_path: Path) -> None:
    with _holder(tmp_path, "outlet") as child:
        with pytest.raises(AgencyError) as caught:
            _take(FileLocks(tmp_path, patience_seconds=0.01), "outlet")
        child.communicate()
    assert caught.value.reason is Reason.PROFILE_IN_USE


def test_a_profile_that_cannot_be_locked_is_told(tmp_path: Path) -> None:
    (tmp_path / "locks").write_bytes(b"")
    with pytest.raises(AgencyError, match="the profile cannot be locked") as caught:
        _take(FileLocks(tmp_path / "locks"), "outlet")
    assert caught.value.reason is Reason.STORE_FAILED


def test_a_lock_is_not_taken_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "outlet").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AgencyError, match="the profile cannot be locked"):
        _take(FileLocks(tmp_path), "outlet")
    assert not (tmp_path / "elsewhere").exists()
