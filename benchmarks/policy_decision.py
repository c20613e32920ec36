# SPDX-License-Identifier: Apache-2.0
"""What a decision of the rule book costs: kept, taken afresh, for 200 agencies at once.

And how long an event loop stands still while a thread takes those, and what it takes until a book
of 880 rules, most of them overlays of the agencies, is in force: parsed, checked as the broker
checks it when it is entered, and put into the words of 200 agencies.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.figures import Figure, report, seconds_each
from benchmarks.material import MARKING, TOPIC, Agencies
from policy.book import RuleBook
from policy.engine import PolicyEngine
from policy.lint import check_book
from policy.sources import WHOLE, merged
from policy.standard import standard_sources

KEPT_RUNS = 10_000
STANDING_RUNS = 40
RULES = 880
_OVERLAY = """\
@id("{agency}.in-{number}") @says("We take no reports of trends of this priority.")
forbid (principal == Tocsin::Agency::"{agency}", action == Tocsin::Action::"deliver",
        resource is Tocsin::Notice)
when {{ resource.noticeType == Tocsin::NoticeType::"TREND" && !resource.sanitised }};
"""


def run() -> list[Figure]:
    agencies = Agencies(count=200)
    directory = agencies.directory()
    engine = PolicyEngine.of_directory(directory)
    sender, reader, now = agencies.names[0], agencies.names[1], agencies.now
    fresh = (replace(MARKING, operation=f"operation-{number}") for number in itertools.count())

    def kept() -> None:
        for _ in range(KEPT_RUNS):
            engine.may_receive(MARKING, TOPIC, sender, reader, False, now)

    def one() -> None:
        engine.may_receive(next(fresh), TOPIC, sender, reader, False, now)

    def each_kept() -> None:
        engine.may_each_receive(MARKING, TOPIC, sender, everybody, now)

    def audience(by: PolicyEngine) -> None:
        by.audience(next(fresh), TOPIC, sender, (), now)

    def standing(by: PolicyEngine) -> float:
        waits = [asyncio.run(_longest_wait(lambda: audience(by))) for _ in range(STANDING_RUNS)]
        return statistics.median(waits)

    def activate() -> None:
        book = RuleBook.load(*large)
        check_book(book, *large)
        PolicyEngine(book, directory)

    everybody = [(name, False) for name in agencies.names]
    large = merged(large_sources(agencies.names))
    full = PolicyEngine(RuleBook.load(*large), directory)
    under, by_large = "standard book, 200 agencies", f"{RULES} rules, 200 agencies"
    return [
        Figure(
            what="decide, kept", value=seconds_each(kept) / KEPT_RUNS * 1e6, unit="us", under=under
        ),
        Figure(
            what="decide about each of 200 recipients, kept",
            value=seconds_each(each_kept) / len(everybody) * 1e6,
            unit="us each",
            under=under,
        ),
        Figure(what="decide, afresh", value=seconds_each(one) * 1e6, unit="us", under=under),
        Figure(
            what="whole audience, afresh",
            value=seconds_each(lambda: audience(engine)) * 1e3,
            unit="ms",
            under=under,
        ),
        Figure(
            what="... longest wait of a loop meanwhile",
            value=standing(engine) * 1e3,
            unit="ms",
            under=f"{under}, by the clock",
        ),
        Figure(
            what="put a book into force",
            value=seconds_each(activate) * 1e3,
            unit="ms",
            under=by_large,
        ),
        Figure(
            what="whole audience by it, afresh",
            value=seconds_each(lambda: audience(full)) * 1e3,
            unit="ms",
            under=by_large,
        ),
        Figure(
            what="... longest wait of a loop meanwhile",
            value=standing(full) * 1e3,
            unit="ms",
            under=f"{by_large}, by the clock",
        ),
    ]


async def _longest_wait(act: Callable[[], object]) -> float:
    """Return the longest time between two turns of this loop while a thread does `act`."""
    task = asyncio.create_task(asyncio.to_thread(act))
    longest, last = 0.0, time.perf_counter()
    while not task.done():
        await asyncio.sleep(0.0005)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    await task
    return longest


def large_sources(names: Sequence[str]) -> dict[str, str]:
    """Return the files of the standard book with overlays of all agencies."""
    files = dict(standard_sources())
    for number in range(RULES - files[WHOLE].count("@id(")):
        agency = names[number % len(names)]
        name = f"agencies/{agency}/in.cedar"
        files[name] = files.get(name, "") + _OVERLAY.format(agency=agency, number=number)
    return files


if __name__ == "__main__":
    report("policy_decision", run)
