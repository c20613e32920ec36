# SPDX-License-Identifier: Apache-2.0
"""The 400 example records: from the installed package, or from the checkout that it was made of."""

import json
from pathlib import Path
from typing import Any

from agency_client.demo.checks import DemoError

_PACKAGED = Path(__file__).with_name("notices.jsonl")
_CHECKOUT = Path(__file__).parents[2] / "examples" / "notices.jsonl"


def records_path() -> Path:
    """Return where the records are.

    Raises:
        DemoError: neither packaged nor beside us.
    """
    found = next((path for path in (_PACKAGED, _CHECKOUT) if path.is_file()), None)
    if found is None:
        raise DemoError("the example records (examples/notices.jsonl) are not installed")
    return found


def records() -> list[dict[str, Any]]:
    """Return the records, in the order of the file."""
    with records_path().open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
