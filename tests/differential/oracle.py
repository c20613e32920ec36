# SPDX-License-Identifier: Apache-2.0
"""The standard book's rules for publish, subscribe and deliver, written by hand, one by one.

And rules that single agencies made for themselves, as text of the book and by hand. Says whether an
act is allowed under those that a book has, and nothing of why. Shares no code with the policy
package.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
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


Overlay: TypeAlias = Callable[[Act, str], bool]
"""Whether a rule forbids an act that is about a notice of this originator."""

_INBOUND = """
@id("{id}") @says("We do not take it.")
forbid (principal == Tocsin::Agency::"{agency}", action == Tocsin::Action::"deliver",
        resource is Tocsin::Notice)
when {{ {condition} }};
"""
_OUTBOUND = """
@id("{id}") @says("We do not give it to them.")
forbid (principal is Tocsin::Agency, action == Tocsin::Action::"deliver",
        resource is Tocsin::Notice in Tocsin::Agency::"{agency}")
when {{ {condition} }};
"""
_TAKEN: Mapping[str, tuple[str, Rule]] = {
    "plain": ("!resource.sanitised", lambda act: not act.marking.sanitised),
    "lapsed": (
        "principal.agreementUntil <= context.now",
        lambda act: act.agency.agreement_until <= act.now,
    ),
}
_GIVEN: Mapping[str, tuple[str, Rule]] = {
    "GREEN": ('resource.tlp == Tocsin::Tlp::"GREEN"', lambda act: act.marking.tlp == "GREEN"),
    "foreign": (
        'principal.country == Tocsin::Country::"RO"',
        lambda act: act.agency.country == "RO",
    ),
}


def overlays(names: Sequence[str]) -> tuple[str, dict[str, Overlay]]:
    """Return rules that these agencies made about what they take and give: as text, and by hand."""
    text, by_hand = "", dict[str, Overlay]()
    for agency, (about, (condition, rule)) in product(names, _TAKEN.items()):
        name = f"IN-{agency}-{about}"
        text += _INBOUND.format(id=name, agency=agency, condition=condition)
        by_hand[name] = _incoming(agency, rule)
    for agency, (about, (condition, rule)) in product(names, _GIVEN.items()):
        name = f"OUT-{agency}-{about}"
        text += _OUTBOUND.format(id=name, agency=agency, condition=condition)
        by_hand[name] = _outgoing(agency, rule)
    return text, by_hand


def _incoming(agency: str, rule: Rule) -> Overlay:
    return lambda act, _: act.agency.agency == agency and rule(act)


def _outgoing(agency: str, rule: Rule) -> Overlay:
    return lambda act, originator: originator == agency and rule(act)


def is_allowed(
    world: World,
    action: str,
    act: Act,
    *,
    originator: str = "",
    without: Collection[str] = (),
    more: Mapping[str, Overlay] = MappingProxyType({}),
) -> bool:
    """Decide by the standard book without some of its rules.

    Args:
        world: the directory.
        action: publish, subscribe or deliver.
        act: by whom and what.
        originator: who signed what would be delivered; it always receives.
        without: ids of rules that the book does not have.
        more: rules about delivery that it has besides.
    """
    name = act.agency.agency
    if not world.active(name) or act.agency.role == "auditor":
        return False
    if action == "deliver" and name == originator:
        return True
    if action == "deliver" and any(
        rule(act, originator) for name, rule in more.items() if name not in without
    ):
        return False
    return _holds(PERMITS[action], act, without) and not _holds(FORBIDS[action], act, without)


def _holds(rules: Mapping[str, Rule], act: Act, without: Collection[str]) -> bool:
    return any(rule(act) for name, rule in rules.items() if name not in without)
