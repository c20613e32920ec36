# SPDX-License-Identifier: Apache-2.0
"""The directory: fetched from the broker, verified here, kept.

Nobody is sealed to or believed by another directory.

Source: design section 5; docs/protocol.md sections 9 and 10.
"""

import asyncio
from collections.abc import Sequence

from agency_client.domain.findings import Finding, FindingKind, undecided
from agency_client.domain.records import Evidence, PinnedCheckpoint
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import Broker, LogKind
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.federation import Alarm, Federation
from agency_client.services.rule_books import unsound
from keys.checkpoint import verify_checkpoint
from keys.directory import Directory, SignedEntry
from keys.errors import CheckpointError, TrustError
from keys.errors import Reason as TrustReason
from keys.root import SignedRoot
from policy.engine import PolicyEngine
from policy.errors import BookError

MOST_ALARMS = 64
"""Findings of decisions that could not be taken, until the program is started again."""
DIRECTORY_ORIGIN = "{}/directory"
"""Origin of the directory log's checkpoints, made from the origin of the broker's log."""


def verified_directory(
    roots: Sequence[bytes], entries: Sequence[bytes], pin: bytes | None
) -> Directory:
    """Replay a federation's roots and entries, verifying each.

    Args:
        roots: SIGNED_ROOT bytes, oldest first.
        entries: SIGNED_ENTRY bytes, in order.
        pin: the federation's id where it is pinned.

    Raises:
        TrustError: something does not verify.
        AgencyError: FEDERATION_MISMATCH; DIRECTORY_INVALID where entries are missing that a root
        says exist.
    """
    directory = Directory.start([SignedRoot.decode(one) for one in roots])
    if pin is not None and directory.federation != pin:
        raise AgencyError(
            Reason.FEDERATION_MISMATCH,
            f"these are roots of federation {directory.federation.hex()}, pinned is {pin.hex()}",
        )
    directory = directory.with_entries([SignedEntry.decode(one) for one in entries])
    if directory.is_behind_root:
        raise AgencyError(
            Reason.DIRECTORY_INVALID,
            f"the directory has {directory.size} entries, its latest root was made at more",
        )
    return directory


def federation_of(agency: str, directory: Directory, alarm: Alarm | None = None) -> Federation:
    """Return `directory` as `agency` sees it, with the policy engine of its rule book.

    Args:
        agency: who we are.
        directory: verified.
        alarm: is told of every decision that cannot be taken.

    Raises:
        AgencyError: DIRECTORY_INVALID; the rule book does not load.
    """
    try:
        engine = PolicyEngine.of_directory(directory) if directory.rule_book else None
    except BookError as error:
        raise AgencyError(
            Reason.DIRECTORY_INVALID, f"the signed rule book is refused: {error}"
        ) from None
    return Federation(agency=agency, directory=directory, engine=engine, alarm=alarm)


def judge_book(federation: Federation, store: Store, now: int) -> None:
    """Keep a finding of a rule book, new in force, that the broker should have refused."""
    entry = federation.directory.rule_book
    if entry is None or federation.engine is None:
        return
    if finding := unsound(federation.engine.book, entry, now):
        store.inbox.add_findings([Evidence(finding=finding)])


class DirectoryService:
    """Keeps the verified directory of one profile."""

    def __init__(
        self, *, agency: str, pin: bytes, store: Store, broker: Broker, clock: Clock
    ) -> None:
        self._store = store
        self._broker = broker
        self._clock = clock
        directory = verified_directory(store.trust.roots(), store.trust.entries(), pin)
        self._alarmed: set[tuple[str, ...]] = set()
        self._current = federation_of(agency, directory, self._undecided)
        self._syncing = asyncio.Lock()

    @property
    def current(self) -> Federation:
        """The federation as of the last sync."""
        return self._current

    async def sync(self) -> bool:
        """Fetch what is new and verify it; return whether anything was.

        Raises:
            AgencyError: the broker cannot be reached; or DIRECTORY_INVALID, kept as a finding: what
            it serves does not verify, and nothing of it is kept.
        """
        async with self._syncing:
            roots = await self._broker.roots()
            try:
                directory, fetched, note = await self._fetch(roots)
                checkpoint = self._verified_note(note, directory)
            except TrustError as error:
                raise await self._refusal(error.reason.value, error.detail) from None
            return await asyncio.to_thread(self._adopt, directory, roots, fetched, checkpoint)

    async def _fetch(self, roots: Sequence[bytes]) -> tuple[Directory, list[bytes], str]:
        """Return the directory that the broker serves, what of it is new, and its checkpoint.

        Each page is verified before the next is asked for: nobody makes us fetch what the stewards
        did not sign.
        """
        held = self._current.directory
        directory = held.with_roots([SignedRoot.decode(one) for one in roots])
        fetched: list[bytes] = []
        while True:
            entries, size, note = await self._broker.entries(directory.size)
            if size < held.size:
                raise await self._refusal("rolled_back", f"{size} entries, {held.size} are known")
            signed = [SignedEntry.decode(one) for one in entries]
            directory = await asyncio.to_thread(directory.with_entries, signed)
            fetched += entries
            if directory.size >= size or not entries:
                break
        if directory.is_behind_root:
            raise await self._refusal(
                "entries_missing", "it keeps back entries that the root says exist"
            )
        if directory.size != size:
            raise await self._refusal(
                "entries_missing", f"{directory.size} entries are served of {size}"
            )
        return directory, fetched, note

    def _verified_note(self, note: str, directory: Directory) -> PinnedCheckpoint:
        """Check the directory log's checkpoint against the tree that we built ourselves."""
        root = directory.root_document
        checkpoint = verify_checkpoint(note, DIRECTORY_ORIGIN.format(root.log_origin), root.log_key)
        if checkpoint.size != directory.size or checkpoint.root != directory.root:
            raise CheckpointError(
                TrustReason.CHECKPOINT_INVALID,
                f"a checkpoint of {checkpoint.size} entries is not that of those served",
            )
        return PinnedCheckpoint(
            size=checkpoint.size, root=checkpoint.root, note=note, seen_at=self._clock.now_ms()
        )

    def _adopt(
        self,
        directory: Directory,
        roots: Sequence[bytes],
        fetched: Sequence[bytes],
        checkpoint: PinnedCheckpoint,
    ) -> bool:
        """Keep a verified directory; return whether it is another than before."""
        held = self._current.directory
        moved = bool(fetched) or directory.root_document != held.root_document
        if moved:
            current = federation_of(self._current.agency, directory, self._undecided)
            if directory.rule_book != held.rule_book:
                judge_book(current, self._store, self._clock.now_ms())
            self._store.trust.set_roots(roots)
            self._store.trust.add_entries(held.size, fetched)
            self._current = current
        pinned = self._store.trust.checkpoint(LogKind.DIRECTORY)
        if pinned is None or (pinned.size, pinned.root) != (checkpoint.size, checkpoint.root):
            self._store.trust.pin(LogKind.DIRECTORY, checkpoint)
        return moved

    def _undecided(self, errors: tuple[str, ...]) -> None:
        """Keep a finding of a decision that could not be taken; once for the same errors."""
        if errors in self._alarmed or len(self._alarmed) >= MOST_ALARMS:
            return
        self._alarmed.add(errors)
        finding = undecided(errors, self._clock.now_ms())
        self._store.inbox.add_findings([Evidence(finding=finding)])

    async def _refusal(self, reason: str, detail: str) -> AgencyError:
        """Keep a finding and return the error to raise."""
        await self._report(reason, detail)
        return AgencyError(
            Reason.DIRECTORY_INVALID, f"the broker serves a directory that is refused: {detail}"
        )

    async def _report(self, reason: str, detail: str) -> None:
        finding = Finding(
            kind=FindingKind.DIRECTORY_FORK,
            reason=reason,
            detail=detail,
            at_ms=self._clock.now_ms(),
        )
        await asyncio.to_thread(self._store.inbox.add_findings, [Evidence(finding=finding)])
