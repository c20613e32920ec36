# SPDX-License-Identifier: Apache-2.0
"""Mail and destruction in the SQLite store: puts the operations of its modules on their threads."""

from collections.abc import Callable

from broker.domain.acts import Act
from broker.domain.deliveries import StoredFrame
from broker.domain.limits import MAX_CHUNK_BYTES
from broker.domain.mail import HolderState, MailKind, MailPage, Posted, Posting
from broker.storage import attachments, destroying, holders, mail
from broker.storage.cache import FrameCache
from broker.storage.committing import Need
from broker.storage.reading import Readers
from broker.storage.transaction import Transaction
from broker.storage.writing import Writer


class SqliteMailboxes:
    """The part of the store that holds mail and destroys notices."""

    def __init__(self, readers: Readers, writer: Writer, cache: FrameCache) -> None:
        self._readers = readers
        self._writer = writer
        self._cache = cache

    def era(self) -> int:
        """Return a number that changes when something is destroyed; what is read bears it."""
        return self._cache.era

    async def find_place(self, agency: str, statement: bytes, index: int) -> StoredFrame | None:
        """Return a frame by its STATEMENT's SHA-256, if `agency` is party to its notice `index`."""
        return await self._readers.run(
            lambda connection: holders.find_place(connection, self._cache, agency, statement, index)
        )

    async def find_posted(
        self, sender: str, kind: MailKind, name: bytes, digest: bytes
    ) -> Posted | None:
        """Return the first answer to an object as a duplicate, or None for an unknown name."""
        return await self._readers.run(
            lambda connection: mail.find_posted(connection, sender, kind, name, digest)
        )

    async def post(self, posting: Posting) -> Posted:
        """Put a letter or a grant into its recipient's mailbox, with its leaf."""
        return await self._writer.submit(
            lambda transaction: mail.post(transaction, posting), posting.mail.size, Need.BULK
        )

    async def recall(self, posting: Posting, size: int) -> Posted:
        """Destroy a notice, with the leaf, and tell all who could open it but its originator."""

        def destroy(transaction: Transaction) -> Posted:
            self._cache.end_era()
            return mail.recall(transaction, posting)

        # A full disk keeps nobody from taking back what must not be read on.
        return await self._writer.submit(destroy, size + posting.mail.size, Need.URGENT)

    async def mail(self, agency: str, after: int, count: int, max_bytes: int) -> MailPage:
        """Return mail behind a place, at least one item where there is one."""
        return await self._readers.run(
            lambda connection: mail.page(connection, agency, after, count, max_bytes)
        )

    async def holders(self, originator: str, notice_id: bytes) -> list[HolderState] | None:
        """Return who could open a notice, its originator left out; None if it is not there."""
        return await self._readers.run(
            lambda connection: holders.states(connection, originator, notice_id)
        )

    async def expired(self, now: int, at_most: int) -> list[tuple[str, int]]:
        """Return frames, as topic and sequence, with notices that expired, longest ago first."""
        return await self._readers.run(
            lambda connection: destroying.expired(connection, now, at_most)
        )

    async def destroy_expired(
        self,
        key: tuple[str, int],
        now: int,
        act_of: Callable[[StoredFrame, tuple[int, ...]], Act],
    ) -> bool:
        """Destroy the notices of a frame that have expired, with a leaf; False if none had."""

        def destroy(transaction: Transaction) -> bool:
            self._cache.end_era()
            return destroying.destroy_expired(transaction, key, now, act_of)

        return await self._writer.submit(destroy, need=Need.URGENT)

    async def erase(self) -> bool:
        """Overwrite a few pieces of attachments that are no more; return whether there are more."""
        if not await self._readers.run(attachments.has_doomed):
            return False
        return await self._writer.submit(
            lambda transaction: attachments.erase(transaction, destroying.ERASED_AT_ONCE),
            destroying.ERASED_AT_ONCE * MAX_CHUNK_BYTES,
            Need.URGENT,
        )
