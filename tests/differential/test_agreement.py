# SPDX-License-Identifier: Apache-2.0
"""Four ways to take one decision agree: the whole book flat, its slices, what is kept, and by hand.

100,000 decisions over random changes of directory, book and time. What is compared is whether the
act is allowed; the flat and the sliced book also name the same rules.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import pytest

from policy import standard_book
from policy.answering import Answer, Asked, Question, answer
from policy.book import RuleBook
from policy.engine import PolicyEngine
from policy.evaluation import PolicySet, agency_request, evaluate, load_entities
from policy.facts import (
    NOTICE_TYPES,
    granted_name,
    notice_entities,
    notice_name,
    reference,
)
from policy.federation import Federation
from policy.rules import Rule
from tests.differential.oracle import ALWAYS, FORBIDS, PLAIN, Act, is_allowed, overlays
from tests.unit.policy.worlds import Agency, Marking, Operation, Topic, World

DECISIONS = 100_000
STEPS_PER_DIRECTORY, STEPS_PER_BOOK = 40, 80
LAST = 24
"""Dates and times are hours of one day, so that they meet often."""

NAMES = [f"agency-{number}" for number in range(20)]
OVERLAID = ["agency-0", "agency-3", "agency-7", "agency-8", "agency-12"]
SCHEMA, STANDARD = standard_book()
OVERLAYS, BY_HAND = overlays(OVERLAID)
POLICIES = STANDARD + OVERLAYS
CIRCLES = ["readers", "publishers", "others"]
KINDS = ["POLICE", "BORDER", "PROSECUTOR", "LABOUR", "FIU", "NGO", "HOTLINE", "IGO"]
COUNTRIES = ["GR", "RO", "XX"]
OPERATIONS = ["op", "oq"]
TOPICS = (
    Topic(topic="t", readers=("readers", "others"), publishers=("publishers",)),
    Topic(topic="v", readers=("readers",), publishers=("others",), victim_assistance=True),
)


@cache
def book_without(dropped: frozenset[str]) -> RuleBook:
    """Return the standard book without some rules; each is one statement with its annotations."""
    statements = POLICIES.split('\n@id("')
    kept = [one for one in statements[1:] if one.split('"')[0] not in dropped]
    assert len(statements) - 1 - len(kept) == len(dropped)
    return RuleBook.load(SCHEMA, "".join(f'\n@id("{one}' for one in kept))


@cache
def whole(book: RuleBook) -> PolicySet:
    trees = {rule.id: rule.tree for rule in book.rules.values()}
    text = {"templates": {}, "templateLinks": [], "staticPolicies": trees}
    return PolicySet.from_json_str(json.dumps(text))


@dataclass(kw_only=True)
class Run:
    """One random walk. `engine` is kept as long as directory and book are the same."""

    chance: random.Random
    without: frozenset[str] = frozenset()
    now: int = 0
    decided: int = 0
    world: Any = None
    engine: Any = None
    facts: Any = None
    markings: list[Any] = field(default_factory=list)
    mismatches: list[str] = field(default_factory=list)

    @property
    def book(self) -> RuleBook:
        return book_without(self.without)

    def walk(self, steps: Iterator[int]) -> None:
        for step in steps:
            if step % STEPS_PER_BOOK == 0:
                self.without = frozenset(
                    {
                        *self._some(sorted(FORBIDS["deliver"]), 2),
                        *self._some(sorted(BY_HAND), len(BY_HAND)),
                    }
                )
                self.engine = None
            if step % STEPS_PER_DIRECTORY == 0 or self.engine is None:
                self._change()
            self.now = self.chance.randint(0, LAST)
            self._decide()

    def _change(self) -> None:
        if self.world is None or self.chance.random() < 0.1:
            everybody = tuple(map(self._agency, NAMES))
            self.world = World(members=everybody, subjects=TOPICS, joint=self._joint())
            self.markings = [self._marking() for _ in range(3)]
        else:
            members = list(self.world.members)
            moved = self.chance.randrange(len(members))
            members[moved] = self._agency(NAMES[moved])
            locked = frozenset(self._some(NAMES, 1))
            retired = self.world.retired | frozenset(self._some(NAMES, 1))
            retired = retired if len(retired) < 3 else frozenset()
            self.world = World(
                members=tuple(members),
                subjects=TOPICS,
                locked=locked,
                retired=retired,
                joint=self._joint(),
            )
        if self.engine is None or self.engine.book is not self.book:
            self.engine = PolicyEngine(self.book, self.world)
        else:
            self.engine = self.engine.with_directory(self.world)
        self.facts = Federation.of(self.world, self.book.schema)

    def _some(self, among: list[str], most: int) -> list[str]:
        return self.chance.sample(among, self.chance.randint(0, most))

    def _joint(self) -> tuple[Operation, ...]:
        """One operation has an entry, the other only members."""
        starts_at = self.chance.randint(0, LAST - 1)
        ends_at = self.chance.randint(starts_at + 1, LAST)
        return (Operation(code=OPERATIONS[0], starts_at=starts_at, ends_at=ends_at),)

    def _agency(self, name: str) -> Agency:
        chance = self.chance
        return Agency(
            agency=name,
            country=chance.choice(COUNTRIES),
            kind=chance.choice(KINDS),
            role="auditor" if chance.random() < 0.1 else "agency",
            circles=tuple(self._some(CIRCLES, 3)),
            agreement_until=chance.randint(0, LAST),
            operations=tuple((one, chance.randint(0, LAST)) for one in self._some(OPERATIONS, 2)),
        )

    def _marking(self) -> Marking:
        chance = self.chance
        return Marking(
            type=chance.choice(sorted(NOTICE_TYPES)),
            tlp=chance.choice(["RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR"]),
            handling=tuple(self._some(["H0", "H1", "H2", "H3"], 2)),
            not_for=tuple(self._some(COUNTRIES, 2)),
            sanitised=chance.random() < 0.5,
            operation=chance.choice(["", *OPERATIONS]),
        )

    def _decide(self) -> None:
        topic, marking = self.chance.choice(TOPICS), self.chance.choice(self.markings)
        originator = self.chance.choice(NAMES[:2])
        named = frozenset(self._some(NAMES, 4))
        granted = frozenset(self._some([name for name in NAMES if name not in named], 3))
        asked = [Asked(agency=name, named=name in named, granted=name in granted) for name in NAMES]
        question = Question(
            action="deliver", marking=marking, topic=topic.topic, originator=originator
        )
        self._compare(question, asked, topic)
        for action, about, names in (
            ("publish", marking, self.chance.sample(NAMES, 1)),
            ("subscribe", None, self.chance.sample(NAMES, 4)),
        ):
            for name in names:
                question = Question(
                    action=action, marking=about, topic=topic.topic, originator=name
                )
                self._compare(question, [Asked(agency=name, named=False)], topic)

    def _compare(self, question: Question, asked: list[Asked], topic: Topic) -> None:
        sliced = answer(self.book, self.facts, question, asked, self.now)
        flat = self._flat(question, asked)
        kept = self._kept(question, asked)
        for one, fresh, (allow, rules) in zip(asked, sliced, flat, strict=True):
            self.decided += 1
            decision = fresh.decision
            found = {
                "sliced": decision.allow,
                "kept": kept[one.agency],
                "by hand": self._by_hand(question, one, topic),
            }
            by_code = any(rule.startswith("code:") for rule in decision.determining)
            if not by_code:
                found["flat"] = allow
            if decision.errors or len(set(found.values())) != 1:
                self._differ(question, one, found, decision.errors)
            elif not by_code and decision.determining != rules:
                self._differ(question, one, {"sliced": decision.determining, "flat": rules}, ())

    def _differ(self, *what: object) -> None:
        self.mismatches.append(f"at {self.now} without {sorted(self.without)}: {what}")

    def _flat(self, question: Question, asked: list[Asked]) -> list[tuple[bool, tuple[str, ...]]]:
        entities, schema, resource = self.facts.entities, self.book.schema, None
        if question.marking is None:
            resource = reference("Topic", question.topic)
        else:
            about = (question.marking, question.topic, question.originator)
            names = sorted({one.agency for one in asked if one.named})
            notices = notice_entities(
                *about,
                [None, *names],
                granted=sorted({one.agency for one in asked if one.granted}),
                operation=self.world.operation(question.marking.operation),
            )
            entities = load_entities(notices, schema, entities)
        requests = [
            agency_request(
                question.action,
                one.agency,
                resource or reference("Notice", _name(one)),
                self.now,
            )
            for one in asked
        ]
        outcomes = evaluate(requests, whole(self.book), entities, schema)
        return [(one.allow, one.determining) for one in outcomes]

    def _kept(self, question: Question, asked: list[Asked]) -> dict[str, bool]:
        engine, topic, now = self.engine, question.topic, self.now
        if question.action == "deliver":
            about = question.marking, topic, question.originator
            people = [(one.agency, one.named) for one in asked if not one.granted]
            decisions = engine.may_each_receive(*about, people, now)
            for one in asked:
                if one.granted:
                    decisions[one.agency] = engine.may_receive_granted(*about, one.agency, now)
            return {name: decision.allow for name, decision in decisions.items()}
        name = question.originator
        if question.action == "publish":
            return {name: engine.may_publish(question.marking, topic, name, now).allow}
        return {name: engine.may_subscribe(topic, name, now).allow}

    def _by_hand(self, question: Question, one: Asked, topic: Topic) -> bool:
        marking: Any = question.marking or PLAIN
        act = Act(
            agency=self.world.by_name[one.agency],
            topic=topic,
            now=self.now,
            marking=marking,
            named=one.named,
            granted=one.granted,
            dates=_dates(self.world, marking),
        )
        return is_allowed(
            self.world,
            question.action,
            act,
            originator=question.originator,
            without=self.without,
            more=BY_HAND,
        )


def _name(asked: Asked) -> str:
    if asked.granted:
        return granted_name(asked.agency)
    return notice_name(asked.agency if asked.named else None)


def _dates(world: Any, marking: Any) -> tuple[int, int]:
    entry = world.operation(marking.operation)
    return (entry.starts_at, entry.ends_at) if entry else ALWAYS


def walked(seed: int, decisions: int) -> Run:
    run = Run(chance=random.Random(seed))
    per_step = len(NAMES) + 5
    run.walk(iter(range(-(-decisions // per_step))))
    return run


@pytest.mark.parametrize("seed", range(4))
def test_four_ways_to_decide_agree(seed: int) -> None:
    run = walked(seed, DECISIONS // 4)
    assert run.decided >= DECISIONS // 4
    assert run.mismatches == []


def _never_stale(self: Answer, now: int) -> bool:
    """A kept answer that is given for ever."""
    return True


def _without_forbids(self: Rule, action: str) -> bool:
    """A slice that leaves a rule out which can apply."""
    return self.id != "F05-national-restriction-deliver" and _CAN_APPLY(self, action)


def _fails_open(*given: Any, **more: Any) -> list[Any]:
    """An engine whose deny is lost for one agency."""
    outcomes = evaluate(*given, **more)
    return [replace(outcomes[0], allow=True), *outcomes[1:]]


def _no_group(*_: object) -> int:
    """An agency that is asked about without the rules that it made."""
    return 0


def _first_part(one: Any, *_: object) -> Any:
    """A book of whose parts the second is not heard."""
    return one


_CAN_APPLY = Rule.can_apply
FAULTS: dict[str, tuple[str, Callable[..., object]]] = {
    "kept beyond its time": ("policy.answering.Answer.holds_at", _never_stale),
    "a slice without a rule": ("policy.rules.Rule.can_apply", _without_forbids),
    "an engine that allows": ("policy.slicing.evaluate", _fails_open),
    "a group without its own rules": ("policy.slicing.Slices.group_of", _no_group),
    "parts of which one counts": ("policy.slicing.merged", _first_part),
}


@pytest.mark.parametrize(("place", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_found(
    place: str, fault: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, fault)
    book_without.cache_clear()
    try:
        assert walked(5, 4_000).mismatches
    finally:
        book_without.cache_clear()


def test_a_removed_forbid_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def poorer(dropped: frozenset[str]) -> RuleBook:
        return book_without(dropped | {"F05-national-restriction-deliver"})

    monkeypatch.setattr(Run, "book", property(lambda run: poorer(run.without)))
    assert walked(6, 4_000).mismatches
