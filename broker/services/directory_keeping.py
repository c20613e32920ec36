# SPDX-License-Identifier: Apache-2.0
"""Holds the federation in force, and takes in what stewards signed.

A new state is verified and its policy engine built before anything is stored, and takes the place
of the old one at once after the commit. An agency that is being locked is barred before the lock is
stored, so that nothing of it can follow the lock in the log.
Source: design section 5; docs/protocol.md section 10.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from broker.domain.acts import Act, Refusal, directory_change, root_change
from broker.domain.limits import Settings
from broker.domain.logs import LogKind
from broker.errors import BrokerError, Reason, StartError, StartFault, invalid
from broker.ports.clock import Clock
from broker.ports.entropy import Entropy
from broker.ports.store import Store
from broker.services.cards import Cards
from broker.services.faults import refused
from broker.services.federation import Federation
from broker.services.finishing import Finishing
from broker.services.refusals import Refusals
from broker.services.replaying import (
    Step,
    entering,
    following,
    history,
    locked_by,
    replayed,
)
from broker.services.wakeups import Wakeups
from keys.checkpoint import log_public
from keys.directory import Directory, SignedEntry, decode_entry
from keys.errors import Reason as Fault
from keys.errors import TrustError
from keys.logleaf import SALT_BYTES
from keys.merkle import hash_leaf
from keys.root import RootDocument, SignedRoot

PAGE = 256
"""Entries read from the store at once."""
SUBMIT_ENTRY, SUBMIT_ROOT = "submit-entry", "submit-root"


class DirectoryKeeping:
    """The directory of one broker."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        entropy: Entropy,
        log_seed: bytes,
        refusals: Refusals,
        wakeups: Wakeups,
        settings: Settings,
    ) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._log_key = log_public(log_seed)
        self._refusals = refusals
        self._wakeups = wakeups
        self._ahead_ms = settings.clock_ahead_ms
        self._federation: Federation | None = None
        self._roots: tuple[bytes, ...] = ()
        self._locking: frozenset[str] = frozenset()
        self._changing = asyncio.Lock()
        self._finishing = Finishing()
        self._cards = Cards(clock, settings.cards_per_day)

    @property
    def current(self) -> Directory | None:
        """The directory; None before a federation is loaded."""
        return None if self._federation is None else self._federation.directory

    @property
    def federation(self) -> Federation:
        """The federation in force.

        Raises:
            BrokerError: UNAUTHENTICATED while none is loaded: nobody is enrolled then.
        """
        if self._federation is None:
            raise BrokerError(Reason.UNAUTHENTICATED, detail="no federation is loaded")
        return self._federation

    def standing(self, agency: str) -> Federation:
        """Return the federation in force, in which `agency` may act.

        Raises:
            BrokerError: AGENCY_LOCKED, UNAUTHENTICATED.
        """
        federation = self.federation
        if agency in self._locking:
            raise BrokerError(Reason.AGENCY_LOCKED)
        federation.check_active(agency)
        return federation

    async def start(self) -> None:
        """Verify and take up what the store holds.

        Raises:
            StartError: FEDERATION; it is not one that this broker can serve.
        """
        roots = await self._store.roots()
        if not roots:
            return
        entries = [entry async for entry in self._stored_entries()]
        try:
            federation = await asyncio.to_thread(self._of_this_broker, roots, entries)
        except BrokerError as error:
            raise StartError(StartFault.FEDERATION, error.detail or error.message) from error
        self._adopt(federation, tuple(roots))

    async def submit(self, entry: bytes, *, card_of: str = "") -> int:
        """Append an entry and return its index; it is in force on return.

        The same bytes sent again have the same answer.

        Args:
            entry: SIGNED_ENTRY bytes.
            card_of: the agency that may enter its own card and nothing else; empty for stewards.

        Raises:
            BrokerError: DENIED for an agency's other entries, LIMIT_EXCEEDED for too many cards;
                DIRECTORY_CONFLICT, NOT_ENOUGH_SIGNATURES, SIGNATURE_INVALID, MALFORMED,
                WRONG_FEDERATION, CLOCK_SKEW, INVALID_ARGUMENT, or of the store.
        """
        return await self._noted(SUBMIT_ENTRY, self._append_entry(entry, card_of), card_of)

    async def submit_root(self, root: bytes) -> int:
        """Append a root document and return its version; it is in force on return.

        Raises:
            BrokerError: as for `submit`; WRONG_FEDERATION also for a root with another log's key.
        """
        return await self._noted(SUBMIT_ROOT, self._append_root(root))

    async def roots(self) -> Sequence[bytes]:
        """Return the root documents, oldest first."""
        return self._roots

    async def entries(self, start: int, count: int) -> Sequence[bytes]:
        """Return entries in order."""
        return await self._store.leaves(LogKind.DIRECTORY, start, count)

    async def load_federation(self, roots: Sequence[bytes], entries: Sequence[bytes]) -> None:
        """Verify a whole history and store what is new of it; one that brings nothing is well.

        Raises:
            BrokerError: it does not verify, is not for this broker, contradicts what is stored, or
                cannot be stored.
        """
        if not roots and not entries:
            return
        async with self._changing:
            held = [entry async for entry in self._stored_entries()]
            all_roots, all_entries = _joined(self._roots, roots), _joined(held, entries)
            federation = await asyncio.to_thread(self._of_this_broker, all_roots, all_entries)
            for step in history(all_roots, all_entries):
                if step.place >= (len(self._roots) + 1 if step.is_root else len(held)):
                    await self._store_step(step)
            self._adopt(federation, tuple(all_roots))

    async def _noted(self, act: str, work: Coroutine[Any, Any, int], agency: str = "") -> int:
        """Do `work` to its end whoever asked; write into the log if it is refused."""
        try:
            return await self._finishing.finish(work)
        except BrokerError as error:
            await self._refusals.note(Refusal(act=act, agency=agency, reason=""), error)
            raise

    async def _append_entry(self, data: bytes, card_of: str) -> int:
        async with self._changing:
            before = self.federation
            try:
                signed = SignedEntry.decode(data)
                entry = decode_entry(signed.body)
                if self._is_stored(entry.index, data):
                    return entry.index
                if card_of:
                    self._cards.check(card_of, entry.content)
                _check_place(entry.index, before.directory.size)
                self._check_clock(entry.issued_at)
                directory = await asyncio.to_thread(before.directory.with_entry, signed)
            except TrustError as error:
                raise _contradicted(error) from None
            federation = await asyncio.to_thread(entering, entry.content, directory, before)
            step = Step(place=entry.index, data=data, is_root=False, locked=locked_by(data))
            with self._barred(step.locked):
                await asyncio.sleep(0)  # what was begun before the bar reaches the store first
                await self._store_step(step)
                self._adopt(federation, self._roots)
            return entry.index

    async def _append_root(self, data: bytes) -> int:
        async with self._changing:
            before = self.federation
            try:
                document = RootDocument.decode(SignedRoot.decode(data).body)
                if data in self._roots:
                    return document.version
                _check_place(document.version, len(self._roots) + 1)
                self._check_clock(document.created_at)
                self._check_serves(document)
                signed = [SignedRoot.decode(one) for one in (*self._roots, data)]
                directory = await asyncio.to_thread(before.directory.with_roots, signed)
            except TrustError as error:
                raise refused(error) from None
            federation = await asyncio.to_thread(following, directory, before)
            await self._store_step(Step(place=document.version, data=data, is_root=True))
            self._adopt(federation, (*self._roots, data))
            return document.version

    def _of_this_broker(self, roots: Sequence[bytes], entries: Sequence[bytes]) -> Federation:
        federation = replayed(roots, entries)
        self._check_serves(federation.directory.root_document)
        return federation

    def _check_serves(self, root: RootDocument) -> None:
        """Refuse a root under which our checkpoints would be nobody's."""
        if root.log_key != self._log_key:
            raise BrokerError(Reason.WRONG_FEDERATION, detail="the root names another log's key")

    def _check_clock(self, stated_at: int) -> None:
        """Refuse what is dated ahead: no entry could follow it before that time."""
        now = self._clock.now()
        if stated_at > now + self._ahead_ms:
            raise BrokerError(Reason.CLOCK_SKEW, detail=f"dated {stated_at}, it is {now}")

    def _is_stored(self, index: int, entry: bytes) -> bool:
        hashes = self.federation.directory.leaf_hashes
        return index < len(hashes) and hashes[index] == hash_leaf(entry)

    async def _store_step(self, step: Step) -> None:
        if step.is_root:
            act = root_change(step.place, step.data, self._clock.now(), self._salt())
            await self._store.append_root(step.place, step.data, act)
        else:
            await self._store.append_entry(step.place, step.data, self._entry_act(step))

    def _entry_act(self, step: Step) -> Act:
        now = self._clock.now()
        return directory_change(step.place, step.data, step.locked, now, self._salt())

    def _salt(self) -> bytes:
        return self._entropy.random(SALT_BYTES)

    def _adopt(self, federation: Federation, roots: tuple[bytes, ...]) -> None:
        self._roots = roots
        self._federation = federation
        self._wakeups.wake_all()

    @contextmanager
    def _barred(self, agency: str) -> Iterator[None]:
        """Let an agency do nothing while its lock is being stored."""
        self._locking = frozenset({agency} - {""})
        try:
            yield
        finally:
            self._locking = frozenset()

    async def _stored_entries(self) -> AsyncIterator[bytes]:
        size = await self._store.tree_size(LogKind.DIRECTORY)
        for start in range(0, size, PAGE):
            for entry in await self._store.leaves(LogKind.DIRECTORY, start, PAGE):
                yield entry


def _joined(held: Sequence[bytes], given: Sequence[bytes]) -> Sequence[bytes]:
    """Return the longer of two histories of which one is the beginning of the other.

    Raises:
        BrokerError: DIRECTORY_CONFLICT; they part.
    """
    if any(one != other for one, other in zip(held, given, strict=False)):
        raise BrokerError(Reason.DIRECTORY_CONFLICT, detail="another history than the one stored")
    return given if len(given) > len(held) else held


def _check_place(place: int, expected: int) -> None:
    if place != expected:
        raise BrokerError(Reason.DIRECTORY_CONFLICT, detail=f"place {place}, next is {expected}")


def _contradicted(error: TrustError) -> BrokerError:
    if error.reason is Fault.ENTRY_INVALID:
        return invalid("entry", error.detail)
    return refused(error)
