# SPDX-License-Identifier: Apache-2.0
"""How notices look: a row of a list, a page to read, a document for programs.

Every form shows the marking and whether it is ACTUAL, EXERCISE or TEST, and a superseded notice
says so. Beside each code stands what it says. Content is another agency's and may be anything.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agency_client.cli import afterlife
from agency_client.cli.output import as_json, columns, instant, safe
from agency_client.domain import codes
from agency_client.domain.changes import Change
from agency_client.domain.countries import COUNTRIES
from agency_client.domain.schemas import Words, grade_words, words_of
from agency_client.domain.views import NoticeState, NoticeView
from keys.envelope import Marking

HEAD = ("RECEIVED", "MODE", "TLP", "TYPE", "STATE", "NOTICE", "TITLE")
_TEXTS = (
    "summary",
    "question",
    "text",
    "threat",
    "modus_operandi",
    "reason",
    "refusal_reason",
    "outcome",
)
"""What a list shows where there is neither title nor name."""
_TITLE_LENGTH = 60
_LOUD = frozenset(
    {NoticeState.RECALLED, NoticeState.EXPIRED, NoticeState.ENDED, NoticeState.SUPERSEDED}
)
"""States that nobody must overlook."""


def mode_banner(marking: Marking) -> str:
    """Return the line that stands over every notice."""
    parts = [marking.mode, f"TLP:{marking.tlp}", f"{marking.type} notice", *marking.handling]
    parts += [f"not for {country}" for country in marking.not_for]
    parts += ["sanitised"] if marking.sanitised else []
    parts += [marking.priority] if marking.priority != "ROUTINE" else []
    return "  ".join(safe(part) for part in parts)


def title_of(content: Mapping[str, Any]) -> str:
    """Return what a list shows of a notice: the one person it is about, else its title."""
    names = [name for name in map(_name_of, _things(content, "persons")) if name]
    title = _text_of(content, "title")
    if len(names) == 1:
        found = names[0]
    elif names:
        found = title or f"{names[0]} and {len(names) - 1} more"
    else:
        texts = (_text_of(content, key) for key in _TEXTS)
        found = title or next(filter(None, texts), "") or _gist_of(content)
    return found if len(found) <= _TITLE_LENGTH else found[: _TITLE_LENGTH - 1] + "…"


def _things(content: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = content.get(key)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _text_of(content: Mapping[str, Any], key: str) -> str:
    found = content.get(key)
    return found if isinstance(found, str) else ""


def _name_of(person: Mapping[str, Any]) -> str:
    names = (_text_of(person, key) for key in ("forename", "name"))
    return " ".join(filter(None, names)) or _text_of(person, "name_original")


def _gist_of(content: Mapping[str, Any]) -> str:
    """Return what a notice of codes is about: who or what, and where."""
    event = content.get("event")
    things = [*_things(content, "persons"), *_things(content, "assets")]
    gist = [_text_of(one, key) for one in things[:1] for key in ("status", "kind", "reference")]
    gist.append(_text_of(event, "place") if isinstance(event, Mapping) else "")
    return " ".join(filter(None, gist))


def state_of(view: NoticeView) -> str:
    """Return the state with the acknowledgement."""
    if view.state in _LOUD:
        return view.state.value.upper()
    return "acknowledged" if view.acknowledged_at else view.state.value


def rows(views: Sequence[NoticeView]) -> list[str]:
    """Return a list of notices as lines."""
    return columns(
        [
            (
                instant(view.received_at or view.created_at),
                view.marking.mode,
                view.marking.tlp,
                view.marking.type,
                state_of(view),
                view.reference,
                title_of(view.content),
            )
            for view in views
        ],
        head=HEAD,
    )


def page(view: NoticeView) -> list[str]:
    """Return a notice to read, whole."""
    lines = [f"=== {mode_banner(view.marking)} ==="]
    if view.superseded_by is not None:
        originator, notice_id = view.superseded_by
        lines.append(f"!!! SUPERSEDED: read {safe(originator)}/{notice_id.hex()} instead")
    lines += afterlife.warnings(view.state, view.afterlife)
    lines += [f"{name:<13} {value}" for name, value in _facts(view) if value]
    lines.append("")
    lines += list(_tree(view.content, 0, words_of(view.marking.type)))
    lines += [
        f"attachment    {safe(one.name)} ({one.length} bytes, {safe(one.media_type)})"
        for one in view.attachments
    ]
    lines += [f"changed       {_changed(one)}" for one in view.changes]
    lines += afterlife.history(view.afterlife)
    lines.append(f"=== {mode_banner(view.marking)} ===")
    return lines


def _changed(change: Change) -> str:
    """Return in one line what a correction says otherwise."""
    before, after = (
        "(nothing)" if one is None else safe(as_json(one) if _is_nested(one) else one)
        for one in (change.before, change.after)
    )
    return f"{safe(change.path)}: {before} -> {after}"


def _is_nested(value: object) -> bool:
    return isinstance(value, Mapping | list)


def _facts(view: NoticeView) -> Iterator[tuple[str, str]]:
    yield "notice", safe(view.reference)
    yield "type", _coded(view.marking.type, codes.NOTICE_TYPES.get(view.marking.type, ""))
    yield "topic", safe(view.topic)
    yield "state", state_of(view)
    yield "sealed", instant(view.created_at)
    yield "received", instant(view.received_at)
    yield "valid until", instant(view.expires_at)
    yield "marking", _coded(f"TLP:{view.marking.tlp}", codes.TLP.get(view.marking.tlp, ""))
    yield "handling", _all_coded(view.marking.handling, codes.HANDLING)
    yield "purposes", _all_coded(view.marking.purposes, codes.PURPOSES)
    yield "not for", _all_coded(view.marking.not_for, COUNTRIES)
    yield "operation", safe(view.marking.operation)
    if view.acknowledged_at:
        yield "acknowledged", f"{instant(view.acknowledged_at)} by {safe(view.acknowledged_by)}"
    for originator, notice_id in view.supersedes:
        yield "supersedes", f"{safe(originator)}/{notice_id.hex()}"


def _coded(code: object, words: str) -> str:
    return f"{safe(code)} ({words})" if words else safe(code)


def _all_coded(values: Sequence[Any], table: codes.CodeTable) -> str:
    return ", ".join(_coded(one, table.get(str(one), "")) for one in values)


def _tree(value: Mapping[str, Any], depth: int, words: Words) -> Iterator[str]:
    indent = "  " * depth
    known = [key for key in words.fields if key in value]
    for key in [*known, *(key for key in value if key not in words.fields)]:
        item = value[key]
        if item is None or item in ("", [], {}):
            continue
        below = words.below(key)
        if isinstance(item, Mapping):
            yield f"{indent}{safe(key)}:"
            yield from _tree(item, depth + 1, grade_words(item) if key == "grading" else below)
        elif isinstance(item, Sequence) and not isinstance(item, str):
            yield from _sequence(safe(key), item, depth, below)
        else:
            yield from _text(f"{indent}{safe(key)}: ", item, depth, below)


def _sequence(key: str, items: Sequence[Any], depth: int, words: Words) -> Iterator[str]:
    indent = "  " * depth
    if not any(isinstance(item, Mapping) for item in items):
        yield f"{indent}{key}: {_all_coded(items, words.table)}"
        return
    for number, item in enumerate(items, 1):
        yield f"{indent}{key} {number}:"
        yield from _tree(item if isinstance(item, Mapping) else {"value": item}, depth + 1, words)


def _text(head: str, value: object, depth: int, words: Words) -> Iterator[str]:
    shown = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    first, *rest = shown.split("\n")
    yield head + _coded(first, words.table.get(shown, ""))
    for line in rest:
        yield "  " * (depth + 1) + safe(line)


def marking_document(marking: Marking) -> dict[str, Any]:
    """Return a marking for programs."""
    return {
        "type": marking.type,
        "tlp": marking.tlp,
        "mode": marking.mode,
        "priority": marking.priority,
        "handling": list(marking.handling),
        "purposes": list(marking.purposes),
        "not_for": list(marking.not_for),
        "regrant": marking.regrant,
        "sanitised": marking.sanitised,
        "operation": marking.operation,
    }


def document(view: NoticeView) -> dict[str, Any]:
    """Return a notice for programs."""
    return {
        "reference": view.reference,
        "originator": view.originator,
        "topic": view.topic,
        "sequence": view.sequence,
        "mode": view.marking.mode,
        "state": view.state.value,
        "superseded_by": _reference(view.superseded_by),
        "supersedes": [_reference(one) for one in view.supersedes],
        "marking": marking_document(view.marking),
        "created_at": instant(view.created_at),
        "received_at": instant(view.received_at),
        "valid_from": instant(view.valid_from),
        "expires_at": instant(view.expires_at),
        "acknowledged_at": instant(view.acknowledged_at),
        "acknowledged_by": view.acknowledged_by,
        "attachments": [
            {
                "id": one.id.hex(),
                "name": one.name,
                "media_type": one.media_type,
                "bytes": one.length,
            }
            for one in view.attachments
        ],
        "content": view.content,
        "changes": [
            {"path": one.path, "before": one.before, "after": one.after} for one in view.changes
        ],
        "afterlife": afterlife.document(view.afterlife),
    }


def _reference(pair: tuple[str, bytes] | None) -> str | None:
    return None if pair is None else f"{pair[0]}/{pair[1].hex()}"
