# SPDX-License-Identifier: Apache-2.0
"""Reads the vectors that the package `cryptography-vectors` brings."""

import json
from collections.abc import Iterator
from typing import Any

import cryptography_vectors


def read_text(name: str) -> str:
    """Return a vector file's text."""
    with cryptography_vectors.open_vector_file(name, "r") as file:
        text: str = file.read()
    return text


def read_json(name: str) -> Any:
    """Return a vector file's JSON."""
    return json.loads(read_text(name))


def read_responses(name: str) -> Iterator[dict[str, bytes]]:
    """Yield the cases of a NIST response file, each of which begins with its count."""
    for block in read_text(name).split("count = ")[1:]:
        pairs = (line.split(" = ", 1) for line in block.splitlines() if " = " in line)
        yield {key: bytes.fromhex(value) for key, value in pairs if not key.endswith("len")}
