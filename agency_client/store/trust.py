# SPDX-License-Identifier: Apache-2.0
"""Roots, directory entries, pinned checkpoints and heads heard of, in SQL."""

from collections.abc import Sequence

from sqlalchemy import delete, false, func, select, update
from sqlalchemy.dialects.sqlite import insert

from agency_client.domain.records import Head, PinnedCheckpoint
from agency_client.errors import AgencyError, Reason
from agency_client.store.database import Database
from agency_client.store.tables import checkpoints, entries, gossip, roots


class SqlTrust:
    """What we hold others to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def roots(self) -> Sequence[bytes]:
        """Return the signed root documents, oldest first."""
        with self._database.read() as connection:
            query = select(roots.c.document).order_by(roots.c.version)
            return tuple(connection.execute(query).scalars())

    def set_roots(self, documents: Sequence[bytes]) -> None:
        """Store the whole list of root documents; a longer one of another process stays."""
        with self._database.write() as connection:
            held = connection.execute(select(func.count()).select_from(roots)).scalar_one()
            if len(documents) <= held:
                return
            connection.execute(delete(roots))
            connection.execute(
                insert(roots),
                [{"version": at, "document": one} for at, one in enumerate(documents, start=1)],
            )

    def entries(self) -> Sequence[bytes]:
        """Return the signed directory entries in order."""
        with self._database.read() as connection:
            query = select(entries.c.entry).order_by(entries.c.position)
            return tuple(connection.execute(query).scalars())

    def add_entries(self, start: int, added: Sequence[bytes]) -> None:
        """Append entries at `start`; those that another process has appended already stay."""
        if not added:
            return
        with self._database.write() as connection:
            held = connection.execute(select(func.count()).select_from(entries)).scalar_one()
            if start > held:
                raise AgencyError(
                    Reason.DIRECTORY_INVALID,
                    f"entries from {start} on would leave a gap behind {held}",
                )
            connection.execute(
                insert(entries).on_conflict_do_nothing(),
                [{"position": at, "entry": one} for at, one in enumerate(added, start=start)],
            )

    def checkpoint(self, log: str) -> PinnedCheckpoint | None:
        """Return the largest pinned checkpoint of a log."""
        query = (
            select(checkpoints)
            .where(checkpoints.c.log == log)
            .order_by(checkpoints.c.size.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return PinnedCheckpoint(size=row.size, root=row.root, note=row.note, seen_at=row.seen_at)

    def pin(self, log: str, checkpoint: PinnedCheckpoint) -> None:
        """Pin a checkpoint; the smaller ones it follows from are no longer needed.

        Raises:
            AgencyError: LOG_INVALID; another root of that size is pinned. It stays.
        """
        with self._database.write() as connection:
            pinned = connection.execute(
                select(checkpoints.c.root).where(
                    checkpoints.c.log == log, checkpoints.c.size == checkpoint.size
                )
            ).scalar()
            if pinned not in (None, checkpoint.root):
                raise AgencyError(
                    Reason.LOG_INVALID, f"another root of size {checkpoint.size} is pinned"
                )
            connection.execute(
                insert(checkpoints)
                .values(
                    log=log,
                    size=checkpoint.size,
                    root=checkpoint.root,
                    note=checkpoint.note,
                    seen_at=checkpoint.seen_at,
                )
                .on_conflict_do_nothing()
            )
            connection.execute(
                delete(checkpoints).where(
                    checkpoints.c.log == log, checkpoints.c.size < checkpoint.size
                )
            )

    def unchecked_heads(self, log: str, limit: int) -> Sequence[Head]:
        """Return heads that were not compared yet, smallest first."""
        query = (
            select(gossip)
            .where(gossip.c.log == log, gossip.c.checked == false())
            .order_by(gossip.c.size)
            .limit(limit)
        )
        with self._database.read() as connection:
            return tuple(
                Head(
                    log=row.log,
                    size=row.size,
                    root=row.root,
                    originator=row.originator,
                    seal_id=row.seal_id,
                )
                for row in connection.execute(query)
            )

    def set_checked(self, heads: Sequence[Head]) -> None:
        """Note that heads were compared."""
        with self._database.write() as connection:
            for head in heads:
                connection.execute(
                    update(gossip)
                    .where(
                        gossip.c.log == head.log,
                        gossip.c.size == head.size,
                        gossip.c.root == head.root,
                    )
                    .values(checked=True)
                )
