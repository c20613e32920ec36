# SPDX-License-Identifier: Apache-2.0
"""How far one subscriber got in each of its topics, and what it has yet to get.

Within a topic frames come in order of sequence; among topics each has its turn. Does no I/O.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.domain.cursors import Cursor


@dataclass(slots=True)
class _Progress:
    """One topic: everything up to `reached` is behind, the newest for the subscriber is `head`."""

    reached: int
    head: int
    acknowledged: int
    target: int


@dataclass(slots=True)
class Feed:
    """A subscriber's topics."""

    _topics: dict[str, _Progress] = field(default_factory=dict)
    _turns: list[str] = field(default_factory=list)

    @property
    def topics(self) -> list[str]:
        """The topics followed."""
        return [*self._topics]

    def follow(self, heads: Mapping[str, int], acknowledged: Mapping[str, int]) -> None:
        """Follow exactly these topics, from where the subscriber stands or stood already.

        What `heads` says is there is what has to be delivered before the feed is caught up.
        """
        before = self._topics
        self._topics = {}
        for topic, head in heads.items():
            known = before.get(topic)
            if known is None:
                place = acknowledged.get(topic, 0)
                known = _Progress(reached=place, head=head, acknowledged=place, target=head)
            known.head = max(known.head, head)
            self._topics[topic] = known
        self._turns = [topic for topic in self._turns if topic in self._topics]
        self._turns += [topic for topic in self._topics if topic not in self._turns]

    def stored(self, topic: str, sequence: int) -> bool:
        """Note that a frame was stored; return whether the topic is followed."""
        progress = self._topics.get(topic)
        if progress is None:
            return False
        progress.head = max(progress.head, sequence)
        return True

    def next_topic(self) -> str | None:
        """Return a topic with frames to deliver, and put it behind the others."""
        for topic in self._turns:
            if self.reached(topic) < self._topics[topic].head:
                self._turns.remove(topic)
                self._turns.append(topic)
                return topic
        return None

    @property
    def has_more(self) -> bool:
        """Whether there are frames to deliver."""
        return any(one.reached < one.head for one in self._topics.values())

    @property
    def is_caught_up(self) -> bool:
        """Whether all that was there when a topic was first followed is behind."""
        return all(one.reached >= one.target for one in self._topics.values())

    def reached(self, topic: str) -> int:
        """Return the sequence up to which everything is behind."""
        return self._topics[topic].reached

    def reach(self, topic: str, sequence: int) -> None:
        """Note that everything up to a sequence is behind."""
        progress = self._topics.get(topic)
        if progress is not None:
            progress.reached = max(progress.reached, sequence)

    def exhaust(self, topic: str) -> None:
        """Note that nothing more is there, whatever was said."""
        self.reach(topic, self._topics[topic].head)

    def acknowledge(self, cursor: Cursor) -> None:
        """Note what was acknowledged; it is never delivered again."""
        progress = self._topics.get(cursor.topic)
        if progress is not None:
            progress.acknowledged = max(progress.acknowledged, cursor.sequence)
            progress.reached = max(progress.reached, cursor.sequence)

    def is_acknowledged(self, cursor: Cursor) -> bool:
        """Whether a frame was acknowledged."""
        progress = self._topics.get(cursor.topic)
        return progress is not None and cursor.sequence <= progress.acknowledged

    def cursors(self) -> tuple[Cursor, ...]:
        """Return the acknowledged places."""
        return tuple(
            Cursor(topic=topic, sequence=one.acknowledged) for topic, one in self._topics.items()
        )

    def heads(self) -> tuple[Cursor, ...]:
        """Return the newest sequences."""
        return tuple(Cursor(topic=topic, sequence=one.head) for topic, one in self._topics.items())
