# SPDX-License-Identifier: Apache-2.0
"""A second implementation, written from docs/protocol.md alone: what each format accepts.

Sections 3 to 5, 10.1, and the content of 6.7. A reader takes bytes and returns a value, or refuses.
"""

import base64
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.unit.protocol.primitives import Refused, items_of, need, read, uint

Reader = Callable[[bytes], Any]
LAST_TIME = 253402300799999
SPACES = "\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
LABEL = re.compile(
    f"[^{SPACES}](.{{0,198}}[^{SPACES}])?",
)
FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffe\uffff]"
)


def text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused from None


def form(pattern: str, *, empty: bool = False) -> Reader:
    def reader(data: bytes) -> str:
        value = text(data)
        need(re.fullmatch(pattern, value) or (empty and not value))
        return value

    return reader


def label(data: bytes) -> str:
    value = text(data)
    need(LABEL.fullmatch(value) and not FORBIDDEN.search(value))
    return value


def label_or_empty(data: bytes) -> str:
    return label(data) if data else ""


def agency(data: bytes) -> str:
    value = text(data)
    need(re.fullmatch(r"[a-z0-9-]{2,32}", value) and not value.startswith("steward-"))
    return value


topic = form(r"[a-z0-9-]{1,32}(/[a-z0-9-]{1,32}){0,7}")
key_id = form(r"[A-Za-z0-9._-]{1,64}")
CODE = r"[!-~]([ -~]{0,62}[!-~])?"
code, code_or_empty = form(CODE), form(CODE, empty=True)
country = form(r"[A-Z]{2}")


def number(width: int, least: int = 0, most: int | None = None) -> Reader:
    def reader(data: bytes) -> int:
        value = uint(data, width)
        need(least <= value and (most is None or value <= most))
        return value

    return reader


time, size = number(8, most=LAST_TIME), number(8, most=(1 << 63) - 1)


def fixed(width: int) -> Reader:
    def reader(data: bytes) -> bytes:
        need(len(data) == width)
        return data

    return reader


hash32 = fixed(32)


def flag(data: bytes) -> bool:
    need(data in {b"\x00", b"\x01"})
    return data == b"\x01"


def bounded(data: bytes) -> bytes:
    need(0 < len(data) <= 16384)
    return data


def notice_id(data: bytes) -> bytes:
    need(len(data) == 16 and data[6] >> 4 == 7 and data[8] >> 6 == 2)
    return data


def code_set(data: bytes) -> list[str]:
    codes = items_of(data)
    need(len(codes) <= 64 and codes == sorted(set(codes)))
    return [code(one) for one in codes]


def listing(reader: Reader, name: Callable[[Any], object]) -> Reader:
    """Return the reader of a list of at most 64, of which no two have one name."""

    def read_all(data: bytes) -> list[Any]:
        values = [reader(one) for one in items_of(data)]
        need(len(values) <= 64 and len({name(one) for one in values}) == len(values))
        return values

    return read_all


def record(framing: str, **items: Reader) -> Reader:
    """Return the reader of a format; one without a label is a plain list."""

    def read_record(data: bytes) -> dict[str, Any]:
        found = read(framing, data, len(items)) if framing else items_of(data)
        need(len(found) == len(items))
        return {
            name: reader(item) for (name, reader), item in zip(items.items(), found, strict=True)
        }

    return read_record


def ending(reader: Reader, begins: str, ends: str) -> Reader:
    def read_valid(data: bytes) -> dict[str, Any]:
        value: dict[str, Any] = reader(data)
        need(value[begins] < value[ends])
        return value

    return read_valid


keyset = ending(
    record(
        "tocsin/keyset/v1",
        keyset_id=key_id,
        ed25519=hash32,
        mldsa65=fixed(1952),
        valid_from=time,
        valid_until=time,
    ),
    "valid_from",
    "valid_until",
)
encryption_key = ending(
    record(
        "tocsin/encryption-key/v1",
        key_id=key_id,
        public=fixed(1216),
        valid_from=time,
        valid_until=time,
    ),
    "valid_from",
    "valid_until",
)
assertion_key = ending(
    record(
        "tocsin/assertion-key/v1",
        key_id=key_id,
        public=hash32,
        valid_from=time,
        valid_until=time,
    ),
    "valid_from",
    "valid_until",
)
marking = record(
    "tocsin/marking/v1",
    type=code,
    tlp=code,
    handling=code_set,
    purposes=code_set,
    not_for=code_set,
    regrant=form("none|originator"),
    mode=form("ACTUAL|EXERCISE|TEST"),
    sanitised=flag,
    operation=code_or_empty,
    priority=form("ROUTINE|PRIORITY|IMMEDIATE|FLASH"),
)
head = record("", size=size, root=hash32)
frame_header = record(
    "tocsin/frame-header/v1",
    suite=number(2, 1, 1),
    federation=hash32,
    seal_id=fixed(16),
    outlet=fixed(16),
    topic=topic,
    created_at=time,
    marking=marking,
    key_commitment=hash32,
    rule_book=record("", version=size, digest=hash32),
    directory=head,
    log=head,
    originator=agency,
)
reference = record("", originator=agency, notice_id=notice_id, leaf_hash=hash32)
attachment = record("", id=fixed(16), digest=hash32, length=number(8, 1, 1 << 40))
references = listing(reference, lambda one: (one["originator"], one["notice_id"]))
notice_header = ending(
    record(
        "tocsin/notice-header/v1",
        notice_id=notice_id,
        valid_from=time,
        expires_at=time,
        supersedes=references,
        recalls=references,
        attachments=listing(attachment, lambda one: one["id"]),
    ),
    "valid_from",
    "expires_at",
)
_recipient = record(
    "tocsin/recipient/v1",
    agency=agency,
    key_id=key_id,
    named=flag,
    seq=number(8, 1, (1 << 63) - 1),
    prev=hash32,
    wrap_digest=hash32,
)


def recipient(data: bytes) -> dict[str, Any]:
    value: dict[str, Any] = _recipient(data)
    need((value["seq"] == 1) == (value["prev"] == bytes(32)))
    return value


statement = record(
    "tocsin/frame/v1",
    originator=agency,
    keyset_id=key_id,
    header_digest=hash32,
    m=number(4, 1, 1000),
    recipient_root=hash32,
    n=number(4, 1, 256),
    notice_root=hash32,
)
steward = record("tocsin/steward/v1", name=agency, keyset=keyset, tls_root=bounded)


def operations(data: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = listing(
        record("", operation=code, until=time), lambda one: one["operation"]
    )(data)
    names = [one["operation"] for one in found]
    need(names == sorted(names))
    return found


AGENCY = record(
    "tocsin/agency/v1",
    agency=agency,
    name=label,
    country=country,
    kind=code,
    role=form("agency|auditor"),
    circles=code_set,
    contact247=flag,
    agreement_until=time,
    operations=operations,
    tls_roots=listing(bounded, lambda one: one),
    tls_key_pin=hash32,
    signing=listing(keyset, lambda one: one["keyset_id"]),
    encryption=listing(encryption_key, lambda one: one["key_id"]),
    contact=label_or_empty,
    assertion_keys=listing(assertion_key, lambda one: one["key_id"]),
    asserts_roles=code_set,
)
TOPIC = record(
    "tocsin/topic/v1",
    topic=topic,
    title=label,
    readers=code_set,
    publishers=code_set,
    victim_assistance=flag,
    min_clearance=code_or_empty,
)
RULE_BOOK = record(
    "tocsin/rule-book-entry/v1",
    version=number(8, 1, (1 << 63) - 1),
    schema=text,
    policies=text,
)
ABOUT = {
    kind: record(f"tocsin/{kind}/v1", agency=agency, reason=label)
    for kind in ("lock", "unlock", "retire")
}
_number = number(8, 1, (1 << 63) - 1)
CARD = record(
    "tocsin/card/v1",
    agency=agency,
    version=_number,
    admitted=hash32,
    phone=label_or_empty,
    mail=label_or_empty,
    languages=code_set,
    competence=code_set,
    time_zone=label_or_empty,
    deputies=listing(label, lambda one: one),
    note=label_or_empty,
)
REVOKE = record(
    "tocsin/revoke/v1",
    agency=agency,
    what=form("keyset|encryption"),
    key_id=key_id,
    from_index=number(8, 0, (1 << 63) - 1),
    reason=label,
)
OPERATION = ending(
    record("tocsin/operation/v1", code=code, title=label, starts_at=time, ends_at=time),
    "starts_at",
    "ends_at",
)
SUCCESSOR = record("tocsin/successor/v1", agency=agency, successor=agency, reason=label)
CONTENTS: Mapping[str, Reader] = {
    "card": CARD,
    "revoke": REVOKE,
    "operation": OPERATION,
    "successor": SUCCESSOR,
    "agency": AGENCY,
    "topic": TOPIC,
    "rule-book-entry": RULE_BOOK,
    **ABOUT,
}


def entry_content(data: bytes) -> tuple[str, dict[str, Any]]:
    """Return an entry's kind, as its label says, and its content."""
    items = items_of(data)
    need(items)
    kind = text(items[0]).removeprefix("tocsin/").removesuffix("/v1")
    need(kind in CONTENTS)
    return kind, CONTENTS[kind](data)


# Section 6.7.


def content(data: bytes, header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content document that belongs to a notice header."""
    try:
        document = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_refuse,
        )
        _check_depth(document, 1)
        need(document["schema"] == "tocsin.content.v1" and isinstance(document["notice"], dict))
        need(isinstance(document["attachments"], list))
        ids = [_attachment(one) for one in document["attachments"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Refused from None
    need(ids == [one["id"] for one in header["attachments"]])
    return dict(document)


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    need(len(dict(pairs)) == len(pairs))
    return dict(pairs)


def _whole(digits: str) -> int:
    need(len(digits) <= 17 and abs(int(digits)) <= (1 << 53) - 1)
    return int(digits)


def _finite(digits: str) -> float:
    need(math.isfinite(float(digits)))
    return float(digits)


def _refuse(_: str) -> None:
    raise Refused


def _check_depth(value: object, depth: int) -> None:
    if isinstance(value, str):
        value.encode("utf-8")
    if isinstance(value, dict | list):
        need(depth <= 64)
        inner = [*value, *value.values()] if isinstance(value, dict) else value
        for one in inner:
            _check_depth(one, depth + 1)


def _attachment(value: Mapping[str, Any]) -> bytes:
    key = base64.b64decode(value["key"], validate=True)
    need(len(key) == 32 and base64.b64encode(key).decode() == value["key"])
    need(isinstance(value["name"], str) and isinstance(value["media_type"], str))
    need(type(value["length"]) is int and value["length"] >= 0)
    need(re.fullmatch(r"[0-9a-f]{32}", value["id"]))
    return bytes.fromhex(value["id"])
