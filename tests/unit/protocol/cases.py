# SPDX-License-Identifier: Apache-2.0
"""Reads the files of tests/vectors for the second implementation; imports nothing of ours."""

import json
from pathlib import Path
from typing import Any

from tests.unit.protocol import second

VECTORS = Path(__file__).resolve().parents[2] / "vectors"

Case = dict[str, Any]


def case(name: str) -> Case:
    loaded: Case = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def unhex(value: Any) -> Any:
    """Return the same with every string of hex as bytes; for values that hold nothing else."""
    if isinstance(value, str):
        return bytes.fromhex(value)
    if isinstance(value, dict):
        return {name: unhex(held) for name, held in value.items()}
    return [unhex(held) for held in value] if isinstance(value, list) else value


def received(delivery: Case) -> second.Received:
    given = unhex(delivery)
    return second.Received(
        frame_header=given["header"],
        statement=given["statement"],
        signature=given["signature"],
        recipient=given["recipient"],
        recipient_index=given["recipient_index"],
        recipient_path=given["recipient_path"],
        wrap=given["wrap"],
        notices=[
            (one["index"], one["header"], one["body"], one["path"]) for one in given["notices"]
        ],
        withheld=given["withheld"],
        stub=given["stub"],
    )
