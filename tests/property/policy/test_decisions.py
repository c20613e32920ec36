# SPDX-License-Identifier: Apache-2.0
"""Over random federations, markings and times: kept decisions, audiences and the book agree."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policy import standard_book
from policy.book import RuleBook
from policy.engine import PolicyEngine
from policy.facts import NOTICE_TYPES
from tests.differential.oracle import Act, is_allowed
from tests.unit.policy.worlds import Agency, Key, Marking, Topic, World

BOOK = RuleBook.load(*standard_book())
NAMES = [f"agency-{number}" for number in range(5)]
TIMES = st.integers(0, 12)
COUNTRIES = st.sampled_from(["GR", "RO", "XX"])
CIRCLES = st.sampled_from(["readers", "publishers", "others"])
KINDS = ["POLICE", "BORDER", "PROSECUTOR", "LABOUR", "FIU", "NGO", "HOTLINE", "IGO"]


def tuples(of: Any, most: int = 3) -> Any:
    return st.lists(of, max_size=most, unique=True).map(tuple)


def agencies(name: str) -> Any:
    return st.builds(
        Agency,
        agency=st.just(name),
        country=COUNTRIES,
        kind=st.sampled_from(KINDS),
        role=st.sampled_from(["agency", "agency", "agency", "auditor"]),
        circles=tuples(CIRCLES),
        agreement_until=TIMES,
        operations=st.dictionaries(st.sampled_from(["op", "oq"]), TIMES).map(
            lambda ends: tuple(ends.items())
        ),
        encryption=tuples(st.builds(Key, valid_from=TIMES, valid_until=TIMES), 2),
    )


WORLDS = st.builds(
    World,
    members=st.tuples(*map(agencies, NAMES)),
    subjects=st.tuples(
        st.builds(Topic, topic=st.just("t"), readers=tuples(CIRCLES), publishers=tuples(CIRCLES)),
        st.builds(Topic, topic=st.just("v"), victim_assistance=st.just(True)),
    ),
    locked=st.frozensets(st.sampled_from(NAMES), max_size=1),
    retired=st.frozensets(st.sampled_from(NAMES), max_size=1),
)
MARKINGS = st.builds(
    Marking,
    type=st.sampled_from(sorted(NOTICE_TYPES)),
    tlp=st.sampled_from(["RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR"]),
    handling=tuples(st.sampled_from(["H0", "H1", "H2", "H3"])),
    purposes=tuples(st.sampled_from(["PREVENTION", "INVESTIGATION", "PROSECUTION"])),
    not_for=tuples(COUNTRIES),
    sanitised=st.booleans(),
    operation=st.sampled_from(["", "op", "oq", "or"]),
)
NAMED = st.frozensets(st.sampled_from(NAMES), max_size=2)


@settings(max_examples=60, deadline=None)
@given(world=WORLDS, marking=MARKINGS, subject=st.sampled_from([0, 1]), now=TIMES, named=NAMED)
def test_the_book_decides_as_the_rules_written_by_hand(
    world: Any, marking: Any, subject: int, now: int, named: frozenset[str]
) -> None:
    engine, topic = PolicyEngine(BOOK, world), world.subjects[subject]
    for name in NAMES:
        entry = world.by_name[name]
        act = Act(agency=entry, topic=topic, now=now, marking=marking, named=name in named)
        decided = engine.may_receive(marking, topic.topic, NAMES[0], name, name in named, now)
        assert decided.errors == ()
        assert decided.allow is is_allowed(world, "deliver", act, originator=NAMES[0])
        published = engine.may_publish(marking, topic.topic, name, now)
        assert published.allow is is_allowed(world, "publish", act)
        subscribed = engine.may_subscribe(topic.topic, name, now)
        assert subscribed.allow is is_allowed(world, "subscribe", act)


@settings(max_examples=40, deadline=None)
@given(
    world=WORLDS,
    marking=MARKINGS,
    times=st.lists(TIMES, min_size=2, max_size=6),
    named=NAMED,
)
def test_a_kept_decision_is_the_one_that_would_be_taken(
    world: Any, marking: Any, times: list[int], named: frozenset[str]
) -> None:
    keeping = PolicyEngine(BOOK, world)
    for now in times:
        fresh = PolicyEngine(BOOK, world)
        for name in NAMES:
            question = (marking, "t", NAMES[0], name, name in named, now)
            kept, taken = keeping.may_receive(*question), fresh.may_receive(*question)
            assert kept == taken
            assert now < taken.valid_until
            assert keeping.may_publish(marking, "t", name, now) == fresh.may_publish(
                marking, "t", name, now
            )


@settings(max_examples=40, deadline=None)
@given(
    world=WORLDS,
    marking=MARKINGS,
    times=st.lists(TIMES, min_size=2, max_size=6),
    named=NAMED,
)
def test_an_audience_is_what_each_agency_is_told(
    world: Any, marking: Any, times: list[int], named: frozenset[str]
) -> None:
    engine = PolicyEngine(BOOK, world)
    for now in times:
        audience = engine.audience(marking, "t", NAMES[0], named, now)
        apart = PolicyEngine(BOOK, world)
        admitted = {
            name
            for name in NAMES
            if apart.may_receive(marking, "t", NAMES[0], name, name in named, now).allow
            and world.encryption_key(name, now) is not None
        }
        assert set(audience.admitted) == admitted
        assert set(audience.refused) == (set(NAMES) - world.retired | named) - admitted
        assert not any(decision.allow for decision in audience.refused.values())
