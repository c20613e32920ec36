# SPDX-License-Identifier: Apache-2.0
"""The standard book's delivery, publish and subscribe rules written by hand, to compare Cedar with.

Returns whether the act is allowed and nothing of why. It shares no code with the policy package.
"""

from tests.unit.policy.worlds import Agency, Marking, Topic, World


def may_receive(
    world: World, marking: Marking, topic: Topic, recipient: str, *, named: bool, now: int
) -> bool:
    """Decide for a recipient that is not the originator, which always receives."""
    if not world.active(recipient) or world.by_name[recipient].role == "auditor":
        return False
    agency = world.by_name[recipient]
    return _is_permitted(agency, marking, topic, named=named, now=now) and not _is_forbidden(
        agency, marking, topic, named=named
    )


def may_publish(world: World, topic: Topic, agency: str, now: int) -> bool:
    entry = world.by_name[agency]
    return (
        world.active(agency)
        and entry.role != "auditor"
        and entry.agreement_until > now
        and not {*topic.publishers}.isdisjoint(entry.circles)
    )


def may_subscribe(world: World, topic: Topic, agency: str) -> bool:
    entry = world.by_name[agency]
    return (
        world.active(agency)
        and entry.role != "auditor"
        and not {*topic.readers}.isdisjoint(entry.circles)
    )


def _is_permitted(agency: Agency, marking: Marking, topic: Topic, *, named: bool, now: int) -> bool:
    agreed = agency.agreement_until > now
    ends = dict(agency.operations)
    joint = marking.operation != "" and ends.get(marking.operation, 0) > now
    return joint or (agreed and (named or not {*topic.readers}.isdisjoint(agency.circles)))


def _is_forbidden(agency: Agency, marking: Marking, topic: Topic, *, named: bool) -> bool:
    red = marking.tlp == "RED" and not named
    excluded = agency.country in marking.not_for
    unfit = agency.kind in {"NGO", "HOTLINE"} and not (
        marking.sanitised and topic.victim_assistance
    )
    sensitive = marking.type in {"RED", "BLUE", "SILVER"} and not named
    return red or excluded or unfit or (agency.kind == "LABOUR" and sensitive)
