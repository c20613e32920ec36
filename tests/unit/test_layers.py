# SPDX-License-Identifier: Apache-2.0
"""The import contracts of pyproject.toml hold, and each one would notice a planted violation."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("broker", "agency_client", "officers", "policy", "keys")
LINT = "from importlinter.cli import lint_imports_command as lint; lint()"
RESULT = re.compile(r"^(.+) (KEPT|BROKEN)$", re.MULTILINE)

VIOLATIONS = {
    "two programs on four libraries": [
        {"broker/domain/planted.py": "import agency_client.errors"},
        {"officers/planted.py": "import broker.errors"},
        {"policy/planted.py": "import officers.errors"},
        {"keys/planted.py": "import policy.errors"},
    ],
    "broker: edges over services over domain": [
        {"broker/domain/planted.py": "import broker.services"},
        {"broker/newlayer/__init__.py": ""},
    ],
    "agency_client: edges over services over domain": [
        {"agency_client/domain/planted.py": "import agency_client.store"},
        {"agency_client/newlayer.py": ""},
    ],
    "the broker cannot open a notice": [
        {"broker/rpc/planted.py": "import keys.opening"},
        {"broker/services/planted.py": "import keys.opening_letters"},
        {
            "broker/services/planted.py": "import policy.planted",
            "policy/planted.py": "def later() -> None:\n    import keys.identities",
        },
    ],
    "the auditor's service loads no key that opens": [
        {
            "agency_client/services/audit.py": "import agency_client.services.planted",
            "agency_client/services/planted.py": "import keys.identities",
        },
    ],
    "keys is the standard library and cryptography": [{"keys/planted.py": "import cedarpy"}],
    "domain and services do no transport or storage": [
        {"broker/services/planted.py": "import sqlalchemy"},
        {"agency_client/domain/planted.py": "import grpc"},
        {"policy/planted.py": "import google.protobuf"},
    ],
    "wire types stay at the edges": [
        {"agency_client/services/planted.py": "import tocsin.v1.core_pb2"},
        {"broker/storage/planted.py": "import tocsin.v1.core_pb2"},
    ],
    "no cycles": [
        {
            "keys/planted_one.py": "import keys.planted_two",
            "keys/planted_two.py": "import keys.planted_one",
        },
    ],
}
"""By contract: sets of files to plant; a file that exists gets the line added."""


def lint(folder: Path) -> dict[str, str]:
    """Return KEPT or BROKEN by the name of each contract of the repository in `folder`."""
    ran = subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": f"{folder}:{folder / 'protos'}", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    results = dict(RESULT.findall(ran.stdout))
    assert results, ran.stdout + ran.stderr
    return results


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all that is linted."""
    folder = tmp_path_factory.mktemp("repository")
    ignore = shutil.ignore_patterns("__pycache__")
    for name in (*PACKAGES, "protos"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignore)
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    return folder


@pytest.fixture
def planted(copy: Path, files: Mapping[str, str]) -> Iterator[Path]:
    """The copy with these files planted, and without them afterwards."""
    before = {name: (copy / name).read_text() if (copy / name).exists() else None for name in files}
    for name, line in files.items():
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_text((before[name] or "") + f"\n{line}\n")
    yield copy
    for name, text in before.items():
        if text is None:
            (copy / name).unlink()
        else:
            (copy / name).write_text(text)
    shutil.rmtree(copy / "broker" / "newlayer", ignore_errors=True)


def contracts() -> list[str]:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    return [contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]]


@pytest.mark.slow
def test_every_contract_holds() -> None:
    assert lint(REPOSITORY) == dict.fromkeys(contracts(), "KEPT")


def test_every_contract_has_a_violation_to_notice() -> None:
    assert list(VIOLATIONS) == contracts()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("contract", "files"),
    [(contract, files) for contract, plants in VIOLATIONS.items() for files in plants],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else None,
)
def test_a_planted_violation_breaks_its_contract(
    contract: str, files: Mapping[str, str], planted: Path
) -> None:
    assert files
    assert lint(planted)[contract] == "BROKEN"


@pytest.mark.slow
def test_loading_all_of_the_broker_loads_no_code_that_opens() -> None:
    load = (
        "import importlib, pkgutil, sys, broker\n"
        "for found in pkgutil.walk_packages(broker.__path__, 'broker.'):\n"
        "    importlib.import_module(found.name)\n"
        "print('\\n'.join(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", load], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    loaded = set(ran.stdout.split())
    assert {"broker.__main__", "broker.bootstrap", "keys.envelope", "policy.engine"} <= loaded
    assert not {"keys.opening", "keys.opening_letters", "keys.identities"} & loaded
    assert not {name for name in loaded if name.split(".")[0] == "agency_client"}


@pytest.mark.parametrize(
    ("package", "allowed"),
    [("keys", {"keys", "cryptography"}), ("policy", {"policy", "keys", "cedarpy"})],
)
def test_a_library_imports_nothing_else_from_outside(package: str, allowed: set[str]) -> None:
    allowed = allowed | sys.stdlib_module_names
    for source in (REPOSITORY / package).rglob("*.py"):
        assert imports(source) <= allowed, source


def imports(source: Path) -> set[str]:
    """Return the top-level names that a module imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names
