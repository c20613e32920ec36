# SPDX-License-Identifier: Apache-2.0
"""A steward's folder: sealed keys, the federation file, proposals; and the acts on them.

    HOME/federation.json   signed roots and entries, for the broker's operator and for agencies
    HOME/NAME.key          a steward's keys, sealed under a passphrase
    HOME/NAME.steward      their public side, for whoever makes the root
    HOME/pending/*.json    what still needs signatures

Files are written whole or not at all. The broker is a port that the caller opened.
"""

import base64
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import Broker
from agency_client.services.steward import (
    BrokerDescriptor,
    Bundle,
    Proposal,
    StewardKey,
    propose_entry,
    propose_root,
    proposing,
    signatures_needed,
)
from keys.directory import Entry, RuleBookEntry, SignedEntry, decode_entry
from keys.errors import TrustError
from keys.fields import check_agency
from keys.keyfile import read_keyfile, write_keyfile
from keys.root import RootDocument, SignedRoot, Steward

PURPOSE = "steward"
MAX_FILE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a proposal: applied to the federation, or waiting for signatures in a file."""

    says: str
    signatures: int
    needed: int
    index: int = -1
    pending: Path | None = None

    @property
    def is_applied(self) -> bool:
        """Whether it is in the federation file now."""
        return self.pending is None


class StewardHome:
    """The folder of one or more stewards who work on one machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def bundle_path(self) -> Path:
        """Where the federation file is."""
        return self.path / "federation.json"

    def has_key(self, name: str) -> bool:
        """Whether the keys of that steward are here."""
        return self._key_path(name).exists()

    def new_key(self, name: str, passphrase: str, now: int) -> StewardKey:
        """Make and seal a steward's keys.

        Raises:
            AgencyError: PROFILE_EXISTS; there are keys of that name. INVALID_ARGUMENT; it is none.
            KeyFileError: the passphrase is empty.
        """
        _check_name(name)
        key = StewardKey.generate(name, now)
        if self.has_key(name):
            raise AgencyError(
                Reason.PROFILE_EXISTS, f"there are keys of steward {name} in {self.path}"
            )
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_keyfile(self._key_path(name), PURPOSE, key.secrets(), passphrase.encode())
        public = base64.b64encode(key.steward.encode()).decode("ascii")
        write_whole(self.path / f"{name}.steward", public + "\n")
        return key

    def key(self, name: str, passphrase: str) -> StewardKey:
        """Open a steward's keys.

        Raises:
            KeyFileError: missing, readable by others, damaged, or the passphrase is wrong.
        """
        return StewardKey.from_secrets(
            read_keyfile(self._key_path(name), PURPOSE, passphrase.encode())
        )

    def _key_path(self, name: str) -> Path:
        return self.path / f"{name}.key"

    def bundle(self) -> Bundle:
        """Read and verify the federation file.

        Raises:
            AgencyError: PROFILE_MISSING; there is none here.
        """
        if not self.bundle_path.exists():
            raise AgencyError(
                Reason.PROFILE_MISSING,
                f"there is no federation in {self.path}: see `tocsin steward create-federation`",
            )
        return Bundle.parse(read_text(self.bundle_path))

    def root(self) -> RootDocument | None:
        """Return the root of the federation here; none where there is no federation yet."""
        return self.bundle().directory.root_document if self.bundle_path.exists() else None

    def write_bundle(self, bundle: Bundle) -> None:
        """Write the federation file."""
        write_whole(self.bundle_path, bundle.text())

    def create(
        self,
        *,
        name: str,
        keys: Sequence[StewardKey],
        others: Sequence[Steward],
        threshold: int,
        broker: BrokerDescriptor,
        now: int,
        entries: Sequence[Entry] = (),
    ) -> Outcome:
        """Make the federation's first root and, where it needs no further signature, its entries.

        The file is written once: there is all of the federation or none of it.

        Raises:
            AgencyError: PROFILE_EXISTS; there is a federation here. INVALID_ARGUMENT; something
                cannot stand in one.
        """
        if self.bundle_path.exists():
            raise AgencyError(Reason.PROFILE_EXISTS, f"there is a federation in {self.path}")
        stewards = [*(key.steward for key in keys), *others]
        with proposing():
            proposal = _signed(
                propose_root(
                    name=name, stewards=stewards, threshold=threshold, broker=broker, now=now
                ),
                keys,
            )
        if len(keys) < threshold or not isinstance(proposal.signed, SignedRoot):
            return self.apply(proposal)
        bundle = Bundle.of([proposal.signed])
        for entry in entries:
            with proposing():
                added = _signed(propose_entry(bundle.directory, entry, now), keys)
                bundle = bundle.with_entry(added.signed)  # type: ignore[arg-type]
        self.write_bundle(bundle)
        return Outcome(says=proposal.says, signatures=len(keys), needed=threshold, index=0)

    def publish_rules(
        self, keys: Sequence[StewardKey], schema: str, policies: str, now: int
    ) -> Outcome:
        """Sign the next rule book; its text was checked by the caller."""
        current = self.bundle().directory.rule_book
        version = current.version + 1 if current else 1
        entry = RuleBookEntry(version=version, schema=schema, policies=policies)
        return self.add(entry, keys, now)

    def add(self, entry: Entry, keys: Sequence[StewardKey], now: int) -> Outcome:
        """Sign an entry and put it into the federation file, or leave it pending.

        Raises:
            AgencyError: NOT_FOUND, INVALID_ARGUMENT; it cannot stand in this federation.
        """
        proposal = _signed(propose_entry(self.bundle().directory, entry, now), keys)
        with proposing():
            return self.apply(proposal)

    def apply(self, proposal: Proposal) -> Outcome:
        """Put a proposal into the federation file; without enough signatures, leave it pending.

        Raises:
            TrustError: a signature is wrong or the proposal does not fit the federation.
        """
        if isinstance(proposal.signed, SignedRoot):
            return self._apply_root(proposal, proposal.signed)
        return self._apply_entry(proposal, proposal.signed)

    def _apply_root(self, proposal: Proposal, signed: SignedRoot) -> Outcome:
        root = RootDocument.decode(signed.body)
        waits = Outcome(
            says=proposal.says, signatures=proposal.signatures(root), needed=root.threshold
        )
        if waits.signatures < waits.needed:
            return self._keep(proposal, waits, "root")
        self.write_bundle(Bundle.of([signed]))
        return replace(waits, index=0)

    def _apply_entry(self, proposal: Proposal, signed: SignedEntry) -> Outcome:
        bundle = self.bundle()
        outcome = self._judged(bundle, proposal, signed)
        if outcome.is_applied:
            self.write_bundle(bundle.with_entry(signed))
        return outcome

    def _judged(self, bundle: Bundle, proposal: Proposal, signed: SignedEntry) -> Outcome:
        entry, directory = decode_entry(signed.body), bundle.directory
        _check_follows(entry.index, directory.size)
        waits = Outcome(
            says=proposal.says,
            signatures=proposal.signatures(directory.root_document),
            needed=signatures_needed(directory, entry.content),
        )
        if waits.signatures < waits.needed:
            return self._keep(proposal, waits, f"entry-{entry.index}")
        return replace(waits, index=entry.index)

    async def add_online(
        self, entry: Entry, keys: Sequence[StewardKey], now: int, broker: Broker
    ) -> Outcome:
        """Sign an entry, have the broker put it in force, and keep it here.

        Raises:
            AgencyError: as `add`; or the broker refuses it; nothing is kept then.
        """
        await self.bring_level(broker)
        proposal = _signed(propose_entry(self.bundle().directory, entry, now), keys)
        with proposing():
            return await self.apply_online(proposal, broker)

    async def apply_online(self, proposal: Proposal, broker: Broker) -> Outcome:
        """Have the broker put a proposed entry in force, and keep it here; or leave it pending.

        Raises:
            AgencyError: the broker refuses it, or it is a first root, which the operator loads.
            TrustError: a signature is wrong or the proposal does not fit the federation.
        """
        if isinstance(proposal.signed, SignedRoot):
            raise AgencyError(
                Reason.INVALID_ARGUMENT, "a first root goes to the broker's operator as a file"
            )
        bundle = self.bundle()
        outcome = self._judged(bundle, proposal, proposal.signed)
        if outcome.is_applied:
            grown = bundle.with_entry(proposal.signed)
            await broker.submit_entry(proposal.signed.encode())
            self.write_bundle(grown)
        return outcome

    def _keep(self, proposal: Proposal, waits: Outcome, name: str) -> Outcome:
        path = self.path / "pending" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists() and Proposal.parse(read_text(path)).signed.body != proposal.signed.body:
            raise AgencyError(Reason.ALREADY_EXISTS, f"something else waits for signatures: {path}")
        write_whole(path, proposal.text())
        return replace(waits, pending=path)

    async def bring_level(self, broker: Broker) -> None:
        """Send the broker what only this folder has, then take over what only the broker has.

        Raises:
            AgencyError: the broker refuses an entry.
            TrustError: an entry of the broker's does not verify or does not continue ours.
        """
        bundle = self.bundle()
        _, size, _ = await broker.entries(bundle.directory.size)
        for entry in bundle.entries[size:]:
            await broker.submit_entry(entry.encode())
        while bundle.directory.size < size:
            fetched, _, _ = await broker.entries(bundle.directory.size)
            if not fetched:
                break
            for one in fetched:
                bundle = bundle.with_entry(SignedEntry.decode(one))
        self.write_bundle(bundle)


def _check_follows(index: int, size: int) -> None:
    if index < size:
        raise AgencyError(
            Reason.DIRECTORY_CONFLICT,
            f"entry {index} is another one by now: this has to be proposed anew",
        )
    if index > size:
        raise AgencyError(
            Reason.DIRECTORY_CONFLICT,
            f"this is entry {index}, and the folder has {size}: bring it level first",
        )


def _check_name(name: str) -> None:
    try:
        check_agency(name)
    except TrustError:
        raise AgencyError(
            Reason.INVALID_ARGUMENT,
            f"{name!r} is no steward's name: expected 2 to 32 of a-z, 0-9 and '-'",
        ) from None


def _signed(proposal: Proposal, keys: Sequence[StewardKey]) -> Proposal:
    for key in keys:
        proposal = proposal.signed_by(key)
    return proposal


def read_text(path: Path) -> str:
    """Read a file of ours.

    Raises:
        AgencyError: INVALID_ARGUMENT; far too large or not text.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise AgencyError(Reason.INVALID_ARGUMENT, f"{path} is not text") from None
    if len(data) > MAX_FILE_BYTES:
        raise AgencyError(Reason.INVALID_ARGUMENT, f"{path} is larger than {MAX_FILE_BYTES} bytes")
    return text


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it holds the old text or the new one, whatever happens."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
