# SPDX-License-Identifier: Apache-2.0
"""A real broker, many streams in the middle of a backlog, and acts that must stop them.

Every stream takes a few frames a second, so that when an act comes into force there is always more
that the broker would have handed out without it.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
from tocsin.v1 import core_pb2, directory_service_pb2
from tocsin.v1 import publisher_service_pb2 as publisher
from tocsin.v1 import subscriber_service_pb2 as subscriber
from tocsin.v1.directory_service_pb2_grpc import DirectoryServiceStub
from tocsin.v1.publisher_service_pb2_grpc import PublisherServiceStub
from tocsin.v1.subscriber_service_pb2_grpc import SubscriberServiceStub

from keys.entries import Entry
from keys.envelope import Frame
from tests.faults.history import Did, Event
from tests.integration.broker.calling import Address
from tests.integration.broker.installed import MARKING, Installed, install
from tests.integration.broker.test_publishing import publication
from tests.simulator.federation import TOPIC, Member

STREAMS = 3
FRAMES_A_SECOND = 8
ORIGINATOR = "gr-pol"
_OPENING = subscriber.Filter(topics=["#"])
_ONE = subscriber.SubscribeRequest(credit=subscriber.Credit(frames=1))


@dataclass
class Races:
    """What runs, and what was seen of it."""

    address: Address
    subscribers: tuple[str, ...]
    chance: random.Random
    events: list[Event] = field(default_factory=list)
    backlog: dict[int, Frame] = field(default_factory=dict)
    """By sequence."""
    reached: dict[str, int] = field(default_factory=dict)
    """How far the furthest stream of each agency is."""
    channels: dict[str, grpc.aio.Channel] = field(default_factory=dict)
    under_way: asyncio.Event = field(default_factory=asyncio.Event)
    """Every agency was handed something."""
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    """Some stream was handed something."""

    @property
    def federation(self) -> Any:
        return self.address.federation

    def note(
        self, who: str, did: Did, *, sequence: int = 0, statement: str = "", until: int = 0
    ) -> None:
        self.events.append(
            Event(
                at=time.monotonic_ns(),
                who=who,
                did=did,
                topic=TOPIC,
                sequence=sequence,
                statement=statement,
                until=until,
            )
        )

    def note_handed_out(self, who: str, delivery: core_pb2.Delivery) -> None:
        did = Did.CARRIED if delivery.notices else Did.DELIVERED
        self.note(who, did, sequence=delivery.sequence, statement=delivery.statement.hex())

    async def publish(self, frames: int) -> None:
        """Publish the backlog, to everybody."""
        stub = PublisherServiceStub(self.channels[ORIGINATOR])
        for number in range(frames):
            frame = self.federation.seal(
                ORIGINATOR,
                [str(number).encode()],
                to=self.subscribers,
                marking=replace(MARKING, regrant="originator"),
                now=time.time_ns() // 1_000_000,
            )
            request = publisher.PublishRequest(publication=publication(frame))
            answer = await stub.Publish(request)
            self.backlog[answer.receipt.sequence] = frame

    async def enter(self, entry: Entry) -> None:
        """Have stewards sign an entry; it is in force on return."""
        signed = self.federation.add(entry)
        async with self.address.steward() as channel:
            request = directory_service_pb2.SubmitEntryRequest(entry=signed.encode())
            await DirectoryServiceStub(channel).SubmitEntry(request)

    async def follow(self, agency: str, number: int) -> None:
        """Take the backlog slowly until the broker ends the stream, or there is no more."""
        call: Any = SubscriberServiceStub(self.channels[agency]).Subscribe()
        opening = subscriber.SubscribeRequest.Open(
            subscription=f"s{number}",
            filter=_OPENING,
            credit=subscriber.Credit(frames=1, bytes=1 << 40),
        )
        try:
            await call.write(subscriber.SubscribeRequest(open=opening))
            while (event := await call.read()) is not grpc.aio.EOF:
                if event.WhichOneof("event") == "caught_up":
                    return
                if event.WhichOneof("event") == "delivery":
                    self._note_delivery(agency, event.delivery)
                    await asyncio.sleep(self.chance.uniform(0, 2 / FRAMES_A_SECOND))
                    await call.write(_ONE)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return
        finally:
            call.cancel()

    def _note_delivery(self, agency: str, delivery: core_pb2.Delivery) -> None:
        self.reached[agency] = max(self.reached.get(agency, 0), delivery.sequence)
        if len(self.reached) == len(self.subscribers):
            self.under_way.set()
        self.moved.set()
        self.note_handed_out(agency, delivery)

    async def front_beyond(self, sequence: int) -> int:
        """Return how far the furthest stream is, once that is beyond `sequence`."""
        while (front := max(self.reached.values(), default=0)) <= sequence:
            self.moved.clear()
            await self.moved.wait()
        return front

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the backlog with all streams; the acts happen in the body."""
        self.note("all", Did.SESSION)
        following = [
            asyncio.ensure_future(self.follow(agency, number))
            for agency in self.subscribers
            for number in range(STREAMS)
        ]
        try:
            yield
            await asyncio.sleep(1.5)  # what comes too late comes now
        finally:
            for one in following:
                one.cancel()
            await asyncio.gather(*following, return_exceptions=True)


@asynccontextmanager
async def races(
    folder: Path, count: int, frames: int, more: Sequence[str] = ()
) -> AsyncIterator[Races]:
    """Return a broker with `count` subscribers and a backlog that waits for all of them."""
    made: Installed = install(folder)
    names = tuple(f"ag-{number:02}" for number in range(count))
    for name in (*names, *more):
        made.federation.add_agency(Member(agency=name, country="RO", circles=("eu",)))
    made.bundle.write_text(made.federation.bundle(), "utf-8")
    loaded = await made.command("federation", str(made.folder.path), str(made.bundle))
    assert loaded.code == 0, loaded.err
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(made.serving())
        run = Races(address=served.address, subscribers=names, chance=random.Random(count))
        for name in (ORIGINATOR, *names, *more):
            run.channels[name] = await stack.enter_async_context(served.address.agency(name))
        await run.publish(frames)
        yield run
