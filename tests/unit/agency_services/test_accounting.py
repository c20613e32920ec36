# SPDX-License-Identifier: Apache-2.0
"""What a broker hides of a frame that verifies becomes a finding, and what it shows is kept."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from agency_client.domain.delivery import Delivery, Filter, Withheld, WithheldReason
from agency_client.domain.findings import Finding, FindingKind
from keys import merkle
from keys.envelope import Marking
from tests.simulator.agency import EVERYTHING, Draft, SimulatedAgency
from tests.simulator.broker import MemoryBroker
from tests.simulator.federation import HOUR, NOW, TOPIC

SUSPECTS = Filter(topics=("#",), types=("RED", "BLUE"), originators=("gr-pol",))
Lie = Callable[[Delivery], Delivery]


def telling(lie: Lie) -> Callable[[str, Delivery], Iterable[Delivery]]:
    return lambda _, delivery: (lie(delivery),)


def carrying(broker: MemoryBroker, delivery: Delivery, *indices: int) -> Delivery:
    """Return the delivery with the notices of these indices only, each with its path."""
    leaves = [one.leaf_hash for one in broker.frames[TOPIC][delivery.sequence - 1].frame.notices]
    notices = [
        replace(delivery.notices[at], path=tuple(merkle.inclusion_path(leaves, at)))
        for at in indices
    ]
    wrap = delivery.wrap if indices else b""
    return replace(delivery, notices=tuple(notices), wrap=wrap)


async def received(agency: SimulatedAgency, wanted: Filter = EVERYTHING) -> list[Finding]:
    return list((await agency.receiver.catch_up(wanted)).findings)


async def test_an_honest_broker_is_accused_of_nothing(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    await gr.publish(Draft(text="one"), Draft(text="two"))
    await gr.publish(Draft(marking=Marking(type="YELLOW", tlp="AMBER", purposes=("PREVENTION",))))
    assert await received(ro, SUSPECTS) == []
    assert ro.titles() == ["one", "two"]


async def test_a_notice_hidden_from_a_frame_becomes_a_finding_and_the_others_are_kept(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.lie = telling(lambda one: carrying(broker, one, 0, 2))
    await gr.publish(Draft(text="one"), Draft(text="hidden"), Draft(text="three"))
    (finding,) = await received(ro)
    assert (finding.kind, finding.reason) == (FindingKind.BAD_DELIVERY, "notices_unaccounted")
    assert "notices at 1 are neither" in finding.detail
    assert (finding.originator, finding.topic, finding.sequence) == ("gr-pol", TOPIC, 1)
    assert ro.titles() == ["one", "three"]


async def test_a_frame_withheld_without_a_word_becomes_a_finding(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.lie = telling(lambda one: carrying(broker, one))
    await gr.publish(Draft())
    await gr.publish(Draft())
    assert [one.reason for one in await received(ro)] == ["notices_unaccounted"] * 2


async def test_a_frame_withheld_in_part_leaves_the_rest_to_be_named(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    first = (Withheld(index=0, reason=WithheldReason.POLICY),)
    broker.lie = telling(lambda one: replace(carrying(broker, one), withheld=first))
    await gr.publish(Draft(), Draft())
    (finding,) = await received(ro)
    assert "notices at 1 are neither" in finding.detail


async def test_what_was_hidden_is_kept_when_it_comes_and_what_is_hidden_again_is_found_again(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    honest = broker.lie
    await gr.publish(Draft(text="one"), Draft(text="two"))
    for lie, found in (
        (telling(lambda one: carrying(broker, one, 0)), ["notices_unaccounted"]),
        (honest, []),
        (telling(lambda one: carrying(broker, one, 1)), ["notices_unaccounted"]),
    ):
        broker.lie = lie
        broker.cursors.clear()
        assert [one.reason for one in await received(ro)] == found
    assert sorted(ro.titles()) == ["one", "two"]


async def test_a_stub_of_a_frame_that_was_asked_for_becomes_a_finding(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.lie = telling(lambda one: replace(carrying(broker, one), stub=True, withheld=()))
    await gr.publish(Draft())
    for wanted in (EVERYTHING, SUSPECTS):
        broker.cursors.clear()
        (finding,) = await received(ro, wanted)
        assert (finding.kind, finding.reason) == (FindingKind.BAD_DELIVERY, "unasked_stub")


@pytest.mark.parametrize("leaf", ["publish_log", "delivery_log"])
async def test_a_delivery_without_its_leaves_becomes_a_finding(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker, leaf: str
) -> None:
    broker.lie = telling(lambda one: replace(one, **{leaf: None}))  # type: ignore[arg-type]
    await gr.publish(Draft(text="kept"))
    (finding,) = await received(ro)
    assert (finding.kind, finding.reason) == (FindingKind.BAD_DELIVERY, "leaf_missing")
    assert ro.titles() == ["kept"]


@pytest.mark.parametrize("at", [NOW - HOUR - 1, NOW + HOUR])
async def test_a_notice_sent_outside_its_time_becomes_a_finding(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker, at: int
) -> None:
    def dated(one: Delivery) -> Delivery:
        assert one.delivery_log is not None
        return replace(one, delivery_log=replace(one.delivery_log, time_ms=at))

    await gr.publish(Draft(text="brief", valid_from=NOW - HOUR, expires_at=NOW + HOUR))
    broker.lie = telling(dated)
    (finding,) = await received(ro)
    assert (finding.kind, finding.reason) == (FindingKind.BAD_DELIVERY, "outside_validity")
    assert ro.titles() == ["brief"]


@pytest.mark.parametrize("at", [NOW - HOUR, NOW + HOUR - 1])
async def test_a_notice_sent_within_its_time_is_not_held_against_the_broker(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker, at: int
) -> None:
    def dated(one: Delivery) -> Delivery:
        assert one.delivery_log is not None
        return replace(one, delivery_log=replace(one.delivery_log, time_ms=at))

    await gr.publish(Draft(text="brief", valid_from=NOW - HOUR, expires_at=NOW + HOUR))
    broker.lie = telling(dated)
    assert await received(ro) == []


async def test_a_body_that_does_not_open_is_found_also_where_its_frame_came_withheld_before(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.force(ro.federation.seal("gr-pol", [b"not a document"], to=("ro-pol",)))
    policy = (Withheld(index=0, reason=WithheldReason.POLICY),)
    honest = broker.lie
    broker.lie = telling(lambda one: replace(one, notices=(), wrap=b"", withheld=policy))
    assert await received(ro) == []
    broker.lie = honest
    broker.cursors.clear()
    (finding,) = await received(ro)
    assert (finding.kind, finding.reason) == (FindingKind.REFUSED_FRAME, "body_invalid")
