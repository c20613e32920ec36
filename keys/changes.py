# SPDX-License-Identifier: Apache-2.0
"""Directory entries beside agencies and topics: cards, revocations, operations, successors.

Values and their bytes only; `keys.directory` verifies and applies them.
Source: docs/protocol.md section 10.
"""

from dataclasses import dataclass
from typing import Self

from keys.errors import DirectoryError, FramingError, Reason
from keys.fields import (
    check_agency,
    check_bytes,
    check_choice,
    check_code,
    check_key_id,
    check_label,
    check_time,
    sorted_codes,
)
from keys.framing import (
    HASH_BYTES,
    framed,
    read_text,
    read_texts,
    read_uint,
    refusing,
    texts,
    u64,
    unframe,
)
from keys.signing import ED25519_BYTES

REVOCABLE = ("keyset", "encryption")
MAX_DEPUTIES = 64
MAX_NUMBER = (1 << 63) - 1

CARD, REVOKE = "tocsin/card/v1", "tocsin/revoke/v1"
OPERATION, SUCCESSOR = "tocsin/operation/v1", "tocsin/successor/v1"
_ASSERTION_KEY = "tocsin/assertion-key/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionKey:
    """A key by which an agency asserts who of its officers acts: Ed25519, for a limited time.

    Attributes:
        key_id: names the key within the agency.
        public: 32 bytes.
        valid_from: milliseconds since 1970; first instant at which it signs.
        valid_until: milliseconds since 1970; first instant at which it no longer signs.
    """

    key_id: str
    public: bytes
    valid_from: int
    valid_until: int

    @refusing(DirectoryError)
    def __post_init__(self) -> None:
        check_key_id(self.key_id)
        check_bytes(self.public, ED25519_BYTES, "assertion key")
        check_time(self.valid_from)
        check_time(self.valid_until)
        if self.valid_from >= self.valid_until:
            raise FramingError(Reason.MALFORMED, "assertion key ends before it begins")

    def is_valid_at(self, time_ms: int) -> bool:
        """Whether the key signs at `time_ms`."""
        return self.valid_from <= time_ms < self.valid_until

    def encode(self) -> bytes:
        """Return the ASSERTION_KEY bytes."""
        return framed(
            _ASSERTION_KEY,
            self.key_id.encode(),
            self.public,
            u64(self.valid_from),
            u64(self.valid_until),
        )

    @classmethod
    @refusing(DirectoryError)
    def decode(cls, data: bytes) -> Self:
        """Read ASSERTION_KEY bytes."""
        key_id, public, valid_from, valid_until = unframe(_ASSERTION_KEY, data, 4)
        return cls(
            key_id=read_text(key_id),
            public=public,
            valid_from=read_uint(valid_from, 8),
            valid_until=read_uint(valid_until, 8),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CardEntry:
    """An agency's contact card, which it signs itself, and with it its own admission.

    Attributes:
        agency: whose.
        version: counts from 1.
        admitted: SHA-256 of the AGENCY content that the agency agrees to.
        phone: of the desk; empty where there is none.
        mail: of the desk; empty where there is none.
        languages: codes of the languages that the desk speaks.
        competence: codes of what it may do.
        time_zone: name in the tz database; empty where it is not said.
        deputies: who stands in, in their order.
        note: for people.
    """

    agency: str
    version: int
    admitted: bytes
    phone: str = ""
    mail: str = ""
    languages: tuple[str, ...] = ()
    competence: tuple[str, ...] = ()
    time_zone: str = ""
    deputies: tuple[str, ...] = ()
    note: str = ""

    @refusing(DirectoryError)
    def __post_init__(self) -> None:
        check_agency(self.agency)
        check_bytes(self.admitted, HASH_BYTES, "digest of the admission")
        if not 0 < self.version <= MAX_NUMBER:
            raise FramingError(Reason.MALFORMED, f"card {self.version} is out of range")
        for text in (self.phone, self.mail, self.time_zone, self.note):
            if text:
                check_label(text)
        for deputy in self.deputies:
            check_label(deputy)
        if len(set(self.deputies)) != len(self.deputies) or len(self.deputies) > MAX_DEPUTIES:
            raise FramingError(Reason.MALFORMED, f"a deputy twice, or more than {MAX_DEPUTIES}")
        object.__setattr__(self, "languages", sorted_codes(self.languages))
        object.__setattr__(self, "competence", sorted_codes(self.competence))

    def encode(self) -> bytes:
        """Return the CARD bytes."""
        return framed(
            CARD,
            self.agency.encode(),
            u64(self.version),
            self.admitted,
            self.phone.encode(),
            self.mail.encode(),
            texts(self.languages),
            texts(self.competence),
            self.time_zone.encode(),
            texts(self.deputies),
            self.note.encode(),
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read CARD bytes."""
        items = unframe(CARD, data, 10)
        agency, version, admitted, phone, mail, languages, competence = items[:7]
        time_zone, deputies, note = items[7:]
        return cls(
            agency=read_text(agency),
            version=read_uint(version, 8),
            admitted=admitted,
            phone=read_text(phone),
            mail=read_text(mail),
            languages=read_texts(languages),
            competence=read_texts(competence),
            time_zone=read_text(time_zone),
            deputies=read_texts(deputies),
            note=read_text(note),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeEntry:
    """Ends a key that was compromised.

    Attributes:
        agency: whose.
        what: "keyset" or "encryption".
        key_id: of the keyset or encryption key.
        from_index: first index of the acts log from which publications by the keyset do not count.
        reason: for people.
    """

    agency: str
    what: str
    key_id: str
    from_index: int
    reason: str

    @refusing(DirectoryError)
    def __post_init__(self) -> None:
        check_agency(self.agency)
        check_choice(self.what, REVOCABLE, "kind of key")
        check_key_id(self.key_id)
        check_label(self.reason)
        if not 0 <= self.from_index <= MAX_NUMBER:
            raise FramingError(Reason.MALFORMED, f"index {self.from_index} is out of range")

    def encode(self) -> bytes:
        """Return the REVOKE bytes."""
        return framed(
            REVOKE,
            self.agency.encode(),
            self.what.encode(),
            self.key_id.encode(),
            u64(self.from_index),
            self.reason.encode(),
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read REVOKE bytes."""
        agency, what, key_id, from_index, reason = unframe(REVOKE, data, 5)
        return cls(
            agency=read_text(agency),
            what=read_text(what),
            key_id=read_text(key_id),
            from_index=read_uint(from_index, 8),
            reason=read_text(reason),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationEntry:
    """A joint operation, whole: a later entry for the same code replaces the earlier one.

    Attributes:
        code: by which agencies and markings name it.
        title: for people.
        starts_at: milliseconds since 1970.
        ends_at: milliseconds since 1970; later than `starts_at`.
    """

    code: str
    title: str
    starts_at: int
    ends_at: int

    @refusing(DirectoryError)
    def __post_init__(self) -> None:
        check_code(self.code)
        check_label(self.title)
        check_time(self.starts_at)
        check_time(self.ends_at)
        if self.starts_at >= self.ends_at:
            raise FramingError(Reason.MALFORMED, "operation ends before it begins")

    def encode(self) -> bytes:
        """Return the OPERATION bytes."""
        return framed(
            OPERATION,
            self.code.encode(),
            self.title.encode(),
            u64(self.starts_at),
            u64(self.ends_at),
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read OPERATION bytes."""
        code, title, starts_at, ends_at = unframe(OPERATION, data, 4)
        return cls(
            code=read_text(code),
            title=read_text(title),
            starts_at=read_uint(starts_at, 8),
            ends_at=read_uint(ends_at, 8),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessorEntry:
    """Ends an agency's part for good and names who took over its tasks."""

    agency: str
    successor: str
    reason: str

    @refusing(DirectoryError)
    def __post_init__(self) -> None:
        check_agency(self.agency)
        check_agency(self.successor)
        check_label(self.reason)
        if self.agency == self.successor:
            raise FramingError(Reason.MALFORMED, "an agency cannot succeed itself")

    def encode(self) -> bytes:
        """Return the SUCCESSOR bytes."""
        names = (self.agency, self.successor, self.reason)
        return framed(SUCCESSOR, *(name.encode() for name in names))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read SUCCESSOR bytes."""
        agency, successor, reason = unframe(SUCCESSOR, data, 3)
        return cls(
            agency=read_text(agency), successor=read_text(successor), reason=read_text(reason)
        )
