# SPDX-License-Identifier: Apache-2.0
"""The page about profiles says what the program does."""

import ast
import re
from pathlib import Path

import agency_client
from agency_client.bootstrap import Agency
from agency_client.config import _KEYS

PAGE = (Path(__file__).parents[3] / "docs" / "agency-profile.md").read_text(encoding="utf-8")


def test_every_setting_is_listed_with_its_variable_and_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(TOCSIN_\w+)` \| (\w+) \|", PAGE, re.MULTILINE)
    expected = [(name, key.variable, str(key.default or "none")) for name, key in _KEYS.items()]
    assert rows == expected


def test_the_code_on_the_page_uses_what_there_is() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    wrapped = "async def _():\n" + "".join(f"    {line}\n" for line in code.splitlines())
    tree = ast.parse(wrapped)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert all(hasattr(agency_client, one.name) for one in node.names)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert node.value.id != "agency" or hasattr(Agency, node.attr)


def test_what_the_package_offers_can_be_had_and_nothing_else() -> None:
    assert all(getattr(agency_client, name) is not None for name in agency_client.__all__)
    assert not hasattr(agency_client, "anything_else")
