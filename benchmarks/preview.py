# SPDX-License-Identifier: Apache-2.0
"""What a preview costs an agency: who of 200 agencies would get a draft, why not, and warnings.

The whole of `tocsin preview` but the start of the program: the rule book afresh for each draft, the
searches for duplicates among what is kept, and the leaf of the agency's own log. The store holds
the example records; each draft is one of them.
"""

import asyncio
import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from agency_client.domain.notices import Draft
from agency_client.intake import read_records
from agency_client.services.previewing import PreviewService
from benchmarks.figures import Figure, delays, report
from tests.simulator.agency import (
    VIEWER,
    ManualClock,
    SimulatedAgency,
    open_agency,
    working_federation,
)
from tests.simulator.broker import MemoryBroker
from tests.simulator.federation import TOPIC

AGENCIES, RUNS = 200, 60
COUNTRIES = ("gr", "ro", "bg", "it", "es", "ph", "th", "ng")
_RECORDS = Path(__file__).parents[1] / "examples" / "notices.jsonl"


def run() -> list[Figure]:
    names = ["gr-pol", *(f"{COUNTRIES[n % len(COUNTRIES)]}-{n:03}" for n in range(1, AGENCIES))]
    federation, clock = working_federation(names), ManualClock()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        broker = MemoryBroker(federation, clock)
        agency = open_agency(federation, broker, "gr-pol", Path(folder) / "gr-pol", clock)
        try:
            return asyncio.run(_measured(agency))
        finally:
            agency.store.close()


async def _measured(agency: SimulatedAgency) -> list[Figure]:
    drafts = [one.draft for one in read_records(_RECORDS.read_bytes(), topic=TOPIC).drafts]
    await agency.publisher.queue(drafts)
    service = PreviewService(
        store=agency.store, directory=agency.directory, viewing=agency.viewing, clock=agency.clock
    )
    loop = asyncio.get_running_loop()
    taken = []
    for draft in itertools.islice(_unseen(drafts), RUNS):
        begun = loop.time()
        view = await service.preview(draft, VIEWER)
        taken.append((loop.time() - begun) * 1e3)
        if len(view.admitted) + len(view.refused) != AGENCIES - 1 or not view.warnings:
            raise RuntimeError("a preview left somebody out, or did not find its duplicate")
    return delays("preview a draft", taken, f"{AGENCIES} agencies, {len(drafts)} notices kept")


def _unseen(drafts: list[Draft]) -> Iterator[Draft]:
    """Yield drafts of which each has a marking that nothing was decided about before."""
    for number, draft in enumerate(itertools.cycle(drafts)):
        marking = replace(draft.marking, tlp="AMBER", operation=f"operation-{number}")
        yield replace(draft, marking=marking)


if __name__ == "__main__":
    report("preview", run)
