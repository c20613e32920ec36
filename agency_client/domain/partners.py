# SPDX-License-Identifier: Apache-2.0
"""The other members as our officers see them: who they are, whose words were compared, what is new.

What the directory says is verified elsewhere. Whether an officer compared the six words with a
partner is our own memory: it speaks of the keys that the partner had then and of no others.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from agency_client.domain.words import member_bytes
from keys.directory import AgencyEntry, CardEntry, Directory
from keys.framing import sha256

LEFT = b"left"
"""The mark of a member that has left, in place of that of its keys."""


Asked = Callable[[], AgencyEntry]
"""Returns what an agency asks the stewards to publish of it; another after a renewal of keys."""


class Compared(StrEnum):
    """Whether the six words of a partner's keys were compared by telephone."""

    YES = "compared"
    NO = "not compared"
    CHANGED = "KEYS CHANGED"


class Agreed(StrEnum):
    """Whether a member has signed that its entry is what it asked for."""

    YES = "confirmed"
    NO = "not confirmed yet"
    EARLIER = "confirmed an earlier entry"


class Standing(StrEnum):
    """Where a member stands."""

    ACTIVE = "active"
    LOCKED = "LOCKED"
    ENDED = "agreement ended"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerRecord:
    """What we remember of one member.

    Attributes:
        told: mark of what our officers were told of last.
        compared: mark of the keys whose words were compared; empty where none were.
        compared_at: milliseconds since 1970.
        compared_by: who did.
    """

    told: bytes = b""
    compared: bytes = b""
    compared_at: int = 0
    compared_by: str = ""


NOTHING = PartnerRecord()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerView:
    """One member; `successor` took over from it, or is empty."""

    entry: AgencyEntry
    card: CardEntry | None
    standing: Standing
    agreed: Agreed
    compared: Compared
    compared_at: int
    compared_by: str
    successor: str


class NewsKind(StrEnum):
    """What happened to the membership."""

    JOINED = "joined"
    KEYS_CHANGED = "keys-changed"
    LEFT = "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerNews:
    """One thing to tell our officers once; `successor` took over from who left, or is empty."""

    kind: NewsKind
    agency: str
    name: str
    successor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipStatus:
    """How we stand as a member, and what our officers have to do about partners.

    Attributes:
        agreed: whether we confirmed our entry; None where we are not in the directory.
        agreement_until: end of our sharing agreement, ms; 0 where we are not in the directory.
        operations: joint operations we take part in, each with the end of our part, ms.
        not_compared: how many active partners' words nobody compared here.
        changed: partners whose keys changed since their words were compared.
        foreign: what of our entry is not ours, in words; empty where all of it is.
    """

    agreed: Agreed | None
    agreement_until: int
    operations: tuple[tuple[str, int], ...]
    not_compared: int
    changed: tuple[str, ...]
    foreign: str


def mark_of(entry: AgencyEntry) -> bytes:
    """Return the 32 bytes by which we remember a member's keys."""
    return sha256(member_bytes(entry))


def view(directory: Directory, entry: AgencyEntry, record: PartnerRecord, now: int) -> PartnerView:
    """Return how a member stands at `now`, milliseconds since 1970."""
    return PartnerView(
        entry=entry,
        card=directory.card(entry.agency),
        standing=_standing(directory, entry, now),
        agreed=agreed(directory, entry.agency),
        compared=_compared(entry, record),
        compared_at=record.compared_at,
        compared_by=record.compared_by,
        successor=directory.successor(entry.agency),
    )


def agreed(directory: Directory, agency: str) -> Agreed:
    """Return whether a member has signed its entry as it now stands."""
    if directory.is_confirmed(agency):
        return Agreed.YES
    return Agreed.NO if directory.card(agency) is None else Agreed.EARLIER


def differing(entry: AgencyEntry, request: AgencyEntry, now: int) -> str:
    """Return in words what of an entry under our id is not us; empty where all of it is.

    Its keys may be fewer than those we hold, and end at other times: that is the stewards' to say.
    Nobody seals to an encryption key that has ended, and we may have destroyed it.

    Args:
        entry: as the stewards have it.
        request: as we asked for it.
        now: milliseconds since 1970.
    """
    who = (request.agency, request.country, request.kind)
    checks = (
        ((entry.agency, entry.country, entry.kind) == who, "another country or kind"),
        (entry.tls_key_pin == request.tls_key_pin, "a gateway that is not ours"),
        (set(entry.tls_roots) <= set(request.tls_roots), "a TLS root that is not ours"),
        (_keysets(entry) <= _keysets(request), "signing keys that are not ours"),
        (_encryption(entry, now) <= _encryption(request), "an encryption key that is not ours"),
        (_assertion(entry) <= _assertion(request), "a key for assertions that is not ours"),
    )
    return next((foreign for is_ours, foreign in checks if not is_ours), "")


def _keysets(entry: AgencyEntry) -> set[tuple[str, bytes, bytes]]:
    return {(one.keyset_id, one.ed25519, one.mldsa65) for one in entry.signing}


def _encryption(entry: AgencyEntry, after: int = 0) -> set[tuple[str, bytes]]:
    return {(one.key_id, one.public) for one in entry.encryption if one.valid_until > after}


def _assertion(entry: AgencyEntry) -> set[tuple[str, bytes]]:
    return {(one.key_id, one.public) for one in entry.assertion_keys}


def membership_status(
    directory: Directory, request: AgencyEntry, partners: Iterable[PartnerView], now: int
) -> MembershipStatus:
    """Return how we stand as a member of `directory`.

    Args:
        directory: verified.
        request: what we asked the stewards to publish of us.
        partners: all the others.
        now: milliseconds since 1970.
    """
    own = request.agency
    entry, active = directory.agency(own), [p for p in partners if p.standing is Standing.ACTIVE]
    return MembershipStatus(
        agreed=agreed(directory, own) if entry else None,
        agreement_until=entry.agreement_until if entry else 0,
        operations=tuple(_part(directory, *one) for one in entry.operations) if entry else (),
        not_compared=sum(one.compared is Compared.NO for one in active),
        changed=tuple(one.entry.agency for one in active if one.compared is Compared.CHANGED),
        foreign=differing(entry, request, now) if entry else "",
    )


def _part(directory: Directory, code: str, until: int) -> tuple[str, int]:
    """Return an operation with the end of our part: its own end, where that comes first."""
    operation = directory.operation(code)
    return code, min(until, operation.ends_at) if operation else until


def _standing(directory: Directory, entry: AgencyEntry, now: int) -> Standing:
    if directory.is_retired(entry.agency):
        return Standing.RETIRED
    if directory.is_locked(entry.agency):
        return Standing.LOCKED
    return Standing.ACTIVE if now < entry.agreement_until else Standing.ENDED


def _compared(entry: AgencyEntry, record: PartnerRecord) -> Compared:
    if not record.compared:
        return Compared.NO
    return Compared.YES if record.compared == mark_of(entry) else Compared.CHANGED


def marks(directory: Directory, own: str) -> dict[str, bytes]:
    """Return what there is to be told of every member but ourselves, as marks."""
    return {
        entry.agency: LEFT if directory.is_retired(entry.agency) else mark_of(entry)
        for entry in directory.agencies()
        if entry.agency != own
    }


def news(
    directory: Directory, now: Mapping[str, bytes], told: Mapping[str, bytes]
) -> tuple[PartnerNews, ...]:
    """Return what happened between two states of the membership, by their marks.

    Args:
        directory: as it is now.
        now: its marks.
        told: the marks that our officers were told of last.
    """
    return tuple(
        PartnerNews(
            kind=_kind(mark, told.get(agency)),
            agency=agency,
            name=_name(directory, agency),
            successor=directory.successor(agency),
        )
        for agency, mark in now.items()
        if told.get(agency) != mark and not (mark == LEFT and agency not in told)
    )


def _kind(mark: bytes, told: bytes | None) -> NewsKind:
    if mark == LEFT:
        return NewsKind.LEFT
    return NewsKind.JOINED if told is None else NewsKind.KEYS_CHANGED


def _name(directory: Directory, agency: str) -> str:
    entry = directory.agency(agency)
    return entry.name if entry else agency
