# SPDX-License-Identifier: Apache-2.0
"""What every store promises of cursors, deliveries and leaves of acts."""

import pytest

from broker.domain.cursors import Cursor, Place
from broker.domain.logs import LogKind
from broker.errors import BrokerError, Reason
from broker.ports.store import Store
from tests.contract.admitting import act, acts

A, B = "trafficking/cases", "trafficking/labour"


def at(sequence: int, topic: str = A) -> Cursor:
    return Cursor(topic=topic, sequence=sequence)


async def deliver(store: Store, *cursors: Cursor, subscription: str = "desk") -> None:
    await store.record_deliveries("ro-pol", subscription, [(one, act()) for one in cursors])


async def places(store: Store, subscription: str = "desk", agency: str = "ro-pol") -> object:
    return dict(await store.places(agency, subscription))


@pytest.mark.must("SUB-10")
@pytest.mark.parametrize("cursors", [[at(4)], [at(2), at(4)], [at(3), at(1, B)], [at(1, B)]])
async def test_what_was_not_delivered_is_not_acknowledged_and_no_cursor_moves(
    store: Store, cursors: list[Cursor]
) -> None:
    await deliver(store, at(1), at(2), at(3))
    before = await places(store)
    with pytest.raises(BrokerError) as caught:
        await store.acknowledge("ro-pol", "desk", cursors)
    assert caught.value.reason is Reason.INVALID_ARGUMENT
    assert dict(caught.value.metadata) == {"field": "sequence"}
    assert await places(store) == before


async def test_a_subscription_that_got_nothing_stands_nowhere(store: Store) -> None:
    assert await places(store) == {}
    assert await store.acknowledge("ro-pol", "desk", []) == ()
    with pytest.raises(BrokerError):
        await store.acknowledge("ro-pol", "desk", [at(1)])
    assert await places(store) == {}


async def test_deliveries_move_the_place_of_each_topic_to_the_furthest(store: Store) -> None:
    await deliver(store, at(1), at(2), at(1, B))
    await deliver(store, at(3), at(2))
    assert await places(store) == {A: Place(delivered=3), B: Place(delivered=1)}


@pytest.mark.must("SUB-6")
async def test_each_delivery_has_its_leaf_in_order(store: Store) -> None:
    await store.record([act()])
    made = acts(3)
    logs = await store.record_deliveries("ro-pol", "desk", [(at(1), one) for one in made])
    assert [log.index for log in logs] == [1, 2, 3]
    assert [log.salt for log in logs] == [one.salt for one in made]
    assert await store.leaves(LogKind.ACTS, 1, 3) == [one.leaf() for one in made]


async def test_an_acknowledgement_moves_forward_and_never_back(store: Store) -> None:
    await deliver(store, at(5), at(2, B))
    assert await store.acknowledge("ro-pol", "desk", [at(3), at(2, B)]) == (at(3), at(2, B))
    assert await store.acknowledge("ro-pol", "desk", [at(2)]) == (at(3),)
    assert await store.acknowledge("ro-pol", "desk", [at(4), at(5)]) == (at(4), at(5))
    assert await places(store) == {
        A: Place(acknowledged=5, delivered=5),
        B: Place(acknowledged=2, delivered=2),
    }


async def test_a_seek_sets_the_cursor_also_backward(store: Store) -> None:
    await deliver(store, at(5))
    await store.acknowledge("ro-pol", "desk", [at(5)])
    assert await store.seek("ro-pol", "desk", at(2)) == at(2)
    assert (await store.places("ro-pol", "desk"))[A].acknowledged == 2
    assert await store.acknowledge("ro-pol", "desk", [at(4)]) == (at(4),)


async def test_a_seek_forward_can_be_acknowledged_where_it_stands(store: Store) -> None:
    assert await store.seek("ro-pol", "desk", at(7)) == at(7)
    assert await store.acknowledge("ro-pol", "desk", [at(7)]) == (at(7),)
    with pytest.raises(BrokerError):
        await store.acknowledge("ro-pol", "desk", [at(8)])


async def test_subscriptions_and_agencies_stand_apart(store: Store) -> None:
    await deliver(store, at(3))
    await deliver(store, at(1), subscription="archive")
    await store.acknowledge("ro-pol", "desk", [at(3)])
    assert await places(store, "archive") == {A: Place(delivered=1)}
    assert await places(store, "desk", "gr-pol") == {}


async def test_acts_without_more_are_leaves_in_order(store: Store) -> None:
    made = acts(5)
    first = await store.record(made[:2])
    rest = await store.record(made[2:])
    assert [log.index for log in (*first, *rest)] == list(range(5))
    assert [log.salt for log in (*first, *rest)] == [one.salt for one in made]
    assert [log.time_ms for log in first] == [one.time_ms for one in made[:2]]
    assert await store.leaves(LogKind.ACTS, 0, 9) == [one.leaf() for one in made]


async def test_recording_nothing_writes_nothing(store: Store) -> None:
    assert await store.record([]) == []
    assert await store.record_deliveries("ro-pol", "desk", []) == []
    assert await store.tree_size(LogKind.ACTS) == 0
    assert await places(store) == {}
