# SPDX-License-Identifier: Apache-2.0
"""The directory: each entry in its place, signed by enough, contradicting nothing."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from keys import merkle
from keys.directory import (
    Directory,
    SignedEntry,
    decode_entry,
    encode_entry,
    required_signatures,
    sign_entry,
)
from keys.entries import (
    Entry,
    LockEntry,
    RetireEntry,
    RuleBookEntry,
    TopicEntry,
    UnlockEntry,
)
from keys.errors import DirectoryError, Reason, RootError, SignatureError, TrustError
from keys.framing import framed, sha256, u64
from keys.root import SignedRoot, sign_root
from keys.signed_entries import MAX_ENTRY_BYTES
from keys.signers import generate_signer
from keys.signing import PAYLOAD_ROOT
from tests.simulator.federation import DAY, KEY, KEYSET, NOW, YEARS, Federation, build_federation

LOCK = LockEntry(agency="ro-pol", reason="stolen key")
TOPIC = TopicEntry(topic="t", title="T", readers=("eu",), publishers=("eu",))


@pytest.fixture(scope="module")
def built() -> Federation:
    return build_federation(stewards=("alpha", "beta", "gamma"))


@pytest.fixture
def world(built: Federation) -> Federation:
    """A federation of three stewards, two of whom must sign, to be extended by one test."""
    return replace(built)


def refusal(directory: Directory, signed: SignedEntry) -> TrustError:
    with pytest.raises(TrustError) as refused:
        directory.with_entry(signed)
    return refused.value


def test_entries_give_the_state_that_they_say(world: Federation) -> None:
    directory = Directory.start(world.signed_roots).with_entries(world.signed_entries)
    assert directory.size == len(world.signed_entries) == 5
    assert [agency.agency for agency in directory.agencies()] == ["gr-pol", "hr-ngo", "ro-pol"]
    assert [topic.topic for topic in directory.topics()] == ["trafficking/cases"]
    assert directory.rule_book is not None
    assert directory.root == world.directory.root


def test_the_root_hash_is_over_the_signed_entries(world: Federation) -> None:
    leaves = [merkle.hash_leaf(entry.encode()) for entry in world.signed_entries]
    assert list(world.directory.leaf_hashes) == leaves
    assert world.directory.root == merkle.root(leaves)


def test_an_entry_gives_a_new_directory_and_leaves_the_old_as_it_was(world: Federation) -> None:
    before = world.directory
    world.lock("ro-pol")
    assert (before.is_locked("ro-pol"), world.directory.is_locked("ro-pol")) == (False, True)
    assert (before.size, world.directory.size) == (5, 6)


def test_a_lock_needs_one_steward_and_all_else_the_threshold(world: Federation) -> None:
    root = world.directory.root_document
    assert required_signatures(LOCK, root) == 1
    others: list[Entry] = [
        TOPIC,
        UnlockEntry(agency="ro-pol", reason="x"),
        RetireEntry(agency="ro-pol", reason="x"),
        RuleBookEntry(version=2, schema="", policies=""),
        world.agencies["gr-pol"].entry,
    ]
    for entry in others:
        assert required_signatures(entry, root) == 2
        refused = refusal(world.directory, world.propose(entry, by=["alpha"]))
        assert (type(refused), refused.reason) == (DirectoryError, Reason.NOT_ENOUGH_SIGNATURES)
    assert world.directory.with_entry(world.propose(LOCK, by=["gamma"])).is_locked("ro-pol")


def test_an_unsigned_entry_is_refused(world: Federation) -> None:
    for entry in (TOPIC, LOCK):
        refused = refusal(world.directory, world.propose(entry, by=[]))
        assert refused.reason is Reason.NOT_ENOUGH_SIGNATURES


def test_signatures_of_strangers_count_for_nothing(world: Federation) -> None:
    signed = world.propose(TOPIC, by=["alpha"])
    signed = sign_entry(signed, generate_signer("stranger"))
    signed = sign_entry(signed, world.agencies["gr-pol"].signer)
    assert refusal(world.directory, signed).reason is Reason.NOT_ENOUGH_SIGNATURES
    enough = sign_entry(signed, world.stewards[1].signer)
    assert world.directory.with_entry(enough).topic("t") == TOPIC


def test_one_wrong_signature_refuses_the_entry(world: Federation) -> None:
    signed = world.propose(TOPIC)
    wrong = signed.with_signature(world.stewards[2].signer.keyset_id, bytes(3373))
    refused = refusal(world.directory, wrong)
    assert (type(refused), refused.reason) == (SignatureError, Reason.SIGNATURE_INVALID)


def test_a_signature_on_a_root_is_none_on_an_entry(world: Federation) -> None:
    signed = world.propose(TOPIC, by=["alpha"])
    beta = world.stewards[1].signer
    confused = signed.with_signature(beta.keyset_id, beta.sign(PAYLOAD_ROOT, signed.body))
    assert isinstance(refusal(world.directory, confused), SignatureError)


def test_a_steward_whose_keys_have_ended_does_not_sign(world: Federation) -> None:
    signed = world.propose(TOPIC, at=NOW + YEARS)
    refused = refusal(world.directory, signed)
    assert (type(refused), refused.reason) == (SignatureError, Reason.EXPIRED)


def test_an_entry_replayed_left_out_or_out_of_order_is_refused(world: Federation) -> None:
    start, entries = Directory.start(world.signed_roots), world.signed_entries
    for wrong in (
        [entries[0], entries[0]],
        [entries[0], entries[2]],
        [entries[1]],
        [entries[1], entries[0]],
        [*entries, entries[-1]],
    ):
        with pytest.raises(DirectoryError, match="does not follow") as refused:
            start.with_entries(wrong)
        assert refused.value.reason is Reason.ENTRY_INVALID


def test_an_entry_of_another_federation_is_refused(world: Federation) -> None:
    other = build_federation(["gr-pol"])
    refused = refusal(Directory.start(world.signed_roots), other.signed_entries[0])
    assert (type(refused), refused.reason) == (DirectoryError, Reason.FOREIGN_FEDERATION)


def test_an_entry_older_than_the_one_before_is_refused(world: Federation) -> None:
    body = encode_entry(world.id, world.directory.size, NOW - 1, LOCK)
    signed = sign_entry(SignedEntry(body=body), world.stewards[0].signer)
    refused = refusal(world.directory, signed)
    assert (refused.reason, refused.detail) == (
        Reason.ENTRY_INVALID,
        "entry is older than the one before it",
    )


def test_what_is_said_about_an_agency_nobody_knows_is_refused(world: Federation) -> None:
    for kind in (LockEntry, UnlockEntry, RetireEntry):
        refused = refusal(world.directory, world.propose(kind(agency="xx-pol", reason="x")))
        assert refused.detail == "agency xx-pol is not in the directory"


def test_a_lock_is_lifted_and_a_retirement_is_not(world: Federation) -> None:
    world.lock("ro-pol")
    assert not world.directory.active("ro-pol")
    world.unlock("ro-pol")
    assert world.directory.active("ro-pol")
    world.retire("ro-pol")
    assert world.directory.is_retired("ro-pol")
    entries: list[Entry] = [
        UnlockEntry(agency="ro-pol", reason="x"),
        LockEntry(agency="ro-pol", reason="x"),
        RetireEntry(agency="ro-pol", reason="x"),
        world.agencies["ro-pol"].entry,
    ]
    for entry in entries:
        assert "retired for good" in refusal(world.directory, world.propose(entry)).detail


def test_nobody_seals_to_an_agency_that_is_not_active(world: Federation) -> None:
    assert world.directory.encryption_key("ro-pol", NOW) is not None
    world.lock("ro-pol")
    assert world.directory.encryption_key("ro-pol", NOW) is None
    assert world.directory.encryption_key("xx-pol", NOW) is None
    assert world.directory.agency("ro-pol") is not None


def test_keysets_of_a_retired_agency_still_verify_what_it_signed(world: Federation) -> None:
    world.retire("gr-pol")
    assert world.directory.keyset("gr-pol", KEYSET) is not None
    assert world.directory.keyset("gr-pol", "other") is None
    assert world.directory.keyset("xx-pol", KEYSET) is None


def test_a_later_entry_replaces_the_earlier_one(world: Federation) -> None:
    world.replace_agency("gr-pol", name="Renamed")
    world.add(replace(TOPIC, topic="trafficking/cases", title="Renamed"))
    agency, topic = world.directory.agency("gr-pol"), world.directory.topic("trafficking/cases")
    assert agency is not None
    assert topic is not None
    assert (agency.name, topic.title) == ("Renamed", "Renamed")
    assert len(world.directory.agencies()) == 3


def test_other_keys_under_a_known_id_are_refused(world: Federation) -> None:
    entry = world.agencies["gr-pol"].entry
    other = build_federation(["gr-pol"]).agencies["gr-pol"].entry
    for changed in (
        replace(entry, signing=other.signing),
        replace(entry, encryption=other.encryption),
        replace(entry, signing=(replace(entry.signing[0], ed25519=other.signing[0].ed25519),)),
        replace(entry, signing=(replace(entry.signing[0], mldsa65=other.signing[0].mldsa65),)),
    ):
        refused = refusal(world.directory, world.propose(changed))
        assert (type(refused), refused.reason) == (DirectoryError, Reason.ENTRY_INVALID)


def test_an_id_that_was_dropped_comes_back_only_with_its_keys(world: Federation) -> None:
    entry = world.agencies["gr-pol"].entry
    other = build_federation(["gr-pol"]).agencies["gr-pol"].entry
    world.add(replace(entry, signing=(), encryption=()))
    for changed in (
        replace(entry, signing=other.signing),
        replace(entry, encryption=other.encryption),
    ):
        refused = refusal(world.directory, world.propose(changed))
        assert (type(refused), refused.reason) == (DirectoryError, Reason.ENTRY_INVALID)
        assert "had other keys before" in refused.detail
    world.add(entry)
    assert world.directory.keyset("gr-pol", KEYSET) == entry.signing[0]


def test_a_keyset_and_an_encryption_key_may_have_one_id(world: Federation) -> None:
    entry = world.agencies["gr-pol"].entry
    key = replace(entry.encryption[0], key_id=KEYSET)
    world.add(replace(entry, encryption=(key,)))
    assert world.directory.encryption_key("gr-pol", NOW) == key


def test_a_new_entry_does_not_lift_a_lock(world: Federation) -> None:
    world.lock("ro-pol")
    world.add(replace(world.agencies["ro-pol"].entry, name="Renamed"))
    assert world.directory.is_locked("ro-pol")
    world.lock("ro-pol")
    world.unlock("ro-pol")
    world.unlock("ro-pol")
    assert world.directory.active("ro-pol")


def test_new_keys_under_new_ids_and_new_times_of_old_ones_are_taken(world: Federation) -> None:
    entry = world.agencies["gr-pol"].entry
    other = build_federation(["gr-pol"]).agencies["gr-pol"].entry
    ended = replace(entry.encryption[0], valid_until=NOW + DAY)
    later = replace(other.encryption[0], key_id="2026-12-enc", valid_from=NOW)
    keyset = replace(other.signing[0], keyset_id="2026-12-sign")
    world.replace_agency("gr-pol", encryption=(ended, later), signing=(*entry.signing, keyset))
    assert world.directory.encryption_key("gr-pol", NOW) == later
    assert world.directory.keyset("gr-pol", "2026-12-sign") == keyset
    assert entry.encryption[0].key_id == KEY


def test_an_agency_does_not_become_an_auditor(world: Federation) -> None:
    entry = replace(world.agencies["gr-pol"].entry, role="auditor")
    assert "role of gr-pol cannot change" in refusal(world.directory, world.propose(entry)).detail


@pytest.mark.parametrize("version", [1, 3])
def test_rule_books_follow_each_other(world: Federation, version: int) -> None:
    entry = RuleBookEntry(version=version, schema="", policies="")
    refused = refusal(world.directory, world.propose(entry))
    assert refused.detail == f"rule book 1 is followed by {version}"
    world.add(replace(entry, version=2))
    assert world.directory.rule_book == replace(entry, version=2)


# Later roots.


def later_root(world: Federation, **changes: object) -> SignedRoot:
    """Return version 2 of the root, made at the directory as it is, signed by all three."""
    document = replace(
        world.directory.root_document,
        version=2,
        previous=sha256(world.signed_roots[0].body),
        created_at=NOW + 1,
        directory_size=world.directory.size,
        directory_root=world.directory.root,
    )
    signed = SignedRoot(body=replace(document, **changes).encode())  # type: ignore[arg-type]
    for steward in world.stewards:
        signed = sign_root(signed, steward.signer)
    return signed


def test_entries_after_a_root_are_signed_under_it(world: Federation) -> None:
    crew = world.directory.root_document.stewards
    second = later_root(world, stewards=crew[1:])
    directory = world.directory.with_roots([*world.signed_roots, second])
    by_old = world.propose(TOPIC, by=["alpha", "beta"])
    assert refusal(directory, by_old).reason is Reason.NOT_ENOUGH_SIGNATURES
    by_new = world.propose(TOPIC, by=["beta", "gamma"])
    assert directory.with_entry(by_new).topic("t") == TOPIC
    assert directory.root_document.version == 2


def test_entries_before_a_root_are_verified_under_the_one_before(world: Federation) -> None:
    second = later_root(world, threshold=3)
    roots = [*world.signed_roots, second]
    directory = Directory.start(roots)
    assert directory.is_behind_root
    directory = directory.with_entries(world.signed_entries)
    assert not directory.is_behind_root
    assert directory.root == world.directory.root


def test_a_history_that_a_root_does_not_pin_is_refused(world: Federation) -> None:
    roots = [*world.signed_roots, later_root(world)]
    other = world.propose(TOPIC)
    history = [*world.signed_entries[:-1], other]
    body = encode_entry(world.id, 4, NOW, TOPIC)
    history[-1] = SignedEntry(body=body)
    for steward in world.stewards:
        history[-1] = sign_entry(history[-1], steward.signer)
    assert Directory.start(world.signed_roots).with_entries(history).size == 5
    with pytest.raises(DirectoryError, match="pins another history of 5") as refused:
        Directory.start(roots).with_entries(history)
    assert refused.value.reason is Reason.ROOT_INVALID


def test_a_root_that_pins_another_history_than_the_one_known_is_refused(
    world: Federation,
) -> None:
    second = later_root(world, directory_root=bytes(32))
    with pytest.raises(DirectoryError, match="pins another history") as refused:
        world.directory.with_roots([*world.signed_roots, second])
    assert refused.value.reason is Reason.ROOT_INVALID


def test_a_root_made_before_entries_already_applied_is_refused(world: Federation) -> None:
    second = later_root(world)
    world.lock("ro-pol")
    with pytest.raises(DirectoryError, match="made at 5 entries, 6 are known") as refused:
        world.directory.with_roots([*world.signed_roots, second])
    assert refused.value.reason is Reason.ROOT_INVALID


def test_roots_of_another_federation_or_another_past_are_refused(world: Federation) -> None:
    other = build_federation(["gr-pol"])
    with pytest.raises(DirectoryError) as refused:
        world.directory.with_roots(other.signed_roots)
    assert refused.value.reason is Reason.FOREIGN_FEDERATION
    directory = world.directory.with_roots([*world.signed_roots, later_root(world)])
    forked = [*world.signed_roots, later_root(world, threshold=3)]
    for roots in (world.signed_roots, forked):
        with pytest.raises(DirectoryError, match="do not continue") as refused:
            directory.with_roots(roots)
        assert refused.value.reason is Reason.ROOT_INVALID


def test_the_same_roots_again_change_nothing(world: Federation) -> None:
    assert world.directory.with_roots(world.signed_roots) == world.directory


def test_a_directory_does_not_start_without_a_valid_root(world: Federation) -> None:
    with pytest.raises(RootError):
        Directory.start([])
    with pytest.raises(RootError):
        Directory.start([replace(world.signed_roots[0], signatures=())])


# Bytes.


def test_an_entry_reads_back(world: Federation) -> None:
    entry = world.signed_entries[0]
    assert SignedEntry.decode(entry.encode()) == entry
    decoded = decode_entry(entry.body)
    assert encode_entry(decoded.federation, 0, decoded.issued_at, decoded.content) == entry.body


def malformed(federation: bytes) -> Iterator[bytes]:
    """Yield bodies that `encode_entry` would not write."""
    body = encode_entry(federation, 5, NOW, LOCK)
    content = framed("tocsin/lock/v1", b"ro-pol", b"x")
    label = "tocsin/directory-entry/v1"
    yield from (b"", body[:-1], body + b"\x00", framed("tocsin/directory-entry/v2"))
    yield framed(label, federation[:31], u64(5), u64(NOW), content)
    yield framed(label, federation, b"\x05", u64(NOW), content)
    yield framed(label, federation, u64(5), u64(2**63), content)
    yield framed(label, federation, u64(5), u64(NOW), content[:-1])
    yield framed(label, federation, u64(5), u64(NOW), b"")


def test_entry_bytes_that_encode_would_not_write_are_refused(world: Federation) -> None:
    for body in malformed(world.id):
        signed = SignedEntry(body=body)
        for steward in world.stewards:
            signed = sign_entry(signed, steward.signer)
        assert isinstance(refusal(world.directory, signed), DirectoryError)


def test_signed_entry_bytes_that_encode_would_not_write_are_refused(world: Federation) -> None:
    data = world.signed_entries[0].encode()
    for wrong in (b"", data[:-1], data + b"\x00", framed("tocsin/signed-entry/v1", b"body")):
        with pytest.raises(DirectoryError):
            SignedEntry.decode(wrong)


def test_an_entry_of_more_than_2_mib_is_not_read() -> None:
    big = SignedEntry(body=bytes(MAX_ENTRY_BYTES)).encode()
    with pytest.raises(DirectoryError) as refused:
        SignedEntry.decode(big)
    assert refused.value.reason is Reason.LIMIT_EXCEEDED


@pytest.mark.parametrize(
    ("federation", "index", "issued_at"),
    [(b"short", 0, NOW), (bytes(32), -1, NOW), (bytes(32), 2**64, NOW), (bytes(32), 0, 2**60)],
)
def test_an_entry_of_no_place_is_not_written(federation: bytes, index: int, issued_at: int) -> None:
    with pytest.raises(DirectoryError):
        encode_entry(federation, index, issued_at, LOCK)
