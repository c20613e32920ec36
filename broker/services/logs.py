# SPDX-License-Identifier: Apache-2.0
"""Serves what proves the logs: signed checkpoints, leaves, proofs. Reading leaves is itself logged.

A checkpoint is persisted before it is released, and the store refuses one that does not continue
the last, so that two released checkpoints never contradict each other.
Source: C2SP tlog-checkpoint; design section 7.
"""

import asyncio
from collections.abc import Sequence

from broker.domain.acts import log_reading
from broker.domain.limits import MAX_LEAVES
from broker.domain.logs import Inclusion, LogKind
from broker.domain.peers import Peer
from broker.errors import BrokerError, Reason, invalid
from broker.ports.clock import Clock
from broker.ports.entropy import Entropy
from broker.ports.store import Head, Store
from broker.services.directory_keeping import DirectoryKeeping
from keys.checkpoint import Checkpoint, log_public, sign_checkpoint, verify_checkpoint
from keys.errors import CheckpointError
from keys.logleaf import SALT_BYTES
from keys.merkle import MAX_SIZE

DIRECTORY_ORIGIN = "{}/directory"
"""Origin of the directory log's checkpoints, made from the origin of the acts log."""
_TAKES_NOTHING = frozenset({Reason.STORAGE_FULL, Reason.READ_ONLY})


class Logs:
    """The two logs of one broker."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        entropy: Entropy,
        log_seed: bytes,
        directory: DirectoryKeeping,
    ) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._seed = log_seed
        self._public = log_public(log_seed)
        self._directory = directory
        self._signing = {log: asyncio.Lock() for log in LogKind}
        self._shared: tuple[float, str] | None = None

    async def checkpoint(self, log: LogKind) -> str:
        """Return the newest signed note; that of an earlier size while the disk takes nothing.

        Raises:
            BrokerError: UNAUTHENTICATED before a federation is loaded, which names the log; or of
                the store.
        """
        async with self._signing[log]:
            return await self._newest(log)

    async def shared_checkpoint(self, max_age_ms: int) -> str:
        """Return a note of the acts log that is at most so old, the same to all who ask meanwhile.

        Raises:
            BrokerError: as for `checkpoint`.
        """
        loop = asyncio.get_running_loop()
        async with self._signing[LogKind.ACTS]:
            if self._shared is None or (loop.time() - self._shared[0]) * 1000 >= max_age_ms:
                asked = loop.time()
                self._shared = asked, await self._newest(LogKind.ACTS)
            return self._shared[1]

    async def leaves(self, reader: Peer, log: LogKind, start: int, count: int) -> Sequence[bytes]:
        """Return leaves in order, after the reading was logged; none where there are none."""
        if not 0 <= count <= MAX_LEAVES:
            raise invalid("page_size")
        if start >= MAX_SIZE:
            return []
        leaves = await self._store.leaves(log, start, count)
        if leaves:
            now, salt = self._clock.now(), self._entropy.random(SALT_BYTES)
            act = log_reading(reader.name, log, start, len(leaves), time_ms=now, salt=salt)
            await self._store.record([act])
        return leaves

    async def inclusion(self, log: LogKind, index: int, size: int) -> Inclusion:
        """Prove that a leaf is in the tree of a size.

        Raises:
            BrokerError: NOT_FOUND.
        """
        _check_sizes(index, size)
        return await self._store.inclusion(log, index, size)

    async def consistency(self, log: LogKind, old_size: int, new_size: int) -> Sequence[bytes]:
        """Prove that one size's tree is a prefix of another's.

        Raises:
            BrokerError: NOT_FOUND.
        """
        _check_sizes(old_size, new_size)
        return await self._store.consistency(log, old_size, new_size)

    async def _newest(self, log: LogKind) -> str:
        origin = self._origin(log)
        size = await self._store.tree_size(log)
        last = await self._store.last_checkpoint(log)
        if last is not None and last.size == size and self._is_ours(last.note, origin):
            return last.note
        root = await self._store.tree_root(log, size)
        note = sign_checkpoint(Checkpoint(origin=origin, size=size, root=root), self._seed)
        try:
            await self._store.save_checkpoint(log, Head(size=size, root=root, note=note))
        except BrokerError as error:
            if error.reason not in _TAKES_NOTHING or last is None:
                raise
            if not self._is_ours(last.note, origin):
                raise
            return last.note
        return note

    def _is_ours(self, note: str, origin: str) -> bool:
        """Whether a stored note is signed by the key in force; a new root may have changed it."""
        try:
            verify_checkpoint(note, origin, self._public)
        except CheckpointError:
            return False
        return True

    def _origin(self, log: LogKind) -> str:
        origin = self._directory.federation.directory.root_document.log_origin
        return origin if log is LogKind.ACTS else DIRECTORY_ORIGIN.format(origin)


def _check_sizes(*sizes: int) -> None:
    """Refuse sizes that no tree has, so that a store need not know how large its integers are."""
    if any(size >= MAX_SIZE for size in sizes):
        raise BrokerError(Reason.NOT_FOUND)
