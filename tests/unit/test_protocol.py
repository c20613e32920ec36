# SPDX-License-Identifier: Apache-2.0
"""Holds docs/protocol.md and the tests together: every requirement has a test that names it.

Reads both as text and syntax; whether a test really tests what it names is for its reviewer.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = ROOT / "docs" / "protocol.md"
TESTS = ROOT / "tests"

ID = re.compile(r"[A-Z]+-[1-9][0-9]*")
REQUIREMENT = re.compile(r"^- \*\*\[([^\]]+)\]\*\* (.+)$", re.MULTILINE)
NAMED = re.compile(r"\*\*\[[^\]]+\]\*\*")
CONVENTIONS = re.compile(r"^\*\*Requirements\*\*.*$", re.MULTILINE)
SECTION = re.compile(r"^## ([0-9]+) ", re.MULTILINE)
REFERENCE = re.compile(r"docs/protocol\.md[\s#/]+sections? ([0-9]+)(?: and ([0-9]+))?")


@cache
def document() -> str:
    return PROTOCOL.read_text(encoding="utf-8")


def requirements() -> list[tuple[str, str]]:
    return REQUIREMENT.findall(document())


def marks(tree: ast.Module) -> Iterator[str]:
    """Yield the ids in every `pytest.mark.must(...)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.must":
            yield from (str(ast.literal_eval(argument)) for argument in node.args)


@cache
def marked() -> frozenset[str]:
    files = sorted(TESTS.rglob("test_*.py"))
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    return frozenset(id_ for tree in trees for id_ in marks(tree))


def test_ids_of_requirements_are_well_formed_and_unique() -> None:
    ids = [id_ for id_, _ in requirements()]
    assert [id_ for id_ in ids if not ID.fullmatch(id_)] == []
    assert [id_ for id_, count in Counter(ids).items() if count > 1] == []


def test_every_id_in_the_document_begins_a_requirement() -> None:
    assert len(NAMED.findall(document())) == len(requirements())


def test_every_requirement_says_must_once() -> None:
    assert [id_ for id_, sentence in requirements() if sentence.count("MUST") != 1] == []


def test_nothing_but_a_requirement_says_must() -> None:
    rest = REQUIREMENT.sub("", CONVENTIONS.sub("", document()))
    assert "MUST" not in rest


def test_every_requirement_has_a_test_that_names_it() -> None:
    assert sorted({id_ for id_, _ in requirements()} - marked()) == []


def test_every_requirement_that_a_test_names_exists() -> None:
    assert sorted(marked() - {id_ for id_, _ in requirements()}) == []


def test_a_planted_mark_is_found() -> None:
    planted = '@pytest.mark.must("PLANTED-1", "PLANTED-2")\ndef test_it() -> None: ...\n'
    assert set(marks(ast.parse(planted))) == {"PLANTED-1", "PLANTED-2"}


@pytest.mark.parametrize(
    "package", ["keys", "officers", "broker", "agency_client", "policy", "protos"]
)
def test_sections_that_the_code_refers_to_exist(package: str) -> None:
    sections = set(SECTION.findall(document()))
    for file in sorted((ROOT / package).rglob("*.p*")):
        if file.suffix not in {".py", ".proto", ".pyi"}:
            continue
        for found in REFERENCE.findall(file.read_text(encoding="utf-8")):
            assert {number for number in found if number} <= sections, file.name
