# SPDX-License-Identifier: Apache-2.0
"""What the rule book is told of a kept notice before an officer reads it. Pure."""

from agency_client.domain.content import Content
from agency_client.domain.people import OfficerRecord
from agency_client.domain.records import NoticeRow
from keys.envelope import Marking, Recipient
from policy.officers import OfficersNotice

_LISTS_OFFICERS = b'"officers"'


def officers_notice(row: NoticeRow, record: OfficerRecord, now: int) -> OfficersNotice:
    """Return a kept notice as rules about this officer see it at `now`.

    What came without a frame sealed to us, a grant admitted us to. Of what was destroyed the rules
    are asked as if it were there: that it ended, whoever could read it may know.

    Raises:
        TrustError, ValueError: the row is not what was stored.
    """
    recipient = Recipient.decode(row.recipient) if row.recipient else None
    return OfficersNotice(
        marking=Marking.decode(row.marking),
        topic=row.topic,
        originator=row.originator,
        named=recipient is not None and recipient.named,
        granted=recipient is None and row.originator != record.officer.agency,
        for_officer=_is_for(row.content, record),
        lapsed=row.expires_at <= now and not row.destroyed_at,
        withdrawn=row.taken_back and not row.destroyed_at,
    )


def _is_for(content: bytes, record: OfficerRecord) -> bool:
    """Whether a content lists the officer, as its agency names it, among those it is for."""
    if _LISTS_OFFICERS not in content:
        return False
    listed = Content.decode(content).notice.get("officers")
    ours = {record.name, record.officer.pseudonym}
    return isinstance(listed, list) and any(one in ours for one in listed if isinstance(one, str))
