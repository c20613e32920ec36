# SPDX-License-Identifier: Apache-2.0
"""Decides what an officer may do with a notice at the officer's own agency; denies in doubt.

The same book, the same wrapper and the same facts as for agencies, and beside them the officer, the
purpose, what the notice says of its readers, and a second person's approval. Whether an approval is
genuine, and whether an officer is who it says, is decided before (`officers`). Keeps no decision:
nobody reads so fast. Source: research on governance 2.8 and 3.3; the schema in `policy/book/`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from policy.book import RuleBook
from policy.decisions import FAR_FUTURE, Decision, by_code
from policy.errors import FactError
from policy.evaluation import Outcome, PolicySet, evaluate, load_entities, policy_set
from policy.facts import (
    Json,
    instant,
    notice_entities,
    notice_name,
    reference,
    reference_value,
)
from policy.federation import NO_DECISION, UNKNOWN_AGENCY, UNKNOWN_ORIGINATOR, Federation
from policy.lint import concerns

if TYPE_CHECKING:
    from keys.directory import OperationEntry
    from keys.envelope import Marking

_UNPERMITTED = "No rule of the book lets this officer do this."
_LEFT_TO_AGENCY = by_code("code:agency-publishes", allow=True)


class Officer(Protocol):
    """What an agency vouches for of an officer."""

    @property
    def agency(self) -> str:
        """Whose officer."""

    @property
    def pseudonym(self) -> str:
        """Names the officer."""

    @property
    def roles(self) -> tuple[str, ...]:
        """What the officer is there for."""

    @property
    def clearance(self) -> int:
        """How far the officer is vetted."""

    @property
    def vetted_until(self) -> int:
        """Milliseconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficersNotice:
    """A kept notice, as the rules about officers see it.

    Attributes:
        marking: of the frame, as signed.
        topic: of the frame.
        originator: who published it.
        named: whether the originator named the officer's agency.
        granted: whether a grant admitted the officer's agency.
        for_officer: whether the notice says that it is for this officer's eyes.
        lapsed: whether its time is over.
        withdrawn: whether its originator took it back.
    """

    marking: "Marking"
    topic: str
    originator: str
    named: bool = False
    granted: bool = False
    for_officer: bool = False
    lapsed: bool = False
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlass:
    """Why an officer reads what the officer otherwise may not."""

    reason: str
    ticket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A second person's approval that was found genuine, and when it was given."""

    by: Officer
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What is decided by: the rules, and the directory in their words."""

    book: RuleBook
    federation: Federation


def may_read(
    grounds: Grounds,
    officer: Officer,
    notice: OfficersNotice,
    *,
    purpose: str,
    now: int,
    break_glass: BreakGlass | None = None,
) -> Decision:
    """Decide whether an officer may read a notice for a purpose.

    Args:
        grounds: what is decided by.
        officer: who.
        notice: which.
        purpose: code of what for; one that the book has no word for is denied.
        now: milliseconds since 1970.
        break_glass: given where there is danger to life.
    """
    context: Json = {"now": instant(now), "purpose": reference_value("Purpose", purpose)}
    if break_glass is not None:
        context["breakGlass"] = {"reason": break_glass.reason, "ticket": break_glass.ticket}
    return _decide(grounds, "fetch", (officer,), notice, context)


def may_publish(
    grounds: Grounds,
    officer: Officer,
    notice: OfficersNotice,
    *,
    now: int,
    approval: Approval | None = None,
) -> Decision:
    """Decide whether a person may publish for the officer's agency what the agency may publish.

    A book that permits nothing to officers who publish leaves it to their agency; what it forbids
    them is forbidden all the same.
    """
    decision = may_act(grounds, "publish", officer, notice, now=now, approval=approval)
    if decision.allow or decision.determining or decision.errors:
        return decision
    rules = grounds.book.rules.values()
    permits = any(concerns(one, "publish", "Officer") for one in rules if not one.forbids)
    return decision if permits else _LEFT_TO_AGENCY


def may_act(
    grounds: Grounds,
    action: str,
    officer: Officer,
    notice: OfficersNotice,
    *,
    now: int,
    target: str = "",
    approval: Approval | None = None,
) -> Decision:
    """Decide whether an officer may release, amend, withdraw or publish a notice.

    Args:
        grounds: what is decided by.
        action: "grantOnward", "amend", "withdraw" or "publish".
        officer: who asked for it.
        notice: which.
        now: milliseconds since 1970.
        target: agency that a notice is released to; empty where there is none.
        approval: of a second person, where there is one.
    """
    context: Json = {"now": instant(now)}
    if target:
        if target not in grounds.federation.agencies:
            return UNKNOWN_AGENCY
        context["target"] = reference_value("Agency", target)
    people = [officer]
    if approval is not None:
        people.append(approval.by)
        by = reference_value("Officer", approval.by.pseudonym)
        context["approval"] = {"by": by, "at": instant(approval.at)}
    return _decide(grounds, action, people, notice, context)


def _decide(
    grounds: Grounds,
    action: str,
    people: Sequence[Officer],
    notice: OfficersNotice,
    context: Json,
) -> Decision:
    """Ask the book what the first of `people` may do."""
    book, federation, officer = grounds.book, grounds.federation, people[0]
    barred = federation.bar(officer.agency) or federation.bar_topic(notice.topic)
    if barred is not None:
        return barred
    if notice.originator not in federation.agencies:
        return UNKNOWN_ORIGINATOR
    try:
        code = notice.marking.operation
        operation = federation.directory.operation(code) if code else None
        facts = [*_notice_entities(notice, officer, operation), *_officer_entities(people)]
        entities = load_entities(facts, book.schema, federation.entities)
    except FactError as refusal:
        return _undecided((str(refusal),))
    request = {
        "principal": reference("Officer", officer.pseudonym),
        "action": reference("Action", action),
        "resource": reference("Notice", notice_name(officer.agency if notice.named else None)),
        "context": context,
    }
    (outcome,) = evaluate([request], _rules(book, action), entities, book.schema)
    return _decision(book, outcome)


@lru_cache(maxsize=64)
def _rules(book: RuleBook, action: str) -> PolicySet:
    """Return the rules that can apply to an officer who does `action`."""
    return policy_set(rule for rule in book.rules.values() if rule.can_apply(action, "Officer"))


def _notice_entities(
    notice: OfficersNotice, officer: Officer, operation: "OperationEntry | None"
) -> list[Json]:
    """Return the notice as the marking describes it, with what is known of it at the agency."""
    named = officer.agency if notice.named else None
    described = notice_entities(
        notice.marking, notice.topic, notice.originator, (named,), operation=operation
    )
    reader = [reference_value("Officer", officer.pseudonym)]
    agency = [reference_value("Agency", officer.agency)]
    described[0]["attrs"] |= {
        "namedOfficers": reader if notice.for_officer else [],
        "onwardGrants": agency if notice.granted else [],
        "validUntil": instant(0 if notice.lapsed else FAR_FUTURE),
        "withdrawn": notice.withdrawn,
    }
    return described


def _officer_entities(people: Sequence[Officer]) -> list[Json]:
    """Return each officer once; officers are in their agency and in their roles."""
    named = {one.pseudonym: one for one in people}
    return [
        {
            "uid": reference("Officer", pseudonym),
            "attrs": {
                "agency": reference_value("Agency", one.agency),
                "clearance": one.clearance,
                "vettedUntil": instant(one.vetted_until),
            },
            "parents": [
                reference("Agency", one.agency),
                *(reference("Role", role) for role in one.roles),
            ],
        }
        for pseudonym, one in named.items()
    ]


def _decision(book: RuleBook, outcome: Outcome) -> Decision:
    if outcome.errors:
        return _undecided(outcome.errors)
    says = tuple(book.says(rule) for rule in outcome.determining)
    return Decision(
        allow=outcome.allow,
        determining=outcome.determining,
        says=says or (_UNPERMITTED,),
        obligations=_obligations(book, outcome.determining) if outcome.allow else (),
    )


def _obligations(book: RuleBook, determining: Sequence[str]) -> tuple[str, ...]:
    """Return what the rules that decided ask to be done besides, in the words of the book."""
    found: list[str] = []
    for rule in determining:
        annotations = book.rules[rule].tree.get("annotations", {})
        found += str(annotations.get("obligation", "")).split(";")
    return tuple(dict.fromkeys(filter(None, found)))


def _undecided(errors: tuple[str, ...]) -> Decision:
    return Decision(allow=False, determining=(), says=(NO_DECISION,), errors=errors)
