# SPDX-License-Identifier: Apache-2.0
"""What stewards change of a member: its name, its circles, its agreement, its operations, its heir.

Values in, entries out; `services.steward` proposes and signs them. A member's keys are never
changed here: that is a renewal, which it asks for itself. Source: docs/protocol.md section 10.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from agency_client.domain.words import member_bytes
from agency_client.errors import AgencyError, Reason
from agency_client.services.steward import day, proposing
from keys.directory import AgencyEntry, Directory, Entry, OperationEntry, SuccessorEntry


def renamed(directory: Directory, *, agency: str, name: str) -> AgencyEntry:
    """Return a member's entry under another name; its id stays for good.

    Raises:
        AgencyError: NOT_FOUND; INVALID_ARGUMENT where it has left, has that name, or it is none.
    """
    member = _member(directory, agency)
    if member.name == name:
        raise AgencyError(Reason.INVALID_ARGUMENT, f"{agency} is called that already")
    with proposing():
        return replace(member, name=name)


def changed(
    directory: Directory,
    *,
    agency: str,
    agreement_until: int = 0,
    join: Mapping[str, int] | None = None,
    leave: Sequence[str] = (),
    circles: Sequence[str] = (),
    without: Sequence[str] = (),
    officers: Sequence[str] = (),
    contact247: bool | None = None,
) -> AgencyEntry:
    """Return a member's entry with other rights.

    Args:
        directory: as it is.
        agency: whose.
        agreement_until: new end of its sharing agreement, ms; 0 leaves it.
        join: joint operations it takes part in from now on, each with the end of its part, ms; 0
            is the operation's own end.
        leave: operations it takes part in no more.
        circles: circles it joins.
        without: circles it leaves.
        officers: the roles that its officers may have from now on; none leaves them.
        contact247: whether it is reachable day and night; None leaves it.

    Raises:
        AgencyError: NOT_FOUND, no such member or operation; INVALID_ARGUMENT, it has left, is not
            in what it should leave, its part would outlast the operation, or nothing is changed.
    """
    member = _member(directory, agency)
    _check_in(agency, leave, [code for code, _ in member.operations])
    _check_in(agency, without, member.circles)
    operations = {code: until for code, until in member.operations if code not in leave}
    for code, until in (join or {}).items():
        operations[code] = _end_of_part(directory, code, until)
    with proposing():
        entry = replace(
            member,
            agreement_until=agreement_until or member.agreement_until,
            operations=tuple(operations.items()),
            circles=tuple((set(member.circles) | set(circles)) - set(without)),
            asserts_roles=tuple(officers) or member.asserts_roles,
            contact247=member.contact247 if contact247 is None else contact247,
        )
    if entry == member:
        raise AgencyError(Reason.INVALID_ARGUMENT, f"{agency} would stay as it is")
    return entry


def operation(
    directory: Directory, *, code: str, title: str, starts_at: int, ends_at: int
) -> OperationEntry:
    """Return a joint operation's entry; a title that is empty stays what it was.

    Raises:
        AgencyError: INVALID_ARGUMENT; it ends before it begins, or has no title.
    """
    known = directory.operation(code)
    with proposing():
        return OperationEntry(
            code=code,
            title=title or (known.title if known else ""),
            starts_at=starts_at,
            ends_at=ends_at,
        )


def merged(directory: Directory, *, agency: str, into: str, reason: str) -> SuccessorEntry:
    """Return the entry that ends one member and names another as its successor.

    Raises:
        AgencyError: NOT_FOUND; INVALID_ARGUMENT where either has left, or both are one.
    """
    _member(directory, agency)
    _member(directory, into)
    with proposing():
        return SuccessorEntry(agency=agency, successor=into, reason=reason)


def differences(known: AgencyEntry | None, entry: AgencyEntry) -> list[str]:
    """Return in words what an entry changes of a member, for the one who is asked to sign it.

    Args:
        known: its entry in the directory; None where it is new.
        entry: as proposed.
    """
    if known is None:
        return [
            f"a new member, agreement until {day(entry.agreement_until)}",
            f"its officers: {_listed(entry.asserts_roles)}",
            f"round the clock: {_yes(entry.contact247)}",
        ]
    told = [
        f"{what}: {before} becomes {after}"
        for what, before, after in (
            ("name", known.name, entry.name),
            ("country", known.country, entry.country),
            ("kind", known.kind, entry.kind),
            ("contact", known.contact or "none", entry.contact or "none"),
            ("agreement until", day(known.agreement_until), day(entry.agreement_until)),
            ("circles", _listed(known.circles), _listed(entry.circles)),
            ("operations", _operations(known), _operations(entry)),
            ("round the clock", _yes(known.contact247), _yes(entry.contact247)),
            ("its officers", _listed(known.asserts_roles), _listed(entry.asserts_roles)),
        )
        if before != after
    ]
    if member_bytes(known) != member_bytes(entry):
        told.append("its keys change")
    return told


def without_topic(directory: Directory, entry: Entry) -> list[str]:
    """Return in words which circles of a member no topic names: it gains nothing by them yet."""
    if not isinstance(entry, AgencyEntry):
        return []
    named = {circle for one in directory.topics() for circle in (*one.readers, *one.publishers)}
    return [f"no topic names the circle {one}" for one in entry.circles if one not in named]


def brings_keys(known: AgencyEntry | None, entry: AgencyEntry) -> bool:
    """Whether an entry's words have to be compared: it is new, or not who or what was known."""
    return known is None or member_bytes(known) != member_bytes(entry)


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


def _operations(entry: AgencyEntry) -> str:
    return _listed([f"{code} until {day(until)}" for code, until in entry.operations])


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values) or "none"


def _member(directory: Directory, agency: str) -> AgencyEntry:
    member = directory.agency(agency)
    if member is None:
        raise AgencyError(Reason.NOT_FOUND, f"agency {agency} is not in the directory")
    if directory.is_retired(agency):
        raise AgencyError(Reason.INVALID_ARGUMENT, f"agency {agency} has left for good")
    return member


def _check_in(agency: str, leave: Sequence[str], held: Sequence[str]) -> None:
    strange = sorted(set(leave) - set(held))
    if strange:
        raise AgencyError(Reason.INVALID_ARGUMENT, f"{agency} is not in {strange[0]!r:.80}")


def _end_of_part(directory: Directory, code: str, until: int) -> int:
    found = directory.operation(code)
    if found is None:
        raise AgencyError(Reason.NOT_FOUND, f"there is no operation {code!r:.80} in the directory")
    if until > found.ends_at:
        raise AgencyError(
            Reason.INVALID_ARGUMENT, f"operation {code} ends before the part of its member would"
        )
    return until or found.ends_at
