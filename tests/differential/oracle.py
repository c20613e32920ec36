# SPDX-License-Identifier: Apache-2.0
"""The standard book's rules for publish, subscribe and deliver, written by hand, one by one.

Says whether an act is allowed under those of them that a book has, and nothing of why. Shares no
code with the policy package.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tests.unit.policy.worlds import Agency, Marking, Topic, World

PLAIN = Marking()
ALWAYS = (0, 1 << 62)


@dataclass(frozen=True, kw_only=True)
class Act:
    """One agency and what it would do; no marking where it would subscribe."""

    agency: Agency
    topic: Topic
    now: int
    marking: Marking = PLAIN
    named: bool = False
    granted: bool = False
    dates: tuple[int, int] = ALWAYS
    """Of the operation that the marking names."""


Rule: TypeAlias = Callable[[Act], bool]


def _agreed(act: Act) -> bool:
    return act.agency.agreement_until > act.now


def _reads(act: Act) -> bool:
    return not {*act.topic.readers}.isdisjoint(act.agency.circles)


def _publishes(act: Act) -> bool:
    return not {*act.topic.publishers}.isdisjoint(act.agency.circles)


def _joined(act: Act) -> bool:
    operation = act.marking.operation
    starts_at, ends_at = act.dates
    is_member = dict(act.agency.operations).get(operation, 0) > act.now
    return operation != "" and is_member and starts_at <= act.now < ends_at


def _is_care(act: Act) -> bool:
    return act.marking.sanitised and act.topic.victim_assistance


def _is_sensitive(act: Act) -> bool:
    return act.marking.type in {"RED", "BLUE", "SILVER"}


PERMITS: Mapping[str, Mapping[str, Rule]] = {
    "publish": {"P05-publish": lambda act: _agreed(act) and _publishes(act)},
    "subscribe": {"P06-subscribe": _reads},
    "deliver": {
        "P01-topic-member-delivery": lambda act: _agreed(act) and _reads(act),
        "P02-named-recipient-delivery": lambda act: _agreed(act) and act.named,
        "P07-joint-operation-member": _joined,
        "P14-released-recipient-delivery": lambda act: _agreed(act) and act.granted,
    },
}
FORBIDS: Mapping[str, Mapping[str, Rule]] = {
    "publish": {},
    "subscribe": {},
    "deliver": {
        "F01-tlp-red-named-only": lambda act: act.marking.tlp == "RED" and not act.named,
        "F05-national-restriction-deliver": lambda act: act.agency.country in act.marking.not_for,
        "F08-ngo-sanitised-only": lambda act: (
            act.agency.kind in {"NGO", "HOTLINE"} and not _is_care(act)
        ),
        "F17-sensitive-type-not-to-labour": lambda act: (
            act.agency.kind == "LABOUR" and _is_sensitive(act) and not act.named
        ),
    },
}


def is_allowed(
    world: World, action: str, act: Act, *, originator: str = "", without: Collection[str] = ()
) -> bool:
    """Decide by the standard book without some of its rules.

    Args:
        world: the directory.
        action: publish, subscribe or deliver.
        act: by whom and what.
        originator: who signed what would be delivered; it always receives.
        without: ids of rules that the book does not have.
    """
    name = act.agency.agency
    if not world.active(name) or act.agency.role == "auditor":
        return False
    if action == "deliver" and name == originator:
        return True
    return _holds(PERMITS[action], act, without) and not _holds(FORBIDS[action], act, without)


def _holds(rules: Mapping[str, Rule], act: Act, without: Collection[str]) -> bool:
    return any(rule(act) for name, rule in rules.items() if name not in without)
