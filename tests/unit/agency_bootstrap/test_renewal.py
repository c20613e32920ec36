# SPDX-License-Identifier: Apache-2.0
"""Keys follow each other one step at a time: old ones beside new ones, then without."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from agency_client.bootstrap.keyring import BACKDATED_MS, DAY_MS, Keyring
from agency_client.bootstrap.renewal import (
    MAX_KEYSETS,
    rotated,
    without_key,
)
from agency_client.errors import AgencyError, Reason
from agency_client.services.admission import admitted
from keys.directory import RevokeEntry
from tests.simulator.federation import NOW, Federation, build_federation
from tests.simulator.keyring import fresh_keyring

OVERLAP = 30


@pytest.fixture(scope="module")
def fresh() -> Keyring:
    return fresh_keyring()


@pytest.fixture(scope="module")
def renewed(fresh: Keyring) -> Keyring:
    return rotated(fresh, fresh.request, NOW, OVERLAP)


@pytest.fixture
def federation(fresh: Keyring) -> Federation:
    made = build_federation()
    made.add(admitted(fresh.request, circles=("police",)))
    return made


def readmit(federation: Federation, keyring: Keyring) -> None:
    known = federation.directory.agency("gr-pol")
    federation.add(admitted(keyring.request, known=known))


def refusal(work: Callable[[], object]) -> Reason:
    with pytest.raises(AgencyError) as caught:
        work()
    return caught.value.reason


def test_a_rotation_adds_keys_and_lets_the_old_ones_end_after_the_overlap(
    fresh: Keyring, renewed: Keyring
) -> None:
    old, new = renewed.request.signing
    assert (old.keyset_id, old.ed25519) == (
        fresh.signer.keyset_id,
        fresh.request.signing[0].ed25519,
    )
    assert old.valid_until == NOW + OVERLAP * DAY_MS
    assert new.valid_from == NOW - BACKDATED_MS
    assert renewed.signer.public(valid_from=new.valid_from, valid_until=new.valid_until) == new
    assert renewed.request.encryption[0].valid_until == old.valid_until
    assert renewed.decryption[:1] == fresh.decryption
    assert len(renewed.decryption) == 2


def test_what_identifies_the_gateway_stays(fresh: Keyring, renewed: Keyring) -> None:
    assert renewed.request.tls_key_pin == fresh.request.tls_key_pin
    assert renewed.request.tls_roots == fresh.request.tls_roots
    assert renewed.made_at == fresh.made_at


def test_a_new_keyset_signs_once_the_stewards_have_admitted_it(
    fresh: Keyring, renewed: Keyring, federation: Federation
) -> None:
    assert renewed.signer_by(federation.directory, NOW) == fresh.signer
    readmit(federation, renewed)
    assert renewed.signer_by(federation.directory, NOW) is renewed.signer
    key = federation.directory.encryption_key("gr-pol", NOW)
    assert key is not None
    assert key.key_id == renewed.decryption[-1].key_id


def test_a_revoked_keyset_signs_nothing_more(renewed: Keyring, federation: Federation) -> None:
    readmit(federation, renewed)
    federation.add(
        RevokeEntry(
            agency="gr-pol",
            what="keyset",
            key_id=renewed.signer.keyset_id,
            from_index=0,
            reason="stolen",
        )
    )
    assert renewed.signer_by(federation.directory, NOW) is renewed.signers[1]


def test_the_old_keys_count_in_a_directory_until_they_end(
    renewed: Keyring, federation: Federation
) -> None:
    readmit(federation, renewed)
    entry = federation.directory.agency("gr-pol")
    assert entry is not None
    assert all(one.is_valid_at(NOW) for one in entry.signing)
    later = NOW + OVERLAP * DAY_MS
    assert [one.is_valid_at(later) for one in entry.signing] == [False, True]
    assert [one.is_valid_at(later) for one in entry.encryption] == [False, True]


def test_keys_survive_the_key_file(renewed: Keyring) -> None:
    again = Keyring.from_secrets(renewed.secrets())
    assert again.secrets() == renewed.secrets()
    assert [one.keyset_id for one in again.signers] == [one.keyset_id for one in renewed.signers]


def test_a_second_rotation_of_a_day_gets_names_of_its_own(renewed: Keyring) -> None:
    third = rotated(renewed, renewed.request, NOW + 1000, OVERLAP)
    assert len({one.keyset_id for one in third.request.signing}) == 3
    assert len({one.key_id for one in third.request.encryption}) == 3


def test_a_rotation_without_overlap_ends_the_old_keys_at_once(fresh: Keyring) -> None:
    old, new = rotated(fresh, fresh.request, NOW, 0).request.signing
    assert (old.is_valid_at(NOW), new.is_valid_at(NOW)) == (False, True)


def test_the_list_of_keysets_does_not_grow_for_ever(fresh: Keyring) -> None:
    keyring = fresh
    for _ in range(MAX_KEYSETS + 1):
        keyring = rotated(keyring, keyring.request, NOW, OVERLAP)
    assert len(keyring.request.signing) == MAX_KEYSETS
    assert keyring.request.signing[-1].keyset_id == keyring.signer.keyset_id


def test_a_destroyed_key_is_in_neither_the_keys_nor_once_it_ended_in_the_request(
    fresh: Keyring, renewed: Keyring
) -> None:
    old, ended = fresh.decryption[0].key_id, NOW + OVERLAP * DAY_MS
    left = without_key(renewed, old, ended)
    assert [one.key_id for one in left.decryption] == [renewed.decryption[1].key_id]
    assert left.request.encryption == renewed.request.encryption[1:]
    assert f"decryption.{old}" not in left.secrets()
    assert Keyring.from_secrets(left.secrets()).secrets() == left.secrets()


def test_a_destroyed_key_stays_in_the_request_while_its_validity_lasts(
    fresh: Keyring, renewed: Keyring
) -> None:
    left = without_key(renewed, fresh.decryption[0].key_id, NOW)
    assert left.request == renewed.request
    later = rotated(left, renewed.request, NOW + OVERLAP * DAY_MS, OVERLAP)
    assert fresh.decryption[0].key_id not in {one.key_id for one in later.request.encryption}


def test_a_key_that_is_not_there_is_not_destroyed(renewed: Keyring) -> None:
    assert refusal(lambda: without_key(renewed, "2000-01-01-seal", NOW)) is Reason.NOT_FOUND


def test_a_destroyed_key_s_name_does_not_come_back_the_same_day(renewed: Keyring) -> None:
    third = rotated(renewed, renewed.request, NOW + 1000, 0)
    left = without_key(third, renewed.decryption[1].key_id, NOW + 2000)
    fourth = rotated(left, left.request, NOW + 3000, 0)
    assert fourth.decryption[-1].key_id not in {one.key_id for one in third.decryption}


def test_one_renewal_waits_for_the_stewards_before_the_next(
    fresh: Keyring, renewed: Keyring
) -> None:
    again = refusal(lambda: rotated(renewed, fresh.request, NOW, OVERLAP))
    assert again is Reason.RENEWAL_WAITS


def test_an_agency_that_is_not_admitted_renews_nothing(fresh: Keyring) -> None:
    assert refusal(lambda: rotated(fresh, None, NOW, OVERLAP)) is Reason.NOT_ENROLLED


def test_our_entry_is_ours_while_a_renewal_waits_and_after(
    fresh: Keyring, renewed: Keyring
) -> None:
    assert renewed.is_published_in(fresh.request)
    assert renewed.is_published_in(renewed.request)
    stranger = replace(fresh.request, tls_key_pin=bytes(32))
    assert not renewed.is_published_in(stranger)
    assert not renewed.is_published_in(replace(fresh.request, signing=()))
