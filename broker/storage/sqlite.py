# SPDX-License-Identifier: Apache-2.0
"""The SQLite store: `broker.ports.store.Store` in one file of one broker.

One thread writes, operations that wait are committed together (`committing`), a few threads read.
What each operation does is in the modules beside this one; here they are put on their threads.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from sqlcipher3 import dbapi2

from broker.domain.acts import Act
from broker.domain.admissions import Admission
from broker.domain.attachments import Chunk, Piece, Upload
from broker.domain.cursors import Cursor, Place
from broker.domain.deliveries import Addressed
from broker.domain.logs import Inclusion, LogKind
from broker.domain.receipts import LogRef, Receipt
from broker.errors import BrokerError, DestroyedError, Reason, StartError, StartFault
from broker.ports.store import Head, StoreHealth
from broker.storage import (
    attachments,
    checkpoints,
    directory,
    frame_reading,
    frame_writing,
    holders,
    places,
    trees,
)
from broker.storage.cache import FrameCache
from broker.storage.committing import Committer, Need
from broker.storage.faults import named
from broker.storage.limits import StoreLimits
from broker.storage.mailboxes import SqliteMailboxes
from broker.storage.opening import Opened, open_database
from broker.storage.reading import Readers
from broker.storage.transaction import Transaction
from broker.storage.writing import Writer

_LEAF_BYTES = 2048
"""A leaf, its row and its share of the tree."""


class SqliteStore(SqliteMailboxes):
    """The store of one broker. Make one with `open`; all calls come from one event loop."""

    def __init__(self, opened: Opened, readers: Readers, writer: Writer, cache: FrameCache) -> None:
        super().__init__(readers, writer, cache)
        self._opened = opened

    @classmethod
    async def open(cls, path: Path, limits: StoreLimits | None = None) -> Self:
        """Open the database at `path`, or make it.

        Raises:
            StartError: it cannot be used as it is.
        """
        bounds = StoreLimits() if limits is None else limits
        opened, readers = await asyncio.to_thread(_opened, path, bounds)
        cache = FrameCache(bounds.cached_bytes)
        committer = Committer(
            opened.connection,
            path.parent,
            bounds,
            destroyed=cache.drop,
            unerased=opened.was_left_open,
        )
        return cls(opened, readers, Writer(committer, bounds), cache)

    def health(self) -> StoreHealth:
        """Return how the store is."""
        return self._writer.health

    async def wait_failed(self) -> None:
        """Return when the store has stopped because an outcome was unknown."""
        await self._writer.wait_failed()

    async def close(self) -> None:
        """Finish what is queued and let go of the files."""
        await self._writer.close()
        await self._readers.close()
        # The last connection to go, so that it copies the WAL back and removes it.
        await asyncio.to_thread(self._opened.close)

    # Frames.

    async def append_frame(self, admission: Admission) -> Receipt:
        """Store a frame with its leaf, after checking it against the frames before it."""
        append = partial(frame_writing.append, admission=admission)
        appended = await self._writer.submit(append, admission.size, Need.BULK)
        if appended.frame is not None:
            self._cache.put(appended.frame)
        return appended.receipt

    async def find_receipt(self, originator: str, seal_id: bytes, statement: bytes) -> Receipt:
        """Return the first receipt of a STATEMENT (its SHA-256) as a duplicate."""
        receipt = await self._readers.run(
            lambda connection: frame_writing.find_receipt(
                connection, originator, seal_id, statement
            )
        )
        if receipt is None:
            raise BrokerError(Reason.NOT_FOUND)
        return receipt

    async def read(
        self, agency: str, topic: str, after: int, max_frames: int, max_bytes: int
    ) -> list[Addressed]:
        """Return frames of `topic` addressed to `agency` behind a sequence, in order."""
        return await self._readers.run(
            lambda connection: frame_reading.read(
                connection,
                self._cache,
                agency,
                topic,
                after=after,
                max_frames=max_frames,
                max_bytes=max_bytes,
            )
        )

    async def find_notice(
        self, agency: str, originator: str, notice_id: bytes
    ) -> tuple[Addressed, int] | None:
        """Return the frame of a notice and its index, if addressed or granted to `agency`."""
        return await self._readers.run(
            lambda connection: frame_reading.find_notice(
                connection, self._cache, agency, originator, notice_id
            )
        )

    async def read_again(self, addressed: Sequence[Addressed]) -> list[Addressed]:
        """Return frames as they are now, in the same order."""
        return await self._readers.run(
            lambda connection: frame_reading.read_again(connection, self._cache, addressed)
        )

    async def heads(self, agency: str, topics: Collection[str]) -> Mapping[str, int]:
        """Return the last sequence addressed to `agency` of each topic; 0 where none is."""
        return await self._readers.run(
            lambda connection: frame_reading.heads(connection, agency, topics)
        )

    # Deliveries and cursors.

    async def record(self, acts: Sequence[Act]) -> list[LogRef]:
        """Write the leaves of acts that change nothing else."""
        return await self._writer.submit(
            lambda transaction: transaction.append_acts(acts), _LEAF_BYTES * len(acts)
        )

    async def record_deliveries(
        self,
        agency: str,
        subscription: str,
        acts: Sequence[tuple[Cursor, Act]],
        as_of: int | None = None,
    ) -> list[LogRef]:
        """Write the leaves of deliveries and how far the subscription got in each topic."""

        def record(transaction: Transaction) -> list[LogRef]:
            self._check_era(as_of)
            return places.record_deliveries(transaction, agency, subscription, acts)

        return await self._writer.submit(record, _LEAF_BYTES * len(acts))

    async def record_fetch(
        self, agency: str, place: tuple[str, int, int], act: Act, as_of: int
    ) -> LogRef:
        """Write the leaf of a notice that is handed out by id."""

        def record(transaction: Transaction) -> LogRef:
            self._check_era(as_of)
            return holders.record_fetch(transaction, agency, place, act)

        return await self._writer.submit(record, _LEAF_BYTES)

    def _check_era(self, as_of: int | None) -> None:
        """Refuse, in the writer's thread, what was read before something was destroyed."""
        if as_of is not None and as_of != self._cache.era:
            raise DestroyedError

    async def places(self, agency: str, subscription: str) -> Mapping[str, Place]:
        """Return where a subscription stands in each topic that it has a place in."""
        return await self._readers.run(
            lambda connection: places.places(connection, agency, subscription)
        )

    async def acknowledge(
        self, agency: str, subscription: str, cursors: Sequence[Cursor]
    ) -> tuple[Cursor, ...]:
        """Move cursors forward (never back) and return where they now stand."""
        return await self._writer.submit(
            lambda transaction: places.acknowledge(transaction, agency, subscription, cursors)
        )

    async def seek(self, agency: str, subscription: str, cursor: Cursor) -> Cursor:
        """Set a cursor, also backward."""
        return await self._writer.submit(
            lambda transaction: places.seek(transaction, agency, subscription, cursor)
        )

    # Attachments.

    async def put_piece(self, piece: Piece, quota: int) -> Upload:
        """Store a piece and return how much is stored; complete only after `complete_upload`."""
        return await self._writer.submit(
            lambda transaction: attachments.put_piece(transaction, piece, quota),
            len(piece.data),
            Need.BULK,
        )

    async def digest_upload(self, originator: str, attachment_id: bytes) -> bytes:
        """Return the SHA-256 of what is stored of an attachment."""
        return await self._readers.run(
            lambda connection: attachments.digest_upload(connection, originator, attachment_id)
        )

    async def complete_upload(
        self, originator: str, attachment_id: bytes, *, matches: bool
    ) -> Upload:
        """Mark an attachment complete, or drop its bytes if they do not match its digest."""
        complete = partial(
            attachments.complete_upload,
            originator=originator,
            attachment_id=attachment_id,
            matches=matches,
        )
        return await self._writer.submit(complete)

    async def read_attachment(
        self, originator: str, attachment_id: bytes, offset: int, max_bytes: int
    ) -> Chunk | None:
        """Return bytes of a complete attachment from `offset` on."""
        return await self._readers.run(
            lambda connection: attachments.read(
                connection, originator, attachment_id, offset, max_bytes
            )
        )

    async def collect_attachments(self, before: int, at_most: int) -> int:
        """Delete attachments that no frame references, begun before a time; return how many."""
        return await self._writer.submit(
            lambda transaction: attachments.collect(transaction, before, at_most)
        )

    # Directory.

    async def append_root(self, version: int, root: bytes, act: Act) -> None:
        """Store a SIGNED_ROOT; DIRECTORY_CONFLICT if `version` is not the next."""
        await self._writer.submit(
            lambda transaction: directory.append_root(transaction, version, root, act),
            len(root),
            Need.URGENT,
        )

    async def append_entry(self, index: int, entry: bytes, act: Act) -> None:
        """Store a SIGNED_ENTRY, a leaf of the directory's log; DIRECTORY_CONFLICT if not next."""
        await self._writer.submit(
            lambda transaction: directory.append_entry(transaction, index, entry, act),
            len(entry),
            Need.URGENT,
        )

    async def roots(self) -> list[bytes]:
        """Return the SIGNED_ROOT bytes, oldest first."""
        return await self._readers.run(directory.roots)

    # Logs.

    async def tree_size(self, log: LogKind) -> int:
        """Return how many leaves a log has."""
        return await self._readers.run(lambda connection: trees.tree_size(connection, log))

    async def tree_root(self, log: LogKind, size: int) -> bytes:
        """Return the root of the first `size` leaves."""
        return await self._readers.run(lambda connection: trees.tree_root(connection, log, size))

    async def leaves(self, log: LogKind, start: int, count: int) -> list[bytes]:
        """Return leaves in order."""
        return await self._readers.run(
            lambda connection: trees.leaves(connection, log, start, count)
        )

    async def inclusion(self, log: LogKind, index: int, size: int) -> Inclusion:
        """Return a leaf with its path in the tree of `size`; NOT_FOUND outside it."""
        return await self._readers.run(
            lambda connection: trees.inclusion(connection, log, index, size)
        )

    async def consistency(self, log: LogKind, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """Return the proof between two sizes; NOT_FOUND where there is none."""
        return await self._readers.run(
            lambda connection: trees.consistency(connection, log, old_size, new_size)
        )

    async def last_checkpoint(self, log: LogKind) -> Head | None:
        """Return the checkpoint that was persisted last."""
        return await self._readers.run(
            lambda connection: checkpoints.last_checkpoint(connection, log)
        )

    async def save_checkpoint(self, log: LogKind, head: Head) -> None:
        """Persist a checkpoint before it is released."""
        await self._writer.submit(
            lambda transaction: checkpoints.save_checkpoint(
                transaction, self._opened.heads, log, head
            ),
            need=Need.URGENT,
        )


def _opened(path: Path, limits: StoreLimits) -> tuple[Opened, Readers]:
    opened = open_database(path, limits)
    try:
        return opened, Readers(path, limits.readers)
    except dbapi2.Error as error:
        opened.close()
        raise StartError(StartFault.WRONG_SETTINGS, named(error)) from error
