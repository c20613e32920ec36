# SPDX-License-Identifier: Apache-2.0
"""Nothing is handed out later than a second after it was forbidden, by whatever means.

A backlog is being delivered on three streams of every agency when a lock or another rule book comes
into force. Each race counts only if more was waiting at that moment.
"""

import asyncio
from pathlib import Path

import pytest

from keys.entries import LockEntry, RuleBookEntry
from policy.sources import merged, split
from tests.faults.checker import check_bars
from tests.faults.history import Did
from tests.faults.races import Races, races

pytestmark = pytest.mark.e2e

RACES = 50
BACKLOG = 120
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
    assert check_bars(run.events) == []
