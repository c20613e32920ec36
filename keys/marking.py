# SPDX-License-Identifier: Apache-2.0
"""MARKING: what policy and routing may know about a frame, signed and in clear.

Holds codes only; names, titles and free text belong in the body. What a code means is the rule
book's business. Source: docs/protocol.md section 5.
"""

from dataclasses import dataclass
from typing import Self

from keys.errors import EnvelopeError, FramingError, Reason
from keys.fields import check_choice, check_code, sorted_codes
from keys.framing import framed, read_flag, read_text, read_texts, refusing, texts, u8, unframe

_MARKING = "tocsin/marking/v1"
_ITEMS = 10

REGRANTS = ("none", "originator")
MODES = ("ACTUAL", "EXERCISE", "TEST")
PRIORITIES = ("ROUTINE", "PRIORITY", "IMMEDIATE", "FLASH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Marking:
    """The handling of every notice of a frame.

    The three lists are sets: they are sorted and freed of repeats when a marking is made, and a
    decoder refuses any other order.

    Attributes:
        type: code of the notice type.
        tlp: code of the traffic light.
        handling: handling codes.
        purposes: codes of the purposes allowed.
        not_for: countries that are excluded.
        regrant: who may admit a further agency: "none" or "originator".
        mode: "ACTUAL", "EXERCISE" or "TEST".
        sanitised: whether the content was prepared for those without clearance.
        operation: code of the joint operation, or empty.
        priority: "ROUTINE", "PRIORITY", "IMMEDIATE" or "FLASH".
    """

    type: str
    tlp: str
    handling: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    not_for: tuple[str, ...] = ()
    regrant: str = "none"
    mode: str = "ACTUAL"
    sanitised: bool = False
    operation: str = ""
    priority: str = "ROUTINE"

    @refusing(EnvelopeError)
    def __post_init__(self) -> None:
        check_code(self.type)
        check_code(self.tlp)
        check_code(self.operation, empty=True)
        check_choice(self.regrant, REGRANTS, "regrant")
        check_choice(self.mode, MODES, "mode")
        check_choice(self.priority, PRIORITIES, "priority")
        for name in ("handling", "purposes", "not_for"):
            object.__setattr__(self, name, sorted_codes(getattr(self, name)))

    def encode(self) -> bytes:
        """Return the MARKING bytes."""
        return framed(
            _MARKING,
            self.type.encode(),
            self.tlp.encode(),
            texts(self.handling),
            texts(self.purposes),
            texts(self.not_for),
            self.regrant.encode(),
            self.mode.encode(),
            u8(self.sanitised),
            self.operation.encode(),
            self.priority.encode(),
        )

    @classmethod
    @refusing(EnvelopeError)
    def decode(cls, data: bytes) -> Self:
        """Read MARKING bytes; raises `EnvelopeError` for any that `encode` would not write."""
        items = unframe(_MARKING, data, _ITEMS)
        type_, tlp, handling, purposes, not_for, regrant, mode, sanitised, operation, priority = (
            items
        )
        marking = cls(
            type=read_text(type_),
            tlp=read_text(tlp),
            handling=read_texts(handling),
            purposes=read_texts(purposes),
            not_for=read_texts(not_for),
            regrant=read_text(regrant),
            mode=read_text(mode),
            sanitised=read_flag(sanitised),
            operation=read_text(operation),
            priority=read_text(priority),
        )
        if marking.encode() != data:
            raise FramingError(Reason.MALFORMED, "codes of a marking are not sorted")
        return marking
