# SPDX-License-Identifier: Apache-2.0
"""Records of several files keep their file and line; what cannot be read says so."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from agency_client.cli import gathering
from agency_client.cli.gathering import gather

TOPIC = "trafficking/cases"
GOOD = json.dumps({"type": "FREE_TEXT", "tlp": "GREEN", "title": "t", "text": "x"})


def test_records_of_several_files_keep_their_place(tmp_path: Path) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.yaml"
    one.write_text(f"{GOOD}\n{{}}\n{GOOD}\n")
    two.write_text(f"# comment\n---\n{GOOD}\n")
    gathered = gather([str(one), str(two)], topic=TOPIC, to=["ro-pol"])
    assert [(record.source, record.line) for record in gathered.drafts] == [
        (str(one), 1),
        (str(one), 3),
        (str(two), 3),
    ]
    assert [(refused.source, refused.line, refused.reason) for refused in gathered.refused] == [
        (str(one), 2, "MISSING_FIELD")
    ]
    assert {record.draft.to for record in gathered.drafts} == {("ro-pol",)}


def test_a_dash_is_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(GOOD.encode())))
    (record,) = gather(["-"], topic=TOPIC, to=()).drafts
    assert (record.source, record.line) == ("stdin", 1)


def test_a_file_that_is_too_large_is_not_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "endless"
    path.write_bytes(b" " * 100)
    monkeypatch.setattr(gathering, "MAX_INPUT_BYTES", 10)
    assert len(gathering._bytes(str(path))) == 11


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_file_that_cannot_be_read_is_an_error_of_the_system(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError):
        gather([str(tmp_path / name)], topic=TOPIC, to=())
