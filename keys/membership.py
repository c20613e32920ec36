# SPDX-License-Identifier: Apache-2.0
"""What a directory's entries say: agencies and their keys, topics, locks, operations, the rules.

Immutable. Says what an entry does and when it contradicts what is there; who must have signed it
is `keys.directory`'s business. Source: docs/protocol.md section 10.2.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self

from keys.changes import CardEntry, OperationEntry, RevokeEntry, SuccessorEntry
from keys.entries import (
    AgencyEntry,
    Entry,
    LockEntry,
    RetireEntry,
    RuleBookEntry,
    TopicEntry,
    UnlockEntry,
    encode_content,
)
from keys.errors import DirectoryError, Reason
from keys.framing import sha256
from keys.recipients import EncryptionKey
from keys.signing import Keyset

_KeyName = tuple[str, str]
"""What a key is for, and its id: keysets and encryption keys may have one id."""
_KEYSET, _ENCRYPTION = "keyset", "encryption"


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Who and what is in a federation after a number of entries."""

    rule_book: RuleBookEntry | None = None
    _agencies: Mapping[str, AgencyEntry] = field(default_factory=dict)
    _keys: Mapping[str, Mapping["_KeyName", bytes]] = field(default_factory=dict)
    """What each agency's key ids ever stood for: an id that was dropped comes back as it was."""
    _topics: Mapping[str, TopicEntry] = field(default_factory=dict)
    _locked: frozenset[str] = frozenset()
    _retired: frozenset[str] = frozenset()
    _cards: Mapping[str, CardEntry] = field(default_factory=dict)
    _revoked: Mapping[tuple[str, "_KeyName"], int] = field(default_factory=dict)
    _operations: Mapping[str, OperationEntry] = field(default_factory=dict)
    _successors: Mapping[str, str] = field(default_factory=dict)

    def with_content(self, entry: Entry) -> Self:
        """Return the state after one more entry.

        Raises:
            DirectoryError: ENTRY_INVALID; it contradicts what is there.
        """
        match entry:
            case LockEntry() | UnlockEntry() | RetireEntry() | SuccessorEntry():
                return self._with_standing(entry)
            case AgencyEntry():
                return self._with_agency(entry)
            case CardEntry():
                return self._with_card(entry)
            case RevokeEntry():
                return self._with_revocation(entry)
            case _:
                return self._with_frame(entry)

    def _with_standing(self, entry: LockEntry | UnlockEntry | RetireEntry | SuccessorEntry) -> Self:
        self._check_known(entry.agency)
        match entry:
            case LockEntry():
                return replace(self, _locked=self._locked | {entry.agency})
            case UnlockEntry():
                return replace(self, _locked=self._locked - {entry.agency})
            case RetireEntry():
                return replace(self, _retired=self._retired | {entry.agency})
            case SuccessorEntry():
                return self._with_successor(entry)

    def _with_frame(self, entry: TopicEntry | OperationEntry | RuleBookEntry) -> Self:
        """Return the state after an entry about what agencies work within."""
        match entry:
            case TopicEntry():
                topics = dict(sorted({**self._topics, entry.topic: entry}.items()))
                return replace(self, _topics=MappingProxyType(topics))
            case OperationEntry():
                operations = dict(sorted({**self._operations, entry.code: entry}.items()))
                return replace(self, _operations=MappingProxyType(operations))
            case RuleBookEntry():
                return self._with_rule_book(entry)

    def _with_card(self, card: CardEntry) -> Self:
        member = self._agencies.get(card.agency)
        if member is None or not self.active(card.agency):
            raise DirectoryError(Reason.ENTRY_INVALID, f"{card.agency} is no active agency")
        if card.admitted != sha256(encode_content(member)):
            raise DirectoryError(Reason.ENTRY_INVALID, "card agrees to another admission")
        current = self._cards.get(card.agency)
        version = current.version if current else 0
        if card.version != version + 1:
            raise DirectoryError(
                Reason.ENTRY_INVALID, f"card {version} is followed by {card.version}"
            )
        return replace(self, _cards=MappingProxyType({**self._cards, card.agency: card}))

    def _with_revocation(self, entry: RevokeEntry) -> Self:
        what = _KEYSET if entry.what == _KEYSET else "encryption key"
        if (what, entry.key_id) not in self._keys.get(entry.agency, {}):
            raise DirectoryError(
                Reason.ENTRY_INVALID, f"{entry.agency} never had {what} {entry.key_id}"
            )
        name = entry.agency, (entry.what, entry.key_id)
        earliest = min(entry.from_index, self._revoked.get(name, entry.from_index))
        return replace(self, _revoked=MappingProxyType({**self._revoked, name: earliest}))

    def _with_successor(self, entry: SuccessorEntry) -> Self:
        self._check_known(entry.successor)
        successors = {**self._successors, entry.agency: entry.successor}
        return replace(
            self,
            _retired=self._retired | {entry.agency},
            _successors=MappingProxyType(successors),
        )

    def _check_known(self, agency: str) -> None:
        if agency not in self._agencies:
            raise DirectoryError(Reason.ENTRY_INVALID, f"agency {agency} is not in the directory")
        if agency in self._retired:
            raise DirectoryError(Reason.ENTRY_INVALID, f"agency {agency} has retired for good")

    def _with_agency(self, entry: AgencyEntry) -> Self:
        if entry.agency in self._retired:
            raise DirectoryError(
                Reason.ENTRY_INVALID, f"agency {entry.agency} has retired for good"
            )
        _check_role(self._agencies.get(entry.agency), entry)
        keys = _keys_with(self._keys.get(entry.agency, {}), entry)
        agencies = dict(sorted({**self._agencies, entry.agency: entry}.items()))
        return replace(
            self,
            _agencies=MappingProxyType(agencies),
            _keys=MappingProxyType({**self._keys, entry.agency: keys}),
        )

    def _with_rule_book(self, entry: RuleBookEntry) -> Self:
        current = self.rule_book.version if self.rule_book else 0
        if entry.version != current + 1:
            raise DirectoryError(
                Reason.ENTRY_INVALID, f"rule book {current} is followed by {entry.version}"
            )
        return replace(self, rule_book=entry)

    def agency(self, agency: str) -> AgencyEntry | None:
        """Return the agency's latest entry; also for a locked or retired one."""
        return self._agencies.get(agency)

    def agencies(self) -> tuple[AgencyEntry, ...]:
        """Return all agencies, locked and retired ones included, in order of id."""
        return tuple(self._agencies.values())

    def topic(self, topic: str) -> TopicEntry | None:
        """Return the topic's latest entry."""
        return self._topics.get(topic)

    def topics(self) -> tuple[TopicEntry, ...]:
        """Return all topics in order of name."""
        return tuple(self._topics.values())

    def is_locked(self, agency: str) -> bool:
        """Whether the agency is locked out."""
        return agency in self._locked

    def is_retired(self, agency: str) -> bool:
        """Whether the agency has retired."""
        return agency in self._retired

    def active(self, agency: str) -> bool:
        """Whether the agency is known and neither locked nor retired."""
        return agency in self._agencies and not (self.is_locked(agency) or self.is_retired(agency))

    def keyset(self, agency: str, keyset_id: str) -> Keyset | None:
        """Return a signing keyset of the agency, whatever its validity."""
        entry = self._agencies.get(agency)
        return entry.keyset(keyset_id) if entry else None

    def encryption_key(self, agency: str, at: int) -> EncryptionKey | None:
        """Return the newest key of an active agency that may be sealed to at `at`."""
        entry = self._agencies.get(agency)
        if entry is None or not self.active(agency):
            return None
        revoked = {
            key.key_id
            for key in entry.encryption
            if self.revoked_from(agency, _ENCRYPTION, key.key_id) is not None
        }
        return entry.encryption_key(at, revoked)

    def revoked_from(self, agency: str, what: str, key_id: str) -> int | None:
        """Return from which index of the acts log a key does not count; None if it is not revoked.

        Args:
            agency: whose.
            what: "keyset" or "encryption".
            key_id: of the keyset or encryption key.
        """
        return self._revoked.get((agency, (what, key_id)))

    def card(self, agency: str) -> CardEntry | None:
        """Return the agency's latest contact card."""
        return self._cards.get(agency)

    def is_confirmed(self, agency: str) -> bool:
        """Whether the agency has signed a card that agrees to its entry as it now stands."""
        card, entry = self._cards.get(agency), self._agencies.get(agency)
        if card is None or entry is None:
            return False
        return card.admitted == sha256(encode_content(entry))

    def operation(self, code: str) -> OperationEntry | None:
        """Return a joint operation's latest entry."""
        return self._operations.get(code)

    def operations(self) -> tuple[OperationEntry, ...]:
        """Return all joint operations in order of code."""
        return tuple(self._operations.values())

    def successor(self, agency: str) -> str:
        """Return who took over from a retired agency; empty where nobody was named."""
        return self._successors.get(agency, "")


def _check_role(before: AgencyEntry | None, entry: AgencyEntry) -> None:
    if before is not None and before.role != entry.role:
        raise DirectoryError(Reason.ENTRY_INVALID, f"role of {entry.agency} cannot change")


def _keys_with(known: Mapping[_KeyName, bytes], entry: AgencyEntry) -> Mapping[_KeyName, bytes]:
    """Return an agency's known keys and those of an entry, by what they are for and id.

    Refuses other keys under an id that the agency ever had: signatures and wraps name keys by id
    alone, and frames under a key that was dropped are still read.
    """
    named = {("keyset", one.keyset_id): sha256(one.ed25519 + one.mldsa65) for one in entry.signing}
    named |= {("encryption key", one.key_id): sha256(one.public) for one in entry.encryption}
    for name, digest in named.items():
        if known.get(name, digest) != digest:
            raise DirectoryError(
                Reason.ENTRY_INVALID, f"{' '.join(name)} of {entry.agency} had other keys before"
            )
    return MappingProxyType({**known, **named})
