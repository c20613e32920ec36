# SPDX-License-Identifier: Apache-2.0
"""Inputs for the readers. All of it is invented."""

import json
from pathlib import Path
from typing import Any

from agency_client.intake import Batch, read_records

EXAMPLES = Path(__file__).parents[3] / "examples" / "notices.jsonl"
RECORDS: list[dict[str, Any]] = [
    json.loads(one) for one in EXAMPLES.read_text(encoding="utf-8").splitlines()
]
"""The 400 examples, in INTERPOL's shape."""
NOW = 1_795_500_000_000
TOPIC = "trafficking/cases"
RECORD: dict[str, Any] = {
    "type": "CASE_SUMMARY",
    "tlp": "AMBER",
    "title": "Farm work",
    "summary": "Workers without pay.",
}


def record(**more: Any) -> dict[str, Any]:
    """Return a record with fields added or replaced."""
    return {**RECORD, **more}


def line(**more: Any) -> str:
    """Return such a record as a line of JSON."""
    return json.dumps(record(**more), ensure_ascii=False)


def read(data: bytes | str, *, to: tuple[str, ...] = ()) -> Batch:
    """Read an input with a fixed clock and topic."""
    encoded = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    return read_records(encoded, topic=TOPIC, to=to, now=NOW)


def titles(batch: Batch) -> list[tuple[int, Any]]:
    """Return the line and title of each draft."""
    return [(one.line, one.draft.notice.get("title")) for one in batch.drafts]


def reasons(batch: Batch) -> list[tuple[int, str]]:
    """Return the line and reason of each refusal."""
    return [(one.line, one.reason) for one in batch.refused]
