# SPDX-License-Identifier: Apache-2.0
"""TLS roots follow each other in three steps; none is taken before the directory allows it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from agency_client.bootstrap.keyring import DAY_MS, Keyring
from agency_client.bootstrap.renewal import rotated
from agency_client.bootstrap.tls_rollover import (
    TLS_OVERLAP_DAYS,
    Step,
    next_step,
    root_added,
    root_dropped,
    root_switched,
)
from agency_client.domain.partners import differing
from agency_client.errors import AgencyError, Reason
from keys.tls import verified_root
from tests.simulator.federation import NOW
from tests.simulator.keyring import fresh_keyring

LATER = NOW + TLS_OVERLAP_DAYS * DAY_MS


@pytest.fixture(scope="module")
def fresh() -> Keyring:
    return fresh_keyring()


@pytest.fixture(scope="module")
def added(fresh: Keyring) -> Keyring:
    return root_added(fresh, fresh.request, NOW)


@pytest.fixture(scope="module")
def switched(added: Keyring) -> Keyring:
    return root_switched(added, added.request, NOW)


@pytest.fixture(scope="module")
def dropped(switched: Keyring) -> Keyring:
    return root_dropped(switched, switched.request, LATER, TLS_OVERLAP_DAYS)


def refusal(work: Callable[[], object]) -> Reason:
    with pytest.raises(AgencyError) as caught:
        work()
    return caught.value.reason


def hangs_on(keyring: Keyring, now: int = NOW) -> bytes:
    """Return the root that a certificate which the keys issue hangs on."""
    leaf = keyring.leaf(now - DAY_MS, now + DAY_MS)
    return verified_root(leaf.certificate, b"", keyring.request.tls_roots, now)


def test_a_second_root_is_asked_for_and_nothing_issued_under_it(
    fresh: Keyring, added: Keyring
) -> None:
    assert added.request.tls_roots[:1] == fresh.request.tls_roots
    assert len(added.request.tls_roots) == 2
    assert added.tls_root == fresh.tls_root
    assert (next_step(fresh), next_step(added)) == (Step.ADDED, Step.SWITCHED)


def test_the_gateway_s_key_and_pin_stay_throughout(
    fresh: Keyring, added: Keyring, switched: Keyring, dropped: Keyring
) -> None:
    for keyring in (added, switched, dropped):
        assert keyring.gateway_key == fresh.gateway_key
        assert keyring.request.tls_key_pin == fresh.request.tls_key_pin
        assert keyring.is_published_in(fresh.request)


def test_after_the_switch_certificates_hang_on_the_second_root(
    added: Keyring, switched: Keyring
) -> None:
    _, second = added.request.tls_roots
    assert switched.request == added.request
    assert hangs_on(switched) == second
    assert next_step(switched) is Step.DROPPED


def test_the_first_root_is_dropped_with_its_key(switched: Keyring, dropped: Keyring) -> None:
    first, second = switched.tls_roots
    assert dropped.tls_roots == (second,)
    assert dropped.request.tls_roots == (second.certificate,)
    assert hangs_on(dropped, LATER) == second.certificate
    assert first.key not in dropped.secrets().values()
    assert next_step(dropped) is Step.ADDED


def test_our_entry_is_ours_between_all_steps(
    fresh: Keyring, added: Keyring, switched: Keyring, dropped: Keyring
) -> None:
    asked = [(fresh, added), (added, added), (added, switched), (switched, dropped)]
    for before, after in asked:
        assert differing(before.request, after.ours, NOW) == ""
        assert differing(after.request, after.ours, NOW) == ""


def test_a_root_that_was_never_ours_is_foreign_all_the_same(
    fresh: Keyring, added: Keyring, dropped: Keyring
) -> None:
    stranger = root_added(fresh, fresh.request, NOW).request.tls_roots[1]
    entry = replace(dropped.request, tls_roots=(*dropped.request.tls_roots, stranger))
    assert differing(entry, dropped.ours, NOW) != ""


def test_nothing_is_issued_under_a_root_that_the_directory_does_not_have(
    fresh: Keyring, added: Keyring
) -> None:
    assert refusal(lambda: root_switched(added, fresh.request, NOW)) is Reason.RENEWAL_WAITS
    assert refusal(lambda: root_switched(added, None, NOW)) is Reason.NOT_ENROLLED


def test_there_is_nothing_to_change_to_without_a_second_root(
    fresh: Keyring, switched: Keyring
) -> None:
    for keyring in (fresh, switched):
        again = refusal(lambda ring=keyring: root_switched(ring, ring.request, NOW))  # type: ignore[misc]
        assert again is Reason.ROOT_NEEDED


def test_the_root_that_issues_is_not_dropped(fresh: Keyring, added: Keyring) -> None:
    for keyring in (fresh, added):
        again = refusal(lambda ring=keyring: root_dropped(ring, ring.request, LATER, 0))  # type: ignore[misc]
        assert again is Reason.ROOT_NEEDED


def test_the_first_root_stays_for_the_overlap(switched: Keyring) -> None:
    def drop(now: int) -> Keyring:
        return root_dropped(switched, switched.request, now, TLS_OVERLAP_DAYS)

    assert refusal(lambda: drop(LATER - 1)) is Reason.ROOT_NEEDED
    assert len(drop(LATER).tls_roots) == 1


def test_there_are_never_three_roots(added: Keyring, switched: Keyring) -> None:
    for keyring in (added, switched):
        third = refusal(lambda ring=keyring: root_added(ring, ring.request, NOW))  # type: ignore[misc]
        assert third is Reason.ROOT_NEEDED


def test_the_next_rollover_waits_until_the_directory_lost_the_old_root(
    switched: Keyring, dropped: Keyring
) -> None:
    before = switched.request
    assert refusal(lambda: root_added(dropped, before, LATER)) is Reason.RENEWAL_WAITS
    again = root_added(dropped, dropped.request, LATER)
    assert again.former_root == b""
    assert len(again.tls_roots) == 2


def test_one_renewal_waits_for_the_other(fresh: Keyring, added: Keyring) -> None:
    renewed = rotated(fresh, fresh.request, NOW, 30)
    assert refusal(lambda: root_added(renewed, fresh.request, NOW)) is Reason.RENEWAL_WAITS
    assert refusal(lambda: rotated(added, fresh.request, NOW, 30)) is Reason.RENEWAL_WAITS


@pytest.mark.parametrize("step", ["added", "switched", "dropped"])
def test_every_step_survives_the_key_file(request: pytest.FixtureRequest, step: str) -> None:
    keyring: Keyring = request.getfixturevalue(step)
    again = Keyring.from_secrets(keyring.secrets())
    assert again.secrets() == keyring.secrets()
    assert (again.issuing, again.issuing_since) == (keyring.issuing, keyring.issuing_since)
    assert (again.tls_root, again.former_root) == (keyring.tls_root, keyring.former_root)


def test_a_key_file_of_before_rollovers_opens(fresh: Keyring) -> None:
    held = fresh.secrets()
    del held["tls-root.issuing-since"], held["tls-root.former"]
    assert Keyring.from_secrets(held).secrets() == fresh.secrets()
