# SPDX-License-Identifier: Apache-2.0
"""What `publish` says and ends with, for every mixture of outcomes."""

import pytest

from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError
from agency_client.cli.gathering import Gathered, Record, Refused
from agency_client.cli.publish import Outcome
from agency_client.domain.notices import draft_of
from agency_client.domain.views import PublishedNotice, PublishReport, PublishState
from agency_client.errors import Reason

NOW = 1_795_500_000_000
GOOD = {"type": "FREE_TEXT", "tlp": "GREEN", "title": "t", "text": "x"}


def record(line: int, source: str = "a.jsonl") -> Record:
    return Record(source=source, line=line, draft=draft_of(GOOD, now=NOW, topic="a/b"))


def flawed(line: int, source: str = "a.jsonl", reason: str = "WRONG_TYPE") -> Refused:
    return Refused(source=source, line=line, field="title", reason=reason, message="expected text")


def outcome(
    states: list[PublishState],
    flaws: list[Refused] | None = None,
    reason: Reason = Reason.TOPIC_UNKNOWN,
) -> Outcome:
    drafts = tuple(record(line) for line in range(1, len(states) + 1))
    notices = tuple(
        PublishedNotice(
            position=position,
            state=state,
            reason=reason if state is PublishState.REFUSED else "",
            message="why" if state is not PublishState.ACCEPTED else "",
        )
        for position, state in enumerate(states)
    )
    gathered = Gathered(drafts=drafts, refused=tuple(flaws or ()))
    return Outcome(gathered=gathered, report=PublishReport(notices=notices), agency="gr-pol")


def judged(found: Outcome, *, waited: bool = True) -> tuple[Exit, str]:
    with pytest.raises(CommandError) as caught:
        found.judge(waited=waited)
    return caught.value.failure.code, caught.value.failure.message


ACCEPTED, QUEUED, REFUSED = PublishState


def test_all_accepted_is_done() -> None:
    outcome([ACCEPTED, ACCEPTED]).judge(waited=True)


def test_one_refused_among_others_is_done_in_part() -> None:
    told = judged(outcome([ACCEPTED, REFUSED], [flawed(9)]))
    assert told == (Exit.PARTIAL, "2 of 3 records were refused")


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (outcome([], [flawed(1)]), (Exit.USAGE, "the record was refused")),
        (outcome([], [flawed(1), flawed(2)]), (Exit.USAGE, "all 2 records were refused")),
        (outcome([REFUSED]), (Exit.NOT_FOUND, "the record was refused")),
        (
            outcome([REFUSED], reason=Reason.EMPTY_AUDIENCE),
            (Exit.REFUSED, "the record was refused"),
        ),
        (outcome([REFUSED], reason=Reason.MALFORMED), (Exit.FAILED, "the record was refused")),
        (outcome([REFUSED], [flawed(2)]), (Exit.USAGE, "all 2 records were refused")),
    ],
)
def test_where_nothing_was_published_the_code_says_why(
    found: Outcome, told: tuple[Exit, str]
) -> None:
    assert judged(found) == told


def test_all_or_nothing_says_that_it_was_nothing() -> None:
    held_back = Outcome(
        gathered=Gathered(drafts=(record(1), record(2)), refused=(flawed(3),)),
        report=PublishReport(notices=()),
    )
    told = judged(held_back)
    assert told == (Exit.USAGE, "1 of 3 records were refused, so none was published")


def test_what_waits_is_no_success_for_who_waited() -> None:
    found = outcome([QUEUED])
    assert judged(found) == (Exit.PARTIAL, "1 notice left in the outbox: why")
    found.judge(waited=False)


def test_refusals_are_told_in_the_order_of_the_files() -> None:
    drafts = (record(1), record(4), record(1, "b.jsonl"))
    notices = tuple(
        PublishedNotice(position=position, state=REFUSED, reason=Reason.TOPIC_UNKNOWN)
        for position in range(3)
    )
    refused = (flawed(2), flawed(2, "b.jsonl"))
    found = Outcome(
        gathered=Gathered(drafts=drafts, refused=refused), report=PublishReport(notices=notices)
    )
    places = [(one.source, one.line) for one in found.refused]
    assert places == [
        ("a.jsonl", 1),
        ("a.jsonl", 2),
        ("a.jsonl", 4),
        ("b.jsonl", 1),
        ("b.jsonl", 2),
    ]


def test_a_refusal_by_the_rules_says_what_to_do() -> None:
    (one,) = outcome([REFUSED]).refused
    assert one.advice == "`tocsin topics` lists the topics you may use"
