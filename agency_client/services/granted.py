# SPDX-License-Identifier: Apache-2.0
"""Reading what was fetched under a grant: verify, decide by our own rule book, open. No I/O.

The order is that of docs/protocol.md section 21.1. What comes out is kept like any other notice,
until the grant ends; its frame has no number and belongs to no chain.
"""

from collections.abc import Mapping

from agency_client.domain.delivery import Delivery
from agency_client.domain.post import PostItem
from agency_client.domain.records import GRANTED, ChainKey, KeptFrame, KeptNotice
from agency_client.errors import AgencyError, Reason
from agency_client.services.federation import Federation
from agency_client.services.reading import delivered_frame, kept_notice
from keys.envelope import Statement
from keys.errors import OpenError
from keys.errors import Reason as TrustReason
from keys.framing import sha256, u32
from keys.grants import Grant
from keys.identities import DecryptionKey
from keys.opening_letters import CheckedGranted, open_grant, open_granted, verify_granted

FETCH = "fetch"
"""Kind of the broker's leaf for a notice that was asked for by its id."""
_SEAL = b"granted "
"""Before the seal id: the frame itself may come too, and is another."""


def read_granted(
    delivery: Delivery,
    item: PostItem,
    federation: Federation,
    keys: Mapping[str, DecryptionKey],
    now: int,
) -> KeptFrame:
    """Return a granted notice with its frame, as they are kept.

    Args:
        delivery: as it came.
        item: the grant, which was verified when it came.
        federation: the directory and rule book that we verified.
        keys: our decryption keys by id.
        now: milliseconds since 1970.

    Raises:
        TrustError: it is not the notice that was granted, or does not open.
        AgencyError: DENIED; our own rule book does not let us have it.
    """
    grant = Grant.decode(item.signed)
    claimed = Statement.decode(delivery.statement)
    keyset = federation.keyset(claimed.originator, claimed.keyset_id, delivery.publish_log)
    delivered = delivered_frame(delivery)
    checked = verify_granted(grant, delivered, keyset)
    _check_policy(checked, federation, now)
    key = keys.get(grant.key_id)
    if key is None:
        raise OpenError(TrustReason.WRAP_INVALID, f"we have no key {grant.key_id}")
    opened = open_granted(checked, delivered, open_grant(grant, item.cargo, key))
    originator = checked.statement.originator
    superseded = tuple(
        ref.notice_id for ref in opened.header.supersedes if ref.originator == originator
    )
    (carried,) = delivery.notices
    notice = kept_notice(opened, carried, checked.header, superseded, item.until)
    return _kept_frame(delivery, checked, notice)


def _check_policy(checked: CheckedGranted, federation: Federation, now: int) -> None:
    header, originator = checked.header, checked.statement.originator
    decision = federation.may_receive_granted(
        header.marking, header.topic, originator, federation.agency, now
    )
    if not decision.allow:
        rules = ", ".join(decision.determining) or "no rule permits it"
        raise AgencyError(Reason.DENIED, f"our rule book refuses it: {rules}")


def _kept_frame(delivery: Delivery, checked: CheckedGranted, notice: KeptNotice) -> KeptFrame:
    header = checked.header
    return KeptFrame(
        key=ChainKey(originator=checked.statement.originator, outlet=b"", topic=header.topic),
        seal_id=_SEAL + header.seal_id,
        sequence=delivery.sequence,
        seq=0,
        created_at=header.created_at,
        marking=header.marking.encode(),
        form=GRANTED,
        header=delivery.header,
        statement=delivery.statement,
        statement_hash=sha256(delivery.statement),
        signature=delivery.signature,
        recipient=b"",
        publish_log=delivery.publish_log,
        delivery_log=delivery.delivery_log,
        delivery_kind=FETCH,
        shown=u32(notice.position),
        notices=(notice,),
        withheld=(),
    )
