# SPDX-License-Identifier: Apache-2.0
"""Reading one delivery: verify, decide by our own copy of the rule book, open. No I/O.

Order (design section 4, "Order of reading"): the keyset of the STATEMENT's originator from the
directory we verified, the signature, then decoding; federation, topic, recipient; then the policy
decision; then the wrap, the key commitment and the bodies. Repeated ids and chains need the store
and are `services.receiving`'s business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agency_client.domain.content import Content
from agency_client.domain.delivery import CarriedNotice, Delivery, Filter
from agency_client.domain.findings import Finding, FindingKind, undecided
from agency_client.domain.records import ChainKey, KeptFrame, KeptNotice
from agency_client.services.accounting import broker_findings
from agency_client.services.federation import Federation
from keys.envelope import FrameHeader, NoticeHeader, Statement
from keys.errors import EnvelopeError, OpenError, TrustError
from keys.errors import Reason as TrustReason
from keys.framing import u32
from keys.identities import DecryptionKey
from keys.opening import (
    CheckedDelivery,
    DeliveredFrame,
    DeliveredNotice,
    OpenedNotice,
    open_delivery,
    verify_delivery,
)

SET_ASIDE = "set-aside"
"""Form of a frame that verified and was not accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A delivery that verified, and opened where it carries notices.

    `findings` are about the frame, and told once; `broker_findings` about this delivery of it.
    """

    checked: CheckedDelivery
    frame: KeptFrame
    findings: tuple[Finding, ...] = ()
    broker_findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A delivery that is not accepted.

    `frame` is there where the delivery verified, so that its number in the chain is accounted for.
    `behind` asks for a newer directory before the refusal is final: the frame is signed with a key
    that ours lacks, or refused by ours and sealed under a larger one.
    """

    finding: Finding
    frame: KeptFrame | None = None
    checked: CheckedDelivery | None = None
    behind: bool = False


def read_delivery(
    delivery: Delivery,
    federation: Federation,
    keys: Mapping[str, DecryptionKey],
    now: int,
    wanted: Filter | None = None,
) -> Read | SetAside:
    """Verify and open one delivery of a stream for `federation.agency`.

    Args:
        delivery: as it came.
        federation: the directory and rule book that we verified.
        keys: our decryption keys by id.
        now: milliseconds since 1970.
        wanted: what was subscribed to; None where any stub is taken as it comes.
    """
    try:
        checked, delivered = _verified(delivery, federation)
    except TrustError as error:
        return SetAside(
            finding=_refused(delivery, error, now),
            behind=error.reason is TrustReason.UNKNOWN_KEYSET,
        )
    refused = _policy_finding(delivery, checked, federation, now)
    findings: list[Finding] = []
    if refused is None:
        try:
            opened = _opened(checked, delivered, keys) if delivered.notices else ()
            notices = _kept_notices(delivery, checked, opened, findings, now)
        except TrustError as error:
            refused = _named(_refused(delivery, error, now), checked)
        else:
            frame = _kept_frame(delivery, checked, _form(delivery), tuple(notices))
            return Read(
                checked=checked,
                frame=frame,
                findings=tuple(findings),
                broker_findings=broker_findings(delivery, checked, wanted, now),
            )
    return SetAside(
        finding=refused,
        frame=_kept_frame(delivery, checked, SET_ASIDE, ()),
        checked=checked,
        behind=checked.header.directory.size > federation.directory.size,
    )


def not_subscribed(delivery: Delivery, now: int) -> SetAside:
    """Refuse a delivery on a topic that was not subscribed to."""
    error = EnvelopeError(TrustReason.WRONG_TOPIC, f"topic {delivery.topic} was not subscribed to")
    return SetAside(finding=_refused(delivery, error, now))


def _verified(delivery: Delivery, federation: Federation) -> tuple[CheckedDelivery, DeliveredFrame]:
    claimed = Statement.decode(delivery.statement)
    keyset = federation.keyset(claimed.originator, claimed.keyset_id, delivery.publish_log)
    delivered = delivered_frame(delivery)
    checked = verify_delivery(delivered, keyset, federation.id, federation.agency, delivery.topic)
    return checked, delivered


def delivered_frame(delivery: Delivery) -> DeliveredFrame:
    """Return what is to be verified of a delivery."""
    return DeliveredFrame(
        header=delivery.header,
        statement=delivery.statement,
        signature=delivery.signature,
        recipient=delivery.recipient,
        recipient_index=delivery.recipient_index,
        recipient_path=delivery.recipient_path,
        wrap=delivery.wrap,
        notices=tuple(
            DeliveredNotice(index=one.index, header=one.header, body=one.body, path=one.path)
            for one in delivery.notices
        ),
        withheld=tuple(one.index for one in delivery.withheld),
        stub=delivery.stub,
    )


def _policy_finding(
    delivery: Delivery, checked: CheckedDelivery, federation: Federation, now: int
) -> Finding | None:
    if not delivery.notices:
        return None
    decision = federation.may_receive(
        checked.header.marking,
        checked.header.topic,
        checked.statement.originator,
        checked.recipient.named,
        now,
    )
    if decision.allow:
        return None
    where: dict[str, Any] = {
        "originator": checked.statement.originator,
        "topic": checked.header.topic,
        "sequence": delivery.sequence,
        "seal_id": checked.header.seal_id,
    }
    if decision.errors:
        return undecided(decision.errors, now, **where)
    return Finding(
        kind=FindingKind.POLICY,
        reason="denied",
        detail=f"our rule book refuses it: {', '.join(decision.determining) or 'no rule permits'}",
        at_ms=now,
        **where,
    )


def _opened(
    checked: CheckedDelivery, delivered: DeliveredFrame, keys: Mapping[str, DecryptionKey]
) -> tuple[OpenedNotice, ...]:
    key = keys.get(checked.recipient.key_id)
    if key is None:
        raise OpenError(
            TrustReason.WRAP_INVALID, f"sealed to key {checked.recipient.key_id}, not among ours"
        )
    return open_delivery(checked, delivered, key)


def _kept_notices(
    delivery: Delivery,
    checked: CheckedDelivery,
    opened: tuple[OpenedNotice, ...],
    findings: list[Finding],
    now: int,
) -> list[KeptNotice]:
    kept = []
    for notice, carried in zip(opened, delivery.notices, strict=True):
        superseded = _superseded(delivery, checked, notice.header, findings, now)
        kept.append(kept_notice(notice, carried, checked.header, superseded))
    return kept


def kept_notice(
    notice: OpenedNotice,
    carried: CarriedNotice,
    header: FrameHeader,
    superseded: tuple[bytes, ...],
    granted_until: int = 0,
) -> KeptNotice:
    """Return an opened notice as it is kept.

    Args:
        notice: opened.
        carried: as it came.
        header: of its frame.
        superseded: ids of those of its originator's notices whose place it takes.
        granted_until: end of the grant that brought it; 0 where the frame was sealed to us.

    Raises:
        OpenError: BODY_INVALID; the content is none, or lists other attachments than the header.
    """
    _check_content(notice)
    return KeptNotice(
        position=notice.index,
        notice_id=notice.header.notice_id,
        type=header.marking.type,
        valid_from=notice.header.valid_from,
        expires_at=notice.header.expires_at,
        header=carried.header,
        body=carried.body,
        leaf_hash=notice.leaf_hash,
        content=notice.content,
        content_key=notice.content_key,
        supersedes=superseded,
        granted_until=granted_until,
    )


def _superseded(
    delivery: Delivery,
    checked: CheckedDelivery,
    header: NoticeHeader,
    findings: list[Finding],
    now: int,
) -> tuple[bytes, ...]:
    """Return the ids that the notice replaces; only an originator's own count."""
    originator = checked.statement.originator
    foreign = [ref for ref in header.supersedes if ref.originator != originator]
    findings += [
        Finding(
            kind=FindingKind.FOREIGN_SUPERSESSION,
            reason="not_originator",
            detail=f"{originator} claims to supersede a notice of {ref.originator}",
            at_ms=now,
            originator=originator,
            topic=checked.header.topic,
            sequence=delivery.sequence,
            seal_id=checked.header.seal_id,
        )
        for ref in foreign
    ]
    return tuple(ref.notice_id for ref in header.supersedes if ref not in foreign)


def _kept_frame(
    delivery: Delivery, checked: CheckedDelivery, form: str, notices: tuple[KeptNotice, ...]
) -> KeptFrame:
    header = checked.header
    return KeptFrame(
        key=ChainKey(
            originator=checked.statement.originator, outlet=header.outlet, topic=header.topic
        ),
        seal_id=header.seal_id,
        sequence=delivery.sequence,
        seq=checked.recipient.seq,
        created_at=header.created_at,
        marking=header.marking.encode(),
        form=form,
        header=delivery.header,
        statement=delivery.statement,
        statement_hash=checked.statement_digest,
        signature=delivery.signature,
        recipient=delivery.recipient,
        publish_log=delivery.publish_log,
        delivery_log=delivery.delivery_log,
        delivery_kind=_leaf_kind(delivery),
        shown=b"".join(u32(one.index) for one in delivery.notices),
        notices=notices,
        withheld=delivery.withheld,
    )


def _leaf_kind(delivery: Delivery) -> str:
    """Return the kind of the broker's log leaf for a delivery of this shape."""
    if delivery.notices:
        return "deliver"
    return "stub" if delivery.stub else "withhold"


def _form(delivery: Delivery) -> str:
    if delivery.stub:
        return "stub"
    if not delivery.notices:
        return "withheld"
    return "partial" if delivery.withheld else "full"


def _refused(delivery: Delivery, error: TrustError, now: int) -> Finding:
    return Finding(
        kind=FindingKind.REFUSED_FRAME,
        reason=error.reason.value,
        detail=error.detail,
        at_ms=now,
        topic=delivery.topic,
        sequence=delivery.sequence,
    )


def _named(finding: Finding, checked: CheckedDelivery) -> Finding:
    return replace(finding, originator=checked.statement.originator, seal_id=checked.header.seal_id)


def _check_content(notice: OpenedNotice) -> None:
    try:
        listed = Content.decode(notice.content).attachments
    except ValueError:
        raise OpenError(TrustReason.BODY_INVALID, "body holds no content document") from None
    if [one.id for one in listed] != [ref.id for ref in notice.header.attachments]:
        raise OpenError(
            TrustReason.BODY_INVALID, "content lists other attachments than the notice header"
        )
