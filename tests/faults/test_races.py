# SPDX-License-Identifier: Apache-2.0
"""Nothing is handed out later than a second after it was forbidden, by whatever means.

A backlog is being delivered on three streams of every agency when a lock or another rule book comes
into force, or the frame that the furthest stream has just got is recalled, while others fetch and
pull it; grantees fetch frames until after their grant has ended. Each race counts only if more was
waiting, or asked for, at that moment.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from keys.entries import LockEntry, RuleBookEntry
from policy.sources import merged, split
from tests.faults.checker import check_bars, worst_delays
from tests.faults.history import Did, Event
from tests.faults.originator import expire, pulling, recall
from tests.faults.races import Races, races

pytestmark = pytest.mark.e2e

RACES = 50
BACKLOG = 120
RECIPIENTS, PULLING = 8, 2
GRANTEES = tuple(f"gt-{number:02}" for number in range(5))
MAY_BE_RECALLED = 2 * RACES
"""Frames at the front of the backlog; behind them lie those of which grants expire."""
EXPIRES_WITHIN_SECONDS = 6
JUST_BEFORE_NS = 500_000_000
ENDS_WITHIN_SECONDS = 120


async def locked(run: Races, agency: str) -> None:
    await run.enter(LockEntry(agency=agency, reason="stolen laptop"))


async def forbidden(run: Races, agency: str) -> None:
    """Put a rule book into force that forbids one more agency everything."""
    book = run.federation.directory.rule_book
    rule = (
        f'@id("X-{agency}") @says("Not to {agency}.") '
        f'forbid (principal == Tocsin::Agency::"{agency}", action, resource);'
    )
    files = {**split(book.schema, book.policies), f"core/x-{agency}.cedar": rule}
    schema, policies = merged(files)
    entry = RuleBookEntry(version=book.version + 1, schema=schema, policies=policies)
    await run.enter(entry)


def check_what_was_handed_out(run: Races) -> None:
    print(worst_delays(run.events))  # noqa: T201 - shown where the test fails
    assert check_bars(run.events) == []


@pytest.mark.parametrize("act", [locked, forbidden])
async def test_nothing_is_delivered_a_second_after_it_was_forbidden(
    tmp_path: Path, act: object
) -> None:
    async with asyncio.timeout(ENDS_WITHIN_SECONDS), races(tmp_path, RACES, BACKLOG) as run:
        counted = 0
        async with run.running():
            await run.under_way.wait()
            for agency in run.chance.sample(run.subscribers, RACES):
                await act(run, agency)  # type: ignore[operator]
                run.note(agency, Did.BARRED)
                counted += run.reached[agency] < BACKLOG
    assert counted >= RACES * 9 // 10
    check_what_was_handed_out(run)


async def expired_one_by_one(run: Races) -> None:
    """Let grants end at any time within a few seconds."""

    async def at_some_time(number: int) -> None:
        await asyncio.sleep(run.chance.uniform(0, EXPIRES_WITHIN_SECONDS))
        await expire(run, MAY_BE_RECALLED + 1 + number, GRANTEES[number % len(GRANTEES)])

    async with asyncio.TaskGroup() as group:
        for number in range(RACES):
            group.create_task(at_some_time(number))


async def recalled_at_the_front(run: Races) -> None:
    """Recall a frame as soon as the first stream got it."""
    front = 0
    async with asyncio.TaskGroup() as group:
        for number in range(RACES):
            front = await run.front_beyond(front)
            assert front <= MAY_BE_RECALLED
            recipient = run.subscribers[number % RECIPIENTS]
            group.create_task(recall(run, front, recipient, GRANTEES[number % len(GRANTEES)]))


def were_recalled_under_way(events: Sequence[Event]) -> int:
    """Count recalls before which some had the notice, and after which streams came to its place."""
    return sum(
        {(Did.CARRIED, False), (Did.DELIVERED, True), (Did.REFUSED, True)}
        <= {(one.did, one.at > act.at) for one in events if one.statement == act.statement}
        for act in events
        if act.did is Did.RECALLED
    )


def were_fetched_to_the_end(events: Sequence[Event]) -> int:
    """Count grants under which a notice was fetched just before the end, and asked for after it."""
    return sum(
        any(one.did is Did.CARRIED and 0 < act.until - one.at < JUST_BEFORE_NS for one in asked)
        and any(one.did is Did.REFUSED and one.at > act.until for one in asked)
        for act in events
        if act.did is Did.GRANTED
        for asked in [[e for e in events if (e.who, e.statement) == (act.who, act.statement)]]
    )


async def test_nothing_is_delivered_a_second_after_its_recall_or_the_end_of_the_grant(
    tmp_path: Path,
) -> None:
    async with (
        asyncio.timeout(ENDS_WITHIN_SECONDS),
        races(tmp_path, RECIPIENTS, MAY_BE_RECALLED + RACES, GRANTEES) as run,
        run.running(),
        asyncio.TaskGroup() as others,
    ):
        await run.under_way.wait()
        with pulling(others, run, *run.subscribers[:PULLING]):
            async with asyncio.TaskGroup() as acts:
                acts.create_task(expired_one_by_one(run))
                acts.create_task(recalled_at_the_front(run))
    check_what_was_handed_out(run)
    recalled, fetched = were_recalled_under_way(run.events), were_fetched_to_the_end(run.events)
    assert min(recalled, fetched) >= RACES * 9 // 10, (recalled, fetched)
