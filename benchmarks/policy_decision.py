# SPDX-License-Identifier: Apache-2.0
"""What a decision of the rule book costs: kept, taken afresh, for 200 agencies at once.

And how long an event loop stands still while a thread takes those, and what it takes until a book
of 880 rules is in force: parsed, checked and put into the words of 200 agencies.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.figures import Figure, report, seconds_each
from benchmarks.material import MARKING, TOPIC, Agencies
from policy import standard_book
from policy.book import RuleBook
from policy.engine import PolicyEngine

KEPT_RUNS = 10_000
STANDING_RUNS = 40
RULES = 880
_OVERLAY = """
@id("IN-{agency}-{number}") @says("We take no reports of trends of this priority.")
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

    def audience() -> None:
        engine.audience(next(fresh), TOPIC, sender, (), now)

    def standing() -> float:
        return asyncio.run(_longest_wait(audience))

    def activate() -> None:
        PolicyEngine(RuleBook.load(*large), directory)

    large = _large_book(agencies.names)
    full = PolicyEngine(RuleBook.load(*large), directory)
    under = "standard book, 200 agencies"
    return [
        Figure(
            what="decide, kept", value=seconds_each(kept) / KEPT_RUNS * 1e6, unit="us", under=under
        ),
        Figure(what="decide, afresh", value=seconds_each(one) * 1e6, unit="us", under=under),
        Figure(
            what="whole audience, afresh",
            value=seconds_each(audience) * 1e3,
            unit="ms",
            under=under,
        ),
        Figure(
            what="... longest wait of a loop meanwhile",
            value=statistics.median(standing() for _ in range(STANDING_RUNS)) * 1e3,
            unit="ms",
            under=f"{under}, by the clock",
        ),
        Figure(
            what="put a book into force",
            value=seconds_each(activate) * 1e3,
            unit="ms",
            under=f"{RULES} rules, 200 agencies",
        ),
        Figure(
            what="whole audience by it, afresh",
            value=seconds_each(lambda: full.audience(next(fresh), TOPIC, sender, (), now)) * 1e3,
            unit="ms",
            under=f"{RULES} rules, 200 agencies",
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


def _large_book(names: Sequence[str]) -> tuple[str, str]:
    """Return the standard book with rules that agencies made for themselves."""
    schema, policies = standard_book()
    missing = RULES - policies.count("@id(")
    overlays = (
        _OVERLAY.format(agency=names[number % len(names)], number=number)
        for number in range(missing)
    )
    return schema, policies + "".join(overlays)


if __name__ == "__main__":
    report("policy_decision", run)
