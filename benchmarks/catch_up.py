# SPDX-License-Identifier: Apache-2.0
"""Catch-up: an agency that was away receives what waits at a broker process.

First whole, as `Agency.receive` does it: received, verified, decided about, opened, stored,
acknowledged, and then indexed for search. Then each part by itself over the same frames, at another
agency. Notices are the example records over and over; the agency is this process.
"""

import asyncio
from collections.abc import Sequence

from agency_client.bootstrap import Agency
from agency_client.bootstrap.agency import INDEX_AT_ONCE
from agency_client.bootstrap.profile import open_keyring
from agency_client.bootstrap.wiring import Wiring
from agency_client.domain.delivery import CaughtUp, Delivered, Delivery, Filter
from agency_client.services.filing import file_batch
from agency_client.services.reading import Read, SetAside, read_delivery
from agency_client.services.receiving import BATCH_FRAMES, CREDIT_BYTES, CREDIT_FRAMES
from benchmarks.figures import Figure, Spent, report, timed
from benchmarks.material import now_ms
from benchmarks.parties import BULK_TOPIC, SINGLE_TOPIC, Party, opened, served
from tests.faults.world import PASSPHRASE, World

FRAMES = ((BULK_TOPIC, 256, 40), (SINGLE_TOPIC, 1, 500))
SUBSCRIPTION = "figures"


def run() -> list[Figure]:
    return asyncio.run(_run())


async def _run() -> list[Figure]:
    figures: list[Figure] = []
    async with served(2) as world:
        originator, whole = (client.name for client in world.publishers)
        async with Party.started("publisher", world, originator) as publisher:
            for topic, size, frames in FRAMES:
                order = {"topic": topic, "frames": frames, "notices": size, "size": 0}
                await publisher.order("seal", **order)
                await publisher.order("send", frames=frames)
        for topic, size, frames in FRAMES:
            under = f"example records, frames of {size}"
            figures += await _whole(world, whole, topic, size * frames, under)
            figures += await _parts(world, world.subscriber.name, topic, size * frames, under)
    return figures


async def _whole(world: World, name: str, topic: str, notices: int, under: str) -> list[Figure]:
    async with Agency.connect(world.profile(name), PASSPHRASE) as agency:
        with timed() as spent:
            report = await agency.receive(topic)
    if report.notices != notices or report.findings:
        raise RuntimeError(f"{report.notices} of {notices} notices came: {report.findings[:1]}")
    return _figures("catch up, and index", spent, notices, under)


async def _parts(world: World, name: str, topic: str, notices: int, under: str) -> list[Figure]:
    async with opened(world, name) as wiring:
        with timed() as receiving:
            deliveries = await _receive(wiring, topic)
        keys = {one.key_id: one for one in open_keyring(world.profile(name), PASSPHRASE).decryption}
        federation, now = wiring.directory.current, now_ms()
        with timed() as reading:
            results = [read_delivery(one, federation, keys, now) for one in deliveries]
        with timed() as storing:
            _store(wiring, deliveries, results, now)
        with timed() as indexing:
            while wiring.store.search.index(INDEX_AT_ONCE):
                pass
    if sum(len(one.notices) for one in deliveries) != notices:
        raise RuntimeError(f"not all of {notices} notices came")
    return [
        *_figures("catch up: receive", receiving, notices, under),
        *_figures("catch up: verify, decide, open", reading, notices, under),
        *_figures("catch up: file, store", storing, notices, under),
        *_figures("catch up: index for search", indexing, notices, under),
    ]


async def _receive(wiring: Wiring, topic: str) -> list[Delivery]:
    """Take what waits off the stream and give credit for it, as the library does; no more."""
    deliveries: list[Delivery] = []
    async with wiring.broker.subscribe(
        SUBSCRIPTION, Filter(topics=(topic,)), frames=CREDIT_FRAMES, size=CREDIT_BYTES
    ) as stream:
        async for event in stream.events():
            if isinstance(event, Delivered):
                deliveries.append(event.delivery)
                await stream.add_credit(1, event.delivery.size)
            elif isinstance(event, CaughtUp):
                break
    return deliveries


def _store(
    wiring: Wiring, deliveries: Sequence[Delivery], results: Sequence[Read | SetAside], now: int
) -> None:
    """File and write batches of the size in which the library does it."""
    inbox = wiring.store.inbox
    for at in range(0, len(deliveries), BATCH_FRAMES):
        some = slice(at, at + BATCH_FRAMES)
        batch = file_batch(
            inbox, SUBSCRIPTION, deliveries[some], results[some], agency=wiring.agency, now=now
        )
        if batch.findings:
            raise RuntimeError(f"a finding: {batch.findings[0].finding}")
        inbox.record(batch, now)


def _figures(what: str, spent: Spent, notices: int, under: str) -> list[Figure]:
    each = spent.processor / notices * 1e6
    return [
        Figure(what=what, value=notices / spent.clock, unit="notices/s", under=under),
        Figure(what=f"{what}, processor", value=each, unit="us/notice", under=under),
    ]


if __name__ == "__main__":
    report("catch_up", run)
