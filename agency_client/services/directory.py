# SPDX-License-Identifier: Apache-2.0
"""The directory: fetched from the broker, verified here, kept.

Nobody is sealed to or believed by another directory.

Source: design section 5; docs/protocol.md sections 9 and 10.
"""

import asyncio
from collections.abc import Sequence

from agency_client.domain.findings import Finding, FindingKind
from agency_client.domain.records import Evidence, PinnedCheckpoint
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import Broker, LogKind
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.federation import Federation
from keys.checkpoint import verify_checkpoint
from keys.directory import Directory, SignedEntry
from keys.errors import TrustError
from keys.root import SignedRoot
from policy.engine import PolicyEngine
from policy.errors import BookError

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


def federation_of(agency: str, directory: Directory) -> Federation:
    """Return `directory` as `agency` sees it, with the policy engine of its rule book.

    Raises:
        AgencyError: DIRECTORY_INVALID; the rule book does not load.
    """
    try:
        engine = PolicyEngine.of_directory(directory) if directory.rule_book else None
    except BookError as error:
        raise AgencyError(
            Reason.DIRECTORY_INVALID, f"the signed rule book is refused: {error}"
        ) from None
    return Federation(agency=agency, directory=directory, engine=engine)


class DirectoryService:
    """Keeps the verified directory of one profile."""

    def __init__(
        self, *, agency: str, pin: bytes, store: Store, broker: Broker, clock: Clock
    ) -> None:
        self._pin = pin
        self._store = store
        self._broker = broker
        self._clock = clock
        directory = verified_directory(store.trust.roots(), store.trust.entries(), pin)
        self._current = federation_of(agency, directory)
        self._syncing = asyncio.Lock()

    @property
    def current(self) -> Federation:
        """The federation as of the last sync."""
        return self._current

    async def sync(self) -> bool:
        """Fetch what is new and verify it; return whether anything was.

        Raises:
            AgencyError: the broker cannot be reached, or DIRECTORY_INVALID: what it serves does not
            verify. Nothing is kept then.
        """
        async with self._syncing:
            roots = await self._broker.roots()
            fetched, note = await self._fetch(self._current.directory.size)
            try:
                moved = await asyncio.to_thread(self._adopt, roots, fetched)
                await asyncio.to_thread(self._check_note, note)
            except TrustError as error:
                await self._report(error.reason.value, error.detail)
                raise AgencyError(
                    Reason.DIRECTORY_INVALID,
                    f"the broker serves a directory that does not verify: {error.detail}",
                ) from None
        return moved

    async def _fetch(self, start: int) -> tuple[list[bytes], str]:
        fetched: list[bytes] = []
        while True:
            entries, size, note = await self._broker.entries(start + len(fetched))
            if size < start:
                await self._report("rolled_back", f"directory of {size} entries, {start} are known")
                raise AgencyError(
                    Reason.DIRECTORY_INVALID,
                    f"the broker serves a directory of {size} entries, {start} are known",
                )
            fetched += entries
            if start + len(fetched) >= size or not entries:
                return fetched, note

    def _adopt(self, roots: Sequence[bytes], fetched: Sequence[bytes]) -> bool:
        held = self._current.directory
        signed_roots = [SignedRoot.decode(one) for one in roots]
        directory = held.with_roots(signed_roots).with_entries(
            [SignedEntry.decode(one) for one in fetched]
        )
        if directory.is_behind_root:
            raise AgencyError(
                Reason.DIRECTORY_INVALID, "the broker keeps back entries that the root says exist"
            )
        moved = bool(fetched) or directory.root_document != held.root_document
        if moved:
            current = federation_of(self._current.agency, directory)
            self._store.trust.set_roots(roots)
            self._store.trust.add_entries(held.size, fetched)
            self._current = current
        return moved

    def _check_note(self, note: str) -> None:
        """Check the directory log's checkpoint against the tree we built ourselves, and pin it."""
        root = self._current.directory.root_document
        checkpoint = verify_checkpoint(note, DIRECTORY_ORIGIN.format(root.log_origin), root.log_key)
        directory = self._current.directory
        if checkpoint.size != directory.size or checkpoint.root != directory.root:
            raise AgencyError(
                Reason.DIRECTORY_INVALID,
                "the directory's checkpoint is not that of the entries served",
            )
        self._store.trust.pin(
            LogKind.DIRECTORY,
            PinnedCheckpoint(
                size=checkpoint.size,
                root=checkpoint.root,
                note=note,
                seen_at=self._clock.now_ms(),
            ),
        )

    async def _report(self, reason: str, detail: str) -> None:
        finding = Finding(
            kind=FindingKind.DIRECTORY_FORK,
            reason=reason,
            detail=detail,
            at_ms=self._clock.now_ms(),
        )
        await asyncio.to_thread(self._store.inbox.add_findings, [Evidence(finding=finding)])
