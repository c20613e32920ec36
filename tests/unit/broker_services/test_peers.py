# SPDX-License-Identifier: Apache-2.0
"""Whose certificate is believed, and for how long."""

from dataclasses import replace

import pytest

from broker.domain.peers import Peer, PeerKind
from broker.errors import BrokerError, Reason
from broker.services.peers import AGAIN_MS
from keys.tls import (
    CertifiedKey,
    agency_spiffe_id,
    issue_leaf,
    make_root,
    spki_pin,
    steward_spiffe_id,
)
from tests.simulator.federation import DAY, NOW, YEARS, Federation, Member
from tests.unit.broker_services.test_directory_keeping import next_root
from tests.unit.broker_services.world import World, build, fresh

TLS = "TLSv1.3"
GREEK = Peer(kind=PeerKind.AGENCY, name="gr-pol")


@pytest.fixture(scope="module")
def with_auditor() -> Federation:
    return build(["gr-pol", "ro-pol", Member(agency="eu-aud", role="auditor", country="DE")])


@pytest.fixture
def federation(with_auditor: Federation) -> Federation:
    return fresh(with_auditor)


def shown(world: World, agency: str = "gr-pol") -> bytes:
    return world.federation.agencies[agency].tls_leaf.certificate_pem


def ask(world: World, leaf: bytes, chain: bytes = b"", version: str = TLS) -> Peer:
    return world.services.peers.authenticate(leaf, chain, version)


def refusal(world: World, leaf: bytes, chain: bytes = b"", version: str = TLS) -> Reason:
    with pytest.raises(BrokerError) as caught:
        ask(world, leaf, chain, version)
    return caught.value.reason


def issued(
    world: World, root: CertifiedKey, uri: str = "", *, key: bytes | None = None, until: int = YEARS
) -> bytes:
    uri = uri or agency_spiffe_id("gr-pol")
    now = world.federation.now
    leaf = issue_leaf(root, uri=uri, not_before=now - DAY, not_after=now + until, key=key)
    return leaf.certificate_pem


async def test_an_agency_an_auditor_and_a_steward_are_known(world: World) -> None:
    steward = world.federation.stewards[0]
    assert ask(world, shown(world)) == GREEK
    assert ask(world, shown(world, "eu-aud")) == Peer(kind=PeerKind.AUDITOR, name="eu-aud")
    assert ask(world, steward.tls_leaf.certificate_pem) == Peer(
        kind=PeerKind.STEWARD, name=steward.name
    )


@pytest.mark.parametrize("version", ["TLSv1.2", "", "TLSv1.3 "])
async def test_nothing_but_tls_1_3_is_believed(world: World, version: str) -> None:
    assert refusal(world, shown(world), version=version) is Reason.UNAUTHENTICATED


@pytest.mark.parametrize("leaf", [b"", b"certificate", b"-----BEGIN CERTIFICATE-----\n"])
async def test_bytes_that_are_no_certificate_are_refused(world: World, leaf: bytes) -> None:
    assert refusal(world, leaf) is Reason.UNAUTHENTICATED


async def test_the_root_of_one_agency_does_not_vouch_for_another(world: World) -> None:
    agencies = world.federation.agencies
    leaf = issued(world, agencies["ro-pol"].tls_root, key=agencies["gr-pol"].tls_leaf.key)
    assert refusal(world, leaf) is Reason.UNAUTHENTICATED


async def test_the_root_of_an_agency_does_not_vouch_for_a_steward(world: World) -> None:
    root = world.federation.agencies["gr-pol"].tls_root
    assert refusal(world, issued(world, root, steward_spiffe_id("alpha"))) is (
        Reason.UNAUTHENTICATED
    )


async def test_a_key_that_is_not_the_enrolled_one_is_refused(world: World) -> None:
    leaf = issued(world, world.federation.agencies["gr-pol"].tls_root)
    assert refusal(world, leaf) is Reason.UNAUTHENTICATED


async def test_a_renewed_certificate_of_the_enrolled_key_is_believed(world: World) -> None:
    agency = world.federation.agencies["gr-pol"]
    assert ask(world, issued(world, agency.tls_root, key=agency.tls_leaf.key)) == GREEK


async def test_a_name_that_is_not_enrolled_is_refused(world: World) -> None:
    root = make_root("stranger", not_before=NOW - DAY, not_after=NOW + YEARS)
    leaf = issued(world, root, agency_spiffe_id("xx-pol"))
    assert refusal(world, leaf) is Reason.UNAUTHENTICATED


async def test_rubbish_beside_a_good_certificate_is_refused(world: World) -> None:
    assert refusal(world, shown(world), chain=b"rubbish") is Reason.UNAUTHENTICATED


async def test_a_certificate_ends_also_for_one_who_was_known(world: World) -> None:
    agency = world.federation.agencies["gr-pol"]
    leaf = issued(world, agency.tls_root, key=agency.tls_leaf.key, until=1000)
    peer = ask(world, leaf)
    world.clock.time += 2000
    assert refusal(world, leaf) is Reason.UNAUTHENTICATED
    with pytest.raises(BrokerError):
        world.services.peers.check(peer)


async def test_a_stream_lives_on_under_a_renewed_certificate(world: World) -> None:
    agency = world.federation.agencies["gr-pol"]
    peer = ask(world, issued(world, agency.tls_root, key=agency.tls_leaf.key, until=1000))
    ask(world, issued(world, agency.tls_root, key=agency.tls_leaf.key))
    world.clock.time += 2000
    world.services.peers.check(peer)


async def test_a_root_that_ends_is_noticed_within_minutes(world: World) -> None:
    root = make_root("ending", not_before=NOW - DAY, not_after=NOW + 1000)
    leaf = issued(world, root)
    entry = world.federation.agencies["gr-pol"].entry
    await world.submit(replace(entry, tls_roots=(root.certificate,), tls_key_pin=spki_pin(leaf)))
    assert ask(world, leaf) == GREEK
    world.clock.time += 2000
    assert ask(world, leaf) == GREEK
    world.clock.time += AGAIN_MS
    assert refusal(world, leaf) is Reason.UNAUTHENTICATED


async def test_a_locked_agency_is_refused_and_that_is_counted(world: World) -> None:
    peer = ask(world, shown(world))
    await world.lock("gr-pol")
    assert refusal(world, shown(world)) is Reason.AGENCY_LOCKED
    assert refusal(world, shown(world)) is Reason.AGENCY_LOCKED
    with pytest.raises(BrokerError):
        world.services.peers.check(peer)
    await world.services.upkeep.do()
    fields = world.acts("refuse")[-1].fields
    assert (fields["act"], fields["agency"], fields["count"]) == ("call", "gr-pol", 2)


async def test_a_method_that_a_party_may_not_call_is_counted_under_its_name(world: World) -> None:
    for peer in (Peer(kind=PeerKind.STEWARD, name="alpha"), ask(world, shown(world, "eu-aud"))):
        world.services.peers.count_refusal(peer, BrokerError(Reason.DENIED))
    await world.services.upkeep.do()
    leaves = [act.fields for act in world.acts("refuse")]
    assert [(one["act"], one["agency"], one["reason"]) for one in leaves] == [
        ("call", "eu-aud", "DENIED"),
        ("call", "steward-alpha", "DENIED"),
    ]


async def test_a_retired_agency_is_nobody(world: World) -> None:
    await world.services.directory.submit(world.federation.retire("gr-pol").encode())
    assert refusal(world, shown(world)) is Reason.UNAUTHENTICATED


async def test_an_agency_enrolled_with_another_key_is_cut_off_from_its_old_one(
    world: World,
) -> None:
    peer = ask(world, shown(world))
    fresh = issued(world, world.federation.agencies["gr-pol"].tls_root)
    await world.submit(
        replace(world.federation.agencies["gr-pol"].entry, tls_key_pin=spki_pin(fresh))
    )
    with pytest.raises(BrokerError) as caught:
        world.services.peers.check(peer)
    assert caught.value.reason is Reason.UNAUTHENTICATED
    assert refusal(world, shown(world)) is Reason.UNAUTHENTICATED
    assert ask(world, fresh) == GREEK
    world.services.peers.check(peer)


async def test_a_certificate_under_an_old_root_is_believed_while_a_new_one_is_added(
    world: World,
) -> None:
    peer = ask(world, shown(world))
    added = make_root("next", not_before=NOW - DAY, not_after=NOW + YEARS)
    entry = world.federation.agencies["gr-pol"].entry
    await world.submit(replace(entry, tls_roots=(*entry.tls_roots, added.certificate)))
    world.services.peers.check(peer)
    assert ask(world, shown(world)) == GREEK
    key = world.federation.agencies["gr-pol"].tls_leaf.key
    assert ask(world, issued(world, added, key=key)) == GREEK


@pytest.mark.must("TLS-9")
async def test_when_a_root_is_dropped_nothing_is_believed_that_hung_on_it_alone(
    world: World,
) -> None:
    agency = world.federation.agencies["gr-pol"]
    old, added = agency.tls_root, make_root("next", not_before=NOW - DAY, not_after=NOW + YEARS)
    both = replace(agency.entry, tls_roots=(old.certificate, added.certificate))
    await world.submit(both)
    peer = ask(world, shown(world))
    await world.submit(replace(both, tls_roots=(added.certificate,)))
    with pytest.raises(BrokerError) as caught:
        world.services.peers.check(peer)
    assert caught.value.reason is Reason.UNAUTHENTICATED
    assert refusal(world, shown(world)) is Reason.UNAUTHENTICATED
    another = ask(world, issued(world, added, key=agency.tls_leaf.key))
    world.services.peers.check(another)
    with pytest.raises(BrokerError):
        world.services.peers.check(peer)


async def test_what_hangs_on_the_next_root_lives_on_when_the_old_one_is_dropped(
    world: World,
) -> None:
    agency = world.federation.agencies["gr-pol"]
    added = make_root("next", not_before=NOW - DAY, not_after=NOW + YEARS)
    both = replace(agency.entry, tls_roots=(*agency.entry.tls_roots, added.certificate))
    await world.submit(both)
    peer = ask(world, issued(world, added, key=agency.tls_leaf.key))
    assert ask(world, shown(world)) == peer
    await world.submit(replace(both, tls_roots=(added.certificate,)))
    world.services.peers.check(peer)
    assert refusal(world, shown(world)) is Reason.UNAUTHENTICATED


async def test_a_certificate_under_a_root_that_is_not_listed_yet_is_refused(world: World) -> None:
    agency = world.federation.agencies["gr-pol"]
    added = make_root("next", not_before=NOW - DAY, not_after=NOW + YEARS)
    leaf = issued(world, added, key=agency.tls_leaf.key)
    assert refusal(world, leaf) is Reason.UNAUTHENTICATED
    roots = (*agency.entry.tls_roots, added.certificate)
    await world.submit(replace(agency.entry, tls_roots=roots))
    assert ask(world, leaf) == GREEK


async def test_a_change_of_the_directory_leaves_others_alone(world: World) -> None:
    peer = ask(world, shown(world))
    await world.lock("ro-pol")
    world.services.peers.check(peer)
    assert ask(world, shown(world)) == GREEK


async def test_a_steward_that_a_new_root_leaves_out_is_nobody(world: World) -> None:
    federation = world.federation
    peer = ask(world, federation.stewards[1].tls_leaf.certificate_pem)
    stewards = (federation.stewards[0].steward,)
    root = next_root(federation, stewards=stewards, threshold=1)
    await world.services.directory.submit_root(root.encode())
    with pytest.raises(BrokerError):
        world.services.peers.check(peer)
    assert refusal(world, federation.stewards[1].tls_leaf.certificate_pem) is (
        Reason.UNAUTHENTICATED
    )


async def test_without_a_federation_nobody_is_known(federation: Federation) -> None:
    world = await World.without_federation(federation)
    assert refusal(world, shown(world)) is Reason.UNAUTHENTICATED
    with pytest.raises(BrokerError):
        world.services.peers.check(GREEK)


async def test_strangers_write_nothing_into_the_log(world: World) -> None:
    size = len(world.store.acts)
    for _ in range(3):
        refusal(world, b"certificate")
    await world.services.upkeep.do()
    assert len(world.store.acts) == size
