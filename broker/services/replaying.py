# SPDX-License-Identifier: Apache-2.0
"""From signed bytes to a federation: everything is verified, and nothing is stored.

Used at start for what the store holds, and for a file that stewards made.
Source: design section 5; docs/protocol.md sections 9 and 10.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from broker.errors import BrokerError, Reason, invalid
from broker.services.faults import refused
from broker.services.federation import Federation
from keys.directory import Directory, Entry, RuleBookEntry, SignedEntry, decode_entry
from keys.entries import LockEntry
from keys.errors import TrustError
from keys.root import RootDocument, SignedRoot
from policy.errors import BookError
from policy.lint import check_book


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One root document or directory entry of a history.

    Attributes:
        place: version of the root, or index of the entry.
        data: SIGNED_ROOT or SIGNED_ENTRY bytes.
        is_root: which of both.
        locked: the agency that the entry locks, or empty.
    """

    place: int
    data: bytes
    is_root: bool
    locked: str = ""


def replayed(roots: Sequence[bytes], entries: Sequence[bytes]) -> Federation:
    """Return the federation of a whole history.

    Raises:
        BrokerError: something does not verify, entries are missing that a root says exist, or the
            rule book is one that this program refuses.
    """
    try:
        directory = Directory.start([SignedRoot.decode(one) for one in roots])
        directory = directory.with_entries([SignedEntry.decode(one) for one in entries])
    except TrustError as error:
        raise refused(error) from None
    return following(directory, None)


def following(directory: Directory, before: Federation | None) -> Federation:
    """Return the federation of a verified directory.

    Raises:
        BrokerError: DIRECTORY_CONFLICT where entries are missing; INVALID_ARGUMENT for a rule book
            that this program refuses.
    """
    if directory.is_behind_root:
        raise BrokerError(Reason.DIRECTORY_CONFLICT, detail="entries before the root are missing")
    try:
        return Federation.of(directory, before)
    except BookError as error:
        raise invalid("rule_book", str(error)) from None


def entering(entry: Entry, directory: Directory, before: Federation) -> Federation:
    """Return the federation of a verified directory whose last entry is new.

    A rule book that enters must keep to what `policy.lint` says; one in force is not asked again,
    so that a broker starts with the history it has.

    Raises:
        BrokerError: as `following`.
    """
    federation = following(directory, before)
    if isinstance(entry, RuleBookEntry) and federation.engine is not None:
        try:
            check_book(federation.engine.book, entry.schema, entry.policies)
        except BookError as error:
            raise invalid("rule_book", str(error)) from None
    return federation


def history(roots: Sequence[bytes], entries: Sequence[bytes]) -> Iterator[Step]:
    """Yield a verified history in an order in which each beginning of it is a whole one.

    A root comes after the entries that it says exist.
    """
    written = 0
    for version, root in enumerate(roots, 1):
        size = RootDocument.decode(SignedRoot.decode(root).body).directory_size
        yield from _entry_steps(entries, written, size)
        written = max(written, size)
        yield Step(place=version, data=root, is_root=True)
    yield from _entry_steps(entries, written, len(entries))


def _entry_steps(entries: Sequence[bytes], start: int, end: int) -> Iterator[Step]:
    for index in range(start, end):
        data = entries[index]
        yield Step(place=index, data=data, is_root=False, locked=locked_by(data))


def locked_by(entry: bytes) -> str:
    """Return the agency that a verified SIGNED_ENTRY locks, or empty."""
    content = decode_entry(SignedEntry.decode(entry).body).content
    return content.agency if isinstance(content, LockEntry) else ""
