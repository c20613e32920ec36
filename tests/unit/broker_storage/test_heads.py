# SPDX-License-Identifier: Apache-2.0
"""The file of signed heads is there whole or as it was before."""

import json
from pathlib import Path

import pytest

from broker.domain.logs import LogKind
from broker.ports.store import Head
from broker.storage.heads import HeadsFile

ACTS = Head(size=7, root=b"r" * 32, note="origin\n7\n\n— note\n")
DIRECTORY = Head(size=2, root=b"d" * 32, note="")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "broker.db.heads"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "null",
        "[1]",
        "{",
        '{"ACTS": null}',
        '{"ACTS": {"size": 1}}',
        '{"ACTS": {"size": "1", "root": "", "note": ""}}',
        '{"ACTS": {"size": 1, "root": 5, "note": ""}}',
        '{"ACTS": {"size": 1, "root": "xy", "note": ""}}',
        '{"SECRETS": {"size": 1, "root": "", "note": ""}}',
    ],
)
def test_what_was_not_written_by_it_is_refused(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(ValueError):
        HeadsFile(path).read()


def test_a_malformed_file_is_not_written_over(path: Path) -> None:
    path.write_text("{")
    with pytest.raises(ValueError):
        HeadsFile(path).write(LogKind.ACTS, ACTS)
    assert path.read_text() == "{"


def test_a_folder_that_is_gone_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        HeadsFile(tmp_path / "no" / "heads").write(LogKind.ACTS, ACTS)


def test_where_nothing_was_written_there_are_no_heads(path: Path) -> None:
    assert HeadsFile(path).read() == {}


def test_each_log_has_its_newest_head(path: Path) -> None:
    file = HeadsFile(path)
    file.write(LogKind.ACTS, Head(size=1, root=bytes(32), note="older"))
    file.write(LogKind.DIRECTORY, DIRECTORY)
    file.write(LogKind.ACTS, ACTS)
    assert HeadsFile(path).read() == {LogKind.ACTS: ACTS, LogKind.DIRECTORY: DIRECTORY}
    assert json.loads(path.read_text())["ACTS"]["size"] == 7
    assert [one.name for one in path.parent.iterdir()] == ["broker.db.heads"]
