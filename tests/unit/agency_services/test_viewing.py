# SPDX-License-Identifier: Apache-2.0
"""Whoever looks is written down first; what is shown says what it is and how it stands."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from sqlalchemy import text

from agency_client.domain.openings import OpeningKind
from agency_client.domain.records import Opening
from agency_client.domain.views import InboxQuery, NoticeState, Viewer
from agency_client.errors import AgencyError, Reason
from keys.merkle import hash_leaf
from keys.merkle import root as tree_root
from tests.simulator.agency import EVERYTHING, VIEWER, Draft, SimulatedAgency
from tests.simulator.broker import MemoryBroker
from tests.simulator.federation import DAY, HOUR, MARKING, NOW, TOPIC

Looking = Callable[[SimulatedAgency, str, Viewer], Awaitable[object]]


def openings(agency: SimulatedAgency) -> list[Opening]:
    return [opening for _, _, opening in agency.store.openings.leaves(0, 1000)]


@pytest.fixture
async def reference(gr: SimulatedAgency, ro: SimulatedAgency) -> str:
    """A notice of gr-pol that ro-pol received."""
    (outcome,) = (await gr.publish(Draft(text="a blue van"))).notices
    await ro.receiver.catch_up(EVERYTHING)
    return f"gr-pol/{outcome.notice_id.hex()}"


async def row_id(agency: SimulatedAgency, reference: str) -> int:
    return agency.viewing.find(reference, VIEWER).id


LOOKS: dict[OpeningKind, Looking] = {
    OpeningKind.LIST: lambda agency, _, viewer: agency.viewing.inbox(InboxQuery(), viewer),
    OpeningKind.SHOW: lambda agency, name, viewer: agency.viewing.show(name, viewer),
    OpeningKind.SEARCH: lambda agency, _, viewer: agency.viewing.search("van", viewer),
    OpeningKind.STREAM: lambda agency, name, viewer: agency.viewing.stream(
        [agency.viewing.find(name, viewer).id], viewer
    ),
}


# The own log.


@pytest.mark.parametrize("kind", LOOKS)
async def test_each_look_is_a_leaf_of_the_own_log(
    ro: SimulatedAgency, reference: str, kind: OpeningKind
) -> None:
    await LOOKS[kind](ro, reference, VIEWER)
    (opening,) = openings(ro)
    assert opening == Opening(
        kind=kind,
        at_ms=NOW,
        who="Ioana Test",
        purpose="INVESTIGATION",
        case="2026/114",
        notices=(reference,),
    )


@pytest.mark.parametrize("kind", LOOKS)
async def test_nothing_is_shown_where_the_own_log_cannot_be_written(
    ro: SimulatedAgency, reference: str, kind: OpeningKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Opening) -> None:
        raise AgencyError(Reason.STORE_FAILED, "the disk is full")

    monkeypatch.setattr(ro.store.openings, "append", full)
    with pytest.raises(AgencyError, match="the disk is full"):
        await LOOKS[kind](ro, reference, VIEWER)


@pytest.mark.parametrize("kind", LOOKS)
@pytest.mark.parametrize("name", ["", "  ", "\udcff"])
async def test_nothing_is_shown_to_nobody(
    ro: SimulatedAgency, reference: str, kind: OpeningKind, name: str
) -> None:
    with pytest.raises(AgencyError) as caught:
        await LOOKS[kind](ro, reference, Viewer(name=name))
    assert caught.value.reason is Reason.INVALID_ARGUMENT
    assert openings(ro) == []


async def test_the_own_log_is_a_tree_over_its_leaves(ro: SimulatedAgency, reference: str) -> None:
    for _ in range(5):
        await ro.viewing.show(reference, VIEWER)
    leaves = [leaf for leaf, _, _ in ro.store.openings.leaves(0, 10)]
    assert ro.store.openings.head() == (5, tree_root([hash_leaf(one) for one in leaves]))


async def test_a_search_without_hits_is_written_down_too(ro: SimulatedAgency) -> None:
    assert (await ro.viewing.search("nothing", VIEWER)).notices == ()
    assert [one.kind for one in openings(ro)] == [OpeningKind.SEARCH]


async def test_a_batch_without_notices_is_not_written_down(ro: SimulatedAgency) -> None:
    assert await ro.viewing.stream([], VIEWER) == ()
    assert openings(ro) == []


# What is shown.


async def test_a_notice_says_what_it_is_and_where_it_comes_from(
    ro: SimulatedAgency, reference: str
) -> None:
    view = await ro.viewing.show(reference, VIEWER)
    assert view.reference == reference
    assert view.content == {"type": "BLUE", "title": "a blue van"}
    assert (view.topic, view.marking, view.sequence) == (TOPIC, MARKING, 1)
    assert view.state is NoticeState.CURRENT
    assert (view.valid_from, view.expires_at) == (NOW, NOW + 30 * DAY)


async def test_all_work_without_the_broker(
    ro: SimulatedAgency, broker: MemoryBroker, reference: str
) -> None:
    broker.away = True
    for look in LOOKS.values():
        await look(ro, reference, VIEWER)
    await ro.viewing.acknowledge(reference, VIEWER)


async def test_a_superseded_notice_says_by_what(
    gr: SimulatedAgency, ro: SimulatedAgency, reference: str
) -> None:
    (newer,) = (await gr.publish(Draft(supersedes=(reference,)))).notices
    await ro.receiver.catch_up(EVERYTHING)
    old = await ro.viewing.show(reference, VIEWER)
    assert old.state is NoticeState.SUPERSEDED
    assert old.superseded_by == ("gr-pol", newer.notice_id)
    new = await ro.viewing.show(newer.notice_id.hex(), VIEWER)
    assert new.supersedes == (("gr-pol", old.notice_id),)


async def test_our_own_notice_says_that_it_is_queued(
    gr: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.away = True
    (outcome,) = (await gr.publish(Draft())).notices
    view = await gr.viewing.show(outcome.notice_id.hex(), VIEWER)
    assert view.state is NoticeState.QUEUED


async def test_the_inbox_is_newest_first_and_filtered(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    await gr.publish(Draft(text="one"), Draft(text="two"))
    await gr.publish(Draft(text="three", marking=replace(MARKING, type="YELLOW")))
    await ro.receiver.catch_up(EVERYTHING)
    everything = await ro.viewing.inbox(InboxQuery(), VIEWER)
    assert [one.content["title"] for one in everything] == ["three", "two", "one"]
    (yellow,) = await ro.viewing.inbox(InboxQuery(types=("YELLOW",)), VIEWER)
    assert yellow.content["title"] == "three"


async def test_a_search_finds_what_came_a_moment_ago_and_says_what_is_not_indexed(
    ro: SimulatedAgency, reference: str
) -> None:
    result = await ro.viewing.search("blue VAN", VIEWER)
    assert [one.reference for one in result.notices] == [reference]
    assert result.waiting == 0


async def test_a_stream_shows_what_a_batch_stored(gr: SimulatedAgency, ro: SimulatedAgency) -> None:
    await gr.publish(Draft(text="one"), Draft(text="two"))
    async for batch in ro.receiver.session(EVERYTHING, until_caught_up=True):
        views = await ro.viewing.stream(batch.rows, VIEWER)
        assert [one.content["title"] for one in views] == ["one", "two"]


async def test_what_is_not_valid_yet_is_not_there(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    await gr.publish(Draft(text="later", valid_from=NOW + DAY))
    gr.clock.now = NOW + DAY
    await ro.receiver.catch_up(EVERYTHING)
    ro.clock.now = NOW
    (row,) = ro.store.inbox.rows([1])
    with pytest.raises(AgencyError) as caught:
        await ro.viewing.show(row.notice_id.hex(), VIEWER)
    assert caught.value.reason is Reason.UNKNOWN_NOTICE
    assert (await ro.viewing.search("later", VIEWER)).notices == ()
    assert await ro.viewing.stream([row.id], VIEWER) == ()
    assert await ro.viewing.inbox(InboxQuery(), VIEWER) == ()
    assert broker.log.size == 2


# Acknowledging.


async def test_the_first_who_acknowledges_stays(ro: SimulatedAgency, reference: str) -> None:
    first = await ro.viewing.acknowledge(reference, VIEWER)
    ro.clock.now += 1000
    second = await ro.viewing.acknowledge(reference, Viewer(name="Somebody Else"))
    assert (first.acknowledged_by, first.acknowledged_at) == ("Ioana Test", NOW)
    assert (second.acknowledged_by, second.acknowledged_at) == ("Ioana Test", NOW)
    assert [one.who for one in openings(ro)] == ["Ioana Test", "Somebody Else"]


async def test_nobody_cannot_acknowledge(ro: SimulatedAgency, reference: str) -> None:
    with pytest.raises(AgencyError):
        await ro.viewing.acknowledge(reference, Viewer(name=""))
    assert (await ro.viewing.show(reference, VIEWER)).acknowledged_at == 0


# References.


async def test_the_first_eight_digits_name_a_notice(ro: SimulatedAgency, reference: str) -> None:
    view = await ro.viewing.show(reference.partition("/")[2][:8], VIEWER)
    assert view.reference == reference


async def test_digits_that_two_notices_share_name_none(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    await gr.publish(Draft(), Draft())
    await ro.receiver.catch_up(EVERYTHING)
    (first, *_) = ro.store.inbox.rows([1, 2])
    with pytest.raises(AgencyError, match="more than one"):
        await ro.viewing.show(first.notice_id.hex()[:8], VIEWER)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("0" * 32, Reason.UNKNOWN_NOTICE),
        ("xx-pol/" + "0" * 32, Reason.UNKNOWN_NOTICE),
        ("", Reason.INVALID_ARGUMENT),
        ("1234567", Reason.INVALID_ARGUMENT),
        ("gr-pol/zzzzzzzz", Reason.INVALID_ARGUMENT),
        ("gr-pol/" + "0" * 33, Reason.INVALID_ARGUMENT),
        ("%' OR 1=1 --", Reason.INVALID_ARGUMENT),
    ],
)
async def test_what_names_no_notice_is_refused(
    ro: SimulatedAgency, name: str, reason: Reason
) -> None:
    with pytest.raises(AgencyError) as caught:
        await ro.viewing.show(name, VIEWER)
    assert caught.value.reason is reason
    assert openings(ro) == []


@pytest.mark.parametrize("column", ["header", "content", "marking"])
async def test_a_damaged_row_is_an_error_of_ours(
    ro: SimulatedAgency, reference: str, column: str
) -> None:
    with ro.store._database.write() as connection:
        connection.execute(text(f"UPDATE notices SET {column} = x'00ff'"))
    with pytest.raises(AgencyError) as caught:
        await ro.viewing.show(reference, VIEWER)
    assert caught.value.reason is Reason.STORE_INVALID
    assert openings(ro) == []


async def test_a_correction_says_what_is_other_now(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    (old,) = (await gr.publish(Draft(text="seen in Patras"))).notices
    name = f"gr-pol/{old.notice_id.hex()}"
    (new,) = (await gr.publish(Draft(text="seen in Volos", supersedes=(name,)))).notices
    await ro.receiver.catch_up(EVERYTHING)
    shown = await ro.viewing.show(f"gr-pol/{new.notice_id.hex()}", VIEWER)
    assert [(one.path, one.before, one.after) for one in shown.changes] == [
        ("title", "seen in Patras", "seen in Volos")
    ]
    assert (await ro.viewing.show(name, VIEWER)).changes == ()


async def test_a_correction_of_what_ended_here_says_nothing_of_it(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    (old,) = (await gr.publish(Draft(text="old", expires_at=NOW + HOUR))).notices
    name = f"gr-pol/{old.notice_id.hex()}"
    (new,) = (await gr.publish(Draft(text="new", supersedes=(name,)))).notices
    await ro.receiver.catch_up(EVERYTHING)
    ro.clock.now = NOW + HOUR
    assert (await ro.viewing.show(f"gr-pol/{new.notice_id.hex()}", VIEWER)).changes == ()
