# SPDX-License-Identifier: Apache-2.0
"""Holding the broker to its log: every checkpoint must follow from the one that is pinned.

A checkpoint is verified with the log's key in the federation root, proved consistent with the
pinned one, and pinned in its place. Heads that other agencies name in signed frame headers are
compared too, so that a broker which shows two logs is found with the first frame exchanged. A log
that does not follow is a finding with both notes as evidence, and LOG_INVALID.
Source: design section 7; crypto.md section 4.3.
"""

import asyncio
from collections.abc import Sequence

from agency_client.domain.findings import Finding, FindingKind
from agency_client.domain.records import Evidence, Head, PinnedCheckpoint
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import Broker, LogKind
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.directory import DirectoryService
from keys import merkle
from keys.checkpoint import MAX_NOTE_BYTES, Checkpoint, verify_checkpoint
from keys.errors import ProofError, TrustError
from keys.framing import framed, listed

MOST_HEADS = 16
"""Heads compared at once: each costs a question to the broker, and a member can name many."""

NO_PROOF = (Reason.NOT_FOUND, Reason.INVALID_ARGUMENT)
"""Answers by which a broker says that it has no proof for a tree that it signed."""

_EVIDENCE = "tocsin/log-evidence/v1"


class CheckpointService:
    """Keeps the pinned checkpoint of the broker's acts log for one profile."""

    def __init__(
        self, *, store: Store, broker: Broker, directory: DirectoryService, clock: Clock
    ) -> None:
        self._store = store
        self._broker = broker
        self._directory = directory
        self._clock = clock
        self._moving = asyncio.Lock()
        self._reported: set[tuple[str, int, bytes]] = set()

    async def advance(self) -> PinnedCheckpoint:
        """Fetch the newest checkpoint, verify that it follows, pin it, compare the heads heard of.

        Raises:
            AgencyError: LOG_INVALID, kept as a finding, and nothing is pinned; or the broker
            cannot be reached.
        """
        held, heard = await self.pinned(), await self.unchecked(LogKind.ACTS, MOST_HEADS)
        note, checkpoint = await self.newest()
        pinned = await self.follow(held, note, checkpoint)
        for head in heard:
            if head.size > pinned.size:
                await self.report_ahead(head, pinned.size, pinned.note)
            else:
                await self._compare_act(head, pinned)
        await self.compare_directory_heads()
        return pinned

    async def newest(self) -> tuple[str, Checkpoint]:
        """Fetch the newest checkpoint and verify its signature.

        Raises:
            AgencyError: LOG_INVALID, kept as a finding; or the broker cannot be reached.
        """
        note = await self._broker.checkpoint(LogKind.ACTS)
        return note, await self.verified(note)

    async def follow(
        self, held: PinnedCheckpoint | None, note: str, checkpoint: Checkpoint
    ) -> PinnedCheckpoint:
        """Pin a checkpoint that was fetched as the newest when `held` was pinned already.

        Raises:
            AgencyError: LOG_INVALID, kept as a finding, and nothing is pinned; or the broker
            cannot be reached.
        """
        if held is not None and checkpoint.size < held.size:
            raise await self._broken(
                "rolled_back",
                f"it has {checkpoint.size} entries, {held.size} were signed before",
                (held.note, note),
            )
        return await self.adopt(note)

    async def pinned(self) -> PinnedCheckpoint | None:
        """Return the checkpoint that is pinned."""
        return await asyncio.to_thread(self._store.trust.checkpoint, LogKind.ACTS)

    async def verified(self, note: str) -> Checkpoint:
        """Return what a note of the acts log says, where the log's key signed it.

        Raises:
            AgencyError: LOG_INVALID, kept as a finding.
        """
        root = self._directory.current.directory.root_document
        try:
            checkpoint = verify_checkpoint(note, root.log_origin, root.log_key)
        except TrustError as error:
            raise await self._broken(error.reason.value, error.detail, (note,)) from None
        if checkpoint.size == 0 and checkpoint.root != merkle.EMPTY_ROOT:
            raise await self._broken("checkpoint_invalid", "an empty log with a root", (note,))
        return checkpoint

    async def adopt(self, note: str) -> PinnedCheckpoint:
        """Pin a checkpoint that came in a note; one that is older than the pinned is only checked.

        Raises:
            AgencyError: LOG_INVALID, kept as a finding, and nothing is pinned; or the broker
            cannot be reached.
        """
        checkpoint = await self.verified(note)
        async with self._moving:
            held = await self.pinned()
            if held is not None:
                await self._check_follows(held, checkpoint, note)
                if checkpoint.size <= held.size:
                    return held
            pinned = PinnedCheckpoint(
                size=checkpoint.size,
                root=checkpoint.root,
                note=note,
                seen_at=self._clock.now_ms(),
            )
            await asyncio.to_thread(self._store.trust.pin, LogKind.ACTS, pinned)
        return pinned

    async def _check_follows(self, held: PinnedCheckpoint, new: Checkpoint, note: str) -> None:
        first, second = sorted(((held.size, held.root), (new.size, new.root)))
        wrong = await self._inconsistency(first, second)
        if wrong:
            raise await self._broken("not_consistent", wrong, (held.note, note))

    async def _inconsistency(self, old: tuple[int, bytes], new: tuple[int, bytes]) -> str:
        """Return why the (size, root) `old` is not the beginning of `new`; empty where it is."""
        (old_size, old_root), (new_size, new_root) = old, new
        if old_size == 0:
            return ""
        proof: Sequence[bytes] = ()
        try:
            if old_size < new_size:
                proof = await self._broker.consistency(LogKind.ACTS, old_size, new_size)
            merkle.verify_consistency(old_size, new_size, proof, old_root, new_root)
        except ProofError as error:
            return f"the log of {new_size} entries does not continue that of {old_size}: {error}"
        except AgencyError as error:
            if error.reason not in NO_PROOF:
                raise
            return f"the broker has no proof that {new_size} entries continue {old_size}"
        return ""

    async def compare_heads(self) -> tuple[Finding, ...]:
        """Compare heads heard in signed headers with what we hold; return what does not fit.

        A head that does not fit proves that the broker showed another log to its sender, or that
        the sender lies: the finding names the frame that its signature stands on. Heads ahead of
        what we hold wait: that we are behind means something only when we have just asked.

        Raises:
            AgencyError: the broker cannot be reached.
        """
        pinned, directory = await self.pinned(), self._directory.current.directory
        acts = await self.unchecked(LogKind.ACTS, MOST_HEADS) if pinned else ()
        found = [
            await self._compare_act(head, pinned)
            for head in acts
            if pinned is not None and head.size <= pinned.size
        ]
        found += [
            await self._compare_entry(head)
            for head in await self.unchecked(LogKind.DIRECTORY, MOST_HEADS)
            if head.size <= directory.size
        ]
        return tuple(finding for finding in found if finding is not None)

    async def compare_directory_heads(self) -> tuple[Finding, ...]:
        """Compare heads of the directory, which is fetched where others saw more of it.

        Raises:
            AgencyError: the broker cannot be reached, or DIRECTORY_INVALID.
        """
        heard = await self.unchecked(LogKind.DIRECTORY, MOST_HEADS)
        if any(head.size > self._directory.current.directory.size for head in heard):
            await self._directory.sync()
        found = [await self._compare_entry(head) for head in heard]
        return tuple(finding for finding in found if finding is not None)

    async def unchecked(self, log: LogKind, limit: int) -> Sequence[Head]:
        """Return heads that were not compared yet, smallest first."""
        return await asyncio.to_thread(self._store.trust.unchecked_heads, log, limit)

    async def _compare_act(self, head: Head, pinned: PinnedCheckpoint) -> Finding | None:
        wrong = await self._inconsistency((head.size, head.root), (pinned.size, pinned.root))
        return await self.settle(head, wrong, pinned.note)

    async def _compare_entry(self, head: Head) -> Finding | None:
        directory = self._directory.current.directory
        if head.size > directory.size:
            return await self.report_ahead(head, directory.size, "")
        fits = merkle.root(directory.leaf_hashes[: head.size]) == head.root
        wrong = "" if fits else f"a directory of {head.size} entries with another root"
        return await self.settle(head, wrong, "")

    async def settle(self, head: Head, wrong: str, note: str) -> Finding | None:
        """Note that a head was compared; return the finding where something is `wrong` with it."""
        finding = await self._find(head, "head_differs", wrong, note) if wrong else None
        await asyncio.to_thread(self._store.trust.set_checked, [head])
        return finding

    async def report_ahead(self, head: Head, size: int, note: str) -> Finding | None:
        """Report once a head that is ahead of us; it stays to be compared when we get there."""
        key = (head.log, head.size, head.root)
        if key in self._reported:
            return None
        self._reported.add(key)
        detail = f"saw {head.size} entries before, the broker shows us {size}"
        return await self._find(head, "behind", detail, note)

    async def _find(self, head: Head, reason: str, detail: str, note: str) -> Finding:
        acts = head.log == LogKind.ACTS
        finding = Finding(
            kind=FindingKind.LOG_FORK if acts else FindingKind.DIRECTORY_FORK,
            reason=reason,
            detail=f"{head.originator} signed that it saw another log: {detail}",
            at_ms=self._clock.now_ms(),
            originator=head.originator,
            seal_id=head.seal_id,
        )
        await self._keep(finding, (note,) if note else ())
        return finding

    async def _broken(self, reason: str, detail: str, notes: Sequence[str]) -> AgencyError:
        """Keep a finding and return the error to raise."""
        await self.report(FindingKind.LOG_FORK, reason, detail, notes)
        return AgencyError(Reason.LOG_INVALID, f"the broker's log is not to be trusted: {detail}")

    async def report(
        self, kind: FindingKind, reason: str, detail: str, notes: Sequence[str]
    ) -> None:
        """Keep a finding about the broker's log, with the signed notes it is about."""
        finding = Finding(kind=kind, reason=reason, detail=detail, at_ms=self._clock.now_ms())
        await self._keep(finding, notes)

    async def _keep(self, finding: Finding, notes: Sequence[str]) -> None:
        """Keep a finding with the signed notes: two that contradict each other prove a fork."""
        texts = [note[:MAX_NOTE_BYTES].encode("utf-8", "replace") for note in notes]
        evidence = Evidence(finding=finding, data=framed(_EVIDENCE, listed(texts)))
        await asyncio.to_thread(self._store.inbox.add_findings, [evidence])
