# SPDX-License-Identifier: Apache-2.0
"""Delivers what is waiting on a subscription to one who asks, or waits for a first frame.

Starts where the subscription was acknowledged, so what was pulled comes again until it is. Leaves a
live session of the same subscription alone: both deliver what is not acknowledged.
"""

import asyncio
from collections.abc import Sequence

from broker.domain.deliveries import Addressed, Delivered
from broker.services.delivering import Subscriber, largest_size
from broker.services.feeds import Feed
from broker.services.session import Surroundings
from broker.services.wakeups import Wakeups

MAX_BYTES = 2 << 20
"""Beyond a first frame; an answer of several stays well below the 4 MiB of a message."""


class Pulling:
    """Pulls for one broker."""

    def __init__(self, around: Surroundings, wakeups: Wakeups) -> None:
        self._around = around
        self._wakeups = wakeups
        self._is_draining = False

    def drain(self) -> None:
        """Let nobody wait any longer."""
        self._is_draining = True
        self._wakeups.wake_all()

    async def pull(
        self, subscriber: Subscriber, max_frames: int, wait_ms: int
    ) -> Sequence[Delivered]:
        """Return up to `max_frames` deliveries in order; none where none came in time.

        Raises:
            BrokerError: AGENCY_LOCKED, TOPIC_UNKNOWN, or of the store.
        """
        until = asyncio.get_running_loop().time() + wait_ms / 1000
        with self._wakeups.listening(subscriber.agency) as listener:
            while True:
                pulled = await self._waiting(subscriber, max_frames)
                is_over = asyncio.get_running_loop().time() >= until
                if pulled or is_over or self._is_draining:
                    return pulled
                await listener.wait(until)

    async def _waiting(self, subscriber: Subscriber, max_frames: int) -> list[Delivered]:
        """Return what is waiting now."""
        around, agency = self._around, subscriber.agency
        federation = around.directory.standing(agency)
        heads = await around.choosing.heads(agency, federation, subscriber.wanted)
        places = await around.store.places(agency, subscriber.subscription)
        feed = Feed()
        feed.follow(heads, {topic: place.acknowledged for topic, place in places.items()})
        frames = await self._read(agency, feed, max_frames)
        if not frames:
            return []
        decided = await around.delivering.decide(
            subscriber, around.directory.standing(agency), frames
        )
        if around.directory.standing(agency) is not federation:
            return await self._waiting(subscriber, max_frames)
        return [one.delivered() for one in decided]

    async def _read(self, agency: str, feed: Feed, max_frames: int) -> list[Addressed]:
        """Read from topic after topic until there is enough or nothing more."""
        frames: list[Addressed] = []
        room = MAX_BYTES
        while len(frames) < max_frames and (topic := feed.next_topic()) is not None:
            read = await self._around.store.read(
                agency, topic, feed.reached(topic), max_frames - len(frames), max(room, 1)
            )
            if not read:
                feed.exhaust(topic)
            for one in read:
                room -= largest_size(one)
                if frames and room < 0:
                    return frames
                frames.append(one)
                feed.reach(topic, one.frame.sequence)
        return frames
