# SPDX-License-Identifier: Apache-2.0
"""Which topics an agency may follow, and which of them a subscriber's patterns choose.

A topic is an agency's to follow where the rule book lets it subscribe, and where frames are
addressed to it: an originator may name an agency outside the topic's circles, and what policy keeps
back has to arrive as a record that says so. Each frame is decided about on its own all the same.
"""

import asyncio
from collections.abc import Iterable, Mapping

from broker.domain.filters import Filter
from broker.domain.topics import TopicView
from broker.errors import BrokerError, Reason
from broker.ports.clock import Clock
from broker.ports.store import Store
from broker.services.federation import Federation
from keys.marking import Marking

PLAIN = Marking(type="FREE_TEXT", tlp="GREEN", handling=("H0",), purposes=("INVESTIGATION",))
"""Whether an agency may publish at all is asked with the plainest of markings."""


class Choosing:
    """Chooses topics for one broker."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def heads(self, agency: str, federation: Federation, wanted: Filter) -> Mapping[str, int]:
        """Return the last sequence for `agency` of each topic that it follows with a filter.

        Raises:
            BrokerError: TOPIC_UNKNOWN where a pattern without wildcards names no such topic.
        """
        topics = wanted.chooses(entry.topic for entry in federation.directory.topics())
        heads = await self._store.heads(agency, topics)
        open_ = await asyncio.to_thread(self._subscribable, agency, federation, topics)
        chosen = {
            topic: heads.get(topic, 0) for topic in topics if topic in open_ or heads.get(topic)
        }
        for pattern in wanted.topics:
            if not _has_wildcard(pattern) and pattern not in chosen:
                raise BrokerError(Reason.TOPIC_UNKNOWN, {"topic": pattern})
        return chosen

    async def head(self, agency: str, federation: Federation, topic: str) -> int:
        """Return the last sequence of one topic for `agency`.

        Raises:
            BrokerError: TOPIC_UNKNOWN for a topic that is not there or not for the caller.
        """
        known = federation.directory.topic(topic) is not None
        head = (await self._store.heads(agency, [topic])).get(topic, 0) if known else 0
        if not head and not (known and self._subscribable(agency, federation, [topic])):
            raise BrokerError(Reason.TOPIC_UNKNOWN)
        return head

    async def views(self, agency: str, federation: Federation) -> list[TopicView]:
        """Return the topics that `agency` may know of, by name."""
        names = [entry.topic for entry in federation.directory.topics()]
        heads = await self._store.heads(agency, names)
        return await asyncio.to_thread(self._views, agency, federation, heads)

    def _subscribable(
        self, agency: str, federation: Federation, topics: Iterable[str]
    ) -> frozenset[str]:
        now = self._clock.now()
        return frozenset(
            topic for topic in topics if federation.may_subscribe(topic, agency, now).allow
        )

    def _views(
        self, agency: str, federation: Federation, heads: Mapping[str, int]
    ) -> list[TopicView]:
        now = self._clock.now()
        views = [
            TopicView(
                name=entry.topic,
                title=entry.title,
                may_publish=federation.may_publish(PLAIN, entry.topic, agency, now).allow,
                may_subscribe=federation.may_subscribe(entry.topic, agency, now).allow,
                head=heads.get(entry.topic, 0),
            )
            for entry in federation.directory.topics()
        ]
        return [view for view in views if view.may_publish or view.may_subscribe or view.head]


def _has_wildcard(pattern: str) -> bool:
    return any(segment in {"+", "#"} for segment in pattern.split("/"))
