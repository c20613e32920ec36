# SPDX-License-Identifier: Apache-2.0
"""What stewards sign into the directory: agencies, topics, locks, retirements, rule books.

Values and their bytes only; `keys.directory` verifies and applies them. The further kinds of entry
are in `keys.changes`.
Source: docs/protocol.md section 10.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from keys.changes import (
    CARD,
    OPERATION,
    REVOKE,
    SUCCESSOR,
    AssertionKey,
    CardEntry,
    OperationEntry,
    RevokeEntry,
    SuccessorEntry,
)
from keys.errors import DirectoryError, EnvelopeError, FramingError, Reason, SignatureError
from keys.fields import (
    check_agency,
    check_bytes,
    check_choice,
    check_code,
    check_country,
    check_label,
    check_time,
    check_topic,
    sorted_codes,
)
from keys.framing import (
    HASH_BYTES,
    framed,
    label_of,
    listed,
    read_flag,
    read_text,
    read_texts,
    read_uint,
    refusing,
    sha256,
    text,
    texts,
    u8,
    u64,
    unframe,
    unlisted,
)
from keys.recipients import EncryptionKey
from keys.root import MAX_CERTIFICATE_BYTES
from keys.signing import Keyset

ROLES = ("agency", "auditor")
MAX_KEYS = 64
"""Keysets, encryption keys or roots of one agency: years of rotation, and a bound on an entry."""
MAX_RULE_BOOK_BYTES = 1 << 20

_AGENCY = "tocsin/agency/v1"
_TOPIC = "tocsin/topic/v1"
_LOCK = "tocsin/lock/v1"
_UNLOCK = "tocsin/unlock/v1"
_RETIRE = "tocsin/retire/v1"
_RULE_BOOK = "tocsin/rule-book-entry/v1"
_RULE_BOOK_DIGEST = "tocsin/rule-book/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgencyEntry:
    """An agency, whole: a later entry for the same agency replaces the earlier one.

    Attributes:
        agency: id, also its SPIFFE trust domain's name.
        name: for people.
        country: ISO 3166-1 alpha-2.
        kind: what sort of body it is, a code of the rule book's.
        role: "agency", or "auditor" who reads the log and never contents.
        circles: circles it belongs to.
        contact247: whether it is a round-the-clock contact point.
        agreement_until: milliseconds since 1970; end of the agreement it takes part under.
        operations: joint operations it takes part in, each with its end in milliseconds.
        tls_roots: its own root certificates (DER).
        tls_key_pin: SHA-256 of its gateway's SubjectPublicKeyInfo.
        signing: every keyset that counts, old ones included while frames signed by them live.
        encryption: its encryption keys.
        contact: for people.
        assertion_keys: by which it asserts who of its officers acts.
        asserts_roles: the roles that its officers may have.
    """

    agency: str
    name: str
    country: str
    kind: str
    role: str = "agency"
    circles: tuple[str, ...] = ()
    contact247: bool = False
    agreement_until: int
    operations: tuple[tuple[str, int], ...] = ()
    tls_roots: tuple[bytes, ...]
    tls_key_pin: bytes
    signing: tuple[Keyset, ...]
    encryption: tuple[EncryptionKey, ...]
    contact: str = ""
    assertion_keys: tuple[AssertionKey, ...] = ()
    asserts_roles: tuple[str, ...] = ()

    @refusing(DirectoryError)
    def __post_init__(self) -> None:
        check_agency(self.agency)
        check_label(self.name)
        check_country(self.country)
        check_code(self.kind)
        check_choice(self.role, ROLES, "role")
        check_time(self.agreement_until)
        check_bytes(self.tls_key_pin, HASH_BYTES, "TLS key pin")
        if self.contact:
            check_label(self.contact)
        object.__setattr__(self, "circles", sorted_codes(self.circles))
        object.__setattr__(self, "asserts_roles", sorted_codes(self.asserts_roles))
        object.__setattr__(self, "operations", tuple(sorted(self.operations)))
        for operation, until in self.operations:
            check_code(operation)
            check_time(until)
        _check_unique([operation for operation, _ in self.operations], "operation")
        _check_unique([keyset.keyset_id for keyset in self.signing], "keyset")
        _check_unique([key.key_id for key in self.encryption], "encryption key")
        _check_unique([key.key_id for key in self.assertion_keys], "assertion key")
        self._check_roots()

    def _check_roots(self) -> None:
        _check_unique(self.tls_roots, "TLS root")
        if any(not 0 < len(root) <= MAX_CERTIFICATE_BYTES for root in self.tls_roots):
            raise FramingError(Reason.MALFORMED, "a TLS root is empty or too large")

    def keyset(self, keyset_id: str) -> Keyset | None:
        """Return the keyset of that id, if the agency has it."""
        return next((held for held in self.signing if held.keyset_id == keyset_id), None)

    def encryption_key(self, at: int, revoked: Collection[str] = ()) -> EncryptionKey | None:
        """Return the newest key that may be sealed to at `at`, in milliseconds since 1970.

        Args:
            at: the time.
            revoked: ids of keys that do not count.
        """
        valid = [
            key for key in self.encryption if key.is_valid_at(at) and key.key_id not in revoked
        ]
        return max(valid, key=lambda key: (key.valid_from, key.key_id), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicEntry:
    """A topic, whole: a later entry for the same topic replaces the earlier one.

    Attributes:
        topic: its name.
        title: for people.
        readers: circles whose members may read.
        publishers: circles whose members may publish.
        victim_assistance: whether it carries victims' referrals.
        min_clearance: code of the clearance needed, or empty.
    """

    topic: str
    title: str
    readers: tuple[str, ...]
    publishers: tuple[str, ...]
    victim_assistance: bool = False
    min_clearance: str = ""

    @refusing(DirectoryError)
    def __post_init__(self) -> None:
        check_topic(self.topic)
        check_label(self.title)
        check_code(self.min_clearance, empty=True)
        object.__setattr__(self, "readers", sorted_codes(self.readers))
        object.__setattr__(self, "publishers", sorted_codes(self.publishers))


@dataclass(frozen=True, slots=True, kw_only=True)
class _AboutAgency:
    agency: str
    reason: str

    @refusing(DirectoryError)
    def __post_init__(self) -> None:
        check_agency(self.agency)
        check_label(self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockEntry(_AboutAgency):
    """Locks an agency out at once; one steward suffices. Its reason is for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockEntry(_AboutAgency):
    """Lifts a lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireEntry(_AboutAgency):
    """Ends an agency's part for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBookEntry:
    """A rule book: `version` counts from 1, and `schema` and `policies` are Cedar text."""

    version: int
    schema: str
    policies: str

    @refusing(DirectoryError)
    def __post_init__(self) -> None:
        size = len(text(self.schema)) + len(text(self.policies))
        if not 0 < self.version < 1 << 63:
            raise FramingError(Reason.MALFORMED, f"rule book {self.version} is out of range")
        if size > MAX_RULE_BOOK_BYTES:
            raise FramingError(Reason.LIMIT_EXCEEDED, f"rule book of {size} bytes")

    @property
    def digest(self) -> bytes:
        """The 32 bytes by which frames and leaves name this text."""
        return rule_book_digest(self.schema, self.policies)


def rule_book_digest(schema: str, policies: str) -> bytes:
    """Return the digest of a rule book's text."""
    return sha256(framed(_RULE_BOOK_DIGEST, schema.encode(), policies.encode()))


_Change = CardEntry | RevokeEntry | OperationEntry | SuccessorEntry
Entry = AgencyEntry | TopicEntry | LockEntry | UnlockEntry | RetireEntry | RuleBookEntry | _Change


@refusing(DirectoryError)
def encode_content(entry: Entry) -> bytes:
    """Return the bytes of an entry's content."""
    match entry:
        case AgencyEntry():
            return _agency_bytes(entry)
        case TopicEntry():
            return framed(
                _TOPIC,
                entry.topic.encode(),
                entry.title.encode(),
                texts(entry.readers),
                texts(entry.publishers),
                u8(entry.victim_assistance),
                entry.min_clearance.encode(),
            )
        case RuleBookEntry():
            return framed(
                _RULE_BOOK, u64(entry.version), entry.schema.encode(), entry.policies.encode()
            )
        case LockEntry() | UnlockEntry() | RetireEntry():
            label = {LockEntry: _LOCK, UnlockEntry: _UNLOCK, RetireEntry: _RETIRE}[type(entry)]
            return framed(label, entry.agency.encode(), entry.reason.encode())
        case CardEntry() | RevokeEntry() | OperationEntry() | SuccessorEntry():
            return entry.encode()


def _agency_bytes(entry: AgencyEntry) -> bytes:
    operations = [listed((name.encode(), u64(until))) for name, until in entry.operations]
    return framed(
        _AGENCY,
        entry.agency.encode(),
        entry.name.encode(),
        entry.country.encode(),
        entry.kind.encode(),
        entry.role.encode(),
        texts(entry.circles),
        u8(entry.contact247),
        u64(entry.agreement_until),
        listed(operations),
        listed(entry.tls_roots),
        entry.tls_key_pin,
        listed(keyset.encode() for keyset in entry.signing),
        listed(key.encode() for key in entry.encryption),
        entry.contact.encode(),
        listed(key.encode() for key in entry.assertion_keys),
        texts(entry.asserts_roles),
    )


@refusing(DirectoryError)
def decode_content(data: bytes) -> Entry:
    """Read an entry's content; refuses bytes that `encode_content` would not write.

    Raises:
        DirectoryError: malformed or of an unknown kind.
    """
    decoder = _DECODERS.get(label_of(data))
    if decoder is None:
        raise FramingError(Reason.ENTRY_INVALID, "directory entry of an unknown kind")
    try:
        entry = decoder(data)
    except (EnvelopeError, SignatureError) as error:
        raise DirectoryError(error.reason, error.detail) from None
    if encode_content(entry) != data:
        raise FramingError(Reason.MALFORMED, "directory entry is not in canonical form")
    return entry


def _read_agency(data: bytes) -> AgencyEntry:
    items = unframe(_AGENCY, data, 16)
    agency, name, country, kind, role, circles, contact247, agreement, operations = items[:9]
    tls_roots, pin, signing, encryption, contact, assertion_keys, asserts_roles = items[9:]
    return AgencyEntry(
        agency=read_text(agency),
        name=read_text(name),
        country=read_text(country),
        kind=read_text(kind),
        role=read_text(role),
        circles=read_texts(circles),
        contact247=read_flag(contact247),
        agreement_until=read_uint(agreement, 8),
        operations=tuple(map(_read_operation, unlisted(operations))),
        tls_roots=tuple(unlisted(tls_roots)),
        tls_key_pin=pin,
        signing=tuple(map(Keyset.decode, unlisted(signing))),
        encryption=tuple(map(EncryptionKey.decode, unlisted(encryption))),
        contact=read_text(contact),
        assertion_keys=tuple(map(AssertionKey.decode, unlisted(assertion_keys))),
        asserts_roles=read_texts(asserts_roles),
    )


def _read_operation(data: bytes) -> tuple[str, int]:
    items = unlisted(data)
    if len(items) != 2:  # noqa: PLR2004 - a pair
        raise FramingError(Reason.MALFORMED, "operation is not a pair")
    return read_text(items[0]), read_uint(items[1], 8)


def _read_topic(data: bytes) -> TopicEntry:
    topic, title, readers, publishers, assistance, clearance = unframe(_TOPIC, data, 6)
    return TopicEntry(
        topic=read_text(topic),
        title=read_text(title),
        readers=read_texts(readers),
        publishers=read_texts(publishers),
        victim_assistance=read_flag(assistance),
        min_clearance=read_text(clearance),
    )


def _read_rule_book(data: bytes) -> RuleBookEntry:
    version, schema, policies = unframe(_RULE_BOOK, data, 3)
    return RuleBookEntry(
        version=read_uint(version, 8), schema=read_text(schema), policies=read_text(policies)
    )


def _reader_about_agency(
    label: str, kind: type[LockEntry | UnlockEntry | RetireEntry]
) -> Callable[[bytes], Entry]:
    def read(data: bytes) -> Entry:
        agency, reason = unframe(label, data, 2)
        return kind(agency=read_text(agency), reason=read_text(reason))

    return read


_DECODERS: Mapping[str, Callable[[bytes], Entry]] = {
    _AGENCY: _read_agency,
    _TOPIC: _read_topic,
    _RULE_BOOK: _read_rule_book,
    _LOCK: _reader_about_agency(_LOCK, LockEntry),
    _UNLOCK: _reader_about_agency(_UNLOCK, UnlockEntry),
    _RETIRE: _reader_about_agency(_RETIRE, RetireEntry),
    CARD: CardEntry.decode,
    REVOKE: RevokeEntry.decode,
    OPERATION: OperationEntry.decode,
    SUCCESSOR: SuccessorEntry.decode,
}


def _check_unique(values: Sequence[object], what: str) -> None:
    if len(set(values)) != len(values) or len(values) > MAX_KEYS:
        raise FramingError(Reason.MALFORMED, f"{what} occurs twice, or more than {MAX_KEYS} times")
