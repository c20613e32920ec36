# SPDX-License-Identifier: Apache-2.0
"""A key is over when the broker cannot take in anything more that is sealed to it."""

from dataclasses import replace

import pytest

from agency_client.bootstrap.keyring import Keyring
from agency_client.bootstrap.renewal import rotated
from agency_client.domain.key_endings import MARGIN_MS, check_over, over
from agency_client.errors import AgencyError, Reason
from agency_client.services.admission import admitted
from keys.directory import RevokeEntry
from tests.simulator.federation import DAY, NOW, Federation, build_federation
from tests.simulator.keyring import fresh_keyring

ENDS = NOW + 30 * DAY


@pytest.fixture(scope="module")
def fresh() -> Keyring:
    return fresh_keyring()


@pytest.fixture(scope="module")
def renewed(fresh: Keyring) -> Keyring:
    return rotated(fresh, fresh.request, NOW, 30)


@pytest.fixture
def federation(fresh: Keyring, renewed: Keyring) -> Federation:
    """A federation in which the rotation was admitted."""
    made = build_federation()
    made.add(admitted(fresh.request, circles=("police",)))
    made.add(admitted(renewed.request, known=made.directory.agency("gr-pol")))
    return made


def ids(keyring: Keyring) -> list[str]:
    return [one.key_id for one in keyring.request.encryption]


def refusal(key_id: str, keyring: Keyring, federation: Federation, now: int) -> Reason:
    held = {one.key_id for one in keyring.decryption}
    assert key_id not in over(held, keyring.request, federation.directory, now)
    with pytest.raises(AgencyError) as caught:
        check_over(key_id, held, keyring.request, federation.directory, now)
    return caught.value.reason


def test_a_key_is_over_a_margin_after_its_end(renewed: Keyring, federation: Federation) -> None:
    old, _ = ids(renewed)
    assert refusal(old, renewed, federation, ENDS - 1) is Reason.KEY_COUNTS
    assert refusal(old, renewed, federation, ENDS) is Reason.KEY_NEEDED
    assert refusal(old, renewed, federation, ENDS + MARGIN_MS - 1) is Reason.KEY_NEEDED
    assert over(ids(renewed), renewed.request, federation.directory, ENDS + MARGIN_MS) == (old,)


def test_the_stewards_date_counts_and_not_our_wish(
    renewed: Keyring, federation: Federation
) -> None:
    old, _ = ids(renewed)
    entry = federation.directory.agency("gr-pol")
    assert entry is not None
    longer = replace(entry.encryption[0], valid_until=ENDS + 100 * DAY)
    federation.add(replace(entry, encryption=(longer, entry.encryption[1])))
    assert refusal(old, renewed, federation, ENDS + MARGIN_MS) is Reason.KEY_COUNTS


def test_the_newest_key_is_never_over(renewed: Keyring, federation: Federation) -> None:
    _, newest = ids(renewed)
    assert refusal(newest, renewed, federation, NOW) is Reason.KEY_COUNTS
    long_ended = renewed.request.encryption[1].valid_until + MARGIN_MS
    assert refusal(newest, renewed, federation, long_ended) is Reason.KEY_COUNTS


def test_no_key_is_over_while_the_one_that_follows_is_not_ours(
    fresh: Keyring, renewed: Keyring, federation: Federation
) -> None:
    (old,) = ids(fresh)
    stranger = replace(renewed, decryption=fresh.decryption)
    assert refusal(old, stranger, federation, ENDS + MARGIN_MS) is Reason.KEY_COUNTS


def test_no_key_is_over_before_the_stewards_admit_the_next(
    fresh: Keyring, renewed: Keyring
) -> None:
    before = build_federation()
    before.add(admitted(fresh.request, circles=("police",)))
    for key_id in ids(renewed):
        assert refusal(key_id, renewed, before, ENDS + MARGIN_MS) is Reason.KEY_COUNTS


def test_no_key_is_over_while_we_are_locked(renewed: Keyring, federation: Federation) -> None:
    old, _ = ids(renewed)
    federation.lock("gr-pol")
    assert refusal(old, renewed, federation, ENDS + MARGIN_MS) is Reason.KEY_COUNTS


def test_a_revoked_key_is_over_at_once(renewed: Keyring, federation: Federation) -> None:
    old, _ = ids(renewed)
    federation.add(
        RevokeEntry(agency="gr-pol", what="encryption", key_id=old, from_index=0, reason="stolen")
    )
    assert over(ids(renewed), renewed.request, federation.directory, NOW) == (old,)


def test_a_keyset_revoked_under_the_same_id_ends_no_encryption_key(
    renewed: Keyring, federation: Federation
) -> None:
    old, _ = ids(renewed)
    entry = federation.directory.agency("gr-pol")
    assert entry is not None
    namesake = replace(entry.signing[0], keyset_id=old)
    federation.add(replace(entry, signing=(*entry.signing, namesake)))
    federation.add(
        RevokeEntry(agency="gr-pol", what="keyset", key_id=old, from_index=0, reason="stolen")
    )
    assert refusal(old, renewed, federation, NOW) is Reason.KEY_COUNTS


def test_a_key_that_we_do_not_have_is_not_found(renewed: Keyring, federation: Federation) -> None:
    assert refusal("2000-01-01-seal", renewed, federation, NOW) is Reason.NOT_FOUND
