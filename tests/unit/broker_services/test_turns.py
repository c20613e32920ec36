# SPDX-License-Identifier: Apache-2.0
"""One agency's frames in the order in which they came, whatever becomes of those before."""

import asyncio

import pytest

from broker.services.turns import Turns


class Row:
    """Takes places in one agency's row and notes who came."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.came: list[str] = []
        self.checks = {name: asyncio.Event() for name in "abcd"}
        self.tasks = {name: asyncio.create_task(self.go(name)) for name in "abcd"}

    async def go(self, name: str) -> None:
        with self.turns.taken("gr-pol") as turn:
            await self.checks[name].wait()
            await turn.come()
            self.came.append(name)

    async def checked(self, names: str) -> None:
        """Let these be checked, in this order."""
        for name in names:
            self.checks[name].set()
            await self.settle()

    async def leaves(self, name: str) -> None:
        """Let one go away."""
        self.tasks[name].cancel()
        await self.settle()

    async def settle(self) -> None:
        """Let all go as far as they can."""
        for _ in range(50):
            await asyncio.sleep(0)


@pytest.fixture
async def row() -> Row:
    row = Row()
    await asyncio.sleep(0)
    return row


@pytest.mark.parametrize("order", ["abcd", "dcba", "cadb"])
async def test_the_order_of_the_places_is_kept(row: Row, order: str) -> None:
    await row.checked(order)
    assert row.came == [*"abcd"]


async def test_nobody_comes_before_those_in_front_have_been_checked(row: Row) -> None:
    await row.checked("bcd")
    assert row.came == []


@pytest.mark.parametrize("gone", ["a", "b", "c"])
async def test_one_that_goes_away_does_not_let_others_overtake(row: Row, gone: str) -> None:
    rest = "abcd".replace(gone, "")
    await row.leaves(gone)
    await row.checked(rest[1:])
    assert row.came == []
    await row.checked(rest[0])
    assert row.came == [*rest]


async def test_one_that_goes_away_while_it_waits_takes_nobody_with_it(row: Row) -> None:
    await row.checked("bc")
    await row.leaves("b")
    assert row.came == []
    await row.checked("ad")
    await asyncio.gather(*(row.tasks[name] for name in "acd"))
    assert row.came == [*"acd"]


async def test_an_agency_that_is_done_leaves_nothing_behind(row: Row) -> None:
    await row.checked("dcba")
    await asyncio.gather(*row.tasks.values())
    await asyncio.sleep(0)
    assert not row.turns._last


async def test_agencies_do_not_wait_for_each_other() -> None:
    turns = Turns()
    with turns.taken("gr-pol"), turns.taken("ro-pol") as other:
        async with asyncio.timeout(5):
            await other.come()
