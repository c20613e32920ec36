# SPDX-License-Identifier: Apache-2.0
"""A broker's services over a store in memory, a federation that uses them, and a clock to turn.

world = await World.of(build(...))
await world.publish("gr-pol")
follower = await world.follow("ro-pol")
delivered = await follower.delivered()
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest

from broker.domain.acts import Act
from broker.domain.credit import Credit
from broker.domain.deliveries import Delivered
from broker.domain.events import CaughtUp, CheckpointNote, Event, Heartbeat, Opened, Waiting
from broker.domain.filters import Filter
from broker.domain.limits import Settings
from broker.domain.receipts import Receipt
from broker.errors import BrokerError, Reason
from broker.services.assembly import Services, assemble
from broker.services.session import Session
from keys.entries import Entry, RuleBookEntry, TopicEntry
from keys.envelope import Frame
from keys.marking import Marking
from policy import standard_book
from tests.simulator.federation import NOW, TOPIC, Federation, Member, build_federation
from tests.simulator.rule_books import standard_and
from tests.simulator.store import MemoryStore

E = TypeVar("E")

MARKING = Marking(type="YELLOW", tlp="AMBER", handling=("H0",), purposes=("INVESTIGATION",))
LABOUR = "trafficking/labour"
EVERYTHING = Filter(topics=("#",))
PLENTY = Credit(frames=1000, bytes=1 << 30)
SECONDS = 10
"""Longer than anything here takes; a test that waits so long has failed."""

NOT_FOR_ROMANIA = """
@id("X01-not-for-romania")
@says("Romania receives nothing for the moment.")
forbid (
  principal is Tocsin::Agency, action == Tocsin::Action::"deliver", resource is Tocsin::Notice
)
when { principal.country == Tocsin::Country::"RO" };
"""


class ManualClock:
    """A clock that stands still until it is turned."""

    def __init__(self, now: int = NOW) -> None:
        self.time = now

    def now(self) -> int:
        return self.time


class Salts:
    """Random bytes, remembered, so that a test can look for one that was used twice."""

    def __init__(self) -> None:
        self.given: list[bytes] = []

    def random(self, count: int) -> bytes:
        self.given.append(secrets.token_bytes(count))
        return self.given[-1]


def build(
    members: Sequence[Member | str] = ("gr-pol", "ro-pol", "hr-ngo", "cy-pol"),
    *,
    topics: Sequence[TopicEntry | str] = (TOPIC, LABOUR),
) -> Federation:
    """Return a federation with the standard rule book."""
    schema, policies = standard_book()
    return build_federation(members, topics=topics, schema=schema, policies=policies)


async def refusal(call: Awaitable[object]) -> BrokerError:
    """Return why a call is refused."""
    with pytest.raises(BrokerError) as caught:
        await call
    return caught.value


def fresh(federation: Federation) -> Federation:
    """Return a federation with the same keys and history, and nothing published."""
    agencies = {name: replace(one, chain={}) for name, one in federation.agencies.items()}
    return replace(federation, agencies=agencies)


@dataclass(kw_only=True)
class World:
    """Everything that a test of the services needs."""

    federation: Federation
    clock: ManualClock = field(default_factory=ManualClock)
    entropy: Salts = field(default_factory=Salts)
    store: MemoryStore
    services: Services
    settings: Settings

    @classmethod
    async def of(cls, federation: Federation, **settings: int) -> "World":
        """Return a world in which the broker has loaded the federation."""
        world = await cls.without_federation(federation, **settings)
        await world.services.directory.load_federation(*world.history())
        return world

    @classmethod
    async def without_federation(cls, federation: Federation, **settings: int) -> "World":
        limits = Settings(**{"heartbeat_ms": 40, **settings})
        clock, entropy, store = ManualClock(), Salts(), await MemoryStore.open()
        services = await assemble(
            store=store,
            clock=clock,
            entropy=entropy,
            log_seed=federation.broker.log_seed,
            settings=limits,
        )
        return cls(
            federation=federation,
            clock=clock,
            entropy=entropy,
            store=store,
            services=services,
            settings=limits,
        )

    def history(self) -> tuple[list[bytes], list[bytes]]:
        roots = [root.encode() for root in self.federation.signed_roots]
        return roots, [entry.encode() for entry in self.federation.signed_entries]

    async def restarted(self) -> "World":
        """Return the world after the broker was started again on the same store."""
        services = await assemble(
            store=self.store,
            clock=self.clock,
            entropy=self.entropy,
            log_seed=self.federation.broker.log_seed,
            settings=self.settings,
        )
        return World(
            federation=self.federation,
            clock=self.clock,
            entropy=self.entropy,
            store=self.store,
            services=services,
            settings=self.settings,
        )

    def seal(self, originator: str, *, to: Sequence[str] = ("ro-pol",), **more: Any) -> Frame:
        given = {"contents": [b"content"], "marking": MARKING, "now": self.clock.time, **more}
        return self.federation.seal(originator, to=to, **given)

    async def publish(self, originator: str = "gr-pol", **more: Any) -> Receipt:
        return await self.services.publishing.publish(originator, self.seal(originator, **more))

    async def refused(self, originator: str, frame: Frame) -> BrokerError:
        """Return why a frame is refused, after looking that nothing was stored."""
        before = self.kinds().count("publish")
        with pytest.raises(BrokerError) as caught:
            await self.services.publishing.publish(originator, frame)
        assert self.kinds().count("publish") == before
        return caught.value

    async def submit(self, entry: Entry, *, by: Sequence[str] | None = None) -> int:
        signed = self.federation.add(entry, by=by)
        return await self.services.directory.submit(signed.encode())

    async def narrow(self, more: str = NOT_FOR_ROMANIA) -> None:
        """Put a rule book into force that forbids more."""
        schema, _ = standard_book()
        book = self.federation.directory.rule_book
        assert book is not None
        policies = standard_and(more)
        entry = RuleBookEntry(version=book.version + 1, schema=schema, policies=policies)
        await self.submit(entry)

    async def lock(self, agency: str) -> None:
        await self.services.directory.submit(self.federation.lock(agency).encode())

    async def follow(
        self,
        agency: str = "ro-pol",
        *,
        subscription: str = "desk",
        wanted: Filter = EVERYTHING,
        credit: Credit = PLENTY,
    ) -> "Follower":
        session = await self.services.subscriptions.open(agency, subscription, wanted, credit)
        return Follower(session)

    async def pull(
        self, agency: str = "ro-pol", *, frames: int = 100, wait_ms: int = 0, **more: Any
    ) -> Sequence[Delivered]:
        given = {"subscription": "desk", "wanted": EVERYTHING, **more}
        return await self.services.subscriptions.pull(
            agency, max_frames=frames, wait_ms=wait_ms, **given
        )

    def kinds(self) -> list[str]:
        """Return the kinds of all leaves of the acts log."""
        return [act.kind for act in self.store.acts]

    def acts(self, kind: str) -> list[Act]:
        return [act for act in self.store.acts if act.kind == kind]


class Follower:
    """The other end of a session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.events: AsyncGenerator[Event, None] = session.events()

    async def event(self) -> Event:
        """Return the next event that is not a checkpoint."""
        async with asyncio.timeout(SECONDS):
            while isinstance(event := await anext(self.events), CheckpointNote):
                pass
        return event

    async def expect(self, kind: type[E]) -> E:
        event = await self.event()
        assert isinstance(event, kind), event
        return event

    async def opened(self) -> Opened:
        return await self.expect(Opened)

    async def delivered(self) -> Delivered:
        """Return the next delivery, passing over what else is said."""
        async with asyncio.timeout(SECONDS):
            while not isinstance(event := await self.event(), Delivered):
                pass
        return event

    async def sequences(self, count: int) -> list[int]:
        return [(await self.delivered()).frame.sequence for _ in range(count)]

    async def waits(self) -> Waiting:
        """Return why nothing comes."""
        while True:
            event = await self.event()
            assert not isinstance(event, Delivered), event.frame.sequence
            if isinstance(event, Heartbeat):
                return event.waiting

    async def caught_up(self) -> None:
        async with asyncio.timeout(SECONDS):
            while not isinstance(await self.event(), CaughtUp):
                pass

    async def ended(self) -> Reason:
        """Return with what the session is ended."""
        try:
            while not isinstance(event := await self.event(), Delivered):
                pass
        except BrokerError as error:
            return error.reason
        raise AssertionError(event.frame.sequence)

    async def close(self) -> None:
        await self.events.aclose()
        self.session.close()
