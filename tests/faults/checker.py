# SPDX-License-Identifier: Apache-2.0
"""Judges clients' histories: was anything lost, doubled, reordered or skipped?

Reads nothing but what clients wrote down (`tests.faults.history`); it never asks the broker and
never looks at a database. Every frame of the load is addressed to every subscriber and carries one
notice, so the sequences of a topic that a subscriber sees have no gaps.
Model: Jepsen's Kafka workload and etcd's watch validators (research/reliability.md 2.3).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from tests.faults.history import Did, Event

_Place = tuple[str, int]


class Kind(StrEnum):
    """What can be wrong."""

    LOST = "lost"
    """Acknowledged to the publisher, and not held by a subscriber in the end."""

    PHANTOM = "phantom"
    """Held or shown, and never published by anybody."""

    DOUBLED = "doubled"
    """One notice at two places of the broker's log, twice in a store, or shown twice."""

    CHANGED = "changed"
    """Two frames, or two receipts, at one place."""

    REDELIVERED = "redelivered"
    """Delivered again after the broker confirmed its acknowledgement."""

    DISORDER = "disorder"
    """A place before one that was delivered earlier on the stream, or one publisher's notices out of order."""  # noqa: E501

    GAP = "gap"
    """A place was skipped."""

    MISPLACED = "misplaced"
    """A notice was not delivered at the place its receipt names."""

    TOO_LATE = "too late"
    """Handed out more than a second after it was forbidden."""

    OUTLIVED = "outlived"
    """Handed to a grantee more than a second after its last grant ended."""

    KEPT = "kept"
    """Handed to anybody more than a second after it was recalled."""


GRACE_NS = 1_000_000_000
"""How long an act may take to reach the last stream."""
_ANYBODY = _ANYTHING = ""
_Bar = tuple[Kind, str, str]
"""By what rule, who and what frame."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong."""

    kind: Kind
    detail: str


def check(events: Sequence[Event]) -> list[Violation]:
    """Return everything that is wrong with the histories, which are in order of time."""
    history = _History(events)
    found: list[Violation] = []
    for rule in (_lost, _phantoms, _repeated, _doubled, _changed, _misplaced, _publishers_order):
        found += rule(history)
    for who in history.subscribers:
        found += _streams(who, [event for event in events if event.who == who])
    return found


def check_bars(events: Sequence[Event]) -> list[Violation]:
    """Return everything that was handed out although it had been forbidden for a second."""
    return [
        Violation(kind, f"{event.who} got {event.sequence} {late / 1e9:.2f} s after")
        for event, kind, late in _late(events)
        if late > GRACE_NS
    ]


def worst_delays(events: Sequence[Event]) -> dict[Kind, float]:
    """Return for each rule that was in force how many seconds after it the last was handed out."""
    worst = {kind: 0 for kind, _, _ in _bars(events)}
    for _, kind, late in _late(events):
        worst[kind] = max(worst[kind], late)
    return {kind: late / 1e9 for kind, late in worst.items()}


def _late(events: Sequence[Event]) -> Iterator[tuple[Event, Kind, int]]:
    """Return what was handed out after a bar, by which rule, and by how much."""
    bars = _bars(events)
    for event in events:
        if event.did is Did.CARRIED:
            for bar in _that_bar(event):
                if bar in bars and event.at > bars[bar]:
                    yield event, bar[0], event.at - bars[bar]


def _bars(events: Sequence[Event]) -> dict[_Bar, int]:
    """Return since when each bar is in force: the first act counts, and the longest grant."""
    bars: dict[_Bar, int] = {}
    for event in events:
        who, what = event.who, event.statement
        if event.did is Did.BARRED:
            bars.setdefault((Kind.TOO_LATE, who, what), event.at)
        elif event.did is Did.RECALLED:
            bars.setdefault((Kind.KEPT, _ANYBODY, what), event.at)
        elif event.did is Did.GRANTED:
            granted = (Kind.OUTLIVED, who, what)
            bars[granted] = max(bars.get(granted, 0), event.until)
    return bars


def _that_bar(event: Event) -> Iterator[_Bar]:
    """Return every bar that would forbid what the event tells of."""
    yield Kind.TOO_LATE, event.who, _ANYTHING
    yield Kind.TOO_LATE, event.who, event.statement
    yield Kind.OUTLIVED, event.who, event.statement
    yield Kind.KEPT, _ANYBODY, event.statement


class _History:
    """The events, by what they are about."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.published = [event for event in events if event.did is Did.PUBLISH]
        self.accepted = [event for event in events if event.did is Did.ACCEPTED]
        self.delivered = [event for event in events if event.did is Did.DELIVERED]
        self.seen = [event for event in events if event.did in (Did.SHOWN, Did.HOLDS)]
        self.subscribers = sorted({event.who for event in events if event.did is Did.SESSION})
        self.holds: dict[str, Counter[str]] = {who: Counter() for who in self.subscribers}
        self.shown: dict[str, Counter[str]] = {who: Counter() for who in self.subscribers}
        for event in self.seen:
            kept = self.holds if event.did is Did.HOLDS else self.shown
            kept[event.who][event.key] += 1


def _lost(history: _History) -> Iterator[Violation]:
    for event in history.accepted:
        for who, held in history.holds.items():
            if event.key not in held:
                yield Violation(Kind.LOST, f"{event.key} was accepted and is not at {who}")


def _phantoms(history: _History) -> Iterator[Violation]:
    invoked = {event.key for event in history.published}
    for key in sorted({event.key for event in history.seen} - invoked):
        yield Violation(Kind.PHANTOM, f"{key} was never published")


def _repeated(history: _History) -> Iterator[Violation]:
    for word, kept in (("holds", history.holds), ("was shown", history.shown)):
        for who, keys in kept.items():
            for key, times in keys.items():
                if times > 1:
                    yield Violation(Kind.DOUBLED, f"{who} {word} {key} {times} times")


def _doubled(history: _History) -> Iterator[Violation]:
    named: dict[str, set[_Place]] = defaultdict(set)
    for event in history.accepted:
        named[f"notice {event.key}"].add((event.topic, event.sequence))
    for event in history.delivered:
        named[f"frame {event.statement}"].add((event.topic, event.sequence))
    for name, places in named.items():
        if len(places) > 1:
            yield Violation(Kind.DOUBLED, f"{name} stands at {sorted(places)}")


def _changed(history: _History) -> Iterator[Violation]:
    frames: dict[_Place, set[str]] = defaultdict(set)
    for event in history.delivered:
        frames[event.topic, event.sequence].add(event.statement)
    receipts: dict[_Place, set[str]] = defaultdict(set)
    for event in history.accepted:
        receipts[event.topic, event.sequence].add(event.key)
    for place, found in (*frames.items(), *receipts.items()):
        if len(found) > 1:
            yield Violation(Kind.CHANGED, f"{len(found)} frames at {place}")


def _misplaced(history: _History) -> Iterator[Violation]:
    at: dict[str, set[_Place]] = defaultdict(set)
    for event in history.seen:
        if event.did is Did.SHOWN:
            at[event.key].add((event.topic, event.sequence))
    for event in history.accepted:
        elsewhere = at[event.key] - {(event.topic, event.sequence)}
        if elsewhere:
            yield Violation(
                Kind.MISPLACED,
                f"{event.key} was accepted at {event.sequence} and came at {elsewhere}",
            )


def _publishers_order(history: _History) -> Iterator[Violation]:
    place = {event.key: (event.topic, event.sequence) for event in history.accepted}
    lines: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in history.published:
        if event.key in place:
            lines[event.who, event.topic].append(event)
    for (who, topic), published in lines.items():
        for first, second in pairwise(published):
            if place[first.key][1] >= place[second.key][1]:
                yield Violation(
                    Kind.DISORDER,
                    f"{who} published {first.key} before {second.key} on {topic}, "
                    f"which stand at {place[first.key][1]} and {place[second.key][1]}",
                )


def _streams(who: str, events: Sequence[Event]) -> Iterator[Violation]:
    """Follow one subscriber through its streams."""
    acknowledged: Counter[str] = Counter()
    furthest: Counter[str] = Counter()
    last: dict[str, int] = {}
    for event in events:
        topic, sequence = event.topic, event.sequence
        if event.did is Did.SESSION:
            last = {}
        elif event.did is Did.ACKNOWLEDGED:
            acknowledged[topic] = max(acknowledged[topic], sequence)
        elif event.did is Did.DELIVERED:
            before = last.get(topic)
            if sequence <= acknowledged[topic] and before is None:
                yield Violation(Kind.REDELIVERED, f"{who} got {topic} {sequence} again")
            elif before is not None and sequence <= before:
                yield Violation(Kind.DISORDER, f"{who} got {topic} {sequence} after {before}")
            if sequence > (furthest[topic] if before is None else before) + 1:
                yield Violation(Kind.GAP, f"{who} got {topic} {sequence} and not the one before")
            last[topic] = sequence
            furthest[topic] = max(furthest[topic], sequence)
