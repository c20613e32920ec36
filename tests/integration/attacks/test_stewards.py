# SPDX-License-Identifier: Apache-2.0
"""What stewards submit: refused with the reason where it is wrong, whoever has signed it."""

from collections.abc import Callable
from dataclasses import replace

import grpc
import pytest
from tocsin.v1 import directory_service_pb2 as pb

from keys.directory import SignedEntry
from keys.entries import Entry, LockEntry, RetireEntry, RuleBookEntry
from policy import standard_book
from tests.integration.attacks.frames import Told, call
from tests.integration.attacks.served import Served
from tests.simulator.federation import HOUR, Federation, build_federation
from tests.simulator.rule_books import standard_and

pytestmark = pytest.mark.e2e

SUBMIT, SUBMIT_ROOT = (f"/tocsin.v1.DirectoryService/Submit{kind}" for kind in ("Entry", "Root"))
LIST_ENTRIES = "/tocsin.v1.DirectoryService/ListEntries"
SCHEMA, POLICIES = standard_book()
WHEN = '@id("X1") @says("x") permit (principal, action, resource) when {{ {} }};'
INVALID_BOOK = Told("INVALID_ARGUMENT", {"field": "rule_book"})
INVALID_ENTRY = Told("INVALID_ARGUMENT", {"field": "entry"})


def book(more: str) -> Entry:
    return RuleBookEntry(version=2, schema=SCHEMA, policies=standard_and(more))


def flipped(signed: SignedEntry) -> SignedEntry:
    name, signature = signed.signatures[0]
    wrong = signature[:-1] + bytes([signature[-1] ^ 1])
    return replace(signed, signatures=((name, wrong), *signed.signatures[1:]))


LOCK = LockEntry(agency="ro-pol", reason="suspected theft of keys")
WRONG: dict[str, tuple[Callable[[Federation], SignedEntry], Told]] = {
    "a rule book that does not parse": (lambda one: one.propose(book("no rule")), INVALID_BOOK),
    "one that would end the process": (
        lambda one: one.propose(book(WHEN.format("(" * 50_000 + "true" + ")" * 50_000))),
        INVALID_BOOK,
    ),
    "one with too many operators": (
        lambda one: one.propose(book(WHEN.format("true" + " && true" * 400))),
        INVALID_BOOK,
    ),
    "one that reads what no broker sees": (
        lambda one: one.propose(book(WHEN.format("resource.namedOfficers.isEmpty()"))),
        INVALID_BOOK,
    ),
    "one of the version in force": (
        lambda one: one.propose(RuleBookEntry(version=1, schema=SCHEMA, policies=POLICIES)),
        INVALID_ENTRY,
    ),
    "a retirement by one steward": (
        lambda one: one.propose(RetireEntry(agency="ro-pol", reason="left"), by=["alpha"]),
        Told("NOT_ENOUGH_SIGNATURES", {}),
    ),
    "a lock that nobody signed": (
        lambda one: one.propose(LOCK, by=[]),
        Told("NOT_ENOUGH_SIGNATURES", {}),
    ),
    "a lock with a changed signature": (
        lambda one: flipped(one.propose(LOCK)),
        Told("SIGNATURE_INVALID", {}),
    ),
    "a lock of nobody": (
        lambda one: one.propose(LockEntry(agency="xx-pol", reason="unknown")),
        INVALID_ENTRY,
    ),
    "a lock of who has left": (
        lambda one: one.propose(LockEntry(agency="lu-pol", reason="late")),
        INVALID_ENTRY,
    ),
    "a lock dated ahead": (
        lambda one: one.propose(LOCK, at=one.now + HOUR),
        Told("CLOCK_SKEW", {}),
    ),
    "an entry of another federation": (
        lambda _: build_federation(["ro-pol"]).propose(LOCK),
        Told("DIRECTORY_CONFLICT", {}),
    ),
}


async def listed(channel: grpc.aio.Channel) -> bytes:
    return (await call(channel, LIST_ENTRIES, b"")).answer


@pytest.mark.parametrize("name", WRONG)
async def test_an_entry_that_is_wrong_is_refused_and_changes_nothing(
    broker: Served, name: str
) -> None:
    make, expected = WRONG[name]
    data = pb.SubmitEntryRequest(entry=make(broker.federation).encode()).SerializeToString()
    async with broker.address.steward() as steward:
        before = await listed(steward)
        assert await call(steward, SUBMIT, data) == expected
        assert await listed(steward) == before


async def test_an_entry_that_is_known_is_answered_with_its_place(broker: Served) -> None:
    async with broker.address.steward() as steward:
        for index, entry in enumerate(broker.federation.signed_entries[:3]):
            data = pb.SubmitEntryRequest(entry=entry.encode()).SerializeToString()
            answer = pb.SubmitEntryResponse.FromString((await call(steward, SUBMIT, data)).answer)
            assert answer.index == index


async def test_a_root_of_another_federation_is_refused(broker: Served) -> None:
    foreign = build_federation(["ro-pol"]).signed_roots[0]
    data = pb.SubmitRootRequest(root=foreign.encode()).SerializeToString()
    async with broker.address.steward() as steward:
        assert (await call(steward, SUBMIT_ROOT, data)).reason == "DIRECTORY_CONFLICT"
