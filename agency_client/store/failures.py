# SPDX-License-Identifier: Apache-2.0
"""What a failure of SQLite means to the agency: which reason, which sentence, and is it sure.

The texts of SQLite are not passed on: they can hold values. Source: sqlite.org/rescode.html.
"""

from agency_client.errors import AgencyError, Reason

_BUSY, _LOCKED, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 5, 6, 8, 10, 11, 13, 14, 26
_MEANINGS = {
    _BUSY: (Reason.STORE_FAILED, "the profile's database stayed locked by another process"),
    _LOCKED: (Reason.STORE_FAILED, "the profile's database stayed locked by another process"),
    _READONLY: (Reason.STORE_FAILED, "the profile's database cannot be written"),
    _IOERR: (Reason.STORE_FAILED, "the profile's database could not be read or written"),
    _CORRUPT: (Reason.STORE_INVALID, "the profile's database is damaged"),
    _FULL: (Reason.STORE_FAILED, "the disk of the profile is full; nothing was changed"),
    _CANTOPEN: (Reason.STORE_FAILED, "the profile's database cannot be opened"),
    _NOTADB: (
        Reason.STORE_INVALID,
        "the profile's database does not open with the key in its key file, or is damaged",
    ),
}


def store_failure(error: BaseException | None) -> AgencyError:
    """Return what an error of SQLite is to the caller."""
    code = _code(error)
    reason, message = _MEANINGS.get(
        code, (Reason.STORE_FAILED, f"the profile's database failed with SQLite's code {code}")
    )
    return AgencyError(reason, message)


def is_unknown_outcome(error: BaseException | None) -> bool:
    """Tell whether a commit that failed so may be there after all when the database is reopened."""
    return _code(error) == _IOERR


def unknown_outcome() -> AgencyError:
    """Return the error for a commit that may be there or not."""
    return AgencyError(
        Reason.STORE_FAILED,
        "the disk failed while the profile's database was written, and whether it was is unknown; "
        "nothing more is written until the program is started anew",
    )


def stopped() -> AgencyError:
    """Return the error for a write after one whose outcome is unknown."""
    return AgencyError(
        Reason.STORE_FAILED,
        "the profile's database is not written after the disk failed; start the program anew",
    )


def _code(error: BaseException | None) -> int:
    """Return SQLite's primary result code, 1 (a general error) where there is none."""
    return int(getattr(error, "sqlite_errorcode", None) or 1) & 0xFF
