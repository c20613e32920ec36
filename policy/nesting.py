# SPDX-License-Identifier: Apache-2.0
"""Refuses Cedar text that is nested too deeply, before Cedar sees it.

Cedar walks what it has parsed by recursion and has no bound of its own: a thousand brackets inside
each other, or some thousand operators in a row, take the process with them. Counts brackets and
the length of each rule, and judges nothing else.
"""

import re

from policy.errors import BookError

MAX_DEPTH = 32
"""Brackets inside each other; a stack of 8 MiB bears some hundreds, the standard book has 4."""
MAX_RULE_CHARACTERS = 4096
"""Operators in a row nest, too; without comments. The longest of the standard book has 700."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n\r]*|[()\[\]{}<>;]')
"""Strings and comments as Cedar knows them, so that what stands in them is passed over."""


def check_policies(policies: str) -> None:
    """Refuse rules that are nested too deeply or too long.

    Raises:
        BookError: a rule is.
    """
    depth = begun = 0
    for token in _TOKEN.finditer(policies):
        depth = _depth(depth, token[0], "([{", ")]}")
        if token[0].startswith("//"):
            begun += len(token[0])
        elif token[0] == ";":
            _check_length(token.start() - begun)
            begun = token.end()
    _check_length(len(policies) - begun)


def check_schema(schema: str) -> None:
    """Refuse a schema that is nested too deeply.

    Raises:
        BookError: it is.
    """
    depth = 0
    for token in _TOKEN.finditer(schema):
        depth = _depth(depth, token[0], "([{<", ")]}>")


def _depth(depth: int, token: str, opening: str, closing: str) -> int:
    if token in opening:
        depth += 1
    elif token in closing:
        depth -= 1
    if depth > MAX_DEPTH:
        raise BookError(f"the rule book has more than {MAX_DEPTH} brackets inside each other")
    return depth


def _check_length(length: int) -> None:
    if length > MAX_RULE_CHARACTERS:
        raise BookError(f"a rule has {length} characters, expected {MAX_RULE_CHARACTERS} at most")
