# SPDX-License-Identifier: Apache-2.0
"""Drafts: checked notice records, ready to be published.

`draft_of` is the one way from a record to a draft. What goes into headers and marking leaves the
record; the rest is the document that is sealed. Reading files is `intake`'s business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agency_client.domain.flaws import Flaw, FlawReason, RecordError, excerpt, nearest
from agency_client.domain.forms import form_of
from agency_client.domain.moments import day_of
from agency_client.domain.notice_types import ADDRESSING, MARKING, NOTICE_TYPES, NoticeType
from agency_client.domain.rules import check_rules, with_child_flags
from agency_client.domain.tidying import kind_of, tidy
from agency_client.domain.validity import validity_of
from keys.envelope import Marking
from keys.fields import check_agency, check_time, check_topic

_UNSEALED = frozenset({"type", *ADDRESSING, *MARKING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A notice before it is sealed (`domain.publishable`).

    Attributes:
        topic: where it goes.
        marking: how it may be handled.
        to: the agencies that it names.
        notice: the document to seal: all that says anything about the case.
        valid_from: milliseconds since 1970.
        expires_at: milliseconds since 1970; later than `valid_from`.
        supersedes: references of our own notices that it takes the place of.
        attachments: files to attach.
    """

    topic: str
    marking: Marking
    to: tuple[str, ...]
    notice: Mapping[str, Any]
    valid_from: int
    expires_at: int
    supersedes: tuple[str, ...] = ()
    attachments: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        check_topic(self.topic)
        for agency in self.to:
            check_agency(agency)
        check_time(self.valid_from)
        check_time(self.expires_at)
        if self.valid_from >= self.expires_at:
            raise ValueError("a draft expires before it is valid")


def draft_of(record: object, *, now: int, topic: str = "", to: Sequence[str] = ()) -> Draft:
    """Check a record and return the draft that it describes.

    Args:
        record: what `tocsin schema TYPE` describes.
        now: milliseconds since 1970.
        topic: for a record that names none.
        to: for a record that names nobody.

    Raises:
        RecordError: the record cannot be published as it is.
    """
    whole = _with_defaults(tidy(record), topic, to)
    kind = _kind(whole)
    form_of(whole["type"]).check(whole)
    if "topic" not in whole:
        raise RecordError(
            Flaw(
                field="topic",
                reason=FlawReason.MISSING_FIELD,
                message='"topic" is missing: where shall it be published',
                advice="name one with --topic, or in the record; `tocsin topics` lists them",
            )
        )
    today = day_of(now)
    whole = with_child_flags(whole, today)
    check_rules(whole, today)
    return _draft(whole, kind, now)


def _with_defaults(record: dict[str, Any], topic: str, to: Sequence[str]) -> dict[str, Any]:
    if topic:
        record.setdefault("topic", topic)
    if to:
        record.setdefault("to", list(dict.fromkeys(to)))
    if isinstance(record.get("tlp"), str):
        record["tlp"] = _plain_tlp(record["tlp"])
    return record


def _plain_tlp(code: str) -> str:
    """Return a code of TLP 2.0 for what others write: with the prefix, or TLP 1.0's WHITE."""
    plain = code.removeprefix("TLP:")
    return "CLEAR" if plain == "WHITE" else plain


def _kind(record: Mapping[str, Any]) -> NoticeType:
    types = ", ".join(NOTICE_TYPES)
    if "type" not in record:
        raise _type_error(FlawReason.MISSING_FIELD, f'"type" is missing: one of {types}')
    code = record["type"]
    if not isinstance(code, str):
        raise _type_error(FlawReason.WRONG_TYPE, f"expected text, got {kind_of(code)}")
    if code not in NOTICE_TYPES:
        meant = nearest(code, NOTICE_TYPES)
        hint = f'; did you mean "{meant}"?' if meant else f"; there are {types}"
        raise _type_error(
            FlawReason.UNKNOWN_TYPE, f'there is no notice type "{excerpt(code)}"{hint}'
        )
    return NOTICE_TYPES[code]


def _type_error(reason: FlawReason, message: str) -> RecordError:
    advice = "`tocsin schema TYPE` prints what records of a type may hold"
    return RecordError(Flaw(field="type", reason=reason, message=message, advice=advice))


def _draft(record: Mapping[str, Any], kind: NoticeType, now: int) -> Draft:
    validity = validity_of(record, kind, now)
    marking = Marking(
        type=record["type"],
        tlp=record["tlp"],
        handling=tuple(record.get("handling", ())),
        purposes=tuple(record.get("purposes", kind.purposes)),
        not_for=tuple(record.get("not_for", ())),
        regrant=record.get("regrant", "none"),
        mode=record.get("mode", "ACTUAL"),
        sanitised=record.get("sanitised", False),
        operation=record.get("operation", ""),
        priority=record.get("priority", "ROUTINE"),
    )
    return Draft(
        topic=record["topic"],
        marking=marking,
        to=tuple(record.get("to", ())),
        notice={key: value for key, value in record.items() if key not in _UNSEALED},
        valid_from=validity.valid_from,
        expires_at=validity.expires_at,
        supersedes=tuple(record.get("supersedes", ())),
    )
