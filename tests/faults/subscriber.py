# SPDX-License-Identifier: Apache-2.0
"""Follows all topics and writes down what comes in on the wire and what is shown.

Runs until it is killed; told "holds", it receives what is left, writes down what is in its store,
and ends.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agency_client.bootstrap import Agency, connecting, wiring
from agency_client.domain.delivery import Acknowledged, Delivered, Filter, SubscriptionEvent
from agency_client.domain.views import InboxQuery
from agency_client.ports.broker import Broker, SubscriptionStream
from agency_client.transport.tls import TlsIdentity
from keys.framing import sha256
from tests.faults.history import Did, Recorder

PATTERN = "load/#"
EVERYTHING = InboxQuery(limit=1_000_000)


class Overheard:
    """A stream whose events are written down as they come in, before anybody has acted on them."""

    def __init__(self, stream: SubscriptionStream, recorder: Recorder) -> None:
        self._stream = stream
        self._recorder = recorder
        self.add_credit = stream.add_credit
        self.acknowledge = stream.acknowledge

    async def events(self) -> AsyncIterator[SubscriptionEvent]:
        async for event in self._stream.events():
            if isinstance(event, Delivered):
                delivery = event.delivery
                self._recorder.note(
                    Did.DELIVERED,
                    topic=delivery.topic,
                    sequence=delivery.sequence,
                    statement=sha256(delivery.statement).hex(),
                )
            elif isinstance(event, Acknowledged):
                cursor = event.cursor
                self._recorder.note(Did.ACKNOWLEDGED, topic=cursor.topic, sequence=cursor.sequence)
            yield event


class Overhearing:
    """A broker whose subscriptions are written down; everything else is the real one's."""

    def __init__(self, broker: Broker, recorder: Recorder) -> None:
        self._broker = broker
        self._recorder = recorder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    @asynccontextmanager
    async def subscribe(
        self, subscription: str, wanted: Filter, *, frames: int, size: int
    ) -> AsyncIterator[Overheard]:
        async with self._broker.subscribe(subscription, wanted, frames=frames, size=size) as stream:
            self._recorder.note(Did.SESSION)
            yield Overheard(stream, self._recorder)


def overhear(recorder: Recorder) -> None:
    """Have every profile that this process opens go through `Overhearing`."""
    real = connecting.broker_at

    def broker_at(address: str, identity: Callable[[], TlsIdentity]) -> Any:
        return Overhearing(real(address, identity), recorder)

    setattr(wiring, connecting.broker_at.__name__, broker_at)


async def follow(agency: Agency, recorder: Recorder) -> None:
    async for view in agency.subscribe(PATTERN):
        recorder.note(
            Did.SHOWN, key=view.content["title"], topic=view.topic, sequence=view.sequence
        )


async def account(agency: Agency, recorder: Recorder) -> None:
    await agency.receive(PATTERN)
    for view in await agency.inbox(EVERYTHING):
        recorder.note(
            Did.HOLDS, key=view.content["title"], topic=view.topic, sequence=view.sequence
        )


async def subscribe(profile: Path, history: Path, act: str) -> None:
    recorder = Recorder(history, profile.name)
    overhear(recorder)
    async with Agency.connect(profile, os.environ["TOCSIN_FAULTS_PASSPHRASE"]) as agency:
        sys.stdout.write("begun\n")
        sys.stdout.flush()
        await (account if act == "holds" else follow)(agency, recorder)
    recorder.close()


if __name__ == "__main__":
    asyncio.run(subscribe(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
