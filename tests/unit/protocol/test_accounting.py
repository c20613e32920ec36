# SPDX-License-Identifier: Apache-2.0
"""Requirements of sections 8.1 and 8.2: what a broker hides, and what does not fit what is held.

Over a real store and a broker in memory that lies where a test tells it to.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from agency_client.domain.content import Content
from agency_client.domain.delivery import CarriedNotice, Delivery, Filter
from agency_client.domain.findings import FindingKind
from keys.framing import sha256
from tests.simulator.agency import SimulatedAgency
from tests.simulator.broker import MemoryBroker
from tests.simulator.federation import HOUR, NOW, TOPIC, Federation, notice_draft
from tests.unit.protocol.material import ORIGINATOR, READER
from tests.unit.protocol.receiving import CONTENT, lie, part, receive_again, received, seal


@pytest.mark.must("OPEN-18")
async def test_a_late_frame_that_does_not_fit_becomes_a_finding(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    chain = [seal(held, chain={ORIGINATOR: (1, bytes(32)), READER: (1, bytes(32))})]
    for seq in (2, 3):
        prev = sha256(chain[-1].statement)
        chain.append(seal(held, chain={ORIGINATOR: (seq, prev), READER: (seq, prev)}))
    second = sha256(chain[0].statement)
    other = seal(held, chain={ORIGINATOR: (2, second), READER: (2, second)})
    for frame in (chain[0], chain[2], other):
        broker.force(frame)
    kinds = [one.kind for one in await received(ro)]
    assert kinds == [FindingKind.GAP, FindingKind.LATE, FindingKind.CHAIN_FORK]


@pytest.mark.must("OPEN-28")
async def test_another_statement_under_a_held_number_becomes_a_finding(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    for _ in range(2):
        broker.publish(ORIGINATOR, seal(held))
    broker.force(seal(held, chain={ORIGINATOR: (1, bytes(32)), READER: (1, bytes(32))}))
    (finding,) = await received(ro)
    assert finding.kind is FindingKind.CHAIN_FORK
    assert "number 1 is held" in finding.detail
    assert len(ro.titles()) == 3


@pytest.mark.must("OPEN-24", "SUB-4")
async def test_notices_that_nothing_accounts_for_become_a_finding(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    broker.publish(ORIGINATOR, seal(held, CONTENT, CONTENT, CONTENT))
    broker.lie = lie(lambda one: part(broker, one, 2))
    (finding,) = await received(ro)
    assert (finding.kind, finding.reason) == (FindingKind.BAD_DELIVERY, "notices_unaccounted")
    assert "at 0, 1 are" in finding.detail
    assert len(ro.titles()) == 1


@pytest.mark.must("OPEN-29")
async def test_what_comes_later_of_a_held_frame_is_added(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    contents = [Content(notice={"title": text}).encode() for text in ("one", "two")]
    broker.publish(ORIGINATOR, seal(held, *contents))
    honest = broker.lie
    broker.lie = lie(lambda one: part(broker, one, 1))
    assert await receive_again(ro, broker) == ["notices_unaccounted"]
    kept = ro.store.inbox.find("", ORIGINATOR)
    broker.lie = honest
    for _ in range(2):
        assert await receive_again(ro, broker) == []
        assert ro.titles() == ["two", "one"]
    assert kept[0] in ro.store.inbox.find("", ORIGINATOR)


@pytest.mark.must("OPEN-25")
async def test_a_stub_of_what_was_chosen_becomes_a_finding(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    broker.publish(ORIGINATOR, seal(held))
    broker.lie = lie(lambda one: replace(part(broker, one), stub=True))
    assert await receive_again(ro, broker) == ["unasked_stub"]
    for wanted, found in (({"types": ("BLUE",)}, 1), ({"types": ("RED",)}, 0)):
        broker.cursors.clear()
        report = await ro.receiver.catch_up(Filter(topics=("#",), **wanted))
        assert len(report.findings) == found


@pytest.mark.must("OPEN-26")
@pytest.mark.parametrize("leaf", ["publish_log", "delivery_log"])
async def test_a_delivery_that_names_no_leaf_becomes_a_finding(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency, leaf: str
) -> None:
    broker.publish(ORIGINATOR, seal(held))
    broker.lie = lie(lambda one: replace(one, **{leaf: None}))  # type: ignore[arg-type]
    assert await receive_again(ro, broker) == ["leaf_missing"]
    assert len(ro.titles()) == 1


@pytest.mark.must("OPEN-27", "SUB-3")
@pytest.mark.parametrize(("at", "found"), [(-1, 1), (0, 0), (HOUR - 1, 0), (HOUR, 1)])
async def test_a_notice_sent_outside_its_time_becomes_a_finding(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency, at: int, found: int
) -> None:
    def dated(one: Delivery) -> Delivery:
        assert one.delivery_log is not None
        return replace(one, delivery_log=replace(one.delivery_log, time_ms=NOW + at))

    brief = notice_draft(CONTENT, valid_from=NOW, expires_at=NOW + HOUR)
    broker.publish(ORIGINATOR, seal(held, brief))
    broker.lie = lie(dated)
    assert await receive_again(ro, broker) == ["outside_validity"] * found
    assert len(ro.store.inbox.find("", ORIGINATOR)) == 1


@pytest.mark.must("OPEN-30")
async def test_a_notice_is_not_shown_before_it_is_valid(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    later = notice_draft(CONTENT, valid_from=NOW + HOUR, expires_at=NOW + 2 * HOUR)
    broker.publish(ORIGINATOR, seal(held, later))
    broker.lie = lie(early(broker))
    assert await receive_again(ro, broker) == []
    assert ro.titles() == []
    ro.clock.now = NOW + HOUR
    assert len(ro.titles()) == 1


def early(broker: MemoryBroker) -> Callable[[Delivery], Delivery]:
    """Return the lie of a broker that hands a notice out too early, dated as if it were time."""

    def hand_out(one: Delivery) -> Delivery:
        stored = broker.frames[TOPIC][0]
        assert one.delivery_log is not None
        return replace(
            one,
            notices=tuple(
                CarriedNotice(index=at, header=notice.header, body=notice.body)
                for at, notice in enumerate(stored.frame.notices)
            ),
            wrap=stored.frame.wraps[stored.places[READER]],
            withheld=(),
            delivery_log=replace(one.delivery_log, time_ms=NOW + HOUR),
        )

    return hand_out
