# SPDX-License-Identifier: Apache-2.0
"""Reading the broker's acts log from the first leaf to the last, and holding it to what we know.

What we know: roots that were signed, and the leaves whose salts came with our receipts and
deliveries, which must say exactly what was told to us then. A leaf that the broker does not serve
counts as changed. Decides nothing about the outcome of an audit.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from agency_client.domain.records import OwnedLeaf
from agency_client.errors import AgencyError
from agency_client.ports.broker import Broker, LogKind
from agency_client.ports.store import Inbox
from agency_client.services.checkpoints import NO_PROOF
from agency_client.services.logtree import BLOCK, MISSING, BlockTree, first_bad
from keys import merkle
from keys.errors import LeafError
from keys.logleaf import check_leaf

OWNED_AT_ONCE = 1024

Progress = Callable[[int, int], None]
"""Told how many leaves of how many were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """A leaf that does not say what its receipt or delivery said; `time_ms` is what that stated."""

    index: int
    time_ms: int
    detail: str


@dataclass(slots=True, kw_only=True)
class Receipts:
    """How our own leaves compare: how many were checked, and which contradict or lie beyond."""

    checked: int = 0
    contradictions: list[Contradiction] = field(default_factory=list)
    beyond: list[Contradiction] = field(default_factory=list)


class LogReading:
    """One reading of the log up to `size` leaves."""

    def __init__(
        self, *, broker: Broker, inbox: Inbox, size: int, marks: Iterable[int], newest_own: int
    ) -> None:
        """Prepare to read.

        Args:
            broker: serves the leaves.
            inbox: knows our own.
            size: how many leaves were signed.
            marks: sizes at which the root will be asked for.
            newest_own: index of our newest leaf when the checkpoint was asked for (`newest_own`):
                later ones need not be in it.
        """
        self._broker = broker
        self.size = size
        self._owned = _Owned(inbox)
        self._newest_own = newest_own
        self.tree = BlockTree([size, *marks])
        self.receipts = Receipts()
        self.missing = -1

    async def read(self, progress: Progress | None) -> None:
        """Read all leaves, hash them, and compare those that we own.

        Raises:
            AgencyError: the broker cannot be reached.
        """
        for start in range(0, self.size, BLOCK):
            count = min(BLOCK, self.size - start)
            leaves = await self._leaves(start, count) if self.missing < 0 else []
            if len(leaves) < count and self.missing < 0:
                self.missing = start + len(leaves)
            await asyncio.to_thread(self._take, start, leaves, count)
            if progress is not None:
                progress(start + count, self.size)
        await asyncio.to_thread(self._note_beyond)

    async def _leaves(self, start: int, count: int) -> list[bytes]:
        """Return `count` leaves from `start` on; fewer where the broker has no more."""
        found: list[bytes] = []
        while len(found) < count:
            wanted = count - len(found)
            try:
                page = await self._broker.leaves(LogKind.ACTS, start + len(found), wanted)
            except AgencyError as error:
                if error.reason not in NO_PROOF:
                    raise
                page = ()
            if not page:
                break
            found += page[:wanted]
        return found

    def _take(self, start: int, leaves: Sequence[bytes], count: int) -> None:
        self.tree.add(_hashes(leaves, count))
        for owned in self._owned.before(start + count):
            at = owned.log.index - start
            wrong = _contradiction(owned, leaves[at] if at < len(leaves) else None)
            self.receipts.checked += 1
            if wrong:
                self._note(self.receipts.contradictions, owned, wrong)

    def _note_beyond(self) -> None:
        for owned in self._owned.before(self._newest_own + 1):
            self._note(self.receipts.beyond, owned, f"the log ends at {self.size} entries")

    def _note(self, where: list[Contradiction], owned: OwnedLeaf, detail: str) -> None:
        where.append(Contradiction(index=owned.log.index, time_ms=owned.log.time_ms, detail=detail))

    async def first_bad(self, size: int, root: bytes) -> int:
        """Return the first entry that is not the one under a signed root that was not reached.

        Raises:
            ProofError: the broker's proofs do not lead to that root.
            AgencyError: the broker cannot be reached.
        """

        async def proof(index: int) -> Sequence[bytes]:
            try:
                path, _ = await self._broker.inclusion(LogKind.ACTS, index, size)
            except AgencyError as error:
                if error.reason not in NO_PROOF:
                    raise
                return ()
            return path

        async def block(start: int) -> Sequence[bytes]:
            count = min(BLOCK, self.size - start)
            return _hashes(await self._leaves(start, count), count)

        return await first_bad(self.tree, size, root, proof, block)


def newest_own(inbox: Inbox, after: int) -> int:
    """Return the index of our newest leaf above `after`; `after` where there is none."""
    while page := inbox.owned_leaves(after, OWNED_AT_ONCE):
        after = page[-1].log.index
    return after


class _Owned:
    """Our own leaves in order of index, fetched a page at a time."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._page: deque[OwnedLeaf] = deque()
        self._after = -1
        self._more = True

    def before(self, end: int) -> Iterator[OwnedLeaf]:
        """Yield those that were not yielded yet and lie below `end`."""
        while self._fill() and self._page[0].log.index < end:
            yield self._page.popleft()

    def _fill(self) -> bool:
        if not self._page and self._more:
            self._page = deque(self._inbox.owned_leaves(self._after, OWNED_AT_ONCE))
            self._more = bool(self._page)
            if self._page:
                self._after = self._page[-1].log.index
        return bool(self._page)


def _hashes(leaves: Sequence[bytes], count: int) -> list[bytes]:
    return [*map(merkle.hash_leaf, leaves), *[MISSING] * (count - len(leaves))]


def _contradiction(owned: OwnedLeaf, leaf: bytes | None) -> str:
    """Return how a leaf contradicts what we hold of it; empty where it does not."""
    if leaf is None:
        return "the broker has no such entry"
    try:
        body = check_leaf(leaf, owned.log.salt, owned.kind, dict(owned.fields))
    except LeafError as error:
        return error.detail
    if body.time_ms != owned.log.time_ms:
        return f"leaf states time {body.time_ms}, told was {owned.log.time_ms}"
    return ""
