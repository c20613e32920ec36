# SPDX-License-Identifier: Apache-2.0
"""The audit: the broker's log, the directory and our own log verified; what is wrong is named.

The log is recomputed from its first leaf and held to the newest checkpoint, to the one pinned
before, to heads that others signed, and to our own receipts and deliveries. Three outcomes for each
check: verified, failed, could not be checked. Reads no contents and loads nothing that opens them.
Source: design section 7; crypto.md section 6.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from agency_client.domain.findings import FindingKind
from agency_client.domain.records import Head, PinnedCheckpoint
from agency_client.domain.views import AuditCheck, AuditReport, Verdict
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import Broker, LogKind
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.checkpoints import CheckpointService
from agency_client.services.directory import DirectoryService
from agency_client.services.directory_replay import check_directory
from agency_client.services.log_reading import Contradiction, LogReading, Progress, newest_own
from agency_client.services.own_log import check_own_log
from keys.errors import ProofError

FRESH_MS = 60_000
"""A broker may sign its checkpoint that much later than it writes a leaf, and no more."""

MOST_HEADS = 4096
"""Heads of others compared in one audit; each costs a few hundred hashes and no question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A signed head that the log is held to; `since` says where we have it from."""

    name: str
    size: int
    root: bytes
    note: str
    since: str


class AuditService:
    """Audits for one profile; an auditor's profile has no notices and audits all the same."""

    def __init__(
        self,
        *,
        store: Store,
        broker: Broker,
        directory: DirectoryService,
        checkpoints: CheckpointService,
        clock: Clock,
    ) -> None:
        self._store = store
        self._broker = broker
        self._directory = directory
        self._checkpoints = checkpoints
        self._clock = clock

    async def audit(self, progress: Progress | None = None) -> AuditReport:
        """Verify everything that can be verified.

        Args:
            progress: told how many leaves of how many were read.

        Raises:
            AgencyError: our own store cannot be read.
        """
        pinned = await self._checkpoints.pinned()
        heads = await self._checkpoints.unchecked(LogKind.ACTS, MOST_HEADS)
        own = await asyncio.to_thread(
            newest_own, self._store.inbox, pinned.size - 1 if pinned else -1
        )
        first, newest = await self._newest(pinned)
        held = _held(pinned, newest)
        reading = LogReading(
            broker=self._broker,
            inbox=self._store.inbox,
            size=held[0].size if held else 0,
            marks=[*(one.size for one in held), *(head.size for head in heads)],
            newest_own=own,
        )
        checks = [first, *await self._log(reading, held, heads, progress)]
        checks += await check_directory(self._store, self._directory, self._checkpoints)
        checks.append(await check_own_log(self._store, self._clock))
        facts = await asyncio.to_thread(self._facts, reading, len(heads))
        return AuditReport(checks=tuple(checks), leaves=reading.tree.size, facts=facts)

    def _facts(self, reading: LogReading, heads: int) -> dict[str, int]:
        own_size, _ = self._store.openings.head()
        return {
            "leaves": reading.tree.size,
            "receipts": reading.receipts.checked,
            "heads": heads,
            "directory_entries": self._directory.current.directory.size,
            "own_log_entries": own_size,
            "findings": self._store.inbox.finding_count(),
        }

    async def _newest(self, pinned: PinnedCheckpoint | None) -> tuple[AuditCheck, _Held | None]:
        """Check the newest checkpoint; return it too where the log's key signed it."""
        try:
            note, checkpoint = await self._checkpoints.newest()
        except AgencyError as error:
            return _unmade("checkpoint", error), None
        newest = _Held(
            name="log",
            size=checkpoint.size,
            root=checkpoint.root,
            note=note,
            since="the newest checkpoint",
        )
        try:
            await self._checkpoints.follow(pinned, note, checkpoint)
        except AgencyError as error:
            return _unmade("checkpoint", error), newest
        follows = f", and follows from {pinned.size}" if pinned else ""
        signed = f"signed for {checkpoint.size} entries{follows}"
        return _verified("checkpoint", signed), newest

    async def _log(
        self,
        reading: LogReading,
        held: Sequence[_Held],
        heads: Sequence[Head],
        progress: Progress | None,
    ) -> list[AuditCheck]:
        if not held:
            return [
                AuditCheck(
                    name="log",
                    verdict=Verdict.UNCHECKED,
                    detail="there is no signed checkpoint to hold the broker's log to",
                )
            ]
        try:
            await reading.read(progress)
        except AgencyError as error:
            return [_unmade("log", error), _unmade("receipts", error)]
        checks = [await self._root(reading, one) for one in held]
        await self._report(checks, held)
        checks.append(await self._receipts(reading))
        if heads and checks[0].verdict is Verdict.VERIFIED:
            checks.append(await self._heads(reading, heads, held[0]))
        elif heads:
            detail = f"{len(heads)} heads that others saw cannot be held to a log that failed"
            checks.append(AuditCheck(name="heads", verdict=Verdict.UNCHECKED, detail=detail))
        return checks

    async def _report(self, checks: Sequence[AuditCheck], held: Sequence[_Held]) -> None:
        """Keep a finding about each place at which the log is not as signed, once."""
        failed = {
            check.entry: (check.detail, one.note)
            for check, one in zip(checks, held, strict=True)
            if check.verdict is Verdict.FAILED
        }
        for detail, note in failed.values():
            await self._checkpoints.report(FindingKind.LOG_FORK, "root_differs", detail, (note,))

    async def _root(self, reading: LogReading, held: _Held) -> AuditCheck:
        """Hold the recomputed tree to one signed head, and name the first entry that is wrong."""
        root = reading.tree.root(held.size)
        if root == held.root:
            return _verified(
                held.name, f"{held.size} entries recomputed, as signed in {held.since}"
            )
        entry, detail = await self._named(reading, held, reached=root is not None)
        return AuditCheck(name=held.name, verdict=Verdict.FAILED, detail=detail, entry=entry)

    async def _named(self, reading: LogReading, held: _Held, *, reached: bool) -> tuple[int, str]:
        if not reached:
            return reading.size, f"the log ends before the {held.size} entries of {held.since}"
        missing = f"entry {reading.missing} is missing from the log of {held.since}"
        try:
            entry = await reading.first_bad(held.size, held.root)
        except (ProofError, AgencyError) as error:
            if reading.missing >= 0:
                return reading.missing, missing
            why = error.detail if isinstance(error, ProofError) else error.message
            return -1, f"not the log of {held.since}; which entry could not be found out: {why}"
        if entry == reading.missing:
            return entry, missing
        return entry, f"entry {entry} is not the one signed in {held.since}"

    async def _receipts(self, reading: LogReading) -> AuditCheck:
        receipts = reading.receipts
        late = [one for one in receipts.beyond if self._is_due(one)]
        wrong = sorted([*receipts.contradictions, *late], key=lambda one: one.index)
        for one in wrong[:MOST_REPORTED]:
            detail = f"entry {one.index}: {one.detail}"
            await self._checkpoints.report(FindingKind.BAD_LEAF, "bad_leaf", detail, ())
        if wrong:
            detail = f"{len(wrong)} entries are not as we were told, the first: {wrong[0].detail}"
            return AuditCheck(
                name="receipts", verdict=Verdict.FAILED, detail=detail, entry=wrong[0].index
            )
        if receipts.beyond:
            detail = f"{len(receipts.beyond)} of our receipts are newer than the checkpoint"
            return AuditCheck(name="receipts", verdict=Verdict.UNCHECKED, detail=detail)
        return _verified(
            "receipts", f"{receipts.checked} of our receipts and deliveries are in the log"
        )

    def _is_due(self, one: Contradiction) -> bool:
        """Whether the newest checkpoint must cover this leaf; also one from the future must."""
        return abs(self._clock.now_ms() - one.time_ms) > FRESH_MS

    async def _heads(self, reading: LogReading, heads: Sequence[Head], newest: _Held) -> AuditCheck:
        found = [await self._head(reading, head, newest) for head in heads]
        wrong = [finding for finding in found if finding]
        if wrong:
            detail = f"{len(wrong)} of {len(heads)} do not fit, the first: {wrong[0]}"
            return AuditCheck(name="heads", verdict=Verdict.FAILED, detail=detail)
        return _verified("heads", f"{len(heads)} heads that others saw are of this log")

    async def _head(self, reading: LogReading, head: Head, newest: _Held) -> str:
        """Return what is wrong with one head that another agency saw; empty where nothing is."""
        root = reading.tree.root(head.size)
        if root is None:
            await self._checkpoints.report_ahead(head, newest.size, newest.note)
            return f"{head.originator} saw {head.size} entries, we are shown {newest.size}"
        if root == head.root:
            await self._checkpoints.settle(head, "", newest.note)
            return ""
        wrong = f"{head.size} entries with another root"
        await self._checkpoints.settle(head, wrong, newest.note)
        return f"{head.originator} saw {wrong}"


MOST_REPORTED = 100
"""Contradicting entries that become a finding each; an audit may find any number."""


def _held(pinned: PinnedCheckpoint | None, newest: _Held | None) -> list[_Held]:
    """Return the signed heads to hold the log to, the one it is read up to first."""
    before = [] if pinned is None else [_pinned(pinned, "log" if newest is None else "pinned")]
    return before if newest is None else [newest, *before]


def _pinned(pinned: PinnedCheckpoint, name: str) -> _Held:
    return _Held(
        name=name,
        size=pinned.size,
        root=pinned.root,
        note=pinned.note,
        since="the checkpoint pinned before",
    )


def _verified(name: str, detail: str) -> AuditCheck:
    return AuditCheck(name=name, verdict=Verdict.VERIFIED, detail=detail)


def _unmade(name: str, error: AgencyError) -> AuditCheck:
    """Return a check that an error ended: only a log in doubt is a failure of it."""
    failed = error.reason is Reason.LOG_INVALID
    verdict = Verdict.FAILED if failed else Verdict.UNCHECKED
    return AuditCheck(name=name, verdict=verdict, detail=error.message)
