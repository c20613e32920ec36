# SPDX-License-Identifier: Apache-2.0
"""The store, as a port: what the services ask of it and what every store promises.

Promises, which `tests/contract` holds each store to:

* What a write returns is on stable storage. A write that raises changed nothing, except that
  OUTCOME_UNKNOWN may have: the store then takes nothing more until it is opened anew.
* An act and its leaf are one write. Leaves are never changed or removed.
* Sequences of a topic have no gaps; their order is the order in which frames become visible.
* Writes wait (they are not refused) while more is queued than the store's bound.

A store refuses by `BrokerError` and shows no error of its own kind.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from broker.domain.acts import Act
from broker.domain.admissions import Admission
from broker.domain.attachments import Chunk, Piece, Upload
from broker.domain.cursors import Cursor, Place
from broker.domain.deliveries import Addressed
from broker.domain.logs import Inclusion, LogKind
from broker.domain.receipts import LogRef, Receipt
from broker.ports.mailboxes import Mailboxes


class StoreState(StrEnum):
    """How a store is."""

    READY = "ready"
    FULL = "full"
    READ_ONLY = "read_only"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreHealth:
    """The store's state and, for the operator, why."""

    state: StoreState
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A tree's size and root hash, with the note that was signed over it where there is one."""

    size: int
    root: bytes
    note: str = ""


class Store(Mailboxes, Protocol):
    """Durable frames, cursors, mail, attachments, directory and logs."""

    def era(self) -> int:
        """Return a number that changes when something is destroyed; what is read bears it."""
        ...

    def health(self) -> StoreHealth:
        """Return how the store is."""
        ...

    async def wait_failed(self) -> None:
        """Return when the store has stopped because an outcome was unknown."""
        ...

    async def close(self) -> None:
        """Finish what is queued and let go of the files."""
        ...

    # Frames.

    async def append_frame(self, admission: Admission) -> Receipt:
        """Store a frame with its leaf, after checking it against the frames before it.

        The same STATEMENT under the same seal id gives the first receipt, as a duplicate.

        Raises:
            BrokerError: ALREADY_EXISTS, ATTACHMENT_MISSING, CHAIN_BROKEN, or of the store.
        """
        ...

    async def find_receipt(self, originator: str, seal_id: bytes, statement: bytes) -> Receipt:
        """Return the first receipt of a STATEMENT (its SHA-256) as a duplicate.

        Raises:
            BrokerError: NOT_FOUND for an unknown seal id, ALREADY_EXISTS for another statement.
        """
        ...

    async def read(
        self, agency: str, topic: str, after: int, max_frames: int, max_bytes: int
    ) -> list[Addressed]:
        """Return frames of `topic` addressed to `agency` behind a sequence, in order.

        At least one where there is one, whatever its size.
        """
        ...

    async def find_notice(
        self, agency: str, originator: str, notice_id: bytes
    ) -> tuple[Addressed, int] | None:
        """Return the frame of a notice and its index, if addressed or granted to `agency`.

        A grant counts here also after it ended.
        """
        ...

    async def read_again(self, addressed: Sequence[Addressed]) -> list[Addressed]:
        """Return frames as they are now, in the same order."""
        ...

    async def heads(self, agency: str, topics: Collection[str]) -> Mapping[str, int]:
        """Return the last sequence addressed to `agency` of each topic; 0 where none is."""
        ...

    # Deliveries and cursors.

    async def record(self, acts: Sequence[Act]) -> list[LogRef]:
        """Write the leaves of acts that change nothing else."""
        ...

    async def record_deliveries(
        self,
        agency: str,
        subscription: str,
        acts: Sequence[tuple[Cursor, Act]],
        as_of: int | None = None,
    ) -> list[LogRef]:
        """Write the leaves of deliveries and how far the subscription got in each topic.

        Raises:
            DestroyedError: something was destroyed since era `as_of`, in which the frames were
                read; nothing was written.
        """
        ...

    async def record_fetch(
        self, agency: str, place: tuple[str, int, int], act: Act, as_of: int
    ) -> LogRef:
        """Write the leaf of a notice, given as (topic, sequence, index), that is handed out.

        Raises:
            DestroyedError: as for `record_deliveries`.
        """
        ...

    async def places(self, agency: str, subscription: str) -> Mapping[str, Place]:
        """Return where a subscription stands in each topic that it has a place in."""
        ...

    async def acknowledge(
        self, agency: str, subscription: str, cursors: Sequence[Cursor]
    ) -> tuple[Cursor, ...]:
        """Move cursors forward (never back) and return where they now stand.

        Raises:
            BrokerError: INVALID_ARGUMENT for a place beyond what was delivered; none moves then.
        """
        ...

    async def seek(self, agency: str, subscription: str, cursor: Cursor) -> Cursor:
        """Set a cursor, also backward."""
        ...

    # Attachments.

    async def put_piece(self, piece: Piece, quota: int) -> Upload:
        """Store a piece and return how much is stored; complete only after `complete_upload`.

        Raises:
            BrokerError: ALREADY_EXISTS for another length or digest under the id,
                OFFSET_MISMATCH, LIMIT_EXCEEDED when the originator's unreferenced attachments
                would exceed `quota` bytes.
        """
        ...

    async def digest_upload(self, originator: str, attachment_id: bytes) -> bytes:
        """Return the SHA-256 of what is stored of an attachment; NOT_FOUND where nothing is."""
        ...

    async def complete_upload(
        self, originator: str, attachment_id: bytes, *, matches: bool
    ) -> Upload:
        """Mark an attachment complete, or drop it, to be begun anew, if it does not match.

        One that is complete already stays so.

        Raises:
            BrokerError: NOT_FOUND; ATTACHMENT_MISSING if bytes are still missing.
        """
        ...

    async def read_attachment(
        self, originator: str, attachment_id: bytes, offset: int, max_bytes: int
    ) -> Chunk | None:
        """Return bytes of a complete attachment from `offset` on."""
        ...

    async def collect_attachments(self, before: int, at_most: int) -> int:
        """Delete attachments that no frame references, begun before a time; return how many."""
        ...

    # Directory.

    async def append_root(self, version: int, root: bytes, act: Act) -> None:
        """Store a SIGNED_ROOT; DIRECTORY_CONFLICT if `version` is not the next."""
        ...

    async def append_entry(self, index: int, entry: bytes, act: Act) -> None:
        """Store a SIGNED_ENTRY, a leaf of the directory's log; DIRECTORY_CONFLICT if not next."""
        ...

    async def roots(self) -> list[bytes]:
        """Return the SIGNED_ROOT bytes, oldest first."""
        ...

    # Logs.

    async def tree_size(self, log: LogKind) -> int:
        """Return how many leaves a log has."""
        ...

    async def tree_root(self, log: LogKind, size: int) -> bytes:
        """Return the root of the first `size` leaves.

        Raises:
            BrokerError: NOT_FOUND if the log is smaller.
        """
        ...

    async def leaves(self, log: LogKind, start: int, count: int) -> list[bytes]:
        """Return leaves in order."""
        ...

    async def inclusion(self, log: LogKind, index: int, size: int) -> Inclusion:
        """Return a leaf with its path in the tree of `size`; NOT_FOUND outside it."""
        ...

    async def consistency(self, log: LogKind, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """Return the proof between two sizes; NOT_FOUND where there is none."""
        ...

    async def last_checkpoint(self, log: LogKind) -> Head | None:
        """Return the checkpoint that was persisted last."""
        ...

    async def save_checkpoint(self, log: LogKind, head: Head) -> None:
        """Persist a checkpoint before it is released.

        Raises:
            BrokerError: INTERNAL if the tree is smaller than, or does not continue, the one that
                was persisted last: whoever holds both notes could prove the broker false.
        """
        ...
