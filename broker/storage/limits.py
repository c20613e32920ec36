# SPDX-License-Identifier: Apache-2.0
"""The store's bounds and settings: each number with its reason."""

from dataclasses import dataclass

PAGE_BYTES = 16384
"""A frame's bodies lie in few pages; measured twice as fast as 4 KiB (research/broker.md 4.1)."""
CACHED_STATEMENTS = 256
"""More than the store has, so that each is prepared once for a connection."""
BUSY_SECONDS = 5.0
"""For a copy being taken of the open database; another writer is refused at open."""
IDLE_SECONDS = 1.0
"""After this long without a write, what is left in the WAL goes into the database."""
MAX_CHECKED_BYTES = 64 << 20
"""A database up to this size is checked page by page at start: a fifth of a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLimits:
    """What a test may set. The defaults are meant for use.

    Attributes:
        queue_items: operations waiting for the writer; callers wait beyond it.
        queue_bytes: bytes of the same: a burst of large frames stays in memory.
        batch_items: operations of one commit; more would only make the first ones wait.
        batch_bytes: bytes of the same; what one fsync writes in some tens of milliseconds.
        readers: threads that read; more than the cores have been seen to help nobody.
        cached_bytes: frames kept decoded for live fan-out.
        reserve_bytes: free space below which nothing is taken, so that a full disk is found
            before a commit and not in it; a lock may still have three quarters of it.
        bulk_reserve_bytes: free space above that, below which frames and attachments are not
            taken, so that what is stored can still be delivered, acknowledged and accounted for.
        checkpoint_pages: pages in the WAL from which on they are copied into the database
            between two commits; 64 MiB.
        max_pages: a bound on the size of the database; 0 for none but the disk.
    """

    queue_items: int = 4096
    queue_bytes: int = 64 << 20
    batch_items: int = 512
    batch_bytes: int = 16 << 20
    readers: int = 3
    cached_bytes: int = 32 << 20
    reserve_bytes: int = 4 << 20
    bulk_reserve_bytes: int = 16 << 20
    checkpoint_pages: int = 4096
    max_pages: int = 0
