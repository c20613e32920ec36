# SPDX-License-Identifier: Apache-2.0
"""The one decision function: may an agency publish, subscribe, receive; and who may receive.

The sender asks it whom to seal to, the broker asks it at every publish, subscribe, delivery and
fetch, the receiver asks it on opening; all from the same signed book and directory. It looks at
the marking, the topic, the originator, whether the recipient is named, the directory and the time,
and at nothing else. Validity times and recalls of notices are other code, and so is whether the
key of a frame already sealed is still good. Reads no clock and does no I/O; one thread at a time.

A decision is kept until the first instant at which one of the dates it read could change it. An
engine belongs to one book and one directory, and a change of either makes a new engine, so nothing
kept here outlives the facts it was taken from.
"""

from collections.abc import Collection, Iterable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from policy.answering import Answer, Asked, Question, answer, misses, span
from policy.book import RuleBook
from policy.decisions import Audience, Decision
from policy.errors import BookError
from policy.federation import NO_KEY, Federation
from policy.near_misses import Explanation
from policy.officers import (
    Approval,
    BreakGlass,
    Grounds,
    Officer,
    OfficersNotice,
    may_act,
    may_read,
)
from policy.officers import may_publish as may_publish_as

if TYPE_CHECKING:
    from keys.directory import Directory
    from keys.envelope import Marking

MAX_KEPT = 1024
"""Markings whose decisions are kept; with 200 agencies about 40 MB. The oldest goes first."""

_Class: TypeAlias = "tuple[str, Marking | None, str, str]"
_Addressed: TypeAlias = tuple[str, bool, bool]
"""An agency, whether it is named, and whether the notice was released to it."""
_Kept: TypeAlias = dict[_Addressed, Answer]


class PolicyEngine:
    """Decides by one rule book about the agencies of one directory."""

    def __init__(self, book: RuleBook, directory: "Directory") -> None:
        self.book = book
        self.directory = directory
        self._federation = Federation.of(directory, book.schema)
        self._decisions: dict[_Class, _Kept] = {}
        self._audiences: dict[tuple[_Class, frozenset[str]], tuple[int, Audience]] = {}

    @classmethod
    def of_directory(cls, directory: "Directory") -> "PolicyEngine":
        """Return the engine of the rule book that the directory's stewards signed.

        Raises:
            BookError: there is none, or it is one that this program refuses.
        """
        entry = directory.rule_book
        if entry is None:
            raise BookError("the directory has no rule book")
        return cls(RuleBook.load(entry.schema, entry.policies), directory)

    def with_directory(self, directory: "Directory") -> "PolicyEngine":
        """Return an engine for a newer directory, with the directory's rule book if it has one.

        Raises:
            BookError: the directory brings a rule book that this program refuses.
        """
        entry = directory.rule_book
        if entry is None or entry.digest == self.book.digest:
            return PolicyEngine(self.book, directory)
        return PolicyEngine.of_directory(directory)

    def may_publish(self, marking: "Marking", topic: str, originator: str, now: int) -> Decision:
        """Decide whether `originator` may publish a notice of this marking on this topic."""
        return self._decide(
            ("publish", marking, topic, originator), (originator, False, False), now
        )

    def may_subscribe(self, topic: str, agency: str, now: int) -> Decision:
        """Decide whether `agency` may subscribe; each delivery is decided again on its own."""
        return self._decide(("subscribe", None, topic, agency), (agency, False, False), now)

    def may_receive(  # noqa: PLR0917  (the order in which a frame gives them)
        self,
        marking: "Marking",
        topic: str,
        originator: str,
        recipient: str,
        named: bool,
        now: int,
    ) -> Decision:
        """Decide whether `recipient` may receive; an originator that is not locked always may.

        Args:
            marking: of the frame, as signed.
            topic: of the frame.
            originator: who signed it.
            recipient: to whom it would go.
            named: whether the frame's RECIPIENT says that the originator named it.
            now: milliseconds since 1970.
        """
        return self._decide(("deliver", marking, topic, originator), (recipient, named, False), now)

    def may_receive_granted(
        self, marking: "Marking", topic: str, originator: str, grantee: str, now: int
    ) -> Decision:
        """Decide whether an agency may have a notice that its originator released to it."""
        return self._decide(("deliver", marking, topic, originator), (grantee, False, True), now)

    def may_each_receive(
        self,
        marking: "Marking",
        topic: str,
        originator: str,
        recipients: Iterable[tuple[str, bool]],
        now: int,
    ) -> dict[str, Decision]:
        """Decide as `may_receive` for each (recipient, named); much faster when all are new."""
        asked = [(name, named, False) for name, named in recipients]
        answers = self._answers(("deliver", marking, topic, originator), asked, now)
        pairs = zip(asked, answers, strict=True)
        return {recipient: answer.decision for (recipient, _, _), answer in pairs}

    def audience(
        self, marking: "Marking", topic: str, originator: str, named: Collection[str], now: int
    ) -> Audience:
        """Decide for every agency at once, and leave out those without a valid encryption key."""
        about: _Class = ("deliver", marking, topic, originator)
        key = about, frozenset(named)
        if (kept := self._audiences.get(key)) is not None:
            since, audience = kept
            if since <= now < audience.valid_until:
                return audience
        since, audience = self._gather(about, key[1], now)
        _make_room(self._audiences)
        self._audiences[key] = since, audience
        return audience

    def explain(  # noqa: PLR0917  (as `may_receive`)
        self,
        marking: "Marking",
        topic: str,
        originator: str,
        recipient: str,
        named: bool,
        now: int,
    ) -> Explanation:
        """Decide as `may_receive`, and where no rule permits it, say what each permit lacks."""
        decision = self.may_receive(marking, topic, originator, recipient, named, now)
        if decision.allow or decision.determining or decision.errors:
            return Explanation(decision=decision)
        question = Question(action="deliver", marking=marking, topic=topic, originator=originator)
        asked = Asked(agency=recipient, named=named)
        lacking = misses(self.book, self._federation, question, asked, now)
        return Explanation(decision=decision, near_misses=lacking)

    def may_read(
        self,
        officer: Officer,
        notice: OfficersNotice,
        *,
        purpose: str,
        now: int,
        break_glass: BreakGlass | None = None,
    ) -> Decision:
        """Decide whether an officer may read a notice that its agency has; see `officers`."""
        return may_read(
            self._grounds(),
            officer,
            notice,
            purpose=purpose,
            now=now,
            break_glass=break_glass,
        )

    def may_publish_as(
        self,
        officer: Officer,
        notice: OfficersNotice,
        *,
        now: int,
        approval: Approval | None = None,
    ) -> Decision:
        """Decide whether a person may publish what its agency may publish; see `officers`."""
        return may_publish_as(self._grounds(), officer, notice, now=now, approval=approval)

    def may_act(
        self,
        action: str,
        officer: Officer,
        notice: OfficersNotice,
        *,
        now: int,
        target: str = "",
        approval: Approval | None = None,
    ) -> Decision:
        """Decide whether an officer may do something with a notice; see `officers`."""
        return may_act(
            self._grounds(),
            action,
            officer,
            notice,
            now=now,
            target=target,
            approval=approval,
        )

    def _grounds(self) -> Grounds:
        return Grounds(book=self.book, federation=self._federation)

    def _decide(self, about: _Class, asked: _Addressed, now: int) -> Decision:
        if (kept := self._decisions.get(about)) is not None:
            one = kept.get(asked)
            if one is not None and one.holds_at(now):
                return one.decision
        return self._ask(about, [asked], now)[0].decision

    def _answers(self, about: _Class, asked: list[_Addressed], now: int) -> list[Answer]:
        """Return what is kept, and put the question for the others in one go."""
        kept = self._decisions.get(about, {})
        found = {one: kept[one] for one in asked if one in kept and kept[one].holds_at(now)}
        missing = [one for one in asked if one not in found]
        if missing:
            found.update(zip(missing, self._ask(about, missing, now), strict=True))
        return [found[one] for one in asked]

    def _ask(self, about: _Class, asked: list[_Addressed], now: int) -> list[Answer]:
        """Put the question to the book and keep the answers."""
        action, marking, topic, originator = about
        question = Question(action=action, marking=marking, topic=topic, originator=originator)
        people = [
            Asked(agency=agency, named=named, granted=granted) for agency, named, granted in asked
        ]
        answers = answer(self.book, self._federation, question, people, now)
        if about not in self._decisions:
            _make_room(self._decisions)
            self._decisions[about] = {}
        known = self._federation.agencies
        pairs = zip(asked, answers, strict=True)
        self._decisions[about].update(pair for pair in pairs if pair[0][0] in known)
        return answers

    def _gather(self, about: _Class, named: frozenset[str], now: int) -> tuple[int, Audience]:
        """Return a new audience and the first instant for which it is known to hold."""
        facts = self._federation
        present = (name for name in facts.agencies if not self.directory.is_retired(name))
        names = sorted(named.union(present))
        answers = self._answers(about, [(name, name in named, False) for name in names], now)
        decisions = {name: one.decision for name, one in zip(names, answers, strict=True)}
        willing = [name for name, decision in decisions.items() if decision.allow]
        decisions.update({name: NO_KEY for name in willing if not facts.has_key(name, now)})
        keys_since, keys_until = span((d for name in willing for d in facts.key_dates(name)), now)
        audience = Audience(
            admitted=tuple(name for name, decision in decisions.items() if decision.allow),
            refused=MappingProxyType({n: d for n, d in decisions.items() if not d.allow}),
            valid_until=min([keys_until, *(one.decision.valid_until for one in answers)]),
        )
        return max([keys_since, *(one.since for one in answers)]), audience


def _make_room(kept: dict[Any, Any]) -> None:
    """Forget the oldest entry when there is no room for one more."""
    if len(kept) >= MAX_KEPT:
        del kept[next(iter(kept))]
