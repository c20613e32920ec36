# SPDX-License-Identifier: Apache-2.0
"""The check of generated files passes here, and notices each planted difference."""

import json
import shutil
from pathlib import Path

import pytest

from keys.hpke import WRAP_BYTES
from keys.signing import PAYLOAD_FRAME, SIGNATURE_BYTES
from tests.generated import PROTOS, REPOSITORY, VECTORS, differences
from tests.vectors.cast import Cast
from tests.vectors.form import Kept


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of all that is generated, and of what it is generated from."""
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in (PROTOS, VECTORS):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=ignored)
    return tmp_path


@pytest.mark.slow
def test_what_is_committed_is_what_its_sources_say(repository: Path) -> None:
    assert differences(repository) == []


@pytest.mark.slow
def test_each_file_that_differs_is_named(repository: Path) -> None:
    code = repository / PROTOS / "tocsin/v1"
    (code / "core_pb2.py").write_bytes((code / "core_pb2.py").read_bytes() + b"\n")
    (code / "log_service_pb2.pyi").unlink()
    (code / "gone_pb2.py").write_bytes(b"")
    marking = repository / VECTORS / "marking.json"
    changed = json.loads(marking.read_text())
    changed["inputs"]["marking"]["tlp"] = "RED"
    marking.write_text(json.dumps(changed))
    gone = min((repository / VECTORS / "refused").glob("*.json"))
    gone.unlink()
    assert differences(repository) == [
        "protos/tocsin/v1/core_pb2.py: not what its source says; run protos/regenerate",
        "protos/tocsin/v1/gone_pb2.py: nothing generates it; run protos/regenerate",
        "protos/tocsin/v1/log_service_pb2.pyi: missing; run protos/regenerate",
        "tests/vectors/marking.json: not what its source says; run python -m tests.vectors.make",
        f"tests/vectors/refused/{gone.name}: missing; run python -m tests.vectors.make",
    ]


def test_a_kept_signature_is_used_again_and_one_that_does_not_verify_is_not() -> None:
    fresh = Cast(kept=Kept()).signer("gr-pol").sign(PAYLOAD_FRAME, b"statement")
    kept = Kept([bytes(SIGNATURE_BYTES), fresh])
    assert Cast(kept=kept).signer("gr-pol").sign(PAYLOAD_FRAME, b"statement") == fresh
    assert Cast(kept=kept).signer("gr-pol").sign(PAYLOAD_FRAME, b"another") != fresh


def test_a_kept_wrap_is_used_again_and_one_of_another_secret_is_not() -> None:
    fresh = Cast(kept=Kept()).wrapped("gr-pol", b"info", bytes(32))
    kept = Kept([bytes(WRAP_BYTES), fresh])
    assert Cast(kept=kept).wrapped("gr-pol", b"info", bytes(32)) == fresh
    assert Cast(kept=kept).wrapped("gr-pol", b"info", b"1" * 32) != fresh
    assert Cast(kept=kept).wrapped("gr-pol", b"other info", bytes(32)) != fresh
