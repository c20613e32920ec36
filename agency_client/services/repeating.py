# SPDX-License-Identifier: Apache-2.0
"""Refuses to publish as our own what another agency's notice says, word for word.

Its originator decides who has it, and would be deceived. It is a help to honest people: who changes
a word is not found. Looked at are notices in the index; open ones (TLP:GREEN and CLEAR) may be
passed on. Source: design section 6, "Passing a notice on".
"""

from collections.abc import Sequence

from agency_client.domain.records import NoticeRow
from agency_client.domain.warnings import OPEN_TLP
from agency_client.errors import AgencyError, Reason
from agency_client.ports.store import Inbox
from agency_client.services.planning import Planned
from agency_client.services.rights import damaged
from agency_client.services.viewing import reference_of
from keys.envelope import Marking
from keys.errors import TrustError
from keys.framing import sha256


def repeated(planned: Sequence[Planned], inbox: Inbox) -> dict[int, AgencyError]:
    """Return which drafts repeat another agency's restricted notice, by position, refused.

    Args:
        planned: still without attachments, so that its bytes are those of what it says.
        inbox: what is kept.

    Raises:
        AgencyError: of the store.
    """
    digests = {
        one.position: sha256(one.notice.content) for one in planned if one.notice is not None
    }
    said = inbox.said_by_others(list(digests.values()))
    return {
        position: _refusal(reference_of(row))
        for position, digest in digests.items()
        if (row := said.get(digest)) is not None and _is_restricted(row)
    }


def _is_restricted(row: NoticeRow) -> bool:
    try:
        return Marking.decode(row.marking).tlp not in OPEN_TLP
    except TrustError:
        raise damaged(row) from None


def _refusal(reference: str) -> AgencyError:
    originator = reference.partition("/")[0]
    return AgencyError(
        Reason.NOT_ORIGINATOR,
        f"it says word for word what {reference} says: only {originator} decides who has that; "
        "ask it with `tocsin request-onward`",
        notice=reference,
    )
