# SPDX-License-Identifier: Apache-2.0
"""A rule book as files, and as the two texts that stewards sign: one can be made of the other.

    schema.cedarschema          the words
    core/*.cedar                rules for everybody
    topics/<topic>/*.cedar      rules for one topic
    agencies/<agency>/*.cedar   an agency's overlay: what it forbids for itself
    scenarios.json              cases that the book must decide as they say

A comment line names the file before each part of the signed policies, and scenarios travel as
comments, so that whoever holds a version can read it as its authors wrote it. Reads no disk.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from policy.errors import BookError

SCHEMA, SCENARIOS = "schema.cedarschema", "scenarios.json"
WHOLE = "core/core.cedar"
"""The file of policies that name none."""

_MARK = "// file: "
_QUOTED = "// "
_RULES = re.compile(
    r"(core|topics/[a-z0-9-]{1,32}(/[a-z0-9-]{1,32}){0,7}|agencies/[a-z0-9-]{2,32})"
    r"/[A-Za-z0-9][A-Za-z0-9._-]{0,63}\.cedar"
)

Sources = Mapping[str, str]
"""Text of each file by its path within the folder, with '/' between names."""


def check_names(files: Sources) -> None:
    """Refuse a folder that lacks its schema or its rules, or holds what has no place in it.

    Raises:
        BookError: says which.
    """
    for name in sorted(files):
        if name not in {SCHEMA, SCENARIOS} and not _RULES.fullmatch(name):
            raise BookError(f"{name} has no place in a rule book's folder")
    if SCHEMA not in files:
        raise BookError(f"{SCHEMA} is missing")
    if not any(name.startswith("core/") for name in files):
        raise BookError("there is no rule file in core/")


def merged(files: Sources) -> tuple[str, str]:
    """Return the schema and the policies that stewards sign.

    Raises:
        BookError: of `check_names`; or a file holds a line that names files.
    """
    check_names(files)
    parts = []
    for name in sorted(files):
        lines = files[name].splitlines()
        if any(line.startswith(_MARK) for line in lines):
            raise BookError(f'{name} holds a line that begins with "{_MARK}"')
        if name == SCHEMA:
            continue
        body = [_QUOTED + line for line in lines] if name == SCENARIOS else lines
        parts.append("\n".join([_MARK + name, *body]))
    return files[SCHEMA], "\n".join(parts) + "\n"


def split(schema: str, policies: str) -> Sources:
    """Return the files that a signed book was made of; policies that name none are one file."""
    files: dict[str, list[str]] = {}
    name = WHOLE
    for line in policies.splitlines():
        if line.startswith(_MARK):
            name = line.removeprefix(_MARK)
            files[name] = []
        else:
            files.setdefault(name, []).append(line)
    found = {name: _text(name, lines) for name, lines in files.items()}
    return MappingProxyType({SCHEMA: schema, **found})


def _text(name: str, lines: list[str]) -> str:
    if name == SCENARIOS:
        lines = [line.removeprefix(_QUOTED) for line in lines]
    return "\n".join(lines) + "\n"
