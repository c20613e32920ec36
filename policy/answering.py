# SPDX-License-Identifier: Apache-2.0
"""Takes decisions afresh: one question about one notice or topic, for any number of agencies.

Works out, with each decision, the span of time for which it holds. Keeps nothing; `policy.engine`
does that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from policy.book import RuleBook, Section
from policy.decisions import FAR_FUTURE, Decision
from policy.errors import FactError
from policy.evaluation import Entities, Outcome, agency_request, load_entities
from policy.facts import (
    Json,
    boundaries,
    granted_name,
    notice_entities,
    notice_name,
    operation_boundaries,
    reference,
)
from policy.federation import NO_DECISION, ORIGINATOR, UNKNOWN_ORIGINATOR, Federation
from policy.near_misses import NearMiss, near_misses
from policy.slicing import ask

if TYPE_CHECKING:
    from keys.directory import OperationEntry
    from keys.envelope import Marking

_UNPERMITTED = {
    "publish": "No rule of the book lets {} publish this here.",
    "subscribe": "No rule of the book lets {} subscribe to this topic.",
    "deliver": "No rule of the book lets {} receive this.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a set of decisions has in common; `marking` is None when there is no notice."""

    action: str
    marking: "Marking | None"
    topic: str
    originator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """For whom a question is put."""

    agency: str
    named: bool
    granted: bool = False
    """Whether the originator released the notice to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A decision and the first instant (milliseconds) for which it is known to hold."""

    decision: Decision
    since: int = 0

    def holds_at(self, now: int) -> bool:
        """Return whether the same question put at `now` would be answered the same."""
        return self.since <= now < self.decision.valid_until


def span(dates: Iterable[int], now: int) -> tuple[int, int]:
    """Return the last of `dates` that is not after `now` (or 0), and the first that is."""
    since, until = 0, FAR_FUTURE
    for date in dates:
        if date <= now:
            since = max(since, date)
        else:
            until = min(until, date)
    return since, until


def answer(
    book: RuleBook, federation: Federation, question: Question, asked: Sequence[Asked], now: int
) -> list[Answer]:
    """Decide the question for each of `asked`, in their order; what cannot be decided is denied."""
    barred = [_by_code(federation, question, one) for one in asked]
    open_ones = [one for one, bar in zip(asked, barred, strict=True) if bar is None]
    ruled = iter(_by_book(book, federation, question, open_ones, now))
    return [Answer(decision=bar) if bar is not None else next(ruled) for bar in barred]


def misses(
    book: RuleBook, federation: Federation, question: Question, asked: Asked, now: int
) -> tuple[NearMiss, ...]:
    """Return which permits nearly let `asked` do it; none where no rule was asked."""
    if _by_code(federation, question, asked) is not None:
        return ()
    try:
        entities = _entities(book, federation, question, [asked])
    except FactError:
        return ()
    request = agency_request(question.action, asked.agency, _resource(question, asked), now)
    return near_misses(book, question.action, request, entities)


def _by_code(federation: Federation, question: Question, asked: Asked) -> Decision | None:
    """Return what holds whatever the book says, or None if the book has to be asked."""
    barred = federation.bar(asked.agency)
    if barred is not None:
        return barred
    if question.action == "deliver" and asked.agency == question.originator:
        return ORIGINATOR
    if question.originator not in federation.agencies:
        return UNKNOWN_ORIGINATOR
    return federation.bar_topic(question.topic)


def _by_book(
    book: RuleBook, federation: Federation, question: Question, asked: Sequence[Asked], now: int
) -> list[Answer]:
    if not asked:
        return []
    try:
        entities = _entities(book, federation, question, asked)
    except FactError as refusal:
        return [_undecided((str(refusal),), now)] * len(asked)
    requests = [
        (one.agency, agency_request(question.action, one.agency, _resource(question, one), now))
        for one in asked
    ]
    section = book.sections[question.action]
    answers: list[Answer] = []
    outcomes = ask(
        section.slices, book.rules, question.originator, requests, (entities, book.schema)
    )
    for one, outcome in zip(asked, outcomes, strict=True):
        if outcome.errors:
            answers.append(_undecided(outcome.errors, now))
            continue
        since, until = _span(federation, question, one.agency, now, section)
        decision = _decision(book, question.action, one.agency, outcome, until)
        answers.append(Answer(decision=decision, since=since))
    return answers


def _entities(
    book: RuleBook, federation: Federation, question: Question, asked: Sequence[Asked]
) -> Entities:
    if question.marking is None:
        return federation.entities
    plain = [one for one in asked if not one.granted]
    addressed = sorted({one.agency if one.named else "" for one in plain})
    notices = notice_entities(
        question.marking,
        question.topic,
        question.originator,
        [name or None for name in addressed],
        granted=sorted({one.agency for one in asked if one.granted}),
        operation=_operation(federation, question),
    )
    return load_entities(notices, book.schema, federation.entities)


def _resource(question: Question, asked: Asked) -> Json:
    if question.marking is None:
        return reference("Topic", question.topic)
    if asked.granted:
        return reference("Notice", granted_name(asked.agency))
    return reference("Notice", notice_name(asked.agency if asked.named else None))


def _operation(federation: Federation, question: Question) -> "OperationEntry | None":
    code = question.marking.operation if question.marking else ""
    return federation.directory.operation(code) if code else None


def _span(
    federation: Federation, question: Question, agency: str, now: int, section: Section
) -> tuple[int, int]:
    """Return from when until when an answer holds: it could read the dates of all concerned."""
    if not section.bounded:
        return now, now
    names = {agency, question.originator}
    dates = [boundaries(federation.agencies[name]) for name in names]
    operation = _operation(federation, question)
    if operation is not None:
        dates.append(operation_boundaries(operation))
    return span(chain.from_iterable(dates), now)


def _decision(book: RuleBook, action: str, agency: str, outcome: Outcome, until: int) -> Decision:
    says = tuple(book.says(rule) for rule in outcome.determining)
    return Decision(
        allow=outcome.allow,
        determining=outcome.determining,
        says=says or (_UNPERMITTED[action].format(agency),),
        valid_until=until,
    )


def _undecided(errors: tuple[str, ...], now: int) -> Answer:
    """Return a denial that is kept for no time, so that the question is put again."""
    decision = Decision(
        allow=False, determining=(), says=(NO_DECISION,), errors=errors, valid_until=now
    )
    return Answer(decision=decision, since=now)
