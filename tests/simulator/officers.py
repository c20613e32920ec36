# SPDX-License-Identifier: Apache-2.0
"""Officers of a simulated federation: what their agencies assert of them to the broker.

two = asserted_two(federation, "gr-pol", act)
"""

from dataclasses import replace

from keys.framing import sha256
from officers.assertions import LIFETIME_MS, Assertion, new_assertion_id, whole_second
from officers.tokens import issue
from tests.simulator.federation import ASSERTION_KEY, DAY, NOW, Federation


def assertion_of(
    federation: Federation,
    agency: str,
    act: bytes,
    role: str,
    *,
    now: int = NOW,
    certificate: bytes = bytes(32),
) -> Assertion:
    """Return what an agency asserts of its officer of that role who does `act`."""
    at = whole_second(now)
    return Assertion(
        agency=agency,
        subject=f"officer-{role.lower()}",
        roles=(role,),
        clearance=2,
        vetted_until=whole_second(now + 30 * DAY),
        purpose="INVESTIGATION",
        case="2026/114",
        federation=federation.id,
        certificate=certificate,
        issued_at=at,
        expires_at=at + LIFETIME_MS,
        assertion_id=new_assertion_id(),
        act=sha256(act),
    )


def signed(federation: Federation, assertion: Assertion, *, by: str = "") -> str:
    """Return an assertion signed by its agency, or by another."""
    return issue(assertion, ASSERTION_KEY, federation.agencies[by or assertion.agency].assertion)


def asserted_two(
    federation: Federation,
    agency: str,
    act: bytes,
    *,
    now: int = NOW,
    certificate: bytes = bytes(32),
) -> tuple[str, str]:
    """Return the assertions of a liaison officer and a supervisor of an agency for one act."""
    liaison, supervisor = (
        signed(
            federation,
            assertion_of(federation, agency, act, role, now=now, certificate=certificate),
        )
        for role in ("LIAISON", "SUPERVISOR")
    )
    return liaison, supervisor


def one_person(assertion: Assertion, *roles: str) -> Assertion:
    """Return an assertion of the same person in other roles, under an id of its own."""
    return replace(assertion, roles=tuple(sorted(roles)), assertion_id=new_assertion_id())
