# SPDX-License-Identifier: Apache-2.0
"""Finding a kept notice by what people type: ORIGINATOR/HEX, or eight or more of its digits.

And how what is signed about a kept notice names it.
"""

import re
from collections.abc import Sequence

from agency_client.domain.records import NoticeRow
from agency_client.errors import AgencyError, Reason
from agency_client.ports.store import Inbox, Store
from keys.places import NoticePlace

_HEX = re.compile(r"[0-9a-f]{8,32}")


def find_one(inbox: Inbox, reference: str) -> NoticeRow:
    """Return the one notice that `reference` names.

    Raises:
        AgencyError: INVALID_ARGUMENT; UNKNOWN_NOTICE where there is none or more than one.
    """
    return the_one(candidates(inbox, reference), reference)


def candidates(inbox: Inbox, reference: str) -> Sequence[NoticeRow]:
    """Return the notices that `reference` names, at most two.

    Raises:
        AgencyError: INVALID_ARGUMENT.
    """
    originator, _, digits = reference.strip().rpartition("/")
    digits = digits.lower().replace("-", "")
    if not _HEX.fullmatch(digits):
        raise AgencyError(
            Reason.INVALID_ARGUMENT,
            f"{reference!r} is not a notice reference: AGENCY/HEX, or at least 8 hex digits",
            field="reference",
        )
    return inbox.find(digits, originator)


def the_one(rows: Sequence[NoticeRow], reference: str) -> NoticeRow:
    """Return the only one of `rows`.

    Raises:
        AgencyError: UNKNOWN_NOTICE; there is none, or more than one.
    """
    if not rows:
        raise AgencyError(Reason.UNKNOWN_NOTICE, f"no kept notice is called {reference}")
    if len(rows) > 1:
        raise AgencyError(
            Reason.UNKNOWN_NOTICE,
            f"more than one kept notice is called {reference}: give more of its digits",
        )
    return rows[0]


def place_of(store: Store, row: NoticeRow) -> NoticePlace:
    """Return how what is signed about a kept notice names it.

    Raises:
        AgencyError: UNKNOWN_NOTICE; it was never sealed.
    """
    place = store.endings.places((row.id,)).get(row.id)
    if place is None:
        raise AgencyError(Reason.UNKNOWN_NOTICE, "the notice is in no frame that was sealed")
    return place


def row_at(store: Store, place: NoticePlace) -> NoticeRow | None:
    """Return the kept notice that something signed is about; None where it never came here."""
    known = store.endings.at(place)
    rows = store.inbox.rows((known.row_id,)) if known is not None else ()
    return rows[0] if rows else None
