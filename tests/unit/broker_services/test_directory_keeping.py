# SPDX-License-Identifier: Apache-2.0
"""What stewards sign is verified, stored and in force, or refused and nothing changes."""

import asyncio
import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from broker.domain.deliveries import Form
from broker.domain.logs import LogKind
from broker.errors import BrokerError, Reason, StartError, StartFault
from broker.services.assembly import assemble
from keys.directory import SignedEntry
from keys.entries import LockEntry, RuleBookEntry, TopicEntry
from keys.framing import sha256
from keys.root import RootDocument, SignedRoot, sign_root
from tests.simulator.federation import DAY, NOW, YEARS, Federation, build_federation
from tests.simulator.rule_books import standard_and
from tests.unit.broker_services.world import NOT_FOR_ROMANIA, World, build, refusal

TOPIC_ENTRY = TopicEntry(topic="new", title="New", readers=("members",), publishers=("members",))


async def refused(world: World, entry: bytes) -> BrokerError:
    """Return why an entry is refused, after looking that nothing changed."""
    before = world.services.directory.current
    leaves = [one for one in world.kinds() if one != "refuse"]
    error = await refusal(world.services.directory.submit(entry))
    assert world.services.directory.current is before
    assert [one for one in world.kinds() if one != "refuse"] == leaves
    return error


def next_root(federation: Federation, **changes: Any) -> SignedRoot:
    """Return the next root document, signed by all stewards."""
    last = federation.signed_roots[-1]
    document = replace(
        RootDocument.decode(last.body),
        version=len(federation.signed_roots) + 1,
        previous=sha256(last.body),
        directory_size=federation.directory.size,
        directory_root=federation.directory.root,
        **changes,
    )
    signed = SignedRoot(body=document.encode())
    for steward in federation.stewards:
        signed = sign_root(signed, steward.signer)
    return signed


# Entries.


async def test_an_entry_is_in_force_on_return_and_in_both_logs(world: World) -> None:
    signed = world.federation.add(TOPIC_ENTRY)
    index = await world.services.directory.submit(signed.encode())
    current = world.services.directory.current
    assert current is not None
    assert (current.root, index) == (world.federation.directory.root, current.size - 1)
    assert list(await world.services.directory.entries(index, 10)) == [signed.encode()]
    fields = world.acts("directory")[-1].fields
    assert fields == {"index": index, "entry": sha256(signed.encode())}


async def test_a_lock_is_a_kind_of_its_own_that_names_the_agency(world: World) -> None:
    await world.lock("ro-pol")
    assert world.acts("lock")[-1].fields["agency"] == "ro-pol"


async def test_one_steward_locks_and_two_unlock(world: World) -> None:
    await world.submit(LockEntry(agency="ro-pol", reason="stolen"), by=["beta"])
    unlock = world.federation.propose(
        TopicEntry(topic="x", title="X", readers=(), publishers=()), by=["beta"]
    )
    error = await refused(world, unlock.encode())
    assert error.reason is Reason.NOT_ENOUGH_SIGNATURES


async def test_the_same_entry_again_has_the_same_answer_and_is_stored_once(world: World) -> None:
    signed = world.federation.add(TOPIC_ENTRY).encode()
    first = await world.services.directory.submit(signed)
    size = len(world.store.acts)
    assert await world.services.directory.submit(signed) == first
    assert len(world.store.acts) == size


async def test_two_entries_for_one_place_leave_one_of_them(world: World) -> None:
    one = world.federation.propose(TOPIC_ENTRY).encode()
    other = world.federation.propose(replace(TOPIC_ENTRY, topic="other")).encode()
    submit = world.services.directory.submit
    answers = await asyncio.gather(submit(one), submit(other), return_exceptions=True)
    assert answers[0] == world.federation.directory.size
    assert isinstance(answers[1], BrokerError)
    assert answers[1].reason is Reason.DIRECTORY_CONFLICT


async def test_an_entry_that_skips_a_place_is_refused(world: World) -> None:
    world.federation.add(TOPIC_ENTRY)
    later = world.federation.add(replace(TOPIC_ENTRY, topic="later"))
    assert (await refused(world, later.encode())).reason is Reason.DIRECTORY_CONFLICT


async def test_a_changed_entry_is_refused(world: World) -> None:
    signed = world.federation.propose(TOPIC_ENTRY)
    body = bytes([*signed.body[:-1], signed.body[-1] ^ 1])
    error = await refused(world, replace(signed, body=body).encode())
    assert error.reason in {Reason.SIGNATURE_INVALID, Reason.MALFORMED}


@pytest.mark.parametrize("data", [b"", b"entry", bytes(1000), SignedEntry(body=b"").encode()])
async def test_bytes_that_are_no_entry_are_malformed(world: World, data: bytes) -> None:
    assert (await refused(world, data)).reason is Reason.MALFORMED


async def test_an_entry_too_large_is_refused(world: World) -> None:
    error = await refused(world, bytes(3 << 20))
    assert error.reason is Reason.LIMIT_EXCEEDED


async def test_an_entry_of_another_federation_is_refused(world: World) -> None:
    other = build()
    error = await refused(world, other.propose(TOPIC_ENTRY).encode())
    assert error.reason is Reason.WRONG_FEDERATION


async def test_an_entry_about_an_agency_that_is_not_there_is_refused(world: World) -> None:
    signed = world.federation.propose(LockEntry(agency="xx-pol", reason="unknown"))
    error = await refused(world, signed.encode())
    assert (error.reason, error.metadata) == (Reason.INVALID_ARGUMENT, {"field": "entry"})


async def test_an_entry_dated_ahead_is_refused_as_none_could_follow_it(world: World) -> None:
    signed = world.federation.propose(
        LockEntry(agency="ro-pol", reason="from the future"), at=NOW + DAY
    )
    assert (await refused(world, signed.encode())).reason is Reason.CLOCK_SKEW


@pytest.mark.parametrize("policies", ["permit", "permit (principal, action, resource);"])
async def test_a_rule_book_that_does_not_load_is_refused(world: World, policies: str) -> None:
    book = world.federation.directory.rule_book
    assert book is not None
    entry = RuleBookEntry(version=2, schema=book.schema, policies=policies)
    error = await refused(world, world.federation.propose(entry).encode())
    assert (error.reason, error.metadata) == (Reason.INVALID_ARGUMENT, {"field": "rule_book"})


UNSOUND = '@id("X") @says("X.") forbid (principal, action, resource) when { context has purpose };'


async def test_a_rule_book_that_asks_for_what_no_broker_sees_is_refused(world: World) -> None:
    book = world.federation.directory.rule_book
    assert book is not None
    entry = RuleBookEntry(version=2, schema=book.schema, policies=standard_and(UNSOUND))
    error = await refused(world, world.federation.propose(entry).encode())
    assert (error.reason, error.metadata) == (Reason.INVALID_ARGUMENT, {"field": "rule_book"})


async def test_a_history_that_has_such_a_book_in_it_is_still_taken(world: World) -> None:
    book = world.federation.directory.rule_book
    assert book is not None
    policies = standard_and(UNSOUND)
    world.federation.add(RuleBookEntry(version=2, schema=book.schema, policies=policies))
    await world.services.directory.load_federation(*world.history())
    assert world.services.directory.federation.rule_book_version == 2


async def test_a_refused_entry_is_logged(world: World) -> None:
    await refused(world, b"entry")
    fields = world.acts("refuse")[-1].fields
    assert (fields["act"], fields["reason"]) == ("submit-entry", "MALFORMED")


async def test_an_entry_that_cannot_be_stored_is_not_in_force(world: World) -> None:
    signed = world.federation.propose(LockEntry(agency="ro-pol", reason="stolen"))
    world.store.fail(Reason.STORAGE_FULL)
    assert (await refused(world, signed.encode())).reason is Reason.STORAGE_FULL
    world.store.fail(None)
    world.services.directory.standing("ro-pol")


async def test_an_agency_may_do_nothing_while_its_lock_is_being_stored(world: World) -> None:
    signed = world.federation.propose(LockEntry(agency="ro-pol", reason="stolen"))
    world.store.hold()
    locking = asyncio.create_task(world.services.directory.submit(signed.encode()))
    await world.store.wait_held()
    with pytest.raises(BrokerError) as caught:
        world.services.directory.standing("ro-pol")
    world.store.release()
    await locking
    assert caught.value.reason is Reason.AGENCY_LOCKED


async def test_a_steward_that_goes_away_leaves_an_entry_in_force(world: World) -> None:
    signed = world.federation.propose(LockEntry(agency="ro-pol", reason="stolen"))
    other = world.federation.propose(TOPIC_ENTRY).encode()
    world.store.hold()
    locking = asyncio.create_task(world.services.directory.submit(signed.encode()))
    await world.store.wait_held()
    locking.cancel()
    late = asyncio.create_task(refusal(world.services.directory.submit(other)))
    world.store.release()
    assert (await late).reason is Reason.DIRECTORY_CONFLICT
    current = world.services.directory.current
    assert current is not None
    assert current.is_locked("ro-pol")
    assert world.kinds().count("lock") == 1


async def test_an_unlocked_agency_receives_again(world: World) -> None:
    await world.publish()
    await world.lock("ro-pol")
    await world.services.directory.submit(world.federation.unlock("ro-pol").encode())
    assert (await world.pull())[0].form is Form.FULL


# Roots.


async def test_a_root_signed_by_the_threshold_is_in_force(world: World) -> None:
    root = next_root(world.federation).encode()
    assert await world.services.directory.submit_root(root) == 2
    assert list(await world.services.directory.roots())[-1] == root
    assert world.acts("root")[-1].fields == {"version": 2, "root": sha256(root)}
    assert await world.services.directory.submit_root(root) == 2
    assert world.kinds().count("root") == 2


async def test_a_root_with_too_few_signatures_is_refused(world: World) -> None:
    signed = next_root(world.federation)
    root = replace(signed, signatures=signed.signatures[:1])
    error = await refusal(world.services.directory.submit_root(root.encode()))
    assert error.reason is Reason.NOT_ENOUGH_SIGNATURES
    assert len(await world.services.directory.roots()) == 1


async def test_a_root_that_names_another_log_is_refused(world: World) -> None:
    root = next_root(world.federation, log_key=b"k" * 32)
    error = await refusal(world.services.directory.submit_root(root.encode()))
    assert error.reason is Reason.WRONG_FEDERATION


async def test_a_root_made_at_another_directory_is_refused(world: World) -> None:
    root = next_root(world.federation)
    await world.lock("ro-pol")
    error = await refusal(world.services.directory.submit_root(root.encode()))
    assert error.reason is Reason.DIRECTORY_CONFLICT


async def test_a_root_before_the_entries_it_names_is_refused(world: World) -> None:
    world.federation.add(TOPIC_ENTRY)
    root = next_root(world.federation)
    error = await refusal(world.services.directory.submit_root(root.encode()))
    assert error.reason is Reason.DIRECTORY_CONFLICT


@pytest.mark.parametrize("data", [b"", b"root", SignedRoot(body=b"").encode()])
async def test_bytes_that_are_no_root_are_malformed(world: World, data: bytes) -> None:
    assert (await refusal(world.services.directory.submit_root(data))).reason is Reason.MALFORMED


# Loading.


async def test_a_federation_loaded_twice_adds_only_what_is_new(world: World) -> None:
    size = len(world.store.acts)
    await world.services.directory.load_federation(*world.history())
    assert len(world.store.acts) == size
    world.federation.add(TOPIC_ENTRY)
    await world.services.directory.load_federation(*world.history())
    assert len(world.store.acts) == size + 1


async def test_an_older_file_changes_nothing(world: World) -> None:
    older = world.history()
    await world.lock("ro-pol")
    await world.services.directory.load_federation(*older)
    current = world.services.directory.current
    assert current is not None
    assert current.is_locked("ro-pol")


async def test_a_root_is_stored_behind_the_entries_that_it_names(world: World) -> None:
    federation = world.federation
    root = next_root(federation)
    federation.signed_roots = (*federation.signed_roots, root)
    federation.directory = federation.directory.with_roots(federation.signed_roots)
    federation.add(TOPIC_ENTRY)
    fresh = await World.without_federation(federation)
    await fresh.services.directory.load_federation(*world.history())
    kinds = fresh.kinds()
    assert (kinds[0], kinds[-2:]) == ("root", ["root", "directory"])


async def test_a_history_that_parts_from_the_stored_one_is_refused(world: World) -> None:
    await world.submit(TOPIC_ENTRY)
    federation = build_federation(["gr-pol"])
    error = await refusal(
        world.services.directory.load_federation(
            [root.encode() for root in federation.signed_roots],
            [entry.encode() for entry in federation.signed_entries],
        )
    )
    assert error.reason is Reason.DIRECTORY_CONFLICT


async def test_a_federation_of_another_broker_is_refused(federation: Federation) -> None:
    world = await World.without_federation(build())
    roots = [root.encode() for root in federation.signed_roots]
    entries = [entry.encode() for entry in federation.signed_entries]
    error = await refusal(world.services.directory.load_federation(roots, entries))
    assert error.reason is Reason.WRONG_FEDERATION
    assert world.services.directory.current is None
    assert world.store.acts == []


async def test_a_file_without_a_federation_loads_nothing(federation: Federation) -> None:
    world = await World.without_federation(federation)
    await world.services.directory.load_federation([], [])
    assert world.services.directory.current is None


@pytest.mark.parametrize(("roots", "entries"), [([], [b"entry"]), ([b"root"], []), ([b""], [b""])])
async def test_what_does_not_verify_is_not_loaded(
    federation: Federation, roots: list[bytes], entries: list[bytes]
) -> None:
    world = await World.without_federation(federation)
    await refusal(world.services.directory.load_federation(roots, entries))
    assert world.store.acts == []


async def test_the_bundle_of_stewards_is_what_is_loaded(federation: Federation) -> None:
    world = await World.without_federation(federation)
    bundle = {
        name: [base64.b64decode(one) for one in held]
        for name, held in json.loads(federation.bundle()).items()
    }
    await world.services.directory.load_federation(bundle["roots"], bundle["entries"])
    current = world.services.directory.current
    assert current is not None
    assert current.federation == federation.id


# Start.


async def test_a_broker_started_again_has_the_directory_that_it_had(world: World) -> None:
    await world.lock("ro-pol")
    again = await world.restarted()
    current = again.services.directory.current
    assert current is not None
    assert (current.root, current.is_locked("ro-pol")) == (world.federation.directory.root, True)
    await world.publish(to=["cy-pol"])


async def started_with(world: World, seed: bytes) -> None:
    await assemble(
        store=world.store,
        clock=world.clock,
        entropy=world.entropy,
        log_seed=seed,
        settings=world.settings,
    )


async def test_a_broker_with_another_log_key_does_not_start(world: World) -> None:
    with pytest.raises(StartError) as caught:
        await started_with(world, b"s" * 32)
    assert caught.value.fault is StartFault.FEDERATION


async def test_a_broker_whose_stored_directory_was_changed_does_not_start(world: World) -> None:
    entries = world.store._trees[LogKind.DIRECTORY].leaves
    entries[-1] = bytes([*entries[-1][:-1], entries[-1][-1] ^ 1])
    with pytest.raises(StartError) as caught:
        await started_with(world, world.federation.broker.log_seed)
    assert caught.value.fault is StartFault.FEDERATION


async def test_a_rule_book_that_forbids_more_is_in_force_at_once(world: World) -> None:
    frame = world.seal("gr-pol")
    await world.narrow(NOT_FOR_ROMANIA)
    assert (await world.refused("gr-pol", frame)).reason is Reason.RESEAL_REQUIRED
    assert world.services.directory.federation.rule_book_version == 2
    assert world.federation.directory.root_document.expires_at == NOW + YEARS
