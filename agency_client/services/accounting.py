# SPDX-License-Identifier: Apache-2.0
"""Whether the broker accounts for what it did with a frame that verified. Pure.

An originator's signature does not cover what the broker says beside the frame: what it left out,
why, and under which leaf. Here is found what contradicts the frame, the subscription, or the
broker's own leaf; whether a stated reason is true cannot be seen from a delivery. What is carried
is good all the same. Source: docs/protocol.md section 8.
"""

from collections.abc import Iterator

from agency_client.domain.delivery import Delivery, Filter
from agency_client.domain.findings import Finding, FindingKind
from keys.opening import CheckedDelivery

UNACCOUNTED = "notices_unaccounted"
UNASKED_STUB = "unasked_stub"
NO_LEAF = "leaf_missing"
OUT_OF_TIME = "outside_validity"


def broker_findings(
    delivery: Delivery, checked: CheckedDelivery, wanted: Filter | None, now: int
) -> tuple[Finding, ...]:
    """Return what the broker left unsaid, or did and must not, about a delivery of a stream.

    Args:
        delivery: as it came.
        checked: what it proves.
        wanted: what was subscribed to; None where that is not known.
        now: milliseconds since 1970.
    """
    return tuple(
        Finding(
            kind=FindingKind.BAD_DELIVERY,
            reason=reason,
            detail=detail,
            at_ms=now,
            originator=checked.statement.originator,
            topic=checked.header.topic,
            sequence=delivery.sequence,
            seal_id=checked.header.seal_id,
        )
        for reason, detail in _faults(delivery, checked, wanted)
    )


def _faults(
    delivery: Delivery, checked: CheckedDelivery, wanted: Filter | None
) -> Iterator[tuple[str, str]]:
    if checked.unaccounted and not delivery.stub:
        hidden = _listed(checked.unaccounted)
        yield UNACCOUNTED, f"notices at {hidden} are neither carried nor said to be withheld"
    if delivery.stub and wanted is not None and _chooses(wanted, checked):
        yield UNASKED_STUB, "a stub of a frame that the subscription chooses"
    if delivery.publish_log is None or delivery.delivery_log is None:
        yield NO_LEAF, "the leaf of its publication or of its delivery is not named"
    if untimely := _out_of_time(delivery, checked):
        yield OUT_OF_TIME, f"notices at {_listed(untimely)} were not valid when they were sent"


def _chooses(wanted: Filter, checked: CheckedDelivery) -> bool:
    type_, originator = checked.header.marking.type, checked.statement.originator
    return (not wanted.types or type_ in wanted.types) and (
        not wanted.originators or originator in wanted.originators
    )


def _out_of_time(delivery: Delivery, checked: CheckedDelivery) -> tuple[int, ...]:
    """Return which notices were not valid at the time that the broker's own leaf states.

    Not by our clock: the broker must not be accused of what a slow line or clock did.
    """
    if delivery.delivery_log is None:
        return ()
    at = delivery.delivery_log.time_ms
    return tuple(
        one.index
        for one in checked.notices
        if not one.header.valid_from <= at < one.header.expires_at
    )


def _listed(indices: tuple[int, ...]) -> str:
    return ", ".join(map(str, indices))
