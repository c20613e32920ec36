# SPDX-License-Identifier: Apache-2.0
"""What an officer may do with a kept notice; anything in doubt is a denial."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from policy import standard_book
from policy.book import RuleBook
from policy.decisions import Decision
from policy.engine import PolicyEngine
from policy.officers import Approval, BreakGlass, OfficersNotice
from tests.unit.policy.worlds import DAY, FAR, NOW, Agency, Topic, marking, world

HOUR = DAY // 24
TOPIC = "trafficking/cases"
DANGER = BreakGlass(reason="a child in danger", ticket="T-1")


@dataclass(frozen=True, kw_only=True)
class Person:
    """An officer, as an agency vouches for one."""

    agency: str = "ro-pol"
    pseudonym: str = "officer-1"
    roles: tuple[str, ...] = ("ANALYST",)
    clearance: int = 2
    vetted_until: int = FAR


ANALYST = Person()
DUTY = Person(pseudonym="officer-2", roles=("DUTY_247",), clearance=0)
LIAISON = Person(agency="gr-pol", pseudonym="officer-3", roles=("LIAISON",))
CHIEF = Person(agency="gr-pol", pseudonym="officer-4", roles=("LIAISON", "SUPERVISOR"))


@pytest.fixture(scope="module")
def engine() -> PolicyEngine:
    members = [
        Agency(agency="gr-pol", country="GR"),
        Agency(agency="ro-pol", contact247=True),
        Agency(agency="hr-pro", country="HR", kind="PROSECUTOR", circles=()),
        Agency(agency="op-pol", circles=(), operations=(("op-harbour", NOW + DAY),)),
        Agency(agency="safe-house", kind="NGO"),
    ]
    topics = (
        Topic(topic=TOPIC, min_clearance="1"),
        Topic(topic="trafficking/help", victim_assistance=True),
    )
    directory = world(members, *topics, locked=frozenset({"op-lock"}))
    return PolicyEngine(RuleBook.load(*standard_book()), directory)


def notice(topic: str = TOPIC, **marked: Any) -> OfficersNotice:
    return OfficersNotice(marking=marking(**marked), topic=topic, originator="gr-pol")


NOTICE = notice()


def reads(
    engine: PolicyEngine,
    officer: Person,
    about: OfficersNotice = NOTICE,
    purpose: str = "INVESTIGATION",
    **more: Any,
) -> Decision:
    return engine.may_read(officer, about, purpose=purpose, now=NOW, **more)


def test_a_vetted_officer_of_a_receiving_agency_reads_for_an_accepted_purpose(
    engine: PolicyEngine,
) -> None:
    decision = reads(engine, ANALYST)
    assert (decision.allow, decision.determining) == (True, ("P03-officer-fetch",))
    assert decision.obligations == ()


@pytest.mark.parametrize(
    ("officer", "about", "purpose", "rule"),
    [
        pytest.param(ANALYST, NOTICE, "PREVENTION", "", id="purpose not accepted"),
        pytest.param(ANALYST, NOTICE, "CURIOSITY", "error", id="purpose nobody knows"),
        pytest.param(replace(ANALYST, clearance=0), NOTICE, "", "", id="clearance too low"),
        pytest.param(replace(ANALYST, vetted_until=NOW), NOTICE, "", "", id="vetting ended"),
        pytest.param(replace(ANALYST, roles=("CHIEF",)), NOTICE, "", "error", id="no such role"),
        pytest.param(replace(ANALYST, agency="xx-pol"), NOTICE, "", "code", id="no such agency"),
        pytest.param(ANALYST, notice(tlp="RED"), "", "F02", id="RED for others"),
        pytest.param(ANALYST, notice(not_for=("RO",)), "", "F06", id="country excluded"),
        pytest.param(ANALYST, replace(NOTICE, withdrawn=True), "", "F13", id="withdrawn"),
        pytest.param(ANALYST, replace(NOTICE, lapsed=True), "", "F13", id="expired"),
        pytest.param(
            replace(ANALYST, roles=("ANALYST", "AUDITOR")), NOTICE, "", "F14", id="auditor"
        ),
        pytest.param(replace(ANALYST, agency="safe-house"), NOTICE, "", "F09", id="NGO, not clean"),
        pytest.param(replace(ANALYST, agency="hr-pro"), NOTICE, "", "", id="outside the circle"),
        pytest.param(ANALYST, notice(type="NEWS"), "", "error", id="no such type"),
        pytest.param(ANALYST, notice("no/topic"), "", "code", id="no such topic"),
        pytest.param(DUTY, NOTICE, "THREAT_TO_LIFE", "", id="no glass broken"),
    ],
)
def test_an_officer_does_not_read(
    officer: Person, about: OfficersNotice, purpose: str, rule: str, engine: PolicyEngine
) -> None:
    decision = reads(engine, officer, about, purpose or "INVESTIGATION")
    assert not decision.allow
    assert bool(decision.errors) is (rule == "error")
    assert "".join(decision.determining).startswith(rule if rule != "error" else "")


def test_an_officer_whom_the_notice_is_for_reads_red(engine: PolicyEngine) -> None:
    about = replace(notice(tlp="RED"), named=True, for_officer=True)
    assert reads(engine, ANALYST, about).allow
    assert not reads(
        engine, replace(ANALYST, pseudonym="other"), replace(about, for_officer=False)
    ).allow


def test_what_came_by_name_by_grant_or_by_operation_is_read_too(engine: PolicyEngine) -> None:
    prosecutor = replace(ANALYST, agency="hr-pro")
    assert reads(engine, prosecutor, replace(NOTICE, named=True)).allow
    assert reads(engine, prosecutor, replace(NOTICE, granted=True)).allow
    assert reads(engine, replace(ANALYST, agency="op-pol"), notice(operation="op-harbour")).allow
    assert not reads(engine, replace(ANALYST, agency="op-pol"), notice(operation="op-other")).allow


def test_an_originator_reads_its_own_whatever_the_purpose(engine: PolicyEngine) -> None:
    assert reads(engine, LIAISON, replace(NOTICE, lapsed=True), "STATISTICS").allow


def test_a_duty_officer_breaks_the_glass_and_it_has_to_be_told_and_reviewed(
    engine: PolicyEngine,
) -> None:
    decision = reads(engine, DUTY, NOTICE, "THREAT_TO_LIFE", break_glass=DANGER)
    assert (decision.allow, decision.determining) == (True, ("P11-break-glass",))
    assert decision.obligations == ("review-within:72h", "notify:originator", "alarm:oversight")


@pytest.mark.parametrize(
    ("officer", "about", "purpose"),
    [
        pytest.param(DUTY, notice(tlp="RED"), "THREAT_TO_LIFE", id="never RED"),
        pytest.param(DUTY, notice(not_for=("RO",)), "THREAT_TO_LIFE", id="never a restriction"),
        pytest.param(DUTY, NOTICE, "INVESTIGATION", id="another purpose"),
        pytest.param(ANALYST, notice(purposes=()), "THREAT_TO_LIFE", id="no duty officer"),
        pytest.param(
            replace(DUTY, agency="safe-house"), NOTICE, "THREAT_TO_LIFE", id="no 24/7 desk"
        ),
    ],
)
def test_the_glass_does_not_break(
    officer: Person, about: OfficersNotice, purpose: str, engine: PolicyEngine
) -> None:
    decision = reads(engine, officer, about, purpose, break_glass=DANGER)
    assert (decision.allow, decision.obligations) == (False, ())


def test_a_notice_is_withdrawn_with_a_supervisors_approval(engine: PolicyEngine) -> None:
    approval = Approval(by=CHIEF, at=NOW - HOUR)
    decision = engine.may_act("withdraw", LIAISON, NOTICE, now=NOW, approval=approval)
    assert (decision.allow, decision.determining) == (True, ("P09-withdraw-two-person",))


@pytest.mark.parametrize(
    ("officer", "approval"),
    [
        pytest.param(LIAISON, None, id="alone"),
        pytest.param(CHIEF, Approval(by=CHIEF, at=NOW - HOUR), id="by oneself"),
        pytest.param(LIAISON, Approval(by=CHIEF, at=NOW - 24 * HOUR), id="stale"),
        pytest.param(
            LIAISON,
            Approval(by=replace(ANALYST, roles=("SUPERVISOR",)), at=NOW),
            id="of another agency",
        ),
        pytest.param(
            LIAISON, Approval(by=replace(LIAISON, pseudonym="x"), at=NOW), id="no supervisor"
        ),
        pytest.param(ANALYST, Approval(by=CHIEF, at=NOW), id="of another's notice"),
    ],
)
def test_a_notice_is_not_withdrawn(
    officer: Person, approval: Approval | None, engine: PolicyEngine
) -> None:
    assert not engine.may_act("withdraw", officer, NOTICE, now=NOW, approval=approval).allow


def test_a_liaison_officer_of_the_originator_releases_a_notice_and_nobody_else(
    engine: PolicyEngine,
) -> None:
    assert engine.may_act("grantOnward", LIAISON, NOTICE, now=NOW, target="hr-pro").allow
    assert not engine.may_act("grantOnward", ANALYST, NOTICE, now=NOW, target="hr-pro").allow
    unknown = engine.may_act("grantOnward", LIAISON, NOTICE, now=NOW, target="nobody")
    assert unknown.determining == ("code:unknown-agency",)


def test_an_act_that_the_book_does_not_know_is_denied(engine: PolicyEngine) -> None:
    decision = engine.may_act("erase", LIAISON, NOTICE, now=NOW)
    assert not decision.allow
    assert decision.errors


RED = notice(tlp="RED")


def publishes(
    engine: PolicyEngine, officer: Person, about: OfficersNotice = NOTICE, **approved: Any
) -> Decision:
    approval = Approval(**approved) if approved else None
    return engine.may_publish_as(officer, about, now=NOW, approval=approval)


def test_an_officer_publishes_for_its_agency(engine: PolicyEngine) -> None:
    assert publishes(engine, LIAISON).determining == ("P15-officer-publishes",)
    assert not publishes(engine, ANALYST).allow
    assert not publishes(engine, replace(LIAISON, vetted_until=NOW)).allow


def test_red_is_published_by_two(engine: PolicyEngine) -> None:
    assert publishes(engine, LIAISON, RED).determining == ("F18-tlp-red-two-person",)
    assert publishes(engine, LIAISON, RED, by=CHIEF, at=NOW - HOUR).allow


@pytest.mark.parametrize(
    ("by", "at"),
    [
        pytest.param(LIAISON, NOW, id="its own"),
        pytest.param(replace(LIAISON, pseudonym="officer-5"), NOW, id="no supervisor's"),
        pytest.param(replace(CHIEF, agency="ro-pol"), NOW, id="another agency's"),
        pytest.param(CHIEF, NOW - DAY, id="a day old"),
    ],
)
def test_an_approval_that_does_not_count_publishes_no_red(
    by: Person, at: int, engine: PolicyEngine
) -> None:
    assert publishes(engine, LIAISON, RED, by=by, at=at).determining == ("F18-tlp-red-two-person",)


def without_p15(engine: PolicyEngine) -> PolicyEngine:
    """The standard book without rule P15, as federations have it that signed it before."""
    schema, policies = standard_book()
    start, end = policies.index('@id("P15'), policies.index("// ===== Federation rule book, part B")
    book = RuleBook.load(schema, policies[:start] + policies[end:])
    return PolicyEngine(book, engine.directory)


def test_a_book_that_says_nothing_of_officers_who_publish_leaves_it_to_the_agency(
    engine: PolicyEngine,
) -> None:
    older = without_p15(engine)
    assert publishes(older, LIAISON).determining == ("code:agency-publishes",)
    assert publishes(older, LIAISON, RED).determining == ("F18-tlp-red-two-person",)
    assert not publishes(older, LIAISON, notice("no/topic")).allow
