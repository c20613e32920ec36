# SPDX-License-Identifier: Apache-2.0
"""Checks that what is generated is what its source says: `python -m tests.generated`.

Runs protos/regenerate on a copy and makes the test vectors anew, and names each committed file that
differs, is missing or is left over. Changes nothing.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.vectors.form import FOLDER, Kept
from tests.vectors.make import texts

REPOSITORY = Path(__file__).parents[1]
PROTOS = Path("protos")
VECTORS = FOLDER.relative_to(REPOSITORY)


def compared(
    committed: Mapping[str, bytes], made: Mapping[str, bytes], folder: Path, source: str
) -> list[str]:
    """Return a line for each file that is not what `made` says, with what to run."""
    verdicts = []
    for name in sorted(committed.keys() | made.keys()):
        if name not in made:
            verdicts.append(f"{folder / name}: nothing generates it; run {source}")
        elif name not in committed:
            verdicts.append(f"{folder / name}: missing; run {source}")
        elif committed[name] != made[name]:
            verdicts.append(f"{folder / name}: not what its source says; run {source}")
    return verdicts


def generated_code(protos: Path) -> dict[str, bytes]:
    """Return the generated files under a `protos` folder."""
    paths = [path for path in protos.rglob("*_pb2*") if path.suffix in (".py", ".pyi")]
    return {str(path.relative_to(protos)): path.read_bytes() for path in paths}


def code_made_from(protos: Path) -> dict[str, bytes]:
    """Return what protos/regenerate makes of the `.proto` files of a folder.

    The script runs on a copy of them, beside a link to this environment, as it would in place.
    """
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / PROTOS
        for path in (protos / "regenerate", *protos.rglob("*.proto")):
            target = copy / path.relative_to(protos)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
        (Path(name) / ".venv").symlink_to(sys.prefix, target_is_directory=True)
        run = subprocess.run([copy / "regenerate"], check=False, capture_output=True, text=True)
        if run.returncode:
            sys.exit(run.stderr)
        return generated_code(copy)


def vector_files(folder: Path) -> dict[str, bytes]:
    """Return the vector files of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.json")}


def vectors_made_from(folder: Path) -> dict[str, bytes]:
    """Return what the code makes, with the random values that a folder keeps."""
    return {name: text.encode() for name, text in texts(Kept.of(folder)).items()}


def differences(repository: Path) -> list[str]:
    """Return a line for each generated file of a repository that is not what its source says."""
    protos, vectors = repository / PROTOS, repository / VECTORS
    return [
        *compared(generated_code(protos), code_made_from(protos), PROTOS, "protos/regenerate"),
        *compared(
            vector_files(vectors),
            vectors_made_from(vectors),
            VECTORS,
            "python -m tests.vectors.make",
        ),
    ]


def main() -> None:
    found = differences(REPOSITORY)
    for line in found:
        sys.stderr.write(f"{line}\n")
    if found:
        sys.exit(1)
    sys.stdout.write("generated code and test vectors are what their sources say\n")


if __name__ == "__main__":
    main()
