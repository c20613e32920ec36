# SPDX-License-Identifier: Apache-2.0
"""What letters say: one value for each kind, as canonical JSON on the way.

A value that exists is well formed; reading refuses what another agency wrote otherwise. Members
that are not known are passed over. Who may write which kind to whom is decided elsewhere.
Source: docs/protocol.md section 21.3.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from agency_client.domain.canonical import read_document, write_document
from keys.errors import FramingError
from keys.fields import check_agency, check_code, check_label, check_time, sorted_codes

MAX_TEXT = 2000
"""Characters of a text: room for a reason, not for a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnwardRequest:
    """A party asks the originator to admit one more agency.

    Attributes:
        target: who should be admitted.
        why: for the originator's people.
        purposes: what it is wanted for.
    """

    target: str
    why: str
    purposes: tuple[str, ...]

    def __post_init__(self) -> None:
        check_agency(self.target)
        check_label(self.why, MAX_TEXT)
        sorted_codes(self.purposes)

    def encode(self) -> bytes:
        """Return the content's bytes."""
        return write_document(
            {"target": self.target, "why": self.why, "purposes": list(self.purposes)}
        )

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Read what `encode` writes."""
        return cls(
            target=_text(document, "target"),
            why=_text(document, "why"),
            purposes=_codes(document, "purposes"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OnwardDecision:
    """The originator decides; a GRANT, and not this, admits.

    Attributes:
        granted: whether it is admitted.
        target: who is, or is not.
        purposes: what it may use the notice for; none: those of the marking.
        until: milliseconds since 1970; 0 where no end was set or nothing was granted.
        court_use: whether it may be used as evidence.
        reason: for the other side's people; may be empty where it is granted.
    """

    granted: bool
    target: str
    purposes: tuple[str, ...] = ()
    until: int = 0
    court_use: bool = False
    reason: str = ""

    def __post_init__(self) -> None:
        check_agency(self.target)
        sorted_codes(self.purposes)
        check_time(self.until)
        if self.reason or not self.granted:
            check_label(self.reason, MAX_TEXT)

    def encode(self) -> bytes:
        """Return the content's bytes."""
        return write_document(
            {
                "decision": "granted" if self.granted else "refused",
                "target": self.target,
                "purposes": list(self.purposes),
                "until": self.until or None,
                "court_use": self.court_use,
                "reason": self.reason,
            }
        )

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Read what `encode` writes."""
        return cls(
            granted=_choice(document, "decision", "granted", "refused"),
            target=_text(document, "target"),
            purposes=_codes(document, "purposes"),
            until=_time_or_null(document, "until"),
            court_use=_flag(document, "court_use"),
            reason=_text(document, "reason"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """A holder answers a recall.

    Attributes:
        destroyed: whether everything of the notice is destroyed; otherwise it is held.
        had_opened: whether anybody there had opened it.
        at: milliseconds since 1970.
        legal_basis: under which law it is held; empty where it is destroyed.
        review: milliseconds since 1970: when holding is looked at again; 0 where it is destroyed
            or no day was set.
    """

    destroyed: bool
    had_opened: bool
    at: int
    legal_basis: str = ""
    review: int = 0

    def __post_init__(self) -> None:
        check_time(self.at)
        check_time(self.review)
        if self.legal_basis or not self.destroyed:
            check_label(self.legal_basis, MAX_TEXT)

    def encode(self) -> bytes:
        """Return the content's bytes."""
        return write_document(
            {
                "outcome": "destroyed" if self.destroyed else "held",
                "had_opened": self.had_opened,
                "at": self.at,
                "legal_basis": self.legal_basis,
                "review": self.review or None,
            }
        )

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Read what `encode` writes."""
        return cls(
            destroyed=_choice(document, "outcome", "destroyed", "held"),
            had_opened=_flag(document, "had_opened"),
            at=_time(document, "at"),
            legal_basis=_text(document, "legal_basis"),
            review=_time_or_null(document, "review"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlass:
    """A party opened a notice for danger to life, and says so at once.

    Attributes:
        officer: pseudonym of who did.
        reason: which danger.
        ticket: where it is recorded there.
        at: milliseconds since 1970.
    """

    officer: str
    reason: str
    ticket: str
    at: int

    def __post_init__(self) -> None:
        check_code(self.officer)
        check_label(self.reason, MAX_TEXT)
        check_label(self.ticket)
        check_time(self.at)

    def encode(self) -> bytes:
        """Return the content's bytes."""
        return write_document(
            {
                "officer": self.officer,
                "reason": self.reason,
                "ticket": self.ticket,
                "at": self.at,
            }
        )

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Read what `encode` writes."""
        return cls(
            officer=_text(document, "officer"),
            reason=_text(document, "reason"),
            ticket=_text(document, "ticket"),
            at=_time(document, "at"),
        )


LetterContent = OnwardRequest | OnwardDecision | Attestation | BreakGlass

_READERS: Mapping[str, Callable[[Mapping[str, Any]], LetterContent]] = {
    "request_onward": OnwardRequest.read,
    "decision": OnwardDecision.read,
    "attestation": Attestation.read,
    "break_glass": BreakGlass.read,
}


def decode_letter(kind: str, data: bytes) -> LetterContent:
    """Return what a letter of a kind says.

    Raises:
        ValueError: not a content of that kind.
    """
    try:
        return _READERS[kind](read_document(data))
    except (FramingError, KeyError):
        raise ValueError(f"not the content of a letter of kind {kind}") from None


def _member(document: Mapping[str, Any], name: str, kind: type) -> Any:
    value = document[name]
    if type(value) is not kind:
        raise ValueError(f"{name} is not of its type")
    return value


def _text(document: Mapping[str, Any], name: str) -> str:
    return str(_member(document, name, str))


def _flag(document: Mapping[str, Any], name: str) -> bool:
    return bool(_member(document, name, bool))


def _time(document: Mapping[str, Any], name: str) -> int:
    return int(_member(document, name, int))


def _time_or_null(document: Mapping[str, Any], name: str) -> int:
    return 0 if document[name] is None else _time(document, name)


def _codes(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found: Iterable[object] = _member(document, name, list)
    codes = [one for one in found if isinstance(one, str)]
    if len(codes) != len(_member(document, name, list)):
        raise ValueError(f"{name} is not a list of codes")
    return sorted_codes(codes)


def _choice(document: Mapping[str, Any], name: str, yes: str, no: str) -> bool:
    value = _text(document, name)
    if value not in {yes, no}:
        raise ValueError(f"{name} is neither {yes} nor {no}")
    return value == yes
