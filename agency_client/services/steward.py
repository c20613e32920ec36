# SPDX-License-Identifier: Apache-2.0
"""What stewards do: make a federation, propose entries, sign them. Values in, values out.

Files are `services.steward_home`'s business, the broker's answers the caller's. Everything made
here is verified by the same code with which agencies verify it. Source: design section 5.
"""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

from agency_client.errors import AgencyError, Reason
from keys.directory import (
    AgencyEntry,
    Directory,
    Entry,
    LockEntry,
    OperationEntry,
    RetireEntry,
    RevokeEntry,
    SignedEntry,
    SuccessorEntry,
    UnlockEntry,
    decode_entry,
    encode_entry,
    required_signatures,
    sign_entry,
)
from keys.entries import RuleBookEntry
from keys.errors import CertificateError, TrustError
from keys.errors import Reason as TrustReason
from keys.framing import sha256
from keys.root import NO_PREVIOUS, RootDocument, SignedRoot, Steward, sign_root
from keys.signers import SeedSigner, generate_signer, signer_from
from keys.tls import CertifiedKey, issue_leaf, make_root, steward_spiffe_id, valid_until

DAY_MS = 86_400_000
KEY_YEARS_MS = 5 * 365 * DAY_MS
"""Validity of a steward's keys and of a root: five years, then a new root must be signed."""
LEAF_MS = DAY_MS
"""A steward's TLS leaf is issued for one connection's work."""
BACKDATED_MS = 10 * 60_000
"""Certificates begin a little earlier, so that a slow clock elsewhere does not refuse them."""
PROPOSAL = "tocsin.proposal.v1"
_OURS = {
    TrustReason.MALFORMED,
    TrustReason.LIMIT_EXCEEDED,
    TrustReason.KEY_INVALID,
    TrustReason.ROOT_INVALID,
    TrustReason.ENTRY_INVALID,
}
"""What a proposal of our own can be refused for without anybody having forged anything."""
_SIGNING = "signing"


def fingerprint(data: bytes) -> str:
    """Return what two people read to each other to compare bytes: 128 bits in hex, grouped."""
    digits = sha256(data).hex()[:32]
    return " ".join(digits[i : i + 4] for i in range(0, 32, 4))


@contextmanager
def proposing() -> Iterator[None]:
    """Tell what cannot stand in the directory as a wrong argument: nobody has signed it yet.

    Raises:
        AgencyError: INVALID_ARGUMENT.
    """
    try:
        yield
    except TrustError as error:
        if error.reason not in _OURS:
            raise
        raise AgencyError(Reason.INVALID_ARGUMENT, error.detail) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class StewardKey:
    """A steward's private side. `steward` is what the root publishes of it."""

    steward: Steward
    signer: SeedSigner = field(repr=False)
    tls_root: CertifiedKey = field(repr=False)

    @property
    def name(self) -> str:
        """The steward's name."""
        return self.steward.name

    @classmethod
    def generate(cls, name: str, now: int) -> Self:
        """Return fresh keys."""
        signer = generate_signer(f"{name}-{now // DAY_MS}")
        start, end = now - BACKDATED_MS, now + KEY_YEARS_MS
        tls_root = make_root(f"steward {name}", not_before=start, not_after=end)
        keyset = signer.public(valid_from=start, valid_until=end)
        steward = Steward(name=name, keyset=keyset, tls_root=tls_root.certificate)
        return cls(steward=steward, signer=signer, tls_root=tls_root)

    def secrets(self) -> dict[str, bytes]:
        """Return what the key file holds."""
        return {
            **self.signer.secrets(_SIGNING),
            "steward": self.steward.encode(),
            "tls-root.key": self.tls_root.key,
        }

    @classmethod
    def from_secrets(cls, held: dict[str, bytes]) -> Self:
        """Read what a key file holds.

        Raises:
            KeyFileError, RootError: it is not a steward's.
        """
        steward = Steward.decode(held.get("steward", b""))
        tls_root = CertifiedKey(certificate=steward.tls_root, key=held.get("tls-root.key", b""))
        return cls(steward=steward, signer=signer_from(held, _SIGNING), tls_root=tls_root)

    def leaf(self, now: int) -> CertifiedKey:
        """Return a fresh TLS identity for calls to the broker."""
        return issue_leaf(
            self.tls_root,
            uri=steward_spiffe_id(self.name),
            not_before=now - BACKDATED_MS,
            not_after=now + LEAF_MS,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerDescriptor:
    """What the broker's operator hands to the stewards (`broker.json`)."""

    log_origin: str
    log_key: bytes
    tls_root: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the file's text.

        Raises:
            AgencyError: INVALID_ARGUMENT; it is not a broker's description.
        """
        try:
            document = json.loads(text)
            tls_root = _bytes(document["tls_root"])
            valid_until(tls_root)
            return cls(
                log_origin=str(document["log_origin"]),
                log_key=_bytes(document["log_key"]),
                tls_root=tls_root,
            )
        except (ValueError, KeyError, TypeError, RecursionError, CertificateError):
            raise AgencyError(
                Reason.INVALID_ARGUMENT,
                "this is not the broker.json that `tocsin-broker init` wrote",
            ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A federation as a file: signed roots and entries, verified when it is read."""

    roots: tuple[SignedRoot, ...]
    entries: tuple[SignedEntry, ...] = ()
    directory: Directory

    @classmethod
    def of(cls, roots: Iterable[SignedRoot], entries: Iterable[SignedEntry] = ()) -> Self:
        """Verify roots and entries.

        Raises:
            TrustError: something does not verify.
        """
        held, added = tuple(roots), tuple(entries)
        directory = Directory.start(held).with_entries(added)
        return cls(roots=held, entries=added, directory=directory)

    def with_entry(self, entry: SignedEntry) -> Self:
        """Return the bundle with one more entry, verified."""
        directory = self.directory.with_entry(entry)
        return replace(self, entries=(*self.entries, entry), directory=directory)

    def text(self) -> str:
        """Return the file's text."""
        return json.dumps(
            {
                "roots": [_base64(root.encode()) for root in self.roots],
                "entries": [_base64(entry.encode()) for entry in self.entries],
            },
            indent=1,
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read and verify the file's text.

        Raises:
            AgencyError: INVALID_ARGUMENT; not a federation file.
            TrustError: something does not verify.
        """
        try:
            document = json.loads(text)
            roots = [SignedRoot.decode(_bytes(one)) for one in document["roots"]]
            entries = [SignedEntry.decode(_bytes(one)) for one in document["entries"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise AgencyError(
                Reason.INVALID_ARGUMENT, "this is not a federation file (federation.json)"
            ) from None
        return cls.of(roots, entries)


_DECODERS: dict[tuple[str, str], Callable[[bytes], SignedRoot | SignedEntry]] = {
    (PROPOSAL, "root"): SignedRoot.decode,
    (PROPOSAL, "entry"): SignedEntry.decode,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A root or an entry on its way from steward to steward, with the signatures so far."""

    kind: str
    signed: SignedRoot | SignedEntry

    def signed_by(self, key: StewardKey) -> Self:
        """Return it with one more signature."""
        if isinstance(self.signed, SignedRoot):
            return replace(self, signed=sign_root(self.signed, key.signer))
        return replace(self, signed=sign_entry(self.signed, key.signer))

    def signatures(self, root: RootDocument) -> int:
        """Return how many stewards of `root` signed; each is verified when it is applied."""
        keysets = {one.keyset.keyset_id for one in root.stewards}
        return len(keysets & {keyset_id for keyset_id, _ in self.signed.signatures})

    def text(self) -> str:
        """Return the file's text."""
        return json.dumps(
            {"schema": PROPOSAL, "kind": self.kind, "signed": _base64(self.signed.encode())}
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the file's text.

        Raises:
            AgencyError: INVALID_ARGUMENT; not a proposal.
            TrustError: malformed within.
        """
        try:
            document: dict[str, Any] = json.loads(text)
            decode = _DECODERS[document["schema"], document["kind"]]
            data = _bytes(document["signed"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise AgencyError(
                Reason.INVALID_ARGUMENT, "this is not a proposal that a steward signed"
            ) from None
        return cls(kind=document["kind"], signed=decode(data))

    @property
    def says(self) -> str:
        """What it proposes, in a few words, for the one who is asked to sign."""
        if isinstance(self.signed, SignedRoot):
            root = RootDocument.decode(self.signed.body)
            names = ", ".join(steward.name for steward in root.stewards)
            return f"root {root.version} of {root.name}: {root.threshold} of {names}"
        return describe(decode_entry(self.signed.body).content)


def describe(entry: Entry) -> str:
    """Return an entry in a few words."""
    if isinstance(entry, AgencyEntry):
        circles = ", ".join(entry.circles) or "no circle"
        joint = "".join(f", operation {name}" for name, _ in entry.operations)
        who = f"{entry.role} {entry.agency} ({entry.name}, {entry.country}, {entry.kind})"
        return f"{who} in {circles}{joint}"
    if isinstance(entry, RuleBookEntry):
        return f"rule book {entry.version}"
    if isinstance(entry, SuccessorEntry):
        return f"end of {entry.agency}, {entry.successor} takes over: {entry.reason}"
    if isinstance(entry, RevokeEntry):
        since = f" from log entry {entry.from_index} on" if entry.what == "keyset" else ""
        return f"end of {entry.what} {entry.key_id} of {entry.agency}{since}: {entry.reason}"
    if isinstance(entry, OperationEntry):
        starts, ends = day(entry.starts_at), day(entry.ends_at)
        return f"operation {entry.code} ({entry.title}) from {starts} until {ends}"
    subject = getattr(entry, "agency", "") or getattr(entry, "topic", "")
    reason = getattr(entry, "reason", "")
    kind = type(entry).__name__.removesuffix("Entry").lower()
    return f"{kind} {subject}" + (f": {reason}" if reason else "")


def day(time_ms: int) -> str:
    """Return the day of an instant, in UTC."""
    return datetime.fromtimestamp(time_ms / 1000, tz=UTC).strftime("%Y-%m-%d")


def propose_root(
    *,
    name: str,
    stewards: Iterable[Steward],
    threshold: int,
    broker: BrokerDescriptor,
    now: int,
) -> Proposal:
    """Return a federation's first root document, unsigned.

    Raises:
        RootError: the threshold does not fit, a name is given twice, and so on.
    """
    document = RootDocument(
        version=1,
        name=name,
        threshold=threshold,
        stewards=tuple(sorted(stewards, key=lambda steward: steward.name)),
        log_origin=broker.log_origin,
        log_key=broker.log_key,
        broker_tls_root=broker.tls_root,
        created_at=now,
        expires_at=now + KEY_YEARS_MS,
        previous=NO_PREVIOUS,
    )
    return Proposal(kind="root", signed=SignedRoot(body=document.encode()))


def propose_entry(directory: Directory, entry: Entry, now: int) -> Proposal:
    """Return the next entry of a directory, unsigned.

    Raises:
        AgencyError: NOT_FOUND; it is about an agency that is not there.
    """
    if isinstance(entry, LockEntry | UnlockEntry | RetireEntry) and not directory.agency(
        entry.agency
    ):
        raise AgencyError(Reason.NOT_FOUND, f"agency {entry.agency} is not in the directory")
    body = encode_entry(directory.federation, directory.size, max(now, directory.issued_at), entry)
    return Proposal(kind="entry", signed=SignedEntry(body=body))


def check_steward(root: RootDocument, key: StewardKey) -> None:
    """Refuse the keys of somebody who is no steward by `root`: what they sign does not count.

    Raises:
        AgencyError: INVALID_ARGUMENT.
    """
    if root.steward(key.name) != key.steward:
        raise AgencyError(
            Reason.INVALID_ARGUMENT, f"{key.name} is no steward of this federation with these keys"
        )


def signatures_needed(directory: Directory, entry: Entry) -> int:
    """Return how many stewards must sign an entry."""
    return required_signatures(entry, directory.root_document)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
