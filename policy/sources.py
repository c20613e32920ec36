# SPDX-License-Identifier: Apache-2.0
"""A rule book as files, and as the two texts that stewards sign: each can be made of the other.

    schema.cedarschema          the words
    core/*.cedar                rules for everybody
    topics/<topic>/*.cedar      rules for one topic
    agencies/<agency>/*.cedar   an agency's overlay: what it forbids for itself
    scenarios.json              cases that the book must decide as they say

A comment line names the file before each part of the signed policies, and scenarios travel as
comments, so that whoever holds a version can read it as its authors wrote it. Reads no disk.
"""

import re
from collections.abc import Iterable, Mapping

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


def is_rules(name: str) -> bool:
    """Whether a file of this name holds rules."""
    return name.endswith(".cedar")


def merged(files: Sources) -> tuple[str, str]:
    """Return the schema and the policies that stewards sign.

    Raises:
        BookError: of `check_names`; or a file holds a carriage return or a line that names files.
    """
    check_names(files)
    parts: list[str] = []
    for name in sorted(set(files) - {SCHEMA}):
        lines = _lines(name, files[name])
        parts.append(_MARK + name)
        parts += [_QUOTED + line for line in lines] if name == SCENARIOS else lines
    return files[SCHEMA], "\n".join(parts) + "\n"


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


def _lines(name: str, text: str) -> list[str]:
    if "\r" in text:
        raise BookError(f"{name} holds a carriage return, which ends a comment in Cedar")
    lines = text.removesuffix("\n").split("\n")
    if any(line.startswith(_MARK) for line in lines):
        raise BookError(f'{name} holds a line that begins with "{_MARK}"')
    return lines


def split(schema: str, policies: str) -> Sources:
    """Return the files that a signed book was made of; policies that name none are one file.

    Raises:
        BookError: the parts are not what `merged` makes of a folder, or hold a carriage return.
    """
    lines = policies.split("\n")
    if not any(line.startswith(_MARK) for line in lines):
        _lines(WHOLE, policies)
        return {SCHEMA: schema, WHOLE: policies}
    files = {SCHEMA: schema, **_parts(lines)}
    if merged(files) != (schema, policies):
        raise BookError("the rule book is not what its files make")
    return files


def _parts(lines: Iterable[str]) -> Sources:
    files: dict[str, list[str]] = {}
    name = ""
    for line in lines:
        if line.startswith(_MARK):
            name = line.removeprefix(_MARK)
        files.setdefault(name, [])
        if not line.startswith(_MARK):
            files[name].append(line.removeprefix(_QUOTED) if name == SCENARIOS else line)
    return {name: "\n".join(held).removesuffix("\n") + "\n" for name, held in files.items()}
