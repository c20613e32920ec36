# SPDX-License-Identifier: Apache-2.0
"""What an error of SQLite means for the operation and for the store.

Full and read-only are definite wherever they come, COMMIT included: a WAL transaction counts by its
last frame alone, which is written after all others, and an error of that write that is not "full"
comes as an I/O error. Everything unexpected stops the store (research/reliability.md 0.4).
"""

from enum import Enum, auto

from sqlcipher3 import dbapi2

from broker.errors import BrokerError, Reason

_PRIMARY = 0xFF
"""Extended result codes have their detail in the bits above."""
_READONLY, _FULL = 8, 13
_OF_THE_OPERATION = {1, 18, 19, 20, 25}
"""ERROR, TOOBIG, CONSTRAINT, MISMATCH, RANGE: values that do not go into the tables."""


class Fault(Enum):
    """Kinds of error."""

    OPERATION = auto()
    """Of one operation; it is undone and the others go on."""
    FULL = auto()
    """Nothing was written; goes on when there is space again."""
    READ_ONLY = auto()
    """Nothing was written; goes on when the disk takes writes again."""
    FATAL = auto()
    """Whether something was written is unknown."""


def fault_of(error: dbapi2.Error) -> Fault:
    """Return what `error` means."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return Fault.OPERATION
    primary = code & _PRIMARY
    if primary in _OF_THE_OPERATION:
        return Fault.OPERATION
    return {_FULL: Fault.FULL, _READONLY: Fault.READ_ONLY}.get(primary, Fault.FATAL)


def named(error: dbapi2.Error) -> str:
    """Return the error for the operator: SQLite's name of it and its text."""
    return f"{getattr(error, 'sqlite_errorname', 'SQLITE')}: {error}"


def internal(detail: str) -> BrokerError:
    """Return the refusal for a fault that is neither the caller's nor the disk's."""
    return BrokerError(Reason.INTERNAL, detail=detail)


def closed() -> BrokerError:
    """Return the refusal of what comes after the store was closed."""
    return BrokerError(Reason.DRAINING, detail="the store is closed")
