# SPDX-License-Identifier: Apache-2.0
"""Group commit: operations that wait are one transaction, each undone alone where it refuses.

After an error that may have come with the commit the store is failed: its last operations have an
unknown outcome, and it takes none more. A full or read-only disk is definite: nothing was written,
and the store goes on when the disk does. Runs in the writer's thread; knows no queue.

What was destroyed is overwritten in the database, but the WAL still holds it, and may hold it from
before: so after such a commit the WAL is emptied, as soon as no reader is in it.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, TypeAlias

from sqlcipher3 import dbapi2

from broker.errors import BrokerError, Reason
from broker.ports.store import StoreHealth, StoreState
from broker.storage.disk import room
from broker.storage.faults import Fault, fault_of, internal, named
from broker.storage.limits import StoreLimits
from broker.storage.transaction import Operation, Transaction

_WRITTEN_TWICE = 2
"""A batch lies in the WAL and, until the WAL is used again, in the database too."""
ERASE_WAIT_MS = 250
"""How long publishers may wait for a reader who is in the WAL that is to be emptied."""
_PROBE = "UPDATE topics SET head = head WHERE topic = (SELECT min(topic) FROM topics)"

Destroyed: TypeAlias = Callable[[Iterable[tuple[str, int]]], None]
"""Is told, after the commit, of which frames something was destroyed."""
Outcome: TypeAlias = Any
"""What an operation returned, or the `BrokerError` by which it was refused."""


class Need(Enum):
    """How full a disk may be for an operation."""

    BULK = auto()
    """What agencies send: refused first."""
    USUAL = auto()
    """Deliveries, acknowledgements, leaves: small, and the way for what is stored already."""
    URGENT = auto()
    """Directory and checkpoints: whoever has filled the disk must not escape its lock by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """An operation, how many bytes it writes, near enough, and how full the disk may be."""

    operation: Operation[Any]
    size: int
    need: Need = Need.USUAL


class _DiskRefusesError(Exception):
    """The disk takes nothing at present; nothing was written."""

    def __init__(self, state: StoreState, detail: str) -> None:
        super().__init__(detail)
        self.state = state

    @property
    def refusal(self) -> BrokerError:
        full = self.state is StoreState.FULL
        return BrokerError(Reason.STORAGE_FULL if full else Reason.READ_ONLY, detail=str(self))


class Committer:
    """The one that writes."""

    def __init__(
        self,
        connection: dbapi2.Connection,
        folder: Path,
        limits: StoreLimits,
        *,
        destroyed: Destroyed = lambda _: None,
        unerased: bool = False,
    ) -> None:
        self._connection = connection
        self._folder = folder
        self._limits = limits
        self._destroyed = destroyed
        self.is_unerased = unerased
        """Whether the WAL may hold what was destroyed."""
        self.health = StoreHealth(state=StoreState.READY)

    def commit(self, batch: Sequence[Work]) -> list[Outcome]:
        """Run operations and return the outcome of each, on stable storage where it is no error."""
        if self.health.state is StoreState.FAILED:
            return [self._unknown() for _ in batch]
        try:
            self._check_room(batch)
            outcomes = self._transact(batch)
        except _DiskRefusesError as refused:
            if len(batch) > 1:
                return [outcome for work in batch for outcome in self.commit([work])]
            self.health = StoreHealth(state=refused.state, detail=str(refused))
            return [refused.refusal]
        except Exception as error:  # noqa: BLE001 - the thread's edge: whatever it is, stop
            self._fail(error)
            return [self._unknown() for _ in batch]
        if self.health.state is not StoreState.READY and self._has_room_for_all():
            self.health = StoreHealth(state=StoreState.READY)
        if self.is_unerased:
            self._erase()
        return outcomes

    def tidy(self, *, idle: bool) -> bool:
        """Copy from the WAL into the database where it is time; return whether more is to do.

        Apart from commits, so that no caller waits for it. Looks whether a disk that was full or
        read-only takes writes again.
        """
        state = self.health.state
        if state is StoreState.FAILED:
            return False
        if state is not StoreState.READY:
            if idle and self._has_room_for_all():
                self.commit([Work(operation=_probe, size=0)])
            return True
        if self.is_unerased:
            self._erase()
            return True
        try:
            return self._copy_back(idle=idle)
        except dbapi2.Error as error:
            if fault_of(error) not in {Fault.FULL, Fault.READ_ONLY}:
                self._fail(error)
            return False

    def _erase(self) -> None:
        """Empty the WAL, unless readers or the disk do not let us; `tidy` tries again then."""
        busy_ms = self._connection.execute("PRAGMA busy_timeout").fetchone()[0]
        try:
            self._connection.execute(f"PRAGMA busy_timeout = {ERASE_WAIT_MS}")
            is_busy, _, _ = self._pragma("wal_checkpoint(TRUNCATE)")
            self.is_unerased = bool(is_busy)
            self._connection.execute(f"PRAGMA busy_timeout = {busy_ms}")
        except dbapi2.Error as error:
            if fault_of(error) not in {Fault.FULL, Fault.READ_ONLY}:
                self._fail(error)

    def _copy_back(self, *, idle: bool) -> bool:
        _, pages, copied = self._pragma("wal_checkpoint(NOOP)")
        if pages - copied >= self._limits.checkpoint_pages or (idle and pages > copied):
            self._pragma("wal_checkpoint(PASSIVE)")
            return False
        return bool(pages > copied)

    def _pragma(self, text: str) -> tuple[int, int, int]:
        row: tuple[int, int, int] = self._connection.execute(f"PRAGMA {text}").fetchone()
        return row

    def _check_room(self, batch: Sequence[Work]) -> None:
        left = room(self._folder)
        if left.read_only:
            raise _DiskRefusesError(StoreState.READ_ONLY, "the file system is read-only")
        size = sum(work.size for work in batch)
        needed = max(self._reserve(work.need) for work in batch) + _WRITTEN_TWICE * size
        if left.free_bytes < needed:
            detail = f"{left.free_bytes} bytes free, {needed} needed"
            raise _DiskRefusesError(StoreState.FULL, detail)

    def _reserve(self, need: Need) -> int:
        limits = self._limits
        return {
            Need.BULK: limits.reserve_bytes + limits.bulk_reserve_bytes,
            Need.USUAL: limits.reserve_bytes,
            Need.URGENT: limits.reserve_bytes // 4,
        }[need]

    def _has_room_for_all(self) -> bool:
        """Whether the disk says that it would take anything."""
        try:
            self._check_room([Work(operation=_probe, size=0, need=Need.BULK)])
        except (_DiskRefusesError, OSError):
            return False
        return True

    def _transact(self, batch: Sequence[Work]) -> list[Outcome]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            transaction = Transaction(self._connection)
            outcomes = [self._run(transaction, work.operation) for work in batch]
            transaction.finish()
            self._connection.execute("COMMIT")
            self._note_destroyed(transaction)
        except dbapi2.Error as error:
            self._roll_back()
            states = {Fault.FULL: StoreState.FULL, Fault.READ_ONLY: StoreState.READ_ONLY}
            state = states.get(fault_of(error))
            if state is None:
                raise
            raise _DiskRefusesError(state, named(error)) from error
        return outcomes

    def _note_destroyed(self, transaction: Transaction) -> None:
        self.is_unerased = self.is_unerased or transaction.erases
        if transaction.destroyed:
            self._destroyed(transaction.destroyed)

    def _run(self, transaction: Transaction, operation: Operation[Any]) -> Outcome:
        mark = transaction.mark()
        self._connection.execute("SAVEPOINT operation")
        try:
            outcome = operation(transaction)
        except BrokerError as refusal:
            outcome = refusal
        except dbapi2.Error as error:
            if fault_of(error) is not Fault.OPERATION:
                raise
            outcome = internal(named(error))
        except Exception as error:  # noqa: BLE001 - one that cannot be run must not stop the others
            outcome = internal(f"{type(error).__name__}: {error}")
        if isinstance(outcome, BrokerError):
            self._connection.execute("ROLLBACK TO operation")
            transaction.rewind(mark)
        self._connection.execute("RELEASE operation")
        return outcome

    def _roll_back(self) -> None:
        """End the transaction if the error has not done so."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _fail(self, error: Exception) -> None:
        with suppress(dbapi2.Error):
            self._roll_back()
        text = (
            named(error) if isinstance(error, dbapi2.Error) else f"{type(error).__name__}: {error}"
        )
        self.health = StoreHealth(state=StoreState.FAILED, detail=text)

    def _unknown(self) -> BrokerError:
        return BrokerError(Reason.OUTCOME_UNKNOWN, detail=self.health.detail)


def _probe(transaction: Transaction) -> None:
    transaction.connection.execute(_PROBE)
