# SPDX-License-Identifier: Apache-2.0
"""What an officer should know before a draft is sent, beyond whether it may be sent. Pure.

A warning stops nothing. Each says what is the matter and where; none repeats what the notice says.
Who finds the notices that a draft is compared with is `services.previewing`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from agency_client.domain.moments import DAY_MS, day_of
from agency_client.domain.rules import IDENTITY, SHELTERED, SOUGHT, TRACING
from keys.directory import AgencyEntry
from keys.envelope import Marking

SOON_MS = 30 * DAY_MS
"""A sharing agreement takes about that long to renew."""
OPEN_TLP = frozenset({"GREEN", "CLEAR"})
"""May be passed on to a community that nobody can list."""
_TLP = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")


class WarningKind(StrEnum):
    """What a warning is about. Stable: callers may compare it."""

    REFUSED = "refused"
    """It would not be published as it is."""

    NOBODY = "nobody"
    """Nobody but ourselves would get it."""

    LOCKED = "locked"
    """A named recipient is locked."""

    IDENTIFIES = "identifies"
    """It identifies or traces somebody to everybody."""

    LOWERED = "lowered"
    """It is marked lower than a notice that it cites."""

    DUPLICATE = "duplicate"
    """A notice that is held says the same, or is about the same person or document."""

    ENDING = "ending"
    """The sharing agreement of somebody who would get it ends soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewWarning:
    """One warning; `notice` is the reference of the kept notice that it is about, if any."""

    kind: WarningKind
    message: str
    advice: str = ""
    notice: str = ""


def identifying(notice: Mapping[str, Any]) -> Iterator[PreviewWarning]:
    """Yield a warning for each person whom a notice for everybody identifies or traces."""
    for position, person in enumerate(notice.get("persons", ())):
        found = [field for field in _guarded(person.get("status", "")) if field in person]
        if found:
            yield PreviewWarning(
                kind=WarningKind.IDENTIFIES,
                message=f"everybody may see persons[{position}]: {', '.join(found)}",
                advice="leave it out, name the recipients, or choose a narrower TLP",
            )


def _guarded(status: str) -> Sequence[str]:
    """Return what is not for everybody: of those who are sought, all but who they are."""
    if status in SHELTERED:
        return (*IDENTITY, *TRACING)
    return TRACING if status in SOUGHT else ()


def lowered(marking: Marking, cited: str, source: Marking) -> PreviewWarning | None:
    """Return a warning where a notice is marked lower than `source`, which it cites."""
    differences = list(_lowered(marking, source))
    if not differences:
        return None
    return PreviewWarning(
        kind=WarningKind.LOWERED,
        message=f"it is marked lower than {cited}: {'; '.join(differences)}",
        advice="mark it as its source, or ask the source's originator first",
        notice=cited,
    )


def _lowered(marking: Marking, source: Marking) -> Iterator[str]:
    if _rank(marking.tlp) < _rank(source.tlp):
        yield f"TLP:{marking.tlp}, there TLP:{source.tlp}"
    codes = set(source.handling) - {"H0"} - set(marking.handling)
    if codes:
        yield f"without {', '.join(sorted(codes))}"
    countries = set(source.not_for) - set(marking.not_for)
    if countries:
        yield f"for {', '.join(sorted(countries))} too"
    purposes = set(marking.purposes) - set(source.purposes)
    if purposes:
        yield f"for {', '.join(sorted(purposes))} too"
    if marking.regrant != source.regrant == "none":
        yield "others can be admitted to it later"


def _rank(tlp: str) -> int:
    """Return how narrow a TLP is; one that we do not know is the narrowest."""
    return _TLP.index(tlp) if tlp in _TLP else len(_TLP)


def ending(agencies: Sequence[AgencyEntry], now: int) -> PreviewWarning | None:
    """Return a warning where agreements of those who would get a notice end soon."""
    soon = sorted(
        (one.agreement_until, one.agency)
        for one in agencies
        if now < one.agreement_until <= now + SOON_MS
    )
    if not soon:
        return None
    told = ", ".join(f"{agency} ({day_of(until).isoformat()})" for until, agency in soon)
    return PreviewWarning(
        kind=WarningKind.ENDING,
        message=f"sharing agreements end soon, and with them what is delivered: {told}",
    )
