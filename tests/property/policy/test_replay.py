# SPDX-License-Identifier: Apache-2.0
"""Any decision that was taken is taken again the same, from what is on record of it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy import standard_book
from policy.engine import PolicyEngine
from policy.errors import BookError
from policy.replay import Recorded, replay
from tests.property.policy.test_decisions import BOOK, MARKINGS, NAMES, TIMES, WORLDS
from tests.unit.policy.worlds import Agency, Topic, marking, world

SCHEMA, POLICIES = standard_book()
ASKED = st.tuples(st.sampled_from(NAMES), st.booleans(), st.booleans())

TWICE = st.tuples(TIMES, TIMES)


@settings(max_examples=40, deadline=None)
@given(world=WORLDS, marking=MARKINGS, topic=st.sampled_from("tv"), times=TWICE, asked=ASKED)
def test_a_kept_decision_is_replayed_the_same(
    world: Any, marking: Any, topic: str, times: tuple[int, int], asked: tuple[str, bool, bool]
) -> None:
    (agency, named, granted), (other, at) = asked, times
    engine, about = PolicyEngine(BOOK, world), (marking, topic, NAMES[0])
    if granted:
        engine.may_receive_granted(*about, agency, other)
        decided = engine.may_receive_granted(*about, agency, at)
    else:
        engine.may_receive(*about, agency, named, other)
        decided = engine.may_receive(*about, agency, named, at)
    recorded = Recorded(
        action="deliver",
        agency=agency,
        marking=marking,
        topic=topic,
        originator=NAMES[0],
        named=named and not granted,
        granted=granted,
        at=at,
        rule_book=BOOK.digest,
        allow=decided.allow,
        determining=decided.determining,
    )
    assert recorded.is_met_by(replay(recorded, SCHEMA, POLICIES, world))


MEMBERS = Agency(agency="ro-pol"), Agency(agency="gr-pol", circles=("publishers",))
WORLD = world(MEMBERS, Topic(topic="t"))
PUBLISHED = Recorded(
    action="publish",
    agency="gr-pol",
    marking=marking(),
    topic="t",
    originator="gr-pol",
    at=1,
    rule_book=BOOK.digest,
    allow=True,
    determining=("P05-publish",),
)


def test_a_publish_is_replayed_too() -> None:
    assert PUBLISHED.is_met_by(replay(PUBLISHED, SCHEMA, POLICIES, WORLD))


def test_a_record_that_says_otherwise_is_found() -> None:
    decided = replay(PUBLISHED, SCHEMA, POLICIES, WORLD)
    assert not replace(PUBLISHED, allow=False).is_met_by(decided)
    assert not replace(PUBLISHED, determining=("P01",)).is_met_by(decided)


def test_another_book_or_act_is_refused() -> None:
    with pytest.raises(BookError, match="the text is of book"):
        replay(PUBLISHED, SCHEMA, POLICIES + " ", WORLD)
    with pytest.raises(BookError, match="no act of a frame"):
        replay(replace(PUBLISHED, action="erase"), SCHEMA, POLICIES, WORLD)
    with pytest.raises(BookError, match="no act of a frame"):
        replay(replace(PUBLISHED, agency="ro-pol"), SCHEMA, POLICIES, WORLD)
