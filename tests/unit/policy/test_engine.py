# SPDX-License-Identifier: Apache-2.0
"""The decision function: who may publish, subscribe and receive, and that it never fails open."""

from dataclasses import FrozenInstanceError, replace
from types import SimpleNamespace
from typing import Any

import cedarpy
import pytest

from policy import standard_book
from policy.book import RuleBook
from policy.decisions import CODE_RULES, FAR_FUTURE, Decision
from policy.engine import MAX_KEPT, PolicyEngine
from policy.errors import BookError
from tests.unit.policy.worlds import (
    DAY,
    FAR,
    NOW,
    Agency,
    Key,
    Operation,
    Topic,
    World,
    marking,
    world,
)

BOOK = RuleBook.load(*standard_book())
TOPIC = "exploitation"
ASSIST = "assist"
MEMBERS = (
    Agency(agency="gr-police", country="GR", circles=("readers", "publishers")),
    Agency(agency="ro-police", country="RO"),
    Agency(agency="xx-police", country="XX"),
    Agency(agency="ro-labour", country="RO", kind="LABOUR"),
    Agency(agency="ee-police", country="EE", circles=(), operations=(("opx", NOW + DAY),)),
    Agency(agency="helpline", country="RO", kind="NGO"),
    Agency(agency="watchers", country="RO", role="auditor"),
)
TOPICS = (Topic(topic=TOPIC), Topic(topic=ASSIST, victim_assistance=True))


def engine_of(*members: Agency, book: RuleBook = BOOK, **more: Any) -> PolicyEngine:
    return PolicyEngine(book, world(members or MEMBERS, *TOPICS, **more))


@pytest.fixture(scope="module")
def engine() -> PolicyEngine:
    return engine_of()


def receive(
    engine: PolicyEngine,
    recipient: str,
    *,
    topic: str = TOPIC,
    originator: str = "gr-police",
    named: bool = False,
    now: int = NOW,
    **differs: Any,
) -> Decision:
    return engine.may_receive(marking(**differs), topic, originator, recipient, named, now)


def test_a_member_of_the_readers_receives(engine: PolicyEngine) -> None:
    decision = receive(engine, "ro-police")
    assert decision.allow
    assert decision.determining == ("P01-topic-member-delivery",)
    assert decision.says == (BOOK.says("P01-topic-member-delivery"),)


def test_an_agency_outside_the_circle_is_told_that_no_rule_lets_it(engine: PolicyEngine) -> None:
    decision = receive(engine, "ee-police")
    assert not decision.allow
    assert decision.determining == ()
    assert decision.says == ("No rule of the book lets ee-police receive this.",)
    assert decision.errors == ()


def test_red_goes_to_the_named_only(engine: PolicyEngine) -> None:
    assert receive(engine, "ro-police", tlp="RED").determining == ("F01-tlp-red-named-only",)
    assert receive(engine, "ro-police", tlp="RED", named=True).allow


def test_an_excluded_country_receives_nothing_even_when_named(engine: PolicyEngine) -> None:
    decision = receive(engine, "xx-police", not_for=("XX",), named=True)
    assert decision.determining == ("F05-national-restriction-deliver",)


def test_an_ngo_receives_sanitised_victim_assistance_only(engine: PolicyEngine) -> None:
    assert receive(engine, "helpline", topic=ASSIST, sanitised=True).allow
    assert not receive(engine, "helpline", topic=ASSIST).allow
    assert not receive(engine, "helpline", sanitised=True).allow
    assert not receive(engine, "helpline", sanitised=True, named=True).allow


def test_a_joint_operation_admits_until_the_membership_ends(engine: PolicyEngine) -> None:
    assert receive(engine, "ee-police", operation="opx").allow
    assert receive(engine, "ee-police", operation="opx").valid_until == NOW + DAY
    assert not receive(engine, "ee-police", operation="opx", now=NOW + DAY).allow
    assert not receive(engine, "ee-police", operation="other").allow


@pytest.mark.parametrize("notice_type", ["RED", "BLUE", "SILVER"])
def test_suspects_and_money_are_not_for_labour_inspectors(
    engine: PolicyEngine, notice_type: str
) -> None:
    decision = receive(engine, "ro-labour", type=notice_type)
    assert decision.determining == ("F17-sensitive-type-not-to-labour",)
    assert receive(engine, "ro-labour", type="YELLOW").allow


def test_an_agreement_that_ended_ends_delivery() -> None:
    member = replace(MEMBERS[1], agreement_until=NOW + 5)
    engine = engine_of(MEMBERS[0], member)
    assert receive(engine, "ro-police").valid_until == NOW + 5
    assert receive(engine, "ro-police", now=NOW + 4).allow
    assert not receive(engine, "ro-police", now=NOW + 5).allow
    assert receive(engine, "ro-police").allow


def test_the_originator_always_receives_its_own_frames(engine: PolicyEngine) -> None:
    decision = receive(engine, "gr-police", tlp="RED", not_for=("GR",))
    assert decision.allow
    assert decision.determining == ("code:originator",)


@pytest.mark.parametrize("state", ["locked", "retired"])
def test_a_locked_or_retired_agency_can_do_nothing(state: str) -> None:
    states: dict[str, Any] = {state: frozenset({"gr-police", "ro-police"})}
    engine = engine_of(**states)
    acts = [
        receive(engine, "ro-police"),
        receive(engine, "gr-police"),
        engine.may_publish(marking(), TOPIC, "gr-police", NOW),
        engine.may_subscribe(TOPIC, "ro-police", NOW),
    ]
    assert {one.determining for one in acts} == {("code:inactive",)}
    assert not any(one.allow for one in acts)


def test_a_locked_agency_is_denied_by_a_book_that_forgot_to_say_so() -> None:
    policies = '@id("A") @says("All.") permit (principal, action, resource);'
    book = RuleBook.load(standard_book()[0], policies)
    engine = engine_of(book=book, locked=frozenset({"ro-police"}))
    assert receive(engine, "xx-police").allow
    assert not receive(engine, "ro-police").allow


def test_an_auditor_receives_publishes_and_subscribes_nothing(engine: PolicyEngine) -> None:
    acts = [
        receive(engine, "watchers", named=True),
        engine.may_publish(marking(), TOPIC, "watchers", NOW),
        engine.may_subscribe(TOPIC, "watchers", NOW),
    ]
    assert {one.determining for one in acts} == {("code:auditor",)}


def test_strangers_are_denied(engine: PolicyEngine) -> None:
    assert receive(engine, "nobody").determining == ("code:unknown-agency",)
    assert receive(engine, "ro-police", originator="nobody").determining == (
        "code:unknown-originator",
    )
    assert receive(engine, "ro-police", topic="none").determining == ("code:unknown-topic",)


def test_publishing_is_for_the_publishers(engine: PolicyEngine) -> None:
    assert engine.may_publish(marking(), TOPIC, "gr-police", NOW).determining == ("P05-publish",)
    refused = engine.may_publish(marking(), TOPIC, "ro-police", NOW)
    assert refused.says == ("No rule of the book lets ro-police publish this here.",)


def test_subscribing_is_for_the_readers(engine: PolicyEngine) -> None:
    assert engine.may_subscribe(TOPIC, "ro-police", NOW).determining == ("P06-subscribe",)
    refused = engine.may_subscribe(TOPIC, "ee-police", NOW)
    assert refused.says == ("No rule of the book lets ee-police subscribe to this topic.",)


@pytest.mark.parametrize(
    ("differs", "error"),
    [
        ({"type": "MAUVE"}, "unknown notice type"),
        ({"tlp": "REDD"}, "does not fit the schema"),
        ({"handling": ("H9",)}, "does not fit the schema"),
        ({"purposes": ("CURIOSITY",)}, "does not fit the schema"),
        ({"not_for": ("gr",)}, "no two-letter code"),
        ({"not_for": ("GRC",)}, "no two-letter code"),
    ],
)
def test_an_unknown_code_is_denied_with_an_error(
    engine: PolicyEngine, differs: dict[str, Any], error: str
) -> None:
    acts = [
        receive(engine, "ro-police", **differs),
        engine.may_publish(marking(**differs), TOPIC, "gr-police", NOW),
    ]
    for decision in acts:
        assert not decision.allow
        assert error in decision.errors[0]
        assert decision.determining == ()
        assert decision.valid_until == NOW


@pytest.mark.parametrize("code", ['A"; permit(principal,action,resource);//', "\x00", "\u202e", ""])
def test_values_never_become_rules(engine: PolicyEngine, code: str) -> None:
    hostile = replace(MEMBERS[1], agency=code, circles=(code,), operations=((code, FAR),))
    fresh = engine_of(MEMBERS[0], hostile)
    assert not fresh.may_receive(marking(), TOPIC, "gr-police", code, False, NOW).allow
    assert not receive(engine, "ro-police", not_for=(code,)).allow


def test_an_engine_that_fails_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("broken")

    engine = engine_of()
    monkeypatch.setattr(cedarpy, "is_authorized_batch", fail)
    decision = receive(engine, "ro-police")
    assert not decision.allow
    assert decision.errors == ("engine: broken",)


def answering(**answer: Any) -> Any:
    return lambda requests, *_: [cedarpy.AuthzResult(answer) for _ in requests]


def test_no_decision_is_a_deny(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of()
    monkeypatch.setattr(cedarpy, "is_authorized_batch", answering(decision="NoDecision"))
    assert receive(engine, "ro-police").errors == ("engine: no decision",)


def test_allowed_with_an_error_is_a_deny(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of()
    report = {"reason": ["P01-topic-member-delivery"], "errors": ["F01 was skipped"]}
    answer = answering(decision="Allow", diagnostics=report)
    monkeypatch.setattr(cedarpy, "is_authorized_batch", answer)
    decision = receive(engine, "ro-police")
    assert not decision.allow
    assert decision.errors == ("F01 was skipped",)
    assert decision.determining == ()


def test_a_decision_taken_in_error_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of()
    with monkeypatch.context() as broken:
        broken.setattr(cedarpy, "is_authorized_batch", answering(decision="NoDecision"))
        assert not receive(engine, "ro-police").allow
    assert receive(engine, "ro-police").allow


def test_a_rule_that_cannot_be_evaluated_denies() -> None:
    schema, policies = standard_book()
    overflow = (
        '@id("X") @says("Too much.") forbid (principal is Tocsin::Agency, '
        'action == Tocsin::Action::"deliver", resource is Tocsin::Notice) '
        "when { resource.topic.minClearance + 9223372036854775807 == 0 };"
    )
    book = RuleBook.load(schema, policies + overflow)
    topic = Topic(topic=TOPIC, min_clearance="1")
    engine = PolicyEngine(book, world(MEMBERS, topic))
    decision = receive(engine, "ro-police")
    assert not decision.allow
    assert "overflow" in decision.errors[0]


@pytest.mark.parametrize("readers", [(), ("none",), ("none", "nobody")])
def test_an_empty_circle_is_nobody(readers: tuple[str, ...]) -> None:
    topic = Topic(topic=TOPIC, readers=readers, publishers=readers)
    engine = PolicyEngine(BOOK, world(MEMBERS, topic))
    assert engine.audience(marking(), TOPIC, "gr-police", (), NOW).admitted == ("gr-police",)
    assert not engine.may_publish(marking(), TOPIC, "gr-police", NOW).allow
    assert not engine.may_subscribe(TOPIC, "ro-police", NOW).allow


def test_an_entry_that_does_not_fit_denies_itself_only() -> None:
    odd = Agency(agency="odd", kind="CIRCUS")
    engine = engine_of(*MEMBERS, odd)
    decision = receive(engine, "odd", named=True)
    assert not decision.allow
    assert "agency odd does not fit" in decision.errors[0]
    assert receive(engine, "ro-police").allow


def test_a_topic_that_does_not_fit_denies_itself_only() -> None:
    odd = Topic(topic="odd", min_clearance="secret")
    engine = PolicyEngine(BOOK, world(MEMBERS, *TOPICS, odd))
    assert "topic odd does not fit" in receive(engine, "ro-police", topic="odd").errors[0]
    assert receive(engine, "ro-police").allow


def test_an_audience_is_the_admitted_and_the_reasons_of_the_others(engine: PolicyEngine) -> None:
    audience = engine.audience(marking(not_for=("XX",)), TOPIC, "gr-police", ("nobody",), NOW)
    assert audience.admitted == ("gr-police", "ro-labour", "ro-police")
    assert {name: one.determining for name, one in audience.refused.items()} == {
        "ee-police": (),
        "helpline": ("F08-ngo-sanitised-only",),
        "nobody": ("code:unknown-agency",),
        "watchers": ("code:auditor",),
        "xx-police": ("F05-national-restriction-deliver",),
    }


def test_many_are_decided_at_once_as_each_alone() -> None:
    recipients = [(member.agency, member.country == "RO") for member in MEMBERS]
    recipients += [("nobody", True), ("ro-police", True)]
    alone, at_once = engine_of(), engine_of()
    receive(at_once, "xx-police", tlp="RED")
    red = marking(tlp="RED")
    decided = at_once.may_each_receive(red, TOPIC, "gr-police", recipients, NOW)
    assert decided == {
        name: alone.may_receive(red, TOPIC, "gr-police", name, named, NOW)
        for name, named in recipients
    }
    assert at_once.may_each_receive(red, TOPIC, "gr-police", (), NOW) == {}


def test_an_agency_without_a_valid_key_is_in_no_audience() -> None:
    late = replace(MEMBERS[1], encryption=(Key(valid_from=NOW + 10, valid_until=NOW + 20),))
    none = replace(MEMBERS[2], encryption=())
    engine = engine_of(MEMBERS[0], late, none)

    def admitted(now: int) -> tuple[str, ...]:
        return engine.audience(marking(), TOPIC, "gr-police", (), now).admitted

    early = engine.audience(marking(), TOPIC, "gr-police", (), NOW)
    assert early.refused["ro-police"].determining == ("code:no-key",)
    assert early.refused["xx-police"].determining == ("code:no-key",)
    assert early.valid_until == NOW + 10
    assert admitted(NOW + 9) == ("gr-police",)
    assert admitted(NOW + 10) == ("gr-police", "ro-police")
    assert admitted(NOW + 20) == ("gr-police",)
    assert admitted(NOW + 10) == ("gr-police", "ro-police")
    assert admitted(NOW) == ("gr-police",)


def test_a_retired_agency_is_not_even_listed_unless_named() -> None:
    engine = engine_of(retired=frozenset({"ro-police"}))
    assert "ro-police" not in engine.audience(marking(), TOPIC, "gr-police", (), NOW).refused
    named = engine.audience(marking(), TOPIC, "gr-police", ("ro-police",), NOW)
    assert named.refused["ro-police"].determining == ("code:inactive",)


def test_a_rule_that_reads_the_clock_is_asked_every_time() -> None:
    schema, policies = standard_book()
    nights = (
        '@id("X") @says("By day only.") forbid (principal is Tocsin::Agency, '
        'action == Tocsin::Action::"deliver", resource) '
        'when { context.now.toTime() < duration("6h") };'
    )
    engine = engine_of(book=RuleBook.load(schema, policies + nights))
    midnight = NOW - NOW % DAY
    assert not receive(engine, "ro-police", now=midnight).allow
    assert receive(engine, "ro-police", now=midnight + DAY // 4).allow
    assert not receive(engine, "ro-police", now=midnight + DAY // 4 - 1).allow
    at = engine.audience(marking(), TOPIC, "gr-police", (), midnight)
    assert at.valid_until == midnight


def forbidding(condition: str) -> RuleBook:
    schema, policies = standard_book()
    head = (
        '@id("X") @says("Not now.") forbid (principal is Tocsin::Agency, '
        'action == Tocsin::Action::"deliver", resource is Tocsin::Notice) '
    )
    return RuleBook.load(schema, f"{policies}{head} when {{ {condition} }};")


def test_a_rule_that_includes_its_date_changes_one_instant_later() -> None:
    ending = replace(MEMBERS[4], circles=("readers",))
    condition = 'principal.hasTag("opx") && context.now <= principal.getTag("opx")'
    engine = engine_of(MEMBERS[0], ending, book=forbidding(condition))
    assert not receive(engine, "ee-police", now=NOW + DAY).allow
    assert receive(engine, "ee-police", now=NOW + DAY + 1).allow


def test_a_rule_may_read_the_dates_of_the_originator() -> None:
    book = forbidding("resource.originator.agreementUntil <= context.now")
    engine = engine_of(replace(MEMBERS[0], agreement_until=NOW + 3), MEMBERS[1], book=book)
    assert receive(engine, "ro-police").valid_until == NOW + 3
    assert not receive(engine, "ro-police", now=NOW + 3).allow


class InclusiveWorld(World):
    """One whose keys are valid on their last instant too."""

    def encryption_key(self, agency: str, at: int) -> Key | None:
        return super().encryption_key(agency, max(at - 1, 0))


def test_an_audience_changes_one_instant_after_the_last_of_a_key() -> None:
    member = replace(MEMBERS[1], encryption=(Key(valid_until=NOW + 20),))
    directory: Any = InclusiveWorld(members=(MEMBERS[0], member), subjects=TOPICS)
    engine = PolicyEngine(BOOK, directory)
    last = engine.audience(marking(), TOPIC, "gr-police", (), NOW + 20)
    assert last.admitted == ("gr-police", "ro-police")
    assert last.valid_until == NOW + 21


def test_kept_decisions_are_limited_and_forgotten_ones_taken_again() -> None:
    engine = engine_of()
    for number in range(MAX_KEPT + 2):
        engine.may_publish(marking(operation=f"op{number}"), TOPIC, "gr-police", NOW)
    assert len(engine._decisions) == MAX_KEPT
    assert engine.may_publish(marking(operation="op0"), TOPIC, "gr-police", NOW).allow


def test_names_of_strangers_are_not_kept(engine: PolicyEngine) -> None:
    receive(engine, "a-stranger")
    assert not any(("a-stranger", False, False) in kept for kept in engine._decisions.values())


def test_a_new_directory_makes_an_engine_that_decides_by_it() -> None:
    engine = engine_of()
    assert receive(engine, "ro-police").allow
    locked: Any = World(members=MEMBERS, subjects=TOPICS, locked=frozenset({"ro-police"}))
    assert not receive(engine.with_directory(locked), "ro-police").allow
    assert receive(engine, "ro-police").allow


def rule_book(schema: str, policies: str, digest: bytes = b"another") -> Any:
    return SimpleNamespace(schema=schema, policies=policies, digest=digest)


def test_a_new_directory_brings_its_own_rule_book() -> None:
    schema, _ = standard_book()
    nothing = '@id("N") @says("Nothing.") forbid (principal, action, resource);'
    directory = world(MEMBERS, *TOPICS, rule_book=rule_book(schema, nothing))
    engine = engine_of().with_directory(directory)
    assert receive(engine, "ro-police").determining == ("N",)
    assert receive(PolicyEngine.of_directory(directory), "ro-police").determining == ("N",)


def test_the_same_rule_book_is_not_read_again() -> None:
    entry = rule_book("not", "read", BOOK.digest)
    engine = engine_of().with_directory(world(MEMBERS, *TOPICS, rule_book=entry))
    assert engine.book is BOOK


def test_a_directory_with_a_bad_rule_book_is_refused() -> None:
    directory = world(MEMBERS, *TOPICS, rule_book=rule_book("entity A;", "permit"))
    with pytest.raises(BookError, match="do not parse"):
        engine_of().with_directory(directory)


def test_a_directory_without_a_rule_book_has_no_engine() -> None:
    with pytest.raises(BookError, match="the directory has no rule book"):
        PolicyEngine.of_directory(world(MEMBERS, *TOPICS))


def test_decisions_cannot_be_changed() -> None:
    decision = receive(engine_of(), "ro-police")
    with pytest.raises(FrozenInstanceError):
        decision.allow = False  # type: ignore[misc]
    assert decision.valid_until < FAR_FUTURE
    assert set(CODE_RULES) >= {"code:inactive"}


def test_instants_beyond_what_a_book_can_name_are_decided() -> None:
    member = replace(MEMBERS[1], agreement_until=2**63)
    engine = engine_of(MEMBERS[0], member)
    assert receive(engine, "ro-police").allow
    assert not receive(engine, "ro-police", now=FAR_FUTURE).allow


def test_an_agency_outside_the_circle_receives_what_was_released_to_it(
    engine: PolicyEngine,
) -> None:
    about = marking(), TOPIC, "gr-police"
    assert not engine.may_receive(*about, "ee-police", False, NOW).allow
    released = engine.may_receive_granted(*about, "ee-police", NOW)
    assert (released.allow, released.determining) == (True, ("P14-released-recipient-delivery",))
    assert not engine.may_receive(*about, "ee-police", False, NOW).allow


@pytest.mark.parametrize("differs", [{"tlp": "RED"}, {"not_for": ("EE",)}])
def test_a_release_beats_no_restriction(engine: PolicyEngine, differs: dict[str, Any]) -> None:
    about = marking(**differs), TOPIC, "gr-police"
    assert not engine.may_receive_granted(*about, "ee-police", NOW).allow


def test_a_joint_operation_has_its_own_dates_where_the_directory_says_so() -> None:
    joint = Operation(code="opx", starts_at=NOW - DAY, ends_at=NOW + DAY // 24)
    dated = engine_of(joint=(joint,))
    during = receive(dated, "ee-police", operation="opx")
    assert (during.allow, during.valid_until) == (True, NOW + DAY // 24)
    assert not receive(dated, "ee-police", operation="opx", now=NOW + DAY // 24).allow
    assert not receive(dated, "ee-police", operation="opx", now=NOW - DAY - 1).allow
