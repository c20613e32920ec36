# SPDX-License-Identifier: Apache-2.0
"""Cards, revocations, joint operations and successors: who may enter them, and what they do."""

from dataclasses import replace
from typing import Any

import pytest

from keys.changes import (
    AssertionKey,
    CardEntry,
    OperationEntry,
    RevokeEntry,
    SuccessorEntry,
)
from keys.directory import Directory, SignedEntry, encode_entry, sign_card, sign_entry
from keys.entries import Entry, decode_content, encode_content
from keys.errors import DirectoryError, Reason, TrustError
from keys.framing import framed, sha256
from keys.signers import generate_signer
from tests.simulator.federation import DAY, KEY, KEYSET, NOW, Federation, build_federation

OPERATION = OperationEntry(code="OP-1", title="One", starts_at=NOW, ends_at=NOW + DAY)
REVOKE = RevokeEntry(
    agency="ro-pol", what="keyset", key_id=KEYSET, from_index=7, reason="stolen laptop"
)
SUCCESSOR = SuccessorEntry(agency="ro-pol", successor="gr-pol", reason="merged")


@pytest.fixture(scope="module")
def built() -> Federation:
    return build_federation(stewards=("alpha", "beta", "gamma"))


@pytest.fixture
def world(built: Federation) -> Federation:
    return replace(built)


def admission(world: Federation, agency: str) -> bytes:
    entry = world.directory.agency(agency)
    assert entry is not None
    return sha256(encode_content(entry))


def card(world: Federation, agency: str = "gr-pol", **said: Any) -> CardEntry:
    given = {"version": 1, "admitted": admission(world, agency), **said}
    return CardEntry(agency=agency, **given)


def by_agency(world: Federation, entry: Entry, signer: str = "gr-pol", at: int = 0) -> SignedEntry:
    issued_at = at or max(world.directory.issued_at, world.now)
    body = encode_entry(world.id, world.directory.size, issued_at, entry)
    return sign_card(SignedEntry(body=body), world.agencies[signer].signer)


def refusal(directory: Directory, signed: SignedEntry) -> Reason:
    with pytest.raises(TrustError) as refused:
        directory.with_entry(signed)
    return refused.value.reason


@pytest.mark.must("DIR-16")
def test_an_agency_signs_its_own_card_and_with_it_its_admission(world: Federation) -> None:
    directory = world.directory
    assert not directory.is_confirmed("gr-pol")
    said = card(world, phone="+30 210 0000000", languages=("en", "el"))
    directory = directory.with_entry(by_agency(world, said))
    assert directory.card("gr-pol") == said
    assert said.languages == ("el", "en")
    assert directory.is_confirmed("gr-pol")
    assert not directory.is_confirmed("ro-pol")


@pytest.mark.must("DIR-16")
def test_a_card_is_for_its_agency_alone_to_sign(world: Federation) -> None:
    said = card(world)
    invalid, few = Reason.UNKNOWN_KEYSET, Reason.NOT_ENOUGH_SIGNATURES
    assert refusal(world.directory, world.propose(said, by=["alpha", "beta"])) is few
    unsigned = replace(by_agency(world, said), signatures=())
    assert refusal(world.directory, unsigned) is few
    both = sign_card(by_agency(world, said), generate_signer("another"))
    assert refusal(world.directory, both) is few
    stranger = sign_card(unsigned, generate_signer("stranger"))
    assert refusal(world.directory, stranger) is invalid
    foreign = by_agency(world, said, signer="ro-pol")
    assert refusal(world.directory, foreign) is Reason.SIGNATURE_INVALID


def test_a_signature_of_another_kind_is_none_on_a_card(world: Federation) -> None:
    unsigned = replace(by_agency(world, card(world)), signatures=())
    as_steward = sign_entry(unsigned, world.agencies["gr-pol"].signer)
    assert refusal(world.directory, as_steward) is Reason.SIGNATURE_INVALID


@pytest.mark.must("DIR-17")
def test_a_card_that_agrees_to_another_admission_is_refused(world: Federation) -> None:
    old = card(world)
    world.replace_agency("gr-pol", name="Renamed by stewards")
    assert refusal(world.directory, by_agency(world, old)) is Reason.ENTRY_INVALID
    assert world.directory.with_entry(by_agency(world, card(world))).is_confirmed("gr-pol")


def test_what_stewards_change_afterwards_is_not_agreed_to(world: Federation) -> None:
    world.directory = world.directory.with_entry(by_agency(world, card(world)))
    world.replace_agency("gr-pol", contact="somebody else")
    assert not world.directory.is_confirmed("gr-pol")


@pytest.mark.must("DIR-17")
def test_cards_follow_each_other_by_version(world: Federation) -> None:
    for version in (2, 7):
        skipped = by_agency(world, card(world, version=version))
        assert refusal(world.directory, skipped) is Reason.ENTRY_INVALID
    first = by_agency(world, card(world))
    directory = world.directory.with_entry(first)
    again = encode_entry(world.id, directory.size, directory.issued_at, card(world))
    twice = sign_card(SignedEntry(body=again), world.agencies["gr-pol"].signer)
    assert refusal(directory, twice) is Reason.ENTRY_INVALID


@pytest.mark.parametrize("standing", ["lock", "retire"])
def test_a_locked_or_retired_agency_enters_no_card(world: Federation, standing: str) -> None:
    getattr(world, standing)("gr-pol")
    assert refusal(world.directory, by_agency(world, card(world))) is Reason.ENTRY_INVALID


def test_a_keyset_that_ended_signs_no_card(world: Federation) -> None:
    late = by_agency(world, card(world), at=NOW + 5000 * DAY)
    assert refusal(world.directory, late) is Reason.EXPIRED


def test_a_revoked_key_counts_from_an_index_on_no_more(world: Federation) -> None:
    assert world.directory.revoked_from("ro-pol", "keyset", KEYSET) is None
    world.add(REVOKE)
    assert world.directory.revoked_from("ro-pol", "keyset", KEYSET) == 7
    assert world.directory.revoked_from("gr-pol", "keyset", KEYSET) is None
    own = by_agency(world, card(world, "ro-pol"), signer="ro-pol")
    assert refusal(world.directory, own) is Reason.UNKNOWN_KEYSET


@pytest.mark.must("DIR-21")
def test_a_revocation_moves_to_an_earlier_index_only(world: Federation) -> None:
    for index, held in ((7, 7), (9, 7), (3, 3)):
        world.add(replace(REVOKE, from_index=index))
        assert world.directory.revoked_from("ro-pol", "keyset", KEYSET) == held


def test_nobody_seals_to_a_revoked_key(world: Federation) -> None:
    assert world.directory.encryption_key("ro-pol", NOW) is not None
    world.add(replace(REVOKE, what="encryption", key_id=KEY))
    assert world.directory.encryption_key("ro-pol", NOW) is None
    assert world.directory.encryption_key("gr-pol", NOW) is not None


@pytest.mark.parametrize(
    "change", [{"key_id": "never"}, {"agency": "xx-pol"}, {"what": "encryption"}]
)
def test_only_a_key_that_the_agency_had_can_be_revoked(
    world: Federation, change: dict[str, str]
) -> None:
    other = replace(REVOKE, **change)  # type: ignore[arg-type]
    assert refusal(world.directory, world.propose(other)) is Reason.ENTRY_INVALID


def test_an_operation_has_its_dates_and_a_later_entry_others(world: Federation) -> None:
    world.add(OPERATION)
    assert world.directory.operation("OP-1") == OPERATION
    later = replace(OPERATION, ends_at=NOW + 2 * DAY)
    world.add(later)
    assert world.directory.operations() == (later,)
    assert world.directory.operation("OP-2") is None


@pytest.mark.must("DIR-19")
def test_a_successor_takes_over_and_the_agency_has_left(world: Federation) -> None:
    world.add(SUCCESSOR)
    assert world.directory.successor("ro-pol") == "gr-pol"
    assert world.directory.is_retired("ro-pol")
    assert world.directory.successor("gr-pol") == ""


@pytest.mark.must("DIR-19")
@pytest.mark.parametrize("change", [{"agency": "xx-pol"}, {"successor": "xx-pol"}])
def test_a_successor_of_or_by_a_stranger_is_refused(
    world: Federation, change: dict[str, str]
) -> None:
    signed = world.propose(replace(SUCCESSOR, **change))
    assert refusal(world.directory, signed) is Reason.ENTRY_INVALID


def test_nobody_who_has_left_takes_over(world: Federation) -> None:
    world.retire("gr-pol")
    assert refusal(world.directory, world.propose(SUCCESSOR)) is Reason.ENTRY_INVALID


@pytest.mark.parametrize("entry", [REVOKE, OPERATION, SUCCESSOR])
def test_one_steward_is_not_enough(world: Federation, entry: Entry) -> None:
    signed = world.propose(entry, by=["alpha"])
    assert refusal(world.directory, signed) is Reason.NOT_ENOUGH_SIGNATURES


def test_officer_keys_and_roles_are_part_of_an_agency_s_entry(world: Federation) -> None:
    key = AssertionKey(key_id="officers", public=bytes(32), valid_from=NOW, valid_until=NOW + DAY)
    world.replace_agency("gr-pol", assertion_keys=(key,), asserts_roles=("LIAISON", "ANALYST"))
    entry = world.directory.agency("gr-pol")
    assert entry is not None
    assert (entry.assertion_keys, entry.asserts_roles) == ((key,), ("ANALYST", "LIAISON"))
    assert decode_content(encode_content(entry)) == entry
    assert (key.is_valid_at(NOW), key.is_valid_at(NOW + DAY)) == (True, False)


MALFORMED = {
    "card 0": lambda: CardEntry(agency="gr-pol", version=0, admitted=bytes(32)),
    "short digest": lambda: CardEntry(agency="gr-pol", version=1, admitted=bytes(31)),
    "deputy twice": lambda: CardEntry(
        agency="gr-pol", version=1, admitted=bytes(32), deputies=("A", "A")
    ),
    "control character": lambda: CardEntry(
        agency="gr-pol", version=1, admitted=bytes(32), note="a\u202eb"
    ),
    "other kind of key": lambda: replace(REVOKE, what="tls"),
    "negative index": lambda: replace(REVOKE, from_index=-1),
    "revoked without reason": lambda: replace(REVOKE, reason=""),
    "operation that ends first": lambda: replace(OPERATION, ends_at=NOW),
    "own successor": lambda: replace(SUCCESSOR, successor="ro-pol"),
    "key that ends first": lambda: AssertionKey(
        key_id="k", public=bytes(32), valid_from=NOW, valid_until=NOW
    ),
    "short key": lambda: AssertionKey(
        key_id="k", public=bytes(31), valid_from=NOW, valid_until=NOW + 1
    ),
}


@pytest.mark.parametrize("make", MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_well_formed_does_not_exist(make: Any) -> None:
    with pytest.raises(DirectoryError):
        make()


@pytest.mark.parametrize(
    "entry", [REVOKE, OPERATION, SUCCESSOR], ids=lambda one: type(one).__name__
)
def test_bytes_that_would_not_be_written_are_not_read(entry: Entry) -> None:
    data = encode_content(entry)
    assert decode_content(data) == entry
    for changed in (data[:-1], data + b"\x00", data + framed("more")):
        with pytest.raises(DirectoryError):
            decode_content(changed)
