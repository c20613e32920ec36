# SPDX-License-Identifier: Apache-2.0
"""Following topics through restarts, locks and interruptions, beside others of the profile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from agency_client.bootstrap import Agency
from agency_client.domain.delivery import Filter
from agency_client.domain.views import NoticeView, PublishState, Viewer
from agency_client.errors import AgencyError, Reason
from tests.integration.agency.world import PASSPHRASE, TOPIC, World, draft

LOOKING = Viewer(name="officer 7")

pytestmark = pytest.mark.usefixtures("short_pauses")


@pytest.fixture
async def greek(world: World) -> AsyncIterator[Agency]:
    async with opened(world, "gr-pol") as agency:
        yield agency


@pytest.fixture
async def romanian(world: World) -> AsyncIterator[Agency]:
    async with opened(world, "ro-pol") as agency:
        yield agency


def opened(world: World, agency: str) -> AbstractAsyncContextManager[Agency]:
    return Agency.connect(world.profile(agency), PASSPHRASE)


class Listener:
    """Follows topics and remembers what came."""

    def __init__(self, agency: Agency, *topics: str, **wanted: object) -> None:
        self.titles: list[str] = []
        self.troubles: list[Reason] = []
        self.recoveries = 0
        self._changed = asyncio.Event()
        notices = agency.subscribe(
            *(topics or ("trafficking/#",)),
            viewer=LOOKING,
            troubled=self._troubled,
            recovered=self._recovered,
            **wanted,  # type: ignore[arg-type]
        )
        self._task = asyncio.create_task(self._follow(notices))

    async def _follow(self, notices: AsyncIterator[NoticeView]) -> None:
        async for view in notices:
            self.titles.append(view.content["title"])
            self._changed.set()

    def _troubled(self, error: AgencyError) -> None:
        self.troubles.append(error.reason)
        self._changed.set()

    def _recovered(self) -> None:
        self.recoveries += 1
        self._changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds; raise what the subscription ended with."""
        async with asyncio.timeout(30):
            while not holds():
                self._changed.clear()
                told = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait({told, self._task}, return_when=asyncio.FIRST_COMPLETED)
                told.cancel()
                if self._task.done():
                    await self._task

    async def titled(self, *titles: str) -> None:
        await self.until(lambda: set(titles) <= set(self.titles))

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def ending(listener: Listener) -> AgencyError:
    """Return the error that a subscription ends with."""
    with pytest.raises(AgencyError) as caught:
        await listener.until(lambda: False)
    return caught.value


async def test_notices_come_in_order_as_they_are_published(greek: Agency, romanian: Agency) -> None:
    listener = Listener(romanian)
    for n in range(5):
        await greek.publish(draft(f"number {n}"))
    await listener.titled("number 4")
    await listener.stop()
    assert listener.titles == [f"number {n}" for n in range(5)]


async def test_what_was_published_before_comes_first_and_once(
    greek: Agency, romanian: Agency
) -> None:
    await greek.publish([draft(f"number {n}") for n in range(40)])
    listener = Listener(romanian)
    await listener.titled("number 39")
    await listener.stop()
    again = Listener(romanian)
    await greek.publish(draft("later"))
    await again.titled("later")
    await again.stop()
    assert sorted(listener.titles) == sorted(f"number {n}" for n in range(40))
    assert again.titles == ["later"]


async def test_a_subscription_goes_on_when_the_broker_was_killed_and_is_back(
    greek: Agency, romanian: Agency, world: World
) -> None:
    listener = Listener(romanian)
    await greek.publish(draft("before"))
    await listener.titled("before")
    await world.stop()
    await listener.until(lambda: len(listener.troubles) > 1)
    await world.start()
    await greek.publish(draft("after"))
    await listener.titled("after")
    await listener.stop()
    assert listener.titles == ["before", "after"]
    assert set(listener.troubles) == {Reason.BROKER_UNREACHABLE}
    assert listener.recoveries == 1


async def test_a_subscription_goes_on_when_the_broker_was_restarted_in_order(
    greek: Agency, romanian: Agency, world: World
) -> None:
    listener = Listener(romanian)
    await greek.publish(draft("before"))
    await listener.titled("before")
    assert world.server is not None
    await world.server.drain(5)
    await world.stop()
    await world.start()
    await greek.publish(draft("after"))
    await listener.titled("after")
    await listener.stop()
    assert listener.titles == ["before", "after"]


async def test_a_subscription_may_begin_with_the_broker_away(
    greek: Agency, romanian: Agency, world: World
) -> None:
    await world.stop()
    listener = Listener(romanian)
    await listener.until(lambda: bool(listener.troubles))
    await world.start()
    await greek.publish(draft("there you are"))
    await listener.titled("there you are")
    await listener.stop()


async def test_a_locked_agency_listens_for_the_day_on_which_it_is_not(
    greek: Agency, romanian: Agency, world: World
) -> None:
    listener = Listener(romanian)
    await greek.publish(draft("before"))
    await listener.titled("before")
    await world.lock("ro-pol")
    await listener.until(lambda: Reason.AGENCY_LOCKED in listener.troubles)
    await world.unlock("ro-pol")
    await greek.publish(draft("after"))
    await listener.titled("after")
    await listener.stop()


async def test_what_waits_in_the_outbox_is_sent_meanwhile(greek: Agency, romanian: Agency) -> None:
    await romanian.publish(draft("from the outbox"), wait_s=0)
    listening, sending = Listener(greek), Listener(romanian)
    await listening.titled("from the outbox")
    await sending.stop()
    await listening.stop()


async def test_what_another_process_queued_is_sent_too(
    greek: Agency, romanian: Agency, world: World
) -> None:
    sending, listening = Listener(romanian), Listener(greek)
    async with opened(world, "ro-pol") as beside:
        report = await beside.publish(draft("from beside"), wait_s=0)
    assert report.notices[0].state is PublishState.QUEUED
    await listening.titled("from beside")
    await sending.stop()
    await listening.stop()


async def test_the_index_is_filled_meanwhile(greek: Agency, romanian: Agency) -> None:
    listener = Listener(romanian)
    await greek.publish([draft(f"number {n}") for n in range(30)])
    await listener.titled("number 29")
    async with asyncio.timeout(20):
        while (await romanian.status()).index_waiting:
            pass
    await listener.stop()


async def test_types_and_originators_narrow_what_comes(greek: Agency, romanian: Agency) -> None:
    listener = Listener(romanian, TOPIC, types=("CASE_SUMMARY",), originators=("gr-pol",))
    await greek.publish(draft("free text"))
    await greek.publish(draft("a summary", type="CASE_SUMMARY", summary="Invented.", text=None))
    await listener.titled("a summary")
    await listener.stop()
    assert listener.titles == ["a summary"]


async def test_what_a_narrow_listener_is_not_shown_is_kept_all_the_same(
    greek: Agency, romanian: Agency
) -> None:
    listener = Listener(romanian, TOPIC, types=("CASE_SUMMARY",))
    await greek.publish(draft("free text"))
    await greek.publish(draft("a summary", type="CASE_SUMMARY", summary="Invented.", text=None))
    await listener.titled("a summary")
    await listener.stop()
    leaves = romanian.wiring.store.openings.leaves(0, 10)
    looked_at = [len(opening.notices) for _, _, opening in leaves]
    assert {one.content["title"] for one in await romanian.inbox()} == {"free text", "a summary"}
    assert looked_at == [1], "what was not shown counts as looked at"


async def test_a_reader_that_leaves_in_the_middle_can_come_back(
    greek: Agency, romanian: Agency
) -> None:
    await greek.publish([draft("one"), draft("two")])
    async with asyncio.timeout(20):
        async for view in romanian.subscribe(TOPIC):
            assert view.content["title"] == "one"
            break
    await greek.publish(draft("three"))
    listener = Listener(romanian)
    await listener.titled("three")
    await listener.stop()
    kept = {one.content["title"] for one in await romanian.inbox()}
    assert kept == {"one", "two", "three"}


async def test_closing_the_profile_ends_a_subscription_that_nobody_reads(
    greek: Agency, world: World
) -> None:
    await greek.publish([draft("one"), draft("two")])
    before = asyncio.all_tasks()
    async with asyncio.timeout(20), opened(world, "ro-pol") as agency:
        notices = agency.subscribe(TOPIC)
        await anext(notices)
    left = {task for task in asyncio.all_tasks() - before if "AioServer" not in repr(task)}
    if left:
        _, left = await asyncio.wait(left, timeout=5)
    assert not left
    with pytest.raises(StopAsyncIteration):
        await anext(notices)


async def test_one_process_at_a_time_receives_into_a_profile(
    greek: Agency, romanian: Agency, world: World
) -> None:
    listener = Listener(romanian)
    await greek.publish(draft("one"))
    await listener.titled("one")
    async with opened(world, "ro-pol") as beside:
        second = Listener(beside)
        assert (await ending(second)).reason is Reason.PROFILE_IN_USE
        with pytest.raises(AgencyError) as caught:
            await beside.receive(TOPIC)
        assert caught.value.reason is Reason.PROFILE_IN_USE
        report = await beside.publish(draft("from beside"))
        assert report.notices[0].state is PublishState.ACCEPTED
    await greek.publish(draft("two"))
    await listener.titled("two")
    await listener.stop()


async def test_an_unknown_topic_ends_the_subscription(romanian: Agency) -> None:
    assert (await ending(Listener(romanian, "no/such/topic"))).reason is Reason.TOPIC_UNKNOWN


async def test_what_is_no_pattern_is_refused_before_anything_is_asked(romanian: Agency) -> None:
    for topics in ((), ("",), ("a//b",), ("#/a",), ("A",), (TOPIC, "../x")):
        with pytest.raises(AgencyError) as caught:
            romanian.subscribe(*topics)
        assert caught.value.reason is Reason.INVALID_ARGUMENT


async def test_nobody_looks_without_a_name(greek: Agency, romanian: Agency) -> None:
    await greek.publish(draft("one"))
    with pytest.raises(AgencyError) as caught:
        await anext(romanian.subscribe(TOPIC, viewer=Viewer(name=" ")))
    assert caught.value.reason is Reason.INVALID_ARGUMENT


async def test_a_profile_that_another_took_over_stops_listening(
    greek: Agency, romanian: Agency, world: World
) -> None:
    listener = Listener(romanian)
    await greek.publish(draft("one"))
    await listener.titled("one")
    subscription = romanian.wiring.store.inbox.subscription()
    copied = romanian.wiring.broker
    async with copied.subscribe(subscription, Filter(topics=(TOPIC,)), frames=1, size=1):
        assert (await ending(listener)).reason is Reason.SUBSCRIPTION_BUSY
