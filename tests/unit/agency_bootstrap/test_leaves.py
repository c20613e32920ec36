# SPDX-License-Identifier: Apache-2.0
"""The gateway's certificate: issued by the agency itself, renewed in good time, never by guess."""

import pytest

from agency_client.bootstrap.connecting import (
    HOUR_MS,
    LeafIssuer,
    broker_at,
    connect_broker,
)
from agency_client.bootstrap.keyring import DAY_MS, Keyring
from agency_client.errors import AgencyError, Reason
from keys.entries import AgencyEntry
from keys.tls import make_root, spki_pin, to_pem, valid_until, verify_peer

NOW = 1_795_500_000_000


class SetClock:
    def __init__(self, now: int) -> None:
        self.now = now

    def now_ms(self) -> int:
        return self.now

    async def sleep(self, milliseconds: int) -> None:
        self.now += milliseconds


@pytest.fixture(scope="module")
def keyring() -> Keyring:
    about = AgencyEntry(
        agency="gr-pol",
        name="Police",
        country="GR",
        kind="POLICE",
        agreement_until=NOW + DAY_MS,
        tls_roots=(),
        tls_key_pin=bytes(32),
        signing=(),
        encryption=(),
    )
    return Keyring.generate(about, NOW)


@pytest.fixture(scope="module")
def root() -> bytes:
    return make_root("broker", not_before=NOW, not_after=NOW + DAY_MS).certificate


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
def issuer(keyring: Keyring, root: bytes, clock: SetClock) -> LeafIssuer:
    return LeafIssuer(lambda: keyring, lambda: root, clock, 24)


def test_a_certificate_names_the_agency_and_ends_when_it_was_told(
    issuer: LeafIssuer, keyring: Keyring, clock: SetClock
) -> None:
    leaf = issuer().certificate
    spiffe = verify_peer(leaf, b"", keyring.request.tls_roots, clock.now)
    assert spiffe == "spiffe://gr-pol.tocsin/gateway"
    assert valid_until(leaf) == NOW + 24 * HOUR_MS
    assert spki_pin(leaf) == keyring.request.tls_key_pin


def test_the_same_one_is_shown_until_half_of_its_time_is_over(
    issuer: LeafIssuer, clock: SetClock
) -> None:
    first = issuer()
    clock.now += 12 * HOUR_MS - 1
    assert issuer() is first
    clock.now += 1
    assert issuer() is not first


def test_a_clock_that_was_set_back_asks_for_another(issuer: LeafIssuer, clock: SetClock) -> None:
    first = issuer()
    clock.now -= 1
    assert issuer() is not first


def test_another_root_of_the_broker_asks_for_another(keyring: Keyring, clock: SetClock) -> None:
    roots = [
        make_root(name, not_before=NOW, not_after=NOW + DAY_MS).certificate for name in ("a", "b")
    ]
    issuer = LeafIssuer(lambda: keyring, lambda: roots[0], clock, 24)
    first = issuer()
    roots.pop(0)
    assert first.broker_root != issuer().broker_root == to_pem(roots[0])


def test_no_certificate_outlives_the_root(keyring: Keyring, root: bytes) -> None:
    issuer = LeafIssuer(lambda: keyring, lambda: root, SetClock(keyring.valid_until - HOUR_MS), 24)
    assert valid_until(issuer().certificate) == keyring.valid_until


@pytest.mark.parametrize("days", [-2, 5 * 365 + 1])
def test_by_a_clock_that_cannot_be_right_none_is_issued(
    keyring: Keyring, root: bytes, days: int
) -> None:
    issuer = LeafIssuer(lambda: keyring, lambda: root, SetClock(NOW + days * DAY_MS), 24)
    with pytest.raises(AgencyError) as caught:
        issuer()
    assert caught.value.reason is Reason.CLOCK_SKEW


def test_a_private_key_does_not_show(keyring: Keyring, issuer: LeafIssuer) -> None:
    shown = repr(keyring) + repr(issuer())
    for secret in (keyring.store_key, keyring.gateway_key, keyring.tls_root.key):
        assert repr(secret) not in shown
    assert "PRIVATE" not in shown


def test_a_broker_s_root_that_is_no_certificate_is_refused() -> None:
    with pytest.raises(AgencyError) as caught:
        connect_broker("a:1", certificate_pem=b"", key_pem=b"", broker_root=b"no")
    assert caught.value.reason is Reason.INVALID_ARGUMENT


@pytest.mark.parametrize("address", ["", "a", "a:b", "a:0", "unix:/x"])
def test_a_broker_without_a_right_address_is_refused(issuer: LeafIssuer, address: str) -> None:
    with pytest.raises(AgencyError) as caught:
        broker_at(address, issuer)
    assert caught.value.reason is Reason.INVALID_ARGUMENT
