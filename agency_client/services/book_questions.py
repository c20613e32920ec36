# SPDX-License-Identifier: Apache-2.0
"""The questions by which two rule books are compared, and how what they cover is said in words.

Axes of a case, in this order: agency, topic, originator, operation, named, sanitised, what a
changed rule reads besides, TLP, class of notice. Decides nothing.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Self

from agency_client.domain.boxes import Box, Case
from keys.directory import AgencyEntry, Directory, TopicEntry
from keys.marking import Marking
from policy.book import ACTIONS
from policy.decisions import Decision
from policy.engine import PolicyEngine
from policy.facts import NAMESPACE, NOTICE_TYPES
from policy.lint import concerns, reads
from policy.rules import Rule

TLPS = ("RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR")
HANDLING = ("H0", "H1", "H2", "H3")
PURPOSES = (
    *("PREVENTION", "INVESTIGATION", "PROSECUTION", "VICTIM_PROTECTION"),
    *("THREAT_TO_LIFE", "ASSET_RECOVERY", "STATISTICS"),
)
CLASSES: Mapping[str, str] = {
    kind: next(name for name, one in NOTICE_TYPES.items() if one == kind)
    for kind in dict.fromkeys(NOTICE_TYPES.values())
}
"""A type of notice for each class that books speak of."""
YES_NO = ("yes", "no")
ANY = ""
"""The value of an axis that is not varied, or an originator that no rule is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question about several agencies.

    Attributes:
        action: publish, subscribe or deliver.
        groups: whom it is put for, by the one that it is put about.
        topic: where.
        topics: for which that stands.
        originator: of the notice; where agencies publish, each is its own.
        named: whether the originator names them.
        marking: of the notice.
        axes: what stands in the case for all but the agency and the topic.
        now: milliseconds since 1970.
    """

    action: str
    groups: Mapping[str, tuple[str, ...]]
    topic: str
    topics: tuple[str, ...]
    originator: str
    named: bool
    marking: Marking
    axes: Case
    now: int

    def answers(self, engine: PolicyEngine) -> Mapping[str, Decision]:
        """Return what an engine decides for each agency that the question is about."""
        if self.action == "deliver":
            to = [(one, self.named) for one in self.groups]
            return engine.may_each_receive(self.marking, self.topic, self.originator, to, self.now)
        if self.action == "publish":
            return {
                one: engine.may_publish(self.marking, self.topic, one, self.now)
                for one in self.groups
            }
        return {one: engine.may_subscribe(self.topic, one, self.now) for one in self.groups}

    def cases(self, agency: str) -> Iterator[Case]:
        """Yield the cases that the answer for one agency answers.

        Of notices of one certain originator it is not among the recipients.
        """
        own = self.originator if ANY not in self.axes[:1] else ANY
        members = (one for one in self.groups[agency] if one != own)
        return ((one, topic, *self.axes) for one, topic in product(members, self.topics))


def _other(group: Sequence[str], originator: str) -> str:
    """Return one of a group that is not the originator, which always has its own."""
    return next(one for one in group if one != originator)


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What there is to ask in a federation about some rules.

    Attributes:
        groups: agencies that no rule tells apart.
        topics: asked about.
        alike: the same, those together that no rule tells apart.
        touched: for each action the only agencies whose acts changed rules are about; None for all.
        originators: (agency, name on the axis).
        operations: joint operations, and none.
        more: further axis: what changed rules read besides, with markings that show it.
        read: what the rules of both books read of a notice, by action.
        now: milliseconds since 1970.
    """

    groups: tuple[tuple[str, ...], ...]
    topics: tuple[str, ...]
    alike: tuple[tuple[str, ...], ...]
    touched: Mapping[str, frozenset[str] | None]
    originators: tuple[tuple[str, str], ...]
    operations: tuple[str, ...]
    more: tuple[tuple[str, Marking], ...]
    read: Mapping[str, frozenset[str]]
    now: int

    @classmethod
    def of(
        cls,
        directory: Directory,
        changed: Sequence[Rule],
        kept: Sequence[Rule],
        now: int,
        topics: Sequence[str] = (),
    ) -> Self:
        """Return what to ask about the agencies of a directory.

        Args:
            directory: whose.
            changed: rules that only one of the books has so.
            kept: rules of both. What one forbids for notices of one originator is not asked about.
            now: milliseconds since 1970.
            topics: asked about; all where there are none.
        """
        known = named_in((*changed, *kept), "Agency")
        asked = tuple(topics) or tuple(one.topic for one in directory.topics())
        return cls(
            groups=_groups(directory, known, now),
            topics=asked,
            alike=_alike(directory, asked, named_in((*changed, *kept), "Topic")),
            touched={action: _touched(changed, action) for action in ACTIONS},
            originators=_originators(directory, changed, known),
            operations=("", *(one.code for one in directory.operations())),
            more=_more(changed, {one.country for one in directory.agencies()}),
            read={action: _read_by(action, (*changed, *kept)) for action in ACTIONS},
            now=now,
        )

    def about(self, action: str) -> Iterator[Asked]:
        """Yield the questions about an action."""
        originators = self.originators if action == "deliver" else (("", ANY),)
        answered: set[tuple[str, ...]] = set()
        only = self.touched[action]
        concerned = [one for one in self.groups if only is None or only.intersection(one)]
        for originator, label in originators:
            groups = [one for one in concerned if one not in answered or label != ANY]
            asked = {_other(one, originator): one for one in groups if one != (originator,)}
            if label == ANY:
                answered |= {*asked.values()}
            if asked:
                yield from self._of_originator(action, originator, label, asked)

    def _of_originator(
        self, action: str, originator: str, label: str, groups: Mapping[str, tuple[str, ...]]
    ) -> Iterator[Asked]:
        axes = product(self.alike, *self._axes(action))
        for topics, operation, named, sanitised, (more, marking), tlp, kind in axes:
            marked = replace(
                marking,
                type=CLASSES.get(kind, marking.type),
                tlp=tlp or marking.tlp,
                operation=operation,
                sanitised=sanitised == YES_NO[0],
            )
            yield Asked(
                action=action,
                groups=groups,
                topic=topics[0],
                topics=topics,
                originator=originator,
                named=named == YES_NO[0],
                marking=marked,
                axes=(label, operation, named, sanitised, more, tlp, kind),
                now=self.now,
            )

    def _axes(self, action: str) -> Sequence[Sequence[Any]]:
        """Return the values of each axis; one where no rule reads what it is about."""
        if action == "subscribe":
            return ((ANY,), (ANY,), (ANY,), self.more[:1], (ANY,), (ANY,))
        read = self.read[action]
        return (
            self.operations if read & {"operation", "operationId"} else (ANY,),
            YES_NO if "namedAgencies" in read and action == "deliver" else (ANY,),
            YES_NO if "sanitised" in read else (ANY,),
            self.more,
            TLPS if "tlp" in read else (ANY,),
            tuple(CLASSES) if "noticeType" in read else (ANY,),
        )

    def words(self, action: str, box: Box) -> tuple[tuple[str, ...], str]:
        """Return a box's agencies and the rest of it in words."""
        agencies, topics, originators, *rest = box
        where = "" if topics == {*self.topics} else f" on {_listed(topics)}"
        whose = {ANY, *(label for _, label in self.originators)}
        from_whom = "" if originators >= whose or originators == {ANY} else _from(originators)
        if action == "subscribe":
            return tuple(sorted(agencies)), where.removeprefix(" on ") or "to any topic"
        return tuple(sorted(agencies)), _notices(rest, self) + where + from_whom


def _from(originators: Collection[str]) -> str:
    return " from " + _listed(one or "any other" for one in originators)


def _is_all(values: Collection[str], axis: Collection[str]) -> bool:
    """Whether a box is not limited on an axis."""
    return len(values) == len(axis) or values == {ANY}


def _notices(rest: Sequence[frozenset[str]], questions: Questions) -> str:
    """Return which notices, in words."""
    operations, named, sanitised, more, tlps, kinds = rest
    joint = questions.read["deliver"] & {"operation", "operationId"}
    words = [
        "any notice" if _is_all(kinds, CLASSES) else f"{_listed(kinds)} notices",
        "" if _is_all(tlps, TLPS) else f" at TLP:{_listed(tlps)}",
        _only(sanitised, "sanitised", "not sanitised"),
        _only(named, "when named", "when not named"),
        "" if not joint or operations == {*questions.operations} else _within(operations),
        "" if len(more) == len(questions.more) else f", {_listed(more)}",
    ]
    return "".join(words)


def _only(values: Collection[str], yes: str, no: str) -> str:
    """Return what a box is limited to on an axis of yes and no; nothing where it has both."""
    if len(values) > 1 or ANY in values:
        return ""
    return f", {yes if YES_NO[0] in values else no}"


def _within(operations: Collection[str]) -> str:
    return ", " + _listed(f"of operation {one}" if one else "of no operation" for one in operations)


def _listed(some: Iterable[str]) -> str:
    return ", ".join(sorted(some))


def _groups(directory: Directory, named: Collection[str], now: int) -> tuple[tuple[str, ...], ...]:
    """Return the agencies by what rules can read of them; whom a rule names is alone."""
    found: dict[Any, list[str]] = {}
    for entry in directory.agencies():
        if not directory.is_retired(entry.agency):
            key = _facts(entry, now), directory.active(entry.agency)
            apart = entry.agency if entry.agency in named else ""
            found.setdefault((*key, apart), []).append(entry.agency)
    return tuple(tuple(group) for group in found.values())


def _facts(entry: AgencyEntry, now: int) -> tuple[object, ...]:
    operations = tuple((code, until > now) for code, until in entry.operations)
    runs = entry.agreement_until > now
    kinds = entry.country, entry.kind, entry.role, entry.contact247
    return (*kinds, entry.circles, operations, runs)


def _alike(
    directory: Directory, topics: Sequence[str], named: Collection[str]
) -> tuple[tuple[str, ...], ...]:
    """Return topics by what rules can read of them; whom a rule names, and those below, alone."""
    found: dict[Any, list[str]] = {}
    for topic in topics:
        entry = directory.topic(topic)
        above = topic.split("/")
        paths = {"/".join(above[:depth]) for depth in range(1, len(above) + 1)}
        apart = topic if entry is None or paths & {*named} else ""
        key = () if entry is None else _topic_facts(entry)
        found.setdefault((*key, apart), []).append(topic)
    return tuple(tuple(group) for group in found.values())


def _topic_facts(entry: TopicEntry) -> tuple[object, ...]:
    return entry.readers, entry.publishers, entry.victim_assistance, entry.min_clearance


def _touched(changed: Iterable[Rule], action: str) -> frozenset[str] | None:
    """Return whom changed rules are about by their heads; None where one is about anybody."""
    heads = {rule.principal for rule in changed if concerns(rule, action)}
    return None if None in heads else frozenset(head for head in heads if head is not None)


def _as_originators(changed: Iterable[Rule]) -> frozenset[str]:
    """Return the agencies that rules name otherwise than as who acts."""
    return frozenset(
        name
        for rule in changed
        for part in ("resource", "conditions")
        for name in _entities(rule.tree[part], f"{NAMESPACE}::Agency")
    )


def _originators(
    directory: Directory, changed: Sequence[Rule], known: Collection[str]
) -> tuple[tuple[str, str], ...]:
    """Return whom notices come from: those that changed rules name; two for all others, or all."""
    about = _as_originators(changed)
    active = [one.agency for one in directory.agencies() if directory.active(one.agency)]
    apart = [(one, one) for one in active if one in about]
    others = sorted((one for one in active if one not in about), key=lambda one: one in known)
    if any(("resource", "originator") in reads(rule) for rule in changed):
        return (*apart, *((one, one) for one in others))
    return (*apart, *((one, ANY) for one in others[:2]))


def _more(changed: Sequence[Rule], countries: Collection[str]) -> tuple[tuple[str, Marking], ...]:
    """Return markings for what changed rules read of a notice beyond the usual axes.

    Of a vocabulary the words are asked about that such rules name; all, where they name none.
    """
    read = {attribute for rule in changed for variable, attribute in reads(rule)}
    plain = Marking(type="FREE_TEXT", tlp="GREEN")
    found = [(ANY, plain)]
    codes: Sequence[str]
    if "handling" in read:
        codes = sorted(named_in(changed, "Handling")) or HANDLING
        found += [(f"handled {code}", replace(plain, handling=(code,))) for code in codes]
    if "purposes" in read:
        codes = sorted(named_in(changed, "Purpose")) or PURPOSES
        found += [(f"for {code}", replace(plain, purposes=(code,))) for code in codes]
    if "notFor" in read:
        codes = sorted(named_in(changed, "Country") or countries)
        found += [(f"not for {code}", replace(plain, not_for=(code,))) for code in codes]
    return tuple(found)


def _read_by(action: str, rules: Iterable[Rule]) -> frozenset[str]:
    """Return what the rules for an action read of a notice."""
    concerned = (rule for rule in rules if concerns(rule, action))
    return frozenset(attribute for rule in concerned for _, attribute in reads(rule))


def named_in(rules: Iterable[Rule], kind: str) -> frozenset[str]:
    """Return the agencies, countries or codes that rules name."""
    return frozenset(
        name for rule in rules for name in _entities(rule.tree, f"{NAMESPACE}::{kind}")
    )


def _entities(tree: Any, kind: str) -> Iterator[str]:
    if isinstance(tree, list):
        for node in tree:
            yield from _entities(node, kind)
    elif isinstance(tree, dict):
        if tree.get("type") == kind:
            yield tree["id"]
        yield from _entities(list(tree.values()), kind)
