# SPDX-License-Identifier: Apache-2.0
"""The shapes of identifiers, codes and times, checked in one place for every signed object.

Raises `FramingError`; the object being read or made turns it into its own kind of error.
Source: docs/protocol.md section 3.
"""

import re
import secrets
from collections.abc import Iterable

from keys.errors import FramingError, Reason

LAST_MILLISECOND = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z; later times have no agreed text form."""
MAX_TOPIC_SEGMENTS = 8
MAX_CODES = 64
"""Entries of one list of codes in a marking: bounds what a policy decision has to look at."""
STEWARD_PREFIX = "steward-"
"""Kept for the trust domains of stewards, so that no agency can take one's name."""

_AGENCY = re.compile(r"[a-z0-9-]{2,32}")
_SEGMENT = re.compile(r"[a-z0-9-]{1,32}")
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CODE = re.compile(r"[!-~](?:[ -~]{0,62}[!-~])?")
_COUNTRY = re.compile(r"[A-Z]{2}")
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def _refuse(what: str, value: object) -> FramingError:
    return FramingError(Reason.MALFORMED, f"{what} {value!r:.80} is not well formed")


def check_agency(value: str) -> None:
    """Refuse what is not an agency id: 2 to 32 of a-z, 0-9 and '-', not beginning "steward-"."""
    if not _AGENCY.fullmatch(value) or value.startswith(STEWARD_PREFIX):
        raise _refuse("agency", value)


def check_topic(value: str) -> None:
    """Refuse what is not a topic: 1 to 8 segments of 1 to 32 of a-z, 0-9 and '-', joined by '/'."""
    segments = value.split("/")
    if len(segments) > MAX_TOPIC_SEGMENTS or not all(map(_SEGMENT.fullmatch, segments)):
        raise _refuse("topic", value)


def check_key_id(value: str) -> None:
    """Refuse what is not a key or keyset id: 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'."""
    if not _KEY_ID.fullmatch(value):
        raise _refuse("key id", value)


def check_country(value: str) -> None:
    """Refuse what has not the form of an ISO 3166-1 alpha-2 code."""
    if not _COUNTRY.fullmatch(value):
        raise _refuse("country", value)


def check_code(value: str, *, empty: bool = False) -> None:
    """Refuse what is not a code: 1 to 64 printable ASCII characters, no space at either end."""
    if not (_CODE.fullmatch(value) or (empty and not value)):
        raise _refuse("code", value)


def check_label(value: str, limit: int = 200) -> None:
    """Refuse a name or title that is empty, too long, or holds control or bidi characters.

    Line separators and lone surrogates, which are no text, count as control characters.
    """
    if not 0 < len(value) <= limit or value != value.strip() or _CONTROL.search(value):
        raise _refuse("text", value)


def check_time(value: int) -> None:
    """Refuse a time outside 1970 to 9999, in milliseconds."""
    if not 0 <= value <= LAST_MILLISECOND:
        raise _refuse("time", value)


def check_bytes(value: bytes, width: int, what: str) -> None:
    """Refuse bytes of another length than `width`."""
    if len(value) != width:
        raise FramingError(Reason.MALFORMED, f"{what} has {len(value)} bytes, expected {width}")


def check_choice(value: str, choices: Iterable[str], what: str) -> None:
    """Refuse a word that is not among `choices`."""
    if value not in choices:
        raise _refuse(what, value)


def check_uuid7(value: bytes) -> None:
    """Refuse what is not a UUID of version 7 (RFC 9562) as 16 bytes."""
    if len(value) != 16 or value[6] >> 4 != 7 or value[8] >> 6 != 2:  # noqa: PLR2004 - the RFC's
        raise _refuse("uuid7", value.hex())


def new_uuid7(time_ms: int) -> bytes:
    """Return a fresh UUID of version 7 (RFC 9562 section 5.7) for `time_ms` as 16 bytes."""
    check_time(time_ms)
    random = secrets.randbits(74)
    return (
        time_ms << 80 | 7 << 76 | (random >> 62) << 64 | 2 << 62 | (random & (1 << 62) - 1)
    ).to_bytes(16, "big")


def sorted_codes(values: Iterable[str]) -> tuple[str, ...]:
    """Return codes as the set they are: sorted, each once, each checked."""
    codes = tuple(sorted(set(values)))
    if len(codes) > MAX_CODES:
        raise FramingError(Reason.LIMIT_EXCEEDED, f"{len(codes)} codes, at most {MAX_CODES}")
    for code in codes:
        check_code(code)
    return codes
