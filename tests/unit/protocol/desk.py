# SPDX-License-Identifier: Apache-2.0
"""A broker's services over a real store, with the standard rule book and a clock that is set.

`Line` is one subscriber's stream as the peer sees it.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from broker.domain.credit import Credit
from broker.domain.deliveries import Delivered
from broker.domain.events import CaughtUp, Event
from broker.domain.filters import Filter
from broker.domain.limits import Settings
from broker.domain.logs import LogKind
from broker.domain.receipts import Receipt
from broker.errors import BrokerError, Reason
from broker.ports.store import Store
from broker.services.assembly import Services, assemble
from broker.services.session import Session
from broker.storage.sqlite import SqliteStore
from keys.envelope import Frame
from keys.logleaf import LeafBody
from policy import standard_book
from tests.simulator.federation import NOW, Federation, build_federation
from tests.unit.protocol.material import ORIGINATOR, READER

AGENCIES = ("gr-pol", "hr-ngo", "it-pol", "ro-pol")
POLICE = ("gr-pol", "it-pol", "ro-pol")
"""Those that the standard book lets receive the frames of these tests."""
EVERYTHING = Filter(topics=("#",))
PLENTY = Credit(frames=1000, bytes=1 << 30)
PATIENCE = 10.0
"""Seconds after which a test that waits for something has failed."""

E = TypeVar("E")


@dataclass(slots=True)
class SetClock:
    """Stands still until it is set."""

    ms: int = NOW

    def now(self) -> int:
        return self.ms


class Noise:
    def random(self, count: int) -> bytes:
        return secrets.token_bytes(count)


@dataclass(kw_only=True)
class Line:
    """One stream."""

    session: Session
    _events: AsyncGenerator[Event, None] = field(init=False)

    def __post_init__(self) -> None:
        self._events = self.session.events()

    async def next(self) -> Event:
        async with asyncio.timeout(PATIENCE):
            return await anext(self._events)

    async def until(self, kind: type[Event]) -> list[Event]:
        """Return events up to and including the first of a kind."""
        events = [await self.next()]
        while not isinstance(events[-1], kind):
            events.append(await self.next())
        return events

    async def delivered(self, count: int) -> list[Delivered]:
        """Return the next deliveries, whatever else comes between them."""
        found: list[Delivered] = []
        while len(found) < count:
            event = await self.next()
            if isinstance(event, Delivered):
                found.append(event)
        return found

    async def hang_up(self) -> None:
        await self._events.aclose()
        self.session.close()


@dataclass(kw_only=True)
class Desk:
    """The broker."""

    federation: Federation
    store: Store
    clock: SetClock
    services: Services

    def seal(self, *contents: object, **changes: object) -> Frame:
        arguments: dict[str, object] = {"to": POLICE, "now": self.clock.ms} | changes
        return self.federation.seal(ORIGINATOR, contents or (b"content",), **arguments)  # type: ignore[arg-type]

    async def publish(self, frame: Frame, agency: str = ORIGINATOR) -> Receipt:
        return await self.services.publishing.publish(agency, frame)

    async def refusal(self, frame: Frame, agency: str = ORIGINATOR) -> BrokerError:
        """Return why a frame is refused, after looking that nothing of it was stored."""
        before = await self.sequences()
        try:
            await self.publish(frame, agency)
        except BrokerError as error:
            assert await self.sequences() == before
            return error
        raise AssertionError("the frame was accepted")

    async def sequences(self, agency: str = ORIGINATOR) -> list[tuple[str, int]]:
        found = []
        for topic in self.federation.directory.topics():
            frames = await self.store.read(agency, topic.topic, 0, 1000, 1 << 30)
            found += [(topic.topic, one.frame.sequence) for one in frames]
        return found

    async def open(
        self,
        agency: str = READER,
        wanted: Filter = EVERYTHING,
        credit: Credit = PLENTY,
        name: str = "desk",
    ) -> Line:
        session = await self.services.subscriptions.open(agency, name, wanted, credit)
        return Line(session=session)

    async def caught_up(self, agency: str = READER, wanted: Filter = EVERYTHING) -> list[Delivered]:
        """Return what a fresh stream delivers, acknowledging nothing."""
        line = await self.open(agency, wanted)
        events = await line.until(CaughtUp)
        await line.hang_up()
        return [event for event in events if isinstance(event, Delivered)]

    async def leaves(self) -> list[LeafBody]:
        size = await self.store.tree_size(LogKind.ACTS)
        return [LeafBody.decode(leaf) for leaf in await self.store.leaves(LogKind.ACTS, 0, size)]

    async def kinds(self) -> list[str]:
        return [leaf.kind for leaf in await self.leaves()]


@asynccontextmanager
async def opened(
    folder: Path,
    settings: Settings | None = None,
    federation: Federation | None = None,
    wrap: Callable[[Store], Store] = lambda store: store,
) -> AsyncIterator[Desk]:
    """Yield a broker that serves a federation of four agencies."""
    schema, policies = standard_book()
    held = federation or build_federation(AGENCIES, schema=schema, policies=policies)
    store = wrap(await SqliteStore.open(folder / "broker.db"))
    clock = SetClock()
    try:
        services = await assemble(
            store=store,
            clock=clock,
            entropy=Noise(),
            log_seed=held.broker.log_seed,
            settings=settings or Settings(),
        )
        await services.directory.load_federation(
            [root.encode() for root in held.signed_roots],
            [entry.encode() for entry in held.signed_entries],
        )
        yield Desk(federation=held, store=store, clock=clock, services=services)
    finally:
        await store.close()


async def reason_of(awaitable: object) -> Reason:
    """Return the reason with which a call is refused."""
    try:
        await awaitable  # type: ignore[misc]
    except BrokerError as error:
        return error.reason
    raise AssertionError("it was not refused")
