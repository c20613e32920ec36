# SPDX-License-Identifier: Apache-2.0
"""Requirements of sections 9 and 10: roots, their rotation, and the directory under them."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from agency_client.errors import AgencyError
from agency_client.errors import Reason as Refused
from agency_client.services.directory import verified_directory
from keys.directory import Directory, SignedEntry, encode_entry, sign_entry
from keys.entries import LockEntry, RetireEntry, RuleBookEntry, UnlockEntry
from keys.errors import Reason, TrustError
from keys.framing import sha256, u32
from keys.root import RootDocument, SignedRoot, Steward, federation_id, sign_root, verified_roots
from keys.signers import SeedSigner, generate_signer
from tests.simulator.federation import DAY, NOW, Federation, build_federation
from tests.unit.protocol.material import READER, federation, refuses, with_item


@cache
def held() -> Federation:
    """Return a federation of three stewards, of whom two must sign."""
    return build_federation(stewards=("alpha", "beta", "gamma"))


def signers() -> dict[str, SeedSigner]:
    return {steward.name: steward.signer for steward in held().stewards}


def first() -> RootDocument:
    return held().directory.root_document


def signed(document: RootDocument, *names: str, more: tuple[SeedSigner, ...] = ()) -> SignedRoot:
    body = SignedRoot(body=document.encode())
    for signer in (*(signers()[name] for name in names), *more):
        body = sign_root(body, signer)
    return body


def second(**changes: Any) -> RootDocument:
    """Return a version 2 that follows the first root at the directory's present size."""
    directory = held().directory
    following: dict[str, Any] = {
        "version": 2,
        "previous": sha256(held().signed_roots[0].body),
        "created_at": NOW + DAY,
        "directory_size": directory.size,
        "directory_root": directory.root,
    }
    return replace(first(), **(following | changes))


def refusal(act: Callable[..., object], *args: Any, **changes: Any) -> Reason:
    with pytest.raises(TrustError) as caught:
        act(*args, **changes)
    return caught.value.reason


def rotate(*roots: SignedRoot) -> object:
    return verified_roots([held().signed_roots[0], *roots])


@pytest.mark.must("ROOT-1")
def test_stewards_that_share_anything_are_refused() -> None:
    one, two, _ = first().stewards
    shared = [
        replace(two, keyset=replace(two.keyset, keyset_id=one.keyset.keyset_id)),
        replace(two, keyset=replace(two.keyset, ed25519=one.keyset.ed25519)),
        replace(two, keyset=replace(two.keyset, mldsa65=one.keyset.mldsa65)),
        replace(two, name=one.name),
    ]
    for bad in shared:
        assert refusal(replace, first(), stewards=(one, bad)) is Reason.MALFORMED
    assert refusal(replace, first(), stewards=(two, one)) is Reason.MALFORMED


@pytest.mark.must("ROOT-2")
def test_the_federation_is_named_by_its_first_root_without_signatures() -> None:
    bare, full = signed(first()), signed(first(), "alpha", "beta", "gamma")
    assert federation_id(bare) == federation_id(full) == sha256(first().encode())
    assert held().id == sha256(first().encode())


@pytest.mark.must("ROOT-3")
def test_a_root_needs_its_own_threshold() -> None:
    assert verified_roots([signed(first(), "alpha", "gamma")]) == (first(),)
    for names in ((), ("alpha",), ("alpha", "alpha")):
        bad = signed(first(), *names)
        assert refusal(verified_roots, [bad]) is Reason.NOT_ENOUGH_SIGNATURES
    stranger = signed(first(), "alpha", more=(generate_signer("stranger"),))
    assert refusal(verified_roots, [stranger]) is Reason.NOT_ENOUGH_SIGNATURES


@pytest.mark.must("ROOT-4")
def test_a_new_version_needs_the_thresholds_of_both() -> None:
    newcomers = [generate_signer(name) for name in ("delta-1", "epsilon-1")]
    stewards = tuple(
        Steward(
            name=signer.keyset_id.removesuffix("-1"),
            keyset=signer.public(valid_from=NOW, valid_until=NOW + 99 * DAY),
            tls_root=b"der",
        )
        for signer in newcomers
    )
    document = second(stewards=stewards)
    good = signed(document, "alpha", "beta", more=tuple(newcomers))
    assert verified_roots([held().signed_roots[0], good])[-1] == document
    for bad in (
        signed(document, more=tuple(newcomers)),
        signed(document, "alpha", more=tuple(newcomers)),
        signed(document, "alpha", "beta"),
        signed(document, "alpha", "beta", "gamma", more=(newcomers[0],)),
    ):
        assert refusal(rotate, bad) is Reason.NOT_ENOUGH_SIGNATURES


@pytest.mark.must("ROOT-5")
@pytest.mark.parametrize(
    "changes",
    [
        {"version": 3},
        {"previous": bytes([1]) * 32},
        {"created_at": NOW - 1},
    ],
    ids=["number", "previous", "time"],
)
def test_a_version_that_does_not_follow_is_refused(changes: dict[str, Any]) -> None:
    bad = signed(second(**changes), "alpha", "beta")
    assert refusal(rotate, bad) is Reason.ROOT_INVALID


@pytest.mark.must("ROOT-5")
def test_a_version_that_forgets_entries_is_refused() -> None:
    two = signed(second(), "alpha", "beta")
    smaller = replace(
        second(version=3, previous=sha256(two.body)),
        directory_size=1,
        directory_root=b"\x01" * 32,
    )
    assert refusal(rotate, two, signed(smaller, "alpha", "beta")) is Reason.ROOT_INVALID
    assert refusal(verified_roots, [two]) is Reason.ROOT_INVALID
    assert refusal(verified_roots, []) is Reason.ROOT_INVALID


@pytest.mark.must("ROOT-6")
def test_one_wrong_signature_refuses_the_document() -> None:
    good = signed(first(), "alpha", "beta")
    forged = good.with_signature(signers()["gamma"].keyset_id, bytes(3373))
    assert refusal(verified_roots, [forged]) is Reason.SIGNATURE_INVALID
    passed_over = good.with_signature("unknown", bytes(3373))
    assert verified_roots([passed_over]) == (first(),)
    ended = first().stewards[0].keyset.valid_until
    late = signed(second(created_at=ended, expires_at=ended + 1), "alpha", "beta")
    assert refusal(rotate, late) is Reason.EXPIRED


@pytest.mark.must("ROOT-6")
def test_one_wrong_signature_refuses_an_entry_too() -> None:
    good = held().propose(LOCK, by=["gamma"])
    assert held().directory.with_entry(good).is_locked(READER)
    forged = good.with_signature(signers()["alpha"].keyset_id, bytes(3373))
    assert refusal(held().directory.with_entry, forged) is Reason.SIGNATURE_INVALID
    passed_over = good.with_signature("unknown", bytes(3373))
    assert held().directory.with_entry(passed_over).is_locked(READER)


@pytest.mark.must("ROOT-8")
@pytest.mark.parametrize("threshold", [0, 4, 2**32 - 1])
def test_a_threshold_of_none_or_of_more_than_there_are_is_refused(threshold: int) -> None:
    good = signed(first(), "alpha", "beta", "gamma")
    bad = replace(good, body=with_item(good.body, 3, u32(threshold)))
    assert refusal(verified_roots, [bad]) is Reason.MALFORMED
    assert refusal(verified_roots, [replace(bad, signatures=())]) is Reason.MALFORMED
    assert refusal(replace, first(), threshold=threshold) is Reason.MALFORMED


# The directory.


def proposal(entry: Any, **changes: Any) -> SignedEntry:
    """Return an entry signed by two stewards, with its place or federation changed."""
    directory = held().directory
    place: dict[str, Any] = {
        "federation": held().id,
        "index": directory.size,
        "issued_at": directory.issued_at,
    }
    given = place | changes
    body = encode_entry(given["federation"], given["index"], given["issued_at"], entry)
    entry_ = SignedEntry(body=body)
    for name in ("alpha", "beta"):
        entry_ = sign_entry(entry_, signers()[name])
    return entry_


def apply(entry: Any, **changes: Any) -> Directory:
    return held().directory.with_entry(proposal(entry, **changes))


LOCK = LockEntry(agency=READER, reason="keys stolen")


@pytest.mark.must("DIR-1")
def test_an_entry_out_of_its_place_is_refused() -> None:
    size = held().directory.size
    assert apply(LOCK).size == size + 1
    assert refusal(apply, LOCK, federation=bytes(32)) is Reason.FOREIGN_FEDERATION
    for index in (0, size - 1, size + 1):
        assert refusal(apply, LOCK, index=index) is Reason.ENTRY_INVALID
    early = held().directory.issued_at - 1
    assert refusal(apply, LOCK, issued_at=early) is Reason.ENTRY_INVALID


@pytest.mark.must("DIR-2")
def test_one_steward_locks_and_nothing_else() -> None:
    agency = held().agencies[READER].entry
    directory = held().directory
    assert directory.with_entry(held().propose(LOCK, by=["gamma"])).is_locked(READER)
    assert refusal(directory.with_entry, held().propose(LOCK, by=[])) is (
        Reason.NOT_ENOUGH_SIGNATURES
    )
    for entry in (
        UnlockEntry(agency=READER, reason="cleared"),
        RetireEntry(agency=READER, reason="left"),
        RuleBookEntry(version=2, schema="", policies=""),
        replace(agency, name="Another name"),
    ):
        lone = held().propose(entry, by=["gamma"])
        assert refusal(directory.with_entry, lone) is (Reason.NOT_ENOUGH_SIGNATURES)


def rotated() -> tuple[SignedRoot, SeedSigner]:
    """Return a version 2, made at the directory's present size, without steward alpha."""
    signer = generate_signer("delta-1")
    delta = Steward(
        name="delta",
        keyset=signer.public(valid_from=NOW, valid_until=NOW + 99 * DAY),
        tls_root=b"der",
    )
    document = second(stewards=(*first().stewards[1:2], delta))
    return signed(document, "alpha", "beta", more=(signer,)), signer


@pytest.mark.must("DIR-3")
def test_entries_count_the_signatures_of_the_root_in_force() -> None:
    root, delta = rotated()
    directory = held().directory.with_roots([held().signed_roots[0], root])
    body = held().propose(RuleBookEntry(version=2, schema="", policies=""), by=["beta"])
    assert directory.with_entry(sign_entry(body, delta)).size == directory.size + 1
    old = sign_entry(body, signers()["alpha"])
    assert refusal(directory.with_entry, old) is Reason.NOT_ENOUGH_SIGNATURES
    replayed = Directory.start([held().signed_roots[0], root]).with_entries(held().signed_entries)
    assert replayed.root == directory.root


@pytest.mark.must("DIR-4")
def test_a_history_that_a_root_does_not_pin_is_refused() -> None:
    bad = signed(second(directory_root=b"\x01" * 32), "alpha", "beta")
    roots = [held().signed_roots[0], bad]
    assert refusal(held().directory.with_roots, roots) is Reason.ROOT_INVALID
    empty = Directory.start(roots)
    assert refusal(empty.with_entries, held().signed_entries) is Reason.ROOT_INVALID


@pytest.mark.must("DIR-5")
def test_a_directory_that_lacks_entries_says_so() -> None:
    root, _ = rotated()
    directory = Directory.start([held().signed_roots[0], root])
    assert directory.is_behind_root
    assert directory.with_entries(held().signed_entries[:-1]).is_behind_root
    assert not directory.with_entries(held().signed_entries).is_behind_root
    roots = [one.encode() for one in (held().signed_roots[0], root)]
    entries = [one.encode() for one in held().signed_entries]
    assert verified_directory(roots, entries, held().id).size == len(entries)
    with pytest.raises(AgencyError) as caught:
        verified_directory(roots, entries[:-1], held().id)
    assert caught.value.reason is Refused.DIRECTORY_INVALID


@pytest.mark.must("DIR-6")
def test_other_keys_under_a_known_id_are_refused() -> None:
    entry = held().agencies[READER].entry
    stranger = build_federation().agencies[READER].entry
    assert entry.signing[0].keyset_id == stranger.signing[0].keyset_id
    for changes in ({"signing": stranger.signing}, {"encryption": stranger.encryption}):
        bad = replace(entry, **changes)
        assert refusal(apply, bad) is Reason.ENTRY_INVALID
    shorter = replace(entry.signing[0], valid_until=NOW + DAY)
    assert apply(replace(entry, signing=(shorter,))).keyset(READER, shorter.keyset_id) == shorter


@pytest.mark.must("DIR-6")
def test_an_id_that_was_dropped_does_not_come_back_with_other_keys() -> None:
    entry = held().agencies[READER].entry
    stranger = build_federation().agencies[READER].entry
    dropped = apply(replace(entry, signing=(), encryption=()))
    for changes in ({"signing": stranger.signing}, {"encryption": stranger.encryption}):
        bad = proposal(replace(entry, **changes), index=dropped.size)
        assert refusal(dropped.with_entry, bad) is Reason.ENTRY_INVALID
    again = dropped.with_entry(proposal(entry, index=dropped.size))
    assert again.keyset(READER, entry.signing[0].keyset_id) == entry.signing[0]


@pytest.mark.must("DIR-15")
def test_an_entry_about_a_locked_agency_does_not_lift_its_lock() -> None:
    one = build_federation()
    one.lock(READER)
    one.replace_agency(READER, name="Another name")
    assert one.directory.is_locked(READER)
    assert one.directory.encryption_key(READER, NOW) is None


@pytest.mark.must("DIR-7")
def test_a_role_does_not_change() -> None:
    entry = replace(held().agencies[READER].entry, role="auditor")
    assert refusal(apply, entry) is Reason.ENTRY_INVALID


@pytest.mark.must("DIR-8")
def test_retirement_is_for_good() -> None:
    one = build_federation()
    one.retire(READER)
    entry = one.agencies[READER].entry
    for again in (
        entry,
        LOCK,
        UnlockEntry(agency=READER, reason="cleared"),
        RetireEntry(agency=READER, reason="again"),
    ):
        assert refusal(one.add, again) is Reason.ENTRY_INVALID
    assert one.directory.is_retired(READER)


@pytest.mark.must("DIR-9")
@pytest.mark.parametrize("kind", [LockEntry, UnlockEntry, RetireEntry])
def test_entries_about_unknown_agencies_are_refused(kind: Any) -> None:
    entry = kind(agency="xx-unknown", reason="a reason")
    assert refusal(apply, entry) is Reason.ENTRY_INVALID


@pytest.mark.must("DIR-10")
@pytest.mark.parametrize("version", [1, 3])
def test_a_rule_book_that_does_not_follow_is_refused(version: int) -> None:
    entry = RuleBookEntry(version=version, schema="", policies="")
    assert refusal(apply, entry) is Reason.ENTRY_INVALID


@pytest.mark.must("DIR-11")
def test_a_locked_or_retired_agency_has_no_key_to_seal_to() -> None:
    one = build_federation()
    assert one.directory.encryption_key(READER, NOW) is not None
    one.lock(READER)
    assert one.directory.encryption_key(READER, NOW) is None
    one.unlock(READER)
    assert one.directory.encryption_key(READER, NOW) is not None
    one.retire(READER)
    assert one.directory.encryption_key(READER, NOW) is None
    assert one.directory.encryption_key("xx-unknown", NOW) is None


@pytest.mark.must("DIR-12")
def test_the_newest_valid_key_is_sealed_to() -> None:
    entry = federation().agencies[READER].entry
    base = entry.encryption[0]
    keys = (
        replace(base, key_id="a", valid_from=1, valid_until=100),
        replace(base, key_id="c", valid_from=10, valid_until=20),
        replace(base, key_id="b", valid_from=10, valid_until=30),
        replace(base, key_id="z", valid_from=50, valid_until=60),
    )
    chosen = replace(entry, encryption=keys).encryption_key
    expected = {1: "a", 9: "a", 10: "c", 19: "c", 20: "b", 30: "a", 50: "z", 60: "a"}
    found = {at: key.key_id for at in expected if (key := chosen(at)) is not None}
    assert found == expected
    assert chosen(0) is None
    assert chosen(100) is None


def test_signatures_are_ascending_and_of_their_length() -> None:
    good = held().signed_entries[0]
    for bad in (good.signatures[::-1], (good.signatures[0],) * 2, ((good.signatures[0][0], b""),)):
        assert refuses(SignedEntry.decode, replace(good, signatures=bad).encode())
