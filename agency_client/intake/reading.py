# SPDX-License-Identifier: Apache-2.0
"""From bytes to drafts: which text form it is, which records it holds, what is wrong with which.

The form is told from the content, never from a file's name. One bad record holds up no other.
"""

import codecs
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agency_client.domain.flaws import Flaw, FlawReason, RecordError
from agency_client.domain.notices import Draft, draft_of
from agency_client.intake.found import Found, unreadable
from agency_client.intake.interpol import draft_of_interpol, is_interpol
from agency_client.intake.json_text import read_json
from agency_client.intake.yaml_text import read_yaml

MAX_INPUT_BYTES = 64 << 20
"""Read into memory at once; what is larger is published in parts."""
MAX_RECORDS = 100_000
"""Bounds the memory that drafts and refusals take, whatever an input holds."""

_OTHER_UNICODE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SPACE = " \t\r\n"
_PARTS = "publish it in parts"


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRecord:
    """A record that can be published; `line` counts from 1."""

    line: int
    draft: Draft


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRecord:
    """A record that cannot be published: the place, a stable reason, what to do."""

    line: int
    field: str
    reason: str
    message: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What became of the records of an input, in their order."""

    drafts: tuple[DraftRecord, ...]
    refused: tuple[RefusedRecord, ...]


def read_records(
    data: bytes, *, topic: str = "", to: tuple[str, ...] = (), now: int | None = None
) -> Batch:
    """Read and check every record of an input: JSON, JSON Lines or YAML. Refuses, never raises.

    Args:
        data: at most `MAX_INPUT_BYTES`, in UTF-8.
        topic: for records that name none.
        to: for records that name nobody.
        now: milliseconds since 1970; else the clock's.
    """
    now = time.time_ns() // 1_000_000 if now is None else now
    drafts: list[DraftRecord] = []
    refused: list[RefusedRecord] = []
    for found in _bounded(_found(data)):
        try:
            drafts.append(DraftRecord(line=found.line, draft=_draft(found, now, topic, to)))
        except RecordError as error:
            refused.append(_refused(found.line, error.flaw))
    return Batch(drafts=tuple(drafts), refused=tuple(refused))


def _bounded(records: Iterator[Found]) -> Iterator[Found]:
    """Yield records, at most so many, and at least a refusal."""
    number = 0
    for number, found in enumerate(records, 1):
        if number > MAX_RECORDS:
            message = f"more than {MAX_RECORDS} records; from here on none is read"
            yield unreadable(found.line, FlawReason.TOO_MANY_RECORDS, message, _PARTS)
            return
        yield found
    if number == 0:
        yield unreadable(1, FlawReason.EMPTY_INPUT, "the input holds no record")


def _found(data: bytes) -> Iterator[Found]:
    if len(data) > MAX_INPUT_BYTES:
        message = f"more than {MAX_INPUT_BYTES >> 20} MiB; nothing of it is read"
        yield unreadable(1, FlawReason.INPUT_TOO_LARGE, message, _PARTS)
        return
    if data.startswith(_OTHER_UNICODE) or b"\0" in data[:4]:
        message = "is UTF-16 or UTF-32, expected UTF-8"
        yield unreadable(1, FlawReason.NOT_UTF8, message, "save it as UTF-8")
        return
    text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    is_json = text.lstrip(_SPACE)[:1] in ("{", "[")
    yield from read_json(text) if is_json else read_yaml(text)


def _draft(found: Found, now: int, topic: str, to: tuple[str, ...]) -> Draft:
    if found.flaw is not None:
        raise RecordError(found.flaw)
    if isinstance(found.value, Mapping) and is_interpol(found.value):
        return draft_of_interpol(found.value, now=now, topic=topic, to=to)
    return draft_of(found.value, now=now, topic=topic, to=to)


def _refused(line: int, flaw: Flaw) -> RefusedRecord:
    return RefusedRecord(
        line=line,
        field=flaw.field,
        reason=flaw.reason,
        message=flaw.message,
        advice=flaw.advice,
    )
