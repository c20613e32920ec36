# SPDX-License-Identifier: Apache-2.0
"""Requirements of section 17: the one book, and what holds whatever it says."""

from dataclasses import replace

import pytest

from agency_client.services.directory import federation_of
from broker.errors import BrokerError, Reason
from keys.entries import RuleBookEntry
from policy import standard_book
from policy.book import RuleBook
from policy.engine import PolicyEngine
from policy.errors import BookError
from tests.simulator.federation import (
    MARKING,
    NOW,
    TOPIC,
    Federation,
    Member,
    build_federation,
)
from tests.simulator.rule_books import standard_and
from tests.unit.protocol.desk import AGENCIES, Desk
from tests.unit.protocol.material import ORIGINATOR, READER

SCHEMA, POLICIES = standard_book()
ALL = '@id("P") @says("All.") permit (principal, action, resource);'


def ruled(policies: str = POLICIES) -> Federation:
    auditor = Member(agency="eu-aud", country="BE", kind="IGO", role="auditor")
    return build_federation((*AGENCIES, auditor), schema=SCHEMA, policies=policies)


def may_receive(engine: PolicyEngine, agency: str, originator: str = ORIGINATOR) -> bool:
    return engine.may_receive(MARKING, TOPIC, originator, agency, False, NOW).allow


@pytest.mark.must("POLICY-1")
def test_a_book_that_permits_nothing_denies() -> None:
    engine = PolicyEngine.of_directory(ruled("").directory)
    assert not may_receive(engine, READER)
    assert not engine.may_publish(MARKING, TOPIC, ORIGINATOR, NOW).allow
    assert not engine.may_subscribe(TOPIC, READER, NOW).allow


@pytest.mark.must("POLICY-1")
def test_a_rule_that_cannot_be_evaluated_denies() -> None:
    failing = (
        '@id("F") @says("Fails.") forbid (principal, action, resource is Tocsin::Notice)'
        " when { resource.sanitised && 9223372036854775807 + 1 == 0 };"
    )
    engine = PolicyEngine.of_directory(ruled(ALL + failing).directory)
    assert may_receive(engine, READER)
    sanitised = replace(MARKING, sanitised=True)
    decision = engine.may_receive(sanitised, TOPIC, ORIGINATOR, READER, False, NOW)
    assert not decision.allow
    assert decision.errors
    assert not engine.may_publish(sanitised, TOPIC, ORIGINATOR, NOW).allow


@pytest.mark.must("POLICY-1")
@pytest.mark.parametrize(
    "marking",
    [
        replace(MARKING, type="UNHEARD_OF"),
        replace(MARKING, tlp="PINK"),
        replace(MARKING, handling=("H9",)),
        replace(MARKING, purposes=("GOSSIP",)),
        replace(MARKING, not_for=("XYZ",)),
    ],
    ids=["type", "tlp", "handling", "purpose", "country"],
)
def test_words_that_the_book_does_not_know_deny(marking: object) -> None:
    engine = PolicyEngine.of_directory(ruled(ALL).directory)
    assert may_receive(engine, READER)
    assert not engine.may_receive(marking, TOPIC, ORIGINATOR, READER, False, NOW).allow  # type: ignore[arg-type]


@pytest.mark.must("POLICY-2")
def test_all_sides_decide_by_the_book_of_the_directory() -> None:
    held = ruled()
    client = federation_of(READER, held.directory)
    assert client.engine is not None
    assert held.directory.rule_book is not None
    assert client.engine.book.digest == held.directory.rule_book.digest
    assert client.may_receive(MARKING, TOPIC, ORIGINATOR, False, NOW).allow
    narrower = RuleBookEntry(version=2, schema=SCHEMA, policies="")
    held.add(narrower)
    later = federation_of(READER, held.directory)
    assert later.rule_book.digest == narrower.digest
    assert not later.may_receive(MARKING, TOPIC, ORIGINATOR, False, NOW).allow


@pytest.mark.must("POLICY-2")
async def test_a_new_book_is_in_force_at_the_broker_at_once(desk: Desk) -> None:
    entry = desk.federation.add(RuleBookEntry(version=2, schema=SCHEMA, policies=""))
    await desk.services.directory.submit(entry.encode())
    assert (await desk.refusal(desk.seal())).reason is Reason.DENIED


@pytest.mark.must("POLICY-3")
def test_a_locked_or_retired_agency_is_denied_everything() -> None:
    held = ruled(ALL)
    held.lock(READER)
    held.retire("it-pol")
    engine = PolicyEngine.of_directory(held.directory)
    for agency in (READER, "it-pol"):
        assert not may_receive(engine, agency)
        assert not may_receive(engine, agency, originator=agency)
        assert not engine.may_publish(MARKING, TOPIC, agency, NOW).allow
        assert not engine.may_subscribe(TOPIC, agency, NOW).allow


@pytest.mark.must("POLICY-4")
def test_an_auditor_is_never_in_an_audience() -> None:
    engine = PolicyEngine.of_directory(ruled(ALL).directory)
    assert not may_receive(engine, "eu-aud")
    named = engine.audience(MARKING, TOPIC, ORIGINATOR, ("eu-aud",), NOW)
    assert "eu-aud" not in named.admitted
    assert "hr-ngo" in named.admitted


@pytest.mark.must("POLICY-5")
def test_an_originator_may_have_its_own_frames() -> None:
    engine = PolicyEngine.of_directory(ruled("").directory)
    assert may_receive(engine, ORIGINATOR)
    assert not may_receive(engine, READER)


@pytest.mark.must("POLICY-6")
@pytest.mark.parametrize(
    ("schema", "policies"),
    [
        (SCHEMA, "permit ("),
        ("namespace", POLICIES),
        (SCHEMA, '@id("X") @says("X.") permit (principal is Tocsin::Spy, action, resource);'),
        ("namespace Tocsin {}", ""),
        (SCHEMA, "permit (principal, action, resource);"),
    ],
    ids=["policies", "schema", "types", "words", "no id"],
)
async def test_a_book_that_does_not_load_is_refused(desk: Desk, schema: str, policies: str) -> None:
    with pytest.raises(BookError):
        RuleBook.load(schema, policies)
    entry = desk.federation.propose(RuleBookEntry(version=2, schema=schema, policies=policies))
    with pytest.raises(BrokerError) as caught:
        await desk.services.directory.submit(entry.encode())
    assert caught.value.metadata == {"field": "rule_book"}
    assert (await desk.publish(desk.seal())).sequence == 1


OVERLAY = (
    '@id("ro-pol.no-trends") @says("No trends.") forbid (principal == Tocsin::Agency::"ro-pol", '
    'action == Tocsin::Action::"deliver", resource is Tocsin::Notice) '
    'when { resource.noticeType == Tocsin::NoticeType::"TREND" };\n'
)


def with_overlay(text: str) -> str:
    return standard_and(text, "agencies/ro-pol/in.cedar")


async def refused(desk: Desk, policies: str) -> None:
    """Two stewards sign the next book, and the broker does not take it."""
    RuleBook.load(SCHEMA, policies)
    entry = desk.federation.propose(RuleBookEntry(version=2, schema=SCHEMA, policies=policies))
    with pytest.raises(BrokerError) as caught:
        await desk.services.directory.submit(entry.encode())
    assert (caught.value.reason, caught.value.metadata) == (
        Reason.INVALID_ARGUMENT,
        {"field": "rule_book"},
    )
    assert desk.services.directory.federation.rule_book_version == 1


async def test_a_book_with_an_overlay_is_taken(desk: Desk) -> None:
    policies = with_overlay(OVERLAY)
    entry = desk.federation.propose(RuleBookEntry(version=2, schema=SCHEMA, policies=policies))
    await desk.services.directory.submit(entry.encode())
    assert desk.services.directory.federation.rule_book_version == 2


@pytest.mark.must("POLICY-7")
@pytest.mark.parametrize(
    ("old", "new"),
    [("forbid", "permit"), ('"ro-pol.', '"hr-ngo.'), ('Agency::"ro-pol"', 'Agency::"hr-ngo"')],
    ids=["it permits", "an id of another's", "about another"],
)
async def test_an_overlay_that_goes_beyond_its_agency_is_refused(
    old: str, new: str, desk: Desk
) -> None:
    await refused(desk, with_overlay(OVERLAY.replace(old, new)))


@pytest.mark.must("POLICY-8")
@pytest.mark.parametrize(
    "condition", ["resource.namedOfficers.isEmpty()", "context == {now: context.now}"]
)
async def test_a_rule_on_what_a_broker_does_not_see_is_refused(condition: str, desk: Desk) -> None:
    rule = (
        '@id("X") @says("X.") forbid (principal is Tocsin::Agency, '
        'action == Tocsin::Action::"deliver", resource is Tocsin::Notice) '
        f"when {{ {condition} }};\n"
    )
    await refused(desk, standard_and(rule))


@pytest.mark.must("POLICY-9")
async def test_rules_outside_the_files_that_the_text_names_are_refused(desk: Desk) -> None:
    await refused(desk, '@id("X") @says("X.") permit (principal, action, resource);\n' + POLICIES)
